//! The training rows and sums over them, in blocks that depend on nothing but their number.

use ndarray::Array2;
use rayon::prelude::*;

/// Least rows of a block.
const BLOCK: usize = 1024;
/// Most blocks, and so most partial sums.
const BLOCKS: usize = 64;
/// Rows measured before what was found is used.
pub(super) const STRIP: usize = 64;

pub(super) fn distance2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The training rows, row-major.
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f64],
    pub(super) width: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(x: &'a Array2<f64>) -> Self {
        // A data set is in standard layout.
        Self { values: x.as_slice().unwrap_or_default(), width: x.ncols() }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.width
    }

    pub(super) fn row(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.width..][..self.width]
    }

    /// Rows of a block: the unit of parallel work and of sums.
    pub(super) fn block(&self) -> usize {
        self.len().div_ceil(BLOCKS).max(BLOCK)
    }

    /// These rows as centres.
    pub(super) fn centers(&self, rows: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((rows.len(), self.width), |(i, column)| self.row(rows[i])[column])
    }

    /// Squared distance of every row from the centre that `labels` gives it.
    pub(super) fn own_distances(&self, centers: &[f64], labels: &[u32]) -> Vec<f64> {
        let (width, size) = (self.width, self.block());
        let mut out = vec![0.0; self.len()];
        out.par_chunks_mut(size).zip(labels.par_chunks(size)).zip(self.values.par_chunks(size * width)).for_each(
            |((out, labels), x)| {
                for ((out, &label), row) in out.iter_mut().zip(labels).zip(x.chunks_exact(width)) {
                    *out = distance2(row, &centers[label as usize * width..][..width]);
                }
            },
        );
        out
    }

    /// Mean over the columns of their variance (divided by the rows).
    pub(super) fn mean_variance(&self) -> f64 {
        let rows = self.len() as f64;
        let mut means = self.column_sums(|sum, value, _| *sum += value, &vec![0.0; self.width]);
        means.iter_mut().for_each(|sum| *sum /= rows);
        let squares = self.column_sums(|sum, value, mean| *sum += (value - mean) * (value - mean), &means);
        squares.iter().map(|sum| sum / rows).sum::<f64>() / self.width as f64
    }

    /// What `add` adds up in every column; it gets the sum, the value and the column's item of `with`.
    fn column_sums(&self, add: impl Fn(&mut f64, f64, f64) + Sync, with: &[f64]) -> Vec<f64> {
        let blocks: Vec<Vec<f64>> = self
            .values
            .par_chunks(self.block() * self.width)
            .map(|x| {
                let mut sums = vec![0.0; self.width];
                for row in x.chunks_exact(self.width) {
                    for ((sum, &value), &with) in sums.iter_mut().zip(row).zip(with) {
                        add(sum, value, with);
                    }
                }
                sums
            })
            .collect();
        let mut total = vec![0.0; self.width];
        for sums in blocks {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    }
}
