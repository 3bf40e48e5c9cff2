//! `derive`: columns worked out from others, row by row.

use rayon::prelude::*;

use super::super::TableError;
use super::{RowStep, Work};
use crate::expression::{Expression, Gap};
use crate::ml::{Column, Values};
use crate::param::Name;
use crate::spec::clean::Derive;

const BLOCK: usize = 4096;

impl Work<'_> {
    pub(super) fn derive(&mut self, word: &str, place: &str, p: &Derive) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        let (mut made, mut missing) = (Vec::new(), 0);
        for (name, expression) in &p.columns {
            let place = format!("{place}.{word}.{name}");
            if self.table.column(name).is_some() || !self.is_feature(name) {
                return Err(TableError::new(format!("there is a column {name:?} already"))
                    .at(place)
                    .hint("give the new column another name; `replace` and `clip` change a column in its place"));
            }
            for operand in expression.columns() {
                self.operand(operand, p, &place)?;
            }
            let (column, gaps) =
                derived(&self.table.columns, self.table.rows(), name, expression).map_err(|e| e.at(&place))?;
            missing += gaps.iter().map(|(_, n)| n).sum::<u64>();
            entry.counts.extend(gaps.into_iter().map(|(gap, n)| (format!("{} in {name}", gap_name(gap)), n)));
            made.push(column);
        }
        entry.counts.insert(0, ("missing results".into(), missing));
        let formulas: Vec<String> = p.columns.iter().map(|(name, e)| format!("{name} = {}", e.text())).collect();
        entry.note = Some(formulas.join("; "));
        self.table.columns.extend(made);
        self.replay.steps.push(RowStep::Derive { columns: p.columns.clone() });
        entry.columns_after = self.table.columns.len() as u64;
        self.ledger.push(entry);
        Ok(())
    }

    /// Refuses what no feature may be made of: columns that are not there, the target, what is kept aside.
    fn operand(&self, name: &str, p: &Derive, place: &str) -> Result<(), TableError> {
        if p.columns.contains_key(name) && self.table.column(name).is_none() {
            return Err(TableError::new(format!("column {name:?} is made by this same step"))
                .at(place)
                .hint("put its expression into a `derive` step before this one"));
        }
        self.known(&Name(name.to_owned()), place, false)?;
        if self.is_target(name) {
            return Err(TableError::new(format!(
                "{name:?} is the target: a feature made of it would give the class away"
            ))
            .at(place)
            .hint("leave it out of the expression"));
        }
        if !self.is_feature(name) {
            return Err(TableError::new(format!("column {name:?} is kept aside, so no feature is made of it"))
                .at(place)
                .hint(
                    "take it out of `dataset.keep_aside`; `drop_columns` after this step keeps it from being a feature",
                ));
        }
        Ok(())
    }
}

/// The new column, and the rows without a value by reason.
pub(super) fn derived(
    table: &[Column],
    rows: usize,
    name: &str,
    of: &Expression,
) -> Result<(Column, Vec<(Gap, u64)>), TableError> {
    let columns: Vec<&[f64]> = of
        .columns()
        .iter()
        .map(|operand| match table.iter().find(|c| c.name == *operand).map(|c| &c.values) {
            Some(Values::Number(values)) => Ok(values.as_slice()),
            _ => Err(TableError::new(format!("column {operand:?} holds words, so nothing can be worked out from it"))
                .hint("turn its words into numbers first: `replace: {columns: …, values: {…}}`")),
        })
        .collect::<Result<_, _>>()?;
    let bound = of.over(columns);
    let mut values = vec![f64::NAN; rows];
    let gaps: Vec<Vec<Gap>> = values
        .par_chunks_mut(BLOCK)
        .enumerate()
        .map(|(block, part)| {
            let mut gaps = Vec::new();
            for (i, slot) in part.iter_mut().enumerate() {
                match bound.row(block * BLOCK + i) {
                    // One zero, so that equal values have equal bits.
                    Ok(value) => *slot = value + 0.0,
                    Err(gap) => gaps.push(gap),
                }
            }
            gaps
        })
        .collect();
    let reasons = [Gap::Missing, Gap::DivisionByZero, Gap::NegativeRoot, Gap::Logarithm, Gap::Overflow];
    let count = |reason: Gap| gaps.iter().flatten().filter(|gap| **gap == reason).count() as u64;
    let counts = reasons.into_iter().map(|reason| (reason, count(reason))).filter(|(_, n)| *n > 0).collect();
    Ok((Column::number(name, values), counts))
}

/// How the ledger calls rows without a value.
fn gap_name(gap: Gap) -> &'static str {
    match gap {
        Gap::Missing => "rows with a missing operand",
        Gap::DivisionByZero => "divisions by zero",
        Gap::NegativeRoot => "roots of numbers below 0",
        Gap::Logarithm => "log1p of numbers not above -1",
        Gap::Overflow => "results too large for a number",
    }
}
