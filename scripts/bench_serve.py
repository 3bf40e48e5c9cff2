"""Requests a second: `runner serve` beside two FastAPI servers over scikit-learn, on the same machine, with wrk.

    just bench-serve [--seconds 10] [--rounds 3]

Needs wrk (Debian: apt-get install wrk), target/peers-venv (scripts/peers/requirements.txt) and RUNNER_DATA_DIR. The runner
serves raw rows of the corrected study; the peers get rows that are prepared already. Writes target/bench/serve.md.
"""

import argparse
import itertools
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LUA = """
local f = io.open(os.getenv("BODY"), "rb"); wrk.body = f:read("*a"); f:close()
wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"
"""


def wait(url):
    for _ in range(600):
        try:
            return urllib.request.urlopen(url, timeout=1).read()
        except urllib.error.HTTPError as error:
            return error.read()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url}: no answer")


def fit(folder, run):
    """The study's two models on its own prepared arrays."""
    code = """
import sys, joblib, numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
a = np.load(sys.argv[1])
forest = RandomForestClassifier(n_estimators=200, class_weight="balanced", n_jobs=-1, random_state=42)
joblib.dump(forest.fit(a["X_train"], a["y_train"]), sys.argv[2] + "/random_forest.joblib")
mlp = MLPClassifier((100, 100), max_iter=1000, early_stopping=True, random_state=42)
joblib.dump(mlp.fit(a["X_train"], a["y_train"]), sys.argv[2] + "/mlp.joblib")
print(a["X_test"][0].tolist())
"""
    python = ROOT / "target/peers-venv/bin/python"
    out = subprocess.run([python, "-c", code, run / "processed_data.npz", folder], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def load(url, body, folder, seconds):
    path = folder / "body.json"
    path.write_text(json.dumps(body))
    command = ["wrk", "-t1", "-c64", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", folder / "post.lua", url]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "BODY": str(path)}).stdout
    if "Non-2xx" in out:
        sys.exit(f"{url}: {out}")
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    number, of = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(number) * unit[of]


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--rounds", type=int, default=3)
    args = options.parse_args()
    folder = Path(tempfile.mkdtemp())
    (folder / "post.lua").write_text(LUA)
    runner = ROOT / "target/release/runner"
    runs = folder / "runs"
    subprocess.run([runner, "--runs", runs, "run", ROOT / "experiments/corrected-study.yaml", "-q"], check=True)
    run = next(p for p in runs.iterdir() if p.name[0].isdigit())
    prepared = fit(folder, run)
    uvicorn = [ROOT / "target/peers-venv/bin/uvicorn", "--app-dir", ROOT / "scripts/peers", "--log-level", "error"]
    servers = {
        "runner": ([runner, "--runs", runs, "serve", "--log", "off", "--addr", "127.0.0.1:8451"], 8451, "/api/v1/predict"),
        "FastAPI as published": ([*uvicorn, "--port", "8452", "serve:published"], 8452, "/predict"),
        "FastAPI tuned, 2 workers": ([*uvicorn, "--port", "8453", "--workers", "2", "serve:tuned"], 8453, "/predict"),
    }
    figures = {}
    memory = {}
    tasks = [(model, rows) for model in ("random_forest", "mlp") for rows in (1, 100)]
    for _ in range(args.rounds):
        # A server of its own for each: requests that wrk left unanswered would still be worked on in the next one.
        for (model, rows), (name, (command, port, path)) in itertools.product(tasks, servers.items()):
            server = subprocess.Popen(command, env={**os.environ, "MODELS": str(folder)}, start_new_session=True)
            try:
                wait(f"http://127.0.0.1:{port}/openapi.json")
                row = prepared
                if name == "runner":
                    document = json.loads(wait(f"http://127.0.0.1:{port}/openapi.json"))
                    content = document["paths"]["/api/v1/predict"]["post"]["requestBody"]["content"]
                    row = content["application/json"]["example"]["instances"][0]
                body = {"model": model, "instances": [row] * rows}
                got = load(f"http://127.0.0.1:{port}{path}", body, folder, args.seconds)
                figures.setdefault((model, rows, name), []).append(got)
                memory[name] = max(memory.get(name, 0), resident(server.pid))
            finally:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait()
    lines = ["| model, rows a request | server | requests/s | rows/s | p99, ms |", "| --- | --- | --- | --- | --- |"]
    for (model, rows, name), got in sorted(figures.items(), key=lambda item: item[0][:2]):
        rate = statistics.median(r for r, _ in got)
        p99 = statistics.median(p for _, p in got)
        lines.append(f"| {model}, {rows} | {name} | {rate:,.0f} | {rate * rows:,.0f} | {p99:.1f} |")
    lines += ["", f"Most resident memory of `runner` after a load: {memory['runner']:.0f} MiB. Medians of {args.rounds} rounds in turn of"]
    lines += [f"{args.seconds} s, 64 connections, wrk on the same {os.cpu_count()} cores ({platform.machine()}, load average"]
    lines += [f"{os.getloadavg()[0]:.1f}), Linux {platform.release()}, Python {platform.python_version()}."]
    text = "\n".join(lines) + "\n"
    out = ROOT / "target/bench/serve.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    print(text)


main()
