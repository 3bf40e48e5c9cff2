//! DBSCAN (Ester, Kriegel, Sander, Xu 1996) with the labels of scikit-learn, row by row, in O(rows) memory.
//!
//! No neighbourhood is ever listed. A row is a core row as soon as `min_samples` rows are found within `eps`; core rows
//! are joined in a union-find over a tree of the core rows alone, where a subtree that is known to be one component is
//! entered only until a first row in reach is found; a border row takes the smallest cluster in reach.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::neighbors::KdTree;
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
        let radius2 = squared(self.eps);
        let rows = x.nrows();
        let all = KdTree::new(x);
        progress.report(1, 10);

        let is_core = by_position(&all, false, |_, point| all.has_within(point, radius2, self.min_samples));
        let core_rows: Vec<usize> = (0..rows).filter(|&row| is_core[row]).collect();
        progress.report(6, 10);

        let tree = KdTree::new(x.select(Axis(0), &core_rows).view());
        let core_labels = components(&tree, radius2);
        let n_clusters = core_labels.iter().max().map_or(0, |&last| last + 1);
        progress.report(9, 10);

        let lowest = lowest_labels(&tree, &core_labels);
        let mut labels = by_position(&all, NOISE, |row, point| {
            if is_core[row] {
                return NOISE; // set below
            }
            smallest_within(&tree, &core_labels, &lowest, point, radius2).unwrap_or(NOISE)
        });
        for (&row, &label) in core_rows.iter().zip(&core_labels) {
            labels[row] = label;
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

/// The squared radius, finite: the lanes of a tree past its last row are infinitely far away.
fn squared(eps: f64) -> f64 {
    (eps * eps).min(f64::MAX)
}

/// `answer` for every row of `tree` and its values, by row; asked in the order of the tree, in fixed blocks.
fn by_position<T: Copy + Send>(tree: &KdTree, empty: T, answer: impl Fn(usize, &[f64]) -> T + Sync) -> Vec<T> {
    let rows = tree.rows();
    let blocks: Vec<Vec<T>> = (0..rows.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let mut point = vec![0.0; tree.width()];
            (block * BLOCK..rows.min((block + 1) * BLOCK))
                .map(|position| {
                    tree.point_at(position, &mut point);
                    answer(tree.row_at(position), &point)
                })
                .collect()
        })
        .collect();
    let mut out = vec![empty; rows];
    for (position, value) in blocks.into_iter().flatten().enumerate() {
        out[tree.row_at(position)] = value;
    }
    out
}

/// The components of the rows of `tree` that are joined by steps of at most `radius2` (squared), numbered by their
/// lowest row.
fn components(tree: &KdTree, radius2: f64) -> Vec<i32> {
    let joined = Joined::new(tree.rows());
    let whole: Vec<AtomicBool> = (0..tree.nodes().len()).map(|_| AtomicBool::new(false)).collect();
    // Rows in a box whose diagonal is within the radius are one component; a leaf of them need not be searched.
    for (index, node) in tree.nodes().iter().enumerate() {
        if tree.diameter(index) <= radius2 {
            whole[index].store(true, Ordering::Relaxed);
            let mut positions = node.positions();
            if let Some(first) = positions.next() {
                positions.for_each(|other| joined.join(tree.row_at(first), tree.row_at(other)));
            }
        }
    }
    (0..tree.rows().div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let mut point = vec![0.0; tree.width()];
        for position in block * BLOCK..tree.rows().min((block + 1) * BLOCK) {
            tree.point_at(position, &mut point);
            Reach { tree, joined: &joined, whole: &whole, radius2, point: &point, row: tree.row_at(position) }.join(0);
        }
    });
    let mut labels = vec![0; tree.rows()];
    let mut next = 0;
    for row in 0..tree.rows() {
        let root = joined.root(row);
        labels[row] = if root == row {
            next += 1;
            next - 1
        } else {
            labels[root] // a root is the lowest row of its component
        };
    }
    labels
}

/// One core row that joins all core rows in its reach.
struct Reach<'a> {
    tree: &'a KdTree,
    joined: &'a Joined,
    /// Nodes whose rows are known to be one component (once true, always true).
    whole: &'a [AtomicBool],
    radius2: f64,
    point: &'a [f64],
    row: usize,
}

impl Reach<'_> {
    /// Joins my row with every row of `node` in reach.
    fn join(&self, node: usize) {
        let tree = self.tree;
        let Some(&here) = tree.nodes().get(node) else { return };
        let positions = here.positions();
        let any = tree.row_at(positions.start);
        if self.whole[node].load(Ordering::Relaxed) {
            if !self.joined.same(self.row, any) && self.touches(node) {
                self.joined.join(self.row, any);
            }
            return;
        }
        if tree.nearest_corner(node, self.point) > self.radius2 {
            return;
        }
        if tree.farthest_corner(node, self.point) <= self.radius2 {
            positions.for_each(|position| self.joined.join(self.row, tree.row_at(position)));
            self.whole[node].store(true, Ordering::Relaxed);
            return;
        }
        if let Some([left, right]) = here.children(node) {
            self.join(left);
            self.join(right);
            let known = |child: usize| self.whole[child].load(Ordering::Relaxed);
            if known(left) && known(right) && self.joined.same(any, tree.row_at(tree.nodes()[right].positions().start))
            {
                self.whole[node].store(true, Ordering::Relaxed);
            }
        } else {
            let mut all = true;
            tree.scan(node, self.point, |position, distance| {
                if distance <= self.radius2 {
                    self.joined.join(self.row, tree.row_at(position));
                } else {
                    all = all && self.joined.same(self.row, tree.row_at(position));
                }
                false
            });
            if all {
                self.whole[node].store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether any row of `node` is in reach.
    fn touches(&self, node: usize) -> bool {
        let tree = self.tree;
        let mut stack = vec![(tree.nearest_corner(node, self.point), node)];
        while let Some((bound, node)) = stack.pop() {
            if bound > self.radius2 {
                continue;
            }
            if tree.farthest_corner(node, self.point) <= self.radius2 {
                return true;
            }
            match tree.nodes()[node].children(node) {
                Some(children) => stack.extend(tree.far_then_near(children, self.point)),
                None if tree.scan(node, self.point, |_, distance| distance <= self.radius2) => return true,
                None => {}
            }
        }
        false
    }
}

/// A union-find that many threads may join in at once. A row only ever points to a lower one, so the root of a
/// component is its lowest row and the outcome does not depend on the order of the joins (Anderson and Woll 1991).
///
/// All accesses are relaxed: every update is one compare-and-swap of one cell, and what a thread does not see yet can
/// only make it join what is joined already.
struct Joined(Vec<AtomicU32>);

impl Joined {
    fn new(rows: usize) -> Self {
        Self((0..rows as u32).map(AtomicU32::new).collect())
    }

    fn root(&self, row: usize) -> usize {
        let mut row = row as u32;
        loop {
            let parent = self.0[row as usize].load(Ordering::Relaxed);
            if parent == row {
                return row as usize;
            }
            let above = self.0[parent as usize].load(Ordering::Relaxed);
            if above != parent {
                // Halves the path; losing a race is harmless.
                let cell = &self.0[row as usize];
                let _ = cell.compare_exchange(parent, above, Ordering::Relaxed, Ordering::Relaxed);
            }
            row = above;
        }
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    fn join(&self, a: usize, b: usize) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (low, high) = (a.min(b) as u32, a.max(b) as u32);
            let cell = &self.0[high as usize];
            if cell.compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }
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

/// The lowest label among the rows of `tree` within `radius2` (squared) of `point`.
fn smallest_within(tree: &KdTree, labels: &[i32], lowest: &[i32], point: &[f64], radius2: f64) -> Option<i32> {
    if tree.rows() == 0 {
        return None;
    }
    let mut best = i32::MAX;
    let mut stack = vec![(tree.nearest_corner(0, point), 0)];
    while let Some((bound, node)) = stack.pop() {
        if bound > radius2 || lowest[node] >= best {
            continue;
        }
        if tree.farthest_corner(node, point) <= radius2 {
            best = lowest[node];
            continue;
        }
        match tree.nodes()[node].children(node) {
            Some(children) => stack.extend(tree.far_then_near(children, point)),
            None => {
                tree.scan(node, point, |position, distance| {
                    if distance <= radius2 {
                        best = best.min(labels[tree.row_at(position)]);
                    }
                    false
                });
            }
        }
    }
    (best < i32::MAX).then_some(best)
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
