//! Metrics: exact, in f64, with scikit-learn's names and definitions.

pub mod calibration;
pub mod classification;
pub mod clustering;
mod groups;
mod judgement;
pub mod paired;
pub mod ranking;
mod silhouette;
mod value;

pub use classification::{ClassScores, ConfusionMatrix};
pub use groups::{GroupRecall, group_recalls, hidden_classes};
pub use judgement::{Clusters, Judged, Judgement, judge};
pub use value::Value;

use crate::param::words;

words! {
    /// A metric, under its scikit-learn scorer name where it has one.
    pub enum Metric {
        /// Share of rows predicted right.
        Accuracy = "accuracy",
        /// Mean recall over the classes that have rows.
        BalancedAccuracy = "balanced_accuracy",
        /// Precision averaged over classes.
        PrecisionMacro = "precision_macro",
        /// Precision over all rows.
        PrecisionMicro = "precision_micro",
        /// Precision averaged over classes, weighted by support.
        PrecisionWeighted = "precision_weighted",
        /// Recall averaged over classes.
        RecallMacro = "recall_macro",
        /// Recall over all rows.
        RecallMicro = "recall_micro",
        /// Recall averaged over classes, weighted by support.
        RecallWeighted = "recall_weighted",
        /// F1 averaged over classes.
        F1Macro = "f1_macro",
        /// F1 over all rows.
        F1Micro = "f1_micro",
        /// F1 averaged over classes, weighted by support.
        F1Weighted = "f1_weighted",
        /// Matthews correlation coefficient, for any number of classes.
        Mcc = "matthews_corrcoef",
        /// Cohen's kappa: agreement of predictions and labels beyond what chance would give.
        CohenKappa = "cohen_kappa_score",
        /// Share of rows whose class is among the two most probable ones; only with more than two classes.
        Top2Accuracy = "top_2_accuracy",
        /// Share of rows whose class is among the three most probable ones; only with more than three classes.
        Top3Accuracy = "top_3_accuracy",
        /// Mean negative log of the probability given to the true class; lower is better.
        LogLoss = "log_loss",
        /// Brier score: mean squared difference of the probabilities from the truth, summed over the classes, and
        /// halved where there are two; lower is better.
        Brier = "brier_score_loss",
        /// Expected calibration error: mean gap between the greatest probability and the share predicted right, over
        /// 15 equal bins of that probability; lower is better.
        ExpectedCalibrationError = "expected_calibration_error",
        /// Area under the ROC curve, one class against the rest, averaged over classes.
        RocAucOvr = "roc_auc_ovr",
        /// Area under the ROC curve, one class against the rest, weighted by support.
        RocAucOvrWeighted = "roc_auc_ovr_weighted",
        /// Average precision (area under the precision-recall curve, in steps), one class against the rest, averaged
        /// over classes.
        AveragePrecision = "average_precision",
        /// Average precision, one class against the rest, weighted by support.
        AveragePrecisionWeighted = "average_precision_weighted",
        /// Accuracy of the coarse label (`dataset.groups`), all its groups told apart.
        GroupAccuracy = "group_accuracy",
        /// Precision of the positive group.
        GroupPrecision = "group_precision",
        /// Recall of the positive group.
        GroupRecall = "group_recall",
        /// F1 of the positive group.
        GroupF1 = "group_f1",
        /// Area under the ROC curve of the positive group's probability.
        GroupRocAuc = "group_roc_auc",
        /// Average precision of the positive group's probability.
        GroupAveragePrecision = "group_average_precision",
        /// Brier score of the positive group's probability; lower is better.
        GroupBrier = "group_brier_score_loss",
        /// Matthews correlation coefficient of the coarse label, all its groups told apart.
        GroupMcc = "group_matthews_corrcoef",
        /// Share of the negative rows that were called positive; lower is better.
        GroupFalsePositiveRate = "group_false_positive_rate",
        /// Mean silhouette of the judged rows with their clusters.
        Silhouette = "silhouette",
        /// Ratio of between-cluster to within-cluster dispersion.
        CalinskiHarabasz = "calinski_harabasz",
        /// Mean similarity of each cluster to its most similar one; lower is better.
        DaviesBouldin = "davies_bouldin",
        /// Sum of squared distances of the training rows to their centres; lower is better.
        Inertia = "inertia",
        /// Agreement of clusters and classes, adjusted for chance.
        AdjustedRand = "adjusted_rand_score",
        /// Mutual information of clusters and classes, normalised by the mean of their entropies.
        NormalizedMutualInfo = "normalized_mutual_info_score",
        /// How far each cluster holds rows of one class only.
        Homogeneity = "homogeneity_score",
        /// How far the rows of each class are in one cluster only.
        Completeness = "completeness_score",
        /// Harmonic mean of homogeneity and completeness.
        VMeasure = "v_measure_score",
    }
}

impl Metric {
    /// Whether a greater value is a better one.
    #[must_use]
    pub fn greater_is_better(self) -> bool {
        !matches!(
            self,
            Self::LogLoss
                | Self::Brier
                | Self::ExpectedCalibrationError
                | Self::GroupBrier
                | Self::GroupFalsePositiveRate
                | Self::DaviesBouldin
                | Self::Inertia
        )
    }

    /// The share of improvement of `a` over `b`: positive where `a` is better.
    #[must_use]
    pub fn gain(self, a: f64, b: f64) -> f64 {
        if self.greater_is_better() { a - b } else { b - a }
    }
}
