//! The layers: weights, forward pass, gradients.

use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::Activation;
use super::gemm::Gemm;
use super::math;
use crate::digest::Seed;
use crate::ml::random::Rng;

/// Weights of one layer: `z = x coefs + intercepts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Shape (inputs, outputs).
    pub coefs: Array2<f32>,
    /// One per output.
    pub intercepts: Array1<f32>,
}

impl Layer {
    /// Zeros of a shape.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self { coefs: Array2::zeros((inputs, outputs)), intercepts: Array1::zeros(outputs) }
    }

    /// Zeros of the shape of each of `layers`.
    pub fn zeros_like(layers: &[Self]) -> Vec<Self> {
        layers.iter().map(|l| Self::zeros(l.coefs.nrows(), l.coefs.ncols())).collect()
    }

    /// The two parts as slices.
    pub fn parts(&self) -> [&[f32]; 2] {
        [self.coefs.as_slice().unwrap_or_default(), self.intercepts.as_slice().unwrap_or_default()]
    }

    /// The two parts as slices.
    pub fn parts_mut(&mut self) -> [&mut [f32]; 2] {
        [self.coefs.as_slice_mut().unwrap_or_default(), self.intercepts.as_slice_mut().unwrap_or_default()]
    }
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
            let mut layer = Layer::zeros(pair[0], pair[1]);
            for part in layer.parts_mut() {
                part.fill_with(|| (bound * (2.0 * rng.uniform() - 1.0)) as f32);
            }
            layer
        })
        .collect()
}

/// Sum of squares in 16 lanes, joined in f64.
fn sum_of_squares(values: &[f32]) -> f64 {
    let mut lanes = [0.0_f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    lanes.iter().chain(&rest.iter().map(|v| v * v).collect::<Vec<_>>()).map(|&v| f64::from(v)).sum()
}

/// The buffers of one batch: made once, used for every batch.
#[derive(Debug)]
pub struct Workspace {
    gemm: Gemm,
    activation: Activation,
    /// Input and the output of every layer, shape (largest batch, units).
    values: Vec<Array2<f32>>,
    /// Gradient of the loss with respect to every layer's `z`.
    deltas: Vec<Array2<f32>>,
    /// Gradients of the summed log loss with respect to the weights, without the penalty.
    pub gradients: Vec<Layer>,
}

impl Workspace {
    /// Buffers for batches of at most `rows`.
    pub fn new(gemm: Gemm, activation: Activation, layers: &[Layer], rows: usize) -> Self {
        let outputs = || layers.iter().map(|l| Array2::zeros((rows, l.coefs.ncols())));
        let inputs = layers.first().map_or(0, |l| l.coefs.nrows());
        Self {
            gemm,
            activation,
            values: std::iter::once(Array2::zeros((rows, inputs))).chain(outputs()).collect(),
            deltas: outputs().collect(),
            gradients: Layer::zeros_like(layers),
        }
    }

    /// Copies the rows with these indices in as the batch.
    pub fn gather(&mut self, x: &Array2<f32>, rows: &[usize]) {
        let width = x.ncols();
        let all = x.as_slice().unwrap_or_default();
        let batch = self.values[0].as_slice_mut().unwrap_or_default();
        for (slot, &row) in batch.chunks_exact_mut(width).zip(rows) {
            slot.copy_from_slice(&all[row * width..(row + 1) * width]);
        }
    }

    /// Forward pass of the first `rows` rows: the logits of the last layer, shape (rows, outputs).
    pub fn forward(&mut self, layers: &[Layer], rows: usize) -> ArrayView2<'_, f32> {
        let last = layers.len() - 1;
        for (l, layer) in layers.iter().enumerate() {
            let (before, after) = self.values.split_at_mut(l + 1);
            let (input, output) = (&before[l], &mut after[0]);
            self.gemm.multiply(input.slice(s![..rows, ..]), layer.coefs.view(), output.slice_mut(s![..rows, ..]));
            let width = output.ncols();
            let bias = layer.intercepts.as_slice().unwrap_or_default();
            let flat = &mut output.as_slice_mut().unwrap_or_default()[..rows * width];
            let kind = if l == last { Activation::Identity } else { self.activation };
            match kind {
                Activation::Identity => each(flat, bias, |z| z),
                Activation::Relu => each(flat, bias, |z| if z > 0.0 { z } else { 0.0 }),
                Activation::Logistic => each(flat, bias, math::logistic),
                Activation::Tanh => each(flat, bias, math::tanh),
            }
        }
        self.values[last + 1].slice(s![..rows, ..])
    }

    /// Forward and backward pass of the batch of `targets.len()` rows. Fills [`Workspace::gradients`] and returns
    /// scikit-learn's batch loss: mean log loss plus `alpha / 2 * |coefs|^2 / rows`.
    pub fn backward(&mut self, layers: &[Layer], targets: &[u32], alpha: f64) -> f64 {
        let rows = targets.len();
        let mut loss = 0.0;
        self.forward(layers, rows);
        let last = layers.len() - 1;
        let width = self.values[last + 1].ncols();
        let logits = self.values[last + 1].as_slice().unwrap_or_default();
        let deltas = self.deltas[last].as_slice_mut().unwrap_or_default();
        for ((z, d), &target) in logits.chunks_exact(width).zip(deltas.chunks_exact_mut(width)).zip(targets) {
            loss += softmax_minus_target(z, target as usize, d);
        }
        for l in (0..=last).rev() {
            let delta = self.deltas[l].slice(s![..rows, ..]);
            let gradient = &mut self.gradients[l];
            self.gemm.multiply(self.values[l].slice(s![..rows, ..]).reversed_axes(), delta, gradient.coefs.view_mut());
            let width = self.deltas[l].ncols();
            let flat = &self.deltas[l].as_slice().unwrap_or_default()[..rows * width];
            column_sums(flat, gradient.intercepts.as_slice_mut().unwrap_or_default());
            if l == 0 {
                break;
            }
            let (before, after) = self.deltas.split_at_mut(l);
            let (to, from) = (&mut before[l - 1], after[0].slice(s![..rows, ..]));
            self.gemm.multiply(from, layers[l].coefs.t(), to.slice_mut(s![..rows, ..]));
            let deltas = to.as_slice_mut().unwrap_or_default();
            let outputs = self.values[l].as_slice().unwrap_or_default();
            let n = rows * layers[l].coefs.nrows();
            let (deltas, outputs) = (&mut deltas[..n], &outputs[..n]);
            match self.activation {
                Activation::Identity => {}
                Activation::Relu => scale(deltas, outputs, |d, a| if a == 0.0 { 0.0 } else { d }),
                Activation::Logistic => scale(deltas, outputs, |d, a| d * (a * (1.0 - a))),
                Activation::Tanh => scale(deltas, outputs, |d, a| d * (1.0 - a * a)),
            }
        }
        let squares: f64 = layers.iter().map(|l| sum_of_squares(l.parts()[0])).sum();
        (loss + 0.5 * alpha * squares) / rows as f64
    }
}

#[inline(always)]
fn each(flat: &mut [f32], bias: &[f32], of: impl Fn(f32) -> f32) {
    for row in flat.chunks_exact_mut(bias.len().max(1)) {
        for (z, b) in row.iter_mut().zip(bias) {
            *z = of(*z + b);
        }
    }
}

#[inline(always)]
fn scale(deltas: &mut [f32], outputs: &[f32], of: impl Fn(f32, f32) -> f32) {
    for (d, a) in deltas.iter_mut().zip(outputs) {
        *d = of(*d, *a);
    }
}

fn column_sums(flat: &[f32], into: &mut [f32]) {
    into.fill(0.0);
    for row in flat.chunks_exact(into.len().max(1)) {
        for (sum, v) in into.iter_mut().zip(row) {
            *sum += v;
        }
    }
}

/// `d = softmax(z) - onehot(target)`; returns `-ln softmax(z)[target]`, at most `-ln(2^-52)` as scikit-learn clips it.
fn softmax_minus_target(z: &[f32], target: usize, d: &mut [f32]) -> f64 {
    let top = z.iter().fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m });
    let mut sum = 0.0_f32;
    for (out, v) in d.iter_mut().zip(z) {
        *out = math::exp(v - top);
        sum += *out;
    }
    let inverse = 1.0 / sum;
    for out in d.iter_mut() {
        *out *= inverse;
    }
    d[target] -= 1.0;
    let loss = math::ln(f64::from(sum)) + f64::from(top) - f64::from(z[target]);
    loss.min(-math::ln(f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::Numerics;

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
            let mut layers = initial_layers(&[3, 5, 4, 3], activation, Seed::new(5));
            let x = Array2::from_shape_fn((7, 3), |(i, j)| ((i * 5 + j * 3) % 11) as f32 / 5.0 - 1.0);
            let targets = [0, 1, 2, 0, 1, 2, 2];
            let rows: Vec<usize> = (0..7).collect();
            let alpha = 0.3;
            let mut work = Workspace::new(Gemm::new(Numerics::Portable), activation, &layers, 7);
            work.gather(&x, &rows);
            work.backward(&layers, &targets, alpha);
            let gradients = work.gradients.clone();
            for l in 0..3 {
                for part in 0..2 {
                    for i in 0..layers[l].parts()[part].len() {
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
