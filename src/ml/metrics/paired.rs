//! Is one better than the other, or was it chance: McNemar's test on the rows that only one of two models got right, and
//! bootstrap intervals of metrics and of their differences.
//!
//! Rows are never touched one by one: what a resample of the rows can change is how often each combination of true and
//! predicted classes occurs, so those counts are drawn, cell after cell, each from its binomial distribution.

use serde::Serialize;

use super::{ConfusionMatrix, Metric};
use crate::digest::Seed;
use crate::ml::random::Rng;

/// Up to so many discordant rows McNemar's test is exact.
const MOST_EXACT: u64 = 1_000;

/// McNemar's test of two models on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct McNemar {
    /// Rows that only the first got right.
    pub only_first: u64,
    /// Rows that only the second got right.
    pub only_second: u64,
    /// Probability of a difference at least as great between two equally good models, in `[0, 1]`.
    pub p_value: f64,
    /// Whether by the binomial distribution; else by chi-square with continuity correction.
    pub exact: bool,
}

/// McNemar's test (McNemar 1947; the correction is Edwards 1948): two-sided and exact for up to 1,000 discordant rows.
#[must_use]
pub fn mcnemar(only_first: u64, only_second: u64) -> McNemar {
    let n = only_first + only_second;
    let exact = n <= MOST_EXACT;
    let p_value = if n == 0 {
        1.0
    } else if exact {
        // P(X <= k) of X ~ Binomial(n, 1/2), doubled: terms from C(n, 0) on, each from the one before, in logarithms.
        let k = only_first.min(only_second);
        let mut log_term = -(n as f64) * std::f64::consts::LN_2;
        let mut sum = 0.0;
        for i in 0..=k {
            sum += log_term.exp();
            log_term += ((n - i) as f64 / (i + 1) as f64).ln();
        }
        (2.0 * sum).min(1.0)
    } else {
        let gap = (only_first.abs_diff(only_second) as f64 - 1.0).max(0.0);
        erfc((gap * gap / n as f64 / 2.0).sqrt())
    };
    McNemar { only_first, only_second, p_value, exact }
}

/// The complementary error function for x >= 0, by the continued fraction above 2.5 and the series below; the relative
/// error is below 1e-12 (Abramowitz and Stegun, 7.1.5 and 7.1.14).
fn erfc(x: f64) -> f64 {
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            let part = term / f64::from(2 * n + 1);
            sum += part;
            if part.abs() < 1e-17 * sum.abs() {
                break;
            }
        }
        1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let mut fraction = x;
        for n in (1..=80).rev() {
            fraction = x + f64::from(n) / 2.0 / fraction;
        }
        (-x * x).exp() / fraction / std::f64::consts::PI.sqrt()
    }
}

/// Holm's step-down correction (Holm 1979) of several p-values, in their order.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut out = vec![1.0; p_values.len()];
    let mut greatest: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        greatest = greatest.max(((p_values.len() - rank) as f64 * p_values[at]).min(1.0));
        out[at] = greatest;
    }
    out
}

/// Wilson's interval of a share at 95 % (Wilson 1927).
#[must_use]
pub fn wilson(part: u64, whole: u64) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    if whole == 0 {
        return [0.0, 1.0];
    }
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

/// How a bootstrap draws.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// Resamples.
    pub resamples: usize,
    /// Of the draws.
    pub seed: Seed,
}

impl Default for Bootstrap {
    /// 1,000 resamples; the seed is the same for all, so that the same rows give the same interval.
    fn default() -> Self {
        Self { resamples: 1_000, seed: Seed::new(0).child("bootstrap") }
    }
}

/// What a confusion matrix says of one of these metrics; `None` for metrics that need more than it.
#[must_use]
pub fn of_confusion(confusion: &ConfusionMatrix, metric: Metric) -> Option<f64> {
    if metric == Metric::Accuracy {
        return Some(confusion.accuracy());
    }
    let scores = || confusion.classification();
    Some(match metric {
        Metric::BalancedAccuracy => confusion.balanced_accuracy(),
        Metric::Mcc => confusion.mcc(),
        Metric::PrecisionMacro => scores().macro_average.precision,
        Metric::RecallMacro => scores().macro_average.recall,
        Metric::F1Macro => scores().macro_average.f1,
        Metric::PrecisionWeighted => scores().weighted_average.precision,
        Metric::RecallWeighted => scores().weighted_average.recall,
        Metric::F1Weighted => scores().weighted_average.f1,
        _ => return None,
    })
}

/// Percentile interval at 95 % of a metric of a confusion matrix, the rows drawn with replacement (Efron 1979). `None` for
/// metrics that need more than the matrix.
#[must_use]
pub fn interval(confusion: &ConfusionMatrix, metric: Metric, bootstrap: &Bootstrap) -> Option<[f64; 2]> {
    of_confusion(confusion, metric)?;
    let k = confusion.counts.len();
    let cells: Vec<(usize, u64)> = confusion.counts.iter().flatten().copied().enumerate().filter(|c| c.1 > 0).collect();
    let weights: Vec<u64> = cells.iter().map(|c| c.1).collect();
    let mut rng = Rng::new(bootstrap.seed);
    let mut drawn = ConfusionMatrix { counts: vec![vec![0; k]; k] };
    let mut values = Vec::with_capacity(bootstrap.resamples);
    let mut counts = vec![0; cells.len()];
    for _ in 0..bootstrap.resamples {
        resample(&weights, &mut rng, &mut counts);
        for ((cell, _), &count) in cells.iter().zip(&counts) {
            drawn.counts[cell / k][cell % k] = count;
        }
        values.push(of_confusion(&drawn, metric)?);
    }
    Some(middle(values))
}

/// What two models said of the same rows.
#[derive(Clone, Debug)]
pub struct Pairs {
    classes: usize,
    /// True class, what the first said, what the second said, and how many rows; sorted, each combination once.
    cells: Vec<([u32; 3], u64)>,
}

impl Pairs {
    /// Counts the combinations of a true class and two predictions; slices of one length, every index below `classes`.
    #[must_use]
    pub fn new(classes: usize, y_true: &[u32], first: &[u32], second: &[u32]) -> Self {
        let mut all: Vec<[u32; 3]> = y_true.iter().zip(first).zip(second).map(|((&t, &a), &b)| [t, a, b]).collect();
        all.sort_unstable();
        let cells = all.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
        Self { classes, cells }
    }

    /// McNemar's test.
    #[must_use]
    pub fn mcnemar(&self) -> McNemar {
        let count = |is: &dyn Fn(&[u32; 3]) -> bool| self.cells.iter().filter(|(c, _)| is(c)).map(|c| c.1).sum();
        mcnemar(count(&|[t, a, b]| t == a && t != b), count(&|[t, a, b]| t != a && t == b))
    }

    fn fill(&self, counts: impl Iterator<Item = u64>, first: &mut ConfusionMatrix, second: &mut ConfusionMatrix) {
        for matrix in [&mut *first, &mut *second] {
            matrix.counts.iter_mut().for_each(|line| line.fill(0));
        }
        for (([t, a, b], _), count) in self.cells.iter().zip(counts) {
            first.counts[*t as usize][*a as usize] += count;
            second.counts[*t as usize][*b as usize] += count;
        }
    }

    /// Difference of a metric, second less first, and its percentile interval at 95 %: the same rows are drawn for both.
    /// `None` for metrics that need more than the predicted classes.
    #[must_use]
    pub fn difference(&self, metric: Metric, bootstrap: &Bootstrap) -> Option<(f64, [f64; 2])> {
        let empty = ConfusionMatrix { counts: vec![vec![0; self.classes]; self.classes] };
        let (mut first, mut second) = (empty.clone(), empty);
        let weights: Vec<u64> = self.cells.iter().map(|c| c.1).collect();
        self.fill(weights.iter().copied(), &mut first, &mut second);
        let observed = of_confusion(&second, metric)? - of_confusion(&first, metric)?;
        let mut rng = Rng::new(bootstrap.seed);
        let mut counts = vec![0; weights.len()];
        let mut values = Vec::with_capacity(bootstrap.resamples);
        for _ in 0..bootstrap.resamples {
            resample(&weights, &mut rng, &mut counts);
            self.fill(counts.iter().copied(), &mut first, &mut second);
            values.push(of_confusion(&second, metric)? - of_confusion(&first, metric)?);
        }
        Some((observed, middle(values)))
    }
}

/// From the 2.5th to the 97.5th percentile, between two values in proportion (`numpy.percentile`).
fn middle(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * values.len().saturating_sub(1) as f64;
        let low = place.floor();
        let (a, b) = (values.get(low as usize), values.get(place.ceil() as usize));
        a.zip(b).map_or(f64::NAN, |(a, b)| a + (b - a) * (place - low))
    };
    [at(0.025), at(0.975)]
}

/// As many draws as there were, each cell as likely as its share: a multinomial draw, one binomial after the other.
fn resample(weights: &[u64], rng: &mut Rng, counts: &mut [u64]) {
    let mut rows: u64 = weights.iter().sum();
    let mut left = rows;
    for (weight, count) in weights.iter().zip(counts) {
        *count = if left == 0 || rows == *weight { left } else { binomial(left, *weight as f64 / rows as f64, rng) };
        left -= *count;
        rows -= weight;
    }
}

/// A draw from the binomial distribution: by inversion where few are expected, else by transformed rejection (Hörmann
/// 1993, "The generation of binomial random variates", algorithm BTRS).
fn binomial(n: u64, p: f64, rng: &mut Rng) -> u64 {
    if p > 0.5 {
        return n - binomial(n, 1.0 - p, rng);
    }
    let (count, q) = (n as f64, 1.0 - p);
    if count * p < 10.0 {
        let ratio = p / q;
        loop {
            let mut term = q.powf(count);
            let mut u = rng.uniform();
            // Rounding may leave a rest that no term covers: then once more.
            for k in 0..=n.min(200) {
                if u < term {
                    return k;
                }
                u -= term;
                term *= ratio * (count - k as f64) / (k + 1) as f64;
            }
        }
    }
    let spread = (count * p * q).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = count * p + 0.5;
    let quick = 0.92 - 4.2 / b;
    let ratio = p / q;
    let alpha = (2.83 + 5.1 / b) * spread;
    let m = ((count + 1.0) * p).floor();
    loop {
        let u = rng.uniform() - 0.5;
        let v = rng.uniform();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if !(0.0..=count).contains(&k) {
            continue;
        }
        if us >= 0.07 && v <= quick {
            return k as u64;
        }
        let left = (v * alpha / (a / (us * us) + b)).ln();
        let right = (m + 0.5) * ((m + 1.0) / (ratio * (count - m + 1.0))).ln()
            + (count + 1.0) * ((count - m + 1.0) / (count - k + 1.0)).ln()
            + (k + 0.5) * (ratio * (count - k + 1.0) / (k + 1.0)).ln()
            + tail(m)
            + tail(count - m)
            - tail(k)
            - tail(count - k);
        if left <= right {
            return k as u64;
        }
    }
}

/// What Stirling's formula leaves of `ln k!`.
fn tail(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_8,
        0.041_340_695_955_409_46,
        0.027_677_925_684_998_56,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_2,
        0.013_876_128_823_070_7,
        0.011_896_709_945_892_4,
        0.010_411_265_261_972_0,
        0.009_255_462_182_712_73,
        0.008_330_563_433_362_87,
    ];
    if let Some(value) = FIRST.get(k as usize) {
        return *value;
    }
    let x = 1.0 / (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - x * x / 1260.0) * x * x) * x
}

#[cfg(test)]
#[path = "paired_tests.rs"]
mod tests;
