//! Texts that stand for a missing value, and lines that repeat the header.

use std::collections::BTreeSet;

use crate::ml::{MISSING, Values};
use crate::table::Table;

/// Texts that mean "no value" where the rest of a column is numbers.
const MARKERS: [&str; 24] = [
    "?", "-", "--", "---", ".", "*", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "NULL", "Null", "null", "None", "none",
    "nil", "(null)", "(empty)", "missing", "Missing", "unknown", "Unknown",
];

/// Whether a cell holds a text that commonly means "no value".
#[must_use]
pub fn is_missing_marker(cell: &str) -> bool {
    MARKERS.contains(&cell)
}

fn is_number(level: &str) -> bool {
    level.parse::<f64>().is_ok_and(f64::is_finite)
}

/// The levels that occur.
fn used<'a>(codes: &[u32], levels: &'a [String]) -> Vec<&'a str> {
    let mut seen = vec![false; levels.len()];
    codes.iter().filter(|c| **c != MISSING).for_each(|&c| seen[c as usize] = true);
    levels.iter().zip(seen).filter(|(_, seen)| *seen).map(|(level, _)| level.as_str()).collect()
}

/// Finds the texts that mean "missing" in a loosely read table, takes them for missing in all columns, as
/// `dataset.missing_values` does, and makes columns that hold only numbers then numeric. Found are the markers that
/// stand between the numbers of a column, and the question mark between words.
pub fn settle(table: &mut Table) -> Vec<String> {
    let mut found = BTreeSet::new();
    for column in &table.columns {
        let Values::Category { codes, levels } = &column.values else { continue };
        let used = used(codes, levels);
        let (numbers, words): (Vec<&str>, Vec<&str>) = used.into_iter().partition(|level| is_number(level));
        if !numbers.is_empty() && words.iter().all(|word| is_missing_marker(word)) {
            found.extend(words.into_iter().map(str::to_owned));
        } else if words.contains(&"?") {
            found.insert("?".to_owned());
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    for column in &mut table.columns {
        let Values::Category { codes, levels } = &mut column.values else { continue };
        for code in codes.iter_mut().filter(|c| **c != MISSING) {
            if found.contains(&levels[*code as usize]) {
                *code = MISSING;
            }
        }
        let used = used(codes, levels);
        if !used.is_empty() && used.iter().all(|level| is_number(level)) {
            let numbers: Vec<f64> = levels.iter().map(|l| l.parse().unwrap_or(f64::NAN)).collect();
            let value = |c: &u32| numbers.get(*c as usize).copied().unwrap_or(f64::NAN);
            column.values = Values::Number(codes.iter().map(value).collect());
        }
    }
    found.into_iter().collect()
}

/// Rows that are the header again, as in files that were pasted together: their number and the first (from 0). Seen by
/// a value that is the column's own name, in at least two columns and in half of them.
#[must_use]
pub fn repeated_headers(table: &Table) -> Option<(usize, usize)> {
    let own: Vec<(&[u32], u32)> = table
        .columns
        .iter()
        .filter_map(|column| match &column.values {
            Values::Category { codes, levels } => {
                let level = levels.binary_search(&column.name).ok()? as u32;
                codes.contains(&level).then_some((codes.as_slice(), level))
            }
            Values::Number(_) => None,
        })
        .collect();
    if own.len() < 2 || own.len() * 2 < table.columns.len() {
        return None;
    }
    let (codes, level) = own[0];
    let mut rows = (0..codes.len()).filter(|&row| codes[row] == level);
    rows.next().map(|first| (1 + rows.count(), first))
}
