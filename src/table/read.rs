//! Data files to one typed table.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::arrow::{self, ArrowTable};
use super::error::{count, quote, shorten};
use super::mixed::mixed_columns;
use super::parquet::ParquetFile;
use super::scan::{Scan, scan};
use super::typing::{Missing, Mixed, Part, Typed, Want, Wanted, Words};
use super::unpack::{Content, unpack};
use super::{TableError, arrays, csv, typing};
use crate::ml::{Code, Column, LedgerEntry, Role, Values, Warning};
use crate::spec::dataset::{ColumnType, DatasetSpec, Separator};

/// A file to read: its bytes as they lie on the disk. Packing and format are seen by how they begin.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Name in messages.
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

/// Where the columns of a file come from.
enum Source<'a> {
    Text(Scan<'a>),
    Arrow(ArrowTable),
    Parquet(ParquetFile<'a>),
}

/// One file and where in it the columns of the table are.
pub(super) struct Loaded<'a> {
    pub input: &'a Input<'a>,
    source: Source<'a>,
    /// For every column of the table, its place in this file.
    order: Vec<usize>,
    pub rows: usize,
}

impl<'a> Loaded<'a> {
    /// The line of a text file that a row is on.
    pub fn line(&self, row: usize) -> Option<u64> {
        if let Source::Text(scan) = &self.source { scan.place(row).map(|(_, line)| line) } else { None }
    }

    /// The columns as wanted, in the order of the table.
    fn columns(&self, wants: &[Want], missing: &Missing) -> Result<Vec<Option<Part<'a>>>, TableError> {
        let mut its = vec![Want::Skip; wants.len()];
        self.order.iter().zip(wants).for_each(|(&at, want)| its[at] = *want);
        let mut parts = match &self.source {
            Source::Text(scan) => csv::columns(scan, &its, missing),
            Source::Arrow(file) => file
                .columns
                .par_iter()
                .zip(&file.names)
                .zip(&its)
                .map(|((column, name), want)| arrays::part(name, column, *want, missing))
                .collect(),
            Source::Parquet(file) => file.columns(&its, missing),
        }
        .map_err(|e| e.in_file(self.input.name))?;
        Ok(self.order.iter().map(|&at| parts[at].take()).collect())
    }
}

/// Reads files as one table: CSV with any of the usual separators, plain, gzip or Zstandard; Parquet; Arrow IPC. Blanks
/// around names and cells go; empty cells, NaN, infinities and `dataset.missing_values` are missing; a column is numeric
/// when all its other cells are numbers, in all files together. Columns of Parquet and Arrow keep their types. The
/// target is always words; columns kept aside may be mixed.
///
/// # Errors
/// [`TableError`], with file and line, for a file that is empty, damaged or ragged, names that are repeated, unknown
/// or differ between the files, and a column half numbers, half words.
pub fn read_table(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    read_wanted(files, dataset, 0, &|name| wanted(name, dataset))
}

/// The same for a table of which nothing is known yet: a column half numbers, half words is words.
///
/// # Errors
/// As [`read_table`], less what is said of mixed columns.
pub fn read_loosely(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    read_wanted(files, dataset, 0, &|_| Wanted::Aside)
}

/// Some rows of a table whose types are known: `typed` gives that of a column, `None` for one that does not matter.
/// `before` is the number of rows that came before, for messages. Nothing else of `dataset` counts but how files are read.
///
/// # Errors
/// As [`read_table`].
pub fn read_rows(
    input: &Input<'_>,
    dataset: &DatasetSpec,
    typed: &(dyn Fn(&str) -> Option<ColumnType> + Sync),
    before: usize,
) -> Result<Table, TableError> {
    let reading = DatasetSpec {
        columns: dataset.columns.clone(),
        separator: dataset.separator,
        encoding: dataset.encoding,
        missing_values: dataset.missing_values.clone(),
        ..DatasetSpec::default()
    };
    let wanted = |name: &str| typed(name).map_or(Wanted::Aside, Wanted::Declared);
    read_wanted(std::slice::from_ref(input), &reading, before, &wanted).map(|(table, ..)| table)
}

fn read_wanted(
    files: &[Input<'_>],
    dataset: &DatasetSpec,
    before: usize,
    wanted: &(dyn Fn(&str) -> Wanted + Sync),
) -> Result<(Table, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    let mut warnings = Vec::new();
    let given: Option<Vec<String>> =
        dataset.columns.as_ref().map(|c| c.iter().map(|n| n.0.trim().to_owned()).collect());
    let missing: Vec<String> = dataset.missing_values.iter().map(|n| n.0.trim().to_owned()).collect();
    let missing = Missing::new(&missing);
    let contents: Vec<Result<Content<'_>, TableError>> =
        files.par_iter().map(|f| unpack(f.bytes, dataset.encoding).map_err(|e| e.in_file(f.name))).collect();
    let contents = contents.into_iter().collect::<Result<Vec<_>, _>>()?;

    let mut names: Vec<String> = Vec::new();
    let mut loaded: Vec<Loaded<'_>> = Vec::new();
    let mut entry_counts = Vec::new();
    for (input, content) in files.iter().zip(&contents) {
        let (its_names, source) = load(content, dataset, given.as_deref()).map_err(|e| e.in_file(input.name))?;
        let its_names = tidy(its_names, input.name, given.is_some(), &mut warnings)?;
        if loaded.is_empty() {
            check_names(&its_names, dataset).map_err(|e| if e.place.is_some() { e } else { e.in_file(input.name) })?;
            names.clone_from(&its_names);
        }
        let order = order(&its_names, &names, files[0].name).map_err(|e| e.in_file(input.name))?;
        let (rows, blank_lines) = match &source {
            Source::Text(scan) => (scan.rows, scan.blank_lines),
            Source::Arrow(file) => (file.rows, 0),
            Source::Parquet(file) => (file.rows, 0),
        };
        if rows == 0 {
            return Err(TableError::new("the file has columns and no row")
                .in_file(input.name)
                .hint("check that the download is complete"));
        }
        if files.len() > 1 {
            entry_counts.push((format!("rows in {}", input.name), rows as u64));
        }
        if blank_lines > 0 {
            entry_counts.push((format!("empty lines in {}", input.name), blank_lines as u64));
        }
        if let Content::Text { doubtful: Some(line), .. } = content {
            let message = format!(
                "line {line} of {} looks like UTF-8, though dataset.encoding says {}: its other letters may be wrong",
                input.name,
                dataset.encoding.word()
            );
            warnings.push(Warning::new(Code::S20, message).at("dataset.encoding"));
        }
        loaded.push(Loaded { input, source, order, rows });
    }
    if loaded.is_empty() {
        return Err(TableError::new("no file to read").at("dataset.path"));
    }
    let columns = typed(&names, &loaded, &missing, before, wanted)?;

    let rows: usize = loaded.iter().map(|f| f.rows).sum();
    let roles = loaded.iter().any(|f| f.input.role.is_some()).then(|| {
        let role = |f: &Loaded<'_>| std::iter::repeat_n(f.input.role.unwrap_or(Role::Train), f.rows);
        loaded.iter().flat_map(role).collect()
    });
    let mut entry = LedgerEntry::unchanged("read", rows, columns.len());
    entry.counts = entry_counts;
    count_gaps(&columns, &mut entry, &mut warnings);
    let columns = columns.into_iter().map(|t| t.column).collect();
    Ok((Table { row_ids: (0..rows as u64).collect(), columns, roles }, vec![entry], warnings))
}

/// The columns of all files together.
fn typed(
    names: &[String],
    files: &[Loaded<'_>],
    missing: &Missing,
    before: usize,
    wanted: &(dyn Fn(&str) -> Wanted + Sync),
) -> Result<Vec<Typed>, TableError> {
    let wanted: Vec<Wanted> = names.iter().map(|n| wanted(n)).collect();
    let wants: Vec<Want> = wanted.iter().map(|w| w.want()).collect();
    let mut by_file = Vec::with_capacity(files.len());
    for file in files {
        by_file.push(file.columns(&wants, missing)?);
    }
    // Where one file has words, the numbers of the others are read again as they are spelt.
    let is_number = |part: &Option<Part<'_>>| matches!(part, Some(Part::Numbers(_)));
    let mixed: Vec<bool> = (0..names.len()).map(|c| !by_file.iter().all(|parts| is_number(&parts[c]))).collect();
    for (file, parts) in files.iter().zip(&mut by_file) {
        let again = |(part, mixed): (&Option<Part<'_>>, &bool)| match part {
            Some(Part::Numbers(_) | Part::Both) if *mixed && part.as_ref().is_some_and(|p| !p.is_empty()) => {
                Want::Words
            }
            _ => Want::Skip,
        };
        let wants: Vec<Want> = parts.iter().zip(&mixed).map(again).collect();
        if wants.contains(&Want::Words) {
            for (part, read) in parts.iter_mut().zip(file.columns(&wants, missing)?) {
                *part = read.or(part.take());
            }
        }
    }
    let mut by_column: Vec<Vec<Part<'_>>> = names.iter().map(|_| Vec::with_capacity(files.len())).collect();
    for parts in by_file {
        parts.into_iter().zip(&mut by_column).for_each(|(part, column)| column.extend(part));
    }
    let columns: Vec<Result<Typed, Mixed>> = by_column
        .into_par_iter()
        .enumerate()
        .map(|(c, parts)| {
            if !mixed[c] {
                let numbers = parts.into_iter().filter_map(|p| if let Part::Numbers(n) = p { Some(n) } else { None });
                return Ok(typing::numbers(&names[c], numbers.collect()));
            }
            let words: Vec<Words<'_>> = parts
                .into_iter()
                .filter_map(|p| match p {
                    Part::Words(w) => Some(w),
                    Part::Numbers(n) => Some(n.empty_words()),
                    Part::Both => None,
                })
                .collect();
            typing::words(&names[c], &words, missing, wanted[c])
        })
        .collect();
    if columns.iter().any(Result::is_err) {
        return Err(mixed_columns(names, &columns, files, before, wanted.as_slice()));
    }
    Ok(columns.into_iter().flatten().collect())
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
        let where_: Vec<String> = columns.iter().filter(|t| t.infinite > 0).map(|t| quote(&t.column.name)).collect();
        let message =
            format!("{} counted as missing, in {}", count(infinities as usize, "infinite value"), shorten(&where_, 10));
        warnings.push(Warning::new(Code::S20, message).at("dataset.missing").info());
    }
}

/// The names of a file's columns and where they are.
fn load<'a>(
    content: &'a Content<'_>,
    dataset: &DatasetSpec,
    given: Option<&[String]>,
) -> Result<(Vec<String>, Source<'a>), TableError> {
    let (names, source) = match content {
        Content::Text { text, .. } => {
            let scan = scan(text, dataset.separator, given)?;
            let names = scan.header.clone().or(given.map(<[String]>::to_vec)).unwrap_or_default();
            return Ok((names, Source::Text(scan)));
        }
        Content::Parquet(bytes) => {
            let file = ParquetFile::open(bytes)?;
            (file.names(), Source::Parquet(file))
        }
        Content::ArrowFile(bytes) => {
            let file = arrow::read_file(bytes)?;
            (file.names.clone(), Source::Arrow(file))
        }
        Content::ArrowStream(bytes) => {
            let file = arrow::read_stream(bytes)?;
            (file.names.clone(), Source::Arrow(file))
        }
    };
    match given {
        Some(_) => Err(TableError::new("the file names its columns itself, and these names are for files without")
            .at("dataset.columns")
            .hint("leave dataset.columns out, or rename the columns where the file is written")),
        None => Ok((names.iter().map(|n| n.trim().to_owned()).collect(), source)),
    }
}

/// Every column gets a name of its own.
fn tidy(
    mut names: Vec<String>,
    file: &str,
    given: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<String>, TableError> {
    for (i, name) in names.iter_mut().enumerate() {
        let called = match name.as_str() {
            "" => format!("column {} of {file} has no name and is called \"Unnamed: {i}\"", i + 1),
            index if index.starts_with("__index_level_") => format!("column {index:?} of {file} is an index of pandas"),
            _ => continue,
        };
        if name.is_empty() {
            *name = format!("Unnamed: {i}");
        }
        let message = format!("{called}; a stored row number is no feature: keep it aside or drop it");
        warnings.push(Warning::new(Code::S20, message).at("dataset.keep_aside"));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    let mut twice: Vec<String> = sorted.windows(2).filter(|w| w[0] == w[1]).map(|w| quote(w[0])).collect();
    twice.dedup();
    if twice.is_empty() {
        return Ok(names);
    }
    let error = TableError::new(format!("column names occur more than once: {}", shorten(&twice, 20))).in_file(file);
    Err(if given {
        error.at("dataset.columns").hint("give every column its own name")
    } else {
        error.on_line(1).hint("give every column its own name in the header of the file")
    })
}

/// Every name that the experiment uses is a column.
fn check_names(names: &[String], dataset: &DatasetSpec) -> Result<(), TableError> {
    let all = || names.iter().map(String::as_str);
    let mut sorted: Vec<&str> = all().collect();
    sorted.sort_unstable();
    let known = |name: &str| sorted.binary_search(&name).is_ok();
    if let Some(target) = dataset.target.as_ref().filter(|t| !known(&t.0)) {
        let error = TableError::new(format!("the target column {:?} is not in the table", target.0))
            .at("dataset.target")
            .suggest(&target.0, all());
        let numbers = dataset.columns.is_none() && names.iter().filter(|n| n.parse::<f64>().is_ok()).count() > 1;
        return Err(match names {
            [one] if dataset.separator != Separator::Auto && one.contains([',', ';', '\t', '|']) => {
                error.hint(format!(
                    "the cells seem to be separated by something else than dataset.separator says ({})",
                    dataset.separator.word()
                ))
            }
            [one] if one.contains(' ') => error
                .hint("if blanks separate the cells, convert the file: separators are comma, semicolon, tab and pipe"),
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

/// For every name of the table, its place in a further file.
fn order(its: &[String], names: &[String], first: &str) -> Result<Vec<usize>, TableError> {
    if its == names {
        return Ok((0..names.len()).collect());
    }
    let sorted = |list: &[String]| {
        let mut places: Vec<usize> = (0..list.len()).collect();
        places.sort_unstable_by(|&a, &b| list[a].cmp(&list[b]));
        places
    };
    let (by_name, names_by_name) = (sorted(its), sorted(names));
    let find = |name: &String, list: &[String], by_name: &[usize]| {
        by_name.binary_search_by(|&at| list[at].cmp(name)).ok().map(|i| by_name[i])
    };
    let missing: Vec<String> = names.iter().filter(|n| find(n, its, &by_name).is_none()).map(|n| quote(n)).collect();
    let extra: Vec<String> =
        its.iter().filter(|n| find(n, names, &names_by_name).is_none()).map(|n| quote(n)).collect();
    if missing.is_empty() && extra.is_empty() {
        return Ok(names.iter().filter_map(|n| find(n, its, &by_name)).collect());
    }
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("{} missing: {}", missing.len(), shorten(&missing, 20)));
    }
    if !extra.is_empty() {
        parts.push(format!("{} too many: {}", extra.len(), shorten(&extra, 20)));
    }
    Err(TableError::new(format!("other columns than in {first}: {}", parts.join("; ")))
        .on_line(1)
        .hint("all files of a data set need the same columns, in any order"))
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
