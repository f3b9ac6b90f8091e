#!/usr/bin/env bash
# Installs the CUDA 13.0 compiler and disassembler from Python wheels into FOLDER (no GPU and no root needed, about 300 MB)
# and prints the folder to set SMOLC_CUDA_TOOLCHAIN to. Does nothing if it is there already.
# The compiler comes by the meta-package, which pins all of its parts: asked for alone, nvcc pulls a newer front end whose
# PTX its own assembler rejects.
set -euo pipefail
folder=${1:?usage: toolchain.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
find_root() { find "$folder/venv" -type d -path '*/site-packages/nvidia/cu13' 2> /dev/null | head -1; }
if [[ ! -e $folder/complete ]]; then
  rm -rf "$folder/venv"
  python3 -m venv "$folder/venv" >&2
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "cuda-toolkit[nvcc,crt,nvvm,cudart,cccl]==13.0.2" \
    nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-cuobjdump==13.2.78 nvidia-cuda-nvdisasm==13.2.78 >&2
  touch "$folder/complete"
fi
find_root
