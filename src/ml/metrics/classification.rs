//! Metrics of predicted classes, all read off one confusion matrix. Definitions and names are those of
//! scikit-learn 1.9.1 (`sklearn.metrics`, "Classification metrics") with `zero_division=0`.

use serde::{Deserialize, Serialize};

use super::Value;
use super::calibration::brier_binary;
use super::ranking::{average_precision, roc_auc};
use crate::ml::MlError;

/// `counts[t][p]`: rows of class `t` that were predicted as `p`. Square, one line per class, not all zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// Rows by true class, then by predicted class.
    pub counts: Vec<Vec<u64>>,
}

/// Precision, recall, F1 and support of one class. A quotient without a denominator is 0 and says so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Share of the rows predicted as this class that are of it; in `[0, 1]`.
    pub precision: f64,
    /// Share of the rows of this class that were predicted as it; in `[0, 1]`.
    pub recall: f64,
    /// Harmonic mean of both; in `[0, 1]`.
    pub f1: f64,
    /// Rows of this class.
    pub support: u64,
    /// The class was never predicted: its precision is 0 by convention.
    pub never_predicted: bool,
    /// The class has no row: its recall is 0 by convention.
    pub no_support: bool,
}

/// Precision, recall and F1 averaged over classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageScores {
    /// Average precision.
    pub precision: f64,
    /// Average recall.
    pub recall: f64,
    /// Average F1.
    pub f1: f64,
}

/// Everything that the confusion matrix of a classifier says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Share of rows predicted right.
    pub accuracy: f64,
    /// Mean recall over the classes that have rows.
    pub balanced_accuracy: f64,
    /// Matthews correlation coefficient, see [`ConfusionMatrix::mcc`].
    pub mcc: f64,
    /// Cohen's kappa, see [`ConfusionMatrix::cohen_kappa`].
    pub cohen_kappa: Value,
    /// Every class counts the same.
    pub macro_average: AverageScores,
    /// Every row counts the same; all three equal the accuracy.
    pub micro_average: AverageScores,
    /// Classes weighted by their support.
    pub weighted_average: AverageScores,
    /// One entry per class index, classes that do not occur included.
    pub per_class: Vec<ClassScores>,
    /// Classes that occur and whose precision or recall had no denominator and was set to 0; a caller warns of them.
    pub zero_division: Vec<u32>,
}

fn quotient(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl ConfusionMatrix {
    /// Counts pairs of true and predicted class indices; slices of equal length, every index below `n_classes`.
    ///
    /// # Errors
    /// [`MlError::Data`] for no row, lengths that differ, or an index that is too large.
    pub fn new(y_true: &[u32], y_pred: &[u32], n_classes: usize) -> Result<Self, MlError> {
        if y_true.is_empty() || y_true.len() != y_pred.len() {
            return Err(MlError::data(format!(
                "expected as many predictions as labels and at least one, got {} labels and {} predictions",
                y_true.len(),
                y_pred.len()
            )));
        }
        let mut counts = vec![vec![0_u64; n_classes]; n_classes];
        for (&t, &p) in y_true.iter().zip(y_pred) {
            let cell = counts.get_mut(t as usize).and_then(|line| line.get_mut(p as usize)).ok_or_else(|| {
                MlError::data(format!("class index {} is too large: there are {n_classes} classes", t.max(p)))
            })?;
            *cell += 1;
        }
        Ok(Self { counts })
    }

    /// Number of rows counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    fn right(&self) -> u64 {
        self.counts.iter().enumerate().map(|(c, line)| line[c]).sum()
    }

    fn supports(&self) -> Vec<u64> {
        self.counts.iter().map(|line| line.iter().sum()).collect()
    }

    fn predicted(&self) -> Vec<u64> {
        (0..self.counts.len()).map(|c| self.counts.iter().map(|line| line[c]).sum()).collect()
    }

    /// Share of rows predicted right (`accuracy_score`).
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        quotient(self.right(), self.total())
    }

    /// Mean recall over the classes that have rows (`balanced_accuracy_score`).
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = self.per_class().iter().filter(|s| !s.no_support).map(|s| s.recall).collect();
        if recalls.is_empty() { 0.0 } else { recalls.iter().sum::<f64>() / recalls.len() as f64 }
    }

    /// Matthews correlation coefficient of several classes (Gorodkin 2004, "Comparing two K-category assignments by
    /// a K-category correlation coefficient"); in `[-1, 1]`, and 0 where all labels or all predictions are one class,
    /// as `matthews_corrcoef` has it. Sums are exact integers.
    #[must_use]
    pub fn mcc(&self) -> f64 {
        let n = i128::from(self.total());
        let right = i128::from(self.right());
        let (supports, predicted) = (self.supports(), self.predicted());
        let dot = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(&x, &y)| i128::from(x) * i128::from(y)).sum::<i128>();
        let both = right * n - dot(&supports, &predicted);
        let of_pred = n * n - dot(&predicted, &predicted);
        let of_true = n * n - dot(&supports, &supports);
        let scale = of_pred as f64 * of_true as f64;
        if scale == 0.0 { 0.0 } else { both as f64 / scale.sqrt() }
    }

    /// Cohen's kappa, unweighted (Cohen 1960; `cohen_kappa_score`): `1 - seen / expected`, the share of rows predicted
    /// wrong over the share that would be if labels and predictions were drawn apart; at most 1, 0 for chance. Sums
    /// are exact integers. Undefined where all labels and all predictions are one class.
    #[must_use]
    pub fn cohen_kappa(&self) -> Value {
        let n = i128::from(self.total());
        let by_chance: i128 =
            self.supports().iter().zip(self.predicted()).map(|(&s, p)| i128::from(s) * i128::from(p)).sum();
        let (seen, expected) = ((n - i128::from(self.right())) * n, n * n - by_chance);
        if expected == 0 {
            Value::Undefined("all labels and all predictions are of one class".into())
        } else {
            Value::Defined(1.0 - seen as f64 / expected as f64)
        }
    }

    /// Precision, recall, F1 and support of every class index.
    #[must_use]
    pub fn per_class(&self) -> Vec<ClassScores> {
        let (supports, predicted) = (self.supports(), self.predicted());
        (0..self.counts.len())
            .map(|c| {
                let hit = self.counts[c][c];
                ClassScores {
                    precision: quotient(hit, predicted[c]),
                    recall: quotient(hit, supports[c]),
                    f1: quotient(2 * hit, supports[c] + predicted[c]),
                    support: supports[c],
                    never_predicted: predicted[c] == 0,
                    no_support: supports[c] == 0,
                }
            })
            .collect()
    }

    /// All metrics at once. Averages run over the classes that occur as a label or as a prediction.
    #[must_use]
    pub fn classification(&self) -> Classification {
        let per_class = self.per_class();
        let occurring: Vec<(usize, &ClassScores)> =
            per_class.iter().enumerate().filter(|(_, s)| !(s.never_predicted && s.no_support)).collect();
        let average = |weight: &dyn Fn(&ClassScores) -> f64| {
            let total: f64 = occurring.iter().map(|(_, s)| weight(s)).sum();
            let mean = |of: &dyn Fn(&ClassScores) -> f64| {
                let sum: f64 = occurring.iter().map(|(_, s)| of(s) * weight(s)).sum();
                if total > 0.0 { sum / total } else { 0.0 }
            };
            AverageScores { precision: mean(&|s| s.precision), recall: mean(&|s| s.recall), f1: mean(&|s| s.f1) }
        };
        let accuracy = self.accuracy();
        Classification {
            accuracy,
            balanced_accuracy: self.balanced_accuracy(),
            mcc: self.mcc(),
            cohen_kappa: self.cohen_kappa(),
            macro_average: average(&|_| 1.0),
            micro_average: AverageScores { precision: accuracy, recall: accuracy, f1: accuracy },
            weighted_average: average(&|s| s.support as f64),
            zero_division: occurring
                .iter()
                .filter(|(_, s)| s.never_predicted || s.no_support)
                .map(|(c, _)| *c as u32)
                .collect(),
            per_class,
        }
    }
}

/// Metrics of a label with two values, one of which is the positive one (an attack).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinaryScores {
    /// Share of rows predicted right.
    pub accuracy: f64,
    /// Share of the rows predicted positive that are; 0 where none was predicted positive.
    pub precision: f64,
    /// Share of the positive rows that were predicted positive; 0 where there is none.
    pub recall: f64,
    /// Harmonic mean of both; 0 where no row is positive and none was predicted so.
    pub f1: f64,
    /// Share of the negative rows that were predicted positive.
    pub false_positive_rate: Value,
    /// Area under the ROC curve of the scores, see [`roc_auc`].
    pub roc_auc: Value,
    /// Area under the precision-recall curve of the scores, see [`average_precision`].
    pub average_precision: Value,
    /// Brier score of the scores as probabilities, see [`brier_binary`].
    pub brier: Value,
    /// Figures that had no denominator and were set to 0, each with its reason; a caller warns of them.
    pub zero_division: Vec<String>,
}

/// Metrics of the coarse label: per row whether it is positive, whether it was predicted positive, and, where the
/// model gives any, a score that grows with being positive.
///
/// # Errors
/// [`MlError::Data`] for no row or lengths that differ.
pub fn binary_scores(y_true: &[bool], y_pred: &[bool], scores: Option<&[f64]>) -> Result<BinaryScores, MlError> {
    let as_class = |mask: &[bool]| mask.iter().map(|&m| u32::from(m)).collect::<Vec<_>>();
    let matrix = ConfusionMatrix::new(&as_class(y_true), &as_class(y_pred), 2)?;
    let scored = |metric: fn(&[bool], &[f64]) -> Value| match scores {
        Some(scores) => metric(y_true, scores),
        None => Value::Undefined("the model gives no scores".into()),
    };
    let positive = matrix.per_class()[1];
    let [negatives, false_positives] = [matrix.counts[0].iter().sum::<u64>(), matrix.counts[0][1]];
    let mut zero_division = Vec::new();
    if positive.never_predicted {
        zero_division.push("precision: no row was predicted positive".to_owned());
    }
    if positive.no_support {
        zero_division.push("recall: no row is positive".to_owned());
    }
    Ok(BinaryScores {
        accuracy: matrix.accuracy(),
        precision: positive.precision,
        recall: positive.recall,
        f1: positive.f1,
        false_positive_rate: if negatives == 0 {
            Value::Undefined("no row is negative".into())
        } else {
            Value::Defined(quotient(false_positives, negatives))
        },
        roc_auc: scored(roc_auc),
        average_precision: scored(average_precision),
        brier: scored(brier_binary),
        zero_division,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 60 labels over the classes 0 to 3; class 4 is only predicted, class 3 never is, class 5 does not occur.
    /// The expected figures below are scikit-learn 1.9.1's on the same lists (NumPy 2, Python 3.11).
    pub(in crate::ml::metrics) fn labels() -> (Vec<u32>, Vec<u32>) {
        let y_true: Vec<u32> = (0..60_u32).map(|i| (i * 7 + i / 5) % 5).map(|c| if c == 4 { 0 } else { c }).collect();
        let y_pred = y_true
            .iter()
            .zip(0..60_u32)
            .map(|(&t, i)| (t + u32::from((i * 13) % 7 < 2) + 2 * u32::from((i * 11) % 9 == 0)) % 5)
            .map(|c| if c == 3 { 4 } else { c })
            .collect();
        (y_true, y_pred)
    }

    pub(in crate::ml::metrics) fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-14, "got {got}, want {want}");
    }

    #[test]
    fn agrees_with_scikit_learn() -> Result<(), MlError> {
        let (y_true, y_pred) = labels();
        let scores = ConfusionMatrix::new(&y_true, &y_pred, 6)?.classification();
        near(scores.accuracy, 0.5);
        near(scores.balanced_accuracy, 0.5);
        near(scores.mcc, 0.422_326_078_996_718_37);
        near(scores.cohen_kappa.get().unwrap_or(f64::NAN), 0.382_716_049_382_716);
        near(scores.macro_average.precision, 0.417_115_384_615_384_6);
        near(scores.macro_average.recall, 0.4);
        near(scores.macro_average.f1, 0.391_634_491_634_491_6);
        near(scores.micro_average.f1, 0.5);
        near(scores.weighted_average.precision, 0.601_730_769_230_769_2);
        near(scores.weighted_average.recall, 0.5);
        near(scores.weighted_average.f1, 0.521_364_221_364_221_4);
        let precision = [0.923_076_923_076_923_1, 0.6, 0.5625, 0.0, 0.0, 0.0];
        let f1 = [0.648_648_648_648_648_7, 0.666_666_666_666_666_6, 0.642_857_142_857_142_9, 0.0, 0.0, 0.0];
        for (c, of) in scores.per_class.iter().enumerate() {
            near(of.precision, precision[c]);
            near(of.recall, [0.5, 0.75, 0.75, 0.0, 0.0, 0.0][c]);
            near(of.f1, f1[c]);
            assert_eq!(of.support, [24, 12, 12, 12, 0, 0][c]);
        }
        assert_eq!(scores.zero_division, vec![3, 4]);
        Ok(())
    }

    #[test]
    fn one_class_predicted_for_all_has_no_correlation() -> Result<(), MlError> {
        let scores = ConfusionMatrix::new(&[0, 0, 1], &[0, 0, 0], 2)?.classification();
        near(scores.mcc, 0.0);
        near(scores.balanced_accuracy, 0.5);
        assert_eq!(scores.zero_division, vec![1]);
        assert_eq!(scores.cohen_kappa, Value::Defined(0.0));
        Ok(())
    }

    #[test]
    fn cohen_kappa_by_hand() -> Result<(), MlError> {
        // The example of scikit-learn's documentation: classes negative, neutral, positive.
        let documented = ConfusionMatrix::new(&[0, 2, 0, 1, 2], &[0, 2, 0, 1, 0], 3)?;
        assert_eq!(documented.cohen_kappa(), Value::Defined(0.6875));
        assert_eq!(ConfusionMatrix::new(&[0, 1], &[1, 0], 2)?.cohen_kappa(), Value::Defined(-1.0));
        assert_eq!(ConfusionMatrix::new(&[0, 1, 2], &[0, 1, 2], 3)?.cohen_kappa(), Value::Defined(1.0));
        // scikit-learn's is not a number here.
        let single = ConfusionMatrix::new(&[1, 1], &[1, 1], 3)?.cohen_kappa();
        assert_eq!(single.reason(), Some("all labels and all predictions are of one class"));
        Ok(())
    }

    #[test]
    fn refuses_what_cannot_be_counted() {
        assert!(ConfusionMatrix::new(&[], &[], 2).is_err());
        assert!(ConfusionMatrix::new(&[0], &[0, 1], 2).is_err());
        assert!(ConfusionMatrix::new(&[0], &[2], 2).is_err_and(|e| e.to_string().contains("class index 2")));
    }

    #[test]
    fn binary_by_hand() -> Result<(), MlError> {
        // 3 hits, 1 miss, 1 false alarm, 3 quiet.
        let truth = [true, true, true, true, false, false, false, false];
        let pred = [true, true, true, false, true, false, false, false];
        let scores = binary_scores(&truth, &pred, Some(&[0.9, 0.8, 0.7, 0.3, 0.6, 0.2, 0.1, 0.0]))?;
        near(scores.accuracy, 0.75);
        near(scores.precision, 0.75);
        near(scores.recall, 0.75);
        near(scores.f1, 0.75);
        assert_eq!(scores.false_positive_rate, Value::Defined(0.25));
        assert_eq!(scores.roc_auc, Value::Defined(15.0 / 16.0)); // one of 16 pairs is the wrong way round
        near(scores.average_precision.get().unwrap_or(f64::NAN), (1.0 + 1.0 + 1.0 + 0.8) / 4.0);
        near(scores.brier.get().unwrap_or(f64::NAN), (0.01 + 0.04 + 0.09 + 0.49 + 0.36 + 0.04 + 0.01) / 8.0);
        let none = binary_scores(&[true, true], &[false, false], None)?;
        assert!(none.false_positive_rate.reason().is_some() && none.roc_auc.reason().is_some());
        assert_eq!(none.zero_division.len(), 1);
        Ok(())
    }

    proptest! {
        #[test]
        fn averages_stay_in_range_and_ignore_absent_classes(
            pairs in prop::collection::vec((0_u32..5, 0_u32..5), 1..80), extra in 0_usize..4,
        ) {
            let (y_true, y_pred): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
            let base = ConfusionMatrix::new(&y_true, &y_pred, 5).map(|m| m.classification());
            let wide = ConfusionMatrix::new(&y_true, &y_pred, 5 + extra).map(|m| m.classification());
            let (base, wide) = (base.map_err(|e| TestCaseError::fail(e.to_string()))?,
                wide.map_err(|e| TestCaseError::fail(e.to_string()))?);
            prop_assert_eq!(base.macro_average, wide.macro_average);
            prop_assert_eq!(base.mcc, wide.mcc);
            prop_assert_eq!(&base.cohen_kappa, &wide.cohen_kappa);
            let turned = ConfusionMatrix::new(&y_pred, &y_true, 5).map(|m| m.cohen_kappa());
            prop_assert_eq!(Ok(&base.cohen_kappa), turned.as_ref().map_err(ToString::to_string));
            prop_assert!((base.weighted_average.recall - base.accuracy).abs() < 1e-12);
            prop_assert!((-1.0..=1.0).contains(&base.mcc) && (0.0..=1.0).contains(&base.macro_average.f1));
        }
    }
}
