#!/usr/bin/env python3
"""smolc against PyTorch: tokens a second of one training step, the programs taking turns on one machine.

    cargo build --release -p smolc-engine --example train_step
    python3 runtime/engine/bench/compare.py --smolc target/release/examples/train_step --python PYTHON_WITH_TORCH

Variants: smolc (f32); PyTorch f32 eager and compiled; and both with malloc told to keep large blocks, which saves PyTorch its
page faults.  Every program warms up first and then waits.  A round gives each one turn of about --turn seconds, in an order that
rotates, so that a neighbour's load or a change of clock meets all alike.  A turn during which other processes used more than
--noise of the machine is left out of the median.  Where fewer than a quarter of a program's turns remain, the quietest quarter is
used, the row says NOISY, and the exit status is 1: such a ratio is not a measurement.  Writes the raw output,
every turn included, to results/ beside this file, and prints medians and ratios.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "1073741824"}


class Program:
    """A program that has warmed up and runs so many steps when told."""

    def __init__(self, name, command, env, log):
        self.name, self.log, self.turns = name, log, []
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=os.environ | env)
        ready = self.read()
        self.steps_per_turn = 1
        self.step_seconds = ready["step_seconds"]

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with {self.child.wait()}")
        record = json.loads(line)
        self.log(dict(program=self.name) | record)
        return record

    def turn(self, seconds):
        steps = max(1, round(seconds / self.step_seconds))
        idle, total = busy_jiffies(self.child.pid)
        self.child.stdin.write(f"{steps}\n")
        self.child.stdin.flush()
        record = self.read()
        own, machine = (x - y for x, y in zip(busy_jiffies(self.child.pid), (idle, total)))
        wall = record["seconds"] * os.sysconf("SC_CLK_TCK") * os.cpu_count()
        others = max(0.0, (machine - own) / wall)
        self.turns.append((record["tokens"] * steps / record["seconds"], others))
        self.log(dict(program=self.name, turn=len(self.turns), tokens_per_second=self.turns[-1][0], others=round(others, 4)))

    def close(self):
        self.child.stdin.close()
        for line in self.child.stdout:
            self.log(dict(program=self.name) | json.loads(line))
        self.child.wait()

    def median(self, noise):
        """(median tokens a second, turns within the noise limit, whether those sufficed)."""
        clean = [rate for rate, others in self.turns if others <= noise]
        least = max(1, len(self.turns) // 4)
        if len(clean) >= least:
            return statistics.median(clean), len(clean), True
        quiet = sorted(self.turns, key=lambda t: t[1])[:least]
        return statistics.median(rate for rate, _ in quiet), len(clean), False


def busy_jiffies(pid):
    """(CPU time of a process, CPU time of the whole machine that was not idle), in clock ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    machine = pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, machine)
    return int(fields[11]) + int(fields[12]), user + nice + system + irq + softirq + steal


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--smolc", required=True, help="the train_step example, built with --release")
    ap.add_argument("--python", help="a Python with torch and transformers; without it only smolc runs")
    ap.add_argument("--shape", default="10m", choices=["10m", "135m"])
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--rounds", type=int, default=12)
    ap.add_argument("--turn", type=float, default=2.0, help="seconds")
    ap.add_argument("--noise", type=float, default=0.06)
    ap.add_argument("--variants", nargs="*", default=["eager", "compile", "eager-malloc", "compile-malloc"])
    a = ap.parse_args()

    results = HERE / "results"
    results.mkdir(exist_ok=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    raw = (results / f"{a.shape}-{a.threads}threads-{stamp}.jsonl").open("w")

    def log(record):
        raw.write(json.dumps(record) + "\n")
        raw.flush()

    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.processor())
    log(dict(arguments={k: v for k, v in vars(a).items() if k not in ("smolc", "python")}, cpu=cpu, cores=os.cpu_count(),
             kernel=platform.release(), time=stamp))
    common = ["--shape", a.shape, "--threads", str(a.threads)]
    programs = [Program("smolc f32", [a.smolc, *common, "--serve", "1"], {}, log)]
    for variant in a.variants if a.python else []:
        mode, _, tuned = variant.partition("-")
        name = f"torch {mode} f32" + (", malloc tuned" if tuned else "")
        command = [a.python, str(HERE / "torch_step.py"), *common, "--mode", mode]
        programs.append(Program(name, command, TUNED if tuned else {}, log))
    for k in range(a.rounds):
        for i in range(len(programs)):
            time.sleep(0.05)                   # the last one's threads go to sleep
            programs[(i + k) % len(programs)].turn(a.turn)
    for p in programs:
        p.close()

    ours, _, _ = programs[0].median(a.noise)
    lines = [f"{'program':30} {'tok/s':>9} {'turns clean':>11} {'smolc is':>9}"]
    quiet = True
    for p in programs:
        rate, clean, enough = p.median(a.noise)
        quiet &= enough
        mark = "" if enough else "  NOISY"
        lines.append(f"{p.name:30} {rate:9.0f} {f'{clean}/{len(p.turns)}':>11} {ours / rate:8.2f}x{mark}")
        log(dict(program=p.name, median=rate, clean=clean, enough=enough, ratio=ours / rate))
    print("\n".join(lines))
    print(f"raw output: {raw.name}")
    sys.exit(not quiet)


if __name__ == "__main__":
    main()
