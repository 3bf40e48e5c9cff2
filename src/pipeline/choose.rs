//! Which columns a step works on: `columns:` or `except:`.

use serde::{Deserialize, Serialize};

use super::table::{Cells, Table, Working};
use crate::ml::MlError;
use crate::param::{Name, Parameter, Shape};

/// One column name or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnNames(pub Vec<Name>);

impl Parameter for ColumnNames {
    fn shape() -> Shape {
        Shape::List { item: Box::new(Shape::Text { loose: true }), at_least: 1, single: true }
    }
}

/// What a step can work on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Any,
    Numbers,
    Words,
}

impl Takes {
    fn fits(self, column: &Working<'_>) -> bool {
        match (self, &column.cells) {
            (Self::Any, _) | (Self::Numbers, Cells::Number(_)) | (Self::Words, Cells::Word { .. }) => true,
            (Self::Numbers | Self::Words, _) => false,
        }
    }
}

/// The `columns:` and `except:` of a step.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'s> {
    pub step: &'static str,
    pub columns: Option<&'s ColumnNames>,
    pub except: Option<&'s ColumnNames>,
}

impl Chosen<'_> {
    /// What can be said before there is data.
    pub fn check(&self) -> Result<(), MlError> {
        if self.columns.is_some() && self.except.is_some() {
            let problem = format!("{}: give `columns` or `except`, not both", self.step);
            return Err(MlError::parameter("except", problem));
        }
        Ok(())
    }

    /// The positions to work on, ascending: the named ones, or all but the excepted ones. Unless a column is named
    /// outright, those that the step cannot take are passed over.
    pub fn positions(&self, table: &Table<'_>, takes: Takes) -> Result<Vec<u32>, MlError> {
        self.check()?;
        let all = 0_u32..;
        if let Some(names) = self.columns {
            let mut out = self.find("columns", names, table)?;
            out.sort_unstable();
            out.dedup();
            for &position in &out {
                let column = &table.columns[position as usize];
                if !takes.fits(column) {
                    return Err(MlError::parameter("columns", self.wrong_kind(&column.name, takes)));
                }
            }
            return Ok(out);
        }
        let without = match self.except {
            Some(names) => self.find("except", names, table)?,
            None => Vec::new(),
        };
        Ok(all
            .zip(&table.columns)
            .filter(|(position, column)| !without.contains(position) && takes.fits(column))
            .map(|(position, _)| position)
            .collect())
    }

    fn find(&self, key: &'static str, names: &ColumnNames, table: &Table<'_>) -> Result<Vec<u32>, MlError> {
        let mut out = Vec::with_capacity(names.0.len());
        for Name(name) in &names.0 {
            match (0_u32..).zip(&table.columns).find(|(_, c)| c.name == name.as_str()) {
                Some((position, _)) => out.push(position),
                None if table.dropped.contains(name) => {}
                None => return Err(MlError::parameter(key, table.unknown(self.step, name))),
            }
        }
        Ok(out)
    }

    fn wrong_kind(&self, name: &str, takes: Takes) -> String {
        if takes == Takes::Words {
            format!(
                "{}: column {name:?} holds numbers: to take them as words, give it `category` in `dataset.types`",
                self.step
            )
        } else {
            format!("{}: column {name:?} holds words: put `one_hot` or `ordinal` before", self.step)
        }
    }
}
