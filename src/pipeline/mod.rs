//! The preparation: a list of steps fitted on a training part, which turns any [`Frame`] of the same columns into a
//! [`Dataset`]. Fit once, apply anywhere, store.
//!
//! ```text
//! Training<Frame> --fit--> Pipeline --apply--> Dataset
//! ```
//!
//! A step is declared, fitted and applied in one file of its own; [`PrepareStep`] and [`FittedStep`] list them all.
//! Steps work on columns (`table`), and the row-major matrix is made once at the end.

mod choose;
mod codes;
mod constant;
mod encode;
mod impute;
mod input;
mod log1p;
mod min_max;
mod normal;
mod pca;
mod quantile;
mod robust;
#[cfg(test)]
mod scale_tests;
mod scaled;
mod select;
mod standardize;
mod table;
#[cfg(test)]
mod tests;

use ndarray::Array2;
use serde::{Deserialize, Deserializer, Serialize};

pub use choose::ColumnNames;
pub use codes::Coded;
pub use constant::{DropConstant, FittedDropConstant};
pub use encode::{EncodedColumn, FittedOneHot, FittedOrdinal, OneHot, Ordinal};
pub use impute::{CategoryFill, Fill, FilledColumn, FittedImpute, Impute, NumericFill};
pub use input::{Input, InputKind};
pub use log1p::{FittedLog1p, Log1p};
pub use min_max::{FittedMinMax, MinMax, MinMaxColumn};
pub use pca::{FittedPca, Pca};
pub use quantile::{FittedQuantile, OutputDistribution, Quantile, QuantileColumn};
pub use robust::{FittedRobust, Robust, RobustColumn};
pub use select::{FittedSelect, Importance, Select, SelectBy};
pub use standardize::{FittedStandardize, ScaledColumn, Standardize};

use crate::digest::Seed;
use crate::ml::{Code, Dataset, Frame, Grouping, Labels, MlError, Progress, Training, Warning};
use crate::param::choice;
use table::{Table, inconsistent};

choice! {
    /// A step of `prepare`, fitted on the training rows only and applied to every row.
    pub enum PrepareStep {
        Impute(Impute) = "impute",
        DropConstant(DropConstant) = "drop_constant",
        Standardize(Standardize) = "standardize",
        OneHot(OneHot) = "one_hot",
        Ordinal(Ordinal) = "ordinal",
        Select(Select) = "select",
        MinMax(MinMax) = "min_max",
        Robust(Robust) = "robust",
        Log1p(Log1p) = "log1p",
        Quantile(Quantile) = "quantile",
        Pca(Pca) = "pca",
    }
}

impl PrepareStep {
    /// What can be said of the step before there is data.
    ///
    /// # Errors
    /// [`MlError::Parameter`] where both `columns` and `except` are given, or parameters do not go together.
    pub fn check(&self) -> Result<(), MlError> {
        match self {
            Self::MinMax(s) => return s.check(),
            Self::Robust(s) => return s.check(),
            Self::Pca(s) => return s.check(),
            Self::Select(s) => return s.check(),
            Self::Impute(s) => s.chosen(),
            Self::DropConstant(s) => s.chosen(),
            Self::Standardize(s) => s.chosen(),
            Self::OneHot(s) => s.chosen(),
            Self::Ordinal(s) => s.chosen(),
            Self::Log1p(s) => s.chosen(),
            Self::Quantile(s) => s.chosen(),
        }
        .check()
    }

    fn fit(
        &self,
        table: &Table<'_>,
        labels: &Labels,
        seed: Seed,
        progress: Progress,
    ) -> Result<(FittedStep, Vec<Warning>), MlError> {
        let fitted = match self {
            Self::Impute(s) => FittedStep::Impute(s.fit(table)?),
            Self::DropConstant(s) => FittedStep::DropConstant(s.fit(table)?),
            Self::Standardize(s) => FittedStep::Standardize(s.fit(table)?),
            Self::OneHot(s) => FittedStep::OneHot(s.fit(table)?),
            Self::Ordinal(s) => FittedStep::Ordinal(s.fit(table)?),
            Self::MinMax(s) => FittedStep::MinMax(s.fit(table)?),
            Self::Robust(s) => FittedStep::Robust(s.fit(table)?),
            Self::Log1p(s) => FittedStep::Log1p(s.fit(table)?),
            Self::Quantile(s) => FittedStep::Quantile(s.fit(table)?),
            Self::Pca(s) => FittedStep::Pca(s.fit(table)?),
            Self::Select(s) => {
                let (fitted, warnings) = s.fit(table, labels, seed, progress)?;
                return Ok((FittedStep::Select(fitted), warnings));
            }
        };
        Ok((fitted, Vec::new()))
    }
}

/// A step with what it learned from the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FittedStep {
    /// `impute`.
    Impute(FittedImpute),
    /// `drop_constant`.
    DropConstant(FittedDropConstant),
    /// `standardize`.
    Standardize(FittedStandardize),
    /// `one_hot`.
    OneHot(FittedOneHot),
    /// `ordinal`.
    Ordinal(FittedOrdinal),
    /// `select`.
    Select(FittedSelect),
    /// `min_max`.
    MinMax(FittedMinMax),
    /// `robust`.
    Robust(FittedRobust),
    /// `log1p`.
    Log1p(FittedLog1p),
    /// `quantile`.
    Quantile(FittedQuantile),
    /// `pca`.
    Pca(FittedPca),
}

impl FittedStep {
    /// The word of the step in the file.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Impute(_) => "impute",
            Self::DropConstant(_) => "drop_constant",
            Self::Standardize(_) => "standardize",
            Self::OneHot(_) => "one_hot",
            Self::Ordinal(_) => "ordinal",
            Self::Select(_) => "select",
            Self::MinMax(_) => "min_max",
            Self::Robust(_) => "robust",
            Self::Log1p(_) => "log1p",
            Self::Quantile(_) => "quantile",
            Self::Pca(_) => "pca",
        }
    }

    fn apply(&self, table: &mut Table<'_>, applied: &mut Applied) -> Result<(), MlError> {
        match self {
            Self::Impute(s) => s.apply(table, applied),
            Self::DropConstant(s) => table.remove(&s.positions),
            Self::Standardize(s) => s.apply(table),
            Self::OneHot(s) => s.apply(table, applied),
            Self::Ordinal(s) => s.apply(table, applied),
            Self::Select(s) => table.remove(&s.dropped),
            Self::MinMax(s) => s.apply(table),
            Self::Robust(s) => s.apply(table),
            Self::Log1p(s) => s.apply(table, applied),
            Self::Quantile(s) => s.apply(table),
            Self::Pca(s) => s.apply(table),
        }
    }
}

/// What a step did to the columns, for the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepChange {
    /// The word of the step.
    pub step: String,
    /// Columns before it.
    pub columns_before: u32,
    /// Columns after it.
    pub columns_after: u32,
    /// Names of the columns that it dropped, in the order of the table.
    pub dropped: Vec<String>,
}

/// What happened while rows were prepared. Counts are of rows, by column, in the order in which the columns were met;
/// columns without any are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Words that training has not seen, by encoded column.
    pub unknown_categories: Vec<(String, usize)>,
    /// Missing values that `impute` filled.
    pub filled: Vec<(String, usize)>,
    /// Numbers below the least or above the greatest training value, by input column (or by component, where `log1p`
    /// comes after `pca`).
    pub out_of_range: Vec<(String, usize)>,
}

impl Applied {
    /// The warnings that these counts call for: R04 for unknown categories.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        if self.unknown_categories.is_empty() {
            return Vec::new();
        }
        let counts: Vec<String> = self.unknown_categories.iter().map(|(name, n)| format!("{name:?} ({n})")).collect();
        let message = format!("categories that training has not seen, rows by column: {}", table::shortened(&counts));
        vec![Warning::new(Code::R04, message).at("prepare")]
    }
}

/// Adds `n` to the count of `name`; 0 is not noted.
fn count(counts: &mut Vec<(String, usize)>, name: &str, n: usize) {
    if n == 0 {
        return;
    }
    match counts.iter_mut().find(|(known, _)| known == name) {
        Some((_, total)) => *total += n,
        None => counts.push((name.to_owned(), n)),
    }
}

/// A fitted preparation, with what is needed to serve it: input columns, feature names, classes and groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    #[serde(deserialize_with = "known_version")]
    version: u32,
    inputs: Vec<Input>,
    steps: Vec<FittedStep>,
    changes: Vec<StepChange>,
    features: Vec<String>,
    classes: Vec<String>,
    grouping: Option<Grouping>,
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == Pipeline::VERSION { Ok(version) } else { Err(serde::de::Error::custom(other_version(version))) }
}

fn other_version(version: u32) -> String {
    format!("expected a pipeline of version {}, got version {version}: fit it again", Pipeline::VERSION)
}

impl Pipeline {
    /// Version of the stored form. 1: the first. 2: `select` says what it judged by; five more steps.
    pub const VERSION: u32 = 2;

    /// Fits every step on the training rows as the earlier steps left them. The draws of the `n`-th step of a kind
    /// depend on `seed`, the kind and `n` only.
    ///
    /// # Errors
    /// [`MlError::Data`] where there is no row, or where words, missing values or no column are left after the last
    /// step; [`MlError::Parameter`] for a column that is not there, for `columns` with `except`, and for what a step
    /// says of its own parameters.
    pub fn fit(
        steps: &[PrepareStep],
        train: &Training<Frame>,
        seed: Seed,
        progress: Progress,
    ) -> Result<(Self, Vec<Warning>), MlError> {
        let frame = train.get();
        if frame.rows() == 0 {
            return Err(MlError::data("expected at least one training row to fit `prepare` on, got 0"));
        }
        let mut inputs = Input::of(frame);
        let mut table = Table::of(frame)?;
        let mut fitted: Vec<FittedStep> = Vec::with_capacity(steps.len());
        let mut changes = Vec::with_capacity(steps.len());
        let mut warnings = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let nth = fitted.iter().filter(|f| f.word() == step.word()).count() as u64;
            const FINE: usize = 1000;
            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // a share of 1000
            let listener = |share: f64| progress.report(i * FINE + (share * FINE as f64) as usize, steps.len() * FINE);
            let (done, heard) =
                step.fit(&table, &frame.labels, seed.child(step.word()).index(nth), Progress::new(&listener))?;
            warnings.extend(heard.into_iter().map(|w| w.at(format!("prepare.{i}"))));
            let (before, already) = (table.columns.len() as u32, table.dropped.len());
            done.apply(&mut table, &mut Applied::default())?;
            table.check_names()?;
            changes.push(StepChange {
                step: step.word().to_owned(),
                columns_before: before,
                columns_after: table.columns.len() as u32,
                dropped: table.dropped[already..].to_vec(),
            });
            fitted.push(done);
            progress.report(i + 1, steps.len());
        }
        table.check_numeric("after `prepare`", None)?;
        for (source, input) in (0_u32..).zip(&mut inputs) {
            input.used = table.columns.iter().any(|c| c.sources.contains(&source));
        }
        let pipeline = Self {
            version: Self::VERSION,
            inputs,
            steps: fitted,
            changes,
            features: table.columns.iter().map(|c| c.name.to_string()).collect(),
            classes: frame.labels.classes.clone(),
            grouping: frame.grouping.clone(),
        };
        Ok((pipeline, warnings))
    }

    /// Prepares the rows of `frame`: the matrix of shape (rows, features), row-major and finite, with 0 rows for a
    /// frame without any. Columns are found by name, in any order; others are ignored, and so are the labels. Every
    /// row is worked out by itself.
    ///
    /// # Errors
    /// [`MlError::Data`] for a column that is not there or of another type than in training, and for missing values
    /// that are left.
    pub fn transform(&self, frame: &Frame) -> Result<(Array2<f64>, Applied), MlError> {
        let mut applied = Applied::default();
        let mut table = input::matched(&self.inputs, frame, &mut applied)?;
        for step in &self.steps {
            step.apply(&mut table, &mut applied)?;
        }
        if table.columns.len() != self.features.len() {
            return Err(inconsistent());
        }
        table.check_numeric("after `prepare`", None)?;
        let all: Vec<u32> = (0..table.columns.len() as u32).collect();
        let matrix = table.matrix(&all);
        if matrix.nrows() == frame.rows() { Ok((matrix, applied)) } else { Err(inconsistent()) }
    }

    /// Prepares the rows of `frame` with their labels; class indices are those of the training frame.
    ///
    /// # Errors
    /// As [`Pipeline::transform`], and [`MlError::Data`] for a frame without rows or with a row of a class that the
    /// training frame does not name.
    pub fn apply(&self, frame: &Frame) -> Result<(Dataset, Applied), MlError> {
        let (x, applied) = self.transform(frame)?;
        let y = self.class_indices(&frame.labels)?;
        let data = Dataset::new(x, y, self.classes.clone(), self.features.clone(), frame.row_ids.clone())?;
        Ok((data, applied))
    }

    /// Prepares training rows: they stay a training part.
    ///
    /// # Errors
    /// As [`Pipeline::apply`].
    pub fn apply_training(&self, train: &Training<Frame>) -> Result<(Training<Dataset>, Applied), MlError> {
        let mut applied = Applied::default();
        let data = train.try_map(|frame| {
            let (data, seen) = self.apply(frame)?;
            applied = seen;
            Ok::<_, MlError>(data)
        })?;
        Ok((data, applied))
    }

    fn class_indices(&self, labels: &Labels) -> Result<Vec<u32>, MlError> {
        if labels.classes == self.classes {
            return Ok(labels.codes.clone());
        }
        let index_of = |code: u32| {
            let name = labels
                .classes
                .get(code as usize)
                .ok_or_else(|| MlError::data(format!("class index {code} has no name")))?;
            self.classes.iter().position(|c| c == name).map(|i| i as u32).ok_or_else(|| {
                MlError::data(format!("class {name:?} is not known: training names {}", self.classes.join(", ")))
            })
        };
        labels.codes.iter().map(|&code| index_of(code)).collect()
    }

    /// The stored form (postcard).
    ///
    /// # Errors
    /// [`MlError::Data`] where it cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MlError> {
        postcard::to_stdvec(self).map_err(|e| MlError::data(format!("the pipeline cannot be written: {e}")))
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`MlError::Data`] for another version or damaged bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MlError> {
        let damaged = |e| MlError::data(format!("the stored pipeline cannot be read: {e}"));
        let (version, _) = postcard::take_from_bytes::<u32>(bytes).map_err(damaged)?;
        if version != Self::VERSION {
            return Err(MlError::data(other_version(version)));
        }
        postcard::from_bytes(bytes).map_err(damaged)
    }

    /// The columns that it was fitted on, in their order.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The fitted steps.
    #[must_use]
    pub fn steps(&self) -> &[FittedStep] {
        &self.steps
    }

    /// What each step did to the columns.
    #[must_use]
    pub fn changes(&self) -> &[StepChange] {
        &self.changes
    }

    /// Names of the features that come out, by column.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Class names by index.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The coarser label, if there is one.
    #[must_use]
    pub fn grouping(&self) -> Option<&Grouping> {
        self.grouping.as_ref()
    }

    /// What the last `select` by importance or mutual information judged, in the order of its table; `None` without
    /// one.
    #[must_use]
    pub fn importances(&self) -> Option<&[Importance]> {
        self.steps.iter().rev().find_map(|step| match step {
            FittedStep::Select(select)
                if matches!(select.by, SelectBy::ForestImportance | SelectBy::MutualInformation) =>
            {
                Some(select.importances.as_slice())
            }
            _ => None,
        })
    }
}
