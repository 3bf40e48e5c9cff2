"""Models, metrics and preparation steps on six public data sets: what scikit-learn says. A part of scripts/golden.py.

No rows are stored. The Rust side reads the same files and cuts them alike: every `stride`-th row, of the classes with six
rows or more among these; rows 2, 5, 8 … of what is left are the test part. `standard` are the columns that vary in the
training part, standardised by it; `raw` are all columns as they are in the file. Classes are in the order of their names.

Labels are one character per row, 0-9 then a-z. A large table of numbers is stored as `checksums`: for each column the sum
of value * weight, where row i has the weight 1 + i % 7.
"""
import hashlib
import warnings

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn import metrics as skm
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

CLASSIC = "classic-sklearn/{}.csv"
CIC = "cicids2017-improved/cicids2017_improved_rnd5000.csv.gz"
CICIOT = "ciciot2023-sample/CICIoT2023_sample.csv.gz"
SHA256 = {  # of what is inside a .gz
    CLASSIC.format("iris"): "d3b09efd6de0066a211e69284451f0d429db5c8d21a977602a4694794a41c089",
    CLASSIC.format("wine"): "5235ec9e296ebb703cfe2bb70646e2fe1766a3f7c98df190d60c287d199c0c7c",
    CLASSIC.format("digits"): "c56d5b7a7676cdc722048016db1d35fc3075574de39a9cc283ff509966f943f8",
    CLASSIC.format("breast_cancer"): "6534e3077f72fd953fb8554b3366bb80db2d157daba7d4ea8e8d09b822553778",
    CIC: "9402e00d71bf57c43ffcd7f2faa2510c7f993381ba8869e61f40ea9294930ad9",
    CICIOT: "161fbb9268f2a7dde91a26b98642b990f5ddbda111c302ca1c574e2a47b9d509",
}
NOT_FEATURES = {
    CIC: ["id", "Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Attempted Category"],
    CICIOT: ["label_binary"],
}
SETS = [  # name, file, target, stride, covariance of the mixture, eps of DBSCAN
    ("iris", CLASSIC.format("iris"), "label", 1, "full", 0.6),
    ("wine", CLASSIC.format("wine"), "label", 1, "full", 2.2),
    ("digits", CLASSIC.format("digits"), "label", 1, "diag", 5.5),
    ("breast_cancer", CLASSIC.format("breast_cancer"), "label", 1, "full", 3.0),
    ("cicids2017", CIC, "Label", 20, "diag", 1.5),
    ("ciciot2023", CICIOT, "label_multiclass", 10, "diag", 1.0),
]
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def characters(labels):
    return "".join(DIGITS[label] for label in labels)


def checksums(table):
    weights = 1 + np.arange(len(table)) % 7
    return (weights[:, None] * table).sum(axis=0)


def digest(labels):
    return hashlib.sha256(",".join(str(int(label)) for label in labels).encode()).hexdigest()


class Cut:
    def __init__(self, data, name, file, target, stride):
        table = pd.read_csv(data / file, low_memory=False).iloc[::stride]
        labels = table[target].astype(str)
        counts = labels.value_counts()
        keep = labels.isin(counts[counts >= 6].index)
        table, labels = table[keep], labels[keep]
        x = table.drop(columns=[target, *NOT_FEATURES.get(file, [])]).to_numpy(float)
        self.classes, y = np.unique(labels, return_inverse=True)
        test = np.arange(len(x)) % 3 == 2
        self.raw, self.raw_test, self.y, self.y_test = x[~test], x[test], y[~test], y[test]
        varied = self.raw.min(axis=0) < self.raw.max(axis=0)
        scaler = StandardScaler().fit(self.raw[:, varied])
        self.x, self.x_test = scaler.transform(self.raw[:, varied]), scaler.transform(self.raw_test[:, varied])
        self.k = len(self.classes)


# ---------------------------------------------------------------- models that have one answer

def logistic_regression(cut):
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(cut.x, cut.y)
    intercept = model.intercept_ - (model.intercept_.mean() if cut.k > 2 else 0.0)
    # Far more digits than the 1e-5 that is asked for.
    return {
        "coef": model.coef_.round(8), "intercept": intercept.round(8),
        "predicted": characters(model.predict(cut.x_test)), "proba": checksums(model.predict_proba(cut.x_test)),
    }


def gaussian_nb(cut):
    model = GaussianNB().fit(cut.x, cut.y)
    proba = model.predict_proba(cut.x_test)
    some = np.arange(0, len(proba), max(1, len(proba) // 8))
    return {
        "predicted": characters(model.predict(cut.x_test)), "proba": checksums(proba),
        "theta": checksums(model.theta_), "var": checksums(model.var_),
        "rows": some, "proba_of_rows": proba[some],
    }


def knn(cut, weights):
    """scikit-learn where the five nearest rows are beyond doubt; where the fifth and the sixth are equally far, the lowest
    rows of these (a stable sort), since scikit-learn promises none."""
    k = 5
    model = KNeighborsClassifier(k, weights=weights, algorithm="kd_tree").fit(cut.raw, cut.y)
    theirs = model.predict_proba(cut.raw_test)
    distance = np.array([np.sqrt(((cut.raw - row) ** 2).cumsum(axis=1)[:, -1]) for row in cut.raw_test])
    order = distance.argsort(axis=1, kind="stable")
    near = np.take_along_axis(distance, order[:, :k], axis=1)
    sixth = np.take_along_axis(distance, order[:, k : k + 1], axis=1)[:, 0]
    doubtful = np.isclose(near[:, -1], sixth, rtol=1e-12, atol=0)
    if weights == "uniform":
        weight = np.ones_like(near)
    else:
        zero = near == 0
        weight = np.where(zero.any(axis=1, keepdims=True), zero, 1 / np.where(zero, 1, near))
    proba = np.zeros_like(theirs)
    for column in range(k):
        np.add.at(proba, (np.arange(len(near)), cut.y[order[:, column]]), weight[:, column])
    proba /= proba.sum(axis=1, keepdims=True)
    if not np.allclose(proba[~doubtful], theirs[~doubtful], rtol=0, atol=1e-12):
        raise SystemExit(f"knn, {weights}: a stable sort does not give scikit-learn's neighbours")
    predicted = proba.argmax(axis=1)
    scores = all_metrics(cut, predicted, proba)
    return {"predicted": characters(predicted), "proba": checksums(proba), "doubtful": int(doubtful.sum())}, scores


def kmeans(cut):
    rows = [int(np.flatnonzero(cut.y == c)[0]) for c in range(cut.k)]
    model = KMeans(cut.k, init=cut.x[rows], n_init=1).fit(cut.x)
    return model, {
        "init_rows": rows, "n_iter": model.n_iter_, "inertia": float(model.inertia_),
        "labels": characters(model.labels_), "test_labels": characters(model.predict(cut.x_test)),
        "centers": checksums(model.cluster_centers_),
    }


class FromClusters(GaussianMixture):
    """A mixture that begins with these clusters."""

    def _initialize_parameters(self, X, random_state, xp=None):
        self._initialize(X, np.eye(self.n_components)[self.clusters])


def gaussian_mixture(cut, clusters, covariance_type):
    model = FromClusters(cut.k, covariance_type=covariance_type, max_iter=200)
    model.clusters = clusters
    model.fit(cut.x)
    return {
        "covariance_type": covariance_type, "n_iter": model.n_iter_, "lower_bound": float(model.lower_bound_),
        "weights": model.weights_, "means": checksums(model.means_), "labels": characters(model.predict(cut.x)),
        "test_labels": characters(model.predict(cut.x_test)),
    }


def pca(cut):
    n = min(cut.x.shape)
    model = PCA(n, svd_solver="full").fit(cut.x)
    # Components that share a variance are not determined; the first ones are well apart.
    apart = model.explained_variance_ratio_
    first = next((i for i in range(n - 1) if apart[i] - apart[i + 1] < 1e-3), n - 1)
    # Up to sign, and independent of the order of the columns: the size of each component's weights.
    return {
        "explained_variance": model.explained_variance_[:12], "apart": first,
        "components": [float(np.abs(c).sum()) for c in model.components_[:first]],
        "transformed": np.abs(model.transform(cut.x_test)[:, :first]).sum(axis=0),
    }


def dbscan(cut, eps):
    model = DBSCAN(eps=eps, min_samples=5).fit(cut.x)
    clusters = len(set(model.labels_.tolist()) - {-1})
    return {"eps": eps, "clusters": clusters, "noise": int((model.labels_ == -1).sum()), "labels": digest(model.labels_)}


# ---------------------------------------------------------------- models that depend on chance

def over_seeds(cut, make, x, x_test):
    scores = [make(seed).fit(x, cut.y).score(x_test, cut.y_test) for seed in range(20)]
    return {"mean": float(np.mean(scores)), "std": float(np.std(scores)), "seeds": len(scores)}


def by_chance(cut):
    def network(seed):
        return MLPClassifier((32,), max_iter=60, random_state=seed)

    return {
        "decision_tree": over_seeds(cut, lambda s: DecisionTreeClassifier(random_state=s), cut.raw, cut.raw_test),
        "random_forest": over_seeds(cut, lambda s: RandomForestClassifier(50, random_state=s), cut.raw, cut.raw_test),
        "mlp": over_seeds(cut, network, cut.x, cut.x_test),
    }


# ---------------------------------------------------------------- metrics

def refused(score, *args, **kwargs):
    try:
        value = float(score(*args, **kwargs))
    except ValueError:
        return None
    return None if np.isnan(value) else value


def calibration_error(y, proba):
    best, right = proba.max(axis=1), proba.argmax(axis=1) == y
    index = np.digitize(best, np.arange(1, 16) / 15, right=True)
    return float(sum(abs(right[index == m].sum() - best[index == m].sum()) for m in range(16)) / len(y))


def averaged(score, y, proba, k, weighted):
    """One against the rest. A class without rows leaves no macro average, and has no weight."""
    single = [refused(score, y == c, proba[:, c]) if (y == c).any() else None for c in range(k)]
    support = np.bincount(y, minlength=k)
    if weighted:
        if any(s is None and n for s, n in zip(single, support)):
            return None
        return float(sum(s * n for s, n in zip(single, support) if n) / support.sum())
    return None if None in single else float(np.mean(single))


def all_metrics(cut, predicted, proba):
    y, k, labels = cut.y_test, cut.k, list(range(cut.k))
    out = {
        "accuracy": skm.accuracy_score(y, predicted),
        "balanced_accuracy": skm.balanced_accuracy_score(y, predicted),
        "matthews_corrcoef": skm.matthews_corrcoef(y, predicted),
        "cohen_kappa_score": skm.cohen_kappa_score(y, predicted),
        "log_loss": skm.log_loss(y, proba, labels=labels),
        "brier_score_loss": skm.brier_score_loss(y, proba, labels=labels) if k > 2
        else skm.brier_score_loss(y, proba[:, 1]),
        "expected_calibration_error": calibration_error(y, proba),
        "roc_auc_ovr": averaged(skm.roc_auc_score, y, proba, k, False),
        "roc_auc_ovr_weighted": averaged(skm.roc_auc_score, y, proba, k, True),
        "average_precision": averaged(skm.average_precision_score, y, proba, k, False),
        "average_precision_weighted": averaged(skm.average_precision_score, y, proba, k, True),
    }
    if set(y) == set(labels) and k > 2:  # the same, of one piece
        whole = skm.roc_auc_score(y, proba, multi_class="ovr", average="macro", labels=labels)
        assert np.isclose(whole, out["roc_auc_ovr"], rtol=1e-12)
        whole = skm.average_precision_score(np.eye(k)[y], proba, average="weighted")
        assert np.isclose(whole, out["average_precision_weighted"], rtol=1e-12)
    for average in ("macro", "micro", "weighted"):
        values = skm.precision_recall_fscore_support(y, predicted, average=average, zero_division=0)[:3]
        out |= {f"{name}_{average}": value for name, value in zip(("precision", "recall", "f1"), values)}
    for top in (2, 3):
        if k > top:
            out[f"top_{top}_accuracy"] = skm.top_k_accuracy_score(y, proba, k=top, labels=labels)
    # The coarse label: classes of odd numbers are positive.
    positive, said, alarm = y % 2 == 1, predicted % 2 == 1, proba[:, 1::2].sum(axis=1)
    out |= {
        "group_accuracy": skm.accuracy_score(positive, said),
        "group_precision": skm.precision_score(positive, said, zero_division=0),
        "group_recall": skm.recall_score(positive, said, zero_division=0),
        "group_f1": skm.f1_score(positive, said, zero_division=0),
        "group_matthews_corrcoef": skm.matthews_corrcoef(positive, said),
        "group_roc_auc": skm.roc_auc_score(positive, alarm),
        "group_average_precision": skm.average_precision_score(positive, alarm),
        "group_brier_score_loss": skm.brier_score_loss(positive, np.minimum(alarm, 1.0)),
        "group_false_positive_rate": (~positive & said).sum() / (~positive).sum(),
    }
    recalls = [float((said[y == c] == (c % 2 == 1)).mean()) if (y == c).any() else None for c in labels]
    return {name: None if value is None else float(value) for name, value in out.items()} | {"group_recalls": recalls}


def cluster_metrics(cut, clusters, scores):
    y = cut.y_test
    return scores(cut.x_test, clusters, y) | {
        "homogeneity_score": float(skm.homogeneity_score(y, clusters)),
        "completeness_score": float(skm.completeness_score(y, clusters)),
        "v_measure_score": float(skm.v_measure_score(y, clusters)),
    }


# ---------------------------------------------------------------- preparation

def prepared(cut, columns):
    """Every step that scales, on the raw columns; and what `select` goes by."""
    positive = cut.raw.min(axis=0) >= 0
    quantile = dict(n_quantiles=100, subsample=None)
    steps = {
        "min_max": MinMaxScaler(),
        "robust": RobustScaler(),
        "quantile": QuantileTransformer(**quantile),
        "quantile_normal": QuantileTransformer(output_distribution="normal", **quantile),
    }
    out = {name: checksums(step.fit(cut.raw).transform(cut.raw_test)) for name, step in steps.items()}
    out["log1p"] = {
        "columns": np.flatnonzero(positive),
        "checksums": checksums(np.log1p(np.maximum(cut.raw_test[:, positive], 0))),
    }
    out["variances"] = cut.raw.var(axis=0)
    corr = pd.DataFrame(cut.raw).corr().abs()
    upper = corr.where(np.triu(np.ones(corr.shape, dtype=bool), k=1))
    out["correlated_above_0.9"] = [c for c in upper.columns if (upper[c] > 0.9).any()]
    if columns == "discrete":
        out["mutual_information"] = mutual_info_classif(cut.raw, cut.y, discrete_features=True)
    return out


def models(data, cluster_scores):
    warnings.simplefilter("ignore")
    out = {}
    for name, file, target, stride, covariance_type, eps in SETS:
        cut = Cut(data, name, file, target, stride)
        uniform, uniform_scores = knn(cut, "uniform")
        distance, distance_scores = knn(cut, "distance")
        clusters, told = kmeans(cut)
        out[name] = {
            "file": file, "target": target, "keep_aside": NOT_FEATURES.get(file, []), "stride": stride,
            "rows": [len(cut.y), len(cut.y_test)], "columns": [cut.raw.shape[1], cut.x.shape[1]], "classes": cut.classes,
            "logistic_regression": logistic_regression(cut),
            "gaussian_nb": gaussian_nb(cut),
            "knn": {"uniform": uniform, "distance": distance},
            "kmeans": told,
            "gaussian_mixture": gaussian_mixture(cut, clusters.labels_, covariance_type),
            "pca": pca(cut),
            "dbscan": dbscan(cut, eps),
            "majority": int(np.bincount(cut.y).argmax()),
            "by_chance": by_chance(cut),
            "metrics": {"uniform": uniform_scores, "distance": distance_scores},
            "cluster_metrics": cluster_metrics(cut, clusters.predict(cut.x_test), cluster_scores),
            "prepared": prepared(cut, "discrete" if name == "digits" else ""),
        }
    return {"sets": out}
