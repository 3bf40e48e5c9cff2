//! Tables of models, classes and confusions.

use serde::Serialize;

use super::{Judged, Material, decimals, whole};
use crate::ml::metrics::{Metric, Value};
use crate::record::RunRecord;

#[derive(Serialize)]
pub(super) struct Metrics {
    columns: Vec<Column>,
    rows: Vec<Row>,
    rows_judged: String,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    low: bool,
    off: bool,
}

#[derive(Serialize)]
struct Row {
    model: String,
    kind: String,
    winner: bool,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    value: String,
    best: bool,
    why: String,
}

/// Every metric of every model on a part; those that the experiment does not name begin hidden.
pub(super) fn metrics(record: &RunRecord, judged: &[Judged<'_>], part: &str) -> Option<Metrics> {
    let rows_judged = whole(judged.first()?.test.rows as f64);
    let wanted: Option<Vec<Metric>> =
        record.experiment.pointer("/evaluate/metrics").and_then(|m| serde_json::from_value(m.clone()).ok());
    const FIT: [Metric; 7] = [
        Metric::Accuracy,
        Metric::F1Macro,
        Metric::F1Weighted,
        Metric::Mcc,
        Metric::RocAucOvr,
        Metric::GroupF1,
        Metric::Silhouette,
    ];
    let shown = |metric: Metric| wanted.as_deref().unwrap_or(&FIT).contains(&metric);
    let used: Vec<Metric> =
        Metric::ALL.iter().copied().filter(|m| judged.iter().any(|j| j.test.values.contains_key(m))).collect();
    // What is shown comes first.
    let mut ordered: Vec<Metric> = used.iter().copied().filter(|m| shown(*m)).collect();
    ordered.extend(used.iter().copied().filter(|m| !shown(*m)));
    let best = |metric: Metric| {
        let values = judged.iter().filter_map(|j| j.test.get(metric));
        values.reduce(|a, b| if metric.gain(b, a) > 0.0 { b } else { a })
    };
    let bests: Vec<Option<f64>> = ordered.iter().map(|m| if judged.len() > 1 { best(*m) } else { None }).collect();
    let winner = record.winner.as_ref().filter(|_| part == "test" || part == "validation").map(|w| w.model.as_str());
    let rows = judged
        .iter()
        .map(|j| Row {
            model: j.model.name.clone(),
            kind: j.model.kind.clone(),
            winner: winner == Some(j.model.name.as_str()),
            cells: ordered
                .iter()
                .zip(&bests)
                .map(|(metric, best)| match j.test.values.get(metric) {
                    Some(Value::Defined(v)) => {
                        Cell { text: decimals(*v), value: v.to_string(), best: Some(*v) == *best, why: String::new() }
                    }
                    Some(Value::Undefined(why)) => {
                        Cell { text: "–".into(), value: String::new(), best: false, why: why.clone() }
                    }
                    None => Cell { text: "–".into(), value: String::new(), best: false, why: String::new() },
                })
                .collect(),
        })
        .collect();
    let columns =
        ordered.iter().map(|m| Column { name: m.word(), low: !m.greater_is_better(), off: !shown(*m) }).collect();
    Some(Metrics { columns, rows, rows_judged })
}

/// Up to so many classes a confusion is a matrix.
const MATRIX: usize = 40;

#[derive(Serialize)]
pub(super) struct Confusion {
    model: String,
    classes: Vec<String>,
    /// Of every true class; empty with too many classes.
    rows: Vec<ConfusionRow>,
    /// The pairs of classes that are taken for one another most.
    worst: Vec<Mistake>,
    mistakes: u64,
}

#[derive(Serialize)]
struct ConfusionRow {
    class: String,
    support: u64,
    cells: Vec<Count>,
}

#[derive(Serialize)]
struct Count {
    n: u64,
    percent: String,
    share: String,
    own: bool,
}

#[derive(Serialize)]
struct Mistake {
    class: String,
    taken_for: String,
    n: u64,
    percent: String,
}

pub(super) fn confusions(judged: &[Judged<'_>], classes: &[String]) -> Vec<Confusion> {
    let one = |j: &Judged<'_>| {
        let counts = &j.test.confusion.counts;
        let percent = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 * 100.0 };
        let shown = |p: f64| if p > 0.0 && p < 0.1 { "<0.1".to_owned() } else { format!("{p:.1}") };
        let mut worst: Vec<(u64, usize, usize, u64)> = Vec::new();
        for (t, row) in counts.iter().enumerate() {
            let support = row.iter().sum();
            worst.extend(row.iter().enumerate().filter(|&(p, &n)| p != t && n > 0).map(|(p, &n)| (n, t, p, support)));
        }
        worst.sort_by_key(|&(n, t, p, _)| (std::cmp::Reverse(n), t, p));
        let rows = if classes.len() > MATRIX { &[][..] } else { &counts[..] };
        Confusion {
            model: j.model.name.clone(),
            classes: if rows.is_empty() { Vec::new() } else { classes.to_vec() },
            rows: rows
                .iter()
                .enumerate()
                .map(|(t, row)| {
                    let support = row.iter().sum();
                    let cell = |(p, &n): (usize, &u64)| {
                        let share = percent(n, support);
                        Count { n, percent: shown(share), share: format!("{:.2}", share / 100.0), own: p == t }
                    };
                    ConfusionRow {
                        class: classes[t].clone(),
                        support,
                        cells: row.iter().enumerate().map(cell).collect(),
                    }
                })
                .collect(),
            mistakes: worst.iter().map(|w| w.0).sum(),
            worst: worst
                .into_iter()
                .take(10)
                .map(|(n, t, p, support)| Mistake {
                    class: classes[t].clone(),
                    taken_for: classes[p].clone(),
                    n,
                    percent: shown(percent(n, support)),
                })
                .collect(),
        }
    };
    judged.iter().map(one).collect()
}

#[derive(Serialize)]
pub(super) struct PerClass {
    model: String,
    rows: Vec<ClassRow>,
}

#[derive(Serialize)]
struct ClassRow {
    class: String,
    scores: Vec<Score>,
    support: u64,
    remark: &'static str,
}

#[derive(Serialize)]
struct Score {
    text: String,
    share: String,
}

fn score(value: f64) -> Score {
    Score { text: format!("{value:.3}"), share: format!("{value:.2}") }
}

pub(super) fn per_class(judged: &[Judged<'_>], classes: &[String]) -> Vec<PerClass> {
    let row = |(class, s): (&String, &crate::ml::metrics::ClassScores)| ClassRow {
        class: class.clone(),
        scores: vec![score(s.precision), score(s.recall), score(s.f1)],
        support: s.support,
        remark: match (s.no_support, s.never_predicted) {
            (true, _) => "no row in the test part",
            (_, true) => "never predicted",
            _ => "",
        },
    };
    judged
        .iter()
        .map(|j| PerClass {
            model: j.model.name.clone(),
            rows: classes.iter().zip(&j.test.per_class).map(row).collect(),
        })
        .collect()
}

#[derive(Serialize)]
pub(super) struct Recalls {
    model: String,
    rows: Vec<RecallRow>,
}

#[derive(Serialize)]
struct RecallRow {
    class: String,
    group: String,
    support: u64,
    found: u64,
    recall: Score,
}

/// How far each class was told from the other groups.
pub(super) fn recalls(judged: &[Judged<'_>]) -> Vec<Recalls> {
    judged
        .iter()
        .filter(|j| !j.test.group_recalls.is_empty())
        .map(|j| Recalls {
            model: j.model.name.clone(),
            rows: j
                .test
                .group_recalls
                .iter()
                .map(|r| RecallRow {
                    class: r.class.clone(),
                    group: r.group.clone(),
                    support: r.support,
                    found: r.found,
                    recall: score(r.recall),
                })
                .collect(),
        })
        .collect()
}

#[derive(Serialize)]
pub(super) struct Areas {
    models: Vec<String>,
    rows: Vec<AreaRow>,
}

#[derive(Serialize)]
struct AreaRow {
    class: String,
    support: u64,
    /// Area under the ROC curve and average precision of every model.
    cells: Vec<[String; 2]>,
}

/// Areas under both curves by class and model.
pub(super) fn areas(judged: &[Judged<'_>], material: &Material) -> Option<Areas> {
    let with: Vec<_> = judged
        .iter()
        .filter_map(|j| Some((j.model.name.clone(), material.exam(&j.model.name)?)))
        .filter(|(_, exam)| !exam.curves.is_empty())
        .collect();
    let first = with.first()?.1;
    let rows = first
        .curves
        .iter()
        .map(|c| AreaRow {
            class: first.classes[c.class as usize].clone(),
            support: c.support,
            cells: with
                .iter()
                .map(|(_, exam)| match exam.curves.iter().find(|other| other.class == c.class) {
                    Some(found) => [decimals(found.roc_auc), decimals(found.average_precision)],
                    None => ["–".into(), "–".into()],
                })
                .collect(),
        })
        .collect();
    Some(Areas { models: with.into_iter().map(|(name, _)| name).collect(), rows })
}
