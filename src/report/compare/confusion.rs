//! What moved between true and predicted classes.

use serde::Serialize;

use super::page::{name_of, signed};
use super::{Comparison, Run};

/// Runs whose confusion is set against that of the baseline.
const MOST_CONFUSIONS: usize = 5;
/// Up to so many classes a difference of confusions is a matrix.
const MOST_CLASSES: usize = 12;
/// Changes listed of one.
const MOST_CHANGES: usize = 25;

#[derive(Serialize)]
pub(super) struct Confusion {
    first: String,
    second: String,
    classes: Vec<String>,
    matrix: Vec<Vec<ConfusionCell>>,
    changes: Vec<Change>,
    same_rows: bool,
    hidden: usize,
}

#[derive(Serialize)]
struct ConfusionCell {
    count: String,
    rate: String,
    weight: String,
    good: bool,
    bad: bool,
}

#[derive(Serialize)]
struct Change {
    class: String,
    predicted: String,
    before: u64,
    now: u64,
    difference: String,
    right: bool,
}

/// The baseline's confusion against that of the best others.
pub(super) fn confusions(runs: &[Run], made: &Comparison) -> Vec<Confusion> {
    let Some(start) = made.entries.get(made.baseline) else { return Vec::new() };
    let one_run = runs.len() == 1;
    let mut others: Vec<(usize, f64)> = made
        .entries
        .iter()
        .enumerate()
        .filter(|(i, e)| *i != made.baseline && (one_run || (e.winner && e.at != start.at)))
        .filter_map(|(i, e)| Some((i, *e.values.get(&made.metric)?)))
        .collect();
    others.sort_by(|a, b| made.metric.gain(b.1, a.1).total_cmp(&0.0));
    others.iter().take(MOST_CONFUSIONS).filter_map(|(i, _)| confusion(runs, made, *i)).collect()
}

fn confusion(runs: &[Run], made: &Comparison, other: usize) -> Option<Confusion> {
    let counts = |at: usize| {
        let entry = &made.entries[at];
        let run = &runs[entry.at];
        let found = run.outline.models.iter().find(|m| m.name == entry.model)?.test.as_ref()?;
        Some((&run.classes, &found.confusion.counts))
    };
    let ((classes, before), (other_classes, now)) = (counts(made.baseline)?, counts(other)?);
    if classes.is_empty() || classes != other_classes || before.len() != now.len() || before.len() != classes.len() {
        return None;
    }
    let sums = |m: &[Vec<u64>]| m.iter().map(|line| line.iter().sum::<u64>()).collect::<Vec<_>>();
    let (supports, now_supports) = (sums(before), sums(now));
    let k = classes.len();
    let mut changes: Vec<(usize, usize, i64)> = Vec::new();
    let mut matrix = Vec::new();
    for t in 0..k {
        let mut line = Vec::new();
        for p in 0..k {
            let difference = now[t][p].cast_signed() - before[t][p].cast_signed();
            if difference != 0 {
                changes.push((t, p, difference));
            }
            if k <= MOST_CLASSES {
                let share = |count: u64, of: u64| if of == 0 { 0.0 } else { count as f64 / of as f64 };
                let rate = share(now[t][p], now_supports[t]) - share(before[t][p], supports[t]);
                // More rows on the diagonal are good, more beside it are not.
                let gain = if t == p { rate } else { -rate };
                line.push(ConfusionCell {
                    count: if difference == 0 { "0".into() } else { format!("{difference:+}").replace('-', "−") },
                    rate: signed(rate),
                    weight: format!("{:.2}", (rate.abs() * 4.0).min(1.0)),
                    good: gain > 0.0,
                    bad: gain < 0.0,
                });
            }
        }
        if k <= MOST_CLASSES {
            matrix.push(line);
        }
    }
    changes.sort_by_key(|(t, p, d)| (std::cmp::Reverse(d.abs()), *t, *p));
    let hidden = changes.len().saturating_sub(MOST_CHANGES);
    let listed = changes.iter().take(MOST_CHANGES).map(|&(t, p, d)| Change {
        class: classes[t].clone(),
        predicted: classes[p].clone(),
        before: before[t][p],
        now: now[t][p],
        difference: format!("{d:+}").replace('-', "−"),
        right: t == p,
    });
    Some(Confusion {
        first: name_of(made, made.baseline),
        second: name_of(made, other),
        classes: if k <= MOST_CLASSES { classes.clone() } else { Vec::new() },
        changes: listed.collect(),
        matrix,
        same_rows: supports == now_supports,
        hidden,
    })
}
