//! Metrics of scores and probabilities: areas under the ROC curve, log loss.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::classification::Value;

/// One-vs-rest areas under the ROC curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocAucOvr {
    /// One per class index: the class against all others, ranked by its probability.
    pub per_class: Vec<Value>,
    /// Plain mean over the classes.
    pub macro_average: Value,
    /// Mean over the classes weighted by their support.
    pub weighted_average: Value,
}

/// A key whose unsigned order is the numeric order of finite numbers; both zeros are one.
fn order_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

/// Area under the curve from keys of positives and negatives, both not empty: the share of (positive, negative) pairs
/// in the right order, ties counting half (Mann and Whitney 1947). Counted in integers, so exact up to the last
/// division.
fn area(positives: &mut [u64], negatives: &mut [u64]) -> f64 {
    positives.sort_unstable();
    negatives.sort_unstable();
    let (mut below, mut not_above) = (0_usize, 0_usize);
    let mut twice = 0_u128;
    for &key in positives.iter() {
        while below < negatives.len() && negatives[below] < key {
            below += 1;
        }
        not_above = not_above.max(below);
        while not_above < negatives.len() && negatives[not_above] <= key {
            not_above += 1;
        }
        twice += (below + not_above) as u128;
    }
    let pairs = positives.len() as u128 * negatives.len() as u128;
    twice as f64 / (2 * pairs) as f64
}

/// Area under the ROC curve of one score per row, higher meaning positive; in `[0, 1]`. Undefined where all rows are
/// of one kind, a score is not finite, or the lengths differ.
#[must_use]
pub fn roc_auc(positive: &[bool], scores: &[f64]) -> Value {
    if positive.len() != scores.len() {
        return Value::Undefined(format!("{} labels but {} scores", positive.len(), scores.len()));
    }
    if scores.iter().any(|s| !s.is_finite()) {
        return Value::Undefined("a score is not a finite number".into());
    }
    let (mut ones, mut zeros) = (Vec::new(), Vec::new());
    for (&is, &score) in positive.iter().zip(scores) {
        if is { ones.push(order_key(score)) } else { zeros.push(order_key(score)) }
    }
    match (ones.is_empty(), zeros.is_empty()) {
        (true, _) => Value::Undefined("no row is positive".into()),
        (_, true) => Value::Undefined("no row is negative".into()),
        _ => Value::Defined(area(&mut ones, &mut zeros)),
    }
}

/// One-vs-rest areas under the ROC curve (`roc_auc_score(multi_class="ovr")`) from class indices and probabilities of
/// shape (rows, classes). Where a class has no row, or has all of them, its area does not exist and neither do the
/// averages: they are undefined with the class named, not taken over the other classes.
#[must_use]
pub fn roc_auc_ovr(y_true: &[u32], probabilities: ArrayView2<f64>, classes: &[String]) -> RocAucOvr {
    let undefined = |reason: String| RocAucOvr {
        per_class: vec![Value::Undefined(reason.clone()); classes.len()],
        macro_average: Value::Undefined(reason.clone()),
        weighted_average: Value::Undefined(reason),
    };
    if probabilities.dim() != (y_true.len(), classes.len()) {
        return undefined(format!(
            "expected probabilities of shape {} x {}, got {} x {}",
            y_true.len(),
            classes.len(),
            probabilities.nrows(),
            probabilities.ncols()
        ));
    }
    if probabilities.iter().any(|p| !p.is_finite()) {
        return undefined("a probability is not a finite number".into());
    }
    let mut supports = vec![0_usize; classes.len()];
    let (mut ones, mut zeros) = (Vec::with_capacity(y_true.len()), Vec::with_capacity(y_true.len()));
    let per_class: Vec<Value> = (0..classes.len())
        .map(|c| {
            ones.clear();
            zeros.clear();
            for (&label, &p) in y_true.iter().zip(probabilities.column(c)) {
                if label as usize == c { ones.push(order_key(p)) } else { zeros.push(order_key(p)) }
            }
            supports[c] = ones.len();
            if ones.is_empty() {
                Value::Undefined(format!("class {:?} has no row", classes[c]))
            } else if zeros.is_empty() {
                Value::Undefined(format!("all rows are of class {:?}", classes[c]))
            } else {
                Value::Defined(area(&mut ones, &mut zeros))
            }
        })
        .collect();
    let average = |weight: &dyn Fn(usize) -> f64| -> Value {
        let (mut sum, mut total) = (0.0, 0.0);
        for (c, value) in per_class.iter().enumerate() {
            match value {
                Value::Defined(area) => {
                    sum += area * weight(c);
                    total += weight(c);
                }
                Value::Undefined(_) => return value.clone(),
            }
        }
        if total > 0.0 { Value::Defined(sum / total) } else { Value::Undefined("there is no class".into()) }
    };
    let (macro_average, weighted_average) = (average(&|_| 1.0), average(&|c| supports[c] as f64));
    RocAucOvr { per_class, macro_average, weighted_average }
}

/// Mean of `-ln p(true class)`, in nats, with probabilities held to `[eps, 1 - eps]`, eps = 2^-52, as
/// `sklearn.metrics.log_loss` does for f64. Rows are taken as they are: since scikit-learn 1.5 they are not scaled
/// to sum to one. Undefined for shapes that do not fit and for probabilities outside `[0, 1]`.
#[must_use]
pub fn log_loss(y_true: &[u32], probabilities: ArrayView2<f64>) -> Value {
    if y_true.is_empty() || y_true.len() != probabilities.nrows() {
        return Value::Undefined(format!("{} labels but {} rows", y_true.len(), probabilities.nrows()));
    }
    if probabilities.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Value::Undefined("a probability is not in [0, 1]".into());
    }
    let mut sum = 0.0;
    for (&label, row) in y_true.iter().zip(probabilities.outer_iter()) {
        match row.get(label as usize) {
            Some(p) => sum -= p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln(),
            None => {
                return Value::Undefined(format!("class index {label} has no column: there are {}", row.len()));
            }
        }
    }
    Value::Defined(sum / y_true.len() as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::classification::tests::{labels, near};
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|c| format!("c{c}")).collect()
    }

    fn defined(value: &Value) -> f64 {
        value.get().unwrap_or(f64::NAN)
    }

    fn probabilities(y_true: &[u32]) -> Array2<f64> {
        let mut p = Array2::from_shape_fn((y_true.len(), 4), |(i, c)| {
            ((i * (3 + 2 * c) + c * c) % 11) as f64 + if y_true[i] as usize == c { 6.0 } else { 0.0 } + 0.5
        });
        for mut row in p.outer_iter_mut() {
            let sum = row.sum();
            row /= sum;
        }
        p
    }

    /// Expected figures: scikit-learn 1.9.1 on the same numbers.
    #[test]
    fn agrees_with_scikit_learn() {
        let (y_true, _) = labels();
        let mut p = probabilities(&y_true);
        let auc = roc_auc_ovr(&y_true, p.view(), &names(4));
        near(defined(&auc.macro_average), 0.923_321_759_259_259_2);
        near(defined(&auc.weighted_average), 0.926_620_370_370_370_3);
        let single =
            [0.939_814_814_814_814_8, 0.944_444_444_444_444_4, 0.939_236_111_111_111_2, 0.869_791_666_666_666_6];
        for (got, want) in auc.per_class.iter().zip(single) {
            near(defined(got), want);
        }
        near(defined(&log_loss(&y_true, p.view())), 0.903_800_371_420_038_9);
        p.row_mut(0).assign(&ndarray::array![0.0, 1.0, 0.0, 0.0]); // a certain, wrong row
        near(defined(&log_loss(&y_true, p.view())), 1.484_207_256_631_046_2);
        let positive: Vec<bool> = y_true.iter().map(|&c| c > 1).collect();
        let scores: Vec<f64> =
            positive.iter().enumerate().map(|(i, &m)| ((i * 5) % 8) as f64 + if m { 2.0 } else { 0.0 }).collect();
        near(defined(&roc_auc(&positive, &scores)), 0.700_810_185_185_185_2);
    }

    #[test]
    fn a_class_without_rows_makes_the_average_undefined_and_is_named() {
        let p = ndarray::array![[0.5, 0.3, 0.2], [0.2, 0.6, 0.2]];
        let auc = roc_auc_ovr(&[0, 1], p.view(), &names(3));
        assert_eq!(auc.per_class[0], Value::Defined(1.0));
        assert_eq!(auc.macro_average, Value::Undefined("class \"c2\" has no row".into()));
        assert_eq!(auc.weighted_average, auc.macro_average);
        assert!(roc_auc(&[true, true], &[0.1, 0.2]).reason().is_some());
        assert!(roc_auc(&[true, false], &[f64::NAN, 0.2]).reason().is_some());
        assert!(log_loss(&[3], p.view().slice(ndarray::s![..1, ..])).reason().is_some());
    }

    #[test]
    fn zeros_of_both_signs_tie() {
        assert_eq!(roc_auc(&[true, false], &[-0.0, 0.0]), Value::Defined(0.5));
        assert_eq!(roc_auc(&[true, false], &[-1.0, -2.0]), Value::Defined(1.0));
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_ordered_pairs_and_monotone_maps_keep_it(
            rows in prop::collection::vec((any::<bool>(), -6_i32..6), 2..60),
        ) {
            let (positive, raw): (Vec<bool>, Vec<i32>) = rows.into_iter().unzip();
            let scores: Vec<f64> = raw.iter().map(|&s| f64::from(s)).collect();
            let mapped: Vec<f64> = scores.iter().map(|s| (s / 3.0).exp() - 2.0).collect();
            let flipped: Vec<f64> = scores.iter().map(|s| -s).collect();
            let auc = roc_auc(&positive, &scores);
            prop_assert_eq!(&auc, &roc_auc(&positive, &mapped));
            let (mut twice, mut pairs) = (0, 0);
            for (i, _) in positive.iter().enumerate().filter(|(_, p)| **p) {
                for (j, _) in positive.iter().enumerate().filter(|(_, p)| !**p) {
                    pairs += 1;
                    twice += i32::from(scores[i] > scores[j]) + i32::from(scores[i] >= scores[j]);
                }
            }
            match auc {
                Value::Defined(a) => {
                    prop_assert!((a - f64::from(twice) / f64::from(2 * pairs)).abs() < 1e-15);
                    prop_assert!((a + defined(&roc_auc(&positive, &flipped)) - 1.0).abs() < 1e-12);
                }
                Value::Undefined(_) => prop_assert_eq!(pairs, 0),
            }
        }
    }
}
