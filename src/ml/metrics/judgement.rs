//! All metrics of one model on one part.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::calibration::{brier_score, expected_calibration_error};
use super::classification::{ClassScores, ConfusionMatrix, binary_scores};
use super::groups::{GroupRecall, group_recalls};
use super::ranking::{log_loss, one_vs_rest, top_k_accuracy};
use super::{Metric, Value, clustering};
use crate::ml::{Code, Dataset, Grouping, MlError, Warning};

/// What a model said about the rows of a part.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Predicted class of every row.
    pub y_pred: &'a [u32],
    /// Class probabilities, shape (rows, classes), where the model gives any.
    pub probabilities: Option<ArrayView2<'a, f64>>,
    /// Cluster of every row, of a clustering.
    pub clusters: Option<&'a [i32]>,
    /// Class of every cluster, of a clustering.
    pub cluster_classes: Option<&'a BTreeMap<i32, u32>>,
    /// Inertia of the training rows, of k-means.
    pub inertia: Option<f64>,
}

/// The clusters of the judged rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clusters {
    /// Distinct clusters among the judged rows, noise not counted.
    pub found: u64,
    /// Rows called noise.
    pub noise: u64,
    /// Class of every cluster that had voters.
    pub classes: BTreeMap<i32, u32>,
    /// Rows by cluster and true class.
    pub table: BTreeMap<i32, Vec<u64>>,
}

/// All metrics of one model on one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Rows judged.
    pub rows: u64,
    /// Every metric that applies, defined or with the reason why not.
    pub values: BTreeMap<Metric, Value>,
    /// Rows by true and predicted class.
    pub confusion: ConfusionMatrix,
    /// Precision, recall, F1 and support by class.
    pub per_class: Vec<ClassScores>,
    /// Of a clustering.
    pub clusters: Option<Clusters>,
    /// Of each class with rows, how far it was told from the other groups; empty without groups.
    #[serde(default)]
    pub group_recalls: Vec<GroupRecall>,
}

impl Judgement {
    /// A metric's figure, if it applies and is defined.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).and_then(Value::get)
    }
}

/// Judges what a model said about the rows of `data`.
///
/// # Errors
/// [`MlError::Data`] for lengths that differ.
pub fn judge(
    data: &Dataset,
    grouping: Option<&Grouping>,
    said: &Judged<'_>,
) -> Result<(Judgement, Vec<Warning>), MlError> {
    let confusion = ConfusionMatrix::new(data.y(), said.y_pred, data.n_classes())?;
    let scores = confusion.classification();
    let mut warnings = Vec::new();
    if !scores.zero_division.is_empty() {
        let named = |pick: &dyn Fn(&ClassScores) -> bool| {
            let names: Vec<_> = scores
                .zero_division
                .iter()
                .filter(|&&c| pick(&scores.per_class[c as usize]))
                .map(|&c| format!("{:?}", data.classes()[c as usize]))
                .collect();
            names.join(", ")
        };
        let never = named(&|s| s.never_predicted);
        if !never.is_empty() {
            warnings.push(Warning::new(Code::R03, format!("never predicted, so its precision counts as 0: {never}")));
        }
        let absent = named(&|s| s.no_support);
        if !absent.is_empty() {
            warnings
                .push(Warning::new(Code::R03, format!("predicted but not there, so its recall counts as 0: {absent}")));
        }
    }
    let mut values = BTreeMap::new();
    let mut set = |metric, value: f64| drop(values.insert(metric, Value::Defined(value)));
    set(Metric::Accuracy, scores.accuracy);
    set(Metric::BalancedAccuracy, scores.balanced_accuracy);
    set(Metric::Mcc, scores.mcc);
    set(Metric::PrecisionMacro, scores.macro_average.precision);
    set(Metric::RecallMacro, scores.macro_average.recall);
    set(Metric::F1Macro, scores.macro_average.f1);
    set(Metric::PrecisionMicro, scores.micro_average.precision);
    set(Metric::RecallMicro, scores.micro_average.recall);
    set(Metric::F1Micro, scores.micro_average.f1);
    set(Metric::PrecisionWeighted, scores.weighted_average.precision);
    set(Metric::RecallWeighted, scores.weighted_average.recall);
    set(Metric::F1Weighted, scores.weighted_average.f1);
    values.insert(Metric::CohenKappa, scores.cohen_kappa);
    if let Some(probabilities) = said.probabilities {
        let areas = one_vs_rest(data.y(), probabilities, data.classes());
        values.insert(Metric::RocAucOvr, areas.roc_auc.macro_average);
        values.insert(Metric::RocAucOvrWeighted, areas.roc_auc.weighted_average);
        values.insert(Metric::AveragePrecision, areas.average_precision.macro_average);
        values.insert(Metric::AveragePrecisionWeighted, areas.average_precision.weighted_average);
        values.insert(Metric::LogLoss, log_loss(data.y(), probabilities));
        values.insert(Metric::Brier, brier_score(data.y(), probabilities));
        values.insert(Metric::ExpectedCalibrationError, expected_calibration_error(data.y(), probabilities));
        for (metric, k) in [(Metric::Top2Accuracy, 2), (Metric::Top3Accuracy, 3)] {
            if data.n_classes() > k {
                values.insert(metric, top_k_accuracy(data.y(), probabilities, k));
            }
        }
    }
    let mut recalls = Vec::new();
    if let Some(grouping) = grouping {
        // The groups themselves are compared, not only positive against the rest.
        let group = |classes: &[u32]| classes.iter().map(|&c| grouping.of_class[c as usize]).collect::<Vec<_>>();
        let groups = ConfusionMatrix::new(&group(data.y()), &group(said.y_pred), grouping.names.len())?;
        values.insert(Metric::GroupAccuracy, Value::Defined(groups.accuracy()));
        values.insert(Metric::GroupMcc, Value::Defined(groups.mcc()));
        let class = |row: usize| data.classes()[data.y()[row] as usize].as_str();
        recalls = group_recalls(grouping, data.y(), said.y_pred, class);
    }
    if let Some((grouping, positive)) = grouping.and_then(|g| g.positive.map(|p| (g, p))) {
        let mask =
            |classes: &[u32]| classes.iter().map(|&c| grouping.of_class[c as usize] == positive).collect::<Vec<_>>();
        let alarm: Option<Vec<f64>> = said.probabilities.map(|p| {
            p.outer_iter()
                .map(|row| row.iter().zip(&grouping.of_class).filter(|(_, g)| **g == positive).map(|(v, _)| *v).sum())
                .collect()
        });
        let coarse = binary_scores(&mask(data.y()), &mask(said.y_pred), alarm.as_deref())?;
        let mut set = |metric, value: f64| drop(values.insert(metric, Value::Defined(value)));
        set(Metric::GroupPrecision, coarse.precision);
        set(Metric::GroupRecall, coarse.recall);
        set(Metric::GroupF1, coarse.f1);
        values.insert(Metric::GroupFalsePositiveRate, coarse.false_positive_rate);
        values.insert(Metric::GroupRocAuc, coarse.roc_auc);
        values.insert(Metric::GroupAveragePrecision, coarse.average_precision);
        values.insert(Metric::GroupBrier, coarse.brier);
        let place = &grouping.names[positive as usize];
        for reason in coarse.zero_division {
            warnings.push(Warning::new(Code::R03, format!("the group {place:?}: {reason}, so it counts as 0")));
        }
    }
    let clusters = match said.clusters {
        None => None,
        Some(clusters) => {
            let x = data.x().view();
            values.insert(Metric::Silhouette, clustering::silhouette(x, clusters));
            values.insert(Metric::CalinskiHarabasz, clustering::calinski_harabasz(x, clusters));
            values.insert(Metric::DaviesBouldin, clustering::davies_bouldin(x, clusters));
            values.insert(Metric::AdjustedRand, clustering::adjusted_rand(data.y(), clusters));
            values.insert(Metric::NormalizedMutualInfo, clustering::normalized_mutual_info(data.y(), clusters));
            let three = clustering::homogeneity(data.y(), clusters);
            values.insert(Metric::Homogeneity, three.homogeneity);
            values.insert(Metric::Completeness, three.completeness);
            values.insert(Metric::VMeasure, three.v_measure);
            if let Some(inertia) = said.inertia {
                values.insert(Metric::Inertia, Value::Defined(inertia));
            }
            let mut table: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
            for (&cluster, &class) in clusters.iter().zip(data.y()) {
                table.entry(cluster).or_insert_with(|| vec![0; data.n_classes()])[class as usize] += 1;
            }
            Some(Clusters {
                found: table.keys().filter(|c| **c >= 0).count() as u64,
                noise: clusters.iter().filter(|c| **c < 0).count() as u64,
                classes: said.cluster_classes.cloned().unwrap_or_default(),
                table,
            })
        }
    };
    let judgement = Judgement {
        rows: data.rows() as u64,
        values,
        confusion,
        per_class: scores.per_class,
        clusters,
        group_recalls: recalls,
    };
    Ok((judgement, warnings))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::classification::tests::{labels, near};
    use super::super::ranking::tests::probabilities;
    use super::*;

    /// The 60 labels, predictions (class 4 taken for 3) and probabilities of the other tests.
    fn sample() -> Result<(Dataset, Vec<u32>, Array2<f64>), MlError> {
        let (y_true, y_pred) = labels();
        let p = probabilities(&y_true);
        let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (7 + 4 * j) + j * j * 5) % 23) as f64 * 0.25);
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
        let data = Dataset::new(x, y_true, names(4), names(3), (0..60).collect())?;
        Ok((data, y_pred.into_iter().map(|c| c.min(3)).collect(), p))
    }

    fn groups(of_class: [u32; 4]) -> Grouping {
        let n = of_class.iter().max().map_or(0, |&g| g + 1);
        Grouping { names: (0..n).map(|g| format!("g{g}")).collect(), of_class: of_class.to_vec(), positive: Some(1) }
    }

    #[track_caller]
    fn is(judgement: &Judgement, metric: Metric, want: f64) {
        near(judgement.get(metric).unwrap_or(f64::NAN), want);
    }

    /// Expected figures: scikit-learn 1.9.1 on the same numbers.
    #[test]
    fn a_classifier_gets_every_figure_that_applies() -> Result<(), MlError> {
        let (data, y_pred, p) = sample()?;
        let said = Judged {
            y_pred: &y_pred,
            probabilities: Some(p.view()),
            clusters: None,
            cluster_classes: None,
            inertia: None,
        };
        let (judgement, _) = judge(&data, Some(&groups([0, 0, 1, 1])), &said)?;
        for (metric, want) in [
            (Metric::CohenKappa, 0.581_497_797_356_828),
            (Metric::AveragePrecision, 0.845_966_680_251_491_1),
            (Metric::AveragePrecisionWeighted, 0.861_980_383_538_666_9),
            (Metric::Brier, 0.495_504_460_907_922_55),
            (Metric::Top2Accuracy, 0.9),
            (Metric::Top3Accuracy, 0.983_333_333_333_333_3),
            (Metric::GroupAveragePrecision, 0.813_301_447_220_945_7),
            (Metric::GroupBrier, 0.164_844_251_285_358_26),
            (Metric::GroupMcc, 0.695_569_525_127_225_7),
            (Metric::GroupRocAuc, 0.883_101_851_851_851_9),
        ] {
            is(&judgement, metric, want);
        }
        assert!(!judgement.values.contains_key(&Metric::Homogeneity));
        // Three groups: their accuracy and correlation are those of all three.
        let (judgement, _) = judge(&data, Some(&groups([0, 1, 2, 2])), &said)?;
        is(&judgement, Metric::GroupMcc, 0.615_475_083_466_803_9);
        is(&judgement, Metric::GroupAccuracy, 0.733_333_333_333_333_3);
        // Neither groups nor probabilities.
        let (judgement, _) = judge(&data, None, &Judged { probabilities: None, ..said })?;
        assert_eq!(judgement.get(Metric::Brier).or(judgement.get(Metric::GroupMcc)), None);
        is(&judgement, Metric::CohenKappa, 0.581_497_797_356_828);
        Ok(())
    }

    #[test]
    fn top_k_applies_with_more_than_k_classes_only() -> Result<(), MlError> {
        let (data, y_pred, p) = sample()?;
        for classes in 2..5_usize {
            let most = classes as u32 - 1;
            let names = (0..classes).map(|c| c.to_string()).collect();
            let y = data.y().iter().map(|&c| c.min(most)).collect();
            let data = Dataset::new(data.x().clone(), y, names, data.features().to_vec(), data.row_ids().to_vec())?;
            let y_pred: Vec<u32> = y_pred.iter().map(|&c| c.min(most)).collect();
            let p = p.slice(ndarray::s![.., ..classes]);
            let said = Judged {
                y_pred: &y_pred,
                probabilities: Some(p),
                clusters: None,
                cluster_classes: None,
                inertia: None,
            };
            let (judgement, _) = judge(&data, None, &said)?;
            assert_eq!(judgement.values.contains_key(&Metric::Top2Accuracy), classes > 2);
            assert_eq!(judgement.values.contains_key(&Metric::Top3Accuracy), classes > 3);
        }
        Ok(())
    }

    #[test]
    fn a_clustering_is_compared_with_the_classes() -> Result<(), MlError> {
        let (data, y_pred, p) = sample()?;
        let clusters: Vec<i32> = data.y().iter().map(|&c| c as i32 / 2 - 1).collect();
        let said = Judged {
            y_pred: &y_pred,
            probabilities: Some(p.view()),
            clusters: Some(&clusters),
            cluster_classes: None,
            inertia: None,
        };
        let (judgement, _) = judge(&data, None, &said)?;
        is(&judgement, Metric::Completeness, 1.0);
        let homogeneity = judgement.get(Metric::Homogeneity).unwrap_or(f64::NAN);
        assert!(homogeneity > 0.4 && homogeneity < 0.7, "{homogeneity}");
        is(&judgement, Metric::VMeasure, 2.0 * homogeneity / (1.0 + homogeneity));
        is(&judgement, Metric::NormalizedMutualInfo, 2.0 * homogeneity / (1.0 + homogeneity));
        Ok(())
    }

    #[test]
    fn lower_is_better_for_losses_and_errors() {
        let lower: Vec<&str> = Metric::ALL.iter().filter(|m| !m.greater_is_better()).map(|m| m.word()).collect();
        assert_eq!(
            lower,
            [
                "log_loss",
                "brier_score_loss",
                "expected_calibration_error",
                "group_brier_score_loss",
                "group_false_positive_rate",
                "davies_bouldin",
                "inertia"
            ]
        );
    }
}
