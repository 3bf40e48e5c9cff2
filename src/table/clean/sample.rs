//! `sample`: randomly drawn rows, of all or of each class.

use std::collections::BTreeMap;

use super::super::{Table, TableError};
use super::Work;
use crate::digest::Seed;
use crate::ml::random::Rng;
use crate::ml::{LedgerEntry, Role};
use crate::spec::clean::SampleRows;
use crate::spec::dataset::{DatasetSpec, TrainOn};

impl Work<'_> {
    pub(super) fn sample(&mut self, word: &str, place: &str, p: &SampleRows) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        let (kept, gone) = sampled(&self.table, self.dataset.target.as_ref().map(|t| t.0.as_str()), p);
        let size = p.n.map_or_else(|| format!("fraction: {}", p.fraction.unwrap_or(1.0)), |n| format!("n: {n}"));
        entry.note = Some(format!("{size}{}", if p.per_class { ", per class" } else { "" }));
        entry.counts.extend(gone.iter().map(|(class, rows)| (count_name(class), *rows)));
        self.keep_rows(entry, place, &kept)
    }
}

/// The rows that stay, ascending, and how many of each class went. Where roles are fixed, only training rows go.
fn sampled(table: &Table, target: Option<&str>, p: &SampleRows) -> (Vec<usize>, BTreeMap<String, u64>) {
    let thinned = |row: &usize| table.roles.as_ref().is_none_or(|roles| roles[*row] == Role::Train);
    let column = target.and_then(|t| table.column(t));
    let class = |row: usize| column.and_then(|c| c.text(row)).unwrap_or_default();
    let mut drawn_from: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in (0..table.rows()).filter(thinned) {
        drawn_from.entry(if p.per_class { class(row) } else { String::new() }).or_default().push(row);
    }
    let seed = Seed::new(p.seed.unwrap_or_default());
    let mut kept: Vec<usize> = (0..table.rows()).filter(|row| !thinned(row)).collect();
    let mut gone: BTreeMap<String, u64> = BTreeMap::new();
    for (name, mut rows) in drawn_from {
        let wanted = match (p.n, p.fraction) {
            (Some(n), _) => n,
            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // a share of the rows
            (None, Some(share)) => ((share * rows.len() as f64).round_ties_even() as usize).max(1),
            (None, None) => rows.len(),
        };
        Rng::new(if p.per_class { seed.child(&name) } else { seed }).shuffle(&mut rows);
        let rest = rows.split_off(wanted.min(rows.len()));
        kept.extend(rows);
        for row in rest {
            *gone.entry(class(row)).or_default() += 1;
        }
    }
    kept.sort_unstable();
    (kept, gone)
}

const BEFORE: &str = "rows of ";
const AFTER: &str = " dropped";

/// The name under which the ledger counts the rows of a class that went.
fn count_name(class: &str) -> String {
    format!("{BEFORE}{class}{AFTER}")
}

/// Rows that `sample` dropped, by the class (or group) that the models learn, read off the ledger of `clean`.
#[must_use]
pub fn sampled_away(ledger: &[LedgerEntry], dataset: &DatasetSpec) -> BTreeMap<String, u64> {
    let learnt = |class: &str| match dataset.train_on {
        TrainOn::Target => Some(class.to_owned()),
        TrainOn::Group => {
            dataset.groups.iter().find(|(_, classes)| classes.iter().any(|c| c.0 == class)).map(|(g, _)| g.clone())
        }
    };
    let mut out = BTreeMap::new();
    for (name, rows) in ledger.iter().filter(|entry| entry.step == "sample").flat_map(|entry| &entry.counts) {
        let class = name.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
        if let Some(class) = class.and_then(learnt) {
            *out.entry(class).or_default() += rows;
        }
    }
    out
}
