#!/usr/bin/env python3
"""The steps of experiments/corrected-study.yaml with pandas, scikit-learn and imbalanced-learn, to time against.

    time target/venv/bin/python scripts/peer_corrected_study.py [--seed 42] [--jobs N]

Prints one JSON document: the metrics of every model, and the seconds of every step, imports included. The data set is
read from RUNNER_DATA_DIR (docs/data.md). Seeds mean other draws than runner's, so compare scores as means over seeds.
"""
import time

STARTED = time.perf_counter()

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__.splitlines()[0])
PARSER.add_argument("--seed", type=int, default=42)
PARSER.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads of every library; default: all cores")
ARGUMENTS = PARSER.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(ARGUMENTS.jobs)

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from sklearn import metrics as skm
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

DATA = "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz"
TARGET = "Traffic Type"
IDENTIFIERS = ["Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp"]
KEEP_ASIDE = IDENTIFIERS + ["Label", "Traffic Subtype"]
BENIGN = ["Audio", "Background", "Text", "Video"]
SECONDS = {"imports": time.perf_counter() - STARTED}


def timed(name, work):
    started = time.perf_counter()
    result = work()
    SECONDS[name] = time.perf_counter() - started
    return result


def clean(table):
    features = [c for c in table.columns if c not in KEEP_ASIDE and c != TARGET]
    table = table.replace([np.inf, -np.inf], np.nan)
    corr = table[features].corr(numeric_only=True)
    upper = corr.where(np.triu(np.ones(corr.shape, dtype=bool), k=1))
    table = table.drop(columns=[c for c in upper.columns if (upper[c] > 0.8).any()]).round(3)
    table = table.drop_duplicates(subset=[c for c in table.columns if c not in IDENTIFIERS])
    return table[[c for c in features if c in table.columns]], table[TARGET]


def prepare(X_train, X_test, y_train, seed, jobs):
    numeric = make_pipeline(SimpleImputer(strategy="mean"), VarianceThreshold(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (numeric, make_column_selector(dtype_include=np.number)),
        (words, make_column_selector(dtype_exclude=np.number)),
        sparse_threshold=0,
    )
    train, test = columns.fit_transform(X_train), columns.transform(X_test)
    forest = RandomForestClassifier(n_estimators=100, class_weight="balanced", random_state=seed, n_jobs=jobs)
    top = np.sort(np.argsort(-forest.fit(train, y_train).feature_importances_, kind="stable")[:15])
    return train[:, top], test[:, top]


def majority(clusters, y, k):
    """The class that each cluster predicts, and the one for clusters without voters."""
    return {c: np.bincount(y[clusters == c], minlength=k).argmax() for c in set(clusters)}, np.bincount(y).argmax()


def clustered(train_clusters, test_clusters, y_train, k):
    classes, otherwise = majority(train_clusters, y_train, k)
    return np.array([classes.get(c, otherwise) for c in test_clusters])


def dbscan(train, test, eps, min_samples, jobs):
    model = DBSCAN(eps=eps, min_samples=min_samples, n_jobs=jobs).fit(train)
    cores = model.core_sample_indices_
    distance, nearest = NearestNeighbors(n_neighbors=1, n_jobs=jobs).fit(train[cores]).kneighbors(test)
    return model.labels_, np.where(distance[:, 0] <= eps, model.labels_[cores][nearest[:, 0]], -1)


def scores(y, p, benign, proba=None):
    positive, predicted = ~np.isin(y, benign), ~np.isin(p, benign)
    return {
        "accuracy": skm.accuracy_score(y, p),
        "f1_weighted": skm.f1_score(y, p, average="weighted", zero_division=0),
        "f1_macro": skm.f1_score(y, p, average="macro", zero_division=0),
        "roc_auc_ovr": None if proba is None else skm.roc_auc_score(y, proba, multi_class="ovr"),
        "confusion_matrix": skm.confusion_matrix(y, p).tolist(),
        "group_accuracy": skm.accuracy_score(positive, predicted),
        "group_f1": skm.f1_score(positive, predicted),
    }


def cluster_scores(X, clusters):
    return {
        "silhouette": skm.silhouette_score(X, clusters),
        "calinski_harabasz": skm.calinski_harabasz_score(X, clusters),
        "davies_bouldin": skm.davies_bouldin_score(X, clusters),
    }


def main():
    seed, jobs = ARGUMENTS.seed, ARGUMENTS.jobs
    if not os.environ.get("RUNNER_DATA_DIR"):
        raise SystemExit("RUNNER_DATA_DIR is not set: docs/data.md says what it must hold")
    path = Path(os.environ["RUNNER_DATA_DIR"]) / DATA
    warnings.simplefilter("ignore")

    table = timed("read", lambda: pd.read_csv(path))
    X, names = timed("clean", lambda: clean(table))
    encoder = LabelEncoder().fit(names)
    y = encoder.transform(names)
    benign = encoder.transform(BENIGN)
    k = len(encoder.classes_)
    split = timed("split", lambda: train_test_split(X, y, test_size=0.2, random_state=seed, stratify=y))
    X_train, X_test, y_train, y_test = split
    train, test = timed("prepare", lambda: prepare(X_train, X_test, y_train, seed, jobs))
    neighbours = min(5, np.bincount(y_train).min() - 1)
    smote = SMOTE(k_neighbors=neighbours, random_state=seed)
    balanced, y_balanced = timed("smote", lambda: smote.fit_resample(train, y_train))

    models = {}
    supervised = {
        "random_forest": RandomForestClassifier(200, class_weight="balanced", random_state=seed, n_jobs=jobs),
        "mlp": MLPClassifier((100, 100), max_iter=1000, early_stopping=True, random_state=seed),
    }
    for name, model in supervised.items():
        timed(f"{name}.fit", lambda: model.fit(balanced, y_balanced))
        proba = timed(f"{name}.predict", lambda: model.predict_proba(test))
        models[name] = timed(f"{name}.evaluate", lambda: scores(y_test, proba.argmax(axis=1), benign, proba))

    model = KMeans(8, n_init=20, random_state=seed)
    timed("kmeans.fit", lambda: model.fit(train))
    clusterings = {
        "kmeans": (model.labels_, timed("kmeans.predict", lambda: model.predict(test))),
        "dbscan": timed("dbscan.fit", lambda: dbscan(train, test, 0.5, 5, jobs)),
    }
    for name, (of_train, of_test) in clusterings.items():
        models[name] = timed(f"{name}.evaluate", lambda: {
            **scores(y_test, clustered(of_train, of_test, y_train, k), benign), **cluster_scores(test, of_test),
        })
    models["kmeans"]["inertia"] = model.inertia_

    SECONDS["total"] = time.perf_counter() - STARTED
    rows = {"read": len(table), "cleaned": len(X), "train": len(train), "test": len(test), "balanced": len(balanced)}
    document = {"seed": seed, "jobs": jobs, "rows": rows, "models": models}
    document["seconds"] = {name: round(value, 4) for name, value in SECONDS.items()}
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
