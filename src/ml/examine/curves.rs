//! ROC and precision-recall curves, calibration, and the operating curve of the positive group.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::drawn;
use crate::ml::Grouping;

/// Points of a curve that is drawn.
const POINTS: usize = 80;
/// Points are kept for the classes with the most rows only.
const CLASSES: usize = 12;

/// One class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCurves {
    /// Its index.
    pub class: u32,
    /// Its rows.
    pub support: u64,
    /// Area under the whole ROC curve, by trapezoids.
    pub roc_auc: f64,
    /// Area under the whole precision-recall curve, in steps.
    pub average_precision: f64,
    /// (false positive rate, true positive rate), thinned; empty beyond the classes that are drawn.
    pub roc: Vec<[f64; 2]>,
    /// (recall, precision), thinned.
    pub pr: Vec<[f64; 2]>,
}

/// Rows whose greatest probability lies in a bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Rows.
    pub rows: u64,
    /// Those predicted right.
    pub right: u64,
    /// Mean of the greatest probability.
    pub confidence: f64,
}

/// The positive group against the rest, over thresholds of its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operating {
    /// Rows of the positive group.
    pub positives: u64,
    /// The others.
    pub negatives: u64,
    /// (threshold, true positives, false positives): rows with at least that probability; falling thresholds, thinned.
    pub points: Vec<(f64, u64, u64)>,
}

/// (threshold, true positives, false positives) of every distinct score, from the greatest down.
fn steps(positive: impl Fn(usize) -> bool, scores: &[f64]) -> Vec<(f64, u64, u64)> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
    let mut out: Vec<(f64, u64, u64)> = Vec::new();
    let (mut hits, mut alarms) = (0, 0);
    for row in order {
        let row = row as usize;
        if positive(row) {
            hits += 1
        } else {
            alarms += 1
        }
        match out.last_mut() {
            // Both zeros are one score.
            Some(last) if last.0 == scores[row] => (last.1, last.2) = (hits, alarms),
            _ => out.push((scores[row], hits, alarms)),
        }
    }
    out
}

/// The curves of every class that has rows and is not alone, by class index.
#[must_use]
pub fn class_curves(y: &[u32], probabilities: ArrayView2<f64>) -> Vec<ClassCurves> {
    let rows = y.len();
    let mut supports = vec![0_u64; probabilities.ncols()];
    y.iter().for_each(|&c| supports[c as usize] += 1);
    let mut by_support: Vec<usize> = (0..supports.len()).collect();
    by_support.sort_by_key(|&c| (std::cmp::Reverse(supports[c]), c));
    by_support.truncate(CLASSES);
    let mut out = Vec::new();
    for (class, &support) in supports.iter().enumerate() {
        if support == 0 || support == rows as u64 {
            continue;
        }
        let scores = probabilities.column(class).to_vec();
        let steps = steps(|row| y[row] as usize == class, &scores);
        let (all, others) = (support as f64, rows as f64 - support as f64);
        let (mut area, mut precision, mut before) = (0.0, 0.0, (0, 0));
        for &(_, hits, alarms) in &steps {
            area += (alarms - before.1) as f64 * (hits + before.0) as f64;
            precision += (hits - before.0) as f64 * (hits as f64 / (hits + alarms) as f64);
            before = (hits, alarms);
        }
        let mut curves = ClassCurves {
            class: class as u32,
            support,
            roc_auc: area / (2.0 * all * others),
            average_precision: precision / all,
            roc: Vec::new(),
            pr: Vec::new(),
        };
        if by_support.contains(&class) {
            let roc = std::iter::once([0.0, 0.0])
                .chain(steps.iter().map(|&(_, hits, alarms)| [alarms as f64 / others, hits as f64 / all]));
            curves.roc = thinned(&roc.collect::<Vec<_>>());
            let first = steps.first().map_or(1.0, |&(_, hits, alarms)| hits as f64 / (hits + alarms) as f64);
            let pr = std::iter::once([0.0, first]).chain(
                steps.iter().map(|&(_, hits, alarms)| [hits as f64 / all, hits as f64 / (hits + alarms) as f64]),
            );
            curves.pr = thinned(&pr.collect::<Vec<_>>());
        }
        out.push(curves);
    }
    out
}

/// The points of a curve that lie far enough from the one before; both ends stay.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let far = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
    let length: f64 = points.windows(2).map(|w| far(w[0], w[1])).sum();
    let least = if points.len() > POINTS { length / POINTS as f64 } else { 0.0 };
    let mut out: Vec<[f64; 2]> = Vec::new();
    for (i, &point) in points.iter().enumerate() {
        if i == 0 || i + 1 == points.len() || out.last().is_none_or(|&last| far(last, point) > least) {
            out.push([drawn(point[0]), drawn(point[1])]);
        }
    }
    out
}

/// The 15 bins of the expected calibration error, see
/// [`expected_calibration_error`](crate::ml::metrics::calibration::expected_calibration_error).
#[must_use]
pub fn calibration(y: &[u32], probabilities: ArrayView2<f64>) -> Vec<Bin> {
    const BINS: usize = 15;
    let mut bins = vec![(0_u64, 0_u64, 0.0); BINS];
    for (&label, row) in y.iter().zip(probabilities.outer_iter()) {
        let mut best = (0, row[0]);
        for (class, &p) in row.iter().enumerate() {
            if p > best.1 {
                best = (class, p);
            }
        }
        let bin = (1..BINS).take_while(|&m| best.1 > m as f64 / BINS as f64).count();
        bins[bin].0 += 1;
        bins[bin].1 += u64::from(best.0 == label as usize);
        bins[bin].2 += best.1;
    }
    bins.into_iter()
        .map(|(rows, right, sum)| Bin { rows, right, confidence: if rows > 0 { sum / rows as f64 } else { 0.0 } })
        .collect()
}

/// The operating curve; none without a positive group, or where one side has no row.
#[must_use]
pub fn operating(y: &[u32], probabilities: ArrayView2<f64>, grouping: &Grouping) -> Option<Operating> {
    let positive = grouping.positive?;
    let is = |class: u32| grouping.of_class[class as usize] == positive;
    let scores: Vec<f64> = probabilities
        .outer_iter()
        .map(|row| row.iter().zip(&grouping.of_class).filter(|(_, g)| **g == positive).map(|(v, _)| *v).sum())
        .collect();
    let steps = steps(|row| is(y[row]), &scores);
    let &(_, positives, negatives) = steps.last()?;
    if positives == 0 || negatives == 0 {
        return None;
    }
    // What moves the false positive rate by a few percent of itself matters at a low prevalence.
    let at = |s: &(f64, u64, u64)| (s.1 as f64 / positives as f64 * 100.0, (s.2 as f64 + 1.0).ln() * 8.0);
    let mut least = 0.5;
    let points = loop {
        let mut kept: Vec<(f64, u64, u64)> = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let far = kept.last().is_none_or(|last| {
                let ((a, b), (c, d)) = (at(last), at(step));
                (a - c).abs() + (b - d).abs() >= least
            });
            if far || i + 1 == steps.len() {
                kept.push(*step);
            }
        }
        if kept.len() <= 200 {
            break kept;
        }
        least *= 1.5;
    };
    let points = points.into_iter().map(|(threshold, hits, alarms)| (drawn(threshold), hits, alarms)).collect();
    Some(Operating { positives, negatives, points })
}
