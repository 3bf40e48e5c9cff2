#!/usr/bin/env python3
"""One peer at one task on one array: a line of JSON, as benches/peers.rs prints for runner.

    target/peers-venv/bin/python scripts/peers/tasks.py forest --peer sklearn --arrays DIR --size M [...]

`wall_s` and `cpu_s` (user and system time of the process) are medians over --repeat fits without reading the arrays;
`peak_mib` is the most memory of the process, `base_mib` what it held before the first fit.
"""
import argparse
import hashlib
import json
import os
import resource
import statistics
import time
import warnings
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__.splitlines()[0])
PARSER.add_argument("task", choices=["forest", "extra_trees", "kmeans", "dbscan", "mlp", "smote", "silhouette"])
PARSER.add_argument("--peer", required=True, help="sklearn, sklearnex, sklearnex-f32, imblearn")
PARSER.add_argument("--arrays", type=Path, required=True)
PARSER.add_argument("--size", default="S")
PARSER.add_argument("--threads", type=int, default=os.cpu_count())
PARSER.add_argument("--repeat", type=int, default=1)
PARSER.add_argument("--rows", type=int, help="the first rows only")
PARSER.add_argument("--columns", type=int, help="the first columns only")
PARSER.add_argument("--trees", type=int, default=200)
PARSER.add_argument("--epochs", type=int, default=1000)
PARSER.add_argument("--seeds", type=int, help="fit once for each of so many seeds, for the accuracy")
A = PARSER.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(A.threads)

import numpy as np

INTELEX = A.peer.startswith("sklearnex")
DTYPE = np.float32 if A.peer.endswith("-f32") else np.float64
if INTELEX:
    import daal4py

    daal4py.daalinit(A.threads)


def load(*names):
    """The named arrays, cut to --rows and --columns (test rows to the columns only)."""
    arrays = []
    for name in names:
        array = np.load(A.arrays / A.size / f"{name}.npy")
        array = array if name.endswith("_test") or name == "centers" else array[: A.rows]
        arrays.append(np.ascontiguousarray(array[:, : A.columns], dtype=DTYPE) if array.ndim == 2 else array)
    return arrays


def processor():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed(work, repeat):
    """What the last call gave, and the seconds of all calls."""
    wall, cpu, result = [], [], None
    for _ in range(repeat):
        result = None
        cpu_before, before = processor(), time.perf_counter()
        result = work()
        wall.append(time.perf_counter() - before)
        cpu.append(processor() - cpu_before)
    return result, wall, cpu


def measured(work):
    base = resident()
    result, wall, cpu = timed(work, A.repeat)
    return result, {
        "wall_s": statistics.median(wall),
        "cpu_s": statistics.median(cpu),
        "all_wall_s": wall,
        "all_cpu_s": cpu,
        "base_mib": base,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def scores(y, predicted):
    from sklearn.metrics import accuracy_score, f1_score

    return {"accuracy": accuracy_score(y, predicted), "f1_macro": f1_score(y, predicted, average="macro")}


def over_seeds(fit, X_test, y_test):
    accuracies = [float((fit(seed).predict(X_test) == y_test).mean()) for seed in range(A.seeds)]
    return {
        "accuracy": statistics.mean(accuracies),
        "accuracy_error": statistics.stdev(accuracies) / len(accuracies) ** 0.5,
        "accuracies": accuracies,
    }


def forest():
    if INTELEX:
        from sklearnex.ensemble import ExtraTreesClassifier, RandomForestClassifier
    else:
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    kind = ExtraTreesClassifier if A.task == "extra_trees" else RandomForestClassifier
    X, y, X_test, y_test = load("X_train", "y_train", "X_test", "y_test")

    def fit(seed):
        return kind(A.trees, class_weight="balanced", random_state=seed, n_jobs=A.threads).fit(X, y)

    if A.seeds:
        return measured(lambda: over_seeds(fit, X_test, y_test))
    model, figures = measured(lambda: fit(42))
    values = scores(y_test, model.predict(X_test))
    if INTELEX:
        values["accelerated"] = hasattr(model, "_onedal_estimator")
    else:
        values["mean_leaves"] = float(np.mean([tree.get_n_leaves() for tree in model.estimators_]))
        values["mean_depth"] = float(np.mean([tree.get_depth() for tree in model.estimators_]))
    many = np.ascontiguousarray(np.resize(X_test, (10_000, X_test.shape[1])))
    model.predict(many)
    _, wall, cpu = timed(lambda: model.predict(many), 7)
    values |= {"predict_10k_s": statistics.median(wall), "predict_10k_cpu_s": statistics.median(cpu)}
    rows = [X_test[i : i + 1] for i in range(60)]
    values["predict_1_us"] = 1e6 * statistics.median(timed(lambda: model.predict(row), 1)[1][0] for row in rows)
    return values, figures


def kmeans():
    if INTELEX:
        from sklearnex.cluster import KMeans
    else:
        from sklearn.cluster import KMeans
    X, start = load("X_raw" if A.size == "S" else "X_train", "centers")
    model, figures = measured(lambda: KMeans(len(start), init=start, n_init=1).fit(X))
    return {"inertia": float(model.inertia_), "iterations": int(model.n_iter_)}, figures


def dbscan():
    if INTELEX:
        from sklearnex.cluster import DBSCAN
    else:
        from sklearn.cluster import DBSCAN
    (X,) = load("X_raw" if A.size == "S" else "X_train")
    model, figures = measured(lambda: DBSCAN(eps=0.5, min_samples=5, n_jobs=A.threads).fit(X))
    labels = model.labels_.astype("<i8")
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    return {"clusters": int(labels.max()) + 1, "noise": int((labels < 0).sum()), "labels_sha256": digest}, figures


def mlp():
    from sklearn.neural_network import MLPClassifier

    X, y, X_test, y_test = load("X_train", "y_train", "X_test", "y_test")

    def fit(seed):
        return MLPClassifier((100, 100), early_stopping=True, max_iter=A.epochs, random_state=seed).fit(X, y)

    if A.seeds:
        return measured(lambda: over_seeds(fit, X_test, y_test))
    model, figures = measured(lambda: fit(42))
    return {"epochs": model.n_iter_, **scores(y_test, model.predict(X_test))}, figures


def smote():
    from imblearn.over_sampling import SMOTE

    X, y = load(*(("X_raw", "y_raw") if A.size == "S" else ("X_train", "y_train")))
    (_, classes), figures = measured(lambda: SMOTE(k_neighbors=5, random_state=42).fit_resample(X, y))
    return {"rows_out": len(classes)}, figures


def silhouette():
    from sklearn.metrics import silhouette_score

    X, y = load("X_train", "y_train")
    value, figures = measured(lambda: silhouette_score(X, y))
    return {"silhouette": float(value)}, figures


def main():
    warnings.simplefilter("ignore")
    task = {"forest": forest, "extra_trees": forest, "kmeans": kmeans, "dbscan": dbscan, "mlp": mlp, "smote": smote}
    values, figures = task.get(A.task, silhouette)()
    print(json.dumps({"task": A.task, "size": A.size, "who": A.peer, "threads": A.threads, **figures, "values": values}))


if __name__ == "__main__":
    main()
