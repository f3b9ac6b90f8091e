"""smolc on the GPU against transformers: logits, every gradient, losses of ten AdamW steps.

f32: relative L2 at most 1e-4. bf16: the error against f32 is at most twice PyTorch's own bf16 error, or 1e-6.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy
import torch
from transformers import LlamaConfig, LlamaForCausalLM

# hidden, ffn, heads, kv heads, layers, vocabulary, window
SHAPES = {
    "tiny": (128, 192, 2, 1, 2, 512, 65),
    "135m": (576, 1536, 9, 3, 4, 49152, 512),
    "1.7b": (2048, 8192, 32, 32, 2, 49152, 512),
}
OPTIMIZER = dict(lr=1e-3, beta1=0.9, beta2=0.95, eps=1e-8, weight_decay=0.1, clip=1.0)


def make(name, folder):
    hidden, ffn, heads, kv, layers, vocab, _ = SHAPES[name]
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=hidden, intermediate_size=ffn, num_attention_heads=heads, num_key_value_heads=kv,
        num_hidden_layers=layers, vocab_size=vocab, max_position_embeddings=2048, tie_word_embeddings=True,
        rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=0, pad_token_id=None,
    )
    model = LlamaForCausalLM(config).float()
    model.save_pretrained(folder)
    return model


def batches(name, steps):
    window, vocab = SHAPES[name][6], SHAPES[name][5]
    generator = torch.Generator().manual_seed(2)
    made = []
    for _ in range(steps):
        tokens = torch.randint(0, vocab, (2, window + 1), generator=generator)
        made.append((tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()))
    return made


def write_batches(name, made, path):
    window = SHAPES[name][6]
    rows = []
    for tokens, targets in made:
        count = tokens.numel()
        rows.append(dict(
            tokens=tokens.flatten().tolist(), targets=targets.flatten().tolist(), weights=[1.0] * count,
            positions=list(range(window)) * 2, document_start=[0] * count,
        ))
    path.write_text(json.dumps(dict(sequences=2, window=window, batches=rows, **OPTIMIZER)))


def reference(model, made, device, dtype):
    """Logits and gradients of the first batch, losses of all, as f32 on the host."""
    model = model.to(device)
    o = OPTIMIZER
    optimizer = torch.optim.AdamW(model.parameters(), lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"],
                                  weight_decay=o["weight_decay"])
    logits, gradients, losses = None, {}, []
    for i, (tokens, targets) in enumerate(made):
        tokens, targets = tokens.to(device), targets.to(device)
        optimizer.zero_grad()
        with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
            out = model(input_ids=tokens).logits
        loss = torch.nn.functional.cross_entropy(out.float().flatten(0, 1), targets.flatten())
        loss.backward()
        losses.append(loss.item())
        if i == 0:
            logits = out.detach().float().cpu().numpy().ravel().copy()
            # Copies: clipping changes the gradients in place.
            gradients = {n: p.grad.float().cpu().numpy().ravel().copy() for n, p in model.named_parameters()}
        torch.nn.utils.clip_grad_norm_(model.parameters(), o["clip"])
        optimizer.step()
    return logits, gradients, losses


def ours(smolc, folder, made, name, precision, out):
    out.mkdir(parents=True, exist_ok=True)
    write_batches(name, made, out / "batches.json")
    subprocess.run([smolc, "gpu-bench", "parity", str(folder), "--batches", str(out / "batches.json"), "--precision",
                    precision, "--out", str(out)], check=True)
    read = lambda path: numpy.fromfile(path, dtype="<f4")
    gradients = {p.name[: -len(".f32")]: read(p) for p in (out / "gradients").iterdir()}
    return read(out / "logits.f32"), gradients, json.loads((out / "losses.json").read_text())


def relative(a, b):
    a, b = numpy.asarray(a, dtype=numpy.float64), numpy.asarray(b, dtype=numpy.float64)
    return float(numpy.linalg.norm(a - b) / max(numpy.linalg.norm(b), 1e-300))


def errors(found, truth):
    worst = max((relative(found[1][n], g), n) for n, g in truth[1].items())
    return dict(logits=relative(found[0], truth[0]), gradient=worst[0], losses=relative(found[2], truth[2])), worst[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smolc", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--shape", action="append", choices=SHAPES, required=True)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    # True f32 on both sides.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bad = False
    for name in options.shape:
        steps = options.steps if name != "tiny" else 3
        folder, made = options.out / name / "model", batches(name, steps)
        make(name, folder)
        load = lambda: LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
        truth = reference(load(), made, device, torch.float32)
        found = ours(options.smolc, folder, made, name, "f32", options.out / name / "f32")
        error, worst = errors(found, truth)
        for what, value in error.items():
            verdict = "ok" if value <= 1e-4 else "FAILED"
            bad |= verdict != "ok"
            print(f"{name} f32 {what}: relative {value:.2e}, bar 1e-4 {verdict}" + (f" ({worst})" if what == "gradient" else ""))
        if options.bf16:
            theirs, _ = errors(reference(load(), made, device, torch.bfloat16), truth)
            error, worst = errors(ours(options.smolc, folder, made, name, "bf16", options.out / name / "bf16"), truth)
            for what, value in error.items():
                bar = max(2 * theirs[what], 1e-6)
                verdict = "ok" if value <= bar else "FAILED"
                bad |= verdict != "ok"
                print(f"{name} bf16 {what}: relative {value:.2e}, PyTorch's own {theirs[what]:.2e} {verdict}")
    print("parity: FAILED" if bad else f"parity: everything within its bar (PyTorch on {device})")
    sys.exit(bad)


if __name__ == "__main__":
    main()
