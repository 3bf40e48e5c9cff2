//! The rule of pandas users for correlated columns.

use rayon::prelude::*;

/// Positions of the columns whose Pearson correlation with any earlier column, itself dropped or not, is strictly
/// above `above` (with `absolute`, its absolute value), ascending. As `DataFrame.corr()`: each pair over the rows where
/// neither is NaN; undefined, and so never above, where a column is constant on these rows.
pub(super) fn correlated(columns: Vec<Vec<f64>>, above: f64, absolute: bool) -> Vec<usize> {
    let columns: Vec<Centred> = columns.into_par_iter().map(Centred::new).collect();
    let too_near = |later: usize| {
        columns[..later].iter().any(|earlier| {
            let r = pearson(earlier, &columns[later]);
            (if absolute { r.abs() } else { r }) > above
        })
    };
    (0..columns.len()).into_par_iter().filter(|&later| too_near(later)).collect()
}

/// Number of pairs of columns whose Pearson correlation is, in absolute value, strictly above `above`.
pub(super) fn pairs_above(columns: Vec<Vec<f64>>, above: f64) -> u64 {
    let columns: Vec<Centred> = columns.into_par_iter().map(Centred::new).collect();
    let near = |later: usize| columns[..later].iter().filter(|c| pearson(c, &columns[later]).abs() > above).count();
    (0..columns.len()).into_par_iter().map(|later| near(later) as u64).sum()
}

/// A column less its mean, in units of its spread, so that no square overflows. NaN stays.
struct Centred {
    values: Vec<f64>,
    complete: bool,
    squares: f64,
}

impl Centred {
    fn new(mut values: Vec<f64>) -> Self {
        let complete = values.iter().all(|v| !v.is_nan());
        centre(&mut values);
        let squares = if complete { dot(&values, &values) } else { f64::NAN };
        Self { values, complete, squares }
    }
}

/// Centres and scales in place, NaN left out; exact zeros where all values are the same.
fn centre(values: &mut [f64]) {
    let present = || values.iter().copied().filter(|v| !v.is_nan());
    let (low, high) = present().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low == high {
        values.iter_mut().filter(|v| !v.is_nan()).for_each(|v| *v = 0.0);
        return;
    }
    // Halves, because the difference of two finite numbers may overflow.
    let (middle, half_range) = (low / 2.0 + high / 2.0, high / 2.0 - low / 2.0);
    values.iter_mut().for_each(|v| *v = (*v / 2.0 - middle / 2.0) / half_range);
    let (sum, n) = values.iter().filter(|v| !v.is_nan()).fold((0.0, 0_usize), |(s, n), v| (s + v, n + 1));
    let mean = sum / n.max(1) as f64;
    values.iter_mut().for_each(|v| *v -= mean);
}

/// Pearson's r of two columns; NaN where it is undefined.
fn pearson(a: &Centred, b: &Centred) -> f64 {
    if a.complete && b.complete {
        return ratio(dot(&a.values, &b.values), a.squares, b.squares);
    }
    let both = a.values.iter().zip(&b.values).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = both.unzip();
    centre(&mut x);
    centre(&mut y);
    ratio(dot(&x, &y), dot(&x, &x), dot(&y, &y))
}

fn ratio(product: f64, squares_a: f64, squares_b: f64) -> f64 {
    if squares_a == 0.0 || squares_b == 0.0 {
        return f64::NAN;
    }
    (product / (squares_a.sqrt() * squares_b.sqrt())).clamp(-1.0, 1.0)
}

/// Sum of products in eight lanes: one fixed order of additions on every machine.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let (blocks_a, blocks_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = blocks_a.remainder().iter().zip(blocks_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in blocks_a.zip(blocks_b) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn compares_with_every_earlier_column_also_the_dropped() {
        let a = vec![1.0, 0.0, -1.0, 0.0, 1.0, -1.0];
        let b: Vec<f64> = a.iter().map(|v| v * 2.0 + 1.0).collect();
        let c: Vec<f64> = a.iter().map(|v| -v).collect();
        assert_eq!(correlated(vec![a.clone(), b.clone(), c.clone()], 0.8, false), [1]);
        assert_eq!(correlated(vec![a, b, c], 0.8, true), [1, 2]);
    }

    #[test]
    fn constant_columns_are_never_above() {
        let a = vec![0.1; 7];
        let b = vec![0.1; 7];
        assert!(correlated(vec![a, b, vec![NAN; 7], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], 0.0, true).is_empty());
    }

    #[test]
    fn pairs_are_compared_where_both_are_present() {
        // Complete rows 0, 1, 3: (1, 2), (2, 4), (4, 8): r = 1, whatever stands in the others.
        let a = Centred::new(vec![1.0, 2.0, NAN, 4.0, 100.0]);
        let b = Centred::new(vec![2.0, 4.0, 50.0, 8.0, NAN]);
        assert!((pearson(&a, &b) - 1.0).abs() < 1e-15);
        // Where only equal values of one are left, it is undefined.
        let c = Centred::new(vec![5.0, 5.0, 1.0, 5.0, 2.0]);
        assert!(pearson(&a, &c).abs() < 1.0);
        let d = Centred::new(vec![5.0, 5.0, 1.0, 5.0, NAN]);
        assert!(pearson(&a, &d).is_nan());
    }

    #[test]
    fn agrees_with_a_hand_computed_value_at_any_scale() {
        // x = 1..4, y = 1, 3, 2, 4: r = 4 / 5.
        for scale in [1.0, 1e-200, 1e300] {
            let x = Centred::new([1.0, 2.0, 3.0, 4.0].map(|v| v * scale).to_vec());
            let y = Centred::new([1.0, 3.0, 2.0, 4.0].map(|v| v * scale + scale).to_vec());
            assert!((pearson(&x, &y) - 0.8).abs() < 1e-15, "{scale}");
        }
    }
}
