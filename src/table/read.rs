//! CSV files to one typed table.

use polars::prelude::StringChunked;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::{count, shorten};
use super::typing::{Mixed, Typed, Wanted, typed};
use super::{TableError, csv, scan};
use crate::ml::{Code, Column, LedgerEntry, Role, Values, Warning};
use crate::spec::dataset::{ColumnType, DatasetSpec};

/// A file to read: its bytes as they lie on the disk (gzip is seen by its first bytes).
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Name in messages. A name in `.tsv` or `.tsv.gz` means that tabs separate the cells, not commas.
    pub name: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
    /// The role of its rows, where the data set comes with separate training and test files.
    pub role: Option<Role>,
}

/// Typed columns of equal length, before the steps of `clean`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Row number from 0 through all files in order.
    pub row_ids: Vec<u64>,
    /// All columns in the order of the first file, the target and those kept aside included.
    pub columns: Vec<Column>,
    /// The role of every row, where the files fix it.
    pub roles: Option<Vec<Role>>,
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|c| c.name.as_str())
    }
}

/// One file: its text columns in the order of the first file.
struct Loaded<'a> {
    input: &'a Input<'a>,
    columns: Vec<StringChunked>,
    lines: Vec<u64>,
}

/// Reads CSV files (plain or gzip) as one table. Blanks around names and cells go; empty cells, NaN, infinities and
/// `dataset.missing_values` are missing; a column is numeric when all its other cells are numbers, in all files
/// together. The target is always words; columns kept aside may be mixed.
///
/// # Errors
/// [`TableError`], with file and line, for a file that is empty, damaged or ragged, names that are repeated, unknown
/// or differ between the files, and a column half numbers, half words.
pub fn read_table(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    read_wanted(files, dataset, &|name| wanted(name, dataset))
}

/// The same for a table of which nothing is known yet: a column half numbers, half words is words.
///
/// # Errors
/// As [`read_table`], less what is said of mixed columns.
pub fn read_loosely(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    read_wanted(files, dataset, &|_| Wanted::Aside)
}

fn read_wanted(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
    wanted: &(dyn Fn(&str) -> Wanted + Sync),
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    let mut warnings = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut loaded: Vec<Loaded<'_>> = Vec::new();
    let mut entry_counts = Vec::new();
    let given: Option<Vec<String>> =
        dataset.columns.as_ref().map(|c| c.iter().map(|n| n.0.trim().to_owned()).collect());
    for (i, input) in files.iter().enumerate() {
        let (file_names, file, blank_lines) =
            load(input, given.as_deref(), &mut warnings).map_err(|e| e.in_file(input.name))?;
        if i == 0 {
            names = file_names;
            check_names(&names, dataset).map_err(|e| if e.place.is_some() { e } else { e.in_file(input.name) })?;
            loaded.push(file);
        } else {
            loaded.push(reorder(file, &file_names, &names, files[0].name)?);
        }
        if files.len() > 1 {
            entry_counts.push((format!("rows in {}", input.name), loaded[i].lines.len() as u64));
        }
        if blank_lines > 0 {
            entry_counts.push((format!("empty lines in {}", input.name), blank_lines as u64));
        }
    }
    if loaded.is_empty() {
        return Err(TableError::new("no file to read").at("dataset.path"));
    }
    let missing: Vec<String> = dataset.missing_values.iter().map(|n| n.0.trim().to_owned()).collect();
    let columns: Vec<Result<Typed, Mixed>> = (0..names.len())
        .into_par_iter()
        .map(|c| {
            let parts: Vec<&StringChunked> = loaded.iter().map(|f| &f.columns[c]).collect();
            typed(&names[c], &parts, &missing, wanted(&names[c]))
        })
        .collect();
    if columns.iter().any(Result::is_err) {
        return Err(mixed(&names, &columns, &loaded, dataset));
    }
    let columns: Vec<Typed> = columns.into_iter().flatten().collect();

    let rows: usize = loaded.iter().map(|f| f.lines.len()).sum();
    let roles = loaded.iter().any(|f| f.input.role.is_some()).then(|| {
        let role = |f: &Loaded<'_>| std::iter::repeat_n(f.input.role.unwrap_or(Role::Train), f.lines.len());
        loaded.iter().flat_map(role).collect()
    });
    let mut entry = LedgerEntry::unchanged("read", rows, columns.len());
    entry.counts = entry_counts;
    count_gaps(&columns, &mut entry, &mut warnings);
    let columns = columns.into_iter().map(|t| t.column).collect();
    Ok((Table { row_ids: (0..rows as u64).collect(), columns, roles }, vec![entry], warnings))
}

/// Missing cells and infinities, in all and by column.
fn count_gaps(columns: &[Typed], entry: &mut LedgerEntry, warnings: &mut Vec<Warning>) {
    let infinities: u64 = columns.iter().map(|t| t.infinite).sum();
    entry.counts.push(("missing cells".into(), columns.iter().map(|t| t.missing).sum()));
    entry.counts.push(("infinities".into(), infinities));
    for t in columns.iter().filter(|t| t.missing > 0) {
        entry.counts.push((format!("missing cells in {}", t.column.name), t.missing));
    }
    for t in columns.iter().filter(|t| t.infinite > 0) {
        entry.counts.push((format!("infinities in {}", t.column.name), t.infinite));
    }
    if infinities > 0 {
        let where_: Vec<String> =
            columns.iter().filter(|t| t.infinite > 0).map(|t| format!("{:?}", t.column.name)).collect();
        let message =
            format!("{} counted as missing, in {}", count(infinities as usize, "infinite value"), shorten(&where_, 10));
        warnings.push(Warning::new(Code::S20, message).at("dataset.missing").info());
    }
}

/// The names, text columns and number of empty lines of one file.
fn load<'a>(
    input: &'a Input<'a>,
    given: Option<&[String]>,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<String>, Loaded<'a>, usize), TableError> {
    let lower = input.name.to_lowercase();
    let separator = if lower.ends_with(".tsv") || lower.ends_with(".tsv.gz") { b'\t' } else { b',' };
    let text = scan::plain(input.bytes)?;
    let scan = scan::scan(&text, separator, given)?;
    let columns = csv::text_columns(&scan, separator)?;
    let mut names = match (&scan.header, given) {
        (Some(header), _) => header.clone(),
        (None, given) => given.unwrap_or_default().to_vec(),
    };
    for (i, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("Unnamed: {i}");
        let message = format!(
            "column {} of {} has no name and is called {name:?}; a stored row number is no feature: keep it aside or drop it",
            i + 1,
            input.name
        );
        warnings.push(Warning::new(Code::S20, message).at("dataset.keep_aside"));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    let mut twice: Vec<String> = sorted.windows(2).filter(|w| w[0] == w[1]).map(|w| format!("{:?}", w[0])).collect();
    twice.dedup();
    if !twice.is_empty() {
        let error = TableError::new(format!("column names occur more than once: {}", twice.join(", ")));
        return Err(match given {
            Some(_) => error.at("dataset.columns").hint("give every column its own name"),
            None => error.on_line(1).hint("give every column its own name in the header of the file"),
        });
    }
    Ok((names, Loaded { input, columns, lines: scan.lines }, scan.blank_lines))
}

/// Every name that the experiment uses is a column.
fn check_names(names: &[String], dataset: &DatasetSpec) -> Result<(), TableError> {
    let all = || names.iter().map(String::as_str);
    let known = |name: &str| names.iter().any(|n| n == name);
    if let Some(target) = dataset.target.as_ref().filter(|t| !known(&t.0)) {
        let error = TableError::new(format!("the target column {:?} is not in the table", target.0))
            .at("dataset.target")
            .suggest(&target.0, all());
        let numbers = dataset.columns.is_none() && names.iter().filter(|n| n.parse::<f64>().is_ok()).count() > 1;
        return Err(match names {
            [one] if one.contains([';', '\t', '|']) => {
                error.hint("the cells seem to be separated by something else than a comma: convert the file")
            }
            _ if numbers => error.hint("the first line looks like data: give the names under dataset.columns"),
            _ => error,
        });
    }
    if let Some(bad) = dataset.keep_aside.iter().find(|n| !known(&n.0)) {
        return Err(TableError::new(format!("the column {:?} to keep aside is not in the table", bad.0))
            .at("dataset.keep_aside")
            .suggest(&bad.0, all()));
    }
    if let Some(bad) = dataset.types.keys().find(|n| !known(n)) {
        return Err(TableError::new(format!("the column {bad:?} with a type is not in the table"))
            .at("dataset.types")
            .suggest(bad, all()));
    }
    if let Some(target) = dataset.target.as_ref().filter(|t| dataset.keep_aside.contains(t)) {
        return Err(TableError::new(format!("the target column {:?} is also kept aside", target.0))
            .at("dataset.keep_aside")
            .hint("take it out of dataset.keep_aside"));
    }
    Ok(())
}

/// The columns of a further file in the order of the first.
fn reorder<'a>(mut file: Loaded<'a>, its: &[String], names: &[String], first: &str) -> Result<Loaded<'a>, TableError> {
    let quoted = |list: Vec<&String>| list.into_iter().map(|n| format!("{n:?}")).collect::<Vec<_>>();
    let missing = quoted(names.iter().filter(|n| !its.contains(n)).collect());
    let extra = quoted(its.iter().filter(|n| !names.contains(n)).collect());
    if !missing.is_empty() || !extra.is_empty() {
        let mut parts = Vec::new();
        if !missing.is_empty() {
            parts.push(format!("{} missing: {}", missing.len(), shorten(&missing, 20)));
        }
        if !extra.is_empty() {
            parts.push(format!("{} too many: {}", extra.len(), shorten(&extra, 20)));
        }
        return Err(TableError::new(format!("other columns than in {first}: {}", parts.join("; ")))
            .in_file(file.input.name)
            .on_line(1)
            .hint("all files of a data set need the same columns, in any order"));
    }
    file.columns = names
        .iter()
        .filter_map(|n| its.iter().position(|i| i == n))
        .map(|at| std::mem::take(&mut file.columns[at]))
        .collect();
    Ok(file)
}

fn wanted(name: &str, dataset: &DatasetSpec) -> Wanted {
    let is_target = dataset.target.as_ref().is_some_and(|t| t.0 == name);
    match dataset.types.get(name) {
        Some(ColumnType::Number) if is_target => Wanted::Target,
        Some(declared) => Wanted::Declared(*declared),
        None if is_target => Wanted::Target,
        None if dataset.keep_aside.iter().any(|n| n.0 == name) => Wanted::Aside,
        None => Wanted::Feature,
    }
}

/// The error for columns half numbers, half words: the first in full, the others by name.
fn mixed(
    names: &[String],
    columns: &[Result<Typed, Mixed>],
    loaded: &[Loaded<'_>],
    dataset: &DatasetSpec,
) -> TableError {
    let bad: Vec<(&String, &Mixed)> =
        names.iter().zip(columns).filter_map(|(n, c)| c.as_ref().err().map(|m| (n, m))).collect();
    let Some((name, first)) = bad.first() else { return TableError::new("no column is mixed") };
    let (mut row, value) = (first.first.0, &first.first.1);
    let mut place = None;
    for file in loaded {
        if row < file.lines.len() {
            place = Some((file.input.name, file.lines[row]));
            break;
        }
        row -= file.lines.len();
    }
    let (numbers, words) = (count(first.numbers as usize, "number"), count(first.words as usize, "other value"));
    let declared = matches!(dataset.types.get(*name), Some(ColumnType::Number));
    let mut message = if declared {
        format!("column {name:?} is declared a number but holds {words} beside {numbers}")
    } else {
        format!("column {name:?} is half numbers, half words: {numbers} and {words}")
    };
    message += &format!("; the first to stand out is {value:?} in row {}", first.first.0 + 1);
    if bad.len() > 1 {
        let others: Vec<String> = bad[1..].iter().map(|(n, _)| format!("{n:?}")).collect();
        message += &format!(" (likewise the columns {})", shorten(&others, 10));
    }
    let mut error = TableError::new(message).at("dataset.types");
    if let Some((file, line)) = place {
        error = error.in_file(file).on_line(line);
    }
    if value.parse::<f64>().is_err() {
        error = error.hint(format!(
            "if {value:?} means a missing value, list it: dataset.missing_values: [{}]",
            serde_json::Value::from(value.as_str())
        ));
    }
    error.hint(format!("if the column holds words, declare it: dataset.types: {{{}: category}}", yaml_key(name)))
}

/// A name as a key in a YAML flow map.
fn yaml_key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '/' | '.'))
        && name.starts_with(char::is_alphabetic);
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

impl Table {
    /// The table with only `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            row_ids: rows.iter().map(|&r| self.row_ids[r]).collect(),
            columns: self.columns.par_iter().map(|c| c.take(rows)).collect(),
            roles: self.roles.as_ref().map(|roles| rows.iter().map(|&r| roles[r]).collect()),
        }
    }

    /// Whether a column is numeric.
    pub(super) fn is_numeric(column: &Column) -> bool {
        matches!(column.values, Values::Number(_))
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
