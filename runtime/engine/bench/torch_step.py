#!/usr/bin/env python3
"""One PyTorch variant of the training step, taking turns: see compare.py.

The step is forward, backward, clipping by the global norm and fused AdamW on transformers' Llama with SDPA attention, in
float32 with float32 products (`set_float32_matmul_precision("highest")`), gradients set to None.
"""
import argparse
import json
import os
import resource
import sys
import time

ap = argparse.ArgumentParser()
ap.add_argument("--shape", default="10m", choices=["10m", "135m"])
ap.add_argument("--mode", default="eager", choices=["eager", "compile"])
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--batch", type=int)
ap.add_argument("--window", type=int, default=512)
a = ap.parse_args()
os.environ.update(OMP_NUM_THREADS=str(a.threads), OMP_PROC_BIND="true")

import torch
import transformers

torch.set_num_threads(a.threads)
torch.manual_seed(0)
torch.set_float32_matmul_precision("highest")
SHAPES = {
    "10m": dict(hidden_size=256, num_hidden_layers=8, intermediate_size=704, num_attention_heads=4, num_key_value_heads=4,
                vocab_size=8192),
    "135m": dict(hidden_size=576, num_hidden_layers=30, intermediate_size=1536, num_attention_heads=9,
                 num_key_value_heads=3, vocab_size=49152),
}
batch = a.batch or {"10m": 4, "135m": 1}[a.shape]
config = transformers.LlamaConfig(**SHAPES[a.shape], tie_word_embeddings=True, max_position_embeddings=2048,
                                  attn_implementation="sdpa", use_cache=False)
model = transformers.LlamaForCausalLM(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
ids = torch.randint(0, config.vocab_size, (batch, a.window))


def forward(ids):
    logits = model(input_ids=ids).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


f = torch.compile(forward) if a.mode == "compile" else forward


def step():
    loss = f(ids)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


begin = time.perf_counter()
step()
first = time.perf_counter() - begin
begin = time.perf_counter()
step()
print(json.dumps(dict(ready=True, step_seconds=time.perf_counter() - begin, first_step_seconds=first)), flush=True)
for line in sys.stdin:
    steps = int(line)
    begin = time.perf_counter()
    for _ in range(steps):
        loss = step()
    seconds = time.perf_counter() - begin
    print(json.dumps(dict(seconds=seconds, steps=steps, tokens=batch * a.window, loss=loss.item())), flush=True)
print(json.dumps(dict(parameters=sum(p.numel() for p in model.parameters()), torch=torch.__version__,
                      transformers=transformers.__version__, threads=torch.get_num_threads(),
                      peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)), flush=True)
