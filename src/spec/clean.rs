//! The steps of `clean:` that change values, add columns or thin rows out. The others are in `dataset`.

use std::collections::BTreeMap;

use super::dataset::{CleanStep, Names};
use crate::expression::Expression;
use crate::param::{Name, Range, parameters, record};

parameters! {
    /// Keeps randomly drawn rows, in their order. With separate test files only the training rows are thinned out.
    pub struct SampleRows [short n] {
        /// Rows to keep, at most.
        n: Option<usize> = None, within Range::at_least(1.0);
        /// Share of the rows to keep, instead of `n`.
        fraction: Option<f64> = None, within Range::between(0.0, 1.0).without_min();
        /// Take `n` or `fraction` of each class instead of all rows together; at least one row of a class stays.
        per_class: bool = false;
        /// Seed of the draws; left out, it is derived from the experiment's seed. With the same seed a smaller sample
        /// is part of a larger one.
        seed: Option<u64> = None;
    }
}

record! {
    /// Puts other values in the place of some. A column of numbers that gets words becomes a column of words; a column
    /// of words whose every value is replaced by a number becomes a column of numbers.
    pub struct ReplaceValues {
        /// Columns to look at: features, columns kept aside, or the target.
        columns: Names;
        /// New value by old one; `null` makes it missing. Numbers match whatever their spelling.
        values: BTreeMap<String, Option<Name>>;
    }
}

parameters! {
    /// Holds numbers to limits: what lies beyond one becomes the limit. Missing values stay missing.
    pub struct ClipValues {
        /// Least value.
        min: Option<f64> = None;
        /// Greatest value.
        max: Option<f64> = None;
        /// Shares between 0 and 1, such as `[0.01, 0.99]`: the limits of each column are its quantiles at these, over
        /// all rows, test rows included: warning S03. With separate test files, over the training rows.
        quantiles: Option<Vec<f64>> = None;
        /// Columns to hold; left out, all numeric features.
        columns: Option<Names> = None;
    }
}

record! {
    /// Adds feature columns, each worked out from the other columns of its row: `` ratio: "`Flow Bytes/s` / Protocol" ``.
    /// There are `+ - * / ( )`, comparisons (1 or 0), `min`, `max`, `abs`, `log1p`, `sqrt` and `if(condition, a, b)`.
    /// Names with blanks or signs stand between backticks or quotes. A missing value, a division by zero and what is
    /// too large for a number give a missing value, and are counted.
    pub struct Derive [short columns] {
        /// Expression by new column. They see the columns from before this step, not one another.
        columns: BTreeMap<String, Expression>;
    }
}

/// What is wrong with a step before there is data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFault {
    /// The parameter that it is about, if it is one.
    pub parameter: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// The next move.
    pub hint: &'static str,
}

fn fault(parameter: impl Into<Option<&'static str>>, message: impl Into<String>, hint: &'static str) -> StepFault {
    StepFault { parameter: parameter.into(), message: message.into(), hint }
}

impl CleanStep {
    /// What can be said of the step before there is data.
    ///
    /// # Errors
    /// [`StepFault`] for parameters that do not go together.
    pub fn check(&self) -> Result<(), StepFault> {
        match self {
            Self::Sample(p) => p.check(),
            Self::Replace(p) => p.check(),
            Self::Clip(p) => p.check(),
            Self::Derive(p) if p.columns.is_empty() => {
                Err(fault(None, "no column to derive", "name one: `derive: {ratio: \"a / b\"}`"))
            }
            Self::Derive(p) if p.columns.keys().any(|name| name.trim().is_empty()) => {
                Err(fault(None, "a derived column has no name", "name it: `derive: {ratio: \"a / b\"}`"))
            }
            _ => Ok(()),
        }
    }
}

impl SampleRows {
    fn check(&self) -> Result<(), StepFault> {
        match (self.n, self.fraction) {
            (None, None) => Err(fault(None, "how many rows to keep is missing", "give `n:` or `fraction:`")),
            (Some(_), Some(_)) => {
                Err(fault("fraction", "both `n` and `fraction` are given", "keep one of `n:` and `fraction:`"))
            }
            _ => Ok(()),
        }
    }
}

impl ReplaceValues {
    fn check(&self) -> Result<(), StepFault> {
        if self.values.is_empty() {
            return Err(fault("values", "no value to replace", "give a map: `values: {6: tcp, \"-\": null}`"));
        }
        let endless = |name: &Name| name.0.parse::<f64>().is_ok_and(|v| !v.is_finite());
        match self.values.values().flatten().find(|name| endless(name) || name.0.trim().is_empty()) {
            Some(bad) => {
                let message = format!("expected a finite number, a word or null, got {:?}", bad.0);
                Err(fault("values", message, "`null` makes a value missing"))
            }
            None => Ok(()),
        }
    }
}

impl ClipValues {
    fn check(&self) -> Result<(), StepFault> {
        let limits = "give `min:`, `max:` or both, or `quantiles: [0.01, 0.99]`";
        match (self.min, self.max, &self.quantiles) {
            (None, None, None) => Err(fault(None, "no limit", limits)),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                Err(fault("quantiles", "both limits and `quantiles` are given", limits))
            }
            (Some(min), Some(max), None) if min > max => {
                Err(fault("max", format!("expected at least the `min` of {min}, got {max}"), "swap the two"))
            }
            (None, None, Some(shares)) => match shares.as_slice() {
                [low, high] if low < high && (0.0..=1.0).contains(low) && (0.0..=1.0).contains(high) => Ok(()),
                other => {
                    let message = format!("expected two shares from 0 to 1, the lower first, got {other:?}");
                    Err(fault("quantiles", message, "write it as `quantiles: [0.01, 0.99]`"))
                }
            },
            _ => Ok(()),
        }
    }
}
