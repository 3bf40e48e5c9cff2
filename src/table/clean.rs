//! The steps of `clean:`, in order, and the ledger of what they did.

mod derive;
mod replay;
#[cfg(test)]
mod replay_tests;
mod sample;
#[cfg(test)]
mod value_tests;
mod values;

use rayon::prelude::*;

use super::correlated::correlated;
use super::duplicates::first_of_each;
use super::error::count;
use super::frame::{frame, with_target};
use super::{Table, TableError};
use crate::ml::{Code, Frame, LedgerEntry, Role, Values, Warning};
use crate::param::Name;
use crate::spec::dataset::{CleanStep, DatasetSpec, DropCorrelated, Missing};

pub use replay::{Replay, RowStep};
pub use sample::sampled_away;

/// Does `dataset.missing`, then `steps` in order, and builds the frame. With separate test files, choices about columns
/// come from the training rows only, and row steps look at each part by itself.
///
/// # Errors
/// [`TableError`] at the step (`clean.0`) for unknown columns, or where no row, no feature or only one class is left;
/// at `dataset…` for what the frame refuses: missing labels, classes in no group.
pub fn clean(
    table: Table,
    dataset: &DatasetSpec,
    steps: &[CleanStep],
) -> Result<(Frame, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    clean_with_replay(table, dataset, steps).map(|(frame, ledger, warnings, _)| (frame, ledger, warnings))
}

/// The same, and what was done to the values of a row, for rows that come later.
///
/// # Errors
/// As [`clean`].
pub fn clean_with_replay(
    table: Table,
    dataset: &DatasetSpec,
    steps: &[CleanStep],
) -> Result<(Frame, Vec<LedgerEntry>, Vec<Warning>, Replay), TableError> {
    let dataset = &*with_target(dataset, &table)?;
    let replay = Replay::default();
    let mut work =
        Work { classes: 0, table, dataset, gone: Vec::new(), ledger: Vec::new(), warnings: Vec::new(), replay };
    work.classes = work.count_classes();
    if dataset.missing == Missing::Drop {
        let columns = work.looked_at();
        work.drop_missing("missing", "dataset.missing", &columns, None)?;
    }
    for (i, step) in steps.iter().enumerate() {
        work.step(step, &format!("clean.{i}"))?;
    }
    let Work { table, ledger, mut warnings, replay, .. } = work;
    let (frame, more) = frame(table, dataset)?;
    warnings.extend(more);
    Ok((frame, ledger, warnings, replay))
}

struct Work<'a> {
    table: Table,
    dataset: &'a DatasetSpec,
    /// Columns dropped so far, and the step that did it.
    gone: Vec<(String, String)>,
    ledger: Vec<LedgerEntry>,
    warnings: Vec<Warning>,
    /// Classes among the rows that may be learnt from.
    classes: usize,
    /// What was done to the values of every row.
    replay: Replay,
}

impl Work<'_> {
    fn step(&mut self, step: &CleanStep, place: &str) -> Result<(), TableError> {
        let word = step.word();
        match step {
            CleanStep::DropColumns(p) => {
                for name in &p.columns.0 {
                    self.known(name, place, false)?;
                    if self.is_target(&name.0) {
                        return Err(TableError::new(format!("the target column {:?} cannot be dropped", name.0))
                            .at(place)
                            .hint("take it out of the list"));
                    }
                }
                self.drop_columns(word, place, None, |c| p.columns.0.iter().any(|n| n.0 == c))
            }
            CleanStep::KeepColumns(p) => {
                for name in &p.columns.0 {
                    self.known(name, place, false)?;
                    if !self.is_feature(&name.0) {
                        let what = if self.is_target(&name.0) { "the target" } else { "kept aside" };
                        return Err(TableError::new(format!("column {:?} is {what}, so it is no feature", name.0))
                            .at(place)
                            .hint("name features only; the target and the columns kept aside stay anyway"));
                    }
                }
                let features: Vec<String> = self.features();
                self.drop_columns(word, place, None, |c| {
                    features.iter().any(|f| f == c) && !p.columns.0.iter().any(|n| n.0 == c)
                })
            }
            CleanStep::DropCorrelated(p) => self.drop_correlated(word, place, p),
            CleanStep::Round(p) => {
                self.round(word, p.decimals);
                Ok(())
            }
            CleanStep::DropDuplicates(p) => {
                for name in &p.except {
                    self.known(name, place, true)?;
                }
                self.drop_duplicates(word, place, &p.except)
            }
            CleanStep::DropMissing(p) => {
                let columns = match &p.columns {
                    None => self.looked_at(),
                    Some(names) => {
                        for name in &names.0 {
                            self.known(name, place, false)?;
                        }
                        names.0.iter().map(|n| n.0.clone()).collect()
                    }
                };
                let note = p.columns.as_ref().map(|_| format!("columns: {}", columns.join(", ")));
                self.drop_missing(word, place, &columns, note)
            }
            CleanStep::Sample(p) => self.sample(word, place, p),
            CleanStep::Replace(p) => self.replace(word, place, p),
            CleanStep::Clip(p) => self.clip(word, place, p),
            CleanStep::Derive(p) => self.derive(word, place, p),
        }
    }

    fn is_target(&self, name: &str) -> bool {
        self.dataset.target.as_ref().is_some_and(|t| t.0 == name)
    }

    fn is_feature(&self, name: &str) -> bool {
        !self.is_target(name) && !self.dataset.keep_aside.iter().any(|n| n.0 == name)
    }

    fn features(&self) -> Vec<String> {
        self.table.names().filter(|n| self.is_feature(n)).map(str::to_owned).collect()
    }

    /// The features and the target.
    fn looked_at(&self) -> Vec<String> {
        self.table.names().filter(|n| self.is_feature(n) || self.is_target(n)).map(str::to_owned).collect()
    }

    /// Refuses a name that is no column (or, unless `gone_is_fine`, no longer one).
    fn known(&self, name: &Name, place: &str, gone_is_fine: bool) -> Result<(), TableError> {
        if self.table.column(&name.0).is_some() {
            return Ok(());
        }
        match self.gone.iter().find(|(gone, _)| *gone == name.0) {
            Some(_) if gone_is_fine => Ok(()),
            Some((_, step)) => Err(TableError::new(format!("column {:?} is gone: {step} dropped it", name.0))
                .at(place)
                .hint("take it out of this step, or put this step before that one")),
            None => Err(TableError::new(format!("column {:?} is not in the table", name.0))
                .at(place)
                .suggest(&name.0, self.table.names())),
        }
    }

    fn entry(&self, word: &str) -> LedgerEntry {
        LedgerEntry::unchanged(word, self.table.rows(), self.table.columns.len())
    }

    fn drop_columns(
        &mut self,
        word: &str,
        place: &str,
        note: Option<String>,
        goes: impl Fn(&str) -> bool,
    ) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        entry.dropped_columns = self.table.names().filter(|n| goes(n)).map(str::to_owned).collect();
        self.table.columns.retain(|c| !goes(&c.name));
        entry.columns_after = self.table.columns.len() as u64;
        entry.note = note;
        self.gone.extend(entry.dropped_columns.iter().map(|n| (n.clone(), format!("{place} ({word})"))));
        let dropped = entry.dropped_columns.len();
        self.replay.steps.push(RowStep::Drop { columns: entry.dropped_columns.clone() });
        self.ledger.push(entry);
        if self.features().is_empty() {
            return Err(TableError::new(format!("no feature is left: {word} dropped {}", count(dropped, "column")))
                .at(place)
                .hint("leave at least one feature"));
        }
        Ok(())
    }

    /// The rows that choices are made on where the files fix the parts: those of training.
    fn learnt(&self) -> Option<Vec<usize>> {
        self.table.roles.as_ref().map(|roles| (0..roles.len()).filter(|&r| roles[r] == Role::Train).collect())
    }

    fn drop_correlated(&mut self, word: &str, place: &str, p: &DropCorrelated) -> Result<(), TableError> {
        let learnt = self.learnt();
        let mut names = Vec::new();
        let mut numbers = Vec::new();
        for column in self.table.columns.iter().filter(|c| self.is_feature(&c.name)) {
            if let Values::Number(v) = &column.values {
                names.push(column.name.clone());
                numbers.push(learnt.as_ref().map_or_else(|| v.clone(), |rows| rows.iter().map(|&r| v[r]).collect()));
            }
        }
        let dropped: Vec<&String> = correlated(numbers, p.above, p.absolute).into_iter().map(|i| &names[i]).collect();
        if learnt.is_none() {
            let message = format!(
                "drop_correlated chose {} to drop by looking at all rows, test rows included",
                count(dropped.len(), "column")
            );
            self.warnings.push(Warning::new(Code::S03, message).at(place));
        }
        let note = format!("above {}{}", p.above, if p.absolute { ", absolute" } else { "" });
        self.drop_columns(word, place, Some(note), |c| dropped.iter().any(|d| *d == c))
    }

    fn round(&mut self, word: &str, decimals: usize) {
        let mut entry = self.entry(word);
        let features = self.features();
        let changed: u64 = self
            .table
            .columns
            .par_iter_mut()
            .filter(|c| Table::is_numeric(c) && features.contains(&c.name))
            .map(|c| if let Values::Number(values) = &mut c.values { values::round(values, decimals) } else { 0 })
            .sum();
        let numeric = self.table.columns.iter().filter(|c| Table::is_numeric(c) && features.contains(&c.name));
        self.replay.steps.push(RowStep::Round { columns: numeric.map(|c| c.name.clone()).collect(), decimals });
        entry.note = Some(format!("decimals: {decimals}"));
        entry.counts.push(("rounded cells".into(), changed));
        self.ledger.push(entry);
    }

    fn drop_duplicates(&mut self, word: &str, place: &str, except: &[Name]) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        let compared: Vec<_> = self.table.columns.iter().filter(|c| !except.iter().any(|n| n.0 == c.name)).collect();
        if compared.is_empty() {
            return Err(TableError::new("no column is left to compare").at(place).hint("except fewer columns"));
        }
        entry.note = Some(format!("compared: {}", count(compared.len(), "column")));
        let kept = first_of_each(&compared, self.table.roles.as_deref(), self.table.rows());
        self.keep_rows(entry, place, &kept)
    }

    fn drop_missing(
        &mut self,
        word: &str,
        place: &str,
        columns: &[String],
        note: Option<String>,
    ) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        entry.note = note;
        let mut keep = vec![true; self.table.rows()];
        for column in self.table.columns.iter().filter(|c| columns.contains(&c.name)) {
            let mut missing = 0;
            for (row, keep) in keep.iter_mut().enumerate() {
                if column.is_missing(row) {
                    *keep = false;
                    missing += 1;
                }
            }
            if missing > 0 {
                entry.counts.push((format!("rows without {}", column.name), missing));
            }
        }
        let kept: Vec<usize> = (0..keep.len()).filter(|&r| keep[r]).collect();
        self.keep_rows(entry, place, &kept)
    }

    /// Keeps `rows`; refuses a step that leaves nothing to learn from.
    fn keep_rows(&mut self, mut entry: LedgerEntry, place: &str, rows: &[usize]) -> Result<(), TableError> {
        let word = entry.step.clone();
        let before = self.table.rows();
        let parts_before = self.rows_by_role();
        let worst = entry.counts.iter().max_by_key(|(_, n)| *n).map(|(what, n)| format!("{n} {what}"));
        if rows.len() < before {
            self.table = self.table.take(rows);
        }
        entry.rows_after = rows.len() as u64;
        if let (Some(before), Some(after)) = (&parts_before, self.rows_by_role()) {
            for ((role, b), (_, a)) in before.iter().zip(&after).filter(|((_, b), _)| *b > 0) {
                entry.counts.push((format!("{} rows dropped", role.word()), (b - a) as u64));
            }
        }
        self.ledger.push(entry);
        let emptied = if rows.is_empty() {
            Some(String::new())
        } else {
            let after = self.rows_by_role().unwrap_or_default();
            let lost =
                |(b, a): (&(Role, usize), &(Role, usize))| (b.1 > 0 && a.1 == 0).then(|| format!("{} ", a.0.word()));
            parts_before.unwrap_or_default().iter().zip(&after).find_map(lost)
        };
        if let Some(part) = emptied {
            let mut error =
                TableError::new(format!("no {part}row is left: {word} dropped the last of {}", count(before, "row")))
                    .at(place);
            if let Some(worst) = worst {
                error = error.hint(format!("there are {worst}: drop that column, or keep the rows and impute"));
            }
            return Err(error.hint(keep_more(&word)));
        }
        let classes = self.count_classes();
        if classes < 2 && self.classes >= 2 {
            return Err(TableError::new(format!(
                "only one class is left of {}: {word} dropped all rows of the others",
                self.classes
            ))
            .at(place)
            .hint(keep_more(&word)));
        }
        self.classes = classes;
        Ok(())
    }

    fn rows_by_role(&self) -> Option<Vec<(Role, usize)>> {
        self.table.roles.as_ref().map(|roles| {
            [Role::Train, Role::Validation, Role::Test]
                .into_iter()
                .map(|role| (role, roles.iter().filter(|r| **r == role).count()))
                .collect()
        })
    }

    /// Classes among the training rows, or among all rows where roles are not fixed.
    fn count_classes(&self) -> usize {
        let Some(target) = self.dataset.target.as_ref().and_then(|t| self.table.column(&t.0)) else { return 0 };
        let learnt = |row: &usize| self.table.roles.as_ref().is_none_or(|r| r[*row] == Role::Train);
        let rows = (0..target.len()).filter(learnt).filter(|&r| !target.is_missing(r));
        match &target.values {
            Values::Category { codes, levels } => {
                let mut seen = vec![false; levels.len()];
                rows.for_each(|r| seen[codes[r] as usize] = true);
                seen.into_iter().filter(|s| *s).count()
            }
            Values::Number(v) => {
                let mut seen: Vec<u64> = rows.map(|r| (v[r] + 0.0).to_bits()).collect();
                seen.sort_unstable();
                seen.dedup();
                seen.len()
            }
        }
    }
}

/// The next move where a step left too few rows.
fn keep_more(word: &str) -> &'static str {
    match word {
        "sample" => "keep more rows, or draw them from each class: `per_class: true`",
        _ => "see which columns the step looks at, and take it out if need be",
    }
}

#[cfg(test)]
#[path = "clean_tests.rs"]
mod tests;
