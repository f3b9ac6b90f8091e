#!/usr/bin/env python3
"""`smolc score` and `smolc generate` against transformers on a trained model folder.

    trained.py SMOLC MODEL TEXT

Token ids must be equal, log-probabilities within 1e-4, and the greedy continuation of every prompt the same text.
Needs torch and transformers; exits 1 on a difference.
"""
import json
import subprocess
import sys

import torch
import transformers

smolc, folder, text = sys.argv[1:4]
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

score = json.loads(subprocess.check_output([smolc, "score", folder, "--text", text, "--format", "json"]))
ids = [t["id"] for t in score["tokens"]]
ours = [t["log_probability"] for t in score["tokens"]]
theirs_ids = tokenizer(open(text, encoding="utf-8").read(), add_special_tokens=False)["input_ids"]
failed = ids[-len(theirs_ids):] != theirs_ids
print(f"token ids: {len(theirs_ids)}, {'DIFFERENT' if failed else 'equal'}")

# Windows overlap: one begins every `stride` tokens and predicts the token behind each of its own; a token is scored once, by
# the first window that predicts it.
window, stride = score["window"], score["stride"]
worst, scored = 0.0, 0
begin, done = 0, 1
while done < len(ids):
    inputs, targets = ids[begin:begin + window], ids[begin + 1:begin + window + 1]
    with torch.no_grad():
        logp = model(torch.tensor([inputs[:len(targets)]])).logits[0].log_softmax(-1)
    for i in range(done - begin - 1, len(targets)):
        worst = max(worst, abs(float(logp[i, targets[i]]) - ours[begin + 1 + i]))
        scored += 1
    done = begin + 1 + len(targets)
    begin += stride
print(f"log-probabilities: {scored} of {score['scored']}, max difference {worst:.2e}")
failed |= worst > 1e-4 or scored != score["scored"]

for prompt in ["# Usage", "fn main() {", "The", "impl<T> From<"]:
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=48, do_sample=False)
    theirs = tokenizer.decode(out[0], skip_special_tokens=True)
    ours = subprocess.check_output([smolc, "generate", folder, "--prompt", prompt, "--temperature", "0", "--max-tokens", "48"],
                                   text=True)
    same = ours.rstrip("\n") == theirs.rstrip("\n")
    failed |= not same
    print(f"greedy after {prompt!r}: {'equal' if same else 'DIFFERENT'}")
    if not same:
        print(f"  smolc:        {ours!r}\n  transformers: {theirs!r}")
print(f"torch {torch.__version__}, transformers {transformers.__version__}")
sys.exit(failed)
