"""The API of `runner serve` against its own description, and with clients as people write them.

Starts target/release/runner on a run of experiments/baseline.yaml and lets schemathesis look for an answer that
/openapi.json does not promise (fixed seed, few examples). Then asks with `requests`: the body of the published server, and
tensors of the Open Inference Protocol.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "target/release/runner"


def main():
    runs = Path(tempfile.mkdtemp()) / "runs"
    subprocess.run([RUNNER, "--runs", runs, "run", ROOT / "experiments/baseline.yaml", "-q"], check=True)
    command = [RUNNER, "--runs", runs, "serve", "--addr", "127.0.0.1:0", "--log", "off"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if line.startswith("http://"):
                break
        else:
            sys.exit("the server did not start")
        check(line.strip().removesuffix("/docs"))
    finally:
        server.terminate()
        if server.wait() != 0:
            sys.exit("the server did not end well")


def check(url):
    models = requests.get(f"{url}/api/v1/models", timeout=10).json()
    columns = models["random_forest"]["columns"]
    row = [(c["min"] + c["max"]) / 2 for c in columns]
    answer = requests.post(f"{url}/api/v1/predict", json={"model": "random_forest", "instances": [row, row]}, timeout=10)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model"] == "random_forest" and len(body["predictions"]) == len(body["probabilities"]) == 2, body

    about = requests.get(f"{url}/v2/models/random_forest", timeout=10).json()
    tensors = [
        {"name": t["name"], "datatype": t["datatype"], "shape": [2], "data": [value, value]}
        for t, value in zip(about["inputs"], row)
    ]
    answer = requests.post(f"{url}/v2/models/random_forest/infer", json={"inputs": tensors}, timeout=10)
    assert answer.status_code == 200, answer.text
    outputs = {o["name"]: o for o in answer.json()["outputs"]}
    assert outputs["predictions"]["data"] == body["predictions"]
    tensor = {"name": "rows", "datatype": "FP64", "shape": [2, len(row)], "data": [row, row]}
    answer = requests.post(f"{url}/v2/models/random_forest/infer", json={"inputs": [tensor]}, timeout=10)
    assert answer.json()["outputs"][0]["data"] == body["predictions"], answer.text
    print("clients: ok")

    schemathesis = Path(sys.executable).parent / "schemathesis"
    command = [schemathesis, "run", f"{url}/openapi.json", "--checks", "all", "--max-examples", "25", "--seed", "1"]
    sys.exit(subprocess.run([*command, *sys.argv[1:]], cwd=tempfile.mkdtemp()).returncode)


main()
