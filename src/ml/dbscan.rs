//! DBSCAN (Ester, Kriegel, Sander, Xu 1996) with the labels of scikit-learn, row by row, in O(rows) memory.
//!
//! No neighbourhood is ever listed. A row is a core row as soon as `min_samples` rows are found within `eps`; the core
//! rows are joined pair of tree nodes by pair, see `join`; a border row takes the smallest cluster in reach.

mod join;

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::neighbors::KdTree;
use super::simd::Level;
use super::{Dataset, MlError, Progress, Training, Warning};
use crate::param::{Range, parameters};

/// The label of a row in no cluster.
pub const NOISE: i32 = -1;

/// Rows that one parallel task answers for.
const BLOCK: usize = 256;

parameters! {
    /// DBSCAN: clusters are dense regions of any shape; rows in no dense region are noise (-1). A new row gets the
    /// cluster of the nearest core row within `eps`, else it is noise.
    pub struct Dbscan {
        /// Two rows at most this far apart (Euclidean distance) are neighbours.
        eps: f64 = 0.5, within Range::above(0.0);
        /// A row with this many neighbours, itself included, is a core row.
        min_samples: usize = 5, within Range::at_least(1.0);
    }
}

impl Dbscan {
    /// Clusters the training rows. Nothing is drawn, so there is no seed.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for a parameter outside its range.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        progress: Progress<'_>,
    ) -> Result<(DbscanModel, Vec<Warning>), MlError> {
        if !Range::above(0.0).holds(self.eps) {
            return Err(MlError::parameter("eps", format!("expected a number above 0, got {}", self.eps)));
        }
        if self.min_samples == 0 {
            return Err(MlError::parameter("min_samples", "expected a whole number of at least 1, got 0"));
        }
        let x = train.get().x().view();
        let found = self.cluster(x, progress);
        let core_labels = found.core_rows.iter().map(|&row| found.labels[row]).collect();
        Ok((
            DbscanModel {
                eps: self.eps,
                labels: found.labels,
                n_clusters: found.n_clusters,
                core: x.select(Axis(0), &found.core_rows),
                core_labels,
                tree: found.tree,
            },
            Vec::new(),
        ))
    }

    /// The label of every row of `x`, shape (rows, columns), all finite: those of scikit-learn's `DBSCAN`. Clusters are
    /// numbered by their lowest core row; a row in reach of several takes the lowest; -1 is noise.
    ///
    /// Distances are compared as scikit-learn's `kd_tree` does: the squared distance, summed over the columns in order,
    /// with `eps * eps`, equality included.
    #[must_use]
    pub fn labels(&self, x: ArrayView2<f64>) -> Vec<i32> {
        self.cluster(x, Progress::none()).labels
    }

    fn cluster(&self, x: ArrayView2<f64>, progress: Progress<'_>) -> Clustering {
        let (level, radius2) = (Level::best(), squared(self.eps));
        let is_core = core_rows(level, &KdTree::new(x), radius2, self.min_samples);
        let core_rows: Vec<usize> = (0..x.nrows()).filter(|&row| is_core[row]).collect();
        progress.report(4, 10);

        let tree = KdTree::new(x.select(Axis(0), &core_rows).view());
        let core_labels = join::components(level, &tree, radius2);
        let n_clusters = core_labels.iter().max().map_or(0, |&last| last + 1);
        progress.report(9, 10);

        let lowest = lowest_labels(&tree, &core_labels);
        let others: Vec<usize> = (0..x.nrows()).filter(|&row| !is_core[row]).collect();
        let border = others.par_iter().with_min_len(BLOCK).map(|&row| {
            let label = tree.least_within(&core_labels, &lowest, &x.row(row).to_vec(), radius2);
            if label == i32::MAX { NOISE } else { label }
        });
        let border: Vec<i32> = border.collect();
        let mut labels = vec![NOISE; x.nrows()];
        for (&row, label) in core_rows.iter().zip(&core_labels).chain(others.iter().zip(&border)) {
            labels[row] = *label;
        }
        progress.report(10, 10);
        Clustering { labels, core_rows, n_clusters, tree }
    }
}

struct Clustering {
    labels: Vec<i32>,
    core_rows: Vec<usize>,
    n_clusters: i32,
    /// Over the core rows.
    tree: KdTree,
}

/// The squared radius, finite.
fn squared(eps: f64) -> f64 {
    (eps * eps).min(f64::MAX)
}

/// Whether every row has `min_samples` rows within `radius2` (squared), itself included.
fn core_rows(level: Level, tree: &KdTree, radius2: f64, min_samples: usize) -> Vec<bool> {
    let leaves: Vec<usize> = (0..tree.nodes().len()).filter(|&n| tree.nodes()[n].children(n).is_none()).collect();
    let blocks: Vec<Vec<bool>> = leaves
        .par_iter()
        .with_min_len(BLOCK / 16)
        .map(|&leaf| {
            let positions = tree.nodes()[leaf].positions();
            let mut point = vec![0.0; tree.width()];
            positions
                .map(|position| {
                    // The rows beside it are usually enough.
                    tree.point_at(position, &mut point);
                    let beside = tree.within(level, leaf, &point, radius2).map(|hits| hits.count_ones() as usize);
                    beside.iter().sum::<usize>() >= min_samples || tree.has_within(&point, radius2, min_samples)
                })
                .collect()
        })
        .collect();
    let mut out = vec![false; tree.rows()];
    for (position, is_core) in blocks.into_iter().flatten().enumerate() {
        out[tree.row_at(position)] = is_core;
    }
    out
}

/// The lowest label in every node of `tree`.
fn lowest_labels(tree: &KdTree, labels: &[i32]) -> Vec<i32> {
    let mut lowest = vec![i32::MAX; tree.nodes().len()];
    for (index, node) in tree.nodes().iter().enumerate().rev() {
        lowest[index] = match node.children(index) {
            Some([left, right]) => lowest[left].min(lowest[right]),
            None => node.positions().map(|position| labels[tree.row_at(position)]).min().unwrap_or(i32::MAX),
        };
    }
    lowest
}

/// A fitted DBSCAN: the labels of the training rows, and the core rows that new rows are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct DbscanModel {
    eps: f64,
    labels: Vec<i32>,
    n_clusters: i32,
    core: Array2<f64>,
    core_labels: Vec<i32>,
    tree: KdTree,
}

impl DbscanModel {
    /// The label of every training row; -1 is noise.
    #[must_use]
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// Number of clusters, noise not counted.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        usize::try_from(self.n_clusters).unwrap_or(0)
    }

    /// Training rows that are noise.
    #[must_use]
    pub fn n_noise(&self) -> usize {
        self.labels.iter().filter(|&&label| label == NOISE).count()
    }

    /// The core rows in the order of the training rows, shape (core rows, columns).
    #[must_use]
    pub fn core(&self) -> &Array2<f64> {
        &self.core
    }

    /// Columns of the rows that it was fitted on.
    #[must_use]
    pub fn width(&self) -> usize {
        self.core.ncols()
    }

    /// The cluster of every row of `x`, shape (rows, [`Self::width`]), all finite: that of the nearest core row within
    /// `eps` (the lowest core row of equals), else -1. A training border row may come out otherwise than in
    /// [`Self::labels`], where the lowest cluster in reach counts and not the nearest core row.
    #[must_use]
    pub fn assign(&self, x: ArrayView2<f64>) -> Vec<i32> {
        let radius2 = squared(self.eps);
        let blocks: Vec<Vec<i32>> = (0..x.nrows().div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut point = Vec::with_capacity(self.width());
                (block * BLOCK..x.nrows().min((block + 1) * BLOCK))
                    .map(|row| {
                        point.clear();
                        point.extend(x.row(row));
                        self.tree.nearest_within(&point, radius2).map_or(NOISE, |(core, _)| self.core_labels[core])
                    })
                    .collect()
            })
            .collect();
        blocks.concat()
    }
}

/// [`DbscanModel`] as stored: the tree is made again from the core rows.
#[derive(Serialize, Deserialize)]
struct Stored {
    eps: f64,
    labels: Vec<i32>,
    n_clusters: i32,
    core: Array2<f64>,
    core_labels: Vec<i32>,
}

impl From<DbscanModel> for Stored {
    fn from(model: DbscanModel) -> Self {
        let DbscanModel { eps, labels, n_clusters, core, core_labels, tree: _ } = model;
        Self { eps, labels, n_clusters, core, core_labels }
    }
}

impl TryFrom<Stored> for DbscanModel {
    type Error = MlError;

    fn try_from(stored: Stored) -> Result<Self, MlError> {
        let Stored { eps, labels, n_clusters, core, core_labels } = stored;
        if core.nrows() != core_labels.len() {
            return Err(MlError::data(format!("{} core rows, but {} labels", core.nrows(), core_labels.len())));
        }
        super::check_finite(&core)?;
        let tree = KdTree::new(core.view());
        Ok(Self { eps, labels, n_clusters, core, core_labels, tree })
    }
}

#[cfg(test)]
mod tests;
