//! The table that the steps work on: columns of equal length, borrowed from the frame until a step changes them.

use std::borrow::Cow;

use ndarray::Array2;
use rayon::prelude::*;

use crate::ml::{Column, Frame, MISSING, MlError, Values};
use crate::param::closest;

/// The values of one working column.
#[derive(Clone, Debug)]
pub(super) enum Cells<'a> {
    /// Numbers; NaN is missing.
    Number(Cow<'a, [f64]>),
    /// Words: `codes[i]` indexes `levels` (in any order), [`MISSING`] is missing.
    Word {
        /// One per row.
        codes: Cow<'a, [u32]>,
        /// Distinct words.
        levels: Cow<'a, [String]>,
    },
    /// No feature is made of this column, so it is not worked out.
    Absent,
}

/// One working column.
#[derive(Clone, Debug)]
pub(super) struct Working<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its values.
    pub cells: Cells<'a>,
    /// The input columns that it is made of, ascending.
    pub sources: Vec<u32>,
}

impl<'a> Working<'a> {
    /// A column of the frame.
    pub fn borrowed(name: Cow<'a, str>, column: &'a Column, source: u32) -> Self {
        let cells = match &column.values {
            Values::Number(v) => Cells::Number(Cow::Borrowed(v)),
            Values::Category { codes, levels } => {
                Cells::Word { codes: Cow::Borrowed(codes), levels: Cow::Borrowed(levels) }
            }
        };
        Self { name, cells, sources: vec![source] }
    }

    /// How many values are missing.
    pub fn missing(&self) -> usize {
        match &self.cells {
            Cells::Number(v) => v.iter().filter(|x| x.is_nan()).count(),
            Cells::Word { codes, .. } => codes.iter().filter(|&&c| c == MISSING).count(),
            Cells::Absent => 0,
        }
    }

    /// The numbers, if it holds numbers.
    pub fn numbers(&self) -> Option<&[f64]> {
        match &self.cells {
            Cells::Number(v) => Some(v),
            _ => None,
        }
    }
}

/// The working table.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Columns in order.
    pub columns: Vec<Working<'a>>,
    /// Names of the columns that a step has dropped because of what training showed: naming one later is no error.
    pub dropped: Vec<String>,
}

/// Below this many cells the work stays on the calling thread, so that scoring one row costs no hand-over.
const PARALLEL_FROM: usize = 1 << 15;

/// Makes one value of every item, in order; on all threads where there are enough `rows` to pay.
pub(super) fn each<T: Sync, R: Send>(rows: usize, items: &[T], make: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    if rows.saturating_mul(items.len()) < PARALLEL_FROM {
        items.iter().map(make).collect()
    } else {
        items.par_iter().map(make).collect()
    }
}

impl<'a> Table<'a> {
    /// All columns of a frame.
    ///
    /// # Errors
    /// [`MlError::Data`] for a column of another length, or two of one name.
    pub fn of(frame: &'a Frame) -> Result<Self, MlError> {
        let rows = frame.rows();
        let mut columns = Vec::with_capacity(frame.columns.len());
        for (source, column) in (0_u32..).zip(&frame.columns) {
            if column.len() != rows {
                return Err(MlError::data(format!(
                    "column {:?}: expected {rows} values, got {}",
                    column.name,
                    column.len()
                )));
            }
            columns.push(Working::borrowed(Cow::Borrowed(column.name.as_str()), column, source));
        }
        let table = Self { rows, columns, dropped: Vec::new() };
        table.check_names()?;
        Ok(table)
    }

    /// Refuses two columns of one name.
    pub fn check_names(&self) -> Result<(), MlError> {
        let mut names: Vec<&str> = self.columns.iter().map(|c| &*c.name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MlError::data(format!("two columns are named {:?}: rename or drop one", pair[0]))),
            None => Ok(()),
        }
    }

    /// The column at a position that a fitted step remembers.
    pub fn at(&mut self, position: u32) -> Result<&mut Working<'a>, MlError> {
        self.columns.get_mut(position as usize).ok_or_else(inconsistent)
    }

    /// Drops the columns at `positions` (ascending).
    pub fn remove(&mut self, positions: &[u32]) -> Result<(), MlError> {
        if positions.iter().any(|&p| p as usize >= self.columns.len()) {
            return Err(inconsistent());
        }
        let mut position = 0_u32;
        let dropped = &mut self.dropped;
        self.columns.retain(|column| {
            let drop = positions.binary_search(&position).is_ok();
            position += 1;
            if drop {
                dropped.push(column.name.to_string());
            }
            !drop
        });
        Ok(())
    }

    /// The hint for a name that is not here.
    pub fn unknown(&self, step: &str, name: &str) -> String {
        match closest(name, self.columns.iter().map(|c| &*c.name)) {
            Some(near) => format!("{step}: no column {name:?} here: did you mean {near:?}?"),
            None => format!("{step}: no column {name:?} among the {} columns here", self.columns.len()),
        }
    }

    /// Refuses what no model can take: words, missing values, numbers that overflowed, no column at all.
    /// `only` limits the check to some columns; `before` names the step that needs it.
    pub fn check_numeric(&self, before: &str, only: Option<&[u32]>) -> Result<(), MlError> {
        let positions: Vec<usize> = match only {
            Some(some) => some.iter().map(|&p| p as usize).collect(),
            None => (0..self.columns.len()).collect(),
        };
        let columns: Vec<&Working<'_>> = positions.iter().filter_map(|&p| self.columns.get(p)).collect();
        if columns.is_empty() {
            return Err(MlError::data(format!("no column is left {before}: keep at least one feature")));
        }
        let words: Vec<String> =
            columns.iter().filter(|c| matches!(c.cells, Cells::Word { .. })).map(|c| format!("{:?}", c.name)).collect();
        if !words.is_empty() {
            return Err(MlError::data(format!(
                "columns of words are left {before}: {}: add `one_hot` or `ordinal` to `prepare`, or drop them",
                shortened(&words)
            )));
        }
        let counts = each(self.rows, &columns, |c| (c.missing(), c.numbers().and_then(first_infinite)));
        let missing: Vec<String> = columns
            .iter()
            .zip(&counts)
            .filter(|(_, (n, _))| *n > 0)
            .map(|(c, (n, _))| format!("{:?} ({n})", c.name))
            .collect();
        if !missing.is_empty() {
            return Err(MlError::data(format!(
                "missing values are left {before}: {}: add `impute` to `prepare`, or drop those rows",
                shortened(&missing)
            )));
        }
        match columns.iter().zip(&counts).find_map(|(c, (_, infinite))| infinite.map(|row| (c, row))) {
            Some((column, row)) => Err(MlError::data(format!(
                "column {:?}, row {row}: the prepared value is too large for a number",
                column.name
            ))),
            None => Ok(()),
        }
    }

    /// The columns at `positions` as a row-major matrix; a column of words is all missing (call
    /// [`Table::check_numeric`] first).
    pub fn matrix(&self, positions: &[u32]) -> Array2<f64> {
        let columns: Vec<Option<&[f64]>> =
            positions.iter().map(|&p| self.columns.get(p as usize).and_then(Working::numbers)).collect();
        let width = columns.len();
        let mut out = vec![f64::NAN; self.rows * width];
        const BLOCK: usize = 256;
        let fill = |(block, part): (usize, &mut [f64])| {
            let from = block * BLOCK;
            for (j, column) in columns.iter().enumerate() {
                let Some(values) = column else { continue };
                let values = values.get(from..).unwrap_or_default();
                for (row, &value) in part.chunks_exact_mut(width).zip(values) {
                    row[j] = value;
                }
            }
        };
        if width == 0 {
            return Array2::zeros((self.rows, 0));
        }
        if out.len() < PARALLEL_FROM {
            out.chunks_mut(BLOCK * width).enumerate().for_each(fill);
        } else {
            out.par_chunks_mut(BLOCK * width).enumerate().for_each(fill);
        }
        Array2::from_shape_vec((self.rows, width), out).unwrap_or_else(|_| Array2::zeros((0, width)))
    }
}

/// A fitted step that does not fit its own pipeline: stored bytes were changed.
pub(super) fn inconsistent() -> MlError {
    MlError::data("the stored pipeline contradicts itself: fit it again")
}

fn first_infinite(values: &[f64]) -> Option<usize> {
    values.iter().position(|v| v.is_infinite())
}

/// The first eight of a list.
pub(super) fn shortened(items: &[String]) -> String {
    const SHOWN: usize = 8;
    let head = items[..items.len().min(SHOWN)].join(", ");
    if items.len() > SHOWN { format!("{head} and {} more", items.len() - SHOWN) } else { head }
}
