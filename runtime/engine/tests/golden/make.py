#!/usr/bin/env python3
"""Makes the golden vectors of this folder with the PyTorch oracle.

    make.py ORACLE [OUT]        ORACLE = path of oracle.py; OUT = this folder unless stated

Needs torch, transformers, numpy and safetensors. Each case gets the oracle's Hugging Face folder (initial weights and both
spellings of the config) and the keys that the parity test reads, computed in float64 and rounded to float32.
"""
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile

from safetensors.numpy import load_file, save_file

SHAPE = ["--layers", "2", "--hidden", "32", "--ffn", "56", "--vocab", "64", "--seq", "20", "--max-pos", "64"]
CASES = ["base", "untied", "docmask", "theta130k", "hd64", "mha", "qwen2", "llama3rope"]


def load(path):
    spec = importlib.util.spec_from_file_location("oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    sys.modules["oracle"] = oracle
    spec.loader.exec_module(oracle)
    return oracle


def wanted(key):
    return (key.startswith(("batch", "grad.", "step2.param.")) and not key.endswith(".labels")
            or key in ("rope.inv_freq", "logits", "nll", "loss", "greedy")
            or key.startswith("step") and key.endswith((".loss", ".grad_norm")))


def main():
    oracle = load(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent
    # The oracle's own shape for this case is megabytes; head_dim and the 3:1 grouping are what it is about.
    what, _, kind = oracle.CASES["hd64"]
    oracle.CASES["hd64"] = (what, dict(layers=1, hidden=24, heads=3, kv_heads=1, head_dim=64, ffn=40), kind)
    # Within 20 positions the three bands of Llama-3's scaling need an even smaller original length.
    what, change, kind = oracle.CASES["llama3rope"]
    oracle.CASES["llama3rope"] = (what, dict(rope_scaling=oracle.LLAMA3 | {"original_max_position_embeddings": 32}), kind)
    with tempfile.TemporaryDirectory() as tmp:
        sys.argv = ["oracle.py", "make", *CASES, "--out", tmp, *SHAPE]
        oracle.main()
        for case in CASES:
            source, folder = pathlib.Path(tmp) / case, out / case
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source / "hf", folder / "hf")
            meta = json.loads((source / "meta.json").read_text())
            (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
            vectors = load_file(source / "ref64.safetensors")
            save_file({k: v for k, v in vectors.items() if wanted(k)}, folder / "ref64.safetensors")


if __name__ == "__main__":
    main()
