#!/usr/bin/env python3
"""Time the whole of experiments/corrected-study.yaml beside the same steps with pandas and scikit-learn.

    target/venv/bin/python scripts/bench.py [--rounds 5]

Runs in turn (ours from nothing, ours with everything stored, the peer, and again ...), after one round that is not
counted, and prints medians and the ratio ours / peer of every figure. Writes target/bench/study.json as well. Needs
RUNNER_DATA_DIR (docs/data.md), a release build and target/venv (scripts/test packages venv).
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
FIGURES = ("wall_s", "cpu_s", "peak_mib")


def timed(command):
    """Wall seconds, processor seconds (user and system) and peak memory of one process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if "RUNNER_DATA_DIR" not in os.environ:
        sys.exit("RUNNER_DATA_DIR is not set: docs/data.md says where the data comes from")
    program, study = ROOT / "target/release/runner", ROOT / "experiments/corrected-study.yaml"
    peer = [sys.executable, ROOT / "scripts/peer_corrected_study.py"]
    results = {"cold": [], "warm": [], "peer": []}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(rounds + 1):
            ours = [program, "run", "--quiet", study, "--runs", Path(folder) / str(i)]
            measured = {"cold": timed(ours), "warm": timed(ours), "peer": timed(peer)}
            if i > 0:
                for name, figures in measured.items():
                    results[name].append(figures)
    medians = {
        name: dict(zip(FIGURES, (statistics.median(column) for column in zip(*rows)))) for name, rows in results.items()
    }
    print(f"medians of {rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}\n")
    print("| | wall, s | processor, s | peak memory, MiB |\n| --- | --- | --- | --- |")
    titles = {"cold": "runner, nothing stored", "warm": "runner, all stored", "peer": "pandas and scikit-learn"}
    for name, title in titles.items():
        row = medians[name]
        print(f"| {title} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['peak_mib']:.0f} |")
    for name in ("cold", "warm"):
        ratios = [f"{medians[name][f] / medians['peer'][f]:.3f}" for f in FIGURES]
        print(f"| ratio, {titles[name].split(', ')[1]} | {' | '.join(ratios)} |")
    out = ROOT / "target/bench/study.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"medians": medians, "rounds": results, "figures": FIGURES}, indent=1) + "\n")


if __name__ == "__main__":
    main()
