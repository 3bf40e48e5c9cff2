//! What the data looks like: correlations of columns, and their spread by class.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{drawn, spread};
use crate::ml::Dataset;

/// What the figures of the data show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Class names by index.
    pub classes: Vec<String>,
    /// Group of every class, and the groups, where there are any.
    pub groups: Option<(Vec<u32>, Vec<String>)>,
    /// Training rows by class, before and after balancing.
    pub class_counts: [Vec<u64>; 2],
    /// Correlations of the numeric columns as read.
    pub original: Correlation,
    /// Correlations of the prepared features.
    pub reduced: Correlation,
    /// Spread of the features that matter most, by class.
    pub boxes: Vec<Boxes>,
    /// Features with their importance in the selection, the greatest first, and whether they stayed.
    pub selection: Vec<(String, f64, bool)>,
}

/// Pearson's correlations of some columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Hundredths by row, the triangle below the diagonal; nothing where a column is constant.
    pub hundredths: Vec<Vec<Option<i8>>>,
    /// Columns that were left out because there are too many.
    pub left_out: u64,
    /// Rows that it was worked out on, evenly spread.
    pub rows: u64,
}

/// A feature by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boxes {
    /// Its name.
    pub feature: String,
    /// For every class with rows.
    pub classes: Vec<BoxOfClass>,
}

/// The quantiles of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxOfClass {
    /// The class.
    pub class: u32,
    /// At 5, 25, 50, 75 and 95 %, interpolated as NumPy does.
    pub quantiles: [f64; 5],
}

const COLUMNS: usize = 90;
const ROWS: usize = 5_000;

/// Correlations of columns of equal length over at most 5,000 rows, evenly spread, and at most 90 columns; each pair over
/// the rows where neither is missing.
#[must_use]
pub fn correlation(columns: &[(&str, &[f64])]) -> Correlation {
    let shown = &columns[..columns.len().min(COLUMNS)];
    let rows = spread(shown.first().map_or(0, |c| c.1.len()), ROWS);
    let columns_of: Vec<Vec<f64>> = shown.iter().map(|(_, v)| ranged(rows.iter().map(|&r| v[r]).collect())).collect();
    let hundredths = (0..shown.len())
        .into_par_iter()
        .map(|i| (0..i).map(|j| pearson(&columns_of[i], &columns_of[j])).collect())
        .collect();
    Correlation {
        names: shown.iter().map(|(name, _)| (*name).to_owned()).collect(),
        hundredths,
        left_out: (columns.len() - shown.len()) as u64,
        rows: rows.len() as u64,
    }
}

/// The values less their mean, within [-1, 1], so that no square overflows.
fn ranged(mut values: Vec<f64>) -> Vec<f64> {
    let (low, high) =
        values.iter().filter(|v| v.is_finite()).fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let (middle, half) = (low / 2.0 + high / 2.0, high / 2.0 - low / 2.0);
    for v in &mut values {
        *v = if half > 0.0 { (*v / 2.0 - middle / 2.0) / (half / 2.0) } else { *v * 0.0 };
    }
    let (sum, n) = values.iter().filter(|v| !v.is_nan()).fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
    let mean = sum / f64::max(n, 1.0);
    values.iter_mut().for_each(|v| *v -= mean);
    values
}

fn pearson(a: &[f64], b: &[f64]) -> Option<i8> {
    let (mut n, mut sums, mut squares, mut product) = (0.0, [0.0; 2], [0.0; 2], 0.0);
    for (&x, &y) in a.iter().zip(b) {
        if x.is_nan() || y.is_nan() {
            continue;
        }
        n += 1.0;
        sums[0] += x;
        sums[1] += y;
        squares[0] += x * x;
        squares[1] += y * y;
        product += x * y;
    }
    let spread = |i: usize| squares[i] - sums[i] * sums[i] / n;
    let r = (product - sums[0] * sums[1] / n) / (spread(0) * spread(1)).sqrt();
    #[allow(clippy::cast_possible_truncation)] // at most 100 in size
    r.is_finite().then(|| (r.clamp(-1.0, 1.0) * 100.0).round() as i8)
}

/// Quantiles of these features by class, over at most 5,000 rows of the data set.
#[must_use]
pub fn boxes(data: &Dataset, features: &[usize]) -> Vec<Boxes> {
    let rows = spread(data.rows(), ROWS);
    features
        .par_iter()
        .map(|&feature| {
            let mut by_class: Vec<Vec<f64>> = vec![Vec::new(); data.n_classes()];
            for &row in &rows {
                by_class[data.y()[row] as usize].push(data.x()[[row, feature]]);
            }
            let classes =
                (0_u32..).zip(by_class).filter(|(_, values)| !values.is_empty()).map(|(class, mut values)| {
                    values.sort_by(f64::total_cmp);
                    BoxOfClass { class, quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| drawn(quantile(&values, q))) }
                });
            Boxes { feature: data.features()[feature].clone(), classes: classes.collect() }
        })
        .collect()
}

/// The quantile of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // within the values
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}
