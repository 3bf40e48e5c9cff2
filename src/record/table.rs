//! The table of models and metrics as text for other programs and for papers.

use serde_json::{Map, Value as Json, json};

use super::{RunRecord, number};
use crate::ml::metrics::{Judgement, Metric};

/// Models by metrics, on one part.
#[derive(Clone, Debug)]
pub struct MetricsTable<'a> {
    run: &'a RunRecord,
    part: &'static str,
    metrics: Vec<Metric>,
    rows: Vec<(&'a str, &'a str, &'a Judgement)>,
}

impl<'a> MetricsTable<'a> {
    /// The models of `part` (`test` or `validation`) with those of `metrics` that at least one of them has.
    #[must_use]
    pub fn new(run: &'a RunRecord, part: &'static str, metrics: &[Metric]) -> Self {
        let judged =
            |m: &'a super::ModelResult| if part == "validation" { m.validation.as_ref() } else { m.test.as_ref() };
        let rows: Vec<_> =
            run.models.iter().filter_map(|m| Some((m.name.as_str(), m.kind.as_str(), judged(m)?))).collect();
        let there = |metric: &Metric| rows.iter().any(|(_, _, j)| j.values.contains_key(metric));
        let metrics = metrics.iter().copied().filter(there).collect();
        Self { run, part, metrics, rows }
    }

    /// Whether no model was judged on the part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// CSV: `model`, `kind`, `part`, `rows`, the metrics; every figure reads back equal, one that is not defined is an
    /// empty cell. No cell is taken for a formula by a spreadsheet.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::from("model,kind,part,rows");
        for metric in &self.metrics {
            out.push(',');
            out.push_str(metric.word());
        }
        out.push('\n');
        for (name, kind, judgement) in &self.rows {
            out.push_str(&format!("{},{},{},{}", text_cell(name), text_cell(kind), self.part, judgement.rows));
            for metric in &self.metrics {
                out.push(',');
                out.push_str(&judgement.get(*metric).map(number).unwrap_or_default());
            }
            out.push('\n');
        }
        out
    }

    /// JSON: the run and its models, each with all the metrics of the table; `null` where one is not defined.
    #[must_use]
    pub fn json(&self) -> String {
        let models: Vec<Json> = self
            .rows
            .iter()
            .map(|(name, kind, judgement)| {
                let values: Map<String, Json> =
                    self.metrics.iter().map(|m| (m.word().to_owned(), json!(judgement.get(*m)))).collect();
                json!({"model": name, "kind": kind, "rows": judgement.rows, "metrics": values})
            })
            .collect();
        let winner = self.run.winner.as_ref().map(|w| w.model.as_str());
        let document = json!({
            "run": self.run.volatile.run, "name": self.run.name, "part": self.part, "winner": winner, "models": models,
        });
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Figures with four digits after the point, and whether each is the best of its metric.
    fn figures(&self) -> Vec<Vec<(String, bool)>> {
        let best: Vec<Option<f64>> = self
            .metrics
            .iter()
            .map(|m| {
                let values = self.rows.iter().filter_map(|(_, _, j)| j.get(*m));
                values.reduce(|a, b| if m.gain(b, a) > 0.0 { b } else { a })
            })
            .collect();
        let shown = |value: f64| if value.abs() >= 1000.0 { format!("{value:.1}") } else { format!("{value:.4}") };
        let row = |j: &Judgement| {
            let figure = |(m, best): (&Metric, &Option<f64>)| match j.get(*m) {
                // What looks the same is the same to the reader.
                Some(value) => (shown(value), self.rows.len() > 1 && best.map(shown) == Some(shown(value))),
                None => (String::new(), false),
            };
            self.metrics.iter().zip(&best).map(figure).collect()
        };
        self.rows.iter().map(|(_, _, j)| row(j)).collect()
    }

    /// A Markdown table, the best of each metric in bold.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("| model ({}, {} rows) |", self.part, self.rows.first().map_or(0, |r| r.2.rows));
        for metric in &self.metrics {
            out.push_str(&format!(" {} |", metric.word()));
        }
        out.push_str("\n| --- |");
        out.push_str(&" ---: |".repeat(self.metrics.len()));
        out.push('\n');
        for ((name, _, _), figures) in self.rows.iter().zip(self.figures()) {
            out.push_str(&format!("| {} |", markdown(name)));
            for (figure, best) in figures {
                match (figure.is_empty(), best) {
                    (true, _) => out.push_str(" – |"),
                    (false, true) => out.push_str(&format!(" **{figure}** |")),
                    (false, false) => out.push_str(&format!(" {figure} |")),
                }
            }
            out.push('\n');
        }
        out
    }

    /// A LaTeX table for the package booktabs, the best of each metric in bold.
    #[must_use]
    pub fn latex(&self) -> String {
        let rows = self.rows.first().map_or(0, |r| r.2.rows);
        let mut out = String::from("\\begin{table}\n\\centering\n");
        out.push_str(&format!("\\caption{{{}: {} part, {rows} rows}}\n", latex(&self.run.name), self.part));
        out.push_str(&format!("\\begin{{tabular}}{{l{}}}\n\\toprule\nModel", "r".repeat(self.metrics.len())));
        for metric in &self.metrics {
            out.push_str(&format!(" & {}", latex(&metric.word().replace('_', " "))));
        }
        out.push_str(" \\\\\n\\midrule\n");
        for ((name, _, _), figures) in self.rows.iter().zip(self.figures()) {
            out.push_str(&latex(name));
            for (figure, best) in figures {
                match (figure.is_empty(), best) {
                    (true, _) => out.push_str(" & --"),
                    (false, true) => out.push_str(&format!(" & \\textbf{{{figure}}}")),
                    (false, false) => out.push_str(&format!(" & {figure}")),
                }
            }
            out.push_str(" \\\\\n");
        }
        out.push_str("\\bottomrule\n\\end{tabular}\n\\end{table}\n");
        out
    }
}

/// A text that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it.
pub(super) fn no_formula(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// A text as a cell of CSV that no spreadsheet takes for a formula.
#[must_use]
pub fn text_cell(text: &str) -> String {
    let safe = no_formula(text);
    if safe.contains([',', '"', '\n', '\r', ';', '\t']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

/// A text within Markdown, where some characters mean something.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '`' | '[' | ']' | '\\' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A text within LaTeX, where some characters are commands.
fn latex(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ml::metrics::{ConfusionMatrix, Value};
    use crate::record::ModelResult;

    fn record() -> RunRecord {
        let model = |name: &str, accuracy: f64, auc: Value| {
            let values = BTreeMap::from([(Metric::Accuracy, Value::Defined(accuracy)), (Metric::RocAucOvr, auc)]);
            let confusion = ConfusionMatrix { counts: vec![vec![10]] };
            let judgement =
                Judgement { rows: 10, values, confusion, per_class: vec![], clusters: None, group_recalls: vec![] };
            ModelResult { name: name.into(), kind: "knn".into(), validation: None, test: Some(judgement) }
        };
        let mut record = RunRecord::new();
        record.name = "50% of <it> & more_".into();
        record.models = vec![
            model("=1+1|\"x\", y", 0.9, Value::Defined(0.1 + 0.2)),
            model("plain_one", 0.900_01, Value::Undefined("one class".into())),
        ];
        record
    }

    #[test]
    fn csv_reads_back_and_is_no_formula() {
        let record = record();
        let table = MetricsTable::new(&record, "test", Metric::ALL);
        let want = "model,kind,part,rows,accuracy,roc_auc_ovr\n\
                    \"'=1+1|\"\"x\"\", y\",knn,test,10,0.9,0.30000000000000004\n\
                    plain_one,knn,test,10,0.90001,\n";
        assert_eq!(table.csv(), want);
        for formula in ["=A1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝A1"] {
            assert!(text_cell(formula).trim_start_matches('"').starts_with('\''), "{formula:?}");
        }
        assert_eq!(text_cell("a-b"), "a-b");
        assert!(MetricsTable::new(&record, "validation", Metric::ALL).is_empty());
    }

    #[test]
    fn json_has_null_for_what_is_not_defined() {
        let record = record();
        let json: Json = serde_json::from_str(&MetricsTable::new(&record, "test", Metric::ALL).json()).unwrap();
        assert_eq!(json["models"][1]["metrics"]["roc_auc_ovr"], Json::Null);
        assert_eq!(json["models"][0]["metrics"]["roc_auc_ovr"], json!(0.1 + 0.2));
    }

    #[test]
    fn tables_for_papers_escape_names_and_mark_the_best() {
        let record = record();
        let table = MetricsTable::new(&record, "test", &[Metric::Accuracy, Metric::RocAucOvr]);
        let want = "| model (test, 10 rows) | accuracy | roc_auc_ovr |\n| --- | ---: | ---: |\n\
                    | =1+1\\|\"x\", y | **0.9000** | **0.3000** |\n| plain_one | **0.9000** | – |\n";
        assert_eq!(table.markdown(), want);
        let latex = table.latex();
        assert!(latex.contains("\\caption{50\\% of \\textless{}it\\textgreater{} \\& more\\_: test part, 10 rows}"));
        assert!(latex.contains("plain\\_one & \\textbf{0.9000} & -- \\\\\n"), "{latex}");
        assert!(latex.contains("\\begin{tabular}{lrr}"), "{latex}");
    }
}
