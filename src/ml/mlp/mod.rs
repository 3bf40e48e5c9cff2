//! A multi-layer perceptron: fully connected layers, softmax output, trained on log loss with an L2 penalty.
//!
//! Parameters, defaults, start, losses and stopping rules are those of scikit-learn 1.9.1's `MLPClassifier`, with
//! three differences: arithmetic is f32; two classes have a two-way softmax, where scikit-learn has one logistic
//! output (the same family of functions, other start); and the validation part of early stopping is
//! stratified for any number of classes, where scikit-learn 1.9.1 stratifies two classes only.

mod fit;
mod gemm;
mod math;
mod network;
mod optimizer;
mod padded;
mod pointwise;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::network::Layer;
use self::network::{Forward, Weights};
use self::padded::Padded;
use super::MlError;
use super::simd::Level;
use crate::param::{Parameter, Range, Shape, parameters, words};

words! {
    /// What a hidden unit does to its sum.
    pub enum Activation {
        /// `max(0, z)`.
        Relu = "relu",
        /// Hyperbolic tangent.
        Tanh = "tanh",
        /// `1 / (1 + e^-z)`.
        Logistic = "logistic",
        /// Nothing.
        Identity = "identity",
    }
}

words! {
    /// How weights follow their gradients.
    pub enum Solver {
        /// Adam (Kingma and Ba 2014).
        Adam = "adam",
        /// Stochastic gradient descent with momentum.
        Sgd = "sgd",
    }
}

words! {
    /// How the learning rate of `sgd` changes.
    pub enum LearningRate {
        /// It stays.
        Constant = "constant",
        /// `learning_rate_init / t^power_t`, t counting the rows seen.
        Invscaling = "invscaling",
        /// Divided by 5 whenever training stops improving, down to 1e-6.
        Adaptive = "adaptive",
    }
}

words! {
    /// A number that the program chooses.
    pub enum Auto {
        /// The program chooses.
        Auto = "auto",
    }
}

/// Rows of a batch: `auto` is the smaller of 200 and the number of training rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchSize {
    /// `min(200, rows)`.
    Auto(Auto),
    /// This many, or all rows where there are fewer.
    Rows(usize),
}

impl Parameter for BatchSize {
    fn shape() -> Shape {
        Shape::Either(vec![Auto::shape(), usize::shape()])
    }
}

/// Units of each hidden layer, first to last; one layer may be given as a bare number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HiddenLayers(pub Vec<usize>);

impl Parameter for HiddenLayers {
    fn shape() -> Shape {
        Shape::List { item: Box::new(usize::shape()), at_least: 0, single: true }
    }
}

parameters! {
    /// A neural network of fully connected layers, trained on log loss with an L2 penalty.
    pub struct Mlp {
        /// Units of each hidden layer, first to last.
        hidden_layer_sizes: HiddenLayers = HiddenLayers(vec![100]), within Range::between(1.0, 100_000.0);
        /// What a hidden unit does to its sum.
        activation: Activation = Activation::Relu;
        /// How weights follow their gradients.
        solver: Solver = Solver::Adam;
        /// Strength of the L2 penalty on the weights; divided by the rows of the batch.
        alpha: f64 = 1e-4, within Range::at_least(0.0);
        /// Rows of a batch; `auto` is the smaller of 200 and the number of training rows.
        batch_size: BatchSize = BatchSize::Auto(Auto::Auto), within Range::at_least(1.0);
        /// How the learning rate changes (`sgd` only).
        learning_rate: LearningRate = LearningRate::Constant;
        /// Learning rate at the start.
        learning_rate_init: f64 = 1e-3, within Range::above(0.0);
        /// Exponent of the `invscaling` learning rate (`sgd` only).
        power_t: f64 = 0.5, within Range::at_least(0.0);
        /// Most passes over the training rows.
        max_iter: usize = 200, within Range::at_least(1.0);
        /// Whether rows are put in a new random order before every pass.
        shuffle: bool = true;
        /// An improvement of the loss, or of the validation score, smaller than this counts as none.
        tol: f64 = 1e-4, within Range::at_least(0.0);
        /// Momentum (`sgd` only).
        momentum: f64 = 0.9, within Range::between(0.0, 1.0);
        /// Whether the momentum is Nesterov's (`sgd` only).
        nesterovs_momentum: bool = true;
        /// Whether to hold back a stratified part of the training rows, stop when its accuracy no longer improves, and
        /// keep the weights that did best on it.
        early_stopping: bool = false;
        /// Share of the training rows held back for early stopping.
        validation_fraction: f64 = 0.1, within Range::between(0.0, 1.0).without_min().without_max();
        /// Decay of the first moments (`adam` only).
        beta_1: f64 = 0.9, within Range::between(0.0, 1.0).without_max();
        /// Decay of the second moments (`adam` only).
        beta_2: f64 = 0.999, within Range::between(0.0, 1.0).without_max();
        /// Keeps a division by zero away (`adam` only).
        epsilon: f64 = 1e-8, within Range::above(0.0);
        /// Training ends after more than this many passes in a row without improvement.
        n_iter_no_change: usize = 10, within Range::at_least(1.0);
        /// Seed of this model; left out, it is derived from the experiment's seed.
        random_state: Option<u64> = None;
    }
}

/// A fitted network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpModel {
    /// What a hidden unit does to its sum.
    pub activation: Activation,
    /// Weights, first layer first. The last layer has one output per class in `classes`.
    pub layers: Vec<Layer>,
    /// Class index of each output: the classes that have training rows.
    pub classes: Vec<u32>,
    /// Number of classes of the data set, those without training rows included.
    pub n_classes: usize,
    /// Passes made over the training rows.
    pub n_iter: usize,
    /// Mean training loss of every pass, penalty included.
    pub loss_curve: Vec<f64>,
    /// Accuracy on the validation part after every pass; empty without early stopping.
    pub validation_scores: Vec<f64>,
    /// Pass, from 0, after which the kept weights were taken: that of the best validation score, or the last one.
    pub best_iter: usize,
}

/// The matrix in f32.
fn narrowed(x: ArrayView2<f64>) -> Result<Padded, MlError> {
    let mut narrow = Padded::zeros(x.nrows(), x.ncols());
    for (row, values) in x.outer_iter().enumerate() {
        let to = narrow.row_mut(row);
        to.iter_mut().zip(values).for_each(|(to, from)| *to = *from as f32);
        if let Some(column) = to.iter().position(|value| !value.is_finite()) {
            let value = values[column];
            return Err(if value.is_finite() {
                MlError::data(format!(
                    "row {row}, column {column}: {value:e} is too large for a network; standardize first"
                ))
            } else {
                MlError::NotFinite { row, column, value: value.to_string() }
            });
        }
    }
    Ok(narrow)
}

impl MlpModel {
    /// Number of columns that it was fitted on.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers.first().map_or(0, |l| l.coefs.nrows())
    }

    /// Probabilities of shape (rows, classes of the data set); each row sums to 1, a class without training rows has
    /// 0. A row's bits do not depend on the other rows nor on the processor: sums are in f32, the softmax in f64.
    ///
    /// # Errors
    /// [`MlError::Width`] for another number of columns, [`MlError::NotFinite`] or [`MlError::Data`] for a value that
    /// is not finite or beyond f32.
    pub fn predict_proba(&self, x: ArrayView2<f64>) -> Result<Array2<f64>, MlError> {
        const BLOCK: usize = 256;
        if x.ncols() != self.width() {
            return Err(MlError::Width { expected: self.width(), got: x.ncols() });
        }
        let narrow = narrowed(x)?;
        let layers: Vec<Weights> = self.layers.iter().map(Weights::of).collect();
        let mut out = Array2::zeros((x.nrows(), self.n_classes));
        let rows: Vec<usize> = (0..x.nrows()).collect();
        if let Some(out) = out.as_slice_mut().filter(|out| !out.is_empty()) {
            let blocks = out.par_chunks_mut(BLOCK * self.n_classes).zip(rows.par_chunks(BLOCK));
            blocks.for_each(|(out, rows)| {
                let mut forward = Forward::new(Level::best(), self.activation, &layers, rows.len());
                forward.gather(&narrow, rows);
                let logits = forward.run(&layers, rows.len());
                for (i, out) in out.chunks_exact_mut(self.n_classes).enumerate() {
                    self.shares(logits.row(i), out);
                }
            });
        }
        Ok(out)
    }

    /// The softmax of the logits of one row, by class.
    fn shares(&self, logits: &[f32], out: &mut [f64]) {
        let top = logits.iter().fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m });
        let mut sum = 0.0;
        for (v, &class) in logits.iter().zip(&self.classes) {
            let e = math::exp64(f64::from(*v) - f64::from(top));
            out[class as usize] = e;
            sum += e;
        }
        out.iter_mut().for_each(|share| *share /= sum);
    }
}
