//! What models that judge every row by itself share: rows in fixed parallel blocks, and the softmax.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Rows of one parallel task.
const BLOCK: usize = 256;

/// A matrix of shape (rows of `x`, `columns`), each row written by `judge` from the row of `x`; it starts with zeros.
/// A row depends on no other, so the number of threads never reaches the result.
pub(super) fn rowwise(
    x: ArrayView2<'_, f64>,
    columns: usize,
    judge: impl Fn(&[f64], &mut [f64]) + Sync,
) -> Array2<f64> {
    let mut out = Array2::zeros((x.nrows(), columns));
    let x = x.as_standard_layout();
    let width = x.ncols().max(1);
    if let (Some(values), Some(cells), true) = (x.as_slice(), out.as_slice_mut(), columns > 0) {
        cells.par_chunks_mut(BLOCK * columns).zip(values.par_chunks(BLOCK * width)).for_each(|(cells, rows)| {
            for (cells, row) in cells.chunks_exact_mut(columns).zip(rows.chunks_exact(width)) {
                judge(row, cells);
            }
        });
    }
    out
}

/// Turns logarithms of weights into shares that sum to 1, and gives the logarithm of the sum of the weights. Where all
/// weights are 0, all shares are NaN and the result is negative infinity.
pub(super) fn softmax(logs: &mut [f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in logs.iter_mut() {
        *value = (*value - most).exp();
        sum += *value;
    }
    logs.iter_mut().for_each(|value| *value /= sum);
    most + sum.ln().max(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rows_are_judged_one_by_one_in_any_layout() {
        let x = Array2::from_shape_fn((3, 1000), |(j, i)| (i * 3 + j) as f64);
        let sums = rowwise(x.t(), 2, |row, out| {
            out[0] = row.iter().sum();
            out[1] = row[0];
        });
        assert_eq!(sums.dim(), (1000, 2));
        assert!((0..1000).all(|i| sums[[i, 0]] == (i * 9 + 3) as f64 && sums[[i, 1]] == (i * 3) as f64));
        assert_eq!(rowwise(array![[1.0]].view(), 0, |_, _| ()).dim(), (1, 0));
    }

    #[test]
    fn shares_of_huge_and_tiny_weights() {
        let mut logs = [1000.0, 1000.0 + 3_f64.ln(), -1e300, f64::NEG_INFINITY];
        let total = softmax(&mut logs);
        assert!((total - (1000.0 + 4_f64.ln())).abs() < 1e-12);
        assert!((logs[0] - 0.25).abs() < 1e-12 && (logs[1] - 0.75).abs() < 1e-12);
        assert_eq!(logs[2..], [0.0, 0.0]);
    }
}
