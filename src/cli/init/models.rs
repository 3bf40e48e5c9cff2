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
const BUDGET: f64 = 10.0;

pub(super) fn models(size: Size) -> Vec<Line> {
    let (n, f, k) = (size.train as f64, size.features as f64, size.classes as f64);
    let trees = if size.train <= 20_000 { 200 } else { 100 };
    let layers = 100.0;
    let clusters = size.classes.min(size.train / 2).max(1);
    // Rough costs, in seconds, of fitting and judging; docs/init.md says what they were measured on.
    let forest = f64::from(trees) * n * n.max(2.0).log2() * f.sqrt() * 6e-10;
    let tree = n * n.max(2.0).log2() * f * 1e-9;
    let logistic = n * f * f.max(k) * k * 4e-10;
    let network = n * (f + layers + k) * layers * 40.0 * 2e-10;
    let judged = size.judged as f64;
    let k_means = n * f * k * 10.0 * 20.0 * 3e-11 + judged * judged * f * 1.2e-9;
    let weight = if size.uneven { ", class_weight: balanced" } else { "" };
    let line = |kind, parameters: String, note, cost: f64| Line { kind, parameters, note, on: cost <= BUDGET };
    let alone = if size.uneven { "class_weight: balanced" } else { "" };
    vec![
        line("random_forest", format!("{{n_estimators: {trees}{weight}}}"), "", forest),
        line("decision_tree", format!("{{max_depth: 12{weight}}}"), "what a single tree can do", tree),
        line("logistic_regression", format!("{{{alone}}}"), "what a linear model can do", logistic),
        line("mlp", "{hidden_layer_sizes: [100], early_stopping: true}".into(), "a small network", network),
        line(
            "kmeans",
            format!("{{n_clusters: {clusters}, n_init: 10}}"),
            "a clustering: each cluster predicts the majority of its training rows",
            k_means,
        ),
    ]
}
