//! `log1p`: `ln(1 + value)` of columns that hold sizes, counts and times.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::scaled::mapped;
use super::table::{Table, each};
use super::{Applied, count};
use crate::ml::MlError;
use crate::param::parameters;

parameters! {
    /// Takes `ln(1 + value)` of columns without negative training values. A later negative value is outside the
    /// training range: it is taken as 0 and counted as out of range. Missing values stay missing.
    pub struct Log1p {
        /// Columns to transform; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to transform, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// A fitted `log1p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedLog1p {
    /// Positions in the table that the step gets, ascending.
    pub positions: Vec<u32>,
    /// Their names.
    pub names: Vec<String>,
}

impl Log1p {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "log1p", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedLog1p, MlError> {
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        let least = each(table.rows, &positions, |&p| {
            let values = table.columns[p as usize].numbers().unwrap_or_default();
            values.iter().copied().fold(f64::INFINITY, f64::min)
        });
        let names: Vec<String> = positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect();
        match names.iter().zip(least).find(|(_, least)| *least < 0.0) {
            Some((name, least)) => Err(MlError::data(format!(
                "log1p: column {name:?} holds negative numbers, down to {least}: `clip` it in `clean`, or name it in \
                 `except`"
            ))),
            None => Ok(FittedLog1p { positions, names }),
        }
    }
}

impl FittedLog1p {
    pub(super) fn apply(&self, table: &mut Table<'_>, applied: &mut Applied) -> Result<(), MlError> {
        for &position in &self.positions {
            let column = table.at(position)?;
            // A column of one source is an input column mapped step by step: its values outside the training range
            // are counted where they come in.
            if column.sources.len() > 1 {
                let negative = column.numbers().unwrap_or_default().iter().filter(|v| **v < 0.0).count();
                count(&mut applied.out_of_range, &column.name, negative);
            }
        }
        mapped(table, &self.positions, |&p| p, |_, v| if v < 0.0 { 0.0 } else { v.ln_1p() })
    }
}
