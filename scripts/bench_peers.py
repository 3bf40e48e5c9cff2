#!/usr/bin/env python3
"""Time runner beside its peers: the same work on the same arrays, in turn, ratios of medians.

    scripts/bench_peers.py                              everything (about an hour on two idle cores)
    scripts/bench_peers.py --tasks forest,kmeans --sizes S,M [--rounds 5] [--peers sklearnex]

Installs scripts/peers/requirements.txt in target/peers-venv, makes the arrays in target/bench/arrays, builds
benches/peers.rs, and runs in each round ours on all threads, each peer, and ours on one thread. Writes
target/bench/peers.md and peers.json after every round. A ratio is processor seconds (user and system) of ours divided by
the peer's, medians of the rounds. Needs RUNNER_DATA_DIR (docs/data.md), cargo and Python with venv; nothing else.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target/peers-venv"
PYTHON = VENV / "bin/python"
OUT = ROOT / "target/bench"
ARRAYS = OUT / "arrays"
REQUIREMENTS = ROOT / "scripts/peers/requirements.txt"
# These make numpy choose kernels of another processor; runner does not read them.
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Task:
    """A comparison. `name` is the task of both programs, with `arguments` for both and `threads` (None: all cores)."""

    def __init__(self, name, size, peers, arguments=(), label="", threads=None, parallel=True, once=False):
        self.name, self.size, self.peers, self.arguments = name, size, peers, list(arguments)
        self.threads, self.parallel, self.once = threads, parallel, once
        self.title = " ".join(filter(None, [name, size, label]))


FOREST, CLUSTERS = ["sklearn", "sklearnex"], ["sklearn", "sklearnex", "sklearnex-f32"]
TASKS = [
    Task("forest", "S", FOREST, ["--repeat", 5]),
    Task("forest", "S", ["sklearn"], ["--seeds", 10], "10 seeds", parallel=False, once=True),
    Task("forest", "M", FOREST),
    Task("forest", "L", FOREST, ["--trees", 20], "20 trees"),
    Task("extra_trees", "S", ["sklearn"], ["--seeds", 10], "10 seeds", parallel=False, once=True),
    Task("extra_trees", "M", FOREST),
    Task("kmeans", "M", CLUSTERS, ["--repeat", 5]),
    Task("kmeans", "L", CLUSTERS),
    Task("dbscan", "S", ["sklearn", "sklearnex"], ["--repeat", 5]),
    Task("dbscan", "M", ["sklearn", "sklearnex"], ["--columns", 15], "15 columns"),
    Task("dbscan", "L", [], ["--columns", 15, "--rows", 200_000], "15 columns, 200k rows", parallel=False, once=True),
    Task("mlp", "S", ["sklearn"], threads=1, parallel=False),
    Task("mlp", "S", ["sklearn"], ["--seeds", 10], "10 seeds", threads=1, parallel=False, once=True),
    Task("mlp", "M", ["sklearn"], ["--rows", 96_000, "--epochs", 8], "96k rows", threads=1, parallel=False),
    Task("smote", "S", ["imblearn"], ["--repeat", 5]),
    Task("smote", "M", ["imblearn"]),
    Task("silhouette", "M", ["sklearn"], ["--rows", 20_000], "20k rows"),
    Task("study", "", ["peer"], parallel=False),
]
# Task, what is compared, peer (None: the better one, in this run), bar for ours / peer.
CPU, PREDICT, ITERATION, EPOCH, WALL = "cpu_s", "predict_10k_cpu_s", "iteration_cpu_s", "epoch_cpu_s", "wall_s"
RATIOS = [
    ("forest S", CPU, "sklearnex", 0.5),
    ("forest M", CPU, "sklearnex", 0.40),
    ("forest M", CPU, "sklearn", 0.09),
    ("forest L 20 trees", CPU, "sklearnex", 0.45),
    ("forest M", PREDICT, "sklearnex", 0.9),
    ("kmeans M", ITERATION, "sklearnex-f32", 0.7),
    ("kmeans L", ITERATION, "sklearnex-f32", 0.7),
    ("dbscan M 15 columns", CPU, "sklearnex", 0.15),
    ("mlp S", EPOCH, "sklearn", 0.22),
    ("mlp M 96k rows", EPOCH, "sklearn", 0.28),
    ("smote M", CPU, "imblearn", 0.6),
    ("silhouette M 20k rows", CPU, "sklearn", 0.30),
    ("study", WALL, "peer", 0.2),
]
# Task, figure of ours, most it may be.
CEILINGS = [
    ("forest M", "peak_mib", 150),
    ("forest S", "predict_1_us", 20),
    ("dbscan M 15 columns", "peak_mib", 100),
    ("dbscan L 15 columns, 200k rows", "peak_mib", 1024),
    ("study", WALL, 1.5),
]
# Task, figure, peer, how to compare, by how much ours may differ.
AGREEMENTS = [
    ("forest S 10 seeds", "accuracy", "sklearn", "at least", 0.002),
    ("extra_trees S 10 seeds", "accuracy", "sklearn", "at least", 0.002),
    ("extra_trees M", "accuracy", "sklearn", "at least", 0.002),
    ("forest M", "accuracy", "sklearn", "at least", 0.002),
    ("forest L 20 trees", "accuracy", "sklearn", "at least", 0.002),
    ("kmeans M", "inertia", "sklearn", "relative", 1e-6),
    ("kmeans L", "inertia", "sklearn", "relative", 1e-6),
    ("dbscan S", "labels_sha256", "sklearn", "equal", 0),
    ("dbscan M 15 columns", "labels_sha256", "sklearn", "equal", 0),
    ("mlp S 10 seeds", "accuracy", "sklearn", "standard errors", 2),
    ("smote M", "rows_out", "imblearn", "equal", 0),
    ("silhouette M 20k rows", "silhouette", "sklearn", "relative", 1e-9),
]
# Tasks whose wall time must gain from the second core.
SPEEDUPS = [("forest S", 1.6), ("forest M", 1.6), ("forest L 20 trees", 1.6), ("kmeans L", 1.6), ("dbscan M 15 columns", 1.6)]


def environment():
    return {name: value for name, value in os.environ.items() if name not in SLOWING}


def venv():
    """The peers' packages, as scripts/test makes target/venv: the stamp holds what it was made from."""
    stamp = VENV / "requirements.stamp"
    wanted = sys.version + REQUIREMENTS.read_text()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the peers in", VENV.relative_to(ROOT), flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "-r", REQUIREMENTS], check=True)
    subprocess.run([*pip, "check"], check=True)
    stamp.write_text(wanted)


def arrays(sizes):
    """Makes what is missing; a size is made anew where the maker has changed."""
    maker = ROOT / "scripts/peers/arrays.py"
    for size in sorted(sizes):
        stamp = ARRAYS / size / "maker.stamp"
        if not (stamp.exists() and stamp.read_text() == maker.read_text()):
            subprocess.run([PYTHON, maker, ARRAYS, "--sizes", size], check=True, env=environment())
            stamp.write_text(maker.read_text())


def build(options):
    """The program that does ours, and the whole program."""
    command = ["cargo", "build", "--release", "--bin", "runner", "--bench", "peers", "--message-format=json", *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    made = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    made = {m["target"]["name"]: m["executable"] for m in made if m.get("executable")}
    return made["peers"], made["runner"]


def line_of(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, env=environment(), text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    line = json.loads(done.stdout.strip().splitlines()[-1])
    values = line["values"]
    if values.get("iterations"):
        values["iteration_cpu_s"] = line["cpu_s"] / values["iterations"]
    if values.get("epochs"):
        values["epoch_cpu_s"] = line["cpu_s"] / values["epochs"]
    return line


def whole(command):
    """Seconds and memory of a process from start to end."""
    before = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([str(word) for word in command], env=environment(), **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    if status != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "peak_mib": usage.ru_maxrss / 1024, "base_mib": 0, "values": {}}


def study(runner):
    """Ours and the peer's whole corrected study: imports, reading, fits, metrics, files."""
    with tempfile.TemporaryDirectory() as folder:
        run = [runner, "run", "--quiet", ROOT / "experiments/corrected-study.yaml", "--runs", folder]
        ours, stored = whole(run), whole(run)
    peer = whole([PYTHON, ROOT / "scripts/peer_corrected_study.py"])
    return {"runner": ours, "runner, all stored": stored, "peer": peer}


def one_round(task, peers, bench, runner, cores):
    if task.name == "study":
        return study(runner)
    threads = task.threads or cores
    common = ["--arrays", ARRAYS, "--size", task.size, *task.arguments]
    lines = {"runner": line_of([bench, task.name, *common, "--threads", threads])}
    for peer in peers:
        command = [PYTHON, ROOT / "scripts/peers/tasks.py", task.name, "--peer", peer, *common, "--threads", threads]
        lines[peer] = line_of(command)
    if task.parallel and threads > 1:
        lines["runner, 1 thread"] = line_of([bench, task.name, *common, "--threads", 1])
    return lines


class Results:
    """Lines by task title and who, one a round."""

    def __init__(self):
        self.lines = {}

    def add(self, title, lines):
        for who, line in lines.items():
            self.lines.setdefault(title, {}).setdefault(who, []).append(line)

    def get(self, title, who, figure):
        """The median, or the first value where it is no number; None where it was not measured."""
        lines = self.lines.get(title, {}).get(who, [])
        found = [line.get(figure, line["values"].get(figure)) for line in lines]
        found = [value for value in found if value is not None]
        if not found:
            return None
        return statistics.median(found) if isinstance(found[0], (int, float)) else found[0]

    def ratio(self, title, who, figure, ours="runner"):
        a, b = self.get(title, ours, figure), self.get(title, who, figure)
        return None if a is None or not b else a / b


def bars(results):
    """Rows of the table of bars: what, bar, got, whether it is met."""
    rows = []
    for title, figure, peer, bar in RATIOS:
        ratio = results.ratio(title, peer, figure)
        if ratio is not None:
            rows.append((f"{title}, {figure}, ours / {peer}", f"<= {bar}", f"{ratio:.3f}", ratio <= bar))
    for title, figure, most in CEILINGS:
        value = results.get(title, "runner", figure)
        if value is not None:
            rows.append((f"{title}, {figure}", f"<= {most}", f"{value:.4g}", value <= most))
    for title, figure, peer, how, slack in AGREEMENTS:
        ours, theirs = (results.get(title, who, figure) for who in ("runner", peer))
        if ours is None or theirs is None:
            continue
        if how == "at least":
            met, bar = ours >= theirs - slack, f">= {theirs:.5f} - {slack}"
        elif how == "relative":
            met, bar = abs(ours - theirs) <= slack * abs(theirs), f"{theirs:.12g} to {slack:g}"
        elif how == "standard errors":
            low = theirs - slack * results.get(title, peer, "accuracy_error")
            met, bar = ours >= low, f">= {low:.5f} ({slack} standard errors below)"
        else:
            met, bar = ours == theirs, "equal"
        got = f"{ours:.12g}" if how == "relative" else f"{ours:.5f}" if isinstance(ours, float) else str(ours)[:12]
        rows.append((f"{title}, {figure}, beside {peer}", bar, got, met))
    for title, bar in SPEEDUPS:
        gain = results.ratio(title, "runner", "wall_s", "runner, 1 thread")
        if gain is not None:
            rows.append((f"{title}, wall of 1 thread / of all", f">= {bar}", f"{gain:.2f}", gain >= bar))
    return rows


def shown(value):
    if isinstance(value, float):
        return f"{value:.5g}"
    return value[:12] if isinstance(value, str) else str(value)


def page(results, facts):
    text = [f"{facts['machine']}; {facts['versions']}; {facts['date']}; load average {facts['load']}.", ""]
    text += ["| task | who | rounds | processor, s | wall, s | peak, MiB | ratio, processor | values |"]
    text += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for title, by_who in results.lines.items():
        for who, lines in by_who.items():
            figures = [results.get(title, who, figure) for figure in ("cpu_s", "wall_s", "peak_mib")]
            ours = who.startswith("runner")
            ratio = "" if ours else f"{results.ratio(title, who, 'cpu_s'):.3f}"
            values = [(n, results.get(title, who, n)) for n in lines[0]["values"] if n != "accuracies"]
            values = ", ".join(f"{name} {shown(value)}" for name, value in values)
            cells = [title, who, len(lines), f"{figures[0]:.4g}", f"{figures[1]:.4g}", f"{figures[2]:.0f}", ratio, values]
            text.append(f"| {' | '.join(map(str, cells))} |")
    text += ["", "| what | bar | got | |", "| --- | --- | --- | --- |"]
    text += [f"| {what} | {bar} | {got} | {'met' if met else 'MISSED'} |" for what, bar, got, met in bars(results)]
    return "\n".join(text) + "\n"


def machine():
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def versions():
    rust = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True).stdout.split()
    pins = [line.strip() for line in REQUIREMENTS.read_text().splitlines() if "==" in line]
    named = [pin.replace("==", " ") for pin in pins if pin.startswith(("scikit", "imbalanced", "numpy", "pandas"))]
    return ", ".join([f"Rust {rust[1]}" if len(rust) > 1 else "Rust", f"Python {platform.python_version()}", *named])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", help="some of: " + ", ".join(dict.fromkeys(task.name for task in TASKS)))
    parser.add_argument("--sizes", help="some of: S, M, L")
    parser.add_argument("--peers", help="some of: sklearn, sklearnex, sklearnex-f32, imblearn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", help="a built benches/peers.rs, instead of building it")
    parser.add_argument("--runner", help="a built runner, for the task study")
    parser.add_argument("--cargo", action="append", default=[], help="a further argument of cargo build")
    parser.add_argument("--out", type=Path, default=OUT / "peers", help="path of the results, without ending")
    parser.add_argument("--prepare", action="store_true", help="install, make the arrays and build; run nothing")
    arguments = parser.parse_args()
    words = {name: given.split(",") if (given := getattr(arguments, name)) else None for name in ("tasks", "sizes", "peers")}
    tasks = [task for task in TASKS if not words["tasks"] or task.name in words["tasks"]]
    tasks = [task for task in tasks if not words["sizes"] or task.size in words["sizes"]]
    if not tasks:
        sys.exit("no such task: --help lists them")
    if not os.environ.get("RUNNER_DATA_DIR"):
        sys.exit("RUNNER_DATA_DIR is not set: docs/data.md says where the data comes from")
    os.environ["RUNNER_DATA_DIR"] = os.path.abspath(os.environ["RUNNER_DATA_DIR"])
    venv()
    arrays({task.size for task in tasks} - {""})
    bench, runner = arguments.bench, arguments.runner
    if not bench or (not runner and any(task.name == "study" for task in tasks)):
        bench, runner = build(arguments.cargo)
    if arguments.prepare:
        return
    results, cores = Results(), os.cpu_count()
    facts = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "rounds": arguments.rounds}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        peers = [peer for peer in task.peers if not words["peers"] or peer in words["peers"]]
        if task.name == "study":
            study(runner)  # not counted: it loads every file into the system's cache
        for i in range(1 if task.once else arguments.rounds):
            lines = one_round(task, peers, bench, runner, cores)
            results.add(task.title, lines)
            brief = ", ".join(f"{who} {line['cpu_s']:.3f}" for who, line in lines.items())
            print(f"{task.title}, round {i + 1}, processor s: {brief}", flush=True)
            facts["load"] = " ".join(f"{load:.1f}" for load in os.getloadavg())
            arguments.out.with_suffix(".md").write_text(page(results, facts))
            rows = [dict(zip(("what", "bar", "got", "met"), row)) for row in bars(results)]
            document = {**facts, "bars": rows, "tasks": results.lines}
            arguments.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    print("\n" + page(results, facts), end="")


if __name__ == "__main__":
    main()
