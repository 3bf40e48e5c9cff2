//! Facts about a table: what each column holds, which columns and rows repeat others, and what the target depends on.
//! All of it is counted, in one pass over each column; opinions are the business of [`guess`](super::guess).

mod coded;
mod column;
mod marker;
mod relation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;

pub(in crate::table) use coded::Coded;
pub use column::{ColumnProfile, Kind, Looks};
pub use marker::{is_missing_marker, repeated_headers, settle};
pub use relation::{Relation, relations};

use super::correlated::pairs_above;
use super::duplicates::first_equal;
use super::frame::sort_classes;
use super::{Table, TableError};
use crate::ml::{Column, MISSING, Role, Values};

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Number of rows.
    pub rows: u64,
    /// One per column, in the order of the table.
    pub columns: Vec<ColumnProfile>,
    /// Columns that have the same value as an earlier one in every row; constant ones are left out.
    pub equal: Vec<Equal>,
}

/// A column that repeats another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Equal {
    /// Its name.
    pub column: String,
    /// The first column that it equals.
    pub to: String,
}

impl Profile {
    /// Looks at every column of a table.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        let columns: Vec<(ColumnProfile, u64)> = table.columns.par_iter().map(ColumnProfile::of).collect();
        let mut equal = Vec::new();
        for (i, (profile, hash)) in columns.iter().enumerate().filter(|(_, (p, _))| p.distinct > 1) {
            let earlier = (0..i).find(|&j| columns[j].1 == *hash && same(&table.columns[j], &table.columns[i]));
            if let Some(earlier) = earlier {
                equal.push(Equal { column: profile.name.clone(), to: columns[earlier].0.name.clone() });
            }
        }
        Self { rows: table.rows() as u64, columns: columns.into_iter().map(|(profile, _)| profile).collect(), equal }
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// Whether two columns hold the same values; missing equals missing.
fn same(a: &Column, b: &Column) -> bool {
    match (&a.values, &b.values) {
        (Values::Number(a), Values::Number(b)) => a.iter().zip(b).all(|(x, y)| x == y || (x.is_nan() && y.is_nan())),
        (Values::Category { codes: a, levels: l }, Values::Category { codes: b, levels: m }) => l == m && a == b,
        _ => false,
    }
}

/// A class and its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// As results will name it.
    pub name: String,
    /// Rows that have it.
    pub rows: u64,
    /// Rows that have it and are no copy of an earlier row.
    pub distinct_rows: u64,
    /// Training rows that have it, where the source fixes the parts; else all its rows.
    pub training_rows: u64,
}

/// How rows repeat each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Rows that repeat an earlier one in all columns of the table.
    pub whole_rows: u64,
    /// Rows that repeat an earlier one in all features and in the target.
    pub with_target: u64,
    /// Different rows of features that carry more than one class.
    pub conflicting: u64,
    /// Rows that have one of them.
    pub conflicting_rows: u64,
}

/// Counts the rows that repeat others in `features` and `target`, and the classes in the order of results. Rows without
/// a target count as no class, and are left out of all but `whole_rows`.
///
/// # Errors
/// [`TableError`] where `target` is no column of the table.
pub fn repeats(table: &Table, features: &[&str], target: &str) -> Result<(Repeats, Vec<Class>), TableError> {
    let column = table.column(target).ok_or_else(|| unknown(table, target))?;
    let rows = table.rows();
    let chosen = named(table, features);
    let coded = Coded::new(column);
    let first = first_equal(&chosen, None, rows);
    let mut keys: Vec<(usize, u32)> =
        first.iter().zip(&coded.codes).filter(|(_, c)| **c != MISSING).map(|(f, c)| (*f, *c)).collect();
    keys.par_sort_unstable();
    let mut distinct = vec![0_u64; coded.counts.len()];
    let mut training = coded.counts.clone();
    for (&role, &code) in table.roles.iter().flatten().zip(&coded.codes) {
        if role != Role::Train && code != MISSING {
            training[code as usize] -= 1;
        }
    }
    let (mut conflicting, mut conflicting_rows, mut kept) = (0, 0, 0);
    for group in keys.chunk_by(|a, b| a.0 == b.0) {
        let mut classes = 0;
        for class in group.chunk_by(|a, b| a.1 == b.1) {
            distinct[class[0].1 as usize] += 1;
            classes += 1;
        }
        kept += classes;
        if classes > 1 {
            conflicting += 1;
            conflicting_rows += group.len() as u64;
        }
    }
    let mut classes: Vec<Class> = (0..coded.counts.len())
        .filter(|&code| coded.counts[code] > 0)
        .map(|code| Class {
            name: column.text(coded.example[code]).unwrap_or_default(),
            rows: coded.counts[code],
            distinct_rows: distinct[code],
            training_rows: training[code],
        })
        .collect();
    let mut order: Vec<String> = classes.iter().map(|c| c.name.clone()).collect();
    sort_classes(&mut order);
    classes.sort_by_cached_key(|c| order.iter().position(|name| *name == c.name));
    let repeats = Repeats {
        whole_rows: repeated_rows(table),
        with_target: keys.len() as u64 - kept,
        conflicting,
        conflicting_rows,
    };
    Ok((repeats, classes))
}

/// Rows that repeat an earlier one in all columns.
#[must_use]
pub fn repeated_rows(table: &Table) -> u64 {
    let all: Vec<&Column> = table.columns.iter().collect();
    first_equal(&all, None, table.rows()).iter().enumerate().filter(|(row, first)| row != *first).count() as u64
}

/// The columns of these names, in the order of the table.
fn named<'a>(table: &'a Table, names: &[&str]) -> Vec<&'a Column> {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    table.columns.iter().filter(|c| names.contains(c.name.as_str())).collect()
}

/// The error for a column that is not there.
pub(super) fn unknown(table: &Table, name: &str) -> TableError {
    TableError::new(format!("the column {name:?} is not in the table")).suggest(name, table.names())
}

/// Most rows that correlations are computed from, and most columns that are compared with each other.
const ROWS_CORRELATED: usize = 50_000;
const COLUMNS_CORRELATED: usize = 1000;

/// Strongly correlated pairs of columns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlated {
    /// Pairs whose |r| is above the limit.
    pub pairs: u64,
    /// The limit.
    pub above: f64,
    /// Numeric columns that were compared.
    pub columns: usize,
    /// Of the rows, one in so many was looked at.
    pub every: usize,
}

/// Counts the pairs of numeric columns among `features` with a Pearson correlation beyond `above`, on evenly spaced
/// rows where there are more than 50,000. `None` for more than 1,000 columns: that would take minutes.
#[must_use]
pub fn correlated(table: &Table, features: &[&str], above: f64) -> Option<Correlated> {
    let every = table.rows().div_ceil(ROWS_CORRELATED).max(1);
    let numeric: Vec<&Vec<f64>> = named(table, features)
        .into_iter()
        .filter_map(|c| match &c.values {
            Values::Number(values) => Some(values),
            Values::Category { .. } => None,
        })
        .collect();
    if numeric.len() > COLUMNS_CORRELATED {
        return None;
    }
    let columns: Vec<Vec<f64>> = numeric.par_iter().map(|v| v.iter().step_by(every).copied().collect()).collect();
    Some(Correlated { pairs: pairs_above(columns, above), above, columns: numeric.len(), every })
}
