#!/usr/bin/env python3
"""Make the arrays that runner and its peers are timed on, as plain .npy files.

    target/peers-venv/bin/python scripts/peers/arrays.py OUT [--sizes S,M,L]

S  the published study's prepared arrays: 6,400 x 15 after SMOTE, 4,210 x 15 before, 1,053 x 15 test rows.
M  100,000 x 40 training and 20,000 x 40 test rows, made from the raw flows of TII-SSRC-23.
L  1,000,000 x 40 training and 20,000 x 40 test rows, made likewise.

How rows of M and L are made: the 5,301 flows are cut 80/20, so that no test row has an ancestor among the training
rows. A class is drawn by the shares below, a flow of that class, and for every second row a partner of the same class,
towards which the row moves by up to 30 %. Every value is multiplied by log-normal noise of 5 %: zeros stay zeros, as
in real flows. Of the labels 1 % are drawn anew. The 40 columns are the first by the importance of a small forest of
which no two correlate by .98 or more, the most important first. All are standardised by the training rows.

Each size has a folder OUT/<size> with X_train, y_train, X_test, y_test (float64 in rows, int64), centers (8 rows of the
training rows, a start for k-means), and for S also X_raw and y_raw, the rows before SMOTE. The same bytes every time.
Needs RUNNER_DATA_DIR (docs/data.md).
"""
import argparse
import os
from pathlib import Path

import numpy as np

PUBLISHED = "published-arrays/processed_data.npz"
FLOWS = "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz"
TARGET = "Traffic Type"
NOT_FEATURES = ["Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Label", TARGET, "Traffic Subtype"]
SHARES = {
    "Audio": 0.02,
    "Background": 0.01,
    "Bruteforce": 0.08,
    "DoS": 0.40,
    "Information Gathering": 0.25,
    "Mirai": 0.15,
    "Text": 0.03,
    "Video": 0.06,
}
COLUMNS = 40
ROWS = {"M": 100_000, "L": 1_000_000}
TEST_ROWS = 20_000
CLUSTERS = 8


def save(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array, dtype=np.int64 if array.ndim == 1 else np.float64))


def centers(X):
    """Rows far from each other (greedy k-means++ on a part of the rows)."""
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(X[:20_000], CLUSTERS, random_state=42)[0]


def published(data):
    with np.load(data / PUBLISHED, allow_pickle=True) as file:
        raw = file["X_train_unSMOTE"]
        arrays = {name: file[name] for name in ("X_train", "y_train", "X_test", "y_test")}
    arrays |= {"X_raw": raw, "y_raw": arrays["y_train"][: len(raw)], "centers": centers(raw)}
    return arrays


def flows(data):
    """Values of the chosen columns, class of each row."""
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    table = pd.read_csv(data / FLOWS)
    y = table[TARGET].map({name: i for i, name in enumerate(SHARES)}).to_numpy()
    table = table.drop(columns=NOT_FEATURES).select_dtypes("number")
    table = table.loc[:, table.nunique() > 1]
    importance = RandomForestClassifier(100, random_state=0, n_jobs=-1).fit(table, y).feature_importances_
    ranked = np.argsort(-importance, kind="stable")
    correlation = table.corr().abs().to_numpy()
    chosen = []
    for column in ranked:
        if (correlation[column, chosen] < 0.98).all():
            chosen.append(column)
    chosen += [column for column in ranked if column not in chosen]
    return table.to_numpy(float)[:, chosen[:COLUMNS]], y


def resampled(X, y, rows, rng):
    labels = rng.choice(len(SHARES), rows, p=list(SHARES.values()))
    out = np.empty((rows, X.shape[1]))
    for label in range(len(SHARES)):
        places, ancestors = np.flatnonzero(labels == label), X[y == label]
        first, second = (ancestors[rng.integers(len(ancestors), size=len(places))] for _ in range(2))
        way = np.where(rng.random(len(places)) < 0.5, rng.uniform(0, 0.3, len(places)), 0)
        out[places] = first + way[:, None] * (second - first)
    for block in np.array_split(out, max(1, rows // 50_000)):
        block *= np.exp(rng.normal(0, 0.05, block.shape))
    wrong = rng.random(rows) < 0.01
    labels[wrong] = rng.integers(len(SHARES), size=wrong.sum())
    return out, labels


def enlarged(X, y, size):
    rng = np.random.default_rng(["M", "L"].index(size) + 1)
    test = np.random.default_rng(0).random(len(X)) < 0.2
    X_train, y_train = resampled(X[~test], y[~test], ROWS[size], rng)
    X_test, y_test = resampled(X[test], y[test], TEST_ROWS, rng)
    mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
    deviation[deviation == 0] = 1
    for array in (X_train, X_test):
        array -= mean
        array /= deviation
    return {"X_train": X_train, "y_train": y_train, "X_test": X_test, "y_test": y_test, "centers": centers(X_train)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", default="S,M,L")
    arguments = parser.parse_args()
    if not os.environ.get("RUNNER_DATA_DIR"):
        raise SystemExit("RUNNER_DATA_DIR is not set: docs/data.md says what it must hold")
    data = Path(os.environ["RUNNER_DATA_DIR"])
    base = None
    for size in arguments.sizes.split(","):
        if size == "S":
            arrays = published(data)
        else:
            base = base or flows(data)
            arrays = enlarged(*base, size)
        save(arguments.out / size, arrays)
        print(size, arrays["X_train"].shape, "rows by class", np.bincount(arrays["y_train"]).tolist(), flush=True)


if __name__ == "__main__":
    main()
