#!/usr/bin/env python3
"""The filter of filter.rs beside DuckDB and polars on the same columns in memory; see README.md.

    compare.py FILTER DIR OUT [--rounds N]

FILTER is the benchmark's binary, DIR what it generated, OUT the JSON file of all rounds. Every program is a process that
holds its columns and answers requests, one at a time; the order within a round rotates.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

CONDITION = "score >= 3 AND language = 'en' AND length(text) < 8000"


def columns(directory):
    """The columns as Arrow arrays over mapped files."""
    import numpy
    import pyarrow

    def buffer(name):
        return pyarrow.py_buffer(numpy.memmap(os.path.join(directory, name), mode="r"))

    rows = os.path.getsize(os.path.join(directory, "score.f64")) // 8
    score = pyarrow.Array.from_buffers(pyarrow.float64(), rows, [None, buffer("score.f64")])
    language = pyarrow.Array.from_buffers(
        pyarrow.utf8(), rows, [None, buffer("language.i32"), buffer("language.bytes")])
    text = pyarrow.Array.from_buffers(
        pyarrow.large_utf8(), rows, [None, buffer("text.i64"), buffer("text.bytes")])
    return pyarrow.table({"score": score, "language": language, "text": text})


def duckdb_forms(table):
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.register("arrow_rows", table)
    connection.execute("CREATE TABLE rows AS SELECT * FROM arrow_rows")

    def count(source):
        return lambda: connection.execute(f"SELECT count(*) FROM {source} WHERE {CONDITION}").fetchone()[0]

    def rowids():
        return connection.execute(f"SELECT rowid FROM rows WHERE {CONDITION}").to_arrow_table().num_rows

    def threads(n):
        connection.execute(f"SET threads = {n}")

    return {"table, count": count("rows"), "table, row ids": rowids, "arrow, count": count("arrow_rows")}, threads


def polars_forms(table):
    import polars as pl

    frame = pl.from_arrow(table)
    score, language = pl.col("score") >= 3, pl.col("language") == "en"
    length = pl.col("text").str.len_chars() < 8000
    every = score & language & length

    def mask():
        return frame.select(every.alias("kept"))["kept"].sum()

    def lazy():
        return frame.lazy().filter(every).select(pl.len()).collect().item()

    def streaming():
        return frame.lazy().filter(every).select(pl.len()).collect(engine="streaming").item()

    def staged():
        return frame.filter(score).filter(language).filter(length).height

    return {"mask": mask, "lazy": lazy, "streaming": streaming, "staged": staged}, lambda n: None


def worker(program, directory):
    table = columns(directory)
    forms, threads = {"duckdb": duckdb_forms, "polars": polars_forms}[program](table)
    print("ready", json.dumps(list(forms)), flush=True)
    for line in sys.stdin:
        form, n = json.loads(line)
        threads(n)
        begin = time.perf_counter_ns()
        kept = forms[form]()
        print(json.dumps([int(kept), time.perf_counter_ns() - begin]), flush=True)


class Process:
    def __init__(self, command, threads):
        environment = dict(os.environ, POLARS_MAX_THREADS=str(threads))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.ready = self.process.stdout.readline().strip()
        if not self.ready.startswith("ready"):
            sys.exit(f"{command} did not start")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def peak(self):
        """Peak of anonymous memory, in bytes; mapped columns are not counted."""
        with open(f"/proc/{self.process.pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["RssAnon"].split()[0]) * 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def cpu():
    with open("/proc/cpuinfo") as info:
        return next(line.split(":")[1].strip() for line in info if line.startswith("model name"))


def main():
    if sys.argv[1] == "worker":
        return worker(sys.argv[2], sys.argv[3])
    binary, directory, out = sys.argv[1:4]
    rounds = int(sys.argv[5]) if len(sys.argv) > 4 else 9
    import duckdb
    import polars

    own = Process([binary, "serve", directory], 1)
    duck = Process([sys.executable, __file__, "worker", "duckdb", directory], 1)
    pole = {n: Process([sys.executable, __file__, "worker", "polars", directory], n) for n in (1, 2)}
    print(own.ready)
    contenders = []
    for n in (1, 2):
        for means in ("jit", "unread", "interpreter"):
            contenders.append((f"smolc {means}", n, own, f"{means} {n}"))
        for form in json.loads(duck.ready.split(" ", 1)[1]):
            contenders.append((f"duckdb {form}", n, duck, json.dumps([form, n])))
        for form in json.loads(pole[n].ready.split(" ", 1)[1]):
            contenders.append((f"polars {form}", n, pole[n], json.dumps([form, n])))
    times = {(name, n): [] for name, n, _, _ in contenders}
    kept = set()
    for round in range(rounds + 1):
        turn = round % len(contenders)
        for name, n, process, request in contenders[turn:] + contenders[:turn]:
            answer = process.ask(request).replace("[", "").replace("]", "").replace(",", " ").split()
            kept.add(int(answer[0]))
            if round > 0:  # the first warms up
                times[name, n].append(int(answer[1]))
    if len(kept) != 1:
        sys.exit(f"the programs keep different rows: {kept}")
    memory = {"smolc": own.peak(), "duckdb": duck.peak(), "polars": pole[1].peak()}
    for process in [own, duck, *pole.values()]:
        process.end()

    rows = os.path.getsize(os.path.join(directory, "score.f64")) // 8
    result = {
        "filter": own.ready, "rows": rows, "kept": kept.pop(), "rounds": rounds,
        "text_bytes": os.path.getsize(os.path.join(directory, "text.bytes")),
        "cpu": cpu(), "cpus": os.cpu_count(), "python": platform.python_version(),
        "duckdb": duckdb.__version__, "polars": polars.__version__, "anonymous_bytes": memory,
        "nanoseconds": [{"program": name, "threads": n, "rounds": t} for (name, n), t in times.items()],
    }
    with open(out, "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    print(f"{rows} rows, {result['kept']} kept, {rounds} rounds; ratios to smolc jit, of medians and of the shortest times")
    for n in (1, 2):
        of = {name: t for (name, m), t in times.items() if m == n}
        own = of["smolc jit"]
        for name, t in sorted(of.items(), key=lambda item: min(item[1])):
            median, least = statistics.median(t), min(t)
            print(f"  {n} thread(s)  {name:<24}{median / rows:9.3f} ns/row {median / statistics.median(own):8.2f} x"
                  f"   {least / rows:9.3f} ns/row {least / min(own):8.2f} x")


if __name__ == "__main__":
    main()
