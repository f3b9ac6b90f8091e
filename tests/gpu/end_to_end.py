"""smolc and PyTorch in turn on one GPU: ours, hand, ours, best (and Liger), ours, default, ours; then the ratios.

--tiny runs one tiny case, on whatever PyTorch finds: it proves that the script runs and nothing about speed.
"""

import argparse
import csv
import importlib.util
import io
import pathlib
import subprocess
import sys
import time

HEADER = "system,model,window,micro,accumulate,precision,steps,median_s,p10_s,p90_s,tokens_per_s,mfu_causal,allocated,planned,loss"
# shape, window, sequences of a micro-batch, micro-batches of a step
CASES = [("1.7b", 2048, 16, 4), ("135m", 2048, 64, 4), ("360m", 2048, 32, 4), ("1.7b", 8192, 4, 4), ("135m", 8192, 16, 4)]
TINY = [("tiny-gqa3", 64, 1, 2)]
# Its compiler searches for minutes: the first two cases only.
HAND = CASES[:2] + TINY
LIMIT = 500  # seconds for everything


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smolc", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", action="append", metavar="SHAPE:WINDOW", help="these cases; all by default")
    o = parser.parse_args()
    here, begin, lines, failed = pathlib.Path(__file__).parent, time.monotonic(), [], False
    cases = TINY if o.tiny else [c for c in CASES if not o.only or f"{c[0]}:{c[1]}" in o.only]
    for shape, window, micro, accumulate in cases:
        systems = ["hand"] * ((shape, window, micro, accumulate) in HAND) + ["best"]
        systems += ["liger"] * (importlib.util.find_spec("liger_kernel") is not None) + ["default"]
        order = ["smolc"] + [s for system in systems for s in (system, "smolc")]
        for system in order:
            left = LIMIT - (time.monotonic() - begin)
            if left < 30:
                print(f"NOT RUN for want of time: {system} {shape} {window}")
                continue
            common = ["--window", str(window), "--micro", str(micro), "--accumulate", str(accumulate), "--seconds", str(o.seconds)]
            if system == "smolc":
                command = [o.smolc, "gpu-bench", "train", shape, *common, *(["--chunk", "32"] if o.tiny else [])]
            else:
                command = [sys.executable, str(here / "torch_train.py"), system, shape, *common]
            try:
                run = subprocess.run(command, capture_output=True, text=True, timeout=left)
            except subprocess.TimeoutExpired:
                print(f"NOT FINISHED for want of time: {system} {shape} {window}")
                continue
            print(run.stdout, run.stderr[-2000:] if run.returncode else "", flush=True)
            found = [l for l in run.stdout.splitlines() if l.split(",")[0] in ("smolc", f"torch-{system}")]
            failed |= run.returncode != 0 or not found
            lines += found
    o.out.write_text("\n".join([HEADER, *lines]) + "\n")
    rows = list(csv.DictReader(io.StringIO(o.out.read_text())))
    print("\nmodel     window  smolc (runs)                    best PyTorch          ratio")
    for shape, window, *_ in cases:
        rate = lambda test: [float(r["tokens_per_s"]) for r in rows
                             if (r["model"], r["window"]) == (shape, str(window)) and test(r["system"])]
        mine, torch = rate(lambda s: s == "smolc"), rate(lambda s: s != "smolc")
        if mine and torch:
            middle = sorted(mine)[len(mine) // 2]
            print(f"{shape:9} {window:6}  {middle:10.0f} {[round(m) for m in mine]}  {max(torch):10.0f}  {middle / max(torch):.3f}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
