//! Exact neighbour search by Euclidean distance, shared by DBSCAN, SMOTE and nearest neighbours: [`KdTree`] for narrow
//! rows, buckets and matrix products for wide ones; both find the same rows.
//!
//! Every squared distance that decides is the plain sum over the columns in order, in f64 without fused operations: the
//! same bits on every machine, and those of scikit-learn's `kd_tree`. Bounds are rounded to the safe side, so results are
//! exact up to the last bit, also on the boundary of a ball.

mod buckets;
mod halves;
mod tree;

use ndarray::ArrayView2;
use rayon::prelude::*;

use self::buckets::Buckets;
pub use self::tree::KdTree;
use super::simd::Level;

/// Most columns for which a tree is searched.
pub(super) const NARROW: usize = 20;
/// Rows that one parallel task looks up.
const BLOCK: usize = 64;

/// An index over the rows of a matrix, by their width.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors(Index);

#[derive(Clone, Debug, PartialEq)]
enum Index {
    Narrow(KdTree),
    Wide(Buckets),
}

impl Neighbors {
    /// Over the rows of `x`, shape (rows, columns), all finite.
    #[must_use]
    pub fn new(x: ArrayView2<f64>) -> Self {
        Self(if x.ncols() <= NARROW { Index::Narrow(KdTree::new(x)) } else { Index::Wide(Buckets::new(x)) })
    }

    /// The `k` rows nearest to every row of `x`, same columns, with their squared distances, nearest first and lower
    /// rows first among equals; all rows where there are fewer.
    #[must_use]
    pub fn k_nearest(&self, x: ArrayView2<f64>, k: usize) -> Vec<Vec<(f64, u32)>> {
        match &self.0 {
            Index::Wide(buckets) => buckets.k_nearest(Level::best(), x, k),
            Index::Narrow(tree) => (0..x.nrows())
                .into_par_iter()
                .with_min_len(BLOCK)
                .map(|row| tree.k_nearest(&x.row(row).to_vec(), k))
                .collect(),
        }
    }

    /// The `k` rows nearest to every row, itself left out, nearest first and lower rows first among equals: row `i`
    /// has `[i * k .. (i + 1) * k]`. `k` is cut to the number of other rows; returned beside the rows.
    #[must_use]
    pub fn k_nearest_of_own(&self, k: usize) -> (Vec<u32>, usize) {
        match &self.0 {
            Index::Narrow(tree) => tree.k_nearest_of_own(k),
            Index::Wide(buckets) => {
                let k = k.min(buckets.rows().saturating_sub(1));
                (buckets.k_nearest_of_own(Level::best(), k), k)
            }
        }
    }
}

/// The `k` nearest rows so far, sorted by distance, then row.
#[derive(Clone, Debug)]
pub(super) struct Nearest {
    k: usize,
    limit: f64,
    pub(super) found: Vec<(f64, u32)>,
}

impl Nearest {
    /// Room for `k` rows of at most this squared distance.
    pub(super) fn new(k: usize, limit: f64) -> Self {
        Self { k, limit, found: Vec::with_capacity(k + 1) }
    }

    /// The greatest squared distance that a row may have.
    pub(super) fn limit(&self) -> f64 {
        match self.found.last() {
            Some(last) if self.found.len() == self.k => last.0,
            _ => self.limit,
        }
    }

    /// Whether a row at this squared distance would be one of the `k`.
    pub(super) fn wants(&self, distance: f64, row: u32) -> bool {
        match self.found.last() {
            Some(&last) if self.found.len() == self.k => (distance, row) < last,
            _ => distance <= self.limit,
        }
    }

    /// Takes a row that is wanted.
    pub(super) fn offer(&mut self, distance: f64, row: u32) {
        let place = self.found.partition_point(|&(d, r)| d < distance || (d == distance && r < row));
        if place < self.k {
            if self.found.len() == self.k {
                self.found.pop();
            }
            self.found.insert(place, (distance, row));
        }
    }
}
