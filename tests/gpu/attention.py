"""Attention alone: smolc's kernels inside one-layer steps against PyTorch's back ends, causal.

smolc's times are those of the attention operators in `gpu-bench train --kernels`: forward, and the backward's launches,
with RoPE's inverse fused into them. PyTorch's are forward and backward of q, k and v as they lie there, no RoPE. --tiny, and
a machine without a GPU, prove that the script runs and nothing about speed.
"""

import argparse
import csv
import pathlib
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from shapes import SHAPES

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"


def sdpa(backend):
    def attend(q, k, v):
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])
    return attend


def flex(window):
    mask = create_block_mask(lambda b, h, q, k: q >= k, None, None, window, window, device=DEVICE)
    # PyTorch has no compiled backward of it on the CPU.
    compiled = torch.compile(flex_attention) if CUDA else flex_attention
    return lambda q, k, v: compiled(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1])


def milliseconds(work):
    """The best of twelve."""
    best = float("inf")
    for _ in range(12):
        if CUDA:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            work()
            end.record()
            torch.cuda.synchronize()
            best = min(best, begin.elapsed_time(end))
        else:
            start = time.perf_counter()
            work()
            best = min(best, (time.perf_counter() - start) * 1e3)
    return best


def theirs(attend, s, batch, window):
    q = torch.randn(batch, s.heads, window, s.head, device=DEVICE, dtype=torch.bfloat16, requires_grad=True)
    k, v = (torch.randn(batch, s.kv_heads, window, s.head, device=DEVICE, dtype=torch.bfloat16, requires_grad=True)
            for _ in range(2))
    out = attend(q, k, v)
    by_out = torch.randn_like(out)
    return (milliseconds(lambda: attend(q, k, v)),
            milliseconds(lambda: torch.autograd.grad(out, (q, k, v), by_out, retain_graph=True)))


def ours(smolc, shape, batch, window, chunk, kernels):
    subprocess.run([smolc, "gpu-bench", "train", shape, "--window", str(window), "--micro", str(batch), "--accumulate", "1",
                    "--chunk", str(chunk), "--warmup", "1", "--seconds", "0", "--kernels", str(kernels)], check=True)
    times = {}
    for row in csv.DictReader(kernels.open()):
        for way, mark in (("forward", "attention_forward"), ("backward", "attention_delta")):
            if mark in row["launches"]:
                times.setdefault(way, float(row["milliseconds_one_layer"]))
    return times["forward"], times["backward"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smolc", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    o = parser.parse_args()
    shapes, windows, tokens = (["tiny-gqa3"], [64], 128) if o.tiny else (["1.7b", "135m"], [1024, 2048, 4096, 8192], 16384)
    names = [("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION)] if CUDA else [("cpu", SDPBackend.MATH)]
    rows, failed = [], False
    for shape in shapes:
        s = SHAPES[shape]
        for window in windows:
            batch = max(1, tokens // window)
            flops = 2 * 2 * batch * s.heads * window * window * s.head / 2
            systems = [("smolc", lambda: ours(o.smolc, shape, batch, window, min(8192, tokens), o.out.with_name("kernels-attention.csv")))]
            systems += [(name, lambda b=backend: theirs(sdpa(b), s, batch, window)) for name, backend in names]
            systems.append(("flex", lambda: theirs(flex(window), s, batch, window)))
            for name, measure in systems:
                try:
                    forward, backward = measure()
                except (RuntimeError, subprocess.CalledProcessError, KeyError) as error:
                    # A back end that PyTorch lacks is said and passed over; ours must work.
                    print(f"{name} {shape} {window}: {type(error).__name__}: {error}")
                    failed |= name == "smolc"
                    continue
                rows.append(f"{shape},{window},{batch},{name},{forward:.5f},{backward:.5f},"
                            f"{flops / forward / 1e9:.1f},{2.5 * flops / backward / 1e9:.1f}")
    text = "\n".join(["model,window,batch,system,forward_ms,backward_ms,forward_tflops,backward_tflops", *rows]) + "\n"
    o.out.write_text(text)
    print(text)
    sys.exit(failed)


if __name__ == "__main__":
    main()
