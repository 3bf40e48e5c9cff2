//! `robust`: centred on the median and scaled by a range of quantiles, as scikit-learn's `RobustScaler`.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::scaled::{divisor, ends, finite, mapped, quantile, sorted};
use super::table::{Table, each};
use crate::ml::MlError;
use crate::param::parameters;

parameters! {
    /// Subtracts the median of the training rows and divides by the distance of two of their quantiles, as
    /// scikit-learn's `RobustScaler` does: single extreme values do not move it. Where the quantiles are equal, values
    /// are divided by 1. Missing values stay missing.
    pub struct Robust {
        /// Subtract the median.
        with_centering: bool = true;
        /// Divide by the distance of the quantiles.
        with_scaling: bool = true;
        /// The two quantiles, in percent.
        quantile_range: Vec<f64> = vec![25.0, 75.0];
        /// Columns to scale; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to scale, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// One column of a fitted `robust`: `(value - center) / scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RobustColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What is subtracted.
    pub center: f64,
    /// What is divided by then; never 0.
    pub scale: f64,
}

/// A fitted `robust`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedRobust {
    /// One entry per column.
    pub columns: Vec<RobustColumn>,
}

impl Robust {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "robust", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    fn quantiles(&self) -> Result<(f64, f64), MlError> {
        let (low, high) = ends("quantile_range", &self.quantile_range)?;
        if low < 0.0 || high > 100.0 {
            let problem = format!("expected percentages from 0 to 100, got [{low}, {high}]");
            return Err(MlError::parameter("quantile_range", problem));
        }
        Ok((low / 100.0, high / 100.0))
    }

    pub(super) fn check(&self) -> Result<(), MlError> {
        self.quantiles()?;
        self.chosen().check()
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedRobust, MlError> {
        let (low, high) = self.quantiles()?;
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        let columns = each(table.rows, &positions, |&position| {
            let column = &table.columns[position as usize];
            let values = sorted(column.numbers().unwrap_or_default());
            let name = column.name.to_string();
            if values.is_empty() {
                return RobustColumn { position, name, center: 0.0, scale: 1.0 };
            }
            let center = if self.with_centering { quantile(&values, 0.5) } else { 0.0 };
            let scale = if self.with_scaling { divisor(quantile(&values, high) - quantile(&values, low)) } else { 1.0 };
            RobustColumn { position, name, center, scale }
        });
        for c in &columns {
            finite("robust", &c.name, &[c.center, c.scale])?;
        }
        Ok(FittedRobust { columns })
    }
}

impl FittedRobust {
    pub(super) fn apply(&self, table: &mut Table<'_>) -> Result<(), MlError> {
        mapped(table, &self.columns, |c| c.position, |c, v| (v - c.center) / c.scale)
    }
}
