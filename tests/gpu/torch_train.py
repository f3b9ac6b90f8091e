"""Tokens a second of PyTorch: one configuration, one model shape; prints one CSV line like `smolc gpu-bench train`.

Configurations: `default` is what transformers does when asked for nothing but bf16; `best` forces cuDNN attention,
compiles every layer, and fuses AdamW; `liger` adds Liger's fused losses, norms and SwiGLU where the package is there.
"""

import argparse
import contextlib
import statistics
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

# hidden, ffn, heads, kv heads, layers
SHAPES = {"135m": (576, 1536, 9, 3, 30), "360m": (960, 2560, 15, 5, 32), "1.7b": (2048, 8192, 32, 32, 24)}
PEAK = 989.4e12


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config", choices=["default", "best", "liger"])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--micro", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12)
    o = parser.parse_args()
    hidden, ffn, heads, kv, layers = SHAPES[o.shape]
    config = LlamaConfig(hidden_size=hidden, intermediate_size=ffn, num_attention_heads=heads, num_key_value_heads=kv,
                         num_hidden_layers=layers, vocab_size=49152, max_position_embeddings=o.window,
                         tie_word_embeddings=True, use_cache=False)
    if o.config == "liger":
        from liger_kernel.transformers import apply_liger_kernel_to_llama  # not everywhere
        apply_liger_kernel_to_llama(rope=True, swiglu=True, rms_norm=True, fused_linear_cross_entropy=True, cross_entropy=False)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config)
    # f32 master weights and bf16 compute, as smolc has it.
    model.float().train()
    if o.config != "default":
        for layer in model.model.layers:
            layer.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=o.config != "default")
    attention = contextlib.nullcontext
    if o.config != "default":
        from torch.nn.attention import SDPBackend, sdpa_kernel
        attention = lambda: sdpa_kernel(SDPBackend.CUDNN_ATTENTION)
    # Zipf's frequencies, as smolc's batches.
    ids = [torch.clamp((49152 ** torch.rand(o.micro, o.window, device="cuda")).long() - 1, 0, 49151) for _ in range(o.accumulate)]

    def step():
        total = torch.zeros((), device="cuda")
        for tokens in ids:
            with torch.autocast("cuda", dtype=torch.bfloat16), attention():
                loss = model(input_ids=tokens, labels=tokens).loss / o.accumulate
            loss.backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return total.item()

    for _ in range(3):
        loss = step()
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < o.seconds:
        start = time.perf_counter()
        loss = step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    d = hidden // heads
    weights = layers * (hidden * (heads + 2 * kv) * d + heads * d * hidden + 3 * hidden * ffn) + 49152 * hidden
    flops = 6 * weights + 6 * layers * o.window * heads * d
    median = statistics.median(times)
    rate = o.micro * o.window * o.accumulate / median
    times.sort()
    at = lambda share: times[round(share * (len(times) - 1))]
    print(f"torch-{o.config},{o.shape},{o.window},{o.micro},{o.accumulate},bf16,{len(times)},{median:.6f},{at(0.1):.6f},"
          f"{at(0.9):.6f},{rate:.1f},{rate * flops / PEAK:.4f},{torch.cuda.max_memory_allocated()},,{loss:.6f}")


if __name__ == "__main__":
    sys.exit(main())
