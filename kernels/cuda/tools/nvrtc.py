"""Compiles every kernel file by NVRTC from text in memory, as the host runtime does: no include path, no file system.

Usage: nvrtc.py TOOLCHAIN (the folder that holds lib/libnvrtc.so.13). Exits with 1 if a file does not compile, or if the
assembler reports spills.
"""
import ctypes
import pathlib
import sys

library = pathlib.Path(sys.argv[1]) / "lib"
ctypes.CDLL(str(library / "libnvrtc-builtins.so.13.0"), mode=ctypes.RTLD_GLOBAL)
nvrtc = ctypes.CDLL(str(library / "libnvrtc.so.13"))
source = pathlib.Path(__file__).resolve().parent.parent / "src"
headers = {str(p.relative_to(source)): p.read_bytes() for p in sorted(source.rglob("*.cuh"))}
names = (ctypes.c_char_p * len(headers))(*[n.encode() for n in headers])
texts = (ctypes.c_char_p * len(headers))(*headers.values())


def compile(path, arch):
    program = ctypes.c_void_p()
    code = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), path.read_bytes(), path.name.encode(), len(headers), texts, names
    )
    options = [f"--gpu-architecture={arch}".encode(), b"--std=c++17", b"--ptxas-options=-v"]
    code = code or nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    text = log.value.decode()
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    spills = [l for l in text.splitlines() if "spill stores" in l and "0 bytes spill stores, 0 bytes spill loads" not in l]
    good = code == 0 and size.value > 0 and not spills
    print(f"{'ok    ' if good else 'FAILED'} nvrtc {path.name} {arch}: {size.value} bytes")
    if not good:
        print(text)
    return good


results = [
    compile(path, arch)
    for path in sorted(source.glob("*.cu"))
    for arch in (["sm_90a"] if path.stem.endswith("_hopper") else ["sm_80"])
]
sys.exit(0 if all(results) else 1)
