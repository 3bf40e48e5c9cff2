//! `impute`: missing values get a value that the training rows gave. The rules are those of scikit-learn's
//! `SimpleImputer`.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::standardize::moments;
use super::table::{Cells, Table, Working, each, inconsistent};
use super::{Applied, count};
use crate::ml::{MISSING, MlError};
use crate::param::{parameters, words};

words! {
    /// What stands in for a missing number.
    pub enum NumericFill {
        /// The mean of the training values.
        Mean = "mean",
        /// The median of the training values; the mean of the middle two where their number is even.
        Median = "median",
        /// The training value seen most often; the smallest of several.
        MostFrequent = "most_frequent",
        /// `fill_value`.
        Constant = "constant",
    }
}

words! {
    /// What stands in for a missing word.
    pub enum CategoryFill {
        /// The training word seen most often; the first in sorted order of several.
        MostFrequent = "most_frequent",
        /// The word "missing", as a level of its own.
        Constant = "constant",
    }
}

parameters! {
    /// Fills missing values with what the training rows say, as scikit-learn's `SimpleImputer` does.
    pub struct Impute {
        /// What stands in for a missing number.
        numeric: NumericFill = NumericFill::Mean;
        /// What stands in for a missing word.
        categorical: CategoryFill = CategoryFill::MostFrequent;
        /// The number that `numeric: constant` fills in.
        fill_value: f64 = 0.0;
        /// Columns to fill; left out, all.
        columns: Option<ColumnNames> = None;
        /// Columns not to fill, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// What fills a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fill {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// One column of a fitted `impute`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilledColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What stands in for a missing value.
    pub fill: Fill,
    /// Training values that were missing.
    pub missing: u64,
}

/// A fitted `impute`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedImpute {
    /// One entry per column.
    pub columns: Vec<FilledColumn>,
}

/// The word of a missing category.
const MISSING_WORD: &str = "missing";

impl Impute {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "impute", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedImpute, MlError> {
        let positions = self.chosen().positions(table, Takes::Any)?;
        let fills = each(table.rows, &positions, |&p| self.fill(&table.columns[p as usize]));
        let mut columns = Vec::with_capacity(positions.len());
        for (position, fill) in positions.into_iter().zip(fills) {
            let column = &table.columns[position as usize];
            let Some(fill) = fill else {
                return Err(MlError::data(format!(
                    "impute: column {:?} has no value in the training rows: drop it with `drop_constant` before, \
                     or fill it with `constant`",
                    column.name
                )));
            };
            let (name, missing) = (column.name.to_string(), column.missing() as u64);
            columns.push(FilledColumn { position, name, fill, missing });
        }
        Ok(FittedImpute { columns })
    }

    fn fill(&self, column: &Working<'_>) -> Option<Fill> {
        match &column.cells {
            Cells::Number(values) => match self.numeric {
                NumericFill::Constant => Some(self.fill_value),
                NumericFill::Mean => moments(values).map(|m| m.mean),
                NumericFill::Median => median(values),
                NumericFill::MostFrequent => most_frequent(values),
            }
            .map(Fill::Number),
            Cells::Word { codes, levels } => match self.categorical {
                CategoryFill::Constant => Some(MISSING_WORD.to_owned()),
                CategoryFill::MostFrequent => super::encode::level_counts(codes, levels)
                    .into_iter()
                    .min_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)))
                    .map(|(level, _)| level.to_owned()),
            }
            .map(Fill::Word),
            Cells::Absent => None,
        }
    }
}

/// The middle of the values that are there; `None` where none is.
fn median(values: &[f64]) -> Option<f64> {
    let mut there: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let half = there.len() / 2;
    if there.is_empty() {
        return None;
    }
    let even = there.len().is_multiple_of(2);
    let (below, &mut upper, _) = there.select_nth_unstable_by(half, f64::total_cmp);
    if !even {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(0.5 * lower + 0.5 * upper)
}

/// The value seen most often, the smallest of several; `None` where there is none.
fn most_frequent(values: &[f64]) -> Option<f64> {
    let mut there: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    there.sort_unstable_by(f64::total_cmp);
    let mut best: Option<(usize, f64)> = None;
    #[allow(clippy::float_cmp)] // the same value is meant
    for run in there.chunk_by(|a, b| a == b) {
        if best.is_none_or(|(n, _)| run.len() > n) {
            best = Some((run.len(), run[0]));
        }
    }
    best.map(|(_, value)| value)
}

impl FittedImpute {
    pub(super) fn apply(&self, table: &mut Table<'_>, applied: &mut Applied) -> Result<(), MlError> {
        for filled in &self.columns {
            let column = table.at(filled.position)?;
            let missing = column.missing();
            if missing == 0 {
                continue;
            }
            match (&mut column.cells, &filled.fill) {
                (Cells::Number(values), Fill::Number(fill)) => {
                    values.to_mut().iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = *fill);
                }
                (Cells::Word { codes, levels }, Fill::Word(fill)) => {
                    let code = match levels.iter().position(|l| l == fill) {
                        Some(code) => code as u32,
                        None => {
                            levels.to_mut().push(fill.clone());
                            levels.len() as u32 - 1
                        }
                    };
                    codes.to_mut().iter_mut().filter(|c| **c == MISSING).for_each(|c| *c = code);
                }
                _ => return Err(inconsistent()),
            }
            count(&mut applied.filled, &filled.name, missing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn median_and_most_frequent_pass_over_what_is_missing() {
        assert_eq!(median(&[3.0, NAN, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, NAN, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[NAN]), None);
        assert_eq!(most_frequent(&[2.0, 5.0, NAN, 5.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(most_frequent(&[9.0, 5.0, NAN, NAN, NAN, 5.0]), Some(5.0));
        assert_eq!(most_frequent(&[]), None);
    }
}
