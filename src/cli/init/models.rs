//! A first set of models, as many as take seconds on tables of this size.

/// What decides how long models take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    /// Training rows.
    pub(super) train: u64,
    /// Rows of the largest part that is judged.
    pub(super) judged: u64,
    /// Prepared columns.
    pub(super) features: u64,
    /// Classes.
    pub(super) classes: u64,
    /// Whether the largest class has at least three times the rows of the smallest.
    pub(super) uneven: bool,
}

/// A model of the starter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its kind, which is its name too.
    pub(super) kind: &'static str,
    /// Its parameters in braces.
    pub(super) parameters: String,
    /// What it is there for.
    pub(super) note: &'static str,
    /// Whether it is part of the first run.
    pub(super) on: bool,
}

/// Seconds of processor time that one model may take in a first run, as estimated.
const BUDGET: f64 = 5.0;

/// The models, those for the first run and those that take longer. The costs are rough: seconds of processor time as
/// they were measured on tables of 150 to 145,000 rows, of fitting and, where it counts, of judging. A forest is always
/// among the first, with as many trees as fit.
pub(super) fn models(size: Size) -> Vec<Line> {
    let (n, f, k) = (size.train as f64, size.features as f64, size.classes as f64);
    let sorting = n * n.max(2.0).log2();
    let per_tree = sorting * f.sqrt() * 1e-9;
    let most = if size.train <= 20_000 { 200 } else { 100 };
    let trees = [200, 100, 50, 20].into_iter().find(|&t| t <= most && f64::from(t) * per_tree <= BUDGET).unwrap_or(10);
    let tree = sorting * f * 2e-9;
    // A Newton step builds and solves a system with one unknown for each class and column.
    let unknowns = if size.classes == 2 { f } else { f * k };
    let logistic = (n + unknowns) * unknowns * unknowns * 6e-9;
    let network = n * (f + 100.0 + k) * 100.0 * 1.2e-9;
    // The silhouette compares every judged row with every other.
    let judged = size.judged as f64;
    let k_means = n * f * k * 4e-8 + judged * judged * f * 1.5e-10;
    let clusters = size.classes.min(size.train / 2).max(1);
    let weight = if size.uneven { ", class_weight: balanced" } else { "" };
    let line = |kind, parameters: String, note, cost: f64| Line { kind, parameters, note, on: cost <= BUDGET };
    // Of few rows too few would be held back to stop by.
    let stopping = if size.train >= 200 { ", early_stopping: true" } else { "" };
    let alone = if size.uneven { "class_weight: balanced" } else { "" };
    vec![
        line("random_forest", format!("{{n_estimators: {trees}{weight}}}"), "", 0.0),
        line("decision_tree", format!("{{max_depth: 12{weight}}}"), "what a single tree can do", tree),
        line("logistic_regression", format!("{{{alone}}}"), "what a linear model can do", logistic),
        line("mlp", format!("{{hidden_layer_sizes: [100]{stopping}}}"), "a small network", network),
        line(
            "kmeans",
            format!("{{n_clusters: {clusters}, n_init: 10}}"),
            "a clustering: each cluster predicts the majority of its training rows",
            k_means,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(train: u64, features: u64, classes: u64) -> Vec<&'static str> {
        let size = Size { train, judged: train / 4, features, classes, uneven: true };
        models(size).into_iter().filter(|l| l.on).map(|l| l.kind).collect()
    }

    #[test]
    fn small_tables_get_all_models_and_large_ones_those_that_take_seconds() {
        assert_eq!(on(105, 4, 3), ["random_forest", "decision_tree", "logistic_regression", "mlp", "kmeans"]);
        assert_eq!(on(100_000, 114, 23), ["random_forest", "decision_tree", "mlp"]);
        assert_eq!(on(350_000, 80, 10), ["random_forest", "decision_tree"]);
        assert_eq!(on(50_000_000, 80, 10), ["random_forest"]);
        let large = models(Size { train: 50_000_000, judged: 1, features: 80, classes: 10, uneven: false });
        assert_eq!(large[0].parameters, "{n_estimators: 10}");
    }
}
