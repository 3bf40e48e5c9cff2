//! Which column holds the class.

use serde::Serialize;

use super::names::{Says, says};
use crate::table::TableError;
use crate::table::error::{count, shorten};
use crate::table::profile::{ColumnProfile, Kind, Profile};

/// Rows that the smallest class should have for a class to be learnt and judged.
const WORKABLE: u64 = 10;

/// A column that could be the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub column: String,
    /// Its different values.
    pub classes: u64,
    /// Rows of the rarest.
    pub rarest: u64,
    /// Rows without a value.
    pub missing: u64,
}

/// The column that was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// Its name.
    pub column: String,
    /// Why it and no other.
    pub reason: String,
    /// Other columns that are labels by their names.
    pub others: Vec<Candidate>,
}

fn candidate(column: &ColumnProfile) -> Candidate {
    Candidate { column: column.name.clone(), classes: column.distinct, rarest: column.rarest, missing: column.missing }
}

/// Whether the values can be classes: few, and each in several rows.
fn holds_classes(column: &ColumnProfile, rows: u64) -> bool {
    let (present, values) = (column.present(rows), column.distinct);
    values >= 2
        && match column.kind {
            Kind::Words | Kind::Mixed => values <= 1000 && present >= 2 * values,
            Kind::Whole => values <= 100 && present >= 5 * values,
            Kind::Number | Kind::Empty => false,
        }
}

/// The target that the user named, or the one that the table suggests.
///
/// # Errors
/// [`TableError`] where the named column is not there or holds no classes, or where no column does.
pub(super) fn choose(profile: &Profile, wanted: Option<&str>) -> Result<Chosen, TableError> {
    let rows = profile.rows;
    let labels: Vec<&ColumnProfile> = profile
        .columns
        .iter()
        .filter(|c| matches!(says(&c.name), Says::Label | Says::LabelWord | Says::Perhaps) && holds_classes(c, rows))
        .collect();
    let others =
        |than: &str| -> Vec<Candidate> { labels.iter().filter(|c| c.name != than).map(|c| candidate(c)).collect() };
    if let Some(wanted) = wanted {
        let column = profile.column(wanted).ok_or_else(|| {
            TableError::new(format!("the target column {wanted:?} is not in the table"))
                .suggest(wanted, profile.columns.iter().map(|c| c.name.as_str()))
        })?;
        check(column, profile)?;
        return Ok(Chosen { column: wanted.into(), reason: "as given with --target".into(), others: others(wanted) });
    }
    // Surely named columns first; names that features have too only where there are none of those.
    let sure: Vec<&ColumnProfile> =
        labels.iter().copied().filter(|c| matches!(says(&c.name), Says::Label | Says::LabelWord)).collect();
    let named = if sure.is_empty() { labels.clone() } else { sure };
    if let Some((column, reason)) = best(&named, rows) {
        return Ok(Chosen { column: column.name.clone(), reason, others: others(&column.name) });
    }
    // A column that is called a label and holds no classes: the table is one for regression, or of one class.
    let unfit = profile.columns.iter().find(|c| match says(&c.name) {
        Says::Label => true,
        Says::Perhaps => c.kind.is_numeric() && c.distinct > 1,
        _ => false,
    });
    if let Some(column) = unfit {
        return Err(refusal(&format!("no column holds classes: {:?}", column.name), column, profile));
    }
    if let Some((column, reason)) = by_position(profile) {
        return Ok(Chosen { column: column.name.clone(), reason, others: Vec::new() });
    }
    let error = TableError::new(
        "no column holds classes: none is called a label, and neither the last nor the first has a few values that \
         come again",
    );
    Err(with_suggestions(error, profile))
}

/// The label with the most classes that can be worked with.
fn best<'a>(labels: &[&'a ColumnProfile], rows: u64) -> Option<(&'a ColumnProfile, String)> {
    let (first, more) = labels.split_first()?;
    let workable = |c: &&&ColumnProfile| c.missing == 0 && c.rarest >= WORKABLE && c.distinct <= 100;
    if more.is_empty() {
        return Some((first, "the only column that is called a label and holds classes".into()));
    }
    // Of equal ones words rather than numbers, then the last.
    let rank = |c: &&&ColumnProfile| (c.distinct, !c.kind.is_numeric());
    if let Some(column) = labels.iter().filter(workable).max_by_key(rank) {
        return Some((column, format!("the label with the most classes of at least {WORKABLE} rows each")));
    }
    let complete = |c: &&&ColumnProfile| (c.present(rows), c.rarest, !c.kind.is_numeric());
    labels.iter().max_by_key(complete).map(|c| (*c, "the label whose rarest class has the most rows".to_owned()))
}

/// The last column, else the first, else the only one of words, where no name tells.
fn by_position(profile: &Profile) -> Option<(&ColumnProfile, String)> {
    let fits = |c: &&ColumnProfile| {
        let few = c.distinct <= if c.kind == Kind::Whole { 30 } else { 100 };
        matches!(says(&c.name), Says::Nothing | Says::Perhaps)
            && c.looks.is_none()
            && few
            && c.present(profile.rows) >= 5 * c.distinct
            && holds_classes(c, profile.rows)
    };
    let (first, last) = (profile.columns.first(), profile.columns.last());
    let no_name = "no column is called a label";
    if let Some(column) = last.filter(fits) {
        return Some((column, format!("{no_name}; the last one has a few values that come again")));
    }
    if let Some(column) = first.filter(fits) {
        return Some((column, format!("{no_name}; the first one has a few values that come again")));
    }
    let mut words = profile.columns.iter().filter(|c| c.kind == Kind::Words).filter(fits);
    match (words.next(), words.next()) {
        (Some(column), None) => Some((column, format!("{no_name}; this is the only one of words that come again"))),
        _ => None,
    }
}

/// Refuses a named target that holds no classes.
fn check(column: &ColumnProfile, profile: &Profile) -> Result<(), TableError> {
    let few_numbers = column.kind == Kind::Number
        && (2..=20).contains(&column.distinct)
        && column.present(profile.rows) >= 5 * column.distinct;
    if holds_classes(column, profile.rows) || few_numbers {
        return Ok(());
    }
    Err(refusal(&format!("the target column {:?}", column.name), column, profile))
}

/// Why a column, called `subject` in the message, holds no classes.
fn refusal(subject: &str, column: &ColumnProfile, profile: &Profile) -> TableError {
    let of = |noun| {
        let rows = count(column.present(profile.rows) as usize, "row");
        format!("{} in {rows}", count(column.distinct as usize, noun))
    };
    let error = match column.kind {
        Kind::Empty => TableError::new(format!("{subject} is empty")),
        _ if column.distinct == 1 => TableError::new(format!(
            "{subject} has one value only, {:?}: there is nothing to tell apart",
            column.first.as_deref().unwrap_or_default()
        )),
        Kind::Whole | Kind::Number => {
            TableError::new(format!("{subject} has {}, which is a quantity", of("different number")))
                .hint("runner predicts classes: cut the numbers into classes first, such as low and high")
        }
        Kind::Words | Kind::Mixed => TableError::new(format!(
            "{subject} has {}, which tell rows apart rather than classes",
            of("different value")
        )),
    };
    with_suggestions(error, profile)
}

/// The error with the columns that `--target` could name.
fn with_suggestions(error: TableError, profile: &Profile) -> TableError {
    let mut few: Vec<&ColumnProfile> = profile
        .columns
        .iter()
        .filter(|c| (2..=20).contains(&c.distinct) && c.present(profile.rows) >= 5 * c.distinct)
        .collect();
    few.sort_by_key(|c| c.distinct);
    let names: Vec<String> = few.iter().map(|c| format!("{:?} ({})", c.name, c.distinct)).collect();
    if names.is_empty() {
        return error.hint("no column has between 2 and 20 different values, each in several rows");
    }
    error.hint(format!("columns with few values, one of which --target may name: {}", shorten(&names, 8)))
}
