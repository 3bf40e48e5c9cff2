//! What a fitted pipeline remembers of the columns that it was given: enough to check and describe new rows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::encode::level_counts;
use super::table::{Cells, Table, Working, each};
use super::{Applied, count};
use crate::ml::{Column, Frame, MISSING, MlError, Values};
use crate::param::closest;

/// One input column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type and the training values.
    pub kind: InputKind,
    /// Training values that were missing.
    pub missing: u64,
    /// Whether a feature is made of it. A column that is not used may be left out of new rows.
    pub used: bool,
}

/// The type of an input column, and what training has seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum InputKind {
    /// Numbers.
    Number {
        /// Least and greatest training value; none where all were missing.
        range: Option<(f64, f64)>,
    },
    /// Words.
    Category {
        /// Distinct training words, sorted.
        levels: Vec<String>,
    },
}

impl Input {
    /// Describes every column of a training frame.
    pub(super) fn of(frame: &Frame) -> Vec<Self> {
        each(frame.rows(), &frame.columns, |column| {
            let kind = match &column.values {
                Values::Number(values) => InputKind::Number { range: range(values) },
                Values::Category { codes, levels } => {
                    let mut levels: Vec<String> =
                        level_counts(codes, levels).into_iter().map(|(level, _)| level.to_owned()).collect();
                    levels.sort_unstable();
                    InputKind::Category { levels }
                }
            };
            let missing = (0..column.len()).filter(|&r| column.is_missing(r)).count() as u64;
            Self { name: column.name.clone(), kind, missing, used: true }
        })
    }
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let there = values.iter().copied().filter(|v| !v.is_nan());
    there.fold(None, |ends, v| Some(ends.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))))
}

/// The columns of `frame` in the order of `inputs`; those that no feature needs are left out.
pub(super) fn matched<'a>(inputs: &[Input], frame: &'a Frame, applied: &mut Applied) -> Result<Table<'a>, MlError> {
    let rows = frame.rows();
    let mut columns = Vec::with_capacity(inputs.len());
    let mut absent: Vec<&str> = Vec::new();
    for (source, input) in (0_u32..).zip(inputs) {
        if !input.used {
            columns.push(Working { name: Cow::Owned(input.name.clone()), cells: Cells::Absent, sources: vec![source] });
            continue;
        }
        let same = frame.columns.get(source as usize).filter(|c| c.name == input.name);
        let Some(column) = same.or_else(|| frame.columns.iter().find(|c| c.name == input.name)) else {
            absent.push(&input.name);
            continue;
        };
        if column.len() != rows {
            let got = column.len();
            return Err(MlError::data(format!("column {:?}: expected {rows} values, got {got}", column.name)));
        }
        let mut working = Working::borrowed(Cow::Borrowed(column.name.as_str()), column, source);
        match (&input.kind, &column.values) {
            (InputKind::Number { .. }, Values::Number(_)) | (InputKind::Category { .. }, Values::Category { .. }) => {}
            // A column without any value has no type of its own.
            (InputKind::Number { .. }, _) if all_missing(column) => {
                working.cells = Cells::Number(Cow::Owned(vec![f64::NAN; rows]));
            }
            (InputKind::Category { .. }, _) if all_missing(column) => {
                let (codes, levels) = (Cow::Owned(vec![MISSING; rows]), Cow::Owned(Vec::new()));
                working.cells = Cells::Word { codes, levels };
            }
            (InputKind::Number { .. }, _) => return Err(kind_error(column, "numbers", "words")),
            (InputKind::Category { .. }, _) => return Err(kind_error(column, "words", "numbers")),
        }
        if let (InputKind::Number { range: Some((low, high)) }, Some(values)) = (&input.kind, working.numbers()) {
            let outside = values.iter().filter(|v| *v < low || *v > high).count();
            count(&mut applied.out_of_range, &input.name, outside);
        }
        columns.push(working);
    }
    if let Some(first) = absent.first() {
        let known = |name: &str| inputs.iter().any(|i| i.name == name);
        let extra = frame.columns.iter().map(|c| c.name.as_str()).filter(|name| !known(name));
        let hint =
            closest(first, extra).map(|near| format!(": is {near:?} meant to be {first:?}?")).unwrap_or_default();
        let names: Vec<String> = absent.iter().map(|name| format!("{name:?}")).collect();
        return Err(MlError::data(format!("missing columns: {}{hint}", super::table::shortened(&names))));
    }
    Ok(Table { rows, columns, dropped: Vec::new() })
}

fn all_missing(column: &Column) -> bool {
    (0..column.len()).all(|r| column.is_missing(r))
}

fn kind_error(column: &Column, expected: &str, got: &str) -> MlError {
    let seen = (0..column.len()).find_map(|r| column.text(r)).unwrap_or_default();
    MlError::data(format!(
        "column {:?}: expected {expected} as in training, got {got} such as {seen:?}: set its type in `dataset.types`",
        column.name
    ))
}
