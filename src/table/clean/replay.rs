//! What `clean` did to the values of every row, kept so that rows that come later get the same. Steps that only drop
//! rows are not among them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::TableError;
use super::derive::derived;
use super::values::{clip, replaced, round};
use crate::expression::Expression;
use crate::ml::{Column, MISSING, Values};
use crate::param::Name;

/// One step, with everything resolved that the run decided: names of columns, limits, types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowStep {
    /// Columns that went.
    Drop {
        /// Their names.
        columns: Vec<String>,
    },
    /// Numbers that were rounded.
    Round {
        /// The columns.
        columns: Vec<String>,
        /// Decimal places that stay.
        decimals: usize,
    },
    /// Numbers that were held to limits.
    Clip {
        /// Column, least value, greatest value.
        columns: Vec<(String, Option<f64>, Option<f64>)>,
    },
    /// Values that others took the place of.
    Replace {
        /// The columns, and whether each holds numbers afterwards.
        columns: Vec<(String, bool)>,
        /// New value by old one.
        values: BTreeMap<String, Option<Name>>,
    },
    /// Columns that were worked out.
    Derive {
        /// Expression by column.
        columns: BTreeMap<String, Expression>,
    },
}

/// The steps in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replay {
    /// First to last.
    pub steps: Vec<RowStep>,
}

impl Replay {
    /// The columns of a table as read that `wanted` columns of the cleaned one are made of.
    #[must_use]
    pub fn sources<'a>(&'a self, wanted: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut names: BTreeSet<&str> = wanted.into_iter().collect();
        for step in self.steps.iter().rev() {
            if let RowStep::Derive { columns } = step {
                let made: Vec<&Expression> =
                    columns.iter().filter(|(name, _)| names.remove(name.as_str())).map(|(_, e)| e).collect();
                names.extend(made.into_iter().flat_map(|e| e.columns().iter().map(String::as_str)));
            }
        }
        names
    }

    /// Does the steps to columns of any rows, in place. Steps about columns that are not there are passed over.
    ///
    /// # Errors
    /// [`TableError`] where an expression needs numbers and gets words.
    pub fn apply(&self, columns: &mut Vec<Column>) -> Result<(), TableError> {
        for step in &self.steps {
            match step {
                RowStep::Drop { columns: gone } => columns.retain(|c| !gone.contains(&c.name)),
                RowStep::Round { columns: names, decimals } => {
                    for column in columns.iter_mut().filter(|c| names.contains(&c.name)) {
                        if let Values::Number(values) = &mut column.values {
                            round(values, *decimals);
                        }
                    }
                }
                RowStep::Clip { columns: limits } => {
                    for (name, min, max) in limits {
                        if let Some(column) = columns.iter_mut().find(|c| c.name == *name)
                            && let Values::Number(values) = &mut column.values
                        {
                            clip(values, *min, *max);
                        }
                    }
                }
                RowStep::Replace { columns: names, values } => {
                    for (name, numbers) in names {
                        if let Some(column) = columns.iter_mut().find(|c| c.name == *name) {
                            *column = retyped(replaced(column, values, false).0, *numbers);
                        }
                    }
                }
                RowStep::Derive { columns: made } => {
                    let rows = columns.first().map_or(0, Column::len);
                    let there = |e: &Expression| e.columns().iter().all(|n| columns.iter().any(|c| c.name == *n));
                    let new: Vec<Column> = made
                        .iter()
                        .filter(|(_, e)| there(e))
                        .map(|(name, e)| derived(columns, rows, name, e).map(|(column, _)| column))
                        .collect::<Result<_, _>>()?;
                    columns.extend(new);
                }
            }
        }
        Ok(())
    }
}

/// The column with the type that it had in the run: whether all words were replaced by numbers is a matter of all rows,
/// so a few rows alone may come out otherwise. A word that no number stands for is missing.
fn retyped(column: Column, numbers: bool) -> Column {
    let values = match column.values {
        Values::Category { codes, levels } if numbers => {
            let value: Vec<f64> =
                levels.iter().map(|l| l.parse().ok().filter(|v: &f64| v.is_finite()).unwrap_or(f64::NAN)).collect();
            let number = |&code: &u32| if code == MISSING { f64::NAN } else { value[code as usize] };
            Values::Number(codes.iter().map(number).collect())
        }
        Values::Number(values) if !numbers => {
            let text = |v: &f64| (!v.is_nan()).then(|| format!("{}", v + 0.0));
            Column::category("", &values.iter().map(text).collect::<Vec<_>>()).values
        }
        other => other,
    };
    Column { name: column.name, values }
}
