//! The published CSV files: the columns that older scripts read come first, in their order; ours follow.

use serde_json::{Value as Json, json};

use super::table::no_formula;
use crate::ml::metrics::{Judgement, Metric};

/// The models of a run with their metrics on one part.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// Class names by index.
    pub classes: &'a [String],
    /// Name, kind and metrics of every model, in the order of the experiment.
    pub rows: Vec<(&'a str, &'a str, &'a Judgement)>,
}

/// A number as the files have it: the shortest text that reads back equal, always with a point or an exponent.
#[must_use]
pub fn number(value: f64) -> String {
    format!("{value:?}")
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn metric(judgement: &Judgement, metric: Metric) -> String {
    judgement.get(metric).map(number).unwrap_or_default()
}

fn list(values: impl Iterator<Item = Json>) -> String {
    Json::Array(values.collect()).to_string()
}

fn lines(header: &[String], rows: Vec<Vec<String>>) -> String {
    let mut out = String::new();
    for row in std::iter::once(header.to_vec()).chain(rows) {
        out.push_str(&row.iter().map(|c| cell(c)).collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

const PUBLISHED: [Metric; 5] =
    [Metric::Accuracy, Metric::PrecisionWeighted, Metric::RecallWeighted, Metric::F1Weighted, Metric::RocAucOvr];
const PUBLISHED_CLUSTER: [Metric; 4] =
    [Metric::Silhouette, Metric::CalinskiHarabasz, Metric::DaviesBouldin, Metric::Inertia];

/// `multiclass/multiclass_metrics_summary.csv`. Lists and maps are JSON; a metric that does not apply or is undefined
/// is an empty cell.
#[must_use]
pub fn multiclass_csv(summary: &Summary<'_>) -> String {
    let ours: Vec<Metric> = Metric::ALL
        .iter()
        .copied()
        .filter(|m| !PUBLISHED.contains(m) && !PUBLISHED_CLUSTER.contains(m) && !m.word().starts_with("group_"))
        .collect();
    let per_class = ["precision", "recall", "f1", "support"];
    let mut header = vec!["model".to_owned()];
    header.extend(PUBLISHED.iter().map(|m| m.word().to_owned()));
    header.push("confusion_matrix".into());
    header.extend(per_class.iter().map(|p| format!("{p}_per_class")));
    header.extend(PUBLISHED_CLUSTER.iter().map(|m| m.word().to_owned()));
    header.push("cluster_label_map".into());
    header.push("kind".into());
    header.extend(ours.iter().map(|m| m.word().to_owned()));
    header.extend(["clusters", "noise_rows", "rows", "classes"].map(str::to_owned));
    let rows = summary
        .rows
        .iter()
        .map(|(name, kind, j)| {
            let mut row = vec![no_formula(name)];
            row.extend(PUBLISHED.iter().map(|m| metric(j, *m)));
            row.push(json!(j.confusion.counts).to_string());
            row.push(list(j.per_class.iter().map(|c| json!(c.precision))));
            row.push(list(j.per_class.iter().map(|c| json!(c.recall))));
            row.push(list(j.per_class.iter().map(|c| json!(c.f1))));
            row.push(list(j.per_class.iter().map(|c| json!(c.support))));
            row.extend(PUBLISHED_CLUSTER.iter().map(|m| metric(j, *m)));
            row.push(j.clusters.as_ref().map(|c| json!(c.classes).to_string()).unwrap_or_default());
            row.push((*kind).to_owned());
            row.extend(ours.iter().map(|m| metric(j, *m)));
            row.push(j.clusters.as_ref().map(|c| c.found.to_string()).unwrap_or_default());
            row.push(j.clusters.as_ref().map(|c| c.noise.to_string()).unwrap_or_default());
            row.push(j.rows.to_string());
            row.push(json!(summary.classes).to_string());
            row
        })
        .collect();
    lines(&header, rows)
}

/// `binary_label/label_from_type_metrics.csv`: the coarse label read off the predicted class.
#[must_use]
pub fn label_csv(summary: &Summary<'_>) -> String {
    let columns = [
        ("accuracy", Metric::GroupAccuracy),
        ("precision", Metric::GroupPrecision),
        ("recall", Metric::GroupRecall),
        ("f1", Metric::GroupF1),
        ("roc_auc", Metric::GroupRocAuc),
        ("average_precision", Metric::GroupAveragePrecision),
        ("brier_score_loss", Metric::GroupBrier),
        ("matthews_corrcoef", Metric::GroupMcc),
        ("false_positive_rate", Metric::GroupFalsePositiveRate),
    ];
    let mut header = vec!["model".to_owned()];
    header.extend(columns.iter().map(|(name, _)| (*name).to_owned()));
    let rows = summary
        .rows
        .iter()
        .map(|(name, _, j)| {
            let mut row = vec![no_formula(name)];
            row.extend(columns.iter().map(|(_, m)| metric(j, *m)));
            row
        })
        .collect();
    lines(&header, rows)
}

/// `binary_label/recall_by_class.csv`: how far each class was told from the other groups, one row per model and class.
#[must_use]
pub fn class_recall_csv(summary: &Summary<'_>) -> String {
    let header = ["model", "class", "group", "support", "found", "recall", "group_recall"].map(str::to_owned);
    let mut rows = Vec::new();
    for (name, _, judgement) in &summary.rows {
        for row in &judgement.group_recalls {
            rows.push(vec![
                no_formula(name),
                no_formula(&row.class),
                no_formula(&row.group),
                row.support.to_string(),
                row.found.to_string(),
                number(row.recall),
                number(row.group_recall),
            ]);
        }
    }
    lines(&header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_equal_and_cells_are_quoted() {
        for value in [0.1 + 0.2, 1.0, 1e-300, 35.565_072_754_730_15] {
            assert_eq!(number(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
        assert_eq!(number(1.0), "1.0");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
