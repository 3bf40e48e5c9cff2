//! What is done to every number of a batch: activations, softmax, sums; and the steps of the solvers.
//!
//! Additions, multiplications, divisions and roots only, each rounded by itself: the same bits at every level.

use super::Activation;
use super::math;
use super::padded::{LANES, Padded};
use crate::ml::simd::{Level, leveled};

/// Applies the activation.
pub fn activate(level: Level, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => relu(level, values),
        Activation::Logistic => logistic(level, values),
        Activation::Tanh => tanh(level, values),
    }
}

/// Multiplies gradients by the derivative of the activation, which is known from its `outputs`.
pub fn through_activation(level: Level, activation: Activation, deltas: &mut [f32], outputs: &[f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => through_relu(level, deltas, outputs),
        Activation::Logistic => through_logistic(level, deltas, outputs),
        Activation::Tanh => through_tanh(level, deltas, outputs),
    }
}

/// `deltas = softmax(logits) - onehot(targets)` by row; returns the sum of `-ln softmax(logits)[target]`, each at most
/// `-ln(2^-52)` as scikit-learn clips it.
pub fn softmax_minus_targets(level: Level, logits: &Padded, targets: &[u32], deltas: &mut Padded) -> f64 {
    let most = -math::ln(f64::EPSILON);
    let top = |z: &[f32]| z.iter().fold(f32::NEG_INFINITY, |most, &v| if v > most { v } else { most });
    for row in 0..targets.len() {
        let z = logits.row(row);
        let top = top(z);
        deltas.row_mut(row).iter_mut().zip(z).for_each(|(d, v)| *d = v - top);
    }
    exponentials(level, deltas.first_mut(targets.len()).as_flattened_mut());
    let columns = deltas.columns();
    let mut loss = 0.0;
    for (row, &target) in targets.iter().enumerate() {
        let z = logits.row(row);
        let padded = deltas.vectors * LANES;
        let all = &mut deltas.first_mut(row + 1).as_flattened_mut()[row * padded..];
        let (d, padding) = all.split_at_mut(columns);
        padding.fill(0.0);
        let sum = d.iter().fold(0.0_f32, |sum, v| sum + v);
        let inverse = 1.0 / sum;
        d.iter_mut().for_each(|v| *v *= inverse);
        d[target as usize] -= 1.0;
        let own = math::ln(f64::from(sum)) + f64::from(top(z)) - f64::from(z[target as usize]);
        loss += own.min(most);
    }
    loss
}

leveled! {
    fn relu<S>(_simd, values: &mut [f32]) {
        for z in values {
            *z = if *z > 0.0 { *z } else { 0.0 };
        }
    }
}

leveled! {
    fn logistic<S>(_simd, values: &mut [f32]) {
        for z in values {
            *z = math::logistic(*z);
        }
    }
}

leveled! {
    fn tanh<S>(_simd, values: &mut [f32]) {
        for z in values {
            *z = math::tanh(*z);
        }
    }
}

leveled! {
    fn exponentials<S>(_simd, values: &mut [f32]) {
        for z in values {
            *z = math::exp(*z);
        }
    }
}

leveled! {
    fn through_relu<S>(_simd, deltas: &mut [f32], outputs: &[f32]) {
        for (d, a) in deltas.iter_mut().zip(outputs) {
            *d = if *a == 0.0 { 0.0 } else { *d };
        }
    }
}

leveled! {
    fn through_logistic<S>(_simd, deltas: &mut [f32], outputs: &[f32]) {
        for (d, a) in deltas.iter_mut().zip(outputs) {
            *d *= *a * (1.0 - *a);
        }
    }
}

leveled! {
    fn through_tanh<S>(_simd, deltas: &mut [f32], outputs: &[f32]) {
        for (d, a) in deltas.iter_mut().zip(outputs) {
            *d *= 1.0 - *a * *a;
        }
    }
}

leveled! {
    /// Sums of the columns, over the rows in order.
    pub fn column_sums<S>(simd, rows: &[[f32; LANES]], sums: &mut [[f32; LANES]]) {
        let vectors = sums.len();
        for (vector, to) in sums.iter_mut().enumerate() {
            let mut sum = simd.splat_16(0.0);
            for row in rows.chunks_exact(vectors) {
                sum = simd.add_16(sum, simd.load_16(&row[vector]));
            }
            simd.store_16(sum, to);
        }
    }
}

leveled! {
    /// Sum of squares in one f32 sum a lane, joined in f64.
    pub fn sum_of_squares<S>(simd, values: &[[f32; LANES]]) -> f64 {
        let mut sum = simd.splat_16(0.0);
        for value in values {
            let value = simd.load_16(value);
            sum = simd.add_16(sum, simd.mul_16(value, value));
        }
        let mut lanes = [0.0; LANES];
        simd.store_16(sum, &mut lanes);
        lanes.iter().map(|&lane| f64::from(lane)).sum()
    }
}

/// The constants of a step of Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Penalty of the weights.
    pub decay: f32,
    /// One over the rows of the batch.
    pub share: f32,
    pub beta_1: f32,
    pub beta_2: f32,
    pub rest_1: f32,
    pub rest_2: f32,
    pub rate: f32,
    pub epsilon: f32,
}

leveled! {
    pub fn adam<S>(_simd, step: AdamStep, weights: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        let AdamStep { decay, share, beta_1, beta_2, rest_1, rest_2, rate, epsilon } = step;
        for (((w, g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
            let g = (*g + decay * *w) * share;
            *m = beta_1 * *m + rest_1 * g;
            *v = beta_2 * *v + rest_2 * (g * g);
            *w -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}

/// The constants of a step of gradient descent with momentum.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    /// Penalty of the weights.
    pub decay: f32,
    /// One over the rows of the batch.
    pub share: f32,
    pub rate: f32,
    pub momentum: f32,
    pub nesterov: bool,
}

leveled! {
    pub fn sgd<S>(_simd, step: SgdStep, weights: &mut [f32], gradients: &[f32], velocities: &mut [f32]) {
        let SgdStep { decay, share, rate, momentum, nesterov } = step;
        for ((w, g), velocity) in weights.iter_mut().zip(gradients).zip(velocities) {
            let g = (*g + decay * *w) * share;
            *velocity = momentum * *velocity - rate * g;
            *w += if nesterov { momentum * *velocity - rate * g } else { *velocity };
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn numbers(n: usize, salt: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + salt * 11) % 103) as f32 / 20.0 - 2.5).collect()
    }

    /// Lengths around the vectors: none, one, odd ones, several.
    #[test]
    fn every_level_gives_the_same_bits() {
        let plain = Level::all()[0];
        for n in [0, 1, 5, 15, 16, 17, 40, 63, 130] {
            let all = |level: Level| {
                let mut out: Vec<Vec<f32>> = Vec::new();
                for activation in [Activation::Relu, Activation::Tanh, Activation::Logistic, Activation::Identity] {
                    let mut values = numbers(n, 1);
                    activate(level, activation, &mut values);
                    let mut deltas = numbers(n, 2);
                    through_activation(level, activation, &mut deltas, &values);
                    out.extend([values, deltas]);
                }
                let [mut w, g, mut m, mut v] = [3, 4, 5, 6].map(|salt| numbers(n, salt));
                v.iter_mut().for_each(|v| *v = v.abs());
                let step = AdamStep {
                    decay: 1e-4,
                    share: 0.005,
                    beta_1: 0.9,
                    beta_2: 0.999,
                    rest_1: 0.1,
                    rest_2: 0.001,
                    rate: 0.02,
                    epsilon: 1e-8,
                };
                adam(level, step, &mut w, &g, &mut m, &mut v);
                for nesterov in [false, true] {
                    let step = SgdStep { decay: 1e-4, share: 0.005, rate: 0.1, momentum: 0.9, nesterov };
                    sgd(level, step, &mut w, &g, &mut m);
                }
                out.extend([w, m, v]);
                let matrix = Array2::from_shape_vec((n, 1), numbers(n, 7)).unwrap();
                let wide = Array2::from_shape_fn((n, 19), |(i, j)| matrix[[i, 0]] * (j as f32 - 8.0));
                let logits = Padded::of(wide.view());
                let mut deltas = Padded::of((&wide + 1.0).view());
                let targets: Vec<u32> = (0..n as u32).map(|i| i % 19).collect();
                let loss = softmax_minus_targets(level, &logits, &targets, &mut deltas);
                let mut sums = Padded::zeros(1, 19);
                column_sums(level, deltas.first(n), &mut sums.values);
                let squares = sum_of_squares(level, &logits.values);
                out.extend([
                    deltas.values.as_flattened().to_vec(),
                    sums.row(0).to_vec(),
                    vec![loss as f32, squares as f32],
                ]);
                out.into_iter().map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<u32>>()).collect::<Vec<_>>()
            };
            for level in Level::all() {
                assert_eq!(all(level), all(plain), "{n} numbers, {level:?}");
            }
        }
    }

    #[test]
    fn softmax_rows_less_their_targets() {
        let z = ndarray::array![[1.0_f32, 2.0, 0.5], [-3.0, 80.0, 1.0]];
        let mut d = Padded::of((&z * 0.0 + 9.0).view());
        let loss = softmax_minus_targets(Level::best(), &Padded::of(z.view()), &[0, 2], &mut d);
        for (row, target) in [(0, 0), (1, 2)] {
            let total: f64 = z.row(row).iter().map(|&v| f64::from(v).exp()).sum();
            for column in 0..3 {
                let want = f64::from(z[[row, column]]).exp() / total - f64::from(u8::from(column == target));
                assert!((f64::from(d.row(row)[column]) - want).abs() < 1e-6);
            }
        }
        let first = -(1f64.exp() / (1f64.exp() + 2f64.exp() + 0.5f64.exp())).ln();
        assert!((loss - first - 52.0 * std::f64::consts::LN_2).abs() < 1e-6, "the second is clipped");
    }
}
