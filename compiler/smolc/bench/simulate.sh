#!/usr/bin/env bash
# Time of `smolc simulate` over the 1.7B plan, 5 times on all threads, then once on one: compiler/smolc/bench/simulate.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
lscpu | grep -E 'Model name|^CPU\(s\)' | sed 's/  */ /g'
for i in 1 2 3 4 5; do
  target/release/smolc simulate specs/smollm2-1.7b.smol 2>/dev/null | grep 'walked in'
done
target/release/smolc simulate specs/smollm2-1.7b.smol --threads 1 2>/dev/null
