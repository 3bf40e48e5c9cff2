//! Runs side by side: what differs in their experiments, their metrics, and whether a difference can be chance.

mod confusion;
mod dots;
mod gather;
mod page;
mod pairs;
mod sweep;
mod timings;
mod words;

pub use gather::{Gathered, Predictions, Run, gather};
pub use page::compare_page;
pub use pairs::{Pair, Verdict};
pub(super) use words::short;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use crate::digest::Digest;
use crate::ml::metrics::paired::{Bootstrap, interval, of_confusion, wilson};
use crate::ml::metrics::{Judgement, Metric};
use crate::plan::{Varied, variations};
use crate::record::{RunStatus, WinnerRecord};

/// Runs that are compared where none is named: the latest.
pub const LATEST: usize = 10;

/// Up to so many judged models each gets a line; beyond that only the winner of every run.
const MOST_ENTRIES: usize = 100;

/// A model of a run with its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Index of the run.
    #[serde(skip)]
    pub at: usize,
    /// Run id.
    pub run: String,
    /// The experiment's name.
    pub name: String,
    /// The model.
    pub model: String,
    /// Whether it won its run.
    pub winner: bool,
    /// Rows judged.
    pub rows: u64,
    /// Every metric that is defined.
    pub values: BTreeMap<Metric, f64>,
    /// Intervals at 95 %.
    pub intervals: BTreeMap<Metric, [f64; 2]>,
}

/// Runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The runs, in the order asked for.
    pub runs: Vec<String>,
    /// What the reader must know first.
    pub cautions: Vec<String>,
    /// Where the experiments differ; their names and descriptions are left out.
    pub config: Vec<Varied>,
    /// The metric that decides.
    pub metric: Metric,
    /// Index of the entry that the others are compared with.
    pub baseline: usize,
    /// The models.
    pub entries: Vec<Entry>,
    /// Whether the intervals are from resampled rows; else only those of the accuracy are there, by Wilson's formula.
    pub bootstrapped: bool,
    /// Paired tests, where two entries judged the same rows.
    pub pairs: Vec<Pair>,
    /// Why there are no more tests, where that is so.
    pub untested: Option<String>,
    /// Whether the runs are ranked by their validation parts; else by their test parts.
    pub ranked_on_validation: bool,
    /// Index of the best entry and of the next best of another run (of the same run where there is one only).
    pub best: Option<(usize, Option<usize>)>,
    /// The outcome in a sentence.
    pub verdict: String,
}

/// The part that is compared: the test part.
fn judged(run: &Run) -> impl Iterator<Item = (usize, &Judgement)> {
    run.outline.models.iter().enumerate().filter_map(|(i, m)| Some((i, m.test.as_ref()?)))
}

/// The metric that decides: that of the runs, where a confusion matrix gives it or there is no other way.
fn deciding(runs: &[Run]) -> Metric {
    let first: Option<&WinnerRecord> = runs.iter().find_map(|r| r.outline.winner.as_ref());
    first.map_or(Metric::F1Macro, |w| w.metric)
}

fn better(metric: Metric, a: f64, b: f64) -> bool {
    metric.gain(a, b) > 0.0
}

/// The model that stands for a run: its winner, else the one with the best value.
fn representative(run: &Run, metric: Metric) -> Option<usize> {
    let won = run.outline.winner.as_ref().map(|w| w.model.as_str());
    let value = |j: &Judgement| j.get(metric);
    judged(run).find(|(i, _)| Some(run.outline.models[*i].name.as_str()) == won).map(|(i, _)| i).or_else(|| {
        judged(run)
            .filter_map(|(i, j)| Some((i, value(j)?)))
            .reduce(|a, b| if better(metric, b.1, a.1) { b } else { a })
            .or_else(|| judged(run).next().map(|(i, _)| (i, 0.0)))
            .map(|(i, _)| i)
    })
}

/// Puts runs side by side. `baseline` is the index of the run that the others are compared with.
///
/// Nothing but the records and predictions decides on what comes out.
#[must_use]
pub fn compare(gathered: &Gathered, baseline: usize) -> Comparison {
    let runs = &gathered.runs;
    let metric = deciding(runs);
    let total: usize = runs.iter().map(|r| judged(r).count()).sum();
    let all = total <= MOST_ENTRIES;
    let chosen: Vec<(usize, usize)> = runs
        .iter()
        .enumerate()
        .flat_map(|(r, run)| {
            let winner = representative(run, metric);
            judged(run)
                .map(|(m, _)| m)
                .filter(move |m| all || Some(*m) == winner)
                .map(move |m| (r, m))
                .collect::<Vec<_>>()
        })
        .collect();
    let entries: Vec<Entry> = chosen
        .par_iter()
        .filter_map(|&(r, m)| entry(&runs[r], r, m, metric, all, representative(&runs[r], metric) == Some(m)))
        .collect();
    let start = entries
        .iter()
        .position(|e| e.at == baseline && e.winner)
        .or_else(|| entries.iter().position(|e| e.at == baseline))
        .unwrap_or(0);
    let (pairs, untested) = pairs::test(runs, &entries, start, metric);
    let mut made = Comparison {
        runs: runs.iter().map(|r| r.id.clone()).collect(),
        cautions: Vec::new(),
        config: config(runs),
        metric,
        baseline: start,
        ranked_on_validation: chosen_on_validation(runs, metric),
        best: best(runs, &entries, metric),
        entries,
        bootstrapped: all,
        pairs,
        untested,
        verdict: String::new(),
    };
    made.cautions = cautions(gathered, &made);
    made.verdict = made.sentence(|id| id);
    made
}

fn entry(run: &Run, at: usize, model: usize, metric: Metric, bootstrapped: bool, winner: bool) -> Option<Entry> {
    let result = run.outline.models.get(model)?;
    let judgement = result.test.as_ref()?;
    let mut intervals = BTreeMap::new();
    if bootstrapped {
        for metric in BTreeSet::from([metric, Metric::Accuracy, Metric::F1Macro]) {
            if let Some(found) = interval(&judgement.confusion, metric, &Bootstrap::default()) {
                intervals.insert(metric, found);
            }
        }
    } else {
        let right = judgement.confusion.counts.iter().enumerate().map(|(c, line)| line.get(c).copied().unwrap_or(0));
        intervals.insert(Metric::Accuracy, wilson(right.sum(), judgement.confusion.total()));
    }
    Some(Entry {
        at,
        run: run.id.clone(),
        name: run.outline.name.clone(),
        model: result.name.clone(),
        winner,
        rows: judgement.rows,
        values: judgement.values.iter().filter_map(|(m, v)| Some((*m, v.get()?))).collect(),
        intervals,
    })
}

/// Where the experiments differ. Names and descriptions say nothing about what was done.
fn config(runs: &[Run]) -> Vec<Varied> {
    let documents: Vec<_> = runs.iter().map(|r| &r.outline.experiment).collect();
    let mut found = variations(&documents);
    found.retain(|v| !matches!(v.field.as_str(), "name" | "description"));
    found
}

/// What decided on the winners of all runs: a validation part, the same for all, comes before the test part.
fn chosen_on_validation(runs: &[Run], metric: Metric) -> bool {
    runs.len() > 1
        && runs.iter().all(|r| r.outline.winner.as_ref().is_some_and(|w| w.part == "validation" && w.metric == metric))
}

fn best(runs: &[Run], entries: &[Entry], metric: Metric) -> Option<(usize, Option<usize>)> {
    let validation = chosen_on_validation(runs, metric);
    let value = |e: &Entry| match (validation, &runs[e.at].outline.winner) {
        (true, Some(winner)) => Some(winner.value),
        _ => e.values.get(&metric).copied(),
    };
    let one_each = runs.len() > 1;
    let mut order: Vec<(usize, f64)> = entries
        .iter()
        .enumerate()
        .filter(|(_, e)| !one_each || e.winner)
        .filter_map(|(i, e)| Some((i, value(e)?)))
        .collect();
    // Stable: of equal ones the first.
    order.sort_by(|a, b| metric.gain(b.1, a.1).total_cmp(&0.0));
    let first = order.first()?.0;
    Some((first, order.get(1).map(|o| o.0)))
}

impl Comparison {
    /// The test of two entries, whichever came first.
    #[must_use]
    pub fn pair(&self, a: usize, b: usize) -> Option<&Pair> {
        self.pairs.iter().find(|p| (p.first, p.second) == (a, b) || (p.first, p.second) == (b, a))
    }

    /// The outcome, with runs as `name` writes their ids.
    fn sentence(&self, name: impl Fn(&str) -> &str) -> String {
        let Some((first, second)) = self.best else { return "no run has a judged model".into() };
        let word = self.metric.word();
        let shown = |at: usize| {
            let entry = &self.entries[at];
            let value = entry.values.get(&self.metric).map_or_else(|| "undefined".into(), |v| format!("{v:.4}"));
            let of = if self.runs.len() > 1 { format!(" of {}", name(&entry.run)) } else { String::new() };
            format!("{}{of} ({word} {value} on test)", entry.model)
        };
        let Some(second) = second else { return shown(first) };
        let ranked = if self.ranked_on_validation { ", ranked by validation" } else { "" };
        let both = format!("{} before {}{ranked}", shown(first), shown(second));
        match self.pair(first, second) {
            None => format!("{both}; whether that is more than chance was not tested"),
            Some(pair) if pair.verdict == Verdict::Same => format!("no significant winner: {both}"),
            Some(pair) => {
                let won = if pair.verdict == Verdict::First { pair.first } else { pair.second };
                if won == first {
                    format!("{both}: more than chance would give")
                } else {
                    format!("{both}; but on the test rows the second is better")
                }
            }
        }
    }
}

/// `1 run`, `2 runs`.
fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

fn cautions(gathered: &Gathered, made: &Comparison) -> Vec<String> {
    let runs = &gathered.runs;
    let mut out = Vec::new();
    let data: BTreeSet<(Vec<Digest>, Option<Digest>)> = runs
        .iter()
        .map(|r| {
            let files: Vec<Digest> = r.outline.data.iter().map(|f| f.digest).collect();
            // Simulated rows have no file: the key of the step that makes them tells them apart.
            let made = if files.is_empty() { r.outline.key("source") } else { None };
            (files, made)
        })
        .collect();
    let classes: BTreeSet<&[String]> =
        runs.iter().map(|r| r.classes.as_slice()).filter(|classes| !classes.is_empty()).collect();
    if data.len() > 1 {
        out.push(format!(
            "the runs read {} different data sets: their figures say nothing about each other",
            data.len()
        ));
    } else if let Some(text) = different_rows(runs, made) {
        out.push(text);
    }
    if classes.len() > 1 {
        out.push("the runs have different classes, so metrics over classes mean different things".into());
    }
    let metrics: BTreeSet<&str> = runs.iter().filter_map(|r| Some(r.outline.winner.as_ref()?.metric.word())).collect();
    if metrics.len() > 1 {
        let all: Vec<&str> = metrics.into_iter().collect();
        out.push(format!("the runs chose their winners by different metrics: {}", all.join(", ")));
    }
    let on_test = runs.iter().filter(|r| r.outline.winner.as_ref().is_some_and(|w| w.part == "test")).count();
    if on_test > 0 {
        out.push(format!(
            "{} chose the winner on the test part (S09), so the test figures flatter it",
            count(on_test, "run")
        ));
    }
    if runs.len() > 2 && !made.ranked_on_validation {
        out.push(format!(
            "the best of {} by its test figures would be worse on new rows; choose on a validation part",
            count(runs.len(), "run")
        ));
    }
    if let [run] = runs.as_slice()
        && made.entries.len() > 2
        && let Some(own) = run.outline.winner.as_ref().filter(|w| w.part != "test")
    {
        out.push(format!(
            "the models of one run are ranked by the test part here, so the best of {} flatters itself; the run chose {} on its \
             {} part",
            made.entries.len(),
            own.model,
            own.part
        ));
    }
    let failed = runs.iter().filter(|r| r.outline.status != RunStatus::Finished).count();
    if failed > 0 {
        out.push(format!("{} did not finish or had a step that failed", count(failed, "run")));
    }
    let versions: BTreeSet<&str> = runs.iter().map(|r| r.outline.version.as_str()).collect();
    if versions.len() > 1 {
        let all: Vec<&str> = versions.into_iter().collect();
        out.push(format!("the runs were made by different versions of runner: {}", all.join(", ")));
    }
    for (id, problem) in &gathered.left_out {
        out.push(format!("{id} is left out: {problem}"));
    }
    out
}

/// Whether runs of the same data judged different rows: by their row ids where those were read, else by the key of the
/// split.
fn different_rows(runs: &[Run], made: &Comparison) -> Option<String> {
    let rows: Vec<Option<Digest>> = runs.iter().map(Run::rows).collect();
    if rows.iter().all(Option::is_some) {
        let kinds: BTreeSet<_> = rows.into_iter().collect();
        return (kinds.len() > 1).then(|| {
            format!("the runs judged {} different sets of test rows: part of a difference is the rows'", kinds.len())
        });
    }
    let keys: BTreeSet<_> = runs.iter().map(|r| r.outline.key("split")).collect();
    let sizes: BTreeSet<u64> = made.entries.iter().map(|e| e.rows).collect();
    match (keys.len(), sizes.len()) {
        (_, 2..) => Some("the runs judged different numbers of test rows: part of a difference is the rows'".into()),
        (2.., _) => Some(format!(
            "the runs differ before or in the split ({} ways), so they may have judged different rows",
            keys.len()
        )),
        _ => None,
    }
}

/// Whether a metric can be resampled from the predicted classes.
fn resampled(metric: Metric, judgement: &Judgement) -> bool {
    of_confusion(&judgement.confusion, metric).is_some()
}
