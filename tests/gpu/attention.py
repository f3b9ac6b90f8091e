"""Attention alone: smolc's kernels inside one-layer steps against PyTorch's cuDNN and flash back ends, head size 64, causal.

smolc's times are those of the attention operators in `gpu-bench train --kernels`: forward, and the backward's launches,
with RoPE's inverse fused into them.
"""

import argparse
import csv
import pathlib
import subprocess
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

# shape, heads, kv heads, head size
SHAPES = {"1.7b": (32, 32, 64), "135m": (9, 3, 64)}


def theirs(backend, heads, kv, d, batch, window):
    q = torch.randn(batch, heads, window, d, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    k, v = (torch.randn(batch, kv, window, d, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(3)]
    best = [float("inf")] * 2
    with sdpa_kernel(backend):
        for _ in range(12):
            marks[0].record()
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv)
            marks[1].record()
            out.backward(torch.ones_like(out))
            marks[2].record()
            torch.cuda.synchronize()
            best = [min(b, marks[i].elapsed_time(marks[i + 1])) for i, b in enumerate(best)]
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smolc", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    o = parser.parse_args()
    rows, failed = [], False
    for shape, (heads, kv, d) in SHAPES.items():
        for window in (1024, 2048, 4096, 8192):
            batch = max(1, 16384 // window)
            flops = 2 * 2 * batch * heads * window * window * d / 2
            kernels = o.out.with_name("kernels-attention.csv")
            run = subprocess.run([o.smolc, "gpu-bench", "train", shape, "--window", str(window), "--micro", str(batch),
                                  "--accumulate", "1", "--warmup", "1", "--seconds", "0", "--kernels", str(kernels)],
                                 capture_output=True, text=True)
            if run.returncode:
                failed = True
                print(run.stderr)
            else:
                times = {}
                for row in csv.DictReader(kernels.open()):
                    for way, mark in (("forward", "attention_forward"), ("backward", "attention_delta")):
                        if mark in row["launches"]:
                            times.setdefault(way, float(row["milliseconds_one_layer"]))
                rows.append((shape, window, batch, "smolc", times.get("forward"), times.get("backward"), flops))
            for name, backend in (("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION)):
                try:
                    rows.append((shape, window, batch, name, *theirs(backend, heads, kv, d, batch, window), flops))
                except RuntimeError as error:
                    print(f"{name} {shape} {window}: {error}")
    with o.out.open("w") as file:
        file.write("model,window,batch,system,forward_ms,backward_ms,forward_tflops,backward_tflops\n")
        for shape, window, batch, system, forward, backward, flops in rows:
            rate = lambda ms, factor: f"{factor * flops / ms / 1e9:.1f}" if ms else ""
            file.write(f"{shape},{window},{batch},{system},{forward},{backward},{rate(forward, 1)},{rate(backward, 2.5)}\n")
    print(o.out.read_text())
    sys.exit(failed)


if __name__ == "__main__":
    main()
