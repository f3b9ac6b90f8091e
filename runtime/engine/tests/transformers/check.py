#!/usr/bin/env python3
"""Checks a model folder that smolc wrote against transformers: does it load, and are the logits ours?

    check.py FOLDER LOGITS      LOGITS = safetensors file with `input_ids` (I64 [B,T]) and our `logits` (F32 [B,T,V])
    check.py FOLDER --write OUT     writes OUT, the same model as transformers saves it, for our engine to read

Needs torch and transformers.  Exits 1 when a logit differs by more than 1e-4.
"""
import sys

import torch
import transformers
from safetensors.torch import load_file

folder = sys.argv[1]
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
if sys.argv[2] == "--write":
    model.save_pretrained(sys.argv[3])
    sys.exit(0)
ours = load_file(sys.argv[2])
with torch.no_grad():
    theirs = model(input_ids=ours["input_ids"], use_cache=False).logits
worst = float((theirs - ours["logits"]).abs().max())
print(f"{type(model).__name__} {tuple(theirs.shape)}: max |logit| {float(theirs.abs().max()):.3f}, "
      f"max difference {worst:.2e}  (torch {torch.__version__}, transformers {transformers.__version__})")
try:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    print(f"{type(tokenizer).__name__}: {len(tokenizer)} tokens, eos {tokenizer.eos_token!r}")
except (OSError, ValueError) as error:
    print(f"no tokenizer: {error}".splitlines()[0])
sys.exit(worst > 1e-4)
