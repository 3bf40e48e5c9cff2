"""Paired tests and intervals (tests/golden/paired.json): what SciPy says."""
import numpy as np
from scipy import stats
from sklearn.metrics import f1_score

RESAMPLES = 20_000


def mcnemar():
    pairs = [(1, 0), (5, 2), (10, 25), (40, 40), (3, 17), (120, 180), (400, 590), (0, 60)]
    exact = [{"only_first": b, "only_second": c, "p": stats.binomtest(b, b + c).pvalue} for b, c in pairs]
    pairs = [(500, 501), (600, 500), (2000, 2100), (900, 300), (30000, 29000), (1500, 1400)]
    corrected = [(b, c, (abs(b - c) - 1) ** 2 / (b + c)) for b, c in pairs]
    return {
        # As statsmodels' mcnemar with exact=True, and with exact=False, correction=True.
        "exact": exact,
        "corrected": [{"only_first": b, "only_second": c, "p": stats.chi2.sf(x, 1)} for b, c, x in corrected],
    }


def wilson():
    out = []
    for part, whole in [(0, 10), (10, 10), (87, 100), (1089, 1200), (1, 100000)]:
        interval = stats.binomtest(part, whole).proportion_ci(method="wilson")
        out.append({"part": part, "whole": whole, "interval": [interval.low, interval.high]})
    return out


def f1_macro(y_true, y_pred, classes):
    """f1_score(average="macro") of every row of the resamples, counted at once."""
    def count(values):
        return np.stack([(values == c).sum(axis=-1) for c in range(classes)], axis=-1)
    right = np.stack([((y_true == c) & (y_pred == c)).sum(axis=-1) for c in range(classes)], axis=-1)
    return (2 * right / np.maximum(count(y_true) + count(y_pred), 1)).mean(axis=-1)


def intervals():
    """Percentile intervals of two metrics and of their differences between two models, by scipy.stats.bootstrap."""
    rng = np.random.default_rng(11)
    rows, classes = 300, 4
    y_true = rng.choice(classes, rows, p=[0.4, 0.3, 0.2, 0.1])
    said = [np.where(rng.random(rows) < share, y_true, rng.integers(0, classes, rows)) for share in (0.7, 0.8)]
    measures = {
        "accuracy": lambda t, p: (t == p).mean(axis=-1),
        "f1_macro": lambda t, p: f1_macro(t, p, classes),
    }
    assert abs(measures["f1_macro"](y_true, said[0]) - f1_score(y_true, said[0], average="macro")) < 1e-12

    def interval(statistic):
        found = stats.bootstrap(
            (np.arange(rows),), statistic, n_resamples=RESAMPLES, batch=1000, vectorized=True, method="percentile",
            rng=np.random.default_rng(3),
        ).confidence_interval
        return [found.low, found.high]

    out = []
    for name, measure in measures.items():
        def difference(i, axis=-1, m=measure):
            return m(y_true[i], said[1][i]) - m(y_true[i], said[0][i])
        out.append({
            "metric": name,
            "first": interval(lambda i, axis=-1, m=measure: m(y_true[i], said[0][i])),
            "difference": difference(np.arange(rows)),
            "difference_interval": interval(difference),
        })
    return {"classes": classes, "y_true": y_true, "first": said[0], "second": said[1], "metrics": out}


def paired():
    what = "McNemar's test, Wilson's interval, percentile bootstrap of 20,000 resamples"
    return {"what": what, "mcnemar": mcnemar(), "wilson": wilson(), "bootstrap": intervals()}
