//! `min_max`: the training values onto an interval, as scikit-learn's `MinMaxScaler`.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::scaled::{divisor, ends, finite, mapped};
use super::table::{Table, each};
use crate::ml::MlError;
use crate::param::parameters;

parameters! {
    /// Maps the least training value of a column to the lower end of `feature_range` and the greatest to the upper one,
    /// as scikit-learn's `MinMaxScaler` does. A constant column goes to the lower end. Missing values stay missing.
    pub struct MinMax {
        /// Lower and upper end.
        feature_range: Vec<f64> = vec![0.0, 1.0];
        /// Hold later values outside the training range to `feature_range`.
        clip: bool = false;
        /// Columns to scale; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to scale, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// One column of a fitted `min_max`: `value * scale + offset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinMaxColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub offset: f64,
}

/// A fitted `min_max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMinMax {
    /// One entry per column.
    pub columns: Vec<MinMaxColumn>,
    /// The ends that values are held to, if they are.
    pub clip: Option<(f64, f64)>,
}

impl MinMax {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "min_max", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn check(&self) -> Result<(), MlError> {
        ends("feature_range", &self.feature_range)?;
        self.chosen().check()
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedMinMax, MlError> {
        let (low, high) = ends("feature_range", &self.feature_range)?;
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        let columns = each(table.rows, &positions, |&position| {
            let column = &table.columns[position as usize];
            let there = column.numbers().unwrap_or_default().iter().copied().filter(|v| !v.is_nan());
            let ends = there.fold(None, |e, v| Some(e.map_or((v, v), |(a, b): (f64, f64)| (a.min(v), b.max(v)))));
            let (least, greatest) = ends.unwrap_or((0.0, 1.0));
            let scale = (high - low) / divisor(greatest - least);
            MinMaxColumn { position, name: column.name.to_string(), scale, offset: low - least * scale }
        });
        for c in &columns {
            // A range that overflowed leaves a scale of 0.
            finite("min_max", &c.name, &[c.scale.recip(), c.offset])?;
        }
        Ok(FittedMinMax { columns, clip: self.clip.then_some((low, high)) })
    }
}

impl FittedMinMax {
    pub(super) fn apply(&self, table: &mut Table<'_>) -> Result<(), MlError> {
        mapped(
            table,
            &self.columns,
            |c| c.position,
            |c, v| {
                let out = v * c.scale + c.offset;
                match self.clip {
                    Some((low, _)) if out < low => low,
                    Some((_, high)) if out > high => high,
                    _ => out,
                }
            },
        )
    }
}
