//! All metrics of one model on one part.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::classification::{ClassScores, ConfusionMatrix, Value, binary_scores};
use super::ranking::{log_loss, roc_auc_ovr};
use super::{Metric, clustering};
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
    if let Some(probabilities) = said.probabilities {
        let auc = roc_auc_ovr(data.y(), probabilities, data.classes());
        values.insert(Metric::RocAucOvr, auc.macro_average);
        values.insert(Metric::RocAucOvrWeighted, auc.weighted_average);
        values.insert(Metric::LogLoss, log_loss(data.y(), probabilities));
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
        // With more than two groups, the groups themselves are compared, not only positive against the rest.
        let group = |c: &u32| grouping.of_class[*c as usize];
        let right = data.y().iter().zip(said.y_pred).filter(|(t, p)| group(t) == group(p)).count();
        set(Metric::GroupAccuracy, right as f64 / data.rows() as f64);
        values.insert(Metric::GroupFalsePositiveRate, coarse.false_positive_rate);
        values.insert(Metric::GroupRocAuc, coarse.roc_auc);
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
    let judgement = Judgement { rows: data.rows() as u64, values, confusion, per_class: scores.per_class, clusters };
    Ok((judgement, warnings))
}
