#!/usr/bin/env bash
# Compiles every kernel with nvcc and fails on what would make it slow without making it wrong:
#   spills or any other local memory; setmaxnreg ignored; wgmma serialized; no wgmma in the Hopper attention kernels;
#   exponentials that do not overlap a product (Hopper: those between the two waits of the loop).
# No GPU is needed. Usage: compile.sh [OUTPUT FOLDER]; nvcc and cuobjdump from PATH, or from $SMOLC_CUDA_TOOLCHAIN/bin
# (see toolchain.sh). Prints a table of registers, shared memory and machine instructions.
set -euo pipefail
cd "$(dirname "$0")/../src"
if [[ -n "${SMOLC_CUDA_TOOLCHAIN:-}" ]]; then export PATH="$SMOLC_CUDA_TOOLCHAIN/bin:$PATH"; fi
for tool in nvcc cuobjdump nvdisasm; do
  command -v "$tool" > /dev/null || { echo "$tool is not on PATH: run kernels/cuda/tools/toolchain.sh FOLDER, or set SMOLC_CUDA_TOOLCHAIN" >&2; exit 2; }
done
out=${1:-$(mktemp -d)}
mkdir -p "$out"
failures=()

fail() {
  failures+=("$*")
  printf 'FAILED %s\n' "$*"
}

# ARCH FILE
compile() {
  local arch=$1 file=$2 log="$out/$(basename "$2" .cu).$1.log" cubin="$out/$(basename "$2" .cu).$1.cubin"
  if ! nvcc -std=c++17 -O3 -I. "-gencode=arch=compute_${arch#sm_},code=$arch" -Xptxas -v -cubin -o "$cubin" "$file" > "$log" 2>&1; then
    cat "$log"
    fail "$file for $arch does not compile"
    return
  fi
  # A ptxas message about a kernel names it in the line; those about spills follow "Compiling entry function".
  local line
  while IFS= read -r line; do fail "$file for $arch: $line"; done < <(
    grep -Ei 'serialized|potential performance loss|C7508|setmaxnreg.*ignored|warning' "$log" || true
    awk '/Compiling entry function/ { name = $0; sub(/.*function ./, "", name); sub(/. for.*/, "", name) }
         /bytes stack frame/ && !/(^|[^0-9])0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads/ {
           sub(/^ */, ""); print name ": " $0 }' "$log"
  )
  cuobjdump --dump-sass "$cubin" > "$out/sass"
  # name, registers, static shared memory, then counts of instructions by kernel.
  awk -v arch="$arch" '
    FNR == NR {
      if (/Compiling entry function/) { name = $0; sub(/.*function ./, "", name); sub(/. for.*/, "", name) }
      if (/Used [0-9]+ registers/) {
        match($0, /Used [0-9]+/); registers[name] = substr($0, RSTART + 5, RLENGTH - 5)
        shared[name] = match($0, /[0-9]+ bytes smem/) ? substr($0, RSTART, RLENGTH - 11) : 0
      }
      next
    }
    /Function : / { name = $NF; order[++n] = name }
    /HGMMA/ { hgmma[name]++ }
    /HMMA/ { hmma[name]++ }
    /UTMALDG/ { tma[name]++ }
    /UBLKRED/ { bulk[name]++ }
    /STSM/ { stsm[name]++ }
    /[^A-Z](LDL|STL)[. ]/ { local[name]++ }
    /WARPGROUP.DEPBAR.LE gsb0, 0x1/ { counting[name] = 1; between = 0 }
    /WARPGROUP.DEPBAR.LE gsb0, 0x0/ { if (counting[name]) { if (between > overlap[name]) overlap[name] = between; counting[name] = 0 } }
    /MUFU.EX2/ { between++ }
    END {
      for (i = 1; i <= n; i++) {
        k = order[i]
        printf "%-42s %-7s %4d registers %6d shared %4d HGMMA %4d HMMA %3d TMA %3d local %3d overlapped exp\n", \
          k, arch, registers[k], shared[k], hgmma[k], hmma[k] - 0, tma[k], local[k], overlap[k]
        if (local[k]) print "PROBLEM " k ": " local[k] " local loads or stores"
        if (k ~ /^attention_.*hopper/ && !hgmma[k]) print "PROBLEM " k ": no HGMMA"
        if (k ~ /^attention_.*hopper/ && !tma[k]) print "PROBLEM " k ": no TMA load"
        if (k ~ /^attention_.*hopper/) {
          want = k ~ /forward/ || k ~ /backward.*_d64/ ? 64 : 32
          if (overlap[k] < want) print "PROBLEM " k ": " overlap[k] + 0 " of " want " exponentials overlap the product"
        }
        # The bulk additions of dq, and the tiles of dS by stmatrix.
        if (k ~ /^attention_backward/ && !bulk[k]) print "PROBLEM " k ": no UBLKRED"
        if (k ~ /^attention_backward/ && !stsm[k]) print "PROBLEM " k ": no STSM"
        if (k ~ /^attention_(forward|dq|dkdv)_d/ && !hmma[k]) print "PROBLEM " k ": no HMMA"
      }
    }' "$log" "$out/sass" > "$out/table"
  grep -v '^PROBLEM' "$out/table" || true
  while IFS= read -r line; do fail "$arch: ${line#PROBLEM }"; done < <(grep '^PROBLEM' "$out/table" || true)
}

for file in *.cu; do
  [[ $file == *_hopper.cu ]] || compile sm_80 "$file"
  compile sm_90a "$file"
done
rm -f "$out/sass" "$out/table"
# As the host runtime compiles them, where NVRTC is installed next to nvcc.
toolkit=$(dirname "$(dirname "$(command -v nvcc)")")
if [[ -e $toolkit/lib/libnvrtc.so.13 ]]; then
  python3 ../tools/nvrtc.py "$toolkit" || fail "a file does not compile by NVRTC"
else
  echo "SKIPPED: no libnvrtc.so.13 in $toolkit/lib; compilation at run time was not tried"
fi
if ((${#failures[@]})); then
  printf '\n%d problems:\n' "${#failures[@]}"
  printf '  %s\n' "${failures[@]}"
  exit 1
fi
printf '\nevery kernel compiles for its architectures without spills, local memory or serialized products\n'
