//! The parameters of trees and forests: names, defaults and meaning as in scikit-learn 1.9.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::param::{Parameter, Range, Shape, parameters, words};

words! {
    /// What a split is judged by.
    pub enum Criterion {
        /// Gini impurity.
        Gini = "gini",
        /// Shannon entropy (information gain).
        Entropy = "entropy",
        /// The same as `entropy`.
        LogLoss = "log_loss",
    }
}

words! {
    /// How split positions are searched.
    pub enum SplitMode {
        /// `exact` up to 20,000 training rows, `histogram` above.
        Auto = "auto",
        /// Every place between two distinct values.
        Exact = "exact",
        /// The borders of at most 256 quantile bins of each feature.
        Histogram = "histogram",
    }
}

words! {
    /// A number of features that grows with the width.
    pub enum FeatureRule {
        /// The square root of the number of features.
        Sqrt = "sqrt",
        /// The base-2 logarithm of the number of features.
        Log2 = "log2",
    }
}

words! {
    /// Class weights worked out from the training rows.
    pub enum Balanced {
        /// rows / (classes * rows of the class), over the classes that occur.
        Balanced = "balanced",
    }
}

words! {
    /// Class weights of a forest worked out from the training rows.
    pub enum ForestBalanced {
        /// rows / (classes * rows of the class), over the classes that occur. With `bootstrap` the rows are drawn with
        /// these weights.
        Balanced = "balanced",
        /// The same formula on the bootstrap rows of each tree. Without `bootstrap` it is `balanced`.
        BalancedSubsample = "balanced_subsample",
    }
}

/// `max_features`: how many features a split looks at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaxFeatures {
    /// `null`: all.
    All,
    /// `sqrt` or `log2`, rounded down.
    Rule(FeatureRule),
    /// This many (all, where there are fewer).
    Count(usize),
    /// This share of the features, rounded down.
    Share(f64),
}

impl MaxFeatures {
    /// The number of features a split looks at, of `width`; at least 1.
    #[must_use]
    pub fn of(self, width: usize) -> usize {
        let count = match self {
            Self::All => width,
            Self::Rule(FeatureRule::Sqrt) => width.isqrt(),
            Self::Rule(FeatureRule::Log2) => width.max(1).ilog2() as usize,
            Self::Count(count) => count,
            Self::Share(share) => (share * width as f64) as usize,
        };
        count.clamp(1, width.max(1))
    }
}

impl Parameter for MaxFeatures {
    fn shape() -> Shape {
        let mut all = vec![Shape::Null];
        all.push(FeatureRule::shape());
        all.push(usize::shape().within(Range::at_least(1.0)));
        all.push(f64::shape().within(Range::between(0.0, 1.0).without_min()));
        Shape::Either(all)
    }
}

/// `min_samples_split`: the fewest rows that a node needs to be split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MinSamplesSplit {
    /// This many.
    Count(usize),
    /// This share of the training rows, rounded up; at least 2.
    Share(f64),
}

impl MinSamplesSplit {
    /// The number of rows, of `rows` training rows.
    #[must_use]
    pub fn of(self, rows: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => (share * rows as f64).ceil() as usize,
        }
        .max(2)
    }
}

impl Parameter for MinSamplesSplit {
    fn shape() -> Shape {
        Shape::Either(vec![
            usize::shape().within(Range::at_least(2.0)),
            // Without 1.0, which scikit-learn takes: the whole number 1 would be read as that share.
            f64::shape().within(Range::between(0.0, 1.0).without_min().without_max()),
        ])
    }
}

/// `min_samples_leaf`: the fewest rows of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MinSamplesLeaf {
    /// This many.
    Count(usize),
    /// This share of the training rows, rounded up.
    Share(f64),
}

impl MinSamplesLeaf {
    /// The number of rows, of `rows` training rows; at least 1.
    #[must_use]
    pub fn of(self, rows: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => (share * rows as f64).ceil() as usize,
        }
        .max(1)
    }
}

impl Parameter for MinSamplesLeaf {
    fn shape() -> Shape {
        Shape::Either(vec![
            usize::shape().within(Range::at_least(1.0)),
            f64::shape().within(Range::between(0.0, 1.0).without_min().without_max()),
        ])
    }
}

/// `max_samples`: how many rows are drawn for each tree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaxSamples {
    /// `null`: as many as there are.
    All,
    /// This many.
    Count(usize),
    /// This share of the training rows (of the sum of their class weights, where there are any), rounded down.
    Share(f64),
}

impl MaxSamples {
    /// The number of draws for `rows` training rows whose weights add up to `weight`; at least 1.
    #[must_use]
    pub fn of(self, rows: usize, weight: f64) -> usize {
        match self {
            Self::All => rows,
            Self::Count(count) => count,
            Self::Share(share) => (share * weight) as usize,
        }
        .max(1)
    }
}

impl Parameter for MaxSamples {
    fn shape() -> Shape {
        Shape::Either(vec![
            Shape::Null,
            usize::shape().within(Range::at_least(1.0)),
            f64::shape().within(Range::above(0.0)),
        ])
    }
}

/// `class_weight`: how much a row of each class counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeight<W = Balanced> {
    /// `null`: all count 1.
    None,
    /// By a rule.
    Rule(W),
    /// By class name; classes that are not named count 1.
    Map(BTreeMap<String, f64>),
}

impl<W: Parameter> Parameter for ClassWeight<W> {
    fn shape() -> Shape {
        let weight = f64::shape().within(Range::at_least(0.0));
        Shape::Either(vec![Shape::Null, W::shape(), Shape::Map(Box::new(weight))])
    }
}

parameters! {
    /// A random forest (Breiman 2001): trees on bootstrap rows with random features at every split; the class shares
    /// of the leaves are averaged.
    pub struct RandomForest {
        /// Number of trees.
        n_estimators: usize = 100, within Range::at_least(1.0);
        /// What a split is judged by.
        criterion: Criterion = Criterion::Gini;
        /// Deepest level of a leaf; `null` grows until leaves are pure.
        max_depth: Option<usize> = None, within Range::at_least(1.0);
        /// Fewest rows that a node needs to be split: a number, or a share of the training rows.
        min_samples_split: MinSamplesSplit = MinSamplesSplit::Count(2);
        /// Fewest rows of a leaf: a number, or a share of the training rows.
        min_samples_leaf: MinSamplesLeaf = MinSamplesLeaf::Count(1);
        /// Features that a split looks at, drawn anew for each split: a number, a share, `sqrt`, `log2`, or `null` for
        /// all. More are drawn while all drawn so far are constant.
        max_features: MaxFeatures = MaxFeatures::Rule(FeatureRule::Sqrt);
        /// Grow each tree on rows drawn with replacement; otherwise on all rows.
        bootstrap: bool = true;
        /// Rows drawn for each tree, with `bootstrap`: a number, a share, or `null` for as many as there are.
        max_samples: MaxSamples = MaxSamples::All;
        /// Judge each training row by the trees that did not draw it, and keep the accuracy. It needs `bootstrap`.
        oob_score: bool = false;
        /// How much a row of each class counts: `balanced`, `balanced_subsample`, a map from class name to weight, or
        /// `null`. With `bootstrap`, weights other than `balanced_subsample` are the odds of being drawn.
        class_weight: ClassWeight<ForestBalanced> = ClassWeight::None;
        /// How split positions are searched.
        split_mode: SplitMode = SplitMode::Auto;
        /// Seed of this model; left out, it is derived from the experiment's seed.
        random_state: Option<u64> = None;
    }
}

parameters! {
    /// Extremely randomised trees (Geurts, Ernst and Wehenkel 2006): as a random forest, but each feature that a split
    /// looks at is cut at a random place, and trees grow on all rows unless `bootstrap` says otherwise.
    pub struct ExtraTrees {
        /// Number of trees.
        n_estimators: usize = 100, within Range::at_least(1.0);
        /// What a split is judged by.
        criterion: Criterion = Criterion::Gini;
        /// Deepest level of a leaf; `null` grows until leaves are pure.
        max_depth: Option<usize> = None, within Range::at_least(1.0);
        /// Fewest rows that a node needs to be split: a number, or a share of the training rows.
        min_samples_split: MinSamplesSplit = MinSamplesSplit::Count(2);
        /// Fewest rows of a leaf: a number, or a share of the training rows.
        min_samples_leaf: MinSamplesLeaf = MinSamplesLeaf::Count(1);
        /// Features that a split looks at, drawn anew for each split: a number, a share, `sqrt`, `log2`, or `null` for
        /// all. More are drawn while all drawn so far are constant.
        max_features: MaxFeatures = MaxFeatures::Rule(FeatureRule::Sqrt);
        /// Grow each tree on rows drawn with replacement; otherwise on all rows.
        bootstrap: bool = false;
        /// Rows drawn for each tree, with `bootstrap`: a number, a share, or `null` for as many as there are.
        max_samples: MaxSamples = MaxSamples::All;
        /// Judge each training row by the trees that did not draw it, and keep the accuracy. It needs `bootstrap`.
        oob_score: bool = false;
        /// How much a row of each class counts: `balanced`, `balanced_subsample`, a map from class name to weight, or
        /// `null`. With `bootstrap`, weights other than `balanced_subsample` are the odds of being drawn.
        class_weight: ClassWeight<ForestBalanced> = ClassWeight::None;
        /// Where a feature may be cut: `exact` anywhere, `histogram` at the borders of its bins.
        split_mode: SplitMode = SplitMode::Auto;
        /// Seed of this model; left out, it is derived from the experiment's seed.
        random_state: Option<u64> = None;
    }
}

impl ExtraTrees {
    /// The random forest of the same parameters, which cuts features at their best places.
    pub(super) fn as_forest(&self) -> RandomForest {
        RandomForest {
            n_estimators: self.n_estimators,
            criterion: self.criterion,
            max_depth: self.max_depth,
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            max_features: self.max_features,
            bootstrap: self.bootstrap,
            max_samples: self.max_samples,
            oob_score: self.oob_score,
            class_weight: self.class_weight.clone(),
            split_mode: self.split_mode,
            random_state: self.random_state,
        }
    }
}

parameters! {
    /// A decision tree (CART; Breiman, Friedman, Olshen and Stone 1984).
    pub struct DecisionTree {
        /// What a split is judged by.
        criterion: Criterion = Criterion::Gini;
        /// Deepest level of a leaf; `null` grows until leaves are pure.
        max_depth: Option<usize> = None, within Range::at_least(1.0);
        /// Fewest rows that a node needs to be split: a number, or a share of the training rows.
        min_samples_split: MinSamplesSplit = MinSamplesSplit::Count(2);
        /// Fewest rows of a leaf: a number, or a share of the training rows.
        min_samples_leaf: MinSamplesLeaf = MinSamplesLeaf::Count(1);
        /// Features that a split looks at, drawn anew for each split: a number, a share, `sqrt`, `log2`, or `null` for
        /// all.
        max_features: MaxFeatures = MaxFeatures::All;
        /// How much a row of each class counts: `balanced`, a map from class name to weight, or `null`.
        class_weight: ClassWeight = ClassWeight::None;
        /// How split positions are searched.
        split_mode: SplitMode = SplitMode::Auto;
        /// Seed of this model (it decides between equal splits); left out, it is derived from the experiment's seed.
        random_state: Option<u64> = None;
    }
}
