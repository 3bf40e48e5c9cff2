//! The layers: weights, forward pass, gradients.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::Activation;
use super::gemm::{affine, over_rows};
use super::padded::{LANES, Padded};
use super::pointwise;
use crate::digest::Seed;
use crate::ml::random::Rng;
use crate::ml::simd::Level;

/// Weights of one layer: `z = x coefs + intercepts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Shape (inputs, outputs).
    pub coefs: Array2<f32>,
    /// One per output.
    pub intercepts: Array1<f32>,
}

/// Draws the start: weights and intercepts uniform in `+-sqrt(factor / (inputs + outputs))` with factor 6, or 2 for
/// the logistic activation (Glorot and Bengio 2010, as scikit-learn does it).
pub fn initial_layers(units: &[usize], activation: Activation, seed: Seed) -> Vec<Layer> {
    let mut rng = Rng::new(seed);
    let factor = if activation == Activation::Logistic { 2.0 } else { 6.0 };
    units
        .windows(2)
        .map(|pair| {
            let bound = (factor / (pair[0] + pair[1]) as f64).sqrt();
            let mut draw = || (bound * (2.0 * rng.uniform() - 1.0)) as f32;
            let coefs = Array2::from_shape_simple_fn((pair[0], pair[1]), &mut draw);
            Layer { coefs, intercepts: Array1::from_shape_simple_fn(pair[1], draw) }
        })
        .collect()
}

/// A layer as the products take it; also its gradients, and what a solver keeps of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    pub coefs: Padded,
    /// One row.
    pub intercepts: Padded,
}

impl Weights {
    pub fn of(layer: &Layer) -> Self {
        Self {
            coefs: Padded::of(layer.coefs.view()),
            intercepts: Padded::of(layer.intercepts.view().insert_axis(ndarray::Axis(0))),
        }
    }

    pub fn layer(&self) -> Layer {
        Layer { coefs: self.coefs.matrix(), intercepts: self.intercepts.row(0).iter().copied().collect() }
    }

    /// Zeros of the same shape.
    pub fn zeros_like(&self) -> Self {
        Self {
            coefs: Padded::zeros(self.coefs.rows(), self.coefs.columns()),
            intercepts: Padded::zeros(1, self.intercepts.columns()),
        }
    }

    /// The numbers of the two parts, padding included.
    pub fn parts(&self) -> [&[f32]; 2] {
        [self.coefs.values.as_flattened(), self.intercepts.values.as_flattened()]
    }

    /// The numbers of the two parts, padding included.
    pub fn parts_mut(&mut self) -> [&mut [f32]; 2] {
        [self.coefs.values.as_flattened_mut(), self.intercepts.values.as_flattened_mut()]
    }
}

/// The buffers of a forward pass: made once, used for every batch.
#[derive(Debug)]
pub struct Forward {
    level: Level,
    activation: Activation,
    /// Input and the output of every layer, shape (largest batch, units).
    values: Vec<Padded>,
}

impl Forward {
    /// Buffers for batches of at most `rows`.
    pub fn new(level: Level, activation: Activation, layers: &[Weights], rows: usize) -> Self {
        let inputs = layers.first().map_or(0, |l| l.coefs.rows());
        let outputs = layers.iter().map(|l| Padded::zeros(rows, l.coefs.columns()));
        Self { level, activation, values: std::iter::once(Padded::zeros(rows, inputs)).chain(outputs).collect() }
    }

    /// Copies the rows with these indices in as the batch.
    pub fn gather(&mut self, x: &Padded, rows: &[usize]) {
        self.values[0].gather(x, rows);
    }

    /// The pass of the first `rows` rows: the logits of the last layer, shape (rows, outputs).
    pub fn run(&mut self, layers: &[Weights], rows: usize) -> &Padded {
        for (l, layer) in layers.iter().enumerate() {
            let (before, after) = self.values.split_at_mut(l + 1);
            let (input, output) = (&before[l], &mut after[0]);
            affine(self.level, rows, input, &layer.coefs, &layer.intercepts.values, output);
            if l + 1 < layers.len() {
                pointwise::activate(self.level, self.activation, output.first_mut(rows).as_flattened_mut());
            }
        }
        &self.values[layers.len()]
    }
}

/// The buffers of a forward and backward pass.
#[derive(Debug)]
pub struct Workspace {
    pub forward: Forward,
    /// Gradient of the loss with respect to every layer's `z`.
    deltas: Vec<Padded>,
    /// The transpose of every layer's coefs.
    turned: Vec<Padded>,
    /// Gradients of the summed log loss with respect to the weights, without the penalty.
    pub gradients: Vec<Weights>,
}

impl Workspace {
    /// Buffers for batches of at most `rows`.
    pub fn new(level: Level, activation: Activation, layers: &[Weights], rows: usize) -> Self {
        Self {
            forward: Forward::new(level, activation, layers, rows),
            deltas: layers.iter().map(|l| Padded::zeros(rows, l.coefs.columns())).collect(),
            turned: layers.iter().map(|l| Padded::zeros(l.coefs.columns(), l.coefs.rows())).collect(),
            gradients: layers.iter().map(Weights::zeros_like).collect(),
        }
    }

    /// Forward and backward pass of the batch of `targets.len()` rows. Fills [`Workspace::gradients`] and returns
    /// scikit-learn's batch loss: mean log loss plus `alpha / 2 * |coefs|^2 / rows`.
    pub fn backward(&mut self, layers: &[Weights], targets: &[u32], alpha: f64) -> f64 {
        let (rows, last, level) = (targets.len(), layers.len() - 1, self.forward.level);
        let logits = self.forward.run(layers, rows);
        let loss = pointwise::softmax_minus_targets(level, logits, targets, &mut self.deltas[last]);
        for l in (0..=last).rev() {
            let gradient = &mut self.gradients[l];
            over_rows(level, rows, &self.forward.values[l], &self.deltas[l], &mut gradient.coefs);
            let sums = &mut gradient.intercepts.values;
            pointwise::column_sums(level, self.deltas[l].first(rows), sums);
            if l == 0 {
                break;
            }
            let (before, after) = self.deltas.split_at_mut(l);
            let (to, from) = (&mut before[l - 1], &after[0]);
            self.turned[l].turn(&layers[l].coefs);
            let zeros = vec![[0.0; LANES]; to.vectors];
            affine(level, rows, from, &self.turned[l], &zeros, to);
            let (deltas, outputs) = (to.first_mut(rows), self.forward.values[l].first(rows));
            let (deltas, outputs) = (deltas.as_flattened_mut(), outputs.as_flattened());
            pointwise::through_activation(level, self.forward.activation, deltas, outputs);
        }
        let squares: f64 = layers.iter().map(|l| pointwise::sum_of_squares(level, &l.coefs.values)).sum();
        (loss + 0.5 * alpha * squares) / rows as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        // The loss is rounded at about 1e-7, so a step of 1e-2 gives slopes good to about 1e-5; ReLU's kink lies in
        // that step for few weights, hence smooth activations here and a wider bound for it.
        for (activation, bound) in [
            (Activation::Identity, 2e-4),
            (Activation::Tanh, 2e-4),
            (Activation::Logistic, 2e-4),
            (Activation::Relu, 3e-3),
        ] {
            let start = initial_layers(&[3, 5, 4, 3], activation, Seed::new(5));
            let mut layers: Vec<Weights> = start.iter().map(Weights::of).collect();
            let x = Array2::from_shape_fn((7, 3), |(i, j)| ((i * 5 + j * 3) % 11) as f32 / 5.0 - 1.0);
            let targets = [0, 1, 2, 0, 1, 2, 2];
            let rows: Vec<usize> = (0..7).collect();
            let alpha = 0.3;
            let mut work = Workspace::new(Level::best(), activation, &layers, 7);
            work.forward.gather(&Padded::of(x.view()), &rows);
            work.backward(&layers, &targets, alpha);
            let gradients = work.gradients.clone();
            for l in 0..3 {
                for part in 0..2 {
                    let columns = layers[l].coefs.columns();
                    for i in (0..layers[l].parts()[part].len()).filter(|i| i % LANES < columns) {
                        let old = layers[l].parts()[part][i];
                        let h = 1e-2_f32;
                        layers[l].parts_mut()[part][i] = old + h;
                        let up = work.backward(&layers, &targets, alpha);
                        layers[l].parts_mut()[part][i] = old - h;
                        let down = work.backward(&layers, &targets, alpha);
                        layers[l].parts_mut()[part][i] = old;
                        let slope = (up - down) / (2.0 * f64::from(h));
                        let penalty = if part == 0 { alpha * f64::from(old) } else { 0.0 };
                        let got = (f64::from(gradients[l].parts()[part][i]) + penalty) / 7.0;
                        assert!((slope - got).abs() < bound, "{activation:?} {l} {part} {i}: {slope} {got}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_start_lies_in_glorots_bounds() {
        for (activation, factor) in [(Activation::Relu, 6.0_f32), (Activation::Logistic, 2.0)] {
            let layers = initial_layers(&[20, 30], activation, Seed::new(1));
            let bound = (factor / 50.0).sqrt();
            let largest = layers[0].coefs.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert!(largest <= bound && largest > 0.95 * bound, "{largest} {bound}");
        }
    }
}
