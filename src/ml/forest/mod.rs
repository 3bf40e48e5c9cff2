//! The decision tree, the random forest and extremely randomised trees.
//!
//! Features become small integers once (`codes`): at most 256 bins each, and ranks beside them where splits are exact.
//! Each tree keeps one packed list of its rows (`rows`), which every split partitions in place while a stack of nodes
//! is worked off (`grow`). The search for a split (`split`) knows codes and a `score::Score` only; forests nearly always
//! ask for plain Gini impurity, which has quicker ways of its own (`gini`, `refine`).
//!
//! What other ensembles of trees can use: `Coded`, `Item` and `partition` know nothing of classes beyond 16 bits that an
//! item carries, and `Best` is any cut of any feature. Gradient boosting counts gradients instead of draws in a pass like
//! that of `gini` over the same bins, and values borders by gain; an isolation forest is `Search::random` with one feature
//! and a score that takes the first cut it is offered.

mod codes;
mod gini;
mod grow;
mod linfa;
mod oob;
mod params;
mod refine;
mod rows;
mod score;
mod split;
#[cfg(test)]
mod tests;
mod tree;
mod weights;

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::codes::{Code, Coded, Ranks};
use self::grow::{Limits, grow};
use self::oob::OutOfBag;
use self::rows::Item;
use self::score::{Entropy, Gini, WeightedGini};
use self::split::Source;
use self::weights::Bootstrap;
use super::random::Rng;
use super::{Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;

pub use self::params::{
    Balanced, ClassWeight, Criterion, DecisionTree, ExtraTrees, FeatureRule, ForestBalanced, MaxFeatures, MaxSamples,
    MinSamplesLeaf, MinSamplesSplit, RandomForest, SplitMode,
};
pub use self::tree::{Tree, TreeNode};
pub use self::weights::{balanced_weights, named_weights};

/// Up to this many training rows, `split_mode: auto` is `exact`.
const EXACT_ROWS: usize = 20_000;
/// Most rows that one task predicts: they and a tree fit into the second cache, and each block reads all trees once.
const BLOCK: usize = 2048;

/// Up to this many rows walk through several trees at a time, more through one tree after the other.
const FEW: usize = 16;

/// Fitted trees whose class shares are averaged; a decision tree is a forest of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Forest {
    n_classes: usize,
    width: usize,
    trees: Vec<Tree>,
    importances: Vec<f64>,
    oob_score: Option<f64>,
}

#[derive(Deserialize)]
struct Stored {
    n_classes: usize,
    width: usize,
    trees: Vec<Tree>,
    importances: Vec<f64>,
    oob_score: Option<f64>,
}

impl TryFrom<Stored> for Forest {
    type Error = &'static str;

    fn try_from(s: Stored) -> Result<Self, Self::Error> {
        let sound = s.n_classes > 0
            && !s.trees.is_empty()
            && s.importances.len() == s.width
            && s.oob_score.is_none_or(|score| (0.0..=1.0).contains(&score))
            && s.trees.iter().all(|tree| tree.is_sound(s.width, s.n_classes));
        if !sound {
            return Err("the trees of the stored forest are damaged");
        }
        Ok(Self {
            n_classes: s.n_classes,
            width: s.width,
            trees: s.trees,
            importances: s.importances,
            oob_score: s.oob_score,
        })
    }
}

impl Forest {
    /// Number of classes of the data set it was fitted on, those without a training row included.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The trees.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Class probabilities of each row, shape (rows, classes): the mean over the trees of the class shares of the leaf
    /// that the row ends in. `x` must have the forest's width.
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((x.nrows(), self.n_classes));
        let block = block(x.nrows());
        out.axis_chunks_iter_mut(Axis(0), block).into_par_iter().zip(x.axis_chunks_iter(Axis(0), block)).for_each(
            |(mut sums, rows)| {
                let rows = rows.as_standard_layout();
                if let (Some(rows), Some(sums)) = (rows.as_slice(), sums.as_slice_mut()) {
                    self.add_block(rows, sums);
                    sums.iter_mut().for_each(|sum| *sum /= self.trees.len() as f64);
                }
            },
        );
        out
    }

    /// Adds the class shares of the leaves of all trees, in their order, to the sums of each row.
    fn add_block(&self, rows: &[f64], sums: &mut [f64]) {
        if rows.len() < FEW * self.width {
            for (row, sums) in rows.chunks(self.width).zip(sums.chunks_mut(self.n_classes)) {
                Tree::add_row(&self.trees, row, sums);
            }
        } else {
            for tree in &self.trees {
                tree.add_all(rows, self.width, sums, self.n_classes);
            }
        }
    }

    /// Class probabilities of one row, written to `out`; the same numbers as [`Forest::predict_proba`] gives, without
    /// any allocation. `row` must have the forest's width, `out` one place per class.
    pub fn predict_proba_row(&self, row: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        Tree::add_row(&self.trees, row, out);
        out.iter_mut().for_each(|sum| *sum /= self.trees.len() as f64);
    }

    /// How much each feature lowered the impurity, weighted by rows, normalised per tree and averaged over the trees
    /// that have a split; they add up to 1, or are all 0 where no tree has a split.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        self.importances.clone()
    }

    /// Share of the training rows that the trees which did not draw them predict right (`oob_score_`), over the rows
    /// that some tree did not draw; `None` where it was not asked for or there is no such row. On rows made up by
    /// balancing it is too high: a row is then judged by trees that drew its neighbours.
    #[must_use]
    pub fn oob_score(&self) -> Option<f64> {
        self.oob_score
    }
}

impl RandomForest {
    /// Fits the trees, in parallel; tree `i` depends on `seed` and `i` only.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for class weights of unknown classes, negative or all 0; for `max_samples` or `oob_score`
    /// without `bootstrap`; for `max_samples` above what a row can count. [`MlError::Data`] for more rows, columns or classes than 32, 32 and
    /// 16 bits can number.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress,
    ) -> Result<(Forest, Vec<Warning>), MlError> {
        self.fit_cut(train, seed, false, progress)
    }

    /// Fits the trees, features cut at random places or at their best.
    fn fit_cut(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        random: bool,
        progress: Progress,
    ) -> Result<(Forest, Vec<Warning>), MlError> {
        let data = train.get();
        if !self.bootstrap && self.max_samples != MaxSamples::All {
            return Err(MlError::parameter("max_samples", "it needs `bootstrap: true`; set it to null without"));
        }
        if !self.bootstrap && self.oob_score {
            return Err(MlError::parameter(
                "oob_score",
                "it needs `bootstrap: true`: without, every tree has seen every row",
            ));
        }
        if self.n_estimators == 0 {
            return Err(MlError::parameter("n_estimators", "expected at least 1, got 0"));
        }
        let weights = match &self.class_weight {
            ClassWeight::None => None,
            ClassWeight::Rule(ForestBalanced::BalancedSubsample) if self.bootstrap => None,
            ClassWeight::Rule(_) => Some(balanced_weights(&data.class_counts())),
            ClassWeight::Map(named) => Some(named_weights(named, data)?),
        };
        let rows = if self.bootstrap {
            let weight = weighted_rows(data, weights.as_deref());
            let draws = self.max_samples.of(data.rows(), weight);
            if u32::try_from(draws).is_err() {
                return Err(MlError::parameter("max_samples", format!("expected fewer than 2^32, got {draws}")));
            }
            Rows::Drawn {
                bootstrap: Bootstrap::new(data.y(), draws, weights.as_deref().filter(|w| differ(w, data))),
                balanced: matches!(self.class_weight, ClassWeight::Rule(ForestBalanced::BalancedSubsample)),
                oob_score: self.oob_score,
            }
        } else {
            Rows::All(weights)
        };
        Plan {
            data,
            trees: self.n_estimators,
            criterion: self.criterion,
            limits: Limits {
                max_depth: self.max_depth.unwrap_or(usize::MAX),
                min_split: self.min_samples_split.of(data.rows()),
                min_leaf: self.min_samples_leaf.of(data.rows()),
                max_features: self.max_features.of(data.width()),
                random,
            },
            split_mode: self.split_mode,
            rows,
            seed: self.random_state.map_or(seed, Seed::new),
        }
        .fit(progress)
    }
}

impl ExtraTrees {
    /// Fits the trees, in parallel; tree `i` depends on `seed` and `i` only.
    ///
    /// # Errors
    /// As [`RandomForest::fit`].
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress,
    ) -> Result<(Forest, Vec<Warning>), MlError> {
        self.as_forest().fit_cut(train, seed, true, progress)
    }
}

impl DecisionTree {
    /// Fits the tree.
    ///
    /// # Errors
    /// As [`RandomForest::fit`].
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress,
    ) -> Result<(Forest, Vec<Warning>), MlError> {
        let data = train.get();
        let weights = match &self.class_weight {
            ClassWeight::None => None,
            ClassWeight::Rule(Balanced::Balanced) => Some(balanced_weights(&data.class_counts())),
            ClassWeight::Map(named) => Some(named_weights(named, data)?),
        };
        Plan {
            data,
            trees: 1,
            criterion: self.criterion,
            limits: Limits {
                max_depth: self.max_depth.unwrap_or(usize::MAX),
                min_split: self.min_samples_split.of(data.rows()),
                min_leaf: self.min_samples_leaf.of(data.rows()),
                max_features: self.max_features.of(data.width()),
                random: false,
            },
            split_mode: self.split_mode,
            rows: Rows::All(weights),
            seed: self.random_state.map_or(seed, Seed::new),
        }
        .fit(progress)
    }
}

/// Rows of a block: all threads get as many blocks, none larger than [`BLOCK`].
fn block(rows: usize) -> usize {
    let threads = rayon::current_num_threads();
    rows.div_ceil(threads * rows.div_ceil(threads * BLOCK).max(1)).max(1)
}

/// The rows added up, each by the weight of its class.
fn weighted_rows(data: &Dataset, weights: Option<&[f64]>) -> f64 {
    match weights {
        None => data.rows() as f64,
        Some(weights) => data.class_counts().iter().zip(weights).map(|(&n, w)| n as f64 * w).sum(),
    }
}

/// Whether the classes that occur have different weights.
fn differ(weights: &[f64], data: &Dataset) -> bool {
    let counts = data.class_counts();
    let mut present = weights.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(w, _)| w);
    present.next().is_some_and(|first| present.any(|w| w != first))
}

/// Which rows a tree is grown on.
enum Rows {
    /// All, with class weights.
    All(Option<Vec<f64>>),
    /// Rows drawn with replacement, each counted as often as it was drawn.
    Drawn {
        /// The draw.
        bootstrap: Bootstrap,
        /// Weigh the classes by the drawn rows.
        balanced: bool,
        /// Remember the rows that were not drawn.
        oob_score: bool,
    },
}

/// A tree and what is known of it.
struct Grown {
    tree: Tree,
    /// Impurity decrease by feature.
    decrease: Vec<f64>,
    /// Rows that were not drawn, if they are asked for.
    out: Option<OutOfBag>,
}

/// A fit with all its parameters resolved.
struct Plan<'a> {
    data: &'a Dataset,
    trees: usize,
    criterion: Criterion,
    limits: Limits,
    split_mode: SplitMode,
    rows: Rows,
    seed: Seed,
}

impl Plan<'_> {
    fn fit(&self, progress: Progress) -> Result<(Forest, Vec<Warning>), MlError> {
        let data = self.data;
        if data.rows() >= u32::MAX as usize || data.width() >= u32::MAX as usize - 1 || data.n_classes() > 1 << 16 {
            return Err(MlError::data(format!(
                "expected fewer than 2^32 rows and columns and at most 65536 classes, got {} x {} and {}",
                data.rows(),
                data.width(),
                data.n_classes()
            )));
        }
        let exact = match self.split_mode {
            SplitMode::Auto => data.rows() <= EXACT_ROWS,
            SplitMode::Exact => true,
            SplitMode::Histogram => false,
        };
        let x = data.x().view();
        let coded = if exact { Coded::exact(x) } else { Coded::histogram(x) };
        let (bins, values) = (&coded.bins, &coded.values[..]);
        match &coded.ranks {
            Ranks::AsBins => self.grow_all(&Source::new(bins, bins, values), progress),
            Ranks::U16(ranks) => self.grow_all(&Source::new(bins, ranks, values), progress),
            Ranks::U32(ranks) => self.grow_all(&Source::new(bins, ranks, values), progress),
        }
    }

    fn grow_all<C: Code>(&self, source: &Source<C>, progress: Progress) -> Result<(Forest, Vec<Warning>), MlError> {
        let done = AtomicUsize::new(0);
        let grown: Vec<Grown> = (0..self.trees)
            .into_par_iter()
            .with_max_len(1)
            .map(|i| {
                let tree = self.grow_one(source, Rng::new(self.seed.index(i as u64)))?;
                progress.report(done.fetch_add(1, Ordering::Relaxed) + 1, self.trees);
                Ok(tree)
            })
            .collect::<Result<_, MlError>>()?;
        let width = self.data.width();
        let mut importances = vec![0.0; width];
        let mut trees = Vec::with_capacity(grown.len());
        let mut outs = Vec::new();
        for Grown { tree, mut decrease, out } in grown {
            normalise(&mut decrease);
            importances.iter_mut().zip(&decrease).for_each(|(sum, d)| *sum += d);
            trees.push(tree);
            outs.extend(out);
        }
        normalise(&mut importances);
        let (oob_score, warning) = if outs.is_empty() { (None, None) } else { oob::accuracy(self.data, &trees, &outs) };
        let forest = Forest { n_classes: self.data.n_classes(), width, trees, importances, oob_score };
        Ok((forest, warning.into_iter().collect()))
    }

    fn grow_one<C: Code>(&self, source: &Source<C>, mut rng: Rng) -> Result<Grown, MlError> {
        let (data, n_classes) = (self.data, self.data.n_classes());
        let mut out = None;
        let (items, weights) = match &self.rows {
            Rows::All(weights) => {
                let in_use: Vec<u32> = match weights {
                    Some(weights) => weights.iter().map(|&w| u32::from(w > 0.0)).collect(),
                    None => vec![1; n_classes],
                };
                (Item::list(data.y(), data.y().iter().map(|&class| in_use[class as usize])), weights.clone())
            }
            Rows::Drawn { bootstrap, balanced, oob_score } => {
                let counts = bootstrap.counts(&mut rng);
                if let Some(most) = counts.iter().find(|&&n| n > 0xffff) {
                    return Err(MlError::parameter(
                        "max_samples",
                        format!("a row was drawn {most} times; expected at most 65535, so draw fewer"),
                    ));
                }
                out = oob_score.then(|| OutOfBag::new(&counts));
                let weights = balanced.then(|| {
                    let mut drawn = vec![0_usize; n_classes];
                    data.y().iter().zip(&counts).for_each(|(&class, &n)| drawn[class as usize] += n as usize);
                    balanced_weights(&drawn)
                });
                (Item::list(data.y(), counts.iter().copied()), weights)
            }
        };
        let weights = weights.filter(|w| differ(w, data));
        let rows: usize = items.iter().map(|i| i.drawn() as usize).sum();
        let (tree, decrease) = match (self.criterion, weights) {
            (Criterion::Gini, None) => grow(source, items, n_classes, &self.limits, Gini::default(), rng),
            (Criterion::Gini, Some(w)) => grow(source, items, n_classes, &self.limits, WeightedGini::new(w), rng),
            (_, w) => grow(source, items, n_classes, &self.limits, Entropy::new(w, rows), rng),
        };
        Ok(Grown { tree, decrease, out })
    }
}

/// Scales to a sum of 1, where the sum is above 0.
fn normalise(values: &mut [f64]) {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|v| *v /= sum);
    }
}
