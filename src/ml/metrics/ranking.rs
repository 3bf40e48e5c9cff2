//! Metrics of the order of scores and probabilities: areas under the ROC curve and the precision-recall curve, top-k
//! accuracy; and log loss.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::Value;

/// One area for each class against the rest, and their averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Areas {
    /// One per class index: the class against all others, ranked by its probability.
    pub per_class: Vec<Value>,
    /// Plain mean over the classes.
    pub macro_average: Value,
    /// Mean over the classes weighted by their support.
    pub weighted_average: Value,
}

impl Areas {
    fn undefined(reason: &str, classes: usize) -> Self {
        let value = Value::Undefined(reason.to_owned());
        Self { per_class: vec![value.clone(); classes], macro_average: value.clone(), weighted_average: value }
    }

    /// Averages over all classes; undefined where one of them is, with its reason. In the weighted mean a class without
    /// a row has no weight.
    fn new(per_class: Vec<Value>, supports: &[usize]) -> Self {
        let average = |weight: &dyn Fn(usize) -> f64| -> Value {
            let (mut sum, mut total) = (0.0, 0.0);
            for (c, value) in per_class.iter().enumerate() {
                match value {
                    Value::Defined(area) => {
                        sum += area * weight(c);
                        total += weight(c);
                    }
                    Value::Undefined(_) if weight(c) == 0.0 => {}
                    Value::Undefined(_) => return value.clone(),
                }
            }
            if total > 0.0 { Value::Defined(sum / total) } else { Value::Undefined("there is no class".into()) }
        };
        let (macro_average, weighted_average) = (average(&|_| 1.0), average(&|c| supports[c] as f64));
        Self { per_class, macro_average, weighted_average }
    }
}

/// Areas under both curves, one class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneVsRest {
    /// Under the ROC curve.
    pub roc_auc: Areas,
    /// Under the precision-recall curve, in steps: the average precision.
    pub average_precision: Areas,
}

/// A key whose unsigned order is the numeric order of finite numbers; both zeros are one.
fn order_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

/// Area under the ROC curve from sorted keys of positives and negatives, both not empty: the share of (positive,
/// negative) pairs in the right order, ties counting half (Mann and Whitney 1947). Counted in integers, so exact up to
/// the last division.
fn under_roc(positives: &[u64], negatives: &[u64]) -> f64 {
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

/// Average precision from sorted keys of positives (not empty) and negatives: over the distinct scores from the
/// greatest down, precision of the rows with at least that score, times the gain in recall.
fn under_precision(positives: &[u64], negatives: &[u64]) -> f64 {
    let (mut sum, mut end) = (0.0, positives.len());
    let mut zeros = negatives.len();
    while end > 0 {
        let key = positives[end - 1];
        let start = positives[..end].iter().rposition(|&k| k < key).map_or(0, |at| at + 1);
        while zeros > 0 && negatives[zeros - 1] >= key {
            zeros -= 1;
        }
        let hits = positives.len() - start;
        sum += (end - start) as f64 * (hits as f64 / (hits + negatives.len() - zeros) as f64);
        end = start;
    }
    sum / positives.len() as f64
}

/// Sorted keys of the scores of positives and of negatives.
fn keys(positive: &[bool], scores: &[f64]) -> Result<(Vec<u64>, Vec<u64>), String> {
    if positive.len() != scores.len() {
        return Err(format!("{} labels but {} scores", positive.len(), scores.len()));
    }
    if scores.iter().any(|s| !s.is_finite()) {
        return Err("a score is not a finite number".into());
    }
    let (mut ones, mut zeros) = (Vec::new(), Vec::new());
    for (&is, &score) in positive.iter().zip(scores) {
        if is { ones.push(order_key(score)) } else { zeros.push(order_key(score)) }
    }
    if ones.is_empty() {
        return Err("no row is positive".into());
    }
    ones.sort_unstable();
    zeros.sort_unstable();
    Ok((ones, zeros))
}

/// Area under the ROC curve of one score per row, higher meaning positive; in `[0, 1]`. Undefined where all rows are
/// of one kind, a score is not finite, or the lengths differ.
#[must_use]
pub fn roc_auc(positive: &[bool], scores: &[f64]) -> Value {
    match keys(positive, scores) {
        Ok((_, zeros)) if zeros.is_empty() => Value::Undefined("no row is negative".into()),
        Ok((ones, zeros)) => Value::Defined(under_roc(&ones, &zeros)),
        Err(reason) => Value::Undefined(reason),
    }
}

/// Average precision (`average_precision_score`) of one score per row, higher meaning positive: the area under the
/// precision-recall curve in steps, rows of equal score taken together; in `(0, 1]`. Undefined where no row is
/// positive (scikit-learn: 0, with a warning), a score is not finite, or the lengths differ.
#[must_use]
pub fn average_precision(positive: &[bool], scores: &[f64]) -> Value {
    match keys(positive, scores) {
        Ok((ones, zeros)) => Value::Defined(under_precision(&ones, &zeros)),
        Err(reason) => Value::Undefined(reason),
    }
}

/// One-vs-rest areas under the ROC curve (`roc_auc_score(multi_class="ovr")`) and under the precision-recall curve
/// (`average_precision_score` of one-hot labels, also with two classes) from class indices and probabilities of shape
/// (rows, classes); each class is sorted once for both. Where a class has no row, or for ROC has all of them, its area
/// does not exist and neither do the averages: they are undefined with the class named, not taken over the other
/// classes.
#[must_use]
pub fn one_vs_rest(y_true: &[u32], probabilities: ArrayView2<f64>, classes: &[String]) -> OneVsRest {
    let undefined = |reason: String| OneVsRest {
        roc_auc: Areas::undefined(&reason, classes.len()),
        average_precision: Areas::undefined(&reason, classes.len()),
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
    let (roc_auc, average_precision) = (0..classes.len())
        .map(|c| {
            ones.clear();
            zeros.clear();
            for (&label, &p) in y_true.iter().zip(probabilities.column(c)) {
                if label as usize == c { ones.push(order_key(p)) } else { zeros.push(order_key(p)) }
            }
            supports[c] = ones.len();
            if ones.is_empty() {
                let absent = Value::Undefined(format!("class {:?} has no row", classes[c]));
                return (absent.clone(), absent);
            }
            ones.sort_unstable();
            zeros.sort_unstable();
            let roc = if zeros.is_empty() {
                Value::Undefined(format!("all rows are of class {:?}", classes[c]))
            } else {
                Value::Defined(under_roc(&ones, &zeros))
            };
            (roc, Value::Defined(under_precision(&ones, &zeros)))
        })
        .unzip();
    OneVsRest { roc_auc: Areas::new(roc_auc, &supports), average_precision: Areas::new(average_precision, &supports) }
}

/// Share of rows whose class is among the `k` of greatest probability, of probabilities of shape (rows, classes); of
/// equal ones the higher class index comes first, as `top_k_accuracy_score` has it, whereas a predicted class is the
/// lowest of equals. Undefined with no more than `k` classes (every row would count), for a probability that is not
/// finite, and for shapes that do not fit.
#[must_use]
pub fn top_k_accuracy(y_true: &[u32], probabilities: ArrayView2<f64>, k: usize) -> Value {
    let (rows, classes) = probabilities.dim();
    if y_true.is_empty() || y_true.len() != rows {
        return Value::Undefined(format!("{} labels but {rows} rows", y_true.len()));
    }
    if let Some(label) = y_true.iter().find(|&&c| c as usize >= classes) {
        return Value::Undefined(format!("class index {label} has no column: there are {classes}"));
    }
    if classes <= k {
        return Value::Undefined(format!("expected more than {k} classes, got {classes}"));
    }
    if probabilities.iter().any(|p| !p.is_finite()) {
        return Value::Undefined("a probability is not a finite number".into());
    }
    let hits = y_true.iter().zip(probabilities.outer_iter()).filter(|(label, row)| {
        let label = **label as usize;
        let own = row[label];
        row.iter().enumerate().filter(|&(c, &p)| p > own || (p == own && c > label)).count() < k
    });
    Value::Defined(hits.count() as f64 / rows as f64)
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
pub(super) mod tests {
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

    pub(in crate::ml::metrics) fn probabilities(y_true: &[u32]) -> Array2<f64> {
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
        let both = one_vs_rest(&y_true, p.view(), &names(4));
        let auc = &both.roc_auc;
        near(defined(&auc.macro_average), 0.923_321_759_259_259_2);
        near(defined(&auc.weighted_average), 0.926_620_370_370_370_3);
        let single =
            [0.939_814_814_814_814_8, 0.944_444_444_444_444_4, 0.939_236_111_111_111_2, 0.869_791_666_666_666_6];
        for (got, want) in auc.per_class.iter().zip(single) {
            near(defined(got), want);
        }
        let precision = &both.average_precision;
        near(defined(&precision.macro_average), 0.845_966_680_251_491_1);
        near(defined(&precision.weighted_average), 0.861_980_383_538_666_9);
        let single =
            [0.926_035_196_687_370_6, 0.869_552_203_065_134_3, 0.878_232_758_620_689_8, 0.710_046_562_632_769_7];
        for (got, want) in precision.per_class.iter().zip(single) {
            near(defined(got), want);
        }
        for (k, share) in [(1, 0.716_666_666_666_666_7), (2, 0.9), (3, 0.983_333_333_333_333_3)] {
            near(defined(&top_k_accuracy(&y_true, p.view(), k)), share);
        }
        // Rounded to quarters, most probabilities tie.
        let tied = p.mapv(|v| (v * 4.0).round_ties_even() / 4.0);
        for (k, share) in [(1, 0.75), (2, 0.8), (3, 0.933_333_333_333_333_3)] {
            near(defined(&top_k_accuracy(&y_true, tied.view(), k)), share);
        }
        let precision = one_vs_rest(&y_true, tied.view(), &names(4)).average_precision;
        near(defined(&precision.macro_average), 0.710_812_341_924_407_5);
        near(defined(&precision.weighted_average), 0.734_636_268_097_349);
        near(defined(&log_loss(&y_true, p.view())), 0.903_800_371_420_038_9);
        p.row_mut(0).assign(&ndarray::array![0.0, 1.0, 0.0, 0.0]); // a certain, wrong row
        near(defined(&log_loss(&y_true, p.view())), 1.484_207_256_631_046_2);
        let positive: Vec<bool> = y_true.iter().map(|&c| c > 1).collect();
        let scores: Vec<f64> =
            positive.iter().enumerate().map(|(i, &m)| ((i * 5) % 8) as f64 + if m { 2.0 } else { 0.0 }).collect();
        near(defined(&roc_auc(&positive, &scores)), 0.700_810_185_185_185_2);
        near(defined(&average_precision(&positive, &scores)), 0.640_170_291_700_729_6);
    }

    #[test]
    fn a_class_without_rows_makes_the_average_undefined_and_is_named() {
        let p = ndarray::array![[0.5, 0.3, 0.2], [0.2, 0.6, 0.2]];
        let both = one_vs_rest(&[0, 1], p.view(), &names(3));
        for areas in [&both.roc_auc, &both.average_precision] {
            assert_eq!(areas.per_class[0], Value::Defined(1.0));
            assert_eq!(areas.macro_average, Value::Undefined("class \"c2\" has no row".into()));
            assert_eq!(areas.weighted_average, Value::Defined(1.0), "as scikit-learn: it has no weight");
        }
        let single = one_vs_rest(&[1, 1], p.view(), &names(3));
        assert_eq!(single.roc_auc.per_class[1], Value::Undefined("all rows are of class \"c1\"".into()));
        assert_eq!(single.average_precision.per_class[1], Value::Defined(1.0));
        assert_eq!(average_precision(&[true, true], &[0.1, 0.2]), Value::Defined(1.0));
        assert_eq!(average_precision(&[false], &[0.1]).reason(), Some("no row is positive"));
        assert_eq!(top_k_accuracy(&[0, 1], p.view(), 3).reason(), Some("expected more than 3 classes, got 3"));
        assert!(top_k_accuracy(&[0, 7], p.view(), 2).reason().is_some_and(|r| r.contains("class index 7")));
        assert!(top_k_accuracy(&[0], p.view(), 2).reason().is_some());
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

        #[test]
        fn average_precision_is_the_sum_over_thresholds(
            rows in prop::collection::vec((any::<bool>(), -6_i32..6), 2..60),
        ) {
            let (positive, raw): (Vec<bool>, Vec<i32>) = rows.into_iter().unzip();
            let scores: Vec<f64> = raw.iter().map(|&s| f64::from(s)).collect();
            let mapped: Vec<f64> = scores.iter().map(|s| (s / 3.0).exp() - 2.0).collect();
            let found = average_precision(&positive, &scores);
            prop_assert_eq!(&found, &average_precision(&positive, &mapped));
            let all = positive.iter().filter(|p| **p).count() as f64;
            let (mut sum, mut recall) = (0.0, 0.0);
            for threshold in (-6..6).rev() {
                let above: Vec<bool> =
                    positive.iter().zip(&raw).filter(|(_, s)| **s >= threshold).map(|(p, _)| *p).collect();
                let hits = above.iter().filter(|p| **p).count() as f64;
                if hits > 0.0 {
                    sum += (hits / all - recall) * hits / above.len() as f64;
                    recall = hits / all;
                }
            }
            match found {
                Value::Defined(area) => prop_assert!((area - sum).abs() < 1e-12 && area > 0.0 && area < 1.0 + 1e-15),
                Value::Undefined(_) => prop_assert!(all == 0.0),
            }
        }

        #[test]
        fn top_k_is_what_sorting_gives(
            rows in prop::collection::vec((0_u32..4, prop::collection::vec(0_u32..4, 4)), 1..40), k in 1_usize..4,
        ) {
            let y_true: Vec<u32> = rows.iter().map(|(y, _)| *y).collect();
            let p = Array2::from_shape_fn((rows.len(), 4), |(i, c)| f64::from(rows[i].1[c]) / 4.0);
            let hits = rows.iter().filter(|(y, scores)| {
                let mut order: Vec<usize> = (0..4).collect();
                order.sort_by_key(|&c| scores[c]); // stable, then turned round
                order.iter().rev().take(k).any(|&c| c as u32 == *y)
            });
            prop_assert_eq!(top_k_accuracy(&y_true, p.view(), k), Value::Defined(hits.count() as f64 / rows.len() as f64));
        }
    }
}
