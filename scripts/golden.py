#!/usr/bin/env python3
"""Writes tests/golden/*.json: what scikit-learn, imbalanced-learn, pandas and SciPy say, for the Rust tests to compare with.

    target/venv/bin/python scripts/golden.py            # write
    target/venv/bin/python scripts/golden.py --check    # make them anew in memory and compare with the committed ones

The versions are those of scripts/requirements.txt. Three of the files need the data sets of docs/data.md under
RUNNER_DATA_DIR; where one is missing these are skipped, with a line that says so. Every file begins with its
`provenance`. NaN and "scikit-learn refuses" are null everywhere; class and cluster labels are integers, -1 is noise.

`--check` wants everything equal, but floats may differ by 1e-12 (relative, or absolute below one): sums come out
differently in the last bits on other processors.
"""
import os
import platform

# One thread and one set of BLAS kernels, so that sums are made in the same order everywhere.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
if platform.machine() in ("x86_64", "AMD64"):
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"

import argparse
import gzip
import hashlib
import importlib.metadata
import json
import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE
from scipy.spatial.distance import cdist
from sklearn import metrics as skm
from sklearn.cluster import DBSCAN, KMeans
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import golden_models
import golden_paired

# History: 1 the first one; 2 models, metrics and preparation on six data sets (models.json).
VERSION = 2
ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests" / "golden"
TOLERANCE = 1e-12

ARRAYS = "published-arrays/processed_data.npz"
TII = "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz"
SHA256 = {  # of what is inside a .gz: that does not depend on who packed it
    ARRAYS: "3808ea68f0c40c665e91df787b9cfaca0701bb29ff96e7ada7ea4da84ffaef7a",
    TII: "b245a55b247e2c4e581fe0d2f3bd92e810b32ce2857950e47cbde1866eb99d97",
    **golden_models.SHA256,
}
CLASSES = ["Audio", "Background", "Bruteforce", "DoS", "Information Gathering", "Mirai", "Text", "Video"]
BENIGN = [0, 1, 6, 7]
KEPT_ASIDE = ["Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Label", "Traffic Subtype"]
TARGET = "Traffic Type"


# ---------------------------------------------------------------- scores

def refused(score, *args, **kwargs):
    """The score, or None where scikit-learn raises or answers NaN."""
    try:
        value = float(score(*args, **kwargs))
    except ValueError:
        return None
    return None if math.isnan(value) else value


def averages(y, p, average, **kwargs):
    names = ("precision", "recall", "f1")
    values = skm.precision_recall_fscore_support(y, p, average=average, zero_division=0, **kwargs)[:3]
    return dict(zip(names, map(float, values)))


def class_scores(y, p, k, proba=None):
    """Scores of classes 0..k-1. `macro` is over all k of them; `macro_present` over those that occur in y or p."""
    labels = list(range(k))
    precision, recall, f1, support = skm.precision_recall_fscore_support(y, p, labels=labels, zero_division=0)
    out = {
        "accuracy": float(skm.accuracy_score(y, p)),
        "balanced_accuracy": float(skm.balanced_accuracy_score(y, p)),
        "mcc": float(skm.matthews_corrcoef(y, p)),
        "macro": averages(y, p, "macro", labels=labels),
        "macro_present": averages(y, p, "macro"),
        "micro": averages(y, p, "micro", labels=labels),
        "weighted": averages(y, p, "weighted", labels=labels),
        "per_class": {"precision": precision, "recall": recall, "f1": f1, "support": support},
        "confusion_matrix": skm.confusion_matrix(y, p, labels=labels),
    }
    if proba is not None:
        out["log_loss"] = float(skm.log_loss(y, proba, labels=labels))
        auc = [refused(skm.roc_auc_score, y == c, proba[:, c]) for c in labels]
        out["roc_auc_per_class"] = auc
        for average in ("macro", "weighted"):
            if k == 2:
                out[f"roc_auc_ovr_{average}"] = refused(skm.roc_auc_score, y, proba[:, 1])
            else:
                kwargs = dict(multi_class="ovr", average=average, labels=labels)
                out[f"roc_auc_ovr_{average}"] = refused(skm.roc_auc_score, y, proba, **kwargs)
    return out


def group_scores(positive, predicted, score=None):
    """Scores of a two-sided label: `positive` and `predicted` are booleans, `score` the positive side's probability."""
    false_positives = int((~positive & predicted).sum())
    negatives = int((~positive).sum())
    return {
        "accuracy": float(skm.accuracy_score(positive, predicted)),
        "precision": float(skm.precision_score(positive, predicted, zero_division=0)),
        "recall": float(skm.recall_score(positive, predicted, zero_division=0)),
        "f1": float(skm.f1_score(positive, predicted, zero_division=0)),
        "false_positive_rate": false_positives / negatives if negatives else None,
        "roc_auc": None if score is None else refused(skm.roc_auc_score, positive, score),
    }


def davies_bouldin(X, clusters):
    """scikit-learn's index from distances by differences.

    scikit-learn takes |a|^2 - 2ab + |b|^2 for a squared distance, so a row that is its cluster's center gets one of
    about 1e-8 instead of 0, another one on each processor. Elsewhere the two agree, which is checked.
    """
    theirs = refused(skm.davies_bouldin_score, X, clusters)
    if theirs is None:
        return None
    members = [X[clusters == c] for c in np.unique(clusters)]
    centers = np.array([rows.mean(axis=0) for rows in members])
    spread = np.array([cdist(rows, center[None]).mean() for rows, center in zip(members, centers)])
    apart = cdist(centers, centers)
    if np.allclose(spread, 0) or np.allclose(apart, 0):
        ours = 0.0
    else:
        apart[apart == 0] = np.inf
        ours = float(((spread[:, None] + spread) / apart).max(axis=1).mean())
    if not math.isclose(ours, theirs, rel_tol=1e-7):
        raise SystemExit(f"davies_bouldin: {ours!r} by differences, {theirs!r} by scikit-learn")
    return ours


def silhouette(X, clusters):
    """scikit-learn's index from distances by differences, for the same reason; checked likewise."""
    theirs = refused(skm.silhouette_score, X, clusters)
    ours = refused(skm.silhouette_score, cdist(X, X), clusters, metric="precomputed")
    if theirs is not None and not math.isclose(ours, theirs, rel_tol=1e-7, abs_tol=1e-7):
        raise SystemExit(f"silhouette: {ours!r} by differences, {theirs!r} by scikit-learn")
    return ours


def cluster_scores(X, clusters, y):
    return {
        "silhouette": silhouette(X, clusters),
        "calinski_harabasz": refused(skm.calinski_harabasz_score, X, clusters),
        "davies_bouldin": davies_bouldin(X, clusters),
        "adjusted_rand": refused(skm.adjusted_rand_score, y, clusters),
        "normalized_mutual_info": refused(skm.normalized_mutual_info_score, y, clusters),
    }


def vote(voters, voters_y, k, asked):
    """The class of each cluster in `asked`: its voters' majority, the lowest class on a tie, without voters the overall
    majority."""
    overall = int(np.bincount(voters_y, minlength=k).argmax())
    chosen = {}
    for cluster in sorted(set(asked.tolist())):
        of_cluster = voters_y[voters == cluster]
        chosen[cluster] = int(np.bincount(of_cluster, minlength=k).argmax()) if len(of_cluster) else overall
    return chosen


def nearest_core(model, X_fit, X_new, eps):
    """DBSCAN for new rows: the cluster of the nearest core point (the first of equals) within eps, else noise."""
    cores = model.core_sample_indices_
    if len(cores) == 0:
        return np.full(len(X_new), -1)
    distance = cdist(X_new, X_fit[cores])
    nearest = distance.argmin(axis=1)
    return np.where(distance[np.arange(len(X_new)), nearest] <= eps, model.labels_[cores][nearest], -1)


# ---------------------------------------------------------------- the published arrays

def as_classifier(X_test, y_test, clusters, voters, voters_y):
    classes = vote(voters, voters_y, 8, clusters)
    p = np.array([classes[c] for c in clusters.tolist()])
    return {
        "cluster_classes": sorted(classes.items()),
        "multiclass": class_scores(y_test, p, 8),
        "binary": group_scores(~np.isin(y_test, BENIGN), ~np.isin(p, BENIGN)),
    }


def cluster_counts(labels):
    return {"clusters": len(set(labels.tolist()) - {-1}), "noise": int((labels == -1).sum())}


def published_arrays(data):
    with np.load(data / ARRAYS, allow_pickle=False) as arrays:
        X_train, X_smote, X_test = arrays["X_train_unSMOTE"], arrays["X_train"], arrays["X_test"]
        y_smote, y_test = arrays["y_train"], arrays["y_test"]
    if not np.array_equal(X_smote[: len(X_train)], X_train):
        raise SystemExit("the rows of X_train_unSMOTE are not the first ones of X_train")
    y_train = y_smote[: len(X_train)]
    out = {"classes": CLASSES, "benign": BENIGN}
    out |= {"train_counts": np.bincount(y_train), "test_counts": np.bincount(y_test)}

    model = DBSCAN(eps=0.5, min_samples=5).fit(X_test)
    out["dbscan_on_test"] = {
        "what": "fitted on X_test; its clusters vote with y_test",
        "parameters": {"eps": 0.5, "min_samples": 5},
        **cluster_counts(model.labels_),
        "labels": model.labels_,
        "scores": cluster_scores(X_test, model.labels_, y_test),
        "votes_from_test": as_classifier(X_test, y_test, model.labels_, model.labels_, y_test),
    }

    model = DBSCAN(eps=0.5, min_samples=5).fit(X_train)
    clusters = nearest_core(model, X_train, X_test, 0.5)
    out["dbscan_on_train"] = {
        "what": "fitted on X_train_unSMOTE; a test row gets the cluster of the nearest core point within eps, else -1",
        "parameters": {"eps": 0.5, "min_samples": 5},
        "train": {**cluster_counts(model.labels_), "cores": len(model.core_sample_indices_), "labels": model.labels_},
        "test": {**cluster_counts(clusters), "labels": clusters},
        "scores": cluster_scores(X_test, clusters, y_test),
        "votes_from_train": as_classifier(X_test, y_test, clusters, model.labels_, y_train),
        "votes_from_test": as_classifier(X_test, y_test, clusters, clusters, y_test),
    }

    def kmeans(what, parameters, model):
        clusters = model.predict(X_test)
        return {
            "what": what,
            "parameters": parameters,
            "centers": model.cluster_centers_,
            "inertia": float(model.inertia_),
            "inertia_test": float(((X_test - model.cluster_centers_[clusters]) ** 2).sum()),
            "n_iter": model.n_iter_,
            "train_labels": model.labels_,
            "test_labels": clusters,
            "scores": cluster_scores(X_test, clusters, y_test),
            "votes_from_test": as_classifier(X_test, y_test, clusters, clusters, y_test),
            "votes_from_train": as_classifier(X_test, y_test, clusters, model.labels_, y_train),
        }

    model = KMeans(8, n_init=20, random_state=42).fit(X_train)
    what = "KMeans fitted on X_train_unSMOTE, k-means++"
    out["kmeans"] = kmeans(what, {"n_clusters": 8, "n_init": 20, "random_state": 42}, model)
    rows = [int(np.flatnonzero(y_train == c)[0]) for c in range(8)]
    model = KMeans(8, init=X_train[rows], n_init=1).fit(X_train)
    what = "KMeans fitted on X_train_unSMOTE from the rows init_rows as first centers"
    out["kmeans_from_rows"] = kmeans(what, {"n_clusters": 8, "n_init": 1, "init_rows": rows}, model)
    return out


# ---------------------------------------------------------------- the cleaned table

def correlated(data):
    table = pd.read_csv(data / TII)
    features = [c for c in table.columns if c not in KEPT_ASIDE and c != TARGET]
    corr = table[features].corr()
    upper = corr.where(np.triu(np.ones(corr.shape, dtype=bool), k=1))
    dropped = [c for c in upper.columns if (upper[c] > 0.8).any()]
    first = [(c, upper.index[int(np.argmax(upper[c].to_numpy() > 0.8))]) for c in dropped]
    kept = [c for c in features if c not in dropped]
    identifiers = KEPT_ASIDE[:6]
    rounded = table.drop(columns=dropped).round(3)
    clean = rounded.drop_duplicates(subset=[c for c in rounded.columns if c not in identifiers])
    constant = [c for c in kept if clean[c].nunique() == 1]
    prepared = [c for c in kept if c not in constant]
    train, test = train_test_split(clean, test_size=0.2, random_state=42, stratify=clean[TARGET])

    def counts(part):
        return {name: int((part[TARGET] == name).sum()) for name in CLASSES}

    return {
        "what": "drop_correlated above 0.8 (not absolute, against every earlier feature), round 3, drop_duplicates "
        "over all columns except the identifiers; then the columns with one value",
        "kept_aside": KEPT_ASIDE,
        "identifiers": identifiers,
        "features": features,
        "dropped": dropped,
        "dropped_because": [{"column": c, "first": f, "correlation": float(upper.loc[f, c])} for c, f in first],
        "rows_read": len(table),
        "rows": len(clean),
        "dropped_row_positions": sorted(set(table.index) - set(clean.index)),
        "constant": constant,
        "prepared": prepared,
        "sums": {c: math.fsum(clean[c]) for c in prepared},
        "class_counts": counts(clean),
        "stratified_split": {"test_size": 0.2, "train": counts(train), "test": counts(test)},
    }


# ---------------------------------------------------------------- made-up cases

def metrics():
    rng = np.random.default_rng(20261122)
    cases = []

    def case(name, y, p=None, proba=None, k=None):
        y = np.array(y)
        if p is None:
            p = proba.argmax(axis=1)
        p = np.array(p)
        entry = {"name": name, "n_classes": k, "y_true": y, "y_pred": p, "proba": proba}
        entry["scores"] = class_scores(y, p, k, proba)
        if k == 2:
            entry["positive_1"] = group_scores(y == 1, p == 1, None if proba is None else proba[:, 1])
        cases.append(entry)

    def tenths(y, k, right, votes=10):
        """Probabilities as a forest of `votes` trees gives them: many ties, some zeros."""
        cast = np.where(rng.random((len(y), votes)) < right, y[:, None], rng.integers(0, k, (len(y), votes)))
        return np.stack([(cast == c).sum(axis=1) for c in range(k)], axis=1) / votes

    def smooth(y, k, strength):
        raw = rng.integers(1, 100, (len(y), k)) + strength * (np.arange(k) == y[:, None])
        return raw / raw.sum(axis=1, keepdims=True)

    y = rng.integers(0, 2, 40)
    case("binary, smooth probabilities", y, proba=smooth(y, 2, 40), k=2)
    y = (rng.random(60) < 0.15).astype(int)
    case("binary, skewed, tied scores", y, proba=tenths(y, 2, 0.5), k=2)
    case("binary, positive class never predicted", y, proba=np.tile([0.75, 0.25], (60, 1)), k=2)
    y = np.zeros(12, dtype=int)
    case("binary, only one class in y_true", y, proba=smooth(y, 2, 30), k=2)
    y = np.repeat(np.arange(8), [4, 2, 20, 20, 20, 19, 5, 17])
    case("eight classes, smooth probabilities", y, proba=smooth(y, 8, 90), k=8)
    case("eight classes, tied scores", y, proba=tenths(y, 8, 0.4), k=8)
    proba = smooth(y, 8, 90)
    proba[:, 1] = 0.0
    case("eight classes, class 1 never predicted", y, proba=proba / proba.sum(axis=1, keepdims=True), k=8)
    y = y[(y != 1) & (y != 6)]
    proba = smooth(y, 8, 60)
    case("eight classes, 1 and 6 missing in y_true", y, proba=proba, k=8)
    only = proba.copy()
    only[:, [1, 6]] = 0.0
    case("eight classes, 1 and 6 in neither", y, proba=only / only.sum(axis=1, keepdims=True), k=8)
    y = rng.integers(0, 3, 30)
    case("perfect", y, proba=np.eye(3)[y], k=3)
    case("all wrong", y, proba=np.eye(3)[(y + 1) % 3], k=3)
    case("one constant answer", y, p=np.full(30, 2), proba=np.tile([0.2, 0.3, 0.5], (30, 1)), k=3)
    case("without probabilities", y, p=rng.integers(0, 3, 30), k=3)
    case("one row", [2], proba=np.array([[0.25, 0.25, 0.5]]), k=3)

    clusterings = []

    def clustering(name, X, labels, y):
        X, labels, y = np.array(X, dtype=float), np.array(labels), np.array(y)
        scores = cluster_scores(X, labels, y)
        clusterings.append({"name": name, "X": X, "labels": labels, "y_true": y, "scores": scores})

    blob = np.concatenate([rng.normal(c, 1.0, (12, 3)) for c in (0, 4, 9)]).round(3)
    truth = np.repeat([0, 1, 2], 12)
    clustering("three blobs, right", blob, truth, truth)
    clustering("three blobs, random labels", blob, rng.integers(0, 4, 36), truth)
    clustering("noise counts as one more cluster", blob, np.where(rng.random(36) < 0.25, -1, truth), truth)
    clustering("clusters of one row", blob[:14], [0] * 6 + [1] * 6 + [2, 3], truth[:14])
    clustering("one cluster", blob[:8], [0] * 8, truth[:8])
    clustering("each row its own cluster", blob[:6], range(6), truth[8:14])
    clustering("one row more than clusters", blob[:6], [0, 1, 2, 3, 4, 4], truth[8:14])
    clustering("labels with gaps", blob, truth * 5 + 3, (truth + 1) % 3)
    square = [[0, 0], [0, 0], [3, 4], [3, 4], [6, 8], [6, 8]]
    clustering("all rows of a cluster coincide", square, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 0])
    cross = [[0, 1], [0, -1], [1, 0], [-1, 0], [5, 5], [5, 7]]
    clustering("two centers coincide", cross, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 0])
    clustering("all rows equal", [[1, 2]] * 6, [0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1])
    return {"classification": cases, "clustering": clusterings}


def smote():
    rng = np.random.default_rng(5)
    cases = []

    def case(name, X, y, k, seed):
        X_new, y_new = SMOTE(k_neighbors=k, random_state=seed).fit_resample(X, y)
        done, classes = len(X), []
        for c, n in sampling(y):
            rows = np.flatnonzero(y == c)
            index = NearestNeighbors(n_neighbors=k + 1).fit(X[rows])
            neighbours = index.kneighbors(X[rows], return_distance=False)[:, 1:]
            # imbalanced-learn starts the generator anew for each class where random_state is a number.
            draws = np.random.RandomState(seed)
            indices = draws.randint(low=0, high=neighbours.size, size=n)
            steps = draws.uniform(size=n)
            base, column = indices // k, indices % k
            made = X[rows][base] + steps[:, None] * (X[rows][neighbours[base, column]] - X[rows][base])
            if not (np.array_equal(made, X_new[done : done + n]) and (y_new[done : done + n] == c).all()):
                raise SystemExit(f"smote, {name}: the replayed draws do not give imbalanced-learn's rows")
            done += n
            recorded = {"rows": rows, "neighbours": neighbours, "indices": indices, "steps": steps, "made": made}
            classes.append({"class": c, **recorded})
        if done != len(X_new):
            raise SystemExit(f"smote, {name}: rows left over")
        cases.append({"name": name, "k_neighbors": k, "random_state": seed, "X": X, "y": y, "classes": classes})

    def sampling(y):
        counts = np.bincount(y)
        return [(c, int(counts.max() - counts[c])) for c in range(len(counts)) if counts[c] < counts.max()]

    y = np.repeat([0, 1, 2], [14, 6, 9])
    X = (rng.normal(0, 1, (29, 3)) + y[:, None]).round(3)
    order = rng.permutation(29)
    case("three classes", X[order], y[order], 5, 42)
    y = np.repeat([0, 1], [10, 3])
    case("k shrunk to the smallest class less one", rng.normal(0, 1, (13, 2)).round(3), y, 2, 7)
    X = rng.integers(0, 3, (16, 2)).astype(float)
    case("equal rows", X, np.repeat([1, 0], [10, 6]), 3, 1)
    return {
        "what": "per class: `rows` are positions in X; `neighbours` positions in `rows`, nearest first, without the "
        "first one found (the row itself, or one equal to it); new row i = X[rows][b] + steps[i] * "
        "(X[rows][neighbours[b][j]] - X[rows][b]) with b, j = divmod(indices[i], k_neighbors); `made` follows X in the "
        "order of the classes here",
        "cases": cases,
    }


def smote_variants():
    rng = np.random.default_rng(6)
    cases = []

    def missing(y):
        counts = np.bincount(y)
        return [(c, int(counts.max() - counts[c])) for c in range(len(counts)) if counts[c] < counts.max()]

    def others(fitted_on, asked, k):
        return NearestNeighbors(n_neighbors=k + 1).fit(fitted_on).kneighbors(asked, return_distance=False)[:, 1:]

    def check(name, X, y, model, made):
        X_new, y_new = model.fit_resample(X, y)
        rows = np.concatenate([X, *(np.array(c["made"]).reshape(-1, X.shape[1]) for c in made)])
        labels = np.concatenate([y, *(np.full(len(c["made"]), c["class"]) for c in made)])
        if not (np.array_equal(rows, X_new) and np.array_equal(labels, y_new)):
            raise SystemExit(f"smote_variants, {name}: the replayed draws do not give imbalanced-learn's rows")

    def borderline(name, X, y, k, m, kind, seed):
        classes = []
        for c, n in missing(y):
            rows = np.flatnonzero(y == c)
            foreign = (y[others(X, X[rows], m)] != c).sum(axis=1)
            danger = np.flatnonzero((foreign >= m / 2) & (foreign < m))
            if not len(danger):
                classes.append({"class": c, "rows": rows, "danger": danger, "made": []})
                continue
            start, ends = X[rows][danger], X[rows] if kind == "borderline-1" else X
            neighbours = others(ends, start, k)
            draws = np.random.RandomState(seed)
            indices = draws.randint(low=0, high=neighbours.size, size=n)
            steps = draws.uniform(size=n)
            base, to = indices // k, neighbours[indices // k, indices % k]
            way, shrink = ends[to] - start[base], np.ones(n)
            if kind == "borderline-2":
                strange = y[to] != c
                # Here imbalanced-learn starts the generator anew once more.
                shrink[strange] = np.random.RandomState(seed).uniform(low=0.0, high=0.5, size=(strange.sum(), 1))[:, 0]
            made = start[base] + steps[:, None] * (way * shrink[:, None])
            recorded = {"indices": indices, "steps": steps, "shrink": shrink, "made": made}
            classes.append({"class": c, "rows": rows, "danger": danger, "neighbours": neighbours, **recorded})
        check(name, X, y, BorderlineSMOTE(k_neighbors=k, m_neighbors=m, kind=kind, random_state=seed), classes)
        parameters = {"k_neighbors": k, "m_neighbors": m, "kind": kind, "random_state": seed}
        cases.append({"name": name, "method": "borderline_smote", **parameters, "X": X, "y": y, "classes": classes})

    def adasyn(name, X, y, k, seed):
        classes = []
        draws = np.random.RandomState(seed)
        for c, n in missing(y):
            rows = np.flatnonzero(y == c)
            share = (y[others(X, X[rows], k)] != c).sum(axis=1) / k
            amounts = np.rint(share / share.sum() * n).astype(int)
            neighbours = others(X[rows], X[rows], k)
            base = np.repeat(np.arange(len(rows)), amounts)
            columns = draws.choice(k, size=len(base))
            steps = draws.uniform(size=(len(base), 1))[:, 0]
            made = X[rows][base] + steps[:, None] * (X[rows][neighbours[base, columns]] - X[rows][base])
            recorded = {"amounts": amounts, "neighbours": neighbours, "columns": columns, "steps": steps, "made": made}
            classes.append({"class": c, "rows": rows, **recorded})
        check(name, X, y, ADASYN(n_neighbors=k, random_state=seed), classes)
        parameters = {"n_neighbors": k, "random_state": seed}
        cases.append({"name": name, "method": "adasyn", **parameters, "X": X, "y": y, "classes": classes})

    y = np.repeat([0, 1, 2], [20, 8, 11])
    X = (rng.normal(0, 1, (39, 3)) + 0.8 * y[:, None]).round(3)
    order = rng.permutation(39)
    X, y = X[order], y[order]
    for kind in ("borderline-1", "borderline-2"):
        borderline(f"three classes, {kind}", X, y, 5, 10, kind, 42)
        borderline(f"other numbers of neighbours, {kind}", X, y, 2, 5, kind, 3)
    apart = np.concatenate([rng.normal(0, 1, (9, 2)), rng.normal(90, 1, (6, 2))]).round(3)
    borderline("no row in danger", apart, np.repeat([0, 1], [9, 6]), 2, 3, "borderline-1", 1)
    adasyn("three classes", X, y, 5, 42)
    adasyn("two neighbours", X, y, 2, 7)
    return {
        "what": "as in smote.json, with `danger` the places in `rows` that new rows start from, `neighbours` places in "
        "`rows` (borderline-2: in X) and new row i = start[b] + steps[i] * ((end - start[b]) * shrink[i]); for adasyn "
        "`amounts` new rows start from each of `rows` in order, each with an item of `columns` and `steps`",
        "cases": cases,
    }


def prepare():
    nan = float("nan")
    columns = ["bytes", "rate", "constant", "large"]
    train = np.array([
        [1.0, 0.5, 7.0, 1e9 + 1], [2.0, nan, 7.0, 1e9 + 2], [2.0, 0.25, 7.0, 1e9 + 4], [nan, 0.125, 7.0, 1e9 + 8],
        [10.0, 0.5, nan, 1e9 + 16], [4.0, nan, 7.0, 1e9 + 32], [4.0, 0.1, 7.0, 1e9 + 64], [-3.5, 0.7, 7.0, nan],
    ])
    new = np.array([[nan, nan, nan, nan], [100.0, -1.0, 8.0, 0.0], [2.0, 0.5, 7.0, 1e9]])
    words = ["protocol", "flag"]
    train_words = np.array([
        ["tcp", "SF"], ["udp", "S0"], ["tcp", None], ["icmp", "S0"],
        ["udp", "SF"], [None, "REJ"], ["tcp", "SF"], ["udp", "S0"],
    ], dtype=object)
    new_words = np.array([["tcp", "REJ"], ["sctp", "SF"], [None, None], ["icmp", "RSTO"]], dtype=object)

    numeric = {}
    for strategy in ("mean", "median", "most_frequent"):
        model = SimpleImputer(strategy=strategy).fit(train)
        filled = {"train": model.transform(train), "new": model.transform(new)}
        numeric[strategy] = {"statistics": model.statistics_, **filled}
    imputed = SimpleImputer(strategy="mean").fit(train)
    scaler = StandardScaler().fit(imputed.transform(train))
    fill = SimpleImputer(strategy="most_frequent", missing_values=None).fit(train_words)
    full, full_new = fill.transform(train_words), fill.transform(new_words)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(full)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(full)
    return {
        "columns": columns, "train": train, "new": new,
        "words": words, "train_words": train_words, "new_words": new_words,
        "impute_numeric": numeric,
        "standardize_after_mean": {
            "mean": scaler.mean_, "var": scaler.var_, "scale": scaler.scale_,
            "train": scaler.transform(imputed.transform(train)), "new": scaler.transform(imputed.transform(new)),
        },
        "impute_words": {"statistics": fill.statistics_, "train": full, "new": full_new},
        "one_hot": {
            "categories": one_hot.categories_, "names": one_hot.get_feature_names_out(words),
            "train": one_hot.transform(full), "new": one_hot.transform(full_new),
        },
        "ordinal": {
            "categories": ordinal.categories_, "train": ordinal.transform(full), "new": ordinal.transform(full_new),
        },
    }


def kmeans():
    rng = np.random.default_rng(8)
    cases = []

    def case(name, X, init, new=(), **parameters):
        X, init, new = (np.array(a, dtype=float) for a in (X, init, new))
        model = KMeans(len(init), init=init, n_init=1, **parameters).fit(X)
        cases.append({
            "name": name, "parameters": {"max_iter": 300, "tol": 1e-4, **parameters}, "X": X, "init": init,
            "centers": model.cluster_centers_, "labels": model.labels_, "inertia": float(model.inertia_),
            "n_iter": model.n_iter_, "new": new, "new_labels": model.predict(new) if len(new) else [],
        })

    blobs = np.concatenate([rng.normal(c, 1.0, (20, 3)) for c in (0, 3, 6)]).round(3)
    fresh = rng.normal(3, 3, (10, 3)).round(3)
    case("a center in each blob", blobs, blobs[[0, 20, 40]], fresh)
    case("all first centers in one blob", blobs, blobs[[0, 1, 2]], fresh)
    case("more clusters than blobs, tol 0", blobs, blobs[[0, 5, 10, 25, 50]], fresh, tol=0.0)
    case("stopped after two iterations", blobs, blobs[[0, 1, 2]], fresh, max_iter=2)
    case("stopped by a wide tol", blobs, blobs[[0, 1, 2]], fresh, tol=0.5)
    line = [[0.0], [1.0], [2.0], [10.0], [11.0], [13.0]]
    case("an empty cluster takes the row farthest from its center", line, [[1.0], [11.0], [1000.0]])
    case("equal rows", [[0, 0], [0, 0], [0, 0], [4, 4], [4, 4], [8, 0]], [[0, 0], [4, 4], [8, 0]])
    ties = [[-1.0], [1.0], [7.0], [9.0]]
    case("a new row between two centers goes to the first", ties, [[0.0], [8.0]], [[4.0], [3.5], [4.5]])
    case("one cluster", blobs, blobs[[0]])
    return {"what": "scikit-learn's Lloyd iterations from given first centers", "cases": cases}


def dbscan():
    rng = np.random.default_rng(9)
    cases = []

    def case(name, X, eps, min_samples, new=()):
        X, new = np.array(X, dtype=float), np.array(new, dtype=float)
        model = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
        cases.append({
            "name": name, "eps": eps, "min_samples": min_samples, "X": X, "labels": model.labels_,
            "core_sample_indices": model.core_sample_indices_,
            "new": new, "new_labels": nearest_core(model, X, new, eps) if len(new) else [],
        })

    line = [[float(i)] for i in (0, 1, 2, 3, 6, 7, 8, 20)]
    case("distance of exactly eps is inside", line, 1.0, 3, [[3.0], [3.1], [5.9], [6.0], [20.0]])
    bridge = [[10.0], [0.0], [1.0], [2.0], [3.0], [5.0], [7.0], [8.0], [9.0]]
    case("a border row between two clusters goes to the first found", bridge, 2.0, 4, [[5.0], [4.9], [5.1]])
    case("the same, the clusters in the other order", bridge[::-1], 2.0, 4, [[5.0], [4.9], [5.1]])
    case("equal rows are cores", [[1, 1]] * 5 + [[9, 9]] * 4 + [[5, 5]], 0.1, 5, [[1, 1], [9, 9]])
    case("all noise", [[0, 0], [5, 5], [9, 0]], 1.0, 2, [[0, 0]])
    case("min_samples 1: no noise", [[0, 0], [5, 5], [5.5, 5]], 1.0, 1, [[5.25, 5], [2, 2]])
    blobs = [rng.normal(c, 0.6, (30, 2)) for c in ((0, 0), (3, 0), (1.5, 2.5))]
    blobs = np.concatenate([*blobs, rng.uniform(-3, 6, (15, 2))])
    blobs = blobs.round(3)[rng.permutation(105)]
    case("three blobs and noise", blobs, 0.5, 5, rng.uniform(-2, 5, (40, 2)).round(3))
    case("three blobs that grow together", blobs, 0.9, 4, rng.uniform(-2, 5, (40, 2)).round(3))
    shells = np.concatenate([rng.normal(c, 0.5, (25, 6)) for c in (0, 2)]).round(3)
    case("six dimensions", shells, 1.2, 5, rng.normal(1, 1, (20, 6)).round(3))
    what = "DBSCAN; `new` rows get the cluster of the nearest core row (the first of equals) within eps"
    return {"what": what, "cases": cases}


def models(data):
    return golden_models.models(data, cluster_scores)


# ---------------------------------------------------------------- writing and comparing

FILES = {  # name: (how to make it, the data files it needs)
    "published_arrays": (published_arrays, [ARRAYS]),
    "metrics": (metrics, []),
    "correlated": (correlated, [TII]),
    "smote": (smote, []),
    "smote_variants": (smote_variants, []),
    "prepare": (prepare, []),
    "kmeans": (kmeans, []),
    "dbscan": (dbscan, []),
    "models": (models, list(golden_models.SHA256)),
    "paired": (golden_paired.paired, []),
}
PACKAGES = ("numpy", "scipy", "scikit-learn", "imbalanced-learn", "pandas")


def plain(value):
    """numpy's values as Python's, NaN as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise SystemExit(f"{value} has no place in JSON")
    return value


def text(value, indent=0):
    """JSON for the eye: what fits on one line is on one line, longer lists of numbers are filled."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= 110 or not isinstance(value, (dict, list)):
        return short
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        inner = ",\n".join(f"{pad}{json.dumps(k)}: {text(v, indent + 1)}" for k, v in value.items())
        return "{\n" + inner + "\n" + " " * indent + "}"
    if any(isinstance(v, (dict, list)) for v in value):
        inner = ",\n".join(pad + text(v, indent + 1) for v in value)
    else:
        lines, line = [], ""
        for piece in (json.dumps(v, ensure_ascii=False) for v in value):
            if line and len(line) + len(piece) > 110:
                lines.append(line)
                line = ""
            line += (", " if line else "") + piece
        inner = ",\n".join(pad + line for line in lines + [line])
    return "[\n" + inner + "\n" + " " * indent + "]"


def differences(old, new, place="$"):
    number = (int, float)
    if type(old) is not type(new) and not (isinstance(old, number) and isinstance(new, number)):
        yield f"{place}: {json.dumps(old)[:80]} became {json.dumps(new)[:80]}"
    elif isinstance(old, dict):
        for key in list(old) + [k for k in new if k not in old]:
            if key not in old or key not in new:
                yield f"{place}.{key}: only in the {'committed' if key in old else 'new'} file"
            else:
                yield from differences(old[key], new[key], f"{place}.{key}")
    elif isinstance(old, list):
        if len(old) != len(new):
            yield f"{place}: {len(old)} elements became {len(new)}"
        for i, (a, b) in enumerate(zip(old, new)):
            yield from differences(a, b, f"{place}[{i}]")
    elif isinstance(old, float) or isinstance(new, float):
        if not math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{place}: {old!r} became {new!r}"
    elif old != new:
        yield f"{place}: {json.dumps(old)} became {json.dumps(new)}"


def pinned():
    """The versions of scripts/requirements.txt, and a complaint where others are installed."""
    lines = (ROOT / "scripts" / "requirements.txt").read_text().splitlines()
    wanted = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    found = {name: importlib.metadata.version(name) for name in wanted}
    wrong = [f"{name} {found[name]} instead of {version}" for name, version in wanted.items() if found[name] != version]
    if wrong:
        raise SystemExit("not the versions of scripts/requirements.txt: " + ", ".join(wrong))
    return {name: found[name] for name in PACKAGES}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    versions = pinned()
    data = Path(os.environ["RUNNER_DATA_DIR"]) if os.environ.get("RUNNER_DATA_DIR") else None
    failed = False
    for name, (make, needs) in FILES.items():
        started = time.perf_counter()
        path = OUT / f"{name}.json"
        absent = [file for file in needs if data is None or not (data / file).is_file()]
        if absent:
            where = "RUNNER_DATA_DIR is not set" if data is None else f"{data / absent[0]} is missing"
            print(f"skipped: {path.name}: {where} (docs/data.md says where to get it)")
            continue
        provenance = {
            "script": "scripts/golden.py", "script_version": VERSION, "python": platform.python_version(), **versions,
            "data_sha256": {},
        }
        for file in needs:
            content = (data / file).read_bytes()
            digest = hashlib.sha256(gzip.decompress(content) if file.endswith(".gz") else content).hexdigest()
            if digest != SHA256[file]:
                raise SystemExit(f"{data / file}: SHA-256 is {digest}, not {SHA256[file]} (docs/data.md)")
            provenance["data_sha256"][file] = digest
        made = plain({"provenance": provenance, **make(data)} if needs else {"provenance": provenance, **make()})
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(made) + "\n", encoding="utf-8")
            print(f"{path.name}: {path.stat().st_size} bytes, {time.perf_counter() - started:.1f} s")
            continue
        if not path.is_file():
            print(f"{path.name}: missing; write it with: just golden")
            failed = True
            continue
        old = json.loads(path.read_text(encoding="utf-8"))
        # Any Python that runs these versions gives the same figures.
        old.get("provenance", {}).pop("python", None)
        made["provenance"].pop("python")
        found = list(differences(old, made))
        for line in found[:10]:
            print(f"{path.name}: {line}")
        if found:
            print(f"{path.name}: {len(found)} differences; if they are meant: just golden")
        else:
            print(f"{path.name}: equal, {time.perf_counter() - started:.1f} s")
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
