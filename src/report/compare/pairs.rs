//! Which of two models is better on the same rows, and whether that can be chance.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::gather::{MOST_WITH_ROWS, Predictions, Run};
use super::{Entry, better, resampled};
use crate::ml::metrics::Metric;
use crate::ml::metrics::paired::{Bootstrap, McNemar, Pairs, holm};

/// Beyond so many tests only winners are compared, and beyond that only with the baseline.
const MOST_PAIRS: usize = 150;

/// The level of significance.
pub(super) const LEVEL: f64 = 0.05;

/// Who is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The first.
    First,
    /// The second.
    Second,
    /// Neither, beyond what chance would give.
    Same,
}

/// Two entries on the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Index of one entry.
    pub first: usize,
    /// Index of the other.
    pub second: usize,
    /// Rows that both judged.
    pub rows: usize,
    /// McNemar's test.
    pub mcnemar: McNemar,
    /// Its p-value after Holm's correction for all tests of the comparison.
    pub p_adjusted: f64,
    /// Second less first, with the interval at 95 % of the paired bootstrap.
    pub differences: BTreeMap<Metric, (f64, [f64; 2])>,
    /// Who is better: the interval of the deciding metric leaves 0 out, McNemar's test says so too after Holm's
    /// correction, and both say the same.
    pub verdict: Verdict,
}

/// Tests pairs of entries; and why there are no more, where that is so.
pub(super) fn test(runs: &[Run], entries: &[Entry], baseline: usize, metric: Metric) -> (Vec<Pair>, Option<String>) {
    if entries.len() < 2 {
        return (Vec::new(), None);
    }
    if runs.len() > MOST_WITH_ROWS {
        let text = format!("tests are made for up to {MOST_WITH_ROWS} runs; compare fewer of them");
        return (Vec::new(), Some(text));
    }
    let said: Vec<Option<&Predictions>> = entries.iter().map(|e| runs[e.at].predictions.get(&e.model)).collect();
    let same_rows = |a: usize, b: usize| {
        let (Some(x), Some(y)) = (said[a], said[b]) else { return false };
        let (left, right) = (&runs[entries[a].at], &runs[entries[b].at]);
        left.classes == right.classes && x.row_ids == y.row_ids && x.y_true == y.y_true
    };
    let both = |keep: &dyn Fn(usize, usize) -> bool| {
        let ahead = |a: usize| (a + 1..entries.len()).map(move |b| (a, b));
        (0..entries.len()).flat_map(ahead).filter(|&(a, b)| keep(a, b)).collect::<Vec<_>>()
    };
    let winners = |a: usize, b: usize| entries[a].winner && entries[b].winner;
    let alike =
        |a: usize, b: usize| winners(a, b) || entries[a].model == entries[b].model || entries[a].at == entries[b].at;
    let mut wanted = both(&alike);
    let mut left: Option<String> = None;
    if wanted.len() > MOST_PAIRS {
        wanted = both(&winners);
        left = Some("only the winners of the runs are tested; compare fewer runs for all models".into());
        if runs.len() == 1 {
            wanted = both(&|a, b| entries[a].winner || entries[b].winner);
            left = Some("only the run's winner is tested against the other models, which are many".into());
        }
    }
    if wanted.len() > MOST_PAIRS {
        wanted = both(&|a, b| winners(a, b) && (a == baseline || b == baseline));
        left = Some("only the winners are tested, each against the baseline".into());
    }
    let asked = wanted.len();
    wanted.retain(|&(a, b)| same_rows(a, b));
    if wanted.len() < asked {
        left = Some(if wanted.is_empty() {
            "no two of them scored the same test rows, or their predictions are not there any more".into()
        } else {
            format!("{} of {asked} pairs did not score the same test rows", asked - wanted.len())
        });
    }
    let mut pairs: Vec<Pair> = wanted.par_iter().filter_map(|&(a, b)| pair(runs, entries, (a, b), metric)).collect();
    let p_values: Vec<f64> = pairs.iter().map(|p| p.mcnemar.p_value).collect();
    for (pair, p) in pairs.iter_mut().zip(holm(&p_values)) {
        pair.p_adjusted = p;
        pair.verdict = verdict(pair, metric);
    }
    (pairs, left)
}

fn pair(runs: &[Run], entries: &[Entry], (a, b): (usize, usize), metric: Metric) -> Option<Pair> {
    let of = |at: usize| runs[entries[at].at].predictions.get(&entries[at].model);
    let (x, y) = (of(a)?, of(b)?);
    let counted = Pairs::new(runs[entries[a].at].classes.len(), &x.y_true, &x.y_pred, &y.y_pred);
    let judgement = runs[entries[a].at].outline.models.iter().find(|m| m.name == entries[a].model)?.test.as_ref()?;
    let second = if resampled(metric, judgement) { metric } else { Metric::F1Macro };
    let differences = [Metric::Accuracy, second]
        .into_iter()
        .filter_map(|m| Some((m, counted.difference(m, &Bootstrap::default())?)))
        .collect();
    Some(Pair {
        first: a,
        second: b,
        rows: x.row_ids.len(),
        mcnemar: counted.mcnemar(),
        p_adjusted: 1.0,
        differences,
        verdict: Verdict::Same,
    })
}

fn verdict(pair: &Pair, metric: Metric) -> Verdict {
    let decides = pair.differences.get(&metric).or_else(|| pair.differences.values().last());
    let Some((difference, [low, high])) = decides else { return Verdict::Same };
    let sure = (*low > 0.0 || *high < 0.0) && pair.p_adjusted < LEVEL;
    // Metrics of a confusion matrix are all better when greater.
    let second = better(Metric::Accuracy, *difference, 0.0);
    let more_right = pair.mcnemar.only_second > pair.mcnemar.only_first;
    match (sure && second == more_right, second) {
        (false, _) => Verdict::Same,
        (true, true) => Verdict::Second,
        (true, false) => Verdict::First,
    }
}
