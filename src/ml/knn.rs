//! k nearest neighbours (Fix and Hodges 1951): a row is of the class of the training rows nearest to it
//! (<https://scikit-learn.org/stable/modules/neighbors.html#nearest-neighbors-classification>).
//!
//! The search is exact: squared distances are plain sums over the columns in order, as scikit-learn's `kd_tree` has
//! them, and of equal distances the lowest row is nearer.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::neighbors::Neighbors;
use super::{Dataset, MlError, Training};
use crate::param::{Range, parameters, words};

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
    index: Neighbors,
}

impl KnnModel {
    fn new(spec: Knn, rows: Array2<f64>, classes: Vec<u32>, n_classes: usize) -> Self {
        let index = Neighbors::new(rows.view());
        Self { spec, rows, classes, n_classes, index }
    }

    /// The nearest training rows of every row with their squared distances, nearest first and lower rows first among
    /// equals.
    #[must_use]
    pub fn neighbors(&self, x: ArrayView2<'_, f64>) -> Vec<Vec<(f64, u32)>> {
        self.index.k_nearest(x, self.spec.n_neighbors)
    }

    /// The class shares among the neighbours of every row, by weight; shape (rows, classes).
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut shares = Array2::zeros((x.nrows(), self.n_classes));
        for (mut out, neighbors) in shares.outer_iter_mut().zip(self.neighbors(x)) {
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
        }
        shares
    }
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
