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

impl Neighbors {
    /// The same as [`Self::k_nearest_of_own`] for some rows only: `own` are the rows, `x` their values. Item `i` of `own`
    /// has `[i * k .. (i + 1) * k]`.
    #[must_use]
    pub fn k_nearest_of_some(&self, x: ArrayView2<f64>, own: &[usize], k: usize) -> (Vec<u32>, usize) {
        let rows = match &self.0 {
            Index::Narrow(tree) => tree.rows(),
            Index::Wide(buckets) => buckets.rows(),
        };
        let k = k.min(rows.saturating_sub(1));
        let mut out = Vec::with_capacity(own.len() * k);
        for (found, &own) in self.k_nearest(x, k + 1).into_iter().zip(own) {
            // Where more than k others are equal to the row, it may not be among the found itself.
            out.extend(found.into_iter().map(|(_, row)| row).filter(|&row| row as usize != own).take(k));
        }
        (out, k)
    }
}

/// The `k` nearest rows so far, sorted by distance, then row.
#[derive(Clone, Debug)]
struct Nearest {
    k: usize,
    limit: f64,
    found: Vec<(f64, u32)>,
}

impl Nearest {
    /// Room for `k` rows of at most this squared distance.
    fn new(k: usize, limit: f64) -> Self {
        Self { k, limit, found: Vec::with_capacity(k + 1) }
    }

    /// The greatest squared distance that a row may have.
    fn limit(&self) -> f64 {
        match self.found.last() {
            Some(last) if self.found.len() == self.k => last.0,
            _ => self.limit,
        }
    }

    /// Whether a row at this squared distance would be one of the `k`.
    fn wants(&self, distance: f64, row: u32) -> bool {
        match self.found.last() {
            Some(&last) if self.found.len() == self.k => (distance, row) < last,
            _ => distance <= self.limit,
        }
    }

    /// Takes a row that is wanted.
    fn offer(&mut self, distance: f64, row: u32) {
        let place = self.found.partition_point(|&(d, r)| d < distance || (d == distance && r < row));
        if place < self.k {
            if self.found.len() == self.k {
                self.found.pop();
            }
            self.found.insert(place, (distance, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn some_rows_have_the_neighbours_that_all_have() {
        for width in [2, NARROW + 2] {
            // Equal rows, more of them than neighbours asked for.
            let x = Array2::from_shape_fn((90, width), |(i, j)| ((i % 11) * (j % 2 + 1)) as f64);
            let index = Neighbors::new(x.view());
            let (all, k) = index.k_nearest_of_own(4);
            let own: Vec<usize> = (0..90).step_by(7).collect();
            let (some, same) = index.k_nearest_of_some(x.select(ndarray::Axis(0), &own).view(), &own, 4);
            assert_eq!((k, same), (4, 4));
            let want: Vec<u32> = own.iter().flat_map(|&row| all[row * 4..][..4].to_vec()).collect();
            assert_eq!(some, want, "{width} columns");
        }
        let two = Neighbors::new(Array2::zeros((2, 1)).view());
        assert_eq!(two.k_nearest_of_some(Array2::zeros((1, 1)).view(), &[1], 9), (vec![0], 1));
    }
}
