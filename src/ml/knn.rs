//! k nearest neighbours (Fix and Hodges 1951): a row is of the class of the training rows nearest to it
//! (<https://scikit-learn.org/stable/modules/neighbors.html#nearest-neighbors-classification>).
//!
//! The search is exact: squared distances are plain sums over the columns in order, as scikit-learn's `kd_tree` has
//! them, and of equal distances the lowest row is nearer. Narrow rows are searched through a tree, wide ones through all
//! rows; both give the same bits.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::neighbors::{KdTree, Nearest};
use super::rowwise::rowwise;
use super::{Dataset, MlError, Training};
use crate::param::{Range, parameters, words};

/// Most columns for which a tree is searched; scikit-learn's `auto` has the same bound.
const NARROW: usize = 15;
/// Rows compared side by side in a search through all rows.
const LANES: usize = 8;
/// Columns after which a search through all rows looks whether the rows are already too far.
const STRIDE: usize = 16;

words! {
    /// How much a neighbour counts.
    pub enum Weights {
        /// All neighbours count the same.
        Uniform = "uniform",
        /// A neighbour counts by the inverse of its distance; where one is at distance 0, only those count.
        Distance = "distance",
    }
}

parameters! {
    /// k nearest neighbours by Euclidean distance: the class shares among the neighbours are the probabilities.
    pub struct Knn {
        /// Number of neighbours; at most the number of training rows.
        n_neighbors: usize = 5, within Range::at_least(1.0);
        /// How much a neighbour counts.
        weights: Weights = Weights::Uniform;
    }
}

impl Knn {
    /// Keeps the training rows.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for no neighbours, or for more than there are training rows.
    pub fn fit(&self, train: &Training<Dataset>) -> Result<KnnModel, MlError> {
        let data = train.get();
        if self.n_neighbors == 0 || self.n_neighbors > data.rows() {
            return Err(MlError::parameter(
                "n_neighbors",
                format!("expected 1 to {} neighbours for as many training rows, got {}", data.rows(), self.n_neighbors),
            ));
        }
        Ok(KnnModel::new(self.clone(), data.x().clone(), data.y().to_vec(), data.n_classes()))
    }
}

/// A fitted k nearest neighbours: the training rows and their classes. The index over the rows is not stored but built
/// again on reading.
#[derive(Clone, Debug, PartialEq)]
pub struct KnnModel {
    spec: Knn,
    rows: Array2<f64>,
    classes: Vec<u32>,
    n_classes: usize,
    index: Index,
}

#[derive(Clone, Debug, PartialEq)]
enum Index {
    Tree(KdTree),
    /// The rows in groups of [`LANES`], column by column within a group. Lanes past the last row are at infinity.
    Lanes(Vec<f64>),
}

impl KnnModel {
    fn new(spec: Knn, rows: Array2<f64>, classes: Vec<u32>, n_classes: usize) -> Self {
        let (count, width) = rows.dim();
        let index = if width <= NARROW {
            Index::Tree(KdTree::new(rows.view()))
        } else {
            let mut lanes = vec![f64::INFINITY; count.div_ceil(LANES) * LANES * width];
            for (i, row) in rows.outer_iter().enumerate() {
                for (column, &value) in row.iter().enumerate() {
                    lanes[i / LANES * LANES * width + column * LANES + i % LANES] = value;
                }
            }
            Index::Lanes(lanes)
        };
        Self { spec, rows, classes, n_classes, index }
    }

    /// The nearest training rows of a row with their squared distances, nearest first and lower rows first among equals.
    #[must_use]
    pub fn neighbors(&self, row: &[f64]) -> Vec<(f64, u32)> {
        match &self.index {
            Index::Tree(tree) => tree.k_nearest(row, self.spec.n_neighbors),
            Index::Lanes(lanes) => {
                let mut best = Nearest::new(self.spec.n_neighbors, f64::INFINITY);
                let mut bound = f64::INFINITY;
                for (group, values) in lanes.chunks_exact(LANES * row.len()).enumerate() {
                    let Some(distances) = lane_distances(values, row, bound) else { continue };
                    for (lane, &distance) in distances.iter().enumerate() {
                        let at = group * LANES + lane;
                        if at < self.classes.len() && best.wants(distance, at as u32) {
                            best.offer(distance, at as u32);
                        }
                    }
                    if best.found.len() == self.spec.n_neighbors {
                        bound = best.found.last().map_or(bound, |&(distance, _)| distance);
                    }
                }
                best.found
            }
        }
    }

    /// The class shares among the neighbours of every row, by weight; shape (rows, classes).
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        rowwise(x, self.n_classes, |row, out| {
            let neighbors = self.neighbors(row);
            let mut weights: Vec<f64> = match self.spec.weights {
                Weights::Uniform => vec![1.0; neighbors.len()],
                Weights::Distance => neighbors.iter().map(|&(distance, _)| 1.0 / distance.sqrt()).collect(),
            };
            if weights.iter().any(|weight| weight.is_infinite()) {
                weights.iter_mut().for_each(|weight| *weight = f64::from(u8::from(weight.is_infinite())));
            }
            if weights.iter().all(|&weight| weight == 0.0) {
                weights.fill(1.0); // all infinitely far
            }
            for (&(_, at), weight) in neighbors.iter().zip(weights) {
                out[self.classes[at as usize] as usize] += weight;
            }
            let sum: f64 = out.iter().sum();
            out.iter_mut().for_each(|share| *share /= sum);
        })
    }
}

/// Squared distances of the rows of a group from `row`, or `None` where all are beyond `bound`.
fn lane_distances(values: &[f64], row: &[f64], bound: f64) -> Option<[f64; LANES]> {
    let mut sums = [0.0; LANES];
    for (columns, part) in values.chunks(STRIDE * LANES).zip(row.chunks(STRIDE)) {
        for (column, &value) in columns.chunks_exact(LANES).zip(part) {
            for (sum, other) in sums.iter_mut().zip(column) {
                let gap = other - value;
                *sum += gap * gap;
            }
        }
        if sums.iter().all(|&sum| sum > bound) {
            return None;
        }
    }
    Some(sums)
}

impl Serialize for KnnModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.spec, &self.rows, &self.classes, self.n_classes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KnnModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (spec, rows, classes, n_classes): (Knn, Array2<f64>, Vec<u32>, usize) =
            Deserialize::deserialize(deserializer)?;
        let neighbors = 1..=rows.nrows();
        if rows.nrows() != classes.len()
            || !neighbors.contains(&spec.n_neighbors)
            || rows.ncols() == 0
            || classes.iter().any(|&class| class as usize >= n_classes)
        {
            return Err(serde::de::Error::custom("rows, classes and neighbours do not fit together"));
        }
        Ok(Self::new(spec, rows, classes, n_classes))
    }
}

#[cfg(test)]
mod tests;
