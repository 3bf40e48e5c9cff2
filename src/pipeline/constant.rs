//! `drop_constant`: columns that say nothing.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::table::{Cells, Table, Working, each};
use crate::ml::{MISSING, MlError};
use crate::param::parameters;

parameters! {
    /// Drops columns with at most one distinct value in the training rows; missing values do not count as one.
    pub struct DropConstant {
        /// Columns to look at; left out, all.
        columns: Option<ColumnNames> = None;
        /// Columns that stay in any case, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// A fitted `drop_constant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedDropConstant {
    /// Positions in the table that the step gets, ascending.
    pub positions: Vec<u32>,
    /// Their names.
    pub names: Vec<String>,
}

impl DropConstant {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "drop_constant", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedDropConstant, MlError> {
        let looked_at = self.chosen().positions(table, Takes::Any)?;
        let constant = each(table.rows, &looked_at, |&p| is_constant(&table.columns[p as usize]));
        let positions: Vec<u32> =
            looked_at.into_iter().zip(constant).filter(|(_, constant)| *constant).map(|(p, _)| p).collect();
        let names = positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect();
        Ok(FittedDropConstant { positions, names })
    }
}

fn is_constant(column: &Working<'_>) -> bool {
    fn one<T: PartialEq + Copy>(mut values: impl Iterator<Item = T>) -> bool {
        let Some(first) = values.next() else { return true };
        values.all(|v| v == first)
    }
    match &column.cells {
        Cells::Number(values) => one(values.iter().copied().filter(|v| !v.is_nan())),
        Cells::Word { codes, .. } => one(codes.iter().copied().filter(|&c| c != MISSING)),
        Cells::Absent => false,
    }
}
