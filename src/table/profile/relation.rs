//! How a column and the target depend on each other.

use rayon::prelude::*;
use serde::Serialize;

use super::{Coded, unknown};
use crate::ml::MISSING;
use crate::table::{Table, TableError};

/// How far one column tells the target, and the target the column. A missing value of the column is a value like any
/// other; rows without a target do not count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relation {
    /// The column.
    pub column: String,
    /// Its different values on these rows.
    pub values: u64,
    /// Rows with equal values of the column always have the same target. That says little where nearly every row has
    /// a value of its own.
    pub determines: bool,
    /// Rows with the same target always have the same value.
    pub follows: bool,
    /// Share of the rows that are right when every value predicts its most frequent class; `None` where there are too
    /// many values for the figure to mean anything.
    pub accuracy: Option<f64>,
}

/// Most cells of a table of values and classes.
const CELLS: usize = 1 << 21;

/// The relation of every other column to `target`.
///
/// # Errors
/// [`TableError`] where `target` is no column of the table.
pub fn relations(table: &Table, target: &str) -> Result<Vec<Relation>, TableError> {
    let classes = Coded::new(table.column(target).ok_or_else(|| unknown(table, target))?);
    Ok(table
        .columns
        .par_iter()
        .filter(|column| column.name != target)
        .map(|column| relation(&column.name, &Coded::new(column), &classes))
        .collect())
}

fn relation(name: &str, values: &Coded, classes: &Coded) -> Relation {
    // A code of its own for the missing value.
    let absent = values.counts.len();
    let code = |c: u32| if c == MISSING { absent } else { c as usize };
    let pairs = || values.codes.iter().zip(&classes.codes).filter(|(_, t)| **t != MISSING).map(|(v, t)| (code(*v), *t));
    let mut class_of = vec![MISSING; absent + 1];
    let mut value_of = vec![usize::MAX; classes.counts.len()];
    let (mut determines, mut follows, mut rows) = (true, true, 0_u64);
    for (value, class) in pairs() {
        rows += 1;
        match class_of[value] {
            MISSING => class_of[value] = class,
            known => determines = determines && known == class,
        }
        match value_of[class as usize] {
            usize::MAX => value_of[class as usize] = value,
            known => follows = follows && known == value,
        }
    }
    let distinct = class_of.iter().filter(|c| **c != MISSING).count();
    let width = classes.counts.len();
    let meaningful = rows > 0 && distinct as u64 * 10 <= rows && (absent + 1).saturating_mul(width) <= CELLS;
    let accuracy = meaningful.then(|| {
        let mut counts = vec![0_u32; (absent + 1) * width];
        pairs().for_each(|(value, class)| counts[value * width + class as usize] += 1);
        let right: u64 = counts.chunks_exact(width).map(|c| u64::from(c.iter().copied().max().unwrap_or(0))).sum();
        right as f64 / rows as f64
    });
    Relation { column: name.to_owned(), values: distinct as u64, determines, follows, accuracy }
}
