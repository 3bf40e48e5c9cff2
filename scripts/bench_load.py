#!/usr/bin/env python3
"""Time reading a table beside pandas and polars: whole processes, from the file to typed columns in memory.

    target/venv/bin/python scripts/bench_load.py [--rounds 7] [--scratch DIR]

For each data set and format the programs run in turn (ours, pandas, polars, and again ...), after one round that is not
counted; medians and the ratio ours / pandas are printed, and go to target/bench/load.json. Plain CSV and Parquet are
made from the downloaded files, in a scratch folder (pandas reads no Parquet without pyarrow, so it is left out there).
Processor seconds count start and imports: they are what a user waits for. "Reading" is the wall time of the reader
alone, as each program takes it. Needs RUNNER_DATA_DIR (docs/data.md) and target/venv (scripts/test packages venv).
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# name, file in RUNNER_DATA_DIR, file with the column names
SETS = [
    ("kddcup99-10pct", "kddcup99-10pct/kddcup.data_10_percent.gz", "kddcup99-10pct/columns.txt"),
    ("cicids2017-improved", "cicids2017-improved/cicids2017_improved_rnd5000.csv.gz", None),
]
PANDAS = """
import sys, time; import pandas
begun = time.perf_counter()
file, names = sys.argv[1], sys.argv[2:]
names = [l.strip() for l in open(names[0]) if l.strip()] if names else None
t = pandas.read_csv(file, names=names, header=None if names else 0)
print(f"{len(t)} rows x {len(t.columns)} columns in {time.perf_counter() - begun:.3f} s")
"""
POLARS = """
import sys, time; import polars
begun = time.perf_counter()
file, names = sys.argv[1], sys.argv[2:]
names = [l.strip() for l in open(names[0]) if l.strip()] if names else None
if file.endswith(".parquet"): t = polars.read_parquet(file)
else: t = polars.read_csv(file, has_header=not names, new_columns=names)
print(f"{t.height} rows x {t.width} columns in {time.perf_counter() - begun:.3f} s")
"""
MAKE = """
import gzip, shutil, sys; import polars
packed, plain, parquet, names = *sys.argv[1:4], sys.argv[4:]
with gzip.open(packed) as source, open(plain, "wb") as out: shutil.copyfileobj(source, out)
names = [l.strip() for l in open(names[0]) if l.strip()] if names else None
polars.read_csv(plain, has_header=not names, new_columns=names, infer_schema_length=None).write_parquet(parquet)
"""
FIGURES = ("wall_s", "cpu_s", "peak_mib", "reading_s")


def timed(command):
    """What one process says, with its wall seconds, processor seconds (user and system) and peak memory."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    size, reading = said.strip().rsplit(" in ", 1)
    return size, (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, float(reading.split()[0]))


def program():
    """The path of our side, built."""
    build = ["cargo", "bench", "--bench", "load", "--no-run", "--message-format=json"]
    lines = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    built = [json.loads(line) for line in lines]
    return next(m["executable"] for m in built if m.get("target", {}).get("name") == "load" and m.get("executable"))


def files(name, packed, names, folder):
    """The same table as gzip, plain CSV and Parquet. Made by another process: a child is born with its parent's peak
    memory."""
    plain, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
    subprocess.run([sys.executable, "-c", MAKE, packed, plain, parquet, *([names] if names else [])], check=True)
    return [("csv.gz", packed), ("csv", plain), ("parquet", parquet)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scratch", type=Path, help="folder for the files that are made; default: a temporary one")
    parser.add_argument("--program", help="our side, where it is built already")
    options = parser.parse_args()
    if "RUNNER_DATA_DIR" not in os.environ:
        sys.exit("RUNNER_DATA_DIR is not set: docs/data.md says where the data comes from")
    data, ours = Path(os.environ["RUNNER_DATA_DIR"]), options.program or program()
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.scratch or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, packed, names in SETS:
            if not (data / packed).exists():
                print(f"skipped: no {packed} in {data}")
                continue
            names = data / names if names else None
            for kind, path in files(name, data / packed, names, folder):
                named = [names] if names and kind != "parquet" else []
                sides = {
                    "runner": [ours, path, *named],
                    "pandas": [sys.executable, "-c", PANDAS, path, *named],
                    "polars": [sys.executable, "-c", POLARS, path, *named],
                }
                if kind == "parquet":
                    del sides["pandas"]
                measured, sizes = {side: [] for side in sides}, {}
                for i in range(options.rounds + 1):
                    for side, command in sides.items():
                        sizes[side], figures = timed(command)
                        if i > 0:
                            measured[side].append(figures)
                if len(set(sizes.values())) != 1:
                    sys.exit(f"{path}: the programs read different tables: {sizes}")
                medians = {
                    side: dict(zip(FIGURES, (statistics.median(column) for column in zip(*rows))))
                    for side, rows in measured.items()
                }
                results[f"{name} {kind}"] = {"size": sizes["runner"], "medians": medians, "rounds": measured}
    print(f"medians of {options.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}\n")
    print("| table | program | wall, s | processor, s | reading, s | peak memory, MiB | processor, ratio to pandas |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for table, result in results.items():
        for side, m in result["medians"].items():
            pandas = result["medians"].get("pandas")
            ratio = f"{m['cpu_s'] / pandas['cpu_s']:.2f}" if pandas else ""
            figures = f"{m['wall_s']:.2f} | {m['cpu_s']:.2f} | {m['reading_s']:.2f} | {m['peak_mib']:.0f}"
            print(f"| {table} | {side} | {figures} | {ratio} |")
    out = ROOT / "target/bench/load.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
