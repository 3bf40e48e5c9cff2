//! What the columns of a table seem to be: a target, features, and columns that must not be features. Guesses, each with
//! its reason, from the names that the usual data sets use and from what [`profile`](super::profile) counted.

mod aside;
mod groups;
mod names;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

pub use aside::Reason;
pub use groups::Groups;
pub use target::{Candidate, Chosen};

use super::profile::{Class, ColumnProfile, Kind, Profile, Relation, Repeats, relations, repeats};
use super::{Table, TableError};
use names::{Says, fold, says};

/// A column that should not be a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// Its name.
    pub column: String,
    /// Why not.
    pub reason: Reason,
}

/// What a table seems to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guess {
    /// The column that holds the class.
    pub target: Chosen,
    /// Its classes, in the order of results.
    pub classes: Vec<Class>,
    /// Rows without a class.
    pub unlabelled: u64,
    /// Columns that are no features, in the order of the table.
    pub aside: Vec<Aside>,
    /// The other columns, in the order of the table.
    pub features: Vec<String>,
    /// A coarser label, if one can be told.
    pub groups: Option<Groups>,
    /// How every other column and the target depend on each other.
    pub relations: Vec<Relation>,
    /// Rows that repeat others.
    pub repeats: Repeats,
}

impl Guess {
    /// Guesses from a table that was read loosely and its profile; `target` is the target, if the user named it.
    ///
    /// # Errors
    /// [`TableError`] where no column holds classes, or the named one does not.
    pub fn of(table: &Table, profile: &Profile, target: Option<&str>) -> Result<Self, TableError> {
        let target = target::choose(profile, target)?;
        let relations = relations(table, &target.column)?;
        let mut aside = Vec::new();
        let mut features = Vec::new();
        // Relations are those of the other columns, in their order.
        for (column, relation) in profile.columns.iter().filter(|c| c.name != target.column).zip(&relations) {
            match aside::reason(column, relation, profile) {
                Some(reason) => aside.push(Aside { column: column.name.clone(), reason }),
                None => features.push(column.name.clone()),
            }
        }
        too_many_words(profile, &mut features, &mut aside);
        let names: Vec<&str> = features.iter().map(String::as_str).collect();
        let (repeats, classes) = repeats(table, &names, &target.column)?;
        let unlabelled = profile.column(&target.column).map_or(0, |c| c.missing);
        let groups = groups::groups(table, &target.column, &classes, &relations, is_network(profile));
        Ok(Self { target, classes, unlabelled, aside, features, groups, relations, repeats })
    }
}

/// Cells, and columns, that all words together may become.
const CELLS: u64 = 150_000_000;
const COLUMNS: u64 = 2000;

/// Takes the columns with the most words out of the features, until those that are left can become a column for each
/// word.
fn too_many_words(profile: &Profile, features: &mut Vec<String>, aside: &mut Vec<Aside>) {
    let chosen: BTreeSet<&str> = features.iter().map(String::as_str).collect();
    let mut words: Vec<&ColumnProfile> = profile
        .columns
        .iter()
        .filter(|c| matches!(c.kind, Kind::Words | Kind::Mixed) && chosen.contains(c.name.as_str()))
        .collect();
    words.sort_by_key(|c| c.distinct);
    let mut out = BTreeSet::new();
    let mut total: u64 = words.iter().map(|c| c.distinct).sum();
    while total > COLUMNS || total.saturating_mul(profile.rows) > CELLS {
        let Some(most) = words.pop() else { break };
        total -= most.distinct;
        out.insert(most.name.clone());
    }
    if out.is_empty() {
        return;
    }
    features.retain(|name| !out.contains(name));
    aside.extend(out.into_iter().map(|column| Aside { column, reason: Reason::ManyWords }));
    aside.sort_by_cached_key(|a| profile.columns.iter().position(|c| c.name == a.column));
}

/// Whether the table is about network traffic: addresses, ports, packets, bytes, flows, protocols.
fn is_network(profile: &Profile) -> bool {
    profile.columns.iter().any(|column| {
        let folded = fold(&column.name);
        matches!(says(&column.name), Says::Address | Says::Port)
            || ["packet", "pkt", "byte", "flow", "proto", "tcp"].iter().any(|word| folded.contains(word))
    })
}
