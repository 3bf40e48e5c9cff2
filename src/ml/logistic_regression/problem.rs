//! What logistic regression minimises: loss, gradient and Hessian, over strips of standardised rows.

use rayon::prelude::*;

use crate::ml::gram::{LANES, Products, STRIP, vectors};
use crate::ml::rowwise::softmax;
use crate::ml::simd::{Level, leveled};

/// Least rows of a block, the unit of parallel work and of sums.
const BLOCK: usize = 1024;
/// Most blocks.
const BLOCKS: usize = 16;

/// What is minimised. A point is (outputs x (columns + 1)), row-major, the intercept last in each row.
pub(super) struct Problem<'a> {
    pub(super) level: Level,
    pub(super) x: &'a [f64],
    /// By row, the place of its class among those present.
    pub(super) y: Vec<u32>,
    pub(super) weights: Vec<f64>,
    pub(super) mean: &'a [f64],
    pub(super) scale: &'a [f64],
    /// By standardised column.
    pub(super) penalty: Vec<f64>,
    pub(super) outputs: usize,
    pub(super) intercept: bool,
}

/// Some rows, with what a point says of them.
struct Strip<'a> {
    /// The first row.
    first: usize,
    rows: usize,
    /// Standardised rows, each with a last 1 (0 without an intercept), in vectors.
    x: &'a [[f64; LANES]],
    /// Scores of the outputs by row, in vectors.
    scores: &'a mut [[f64; LANES]],
}

impl Problem<'_> {
    /// Numbers of a row of a point.
    pub(super) fn stride(&self) -> usize {
        self.mean.len() + 1
    }

    /// What `work` makes of the strips of every block, block by block.
    fn over<T: Send>(&self, w: &[f64], new: impl Fn() -> T + Sync, work: impl Fn(&mut T, Strip<'_>) + Sync) -> Vec<T> {
        let (width, per_row, per_score) = (self.mean.len(), vectors(self.stride()), vectors(self.outputs));
        let weights = self.in_lanes(w);
        let size = self.y.len().div_ceil(BLOCKS).max(BLOCK).next_multiple_of(STRIP);
        self.x
            .par_chunks(size * width)
            .enumerate()
            .map(|(block, x)| {
                let mut state = new();
                let mut rows = vec![[0.0; LANES]; STRIP * per_row];
                let mut scores = vec![[0.0; LANES]; STRIP * per_score];
                for (strip, x) in x.chunks(STRIP * width).enumerate() {
                    let n = x.len() / width;
                    for (row, values) in rows.chunks_exact_mut(per_row).zip(x.chunks_exact(width)) {
                        let row = row.as_flattened_mut();
                        for (((to, v), m), s) in row.iter_mut().zip(values).zip(self.mean).zip(self.scale) {
                            *to = (v - m) / s;
                        }
                        row[width] = f64::from(u8::from(self.intercept));
                    }
                    let (x, scores) = (&rows[..n * per_row], &mut scores[..n * per_score]);
                    dots(self.level, self.stride(), x, &weights, scores);
                    work(&mut state, Strip { first: block * size + strip * STRIP, rows: n, x, scores });
                }
                state
            })
            .collect()
    }

    /// A point by group of outputs, then column, then lane.
    fn in_lanes(&self, w: &[f64]) -> Vec<[f64; LANES]> {
        let stride = self.stride();
        let mut lanes = vec![[0.0; LANES]; vectors(self.outputs) * stride];
        for (k, w) in w.chunks_exact(stride).enumerate() {
            for (j, &w) in w.iter().enumerate() {
                lanes[k / LANES * stride + j][k % LANES] = w;
            }
        }
        lanes
    }

    /// Turns the scores of a row into probabilities of the outputs; returns its loss.
    fn judge(&self, scores: &mut [[f64; LANES]], row: usize) -> f64 {
        let p = &mut scores.as_flattened_mut()[..self.outputs];
        let y = self.y[row];
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

    pub(super) fn loss(&self, w: &[f64]) -> f64 {
        let per_score = vectors(self.outputs);
        let data = self.over(
            w,
            || 0.0,
            |sum, strip| {
                for (i, scores) in strip.scores.chunks_exact_mut(per_score).enumerate() {
                    let row = strip.first + i;
                    *sum += self.weights[row] * self.judge(scores, row);
                }
            },
        );
        let penalised = |w: &[f64]| w.iter().zip(&self.penalty).map(|(w, penalty)| penalty * w * w).sum::<f64>();
        data.iter().sum::<f64>() + 0.5 * w.chunks_exact(self.stride()).map(penalised).sum::<f64>()
    }

    /// Sums over the rows of a factor of each output times the row, as a point; `factors` turns the scores of a row into
    /// the factors. With `squares`, of the squared values of the row.
    fn pull(&self, w: &[f64], squares: bool, factors: impl Fn(&mut [f64], usize, &[f64]) + Sync) -> Vec<f64> {
        let (stride, per_row, per_score) = (self.stride(), vectors(self.stride()), vectors(self.outputs));
        let blocks = self.over(
            w,
            || Products::all(self.outputs, stride),
            |products, strip| {
                let rows = strip.scores.chunks_exact_mut(per_score).zip(strip.x.chunks_exact(per_row));
                for (i, (scores, x)) in rows.enumerate() {
                    let row = strip.first + i;
                    self.judge(scores, row);
                    factors(&mut scores.as_flattened_mut()[..self.outputs], row, &x.as_flattened()[..stride]);
                }
                if squares {
                    let x: Vec<[f64; LANES]> = strip.x.iter().map(|x| x.map(|v| v * v)).collect();
                    products.add(self.level, strip.scores, &x);
                } else {
                    products.add(self.level, strip.scores, strip.x);
                }
            },
        );
        let mut total = Products::all(self.outputs, stride);
        blocks.iter().for_each(|block| total.join(block));
        (0..self.outputs * stride).map(|i| total.get(i / stride, i % stride)).collect()
    }

    pub(super) fn gradient(&self, w: &[f64]) -> Vec<f64> {
        let mut gradient = self.pull(w, false, |p, row, _| {
            for (k, p) in p.iter_mut().enumerate() {
                let hit = if self.outputs == 1 { self.y[row] == 1 } else { self.y[row] as usize == k };
                *p = self.weights[row] * (*p - f64::from(u8::from(hit)));
            }
        });
        self.add_penalty(&mut gradient, w);
        gradient
    }

    /// The diagonal of the Hessian at `w`.
    pub(super) fn diagonal(&self, w: &[f64]) -> Vec<f64> {
        let weight = |p: &mut [f64], row: usize, _: &[f64]| {
            p.iter_mut().for_each(|p| *p = self.weights[row] * *p * (1.0 - *p));
        };
        let mut diagonal = self.pull(w, true, weight);
        self.add_penalty(&mut diagonal, &vec![1.0; w.len()]);
        diagonal
    }

    /// The Hessian at `w` times `d`.
    pub(super) fn hessian_times(&self, w: &[f64], d: &[f64]) -> Vec<f64> {
        let mut out = self.pull(w, false, |p, row, x| {
            let along: Vec<f64> = d.chunks_exact(self.stride()).map(|d| dot(d, x)).collect();
            let mean = if self.outputs == 1 { p[0] * along[0] } else { dot(p, &along) };
            p.iter_mut().zip(&along).for_each(|(p, along)| *p = self.weights[row] * *p * (along - mean));
        });
        self.add_penalty(&mut out, d);
        out
    }

    fn add_penalty(&self, to: &mut [f64], w: &[f64]) {
        for (to, w) in to.chunks_exact_mut(self.stride()).zip(w.chunks_exact(self.stride())) {
            to.iter_mut().zip(w).zip(&self.penalty).for_each(|((to, w), penalty)| *to += penalty * w);
        }
    }

    /// The Hessian at `w`, row-major. With several outputs, adding the same to all intercepts changes nothing; that
    /// direction, in which no gradient has a part, is given a slope of its own, so that the matrix is definite.
    pub(super) fn hessian(&self, w: &[f64]) -> Vec<f64> {
        let (stride, per_row, per_score) = (self.stride(), vectors(self.stride()), vectors(self.outputs));
        let pairs: Vec<(usize, usize)> = (0..self.outputs).flat_map(|k| (0..=k).map(move |l| (k, l))).collect();
        let new = || (vec![Products::lower(stride); pairs.len()], vec![[0.0; LANES]; STRIP * per_row]);
        let blocks = self.over(w, new, |(products, left), strip| {
            for (i, scores) in strip.scores.chunks_exact_mut(per_score).enumerate() {
                self.judge(scores, strip.first + i);
            }
            let p = |i: usize, k: usize| strip.scores[i * per_score + k / LANES][k % LANES];
            for (products, &(k, l)) in products.iter_mut().zip(&pairs) {
                let rows = left.chunks_exact_mut(per_row).zip(strip.x.chunks_exact(per_row));
                for (i, (left, x)) in rows.enumerate() {
                    let own = if k == l { 1.0 } else { 0.0 };
                    let weight = self.weights[strip.first + i] * p(i, k) * (own - p(i, l));
                    for (left, x) in left.as_flattened_mut().iter_mut().zip(x.as_flattened()) {
                        *left = weight * x;
                    }
                }
                products.add(self.level, &left[..strip.rows * per_row], strip.x);
            }
        });
        let size = self.outputs * stride;
        let mut matrix = vec![0.0; size * size];
        for (place, &(k, l)) in pairs.iter().enumerate() {
            let mut total = Products::lower(stride);
            blocks.iter().for_each(|(products, _)| total.join(&products[place]));
            for i in 0..stride {
                for j in 0..stride {
                    let value = total.get(i.max(j), i.min(j));
                    matrix[(k * stride + i) * size + l * stride + j] = value;
                    matrix[(l * stride + j) * size + k * stride + i] = value;
                }
            }
        }
        let last = |k: usize| k * stride + stride - 1;
        let slope = (0..self.outputs).map(|k| matrix[last(k) * size + last(k)]).sum::<f64>() / self.outputs as f64;
        for k in 0..self.outputs {
            for (j, penalty) in self.penalty.iter().enumerate() {
                matrix[(k * stride + j) * size + k * stride + j] += penalty;
            }
            for l in 0..self.outputs {
                if !self.intercept {
                    matrix[last(k) * size + last(l)] = f64::from(u8::from(k == l)); // nothing depends on it
                } else if self.outputs > 1 {
                    matrix[last(k) * size + last(l)] += slope;
                }
            }
        }
        matrix
    }
}

leveled! {
    /// Scores of the rows, one of each group of outputs after the other: sums over `columns` columns in order.
    fn dots<S>(simd, columns: usize, x: &[[f64; LANES]], weights: &[[f64; LANES]], scores: &mut [[f64; LANES]]) {
        let (per_row, per_score) = (columns.div_ceil(LANES), weights.len() / columns);
        for (x, scores) in x.chunks_exact(per_row).zip(scores.chunks_exact_mut(per_score)) {
            for (weights, score) in weights.chunks_exact(columns).zip(scores) {
                let mut sum = simd.splat_64(0.0);
                for (weight, &value) in weights.iter().zip(x.as_flattened()) {
                    sum = simd.add_64(sum, simd.mul_64(simd.load_64(weight), simd.splat_64(value)));
                }
                simd.store_64(sum, score);
            }
        }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
