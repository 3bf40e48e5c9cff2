//! How well a clustering separates rows (silhouette, Calinski-Harabasz, Davies-Bouldin, inertia) and how far it agrees
//! with classes (adjusted Rand index, normalised mutual information). Definitions and special cases of scikit-learn.
//!
//! Labels are any whole numbers, one per row; -1 (noise) is one more cluster. What is undefined says why. All figures are f64 and the same on any
//! number of threads.

use std::collections::BTreeMap;

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::Value;
use super::silhouette::mean_coefficient;
use crate::ml::simd::Level;

/// Labels as codes from 0 (by increasing label), and the rows of every code.
struct Coded {
    codes: Vec<usize>,
    sizes: Vec<usize>,
}

impl Coded {
    fn new<L: Copy + Ord>(labels: &[L]) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let codes: Vec<usize> = labels.iter().map(|label| distinct.partition_point(|d| d < label)).collect();
        let mut sizes = vec![0; distinct.len()];
        codes.iter().for_each(|&code| sizes[code] += 1);
        Self { codes, sizes }
    }

    /// The codes of labels that an index is defined for: at least two, and fewer than rows.
    fn for_index(x: ArrayView2<f64>, labels: &[i32]) -> Result<Self, String> {
        same_length(x.nrows(), labels.len())?;
        let coded = Self::new(labels);
        let (rows, found) = (labels.len(), coded.sizes.len());
        if found < 2 || found >= rows {
            let allowed = match rows.saturating_sub(1) {
                most @ 2.. => format!("expected 2 to {most} different labels for {rows} rows, got {found}"),
                _ => format!("expected at least 3 rows, got {rows}"),
            };
            return Err(allowed);
        }
        Ok(coded)
    }

    /// Mean of the rows of every code, (codes x columns).
    fn means(&self, x: ArrayView2<f64>) -> Vec<Vec<f64>> {
        let mut means = vec![vec![0.0; x.ncols()]; self.sizes.len()];
        for (row, &code) in x.outer_iter().zip(&self.codes) {
            means[code].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        for (mean, &size) in means.iter_mut().zip(&self.sizes) {
            mean.iter_mut().for_each(|sum| *sum /= size as f64);
        }
        means
    }
}

fn same_length(rows: usize, labels: usize) -> Result<(), String> {
    if rows == labels {
        Ok(())
    } else {
        Err(format!("expected one label per row, got {labels} labels for {rows} rows"))
    }
}

fn value(figure: Result<f64, String>) -> Value {
    match figure {
        Ok(figure) if figure.is_finite() => Value::Defined(figure),
        Ok(figure) => Value::Undefined(format!("the values are too large to compute it: {figure}")),
        Err(reason) => Value::Undefined(reason),
    }
}

fn distance2(row: ArrayView1<f64>, center: &[f64]) -> f64 {
    row.iter().zip(center).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Mean silhouette coefficient (Rousseeuw 1987): `(b - a) / max(a, b)` of a row, where `a` is its mean distance from the
/// other rows of its cluster and `b` the least mean distance from the rows of another. 0 for the only row of a cluster.
/// In `[-1, 1]`. Time rows squared, memory O(rows).
///
/// Undefined with fewer than 2 labels, or as many as rows.
#[must_use]
pub fn silhouette(x: ArrayView2<f64>, labels: &[i32]) -> Value {
    value(Coded::for_index(x, labels).map(|coded| mean_coefficient(Level::best(), x, &coded.codes, &coded.sizes)))
}

/// Calinski-Harabasz index (1974): dispersion between clusters over dispersion within, each per degree of freedom. 1
/// where the rows of every cluster are equal. Higher is better, no upper end.
///
/// Undefined with fewer than 2 labels, or as many as rows.
#[must_use]
pub fn calinski_harabasz(x: ArrayView2<f64>, labels: &[i32]) -> Value {
    value(Coded::for_index(x, labels).map(|coded| calinski_harabasz_of(x, &coded)))
}

fn calinski_harabasz_of(x: ArrayView2<f64>, coded: &Coded) -> f64 {
    let means = coded.means(x);
    let rows = x.nrows() as f64;
    let clusters = means.len() as f64;
    let all: Vec<f64> = x.axis_iter(Axis(1)).map(|column| column.iter().sum::<f64>() / rows).collect();
    let between: f64 =
        means.iter().zip(&coded.sizes).map(|(m, &size)| size as f64 * distance2(ArrayView1::from(m), &all)).sum();
    let within: f64 = x.outer_iter().zip(&coded.codes).map(|(row, &code)| distance2(row, &means[code])).sum();
    if within == 0.0 { 1.0 } else { between * (rows - clusters) / (within * (clusters - 1.0)) }
}

/// Davies-Bouldin index (1979): mean over the clusters of the greatest `(s_i + s_j) / d_ij`, where `s` is the mean
/// distance of the rows of a cluster from its mean, and `d` the distance of two means. 0 where all `s` or all `d` are 0
/// (to 1e-8). Lower is better.
///
/// Undefined with fewer than 2 labels, or as many as rows.
#[must_use]
pub fn davies_bouldin(x: ArrayView2<f64>, labels: &[i32]) -> Value {
    value(Coded::for_index(x, labels).map(|coded| davies_bouldin_of(x, &coded)))
}

fn davies_bouldin_of(x: ArrayView2<f64>, coded: &Coded) -> f64 {
    let means = coded.means(x);
    let mut spread = vec![0.0; means.len()];
    for (row, &code) in x.outer_iter().zip(&coded.codes) {
        spread[code] += distance2(row, &means[code]).sqrt();
    }
    spread.iter_mut().zip(&coded.sizes).for_each(|(sum, &size)| *sum /= size as f64);
    let apart = |i: usize, j: usize| distance2(ArrayView1::from(&means[i]), &means[j]).sqrt();
    let zero = |value: f64| value.abs() <= 1e-8;
    let clusters = means.len();
    if spread.iter().all(|&s| zero(s)) || (0..clusters).all(|i| (0..i).all(|j| zero(apart(i, j)))) {
        return 0.0;
    }
    let worst = (0..clusters).map(|i| {
        // Equal means count as infinitely far apart: 0.
        (0..clusters)
            .map(|j| (spread[i] + spread[j], if i == j { 0.0 } else { apart(i, j) }))
            .map(|(sum, d)| if d == 0.0 { 0.0 } else { sum / d })
            .fold(0.0, f64::max)
    });
    worst.sum::<f64>() / clusters as f64
}

/// Sum of the squared distances of the rows from the centre of their label. `labels` index `centers`, shape (clusters,
/// columns).
///
/// Undefined with a label that has no centre, or where the rows and the labels or centres do not match.
#[must_use]
pub fn inertia(x: ArrayView2<f64>, centers: ArrayView2<f64>, labels: &[i32]) -> Value {
    value(inertia_of(x, centers, labels))
}

fn inertia_of(x: ArrayView2<f64>, centers: ArrayView2<f64>, labels: &[i32]) -> Result<f64, String> {
    same_length(x.nrows(), labels.len())?;
    if x.ncols() != centers.ncols() {
        return Err(format!("expected rows of {} columns, got {}", centers.ncols(), x.ncols()));
    }
    let mut sum = 0.0;
    for (row, &label) in x.outer_iter().zip(labels) {
        let Some(center) = usize::try_from(label).ok().filter(|&i| i < centers.nrows()).map(|i| centers.row(i)) else {
            return Err(format!("expected labels from 0 to {}, got {label}", centers.nrows().saturating_sub(1)));
        };
        sum += row.iter().zip(center).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    }
    Ok(sum)
}

/// Rows of every pair of labels that occurs.
fn contingency(a: &Coded, b: &Coded) -> BTreeMap<(usize, usize), usize> {
    let mut counts = BTreeMap::new();
    for (&i, &j) in a.codes.iter().zip(&b.codes) {
        *counts.entry((i, j)).or_insert(0) += 1;
    }
    counts
}

/// Adjusted Rand index (Hubert and Arabie 1985): agreement over pairs of rows, 0 expected by chance, 1 for the same
/// partition, at least -0.5. Symmetric.
///
/// Undefined where the lengths differ.
#[must_use]
pub fn adjusted_rand<A: Copy + Ord, B: Copy + Ord>(labels_true: &[A], labels_pred: &[B]) -> Value {
    value(
        same_length(labels_true.len(), labels_pred.len())
            .map(|()| adjusted_rand_of(&Coded::new(labels_true), &Coded::new(labels_pred))),
    )
}

fn adjusted_rand_of(a: &Coded, b: &Coded) -> f64 {
    let squares = |sizes: &mut dyn Iterator<Item = usize>| sizes.map(|n| (n as i128) * (n as i128)).sum::<i128>();
    let rows = a.codes.len() as i128;
    let both = squares(&mut contingency(a, b).into_values());
    // Ordered pairs of rows: together in both, only in the truth, only in the prediction, in neither.
    let tp = both - rows;
    let fn_ = squares(&mut a.sizes.iter().copied()) - both;
    let fp = squares(&mut b.sizes.iter().copied()) - both;
    let tn = rows * rows - fp - fn_ - both;
    if fp == 0 && fn_ == 0 {
        return 1.0;
    }
    // Products of pair counts are near rows^4: in f64, where i128 would overflow from 3e9 rows.
    let [tp, fp, fn_, tn] = [tp, fp, fn_, tn].map(|n| n as f64);
    2.0 * (tp * tn - fn_ * fp) / ((tp + fn_) * (fn_ + tn) + (tp + fp) * (fp + tn))
}

/// Normalised mutual information: mutual information over the arithmetic mean of both entropies. In `[0, 1]`; 1 where
/// both put all rows in one cluster, 0 where only one does. Symmetric.
///
/// Undefined where the lengths differ.
#[must_use]
pub fn normalized_mutual_info<A: Copy + Ord, B: Copy + Ord>(labels_true: &[A], labels_pred: &[B]) -> Value {
    value(
        same_length(labels_true.len(), labels_pred.len())
            .map(|()| normalized_mutual_info_of(&Coded::new(labels_true), &Coded::new(labels_pred))),
    )
}

/// Mutual information of two labellings, in nats.
fn mutual_info(a: &Coded, b: &Coded) -> f64 {
    let rows = a.codes.len() as f64;
    let shared: f64 = contingency(a, b)
        .into_iter()
        .map(|((i, j), n)| {
            let n = n as f64;
            n / rows * (n.ln() + rows.ln() - (a.sizes[i] as f64).ln() - (b.sizes[j] as f64).ln())
        })
        .filter(|part| part.abs() >= f64::EPSILON) // rounding
        .sum();
    shared.max(0.0)
}

/// Entropy of a labelling, in nats; exactly 0 for a single label.
fn entropy(of: &Coded) -> f64 {
    let rows = of.codes.len() as f64;
    match of.sizes.len() {
        0 | 1 => 0.0,
        _ => of.sizes.iter().map(|&n| -(n as f64 / rows) * ((n as f64).ln() - rows.ln())).sum(),
    }
}

fn normalized_mutual_info_of(a: &Coded, b: &Coded) -> f64 {
    match (a.sizes.len(), b.sizes.len()) {
        (0 | 1, 0 | 1) => 1.0,
        (1, _) | (_, 1) => 0.0,
        _ => (mutual_info(a, b) / (0.5 * (entropy(a) + entropy(b)))).min(1.0),
    }
}

/// Homogeneity, completeness and their harmonic mean, each in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Homogeneity {
    /// 1 where every cluster holds rows of one class only.
    pub homogeneity: Value,
    /// 1 where the rows of every class are all in one cluster.
    pub completeness: Value,
    /// Harmonic mean of both; 0 where both are 0.
    pub v_measure: Value,
}

/// Homogeneity, completeness and V-measure (Rosenberg and Hirschberg 2007; beta = 1;
/// `homogeneity_completeness_v_measure`): mutual information of classes and clusters over the entropy of the classes,
/// over that of the clusters, and the harmonic mean of the two quotients, which equals
/// [`normalized_mutual_info`]. A quotient over an entropy of 0 (a single class or cluster) is 1. Exchanging classes
/// and clusters exchanges homogeneity and completeness.
///
/// Undefined where the lengths differ.
#[must_use]
pub fn homogeneity<A: Copy + Ord, B: Copy + Ord>(labels_true: &[A], labels_pred: &[B]) -> Homogeneity {
    if let Err(reason) = same_length(labels_true.len(), labels_pred.len()) {
        let undefined = Value::Undefined(reason);
        return Homogeneity { homogeneity: undefined.clone(), completeness: undefined.clone(), v_measure: undefined };
    }
    let (a, b) = (Coded::new(labels_true), Coded::new(labels_pred));
    let shared = mutual_info(&a, &b);
    let over = |entropy: f64| if entropy > 0.0 { (shared / entropy).min(1.0) } else { 1.0 };
    let (homogeneity, completeness) = (over(entropy(&a)), over(entropy(&b)));
    let sum = homogeneity + completeness;
    let v_measure = if sum > 0.0 { 2.0 * homogeneity * completeness / sum } else { 0.0 };
    Homogeneity {
        homogeneity: Value::Defined(homogeneity),
        completeness: Value::Defined(completeness),
        v_measure: Value::Defined(v_measure),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn reason(found: Value) -> String {
        match found {
            Value::Defined(figure) => panic!("expected a reason, got {figure}"),
            Value::Undefined(reason) => reason,
        }
    }

    fn close(found: Value, expected: f64) {
        let found = found.get().unwrap();
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} {expected}");
    }

    /// 60 rows on a lattice (23 of them different, so distances of 0 occur), and classes.
    fn lattice() -> (Array2<f64>, Vec<i32>) {
        let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (7 + 4 * j) + j * j * 5) % 23) as f64 * 0.25);
        (x, (0..60).map(|i| (i / 7) % 4).collect())
    }

    fn close_three(found: &Homogeneity, expected: [f64; 3]) {
        close(found.homogeneity.clone(), expected[0]);
        close(found.completeness.clone(), expected[1]);
        close(found.v_measure.clone(), expected[2]);
    }

    /// All figures from scikit-learn 1.9.1, with noise (-1) and a cluster of one row (77) among the labels.
    #[test]
    fn equal_scikit_learn() {
        let (x, truth) = lattice();
        let scattered: Vec<i32> = (0..60).map(|i| if i == 10 { 77 } else { (i * i + 3 * i) % 5 - 1 }).collect();
        close(silhouette(x.view(), &scattered), -0.14546869053180275);
        close(calinski_harabasz(x.view(), &scattered), 0.7098453491348489);
        close(davies_bouldin(x.view(), &scattered), 18.256105289301967);
        close(adjusted_rand(&truth, &scattered), -0.03322489098082647);
        close(normalized_mutual_info(&truth, &scattered), 0.02512563431125032);
        close_three(&homogeneity(&truth, &scattered), [0.022797776172454536, 0.02798294484017756, 0.02512563431125032]);
        let by_value: Vec<i32> = x
            .outer_iter()
            .map(|row| {
                if row[0] < 2.0 {
                    0
                } else if row[1] < 2.5 {
                    3
                } else {
                    -1
                }
            })
            .collect();
        close(silhouette(x.view(), &by_value), 0.21888648116748055);
        close(calinski_harabasz(x.view(), &by_value), 18.485104382439815);
        close(davies_bouldin(x.view(), &by_value), 1.4322098852797769);
        close(adjusted_rand(&truth, &by_value), -0.01157834821118685);
        close(normalized_mutual_info(&truth, &by_value), 0.029750587044541876);
        close_three(&homogeneity(&truth, &by_value), [0.02652341893594588, 0.03387185730531013, 0.029750587044541876]);
    }

    /// By hand: distances 1, 4, 5 on a line.
    #[test]
    fn equal_hand_computed_values() {
        let x = array![[0.0], [1.0], [5.0]];
        let labels = [7, 7, -3];
        close(silhouette(x.view(), &labels), (4.0 / 5.0 + 3.0 / 4.0 + 0.0) / 3.0);
        // Means 0.5, 5 and 2; between 2 * 1.5^2 + 9, within 0.5.
        close(calinski_harabasz(x.view(), &labels), 13.5 * 1.0 / (0.5 * 1.0));
        close(davies_bouldin(x.view(), &labels), 0.5 / 4.5);
        close(inertia(x.view(), array![[0.5], [5.0]].view(), &[0, 0, 1]), 0.5);
        // The example of scikit-learn's documentation.
        close(adjusted_rand(&[0, 0, 1, 2], &[0, 0, 1, 1]), 4.0 / 7.0);
    }

    #[test]
    fn undefined_where_there_is_nothing_to_compare() {
        let x = array![[0.0], [1.0], [2.0], [3.0]];
        for labels in [[1, 1, 1, 1], [0, 1, 2, 3]] {
            for index in [silhouette, calinski_harabasz, davies_bouldin] {
                assert_eq!(
                    reason(index(x.view(), &labels)),
                    format!("expected 2 to 3 different labels for 4 rows, got {}", if labels[0] == 1 { 1 } else { 4 })
                );
            }
        }
        assert_eq!(reason(silhouette(array![[0.0], [1.0]].view(), &[0, 1])), "expected at least 3 rows, got 2");
        assert_eq!(reason(silhouette(x.view(), &[0, 1])), "expected one label per row, got 2 labels for 4 rows");
        assert_eq!(reason(inertia(x.view(), x.view(), &[0, -1, 0, 0])), "expected labels from 0 to 3, got -1");
        assert!(reason(inertia(x.view(), x.t(), &[0; 4])).contains("4 columns"));
        assert!(reason(adjusted_rand(&[0], &[0, 1])).contains("2 labels for 1 rows"));
        assert!(reason(normalized_mutual_info(&[0], &[0, 1])).contains("2 labels for 1 rows"));
        assert!(reason(homogeneity(&[0], &[0, 1]).v_measure).contains("2 labels for 1 rows"));
    }

    #[test]
    fn equal_rows_and_trivial_partitions() {
        let x = array![[1.0], [1.0], [1.0], [1.0]];
        close(silhouette(x.view(), &[0, 0, 1, 1]), 0.0);
        close(calinski_harabasz(x.view(), &[0, 0, 1, 1]), 1.0);
        close(davies_bouldin(x.view(), &[0, 0, 1, 1]), 0.0);
        for (a, b, rand, mutual) in [
            ([0, 0, 1, 1], [5, 5, -1, -1], 1.0, 1.0),
            ([0, 0, 0, 0], [1, 1, 1, 1], 1.0, 1.0),
            ([0, 0, 0, 0], [0, 1, 2, 3], 0.0, 0.0),
            ([0, 0, 1, 1], [0, 1, 0, 1], -0.5, 0.0),
        ] {
            close(adjusted_rand(&a, &b), rand);
            close(adjusted_rand(&b, &a), rand);
            close(normalized_mutual_info(&a, &b), mutual);
            close(normalized_mutual_info(&b, &a), mutual);
        }
        // Classes, clusters and the three figures of scikit-learn 1.9.1.
        for (classes, clusters, three) in [
            ([0, 0, 0, 0], [0, 1, 2, 3], [1.0, 0.0, 0.0]),
            ([0, 1, 2, 3], [0, 0, 0, 0], [0.0, 1.0, 0.0]),
            ([0, 0, 1, 1], [0, 1, 0, 1], [0.0, 0.0, 0.0]),
            ([0, 0, 1, 1], [5, 5, -1, -1], [1.0, 1.0, 1.0]),
            ([0, 0, 0, 0], [7, 7, 7, 7], [1.0, 1.0, 1.0]),
        ] {
            close_three(&homogeneity(&classes, &clusters), three);
        }
        close_three(&homogeneity::<u32, i32>(&[], &[]), [1.0; 3]);
        close(adjusted_rand::<u32, i32>(&[], &[]), 1.0);
        close(normalized_mutual_info::<u32, i32>(&[], &[]), 1.0);
    }
    proptest! {
        #[test]
        fn v_measure_is_normalised_mutual_information_and_turns_around(
            pairs in prop::collection::vec((0_u32..5, -1_i32..4), 1..60),
        ) {
            let (classes, clusters): (Vec<u32>, Vec<i32>) = pairs.into_iter().unzip();
            let (there, back) = (homogeneity(&classes, &clusters), homogeneity(&clusters, &classes));
            let near = |a: &Value, b: &Value| (a.get().unwrap() - b.get().unwrap()).abs() < 1e-12;
            prop_assert!(near(&there.homogeneity, &back.completeness));
            prop_assert!(near(&there.completeness, &back.homogeneity));
            prop_assert!(near(&there.v_measure, &normalized_mutual_info(&classes, &clusters)));
            for value in [there.homogeneity, there.completeness, there.v_measure] {
                prop_assert!((0.0..=1.0).contains(&value.get().unwrap()));
            }
        }
    }
}
