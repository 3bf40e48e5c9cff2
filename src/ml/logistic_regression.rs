//! Logistic regression with an L2 penalty, by a truncated Newton method
//! (<https://scikit-learn.org/stable/modules/linear_model.html#logistic-regression>).
//!
//! Minimises `sum_i s_i loss_i + |w|^2 / (2 C)` with the intercepts free, where `s_i` is the class weight of row `i`: the
//! softmax loss with one vector per class, or for two classes the sigmoid loss with one vector for the higher class, as
//! scikit-learn does. The work is done in columns of mean 0 and variance 1, with the penalty carried over: the optimum is
//! that of the raw columns, and columns of very different scales cost no extra steps. Newton directions come from
//! conjugate gradients (Nocedal and Wright 2006, algorithm 7.1) scaled by the diagonal of the Hessian. Sums are taken
//! over fixed blocks of rows and added in order. The standardised rows and the probabilities of the current point are
//! held in memory, so a step of the conjugate gradients is two passes of multiplications and nothing else.

#![allow(non_snake_case)] // `C` is scikit-learn's name

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::forest::{Balanced, ClassWeight, balanced_weights, named_weights};
use super::rowwise::{rowwise, softmax};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::param::{Range, parameters};

/// Rows of one block: the unit of parallel work and of sums.
const BLOCK: usize = 1024;

parameters! {
    /// Logistic regression with an L2 penalty: softmax over the classes, the sigmoid for two.
    pub struct LogisticRegression {
        /// Inverse of the strength of the penalty.
        C: f64 = 1.0, within Range::above(0.0);
        /// Add an intercept, which is not penalised.
        fit_intercept: bool = true;
        /// Stop where no component of the gradient of the mean loss, in standardised columns, is greater than this.
        /// Smaller than scikit-learn's 1e-4: the last Newton iterations are few and make the coefficients exact.
        tol: f64 = 1e-10, within Range::at_least(0.0);
        /// Most Newton iterations.
        max_iter: usize = 100, within Range::at_least(1.0);
        /// How much a row of each class counts: `balanced`, a map from class name to weight, or `null`.
        class_weight: ClassWeight<Balanced> = ClassWeight::None;
    }
}

/// A fitted logistic regression. A class without a training row has probability 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegressionModel {
    n_classes: usize,
    /// The classes with training rows, in order.
    present: Vec<u32>,
    coef: Array2<f64>,
    intercept: Array1<f64>,
    n_iter: usize,
}

impl LogisticRegression {
    /// Finds the coefficients. One class alone needs none.
    ///
    /// Warns (R02) where the gradient is still above `tol` when it stops.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for a class weight of an unknown class, or a parameter outside its range.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        progress: Progress<'_>,
    ) -> Result<(LogisticRegressionModel, Vec<Warning>), MlError> {
        let data = train.get();
        if !Range::above(0.0).holds(self.C) {
            return Err(MlError::parameter("C", format!("expected a number above 0, got {}", self.C)));
        }
        let counts = data.class_counts();
        let by_class = match &self.class_weight {
            ClassWeight::None => vec![1.0; data.n_classes()],
            ClassWeight::Rule(Balanced::Balanced) => balanced_weights(&counts),
            ClassWeight::Map(named) => named_weights(named, data)?,
        };
        let present: Vec<u32> = (0..data.n_classes() as u32).filter(|&c| counts[c as usize] > 0).collect();
        let outputs = if present.len() > 2 { present.len() } else { present.len() - 1 };
        let width = data.width();
        let (mean, scale) = standard(data.x(), self.fit_intercept);
        let problem = Problem {
            rows: standardised(data.x(), &mean, &scale, self.fit_intercept),
            stride: width + 1,
            y: data.y().iter().map(|&c| present.partition_point(|&p| p < c) as u32).collect(),
            weights: data.y().iter().map(|&c| by_class[c as usize]).collect(),
            penalty: scale.iter().map(|scale| 1.0 / (self.C * scale * scale)).collect(),
            outputs,
        };
        let (mut w, n_iter, converged) = problem.newton(self.tol, self.max_iter, progress);
        let mut intercept = Array1::zeros(outputs);
        for (k, w) in w.chunks_exact_mut(width + 1).enumerate() {
            let mut shift = 0.0;
            for ((w, mean), scale) in w.iter_mut().zip(&mean).zip(&scale) {
                *w /= scale;
                shift += *w * mean;
            }
            intercept[k] = if self.fit_intercept { w[width] - shift } else { 0.0 };
        }
        let coef = Array2::from_shape_fn((outputs, width), |(k, j)| w[k * (width + 1) + j]);
        if outputs > 1 {
            let middle = intercept.sum() / outputs as f64;
            intercept.iter_mut().for_each(|value| *value -= middle);
        }
        let warnings = if converged {
            Vec::new()
        } else {
            vec![Warning::new(
                Code::R02,
                format!(
                    "logistic regression stopped after {n_iter} iterations before it converged (tol = {})",
                    self.tol
                ),
            )]
        };
        Ok((LogisticRegressionModel { n_classes: data.n_classes(), present, coef, intercept, n_iter }, warnings))
    }
}

impl LogisticRegressionModel {
    /// Coefficients in the raw columns, shape (classes with rows, columns); one row, of the higher class, for two
    /// classes. scikit-learn's `coef_`.
    #[must_use]
    pub fn coef(&self) -> &Array2<f64> {
        &self.coef
    }

    /// One intercept by row of [`Self::coef`]; those of several classes add up to 0. scikit-learn's `intercept_`.
    #[must_use]
    pub fn intercept(&self) -> &Array1<f64> {
        &self.intercept
    }

    /// Newton iterations taken.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Class probabilities, shape (rows, classes).
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        rowwise(x, self.n_classes, |row, out| {
            let mut logs: Vec<f64> = self
                .coef
                .outer_iter()
                .zip(&self.intercept)
                .map(|(coef, intercept)| {
                    let sum: f64 = coef.iter().zip(row).map(|(c, v)| c * v).sum();
                    // infinities of both signs say nothing
                    let sum = if sum.is_nan() { 0.0 } else { sum };
                    (sum + intercept).clamp(-f64::MAX / 4.0, f64::MAX / 4.0)
                })
                .collect();
            if logs.len() < 2 {
                logs.insert(0, 0.0);
            }
            if self.present.len() > 1 {
                softmax(&mut logs);
            } else {
                logs = vec![1.0];
            }
            for (&class, share) in self.present.iter().zip(logs) {
                out[class as usize] = share;
            }
        })
    }
}

/// Mean and standard deviation of every column (1 for a constant column); without an intercept the mean is 0 and the
/// scale is the root of the mean square.
fn standard(x: &Array2<f64>, center: bool) -> (Vec<f64>, Vec<f64>) {
    let n = x.nrows() as f64;
    x.columns()
        .into_iter()
        .map(|column| {
            let rough = if center { column.iter().map(|v| v / n).sum() } else { 0.0 };
            let mean = if center { rough + column.iter().map(|v| (v - rough) / n).sum::<f64>() } else { 0.0 };
            let scale = column.iter().map(|v| (v - mean) * (v - mean) / n).sum::<f64>().sqrt();
            (mean, if scale > 0.0 && scale.is_finite() { scale } else { 1.0 })
        })
        .unzip()
}

/// The rows in columns of mean 0 and variance 1, each with a last 1 for the intercept (0 without one).
fn standardised(x: &Array2<f64>, mean: &[f64], scale: &[f64], intercept: bool) -> Vec<f64> {
    let (rows, width) = x.dim();
    let mut out = vec![f64::from(u8::from(intercept)); rows * (width + 1)];
    let from = x.as_slice().unwrap_or_default().par_chunks(BLOCK * width.max(1));
    out.par_chunks_mut(BLOCK * (width + 1)).zip(from).for_each(|(out, from)| {
        for (out, row) in out.chunks_exact_mut(width + 1).zip(from.chunks_exact(width)) {
            out.iter_mut().zip(row).zip(mean).zip(scale).for_each(|(((out, v), m), s)| *out = (v - m) / s);
        }
    });
    out
}

/// What is minimised. A point is (outputs x stride), row-major, the intercept last in each row.
struct Problem {
    /// See [`standardised`].
    rows: Vec<f64>,
    /// Columns and the intercept.
    stride: usize,
    /// By row, the place of its class among those present.
    y: Vec<u32>,
    weights: Vec<f64>,
    /// By standardised column.
    penalty: Vec<f64>,
    outputs: usize,
}

impl Problem {
    /// Adds up what `work` finds in every block of rows: it gets the rows, the first row's number, the block's part of
    /// `by_row` (`outputs` values a row) and room for `size` sums.
    fn sum(
        &self,
        size: usize,
        by_row: &mut [f64],
        work: impl Fn(&[f64], usize, &mut [f64], &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let blocks: Vec<Vec<f64>> = self
            .rows
            .par_chunks(BLOCK * self.stride)
            .zip(by_row.par_chunks_mut(BLOCK * self.outputs))
            .enumerate()
            .map(|(block, (rows, by_row))| {
                let mut out = vec![0.0; size];
                work(rows, block * BLOCK, by_row, &mut out);
                out
            })
            .collect();
        let mut total = vec![0.0; size];
        for block in blocks {
            total.iter_mut().zip(block).for_each(|(sum, more)| *sum += more);
        }
        total
    }

    /// Probabilities of the outputs of a row, and its loss.
    fn judge(&self, w: &[f64], row: &[f64], y: u32, p: &mut [f64]) -> f64 {
        for (p, w) in p.iter_mut().zip(w.chunks_exact(row.len())) {
            *p = dot(w, row);
        }
        if self.outputs == 1 {
            let z = p[0];
            p[0] = if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) };
            let against = if y == 1 { -z } else { z };
            against.max(0.0) + (-against.abs()).exp().ln_1p()
        } else {
            let own = p[y as usize];
            softmax(p) - own
        }
    }

    /// The loss; leaves the probabilities of the outputs of every row in `p`.
    fn loss(&self, w: &[f64], p: &mut [f64]) -> f64 {
        let data = self.sum(1, p, |rows, first, p, out| {
            for (i, (row, p)) in rows.chunks_exact(self.stride).zip(p.chunks_exact_mut(self.outputs)).enumerate() {
                out[0] += self.weights[first + i] * self.judge(w, row, self.y[first + i], p);
            }
        });
        data[0] + 0.5 * w.chunks_exact(self.stride).map(|w| penalised(w, &self.penalty)).sum::<f64>()
    }

    /// The gradient, and the diagonal of the Hessian, at `w` with the probabilities `p`.
    fn gradient(&self, w: &[f64], p: &mut [f64]) -> (Vec<f64>, Vec<f64>) {
        let (size, stride) = (w.len(), self.stride);
        let mut sums = self.sum(2 * size, p, |rows, first, p, out| {
            let (gradient, diagonal) = out.split_at_mut(size);
            for (i, (row, p)) in rows.chunks_exact(stride).zip(p.chunks_exact(self.outputs)).enumerate() {
                let (y, weight) = (self.y[first + i], self.weights[first + i]);
                for (k, &p) in p.iter().enumerate() {
                    let hit = if self.outputs == 1 { y == 1 } else { y as usize == k };
                    let off = weight * (p - f64::from(u8::from(hit)));
                    let bend = weight * p * (1.0 - p);
                    let (gradient, diagonal) = (&mut gradient[k * stride..], &mut diagonal[k * stride..]);
                    for ((g, d), v) in gradient.iter_mut().zip(diagonal).zip(row) {
                        *g += off * v;
                        *d += bend * v * v;
                    }
                }
            }
        });
        let diagonal = sums.split_off(size);
        let mut out = (sums, diagonal);
        for k in 0..self.outputs {
            for (j, penalty) in self.penalty.iter().enumerate() {
                out.0[k * stride + j] += penalty * w[k * stride + j];
                out.1[k * stride + j] += penalty;
            }
        }
        out
    }

    /// The Hessian, where the probabilities are `p`, times `d`.
    fn hessian(&self, p: &mut [f64], d: &[f64]) -> Vec<f64> {
        let stride = self.stride;
        let mut out = self.sum(d.len(), p, |rows, first, p, out| {
            let mut along = vec![0.0; self.outputs];
            for (i, (row, p)) in rows.chunks_exact(stride).zip(p.chunks_exact(self.outputs)).enumerate() {
                along.iter_mut().zip(d.chunks_exact(stride)).for_each(|(along, d)| *along = dot(d, row));
                let mean = if self.outputs == 1 { p[0] * along[0] } else { dot(p, &along) };
                for ((out, p), along) in out.chunks_exact_mut(stride).zip(p).zip(&along) {
                    let factor = self.weights[first + i] * p * (along - mean);
                    out.iter_mut().zip(row).for_each(|(out, v)| *out += factor * v);
                }
            }
        });
        for (out, d) in out.chunks_exact_mut(stride).zip(d.chunks_exact(stride)) {
            out.iter_mut().zip(d).zip(&self.penalty).for_each(|((out, d), penalty)| *out += penalty * d);
        }
        out
    }

    /// The minimum from 0, the iterations, and whether the gradient came down to `tol`.
    fn newton(&self, tol: f64, max_iter: usize, progress: Progress<'_>) -> (Vec<f64>, usize, bool) {
        if self.outputs == 0 {
            return (Vec::new(), 0, true);
        }
        let mut w = vec![0.0; self.outputs * self.stride];
        let mut p = vec![0.0; self.outputs * self.y.len()];
        let total: f64 = self.weights.iter().sum();
        let mut loss = self.loss(&w, &mut p);
        for iteration in 0..=max_iter {
            let (gradient, diagonal) = self.gradient(&w, &mut p);
            let worst = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
            if worst <= tol * total {
                return (w, iteration, true);
            }
            if iteration == max_iter {
                break;
            }
            let step = self.direction(&mut p, &gradient, &diagonal, (worst / total).min(0.1));
            let slope = dot(&step, &gradient);
            let mut length = 1.0;
            let moved = loop {
                let next: Vec<f64> = w.iter().zip(&step).map(|(w, step)| w + length * step).collect();
                let next_loss = self.loss(&next, &mut p);
                // Near the minimum the loss changes less than its rounding.
                if next_loss <= loss + 1e-4 * length * slope + 1e-13 * loss.abs() {
                    break Some((next, next_loss));
                }
                length *= 0.5;
                if length < 1e-12 {
                    break None;
                }
            };
            let Some((next, next_loss)) = moved else { return (w, iteration, false) };
            (w, loss) = (next, next_loss);
            progress.report(iteration + 1, max_iter);
        }
        (w, max_iter, false)
    }

    /// An approximate Newton step: conjugate gradients until the rest is `share` of the gradient, both measured in the
    /// scale of `diagonal`.
    fn direction(&self, p: &mut [f64], gradient: &[f64], diagonal: &[f64], share: f64) -> Vec<f64> {
        let scaled = |rest: &[f64]| -> Vec<f64> {
            rest.iter().zip(diagonal).map(|(r, &d)| if d > 0.0 { r / d } else { 0.0 }).collect()
        };
        let mut step = vec![0.0; gradient.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut near = scaled(&rest);
        let mut along = near.clone();
        let mut size = dot(&rest, &near);
        let goal = share * share * size;
        for _ in 0..(2 * gradient.len()).clamp(50, 2000) {
            let bent = self.hessian(p, &along);
            let curve = dot(&along, &bent);
            if curve <= 0.0 {
                break;
            }
            let length = size / curve;
            step.iter_mut().zip(&along).for_each(|(s, a)| *s += length * a);
            rest.iter_mut().zip(&bent).for_each(|(r, b)| *r -= length * b);
            near = scaled(&rest);
            let next = dot(&rest, &near);
            if next <= goal {
                break;
            }
            let turn = next / size;
            along.iter_mut().zip(&near).for_each(|(a, n)| *a = n + turn * *a);
            size = next;
        }
        step
    }
}

/// The sum of the products, in eight partial sums: a fixed order that the compiler can do side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// `sum_j penalty_j w_j^2`; the intercept has no penalty.
fn penalised(w: &[f64], penalty: &[f64]) -> f64 {
    w.iter().zip(penalty).map(|(w, penalty)| penalty * w * w).sum()
}

#[cfg(test)]
mod tests;
