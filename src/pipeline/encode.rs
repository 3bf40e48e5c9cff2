//! `one_hot` and `ordinal`: words become numbers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::table::{Cells, Table, Working, each, inconsistent};
use super::{Applied, count};
use crate::ml::{MISSING, MlError};
use crate::param::{Range, parameters};

parameters! {
    /// Replaces a column of words by one 0/1 column per word seen in training, named `column=word`, in sorted order
    /// (scikit-learn's `OneHotEncoder(handle_unknown="ignore")`). A word that training has not seen gets all zeros
    /// and is counted.
    pub struct OneHot {
        /// Columns to encode; left out, all columns of words.
        columns: Option<ColumnNames> = None;
        /// Columns not to encode, instead of `columns`.
        except: Option<ColumnNames> = None;
        /// Most words that a column may have: more is an error, since such a column is rather an identifier.
        max_levels: usize = 1000, within Range::at_least(1.0);
    }
}

parameters! {
    /// Replaces every word by its number, from 0, in the sorted order of the words seen in training (scikit-learn's
    /// `OrdinalEncoder`). A word that training has not seen gets -1 and is counted; missing stays missing.
    pub struct Ordinal {
        /// Columns to encode; left out, all columns of words.
        columns: Option<ColumnNames> = None;
        /// Columns not to encode, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// A column of words and the words seen in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodedColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// Distinct words of the training rows, sorted.
    pub levels: Vec<String>,
}

/// A fitted `one_hot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOneHot {
    /// One entry per encoded column, by position.
    pub columns: Vec<EncodedColumn>,
}

/// A fitted `ordinal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOrdinal {
    /// One entry per encoded column, by position.
    pub columns: Vec<EncodedColumn>,
}

/// The words that occur and how often, in the order of `levels`.
pub(super) fn level_counts<'l>(codes: &[u32], levels: &'l [String]) -> Vec<(&'l str, usize)> {
    let mut counts = vec![0_usize; levels.len()];
    for &code in codes.iter().filter(|&&c| c != MISSING) {
        if let Some(n) = counts.get_mut(code as usize) {
            *n += 1;
        }
    }
    levels.iter().map(String::as_str).zip(counts).filter(|(_, n)| *n > 0).collect()
}

fn fit(chosen: &Chosen<'_>, table: &Table<'_>) -> Result<Vec<EncodedColumn>, MlError> {
    let positions = chosen.positions(table, Takes::Words)?;
    Ok(each(table.rows, &positions, |&position| {
        let column = &table.columns[position as usize];
        let mut levels: Vec<String> = match &column.cells {
            Cells::Word { codes, levels } => {
                level_counts(codes, levels).into_iter().map(|(l, _)| l.to_owned()).collect()
            }
            _ => Vec::new(),
        };
        levels.sort_unstable();
        EncodedColumn { position, name: column.name.to_string(), levels }
    }))
}

impl EncodedColumn {
    /// For each word of `levels` its index among the words of training, `None` for a new one.
    fn indices(&self, levels: &[String]) -> Vec<Option<u32>> {
        levels.iter().map(|level| self.levels.binary_search(level).ok().map(|i| i as u32)).collect()
    }

    /// What the word of each row is among those of training; unknown ones are counted.
    fn encode(&self, codes: &[u32], levels: &[String], applied: &mut Applied) -> Vec<Code> {
        let indices = self.indices(levels);
        let mut unknown = 0;
        let out = codes
            .iter()
            .map(|&code| match indices.get(code as usize) {
                Some(Some(index)) => Code::Known(*index),
                Some(None) => {
                    unknown += 1;
                    Code::Unknown
                }
                None => Code::Missing,
            })
            .collect();
        count(&mut applied.unknown_categories, &self.name, unknown);
        out
    }
}

/// What a row's word is to the encoder.
#[derive(Clone, Copy, PartialEq)]
enum Code {
    Known(u32),
    Unknown,
    Missing,
}

impl OneHot {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "one_hot", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedOneHot, MlError> {
        let columns = fit(&self.chosen(), table)?;
        for column in &columns {
            if column.levels.len() > self.max_levels {
                return Err(MlError::parameter(
                    "max_levels",
                    format!(
                        "one_hot: column {:?} has {} different words, at most {} are allowed: drop it, use `ordinal` \
                         for it, or raise the limit",
                        column.name,
                        column.levels.len(),
                        self.max_levels
                    ),
                ));
            }
        }
        Ok(FittedOneHot { columns })
    }
}

impl FittedOneHot {
    pub(super) fn apply<'a>(&self, table: &mut Table<'a>, applied: &mut Applied) -> Result<(), MlError> {
        let mut out: Vec<Working<'a>> = Vec::with_capacity(table.columns.len());
        let mut next = self.columns.iter().peekable();
        for (position, column) in (0_u32..).zip(std::mem::take(&mut table.columns)) {
            let Some(encoded) = next.next_if(|e| e.position == position) else {
                out.push(column);
                continue;
            };
            let codes = match &column.cells {
                Cells::Word { codes, levels } => Some(encoded.encode(codes, levels, applied)),
                Cells::Absent => None,
                Cells::Number(_) => return Err(inconsistent()),
            };
            let missing = codes.iter().flatten().filter(|c| **c == Code::Missing).count();
            if missing > 0 {
                return Err(MlError::data(format!(
                    "one_hot: column {:?} has {missing} missing values: put `impute` before `one_hot`",
                    column.name
                )));
            }
            for (index, level) in (0_u32..).zip(&encoded.levels) {
                let cells = codes.as_ref().map_or(Cells::Absent, |codes| {
                    let hot = codes.iter().map(|&c| if c == Code::Known(index) { 1.0 } else { 0.0 });
                    Cells::Number(Cow::Owned(hot.collect()))
                });
                let name = Cow::Owned(format!("{}={level}", encoded.name));
                out.push(Working { name, cells, sources: column.sources.clone() });
            }
        }
        if next.next().is_some() {
            return Err(inconsistent());
        }
        table.columns = out;
        Ok(())
    }
}

impl Ordinal {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "ordinal", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedOrdinal, MlError> {
        Ok(FittedOrdinal { columns: fit(&self.chosen(), table)? })
    }
}

impl FittedOrdinal {
    pub(super) fn apply(&self, table: &mut Table<'_>, applied: &mut Applied) -> Result<(), MlError> {
        for encoded in &self.columns {
            let column = table.at(encoded.position)?;
            let values = match &column.cells {
                Cells::Word { codes, levels } => encoded
                    .encode(codes, levels, applied)
                    .into_iter()
                    .map(|code| match code {
                        Code::Known(index) => f64::from(index),
                        Code::Unknown => -1.0,
                        Code::Missing => f64::NAN,
                    })
                    .collect(),
                Cells::Absent => continue,
                Cells::Number(_) => return Err(inconsistent()),
            };
            column.cells = Cells::Number(Cow::Owned(values));
        }
        Ok(())
    }
}
