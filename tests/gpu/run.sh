#!/usr/bin/env bash
# Three calls on a machine with a GPU: 1 verify, 2 end to end against PyTorch, 3 attention, profile, soak, decode.
#
#   tests/gpu/run.sh 1|2|3 [--tiny]
#
# Needs the built binary ($SMOLC, or target/release/smolc), python3 with torch and transformers, and no network. Each call
# ends in a table and leaves CSV and raw logs in $OUT (default gpu-results/). A part that fails does not end the call; the
# exit code says whether any did. --tiny runs what can run on small shapes in a minute, for machines without a GPU
# (with SMOLC_CUDA_LIBS at the fake driver of kernels/emulator/driver): it proves the script and nothing about speed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
stage=${1:-}
tiny=0
[ "${2:-}" = "--tiny" ] && tiny=1
smolc=${SMOLC:-$root/target/release/smolc}
python=${PYTHON:-python3}
out=${OUT:-$root/gpu-results}
mkdir -p "$out"
[ -x "$smolc" ] || { echo "no binary at $smolc; cargo build --release, or set SMOLC"; exit 2; }

verdicts=()
failed=0
# part NAME LIMIT COMMAND…: runs it under a time limit with its output in NAME.log.
part() {
  local name=$1 limit=$2 begin=$SECONDS
  shift 2
  printf '== %s\n' "$name"
  if timeout "$limit" "$@" >"$out/$name.log" 2>&1; then
    verdicts+=("ok       $name ($((SECONDS - begin)) s)")
  else
    local code=$?
    verdicts+=("FAILED   $name (exit $code, $((SECONDS - begin)) s): $(tail -n 1 "$out/$name.log")")
    failed=1
  fi
}
skip() { verdicts+=("SKIPPED  $1: $2"); }

environment() {
  { date -u +%FT%TZ; uname -a; "$smolc" --version; "$smolc" doctor; } >"$out/environment.txt" 2>&1
  nvidia-smi -q >"$out/nvidia-smi.txt" 2>&1 || skip nvidia-smi "not on this machine"
}

# The last step's losses with their bits must be the same in two runs.
soak() {
  local arguments=(gpu-bench train "$1" --window "$2" --micro "$3" --accumulate 1 --warmup 0 --seconds "$4")
  "$smolc" "${arguments[@]}" --losses "$out/soak1.txt" || return 1
  "$smolc" "${arguments[@]}" --losses "$out/soak2.txt" || return 1
  local lines
  lines=$(($(wc -l <"$out/soak1.txt") < $(wc -l <"$out/soak2.txt") ? $(wc -l <"$out/soak1.txt") : $(wc -l <"$out/soak2.txt")))
  [ "$lines" -ge 2 ] || { echo "only $lines steps"; return 1; }
  cmp <(head -n "$lines" "$out/soak1.txt") <(head -n "$lines" "$out/soak2.txt") && echo "$lines steps, every bit the same"
}

export -f soak
export smolc out
# What compares with PyTorch is passed over, aloud, where PyTorch is not installed.
torch() { "$python" -c 'import torch, transformers' 2>/dev/null; }

case $stage in
1)
  environment
  if [ $tiny = 1 ]; then
    part verify 600 "$smolc" gpu-bench verify --models tiny-bias,tiny-d128 --windows 1,33 --repeats 1 --out "$out/verify.csv"
    if torch; then
      part parity-f32 120 "$python" "$here/parity.py" --smolc "$smolc" --out "$out/parity" --shape tiny
    else
      skip parity-f32 "no torch or transformers for $python"
    fi
  else
    part kernels 60 "$smolc" kernels build
    part verify 180 "$smolc" gpu-bench verify --windows 1,63,64,65,127,191,192,193,1000 --repeats 200 --out "$out/verify.csv"
    part parity 160 "$python" "$here/parity.py" --smolc "$smolc" --out "$out/parity" --shape 135m --shape 1.7b --bf16
    if command -v compute-sanitizer >/dev/null; then
      for tool in memcheck racecheck; do
        part "$tool" 65 compute-sanitizer --tool "$tool" --error-exitcode 9 \
          "$smolc" gpu-bench verify --windows 65 --repeats 0 --out "$out/$tool.csv"
      done
    else
      skip compute-sanitizer "not on this machine"
    fi
  fi
  ;;
2)
  environment
  if [ $tiny = 1 ]; then
    part end-to-end 400 "$smolc" gpu-bench train tiny-gqa3 --window 64 --micro 1 --accumulate 2 --chunk 32 --warmup 1 --seconds 1
    if torch; then
      part against-torch 500 "$python" "$here/end_to_end.py" --tiny --seconds 0.5 --smolc "$smolc" --out "$out/end_to_end.csv"
    else
      skip against-torch "no torch or transformers for $python"
    fi
  else
    # END_TO_END="--only 360m:2048" measures what the time of one call did not reach.
    # shellcheck disable=SC2086
    part end-to-end 530 "$python" "$here/end_to_end.py" ${END_TO_END:-} --smolc "$smolc" --out "$out/end_to_end.csv"
  fi
  ;;
3)
  environment
  if [ $tiny = 1 ]; then
    part profile 400 "$smolc" gpu-bench train tiny-gqa3 --window 64 --micro 1 --accumulate 1 --chunk 32 --warmup 1 \
      --seconds 0.1 --kernels "$out/kernels.csv"
    part attention-order 200 "$smolc" gpu-bench attention --heads 3 --kv-heads 1 --windows 130 --tokens 260 --repeats 2 \
      --out "$out/attention-order.csv"
    part soak 400 bash -c "soak tiny-gqa3 64 1 2"
    part decode 400 "$smolc" gpu-bench decode tiny-gqa3 --prompts 1,70 --tokens 4 --repeats 1 --out "$out/decode.csv"
    if torch; then
      part attention 300 "$python" "$here/attention.py" --tiny --smolc "$smolc" --out "$out/attention.csv"
    else
      skip attention "no torch or transformers for $python"
    fi
  else
    for shape in 1.7b 135m; do
      part "profile-$shape" 60 "$smolc" gpu-bench train "$shape" --window 2048 --micro 16 --accumulate 1 --seconds 1 \
        --kernels "$out/kernels-$shape.csv"
    done
    # The backward pass with dq summed in a fixed order against the same in any: the bar is 6%.
    part attention-order 40 "$smolc" gpu-bench attention --repeats 30 --out "$out/attention-order.csv"
    part attention-order-135m 40 "$smolc" gpu-bench attention --heads 9 --kv-heads 3 --repeats 30 \
      --out "$out/attention-order-135m.csv"
    part attention 180 "$python" "$here/attention.py" --smolc "$smolc" --out "$out/attention.csv"
    if command -v ncu >/dev/null; then
      part ncu 50 ncu --clock-control none --set basic --launch-count 60 --log-file "$out/ncu.txt" \
        "$smolc" gpu-bench train 135m --window 2048 --micro 16 --accumulate 1 --warmup 0 --seconds 0
    else
      skip ncu "not on this machine"
    fi
    part soak 100 bash -c "soak 135m 2048 16 20"
    for shape in 1.7b 135m; do
      part "decode-$shape" 45 "$smolc" gpu-bench decode "$shape" --prompts 128,2048,8192 --out "$out/decode-$shape.csv"
    done
  fi
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac

{
  printf '\n== stage %s\n' "$stage"
  printf '%s\n' "${verdicts[@]}"
} | tee "$out/summary-$stage.txt"
for csv in "$out"/*.csv; do [ -e "$csv" ] && printf '%s\n' "$csv"; done
exit $failed
