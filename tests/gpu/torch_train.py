"""Tokens a second of PyTorch: one configuration, one model shape; prints one CSV line like `smolc gpu-bench train`.

`default` is what transformers does when asked for nothing but bf16; `best` forces cuDNN attention, compiles every layer, and
fuses AdamW; `liger` adds Liger's fused losses, norms and SwiGLU where the package is there; `hand` is the model of llama.py.
Without a GPU it runs on the CPU and proves nothing but that it runs.
"""

import argparse
import contextlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import LlamaConfig, LlamaForCausalLM

from llama import Llama, Masters
from shapes import PEAK, SHAPES

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"


def cudnn():
    """cuDNN attention or an error; the CPU has only its own."""
    return sdpa_kernel(SDPBackend.CUDNN_ATTENTION) if CUDA else contextlib.nullcontext()


def cudnn_groups(s):
    """Whether cuDNN takes grouped heads as they are."""
    q, kv = (torch.zeros(1, heads, 128, s.head, device=DEVICE, dtype=torch.bfloat16) for heads in (s.heads, s.kv_heads))
    try:
        with cudnn():
            F.scaled_dot_product_attention(q, kv, kv, is_causal=True, enable_gqa=True)
        return True
    except RuntimeError:
        return False


def reference(s, window):
    config = LlamaConfig(hidden_size=s.hidden, intermediate_size=s.ffn, num_attention_heads=s.heads,
                         num_key_value_heads=s.kv_heads, num_hidden_layers=s.layers, vocab_size=s.vocab,
                         max_position_embeddings=window, tie_word_embeddings=True, use_cache=False, rms_norm_eps=1e-5,
                         bos_token_id=0, eos_token_id=0)
    with torch.device(DEVICE):
        return LlamaForCausalLM(config).float().train()


def transformers_step(o, s):
    """f32 master weights and bf16 compute by autocast."""
    if o.config == "liger":
        from liger_kernel.transformers import apply_liger_kernel_to_llama  # not everywhere
        apply_liger_kernel_to_llama(rope=True, swiglu=True, rms_norm=True, fused_linear_cross_entropy=True, cross_entropy=False)
    model = reference(s, o.window)
    plain = o.config == "default"
    if not plain:
        for layer in model.model.layers:
            layer.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=not plain)

    def micro(tokens):
        with torch.autocast(DEVICE, dtype=torch.bfloat16), contextlib.nullcontext() if plain else cudnn():
            return model(input_ids=tokens[:, :-1], labels=tokens[:, :-1]).loss

    def update():
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return micro, update


def hand_step(o, s):
    grouped = s.heads != s.kv_heads and cudnn_groups(s)
    with torch.device(DEVICE):
        model = Llama(s, o.window, grouped)
    # The same function as transformers', or the comparison is of two different models.
    truth = reference(s, o.window)
    model.take(truth)
    tokens = torch.randint(0, s.vocab, (1, min(o.window, 256) + 1), device=DEVICE)
    with torch.no_grad():
        mine = model(tokens[:, :-1], tokens[:, 1:])
        theirs = F.cross_entropy(truth(input_ids=tokens[:, :-1]).logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
    if abs(mine - theirs) > 1e-3 * theirs:
        sys.exit(f"llama.py is not transformers' model: loss {mine:.6f}, there {theirs:.6f}")
    del truth
    model.bfloat16()
    model.cos, model.sin = model.cos.float(), model.sin.float()
    model.compile("max-autotune-no-cudagraphs" if CUDA else "default")
    optimizer = Masters(model, fused=True)

    def micro(tokens):
        with cudnn():
            return model(tokens[:, :-1], tokens[:, 1:])

    return micro, optimizer.step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config", choices=["default", "best", "liger", "hand"])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--micro", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12)
    o = parser.parse_args()
    torch.manual_seed(1)
    s = SHAPES[o.shape]
    micro, update = (hand_step if o.config == "hand" else transformers_step)(o, s)
    # Zipf's frequencies, as smolc's batches.
    ids = [torch.clamp((s.vocab ** torch.rand(o.micro, o.window + 1, device=DEVICE)).long() - 1, 0, s.vocab - 1)
           for _ in range(o.accumulate)]

    def step():
        total = torch.zeros((), device=DEVICE)
        for tokens in ids:
            loss = micro(tokens) / o.accumulate
            loss.backward()
            total += loss.detach()
        update()
        return total.item()

    for _ in range(3):
        loss = step()
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < o.seconds:
        start = time.perf_counter()
        loss = step()
        if CUDA:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    rate = o.micro * o.window * o.accumulate / median
    times.sort()
    at = lambda share: times[round(share * (len(times) - 1))]
    peak_bytes = torch.cuda.max_memory_allocated() if CUDA else ""
    print(f"torch-{o.config},{o.shape},{o.window},{o.micro},{o.accumulate},bf16,{len(times)},{median:.6f},{at(0.1):.6f},"
          f"{at(0.9):.6f},{rate:.1f},{rate * s.flops_per_token(o.window) / PEAK:.4f},{peak_bytes},,{loss:.6f}")


if __name__ == "__main__":
    sys.exit(main())
