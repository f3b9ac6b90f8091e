"""smolc and PyTorch in turn on one GPU: ours, default, ours, best (and Liger), ours; then the ratios."""

import argparse
import csv
import importlib.util
import io
import pathlib
import subprocess
import sys
import time

HEADER = "system,model,window,micro,accumulate,precision,steps,median_s,p10_s,p90_s,tokens_per_s,mfu_causal,allocated,planned,loss"
# shape, window, sequences of a micro-batch
CASES = [("1.7b", 2048, 16), ("135m", 2048, 64), ("360m", 2048, 32), ("1.7b", 8192, 4), ("135m", 8192, 16)]
LIMIT = 500  # seconds for everything


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smolc", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=8)
    o = parser.parse_args()
    here, begin, lines, failed = pathlib.Path(__file__).parent, time.monotonic(), [], False
    systems = ["default", "best"] + (["liger"] if importlib.util.find_spec("liger_kernel") else [])
    for shape, window, micro in CASES:
        order = ["smolc"] + [s for system in systems for s in (system, "smolc")]
        for system in order:
            left = LIMIT - (time.monotonic() - begin)
            if left < 30:
                print(f"NOT RUN for want of time: {system} {shape} {window}")
                continue
            common = ["--window", str(window), "--micro", str(micro), "--seconds", str(o.seconds)]
            if system == "smolc":
                command = [o.smolc, "gpu-bench", "train", shape, *common]
            else:
                command = [sys.executable, str(here / "torch_train.py"), system, shape, *common]
            run = subprocess.run(command, capture_output=True, text=True, timeout=left)
            print(run.stdout, run.stderr[-2000:] if run.returncode else "", flush=True)
            found = [l for l in run.stdout.splitlines() if l.split(",")[0] in ("smolc", f"torch-{system}")]
            failed |= run.returncode != 0 or not found
            lines += found
    o.out.write_text("\n".join([HEADER, *lines]) + "\n")
    rows = list(csv.DictReader(io.StringIO(o.out.read_text())))
    print("\nmodel window  smolc (runs)                    best PyTorch          ratio")
    for shape, window, _ in CASES:
        rate = lambda test: [float(r["tokens_per_s"]) for r in rows
                             if (r["model"], r["window"]) == (shape, str(window)) and test(r["system"])]
        mine, torch = rate(lambda s: s == "smolc"), rate(lambda s: s != "smolc")
        if mine and torch:
            middle = sorted(mine)[len(mine) // 2]
            print(f"{shape:5} {window:6}  {middle:10.0f} {[round(m) for m in mine]}  {max(torch):10.0f}  {middle / max(torch):.3f}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
