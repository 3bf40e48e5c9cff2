//! What `init` and `data` do first: find the files, see whether they have a header, read them without knowing anything
//! of their columns, and count.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Folders;
use super::failure::{Failure, Placed};
use crate::exec::{self, DataFolders, SourceBytes, SourceData};
use crate::ml::{Role, Warning};
use crate::param::Name;
use crate::plan::DataFile;
use crate::record::{Problem, ProblemKind};
use crate::spec::Experiment;
use crate::spec::dataset::{DatasetSpec, Encoding};
use crate::table::guess::Guess;
use crate::table::profile::{Profile, repeated_headers, settle};
use crate::table::{FirstLine, Input, Table, TableError, first_line, read_loosely, read_npz};

/// The files of a table and what the user knows of it.
#[derive(Clone, Debug, Args)]
pub(super) struct TableArgs {
    /// Files of one table, in any format that an experiment reads
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<String>,
    /// Names of the columns, where the files have no header: a file with a name on each line, or with one line of names
    /// between commas
    #[arg(long, value_name = "FILE")]
    pub(super) columns: Option<PathBuf>,
    /// Column that holds the class; left out, it is guessed
    #[arg(long, value_name = "COLUMN")]
    pub(super) target: Option<String>,
}

/// Where the names of the columns come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// The file has them.
    InFile,
    /// `--columns` gave them.
    Given,
    /// There are none, so they were made up.
    MadeUp,
}

/// An archive of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    /// Whether it holds balanced training rows beside the raw ones.
    pub(super) balanced: bool,
    /// Whether it names its columns.
    pub(super) features: bool,
    /// Whether it names its classes.
    pub(super) classes: bool,
}

/// A table that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    /// The table, without the texts that mean "missing".
    pub(super) table: Table,
    pub(super) names: Names,
    /// How the bytes are letters.
    pub(super) encoding: Encoding,
    /// Texts that mean "missing".
    pub(super) missing_values: Vec<String>,
    pub(super) archive: Option<Archive>,
    /// Rows that are the header again: their number, and the first, from 0.
    pub(super) repeated_headers: Option<(usize, usize)>,
    pub(super) profile: Profile,
    /// What the columns seem to be, or why that cannot be told.
    pub(super) guess: Result<Guess, TableError>,
    pub(super) warnings: Vec<Warning>,
}

/// The failure for a table, in the words of the command line.
pub(super) fn told(error: TableError) -> Failure {
    let here = |text: String| text.replace("dataset.columns", "--columns").replace("dataset.features", "--columns");
    let shown_place = error.file.as_ref().map(|file| match error.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    let problem = Problem {
        kind: ProblemKind::User,
        message: here(error.message),
        place: None,
        file: error.file,
        line: error.line,
        hints: error.hints.into_iter().map(here).collect(),
    };
    Failure::Problems(vec![Placed { problem, shown_place }])
}

/// Reads and counts. `test` are the files of an official test part; relative paths are looked up in `beside`, then in
/// the folder of the data.
pub(super) fn look(
    args: &TableArgs,
    train: &[String],
    test: &[String],
    beside: &Path,
    place: &Folders,
) -> Result<Looked, Failure> {
    let given = args.columns.as_ref().map(|file| names_in(file, place)).transpose()?;
    let files = read(train, test, beside, place)?;
    let inputs: Vec<Input<'_>> =
        files.iter().map(|(file, role)| Input { name: &file.name, bytes: &file.bytes, role: *role }).collect();
    let mut warnings = Vec::new();
    let mut encoding = Encoding::Utf8;
    let (mut table, names, archive) = match inputs.as_slice() {
        [input] if is_npz(input.name) => {
            let features = given.as_ref().map(|names| names.iter().cloned().map(Name).collect());
            let dataset = DatasetSpec { features, ..DatasetSpec::default() };
            let arrays = read_npz(input.name, input.bytes).map_err(told)?;
            let (features, classes) = (arrays.feature_names.is_some(), arrays.class_names.is_some());
            let (table, balanced, _) = arrays.into_tables(&dataset).map_err(told)?;
            let names = if given.is_some() { Names::Given } else { Names::MadeUp };
            (table, names, Some(Archive { balanced: balanced.is_some(), features, classes }))
        }
        _ => {
            let (columns, names) = header(&inputs, given).map_err(told)?;
            let dataset = DatasetSpec {
                columns: columns.map(|names| names.into_iter().map(Name).collect()),
                ..DatasetSpec::default()
            };
            let table;
            (table, warnings, encoding) = read_text(&inputs, dataset).map_err(told)?;
            (table, names, None)
        }
    };
    let repeated_headers = repeated_headers(&table);
    let missing_values = settle(&mut table);
    let profile = Profile::of(&table);
    let guess = Guess::of(&table, &profile, args.target.as_deref());
    Ok(Looked { table, names, encoding, missing_values, archive, repeated_headers, profile, guess, warnings })
}

/// The table, read as UTF-8 or, if it is none, in the code page of Windows.
fn read_text(inputs: &[Input<'_>], dataset: DatasetSpec) -> Result<(Table, Vec<Warning>, Encoding), TableError> {
    match read_loosely(inputs, &dataset) {
        Ok((table, _, warnings)) => Ok((table, warnings, Encoding::Utf8)),
        Err(error) if error.message.starts_with("expected UTF-8 text, got the byte") => {
            let dataset = DatasetSpec { encoding: Encoding::Windows1252, ..dataset };
            match read_loosely(inputs, &dataset) {
                Ok((table, _, warnings)) => Ok((table, warnings, dataset.encoding)),
                Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

pub(super) fn is_npz(path: &str) -> bool {
    path.to_lowercase().ends_with(".npz")
}

/// The bytes of all files, found and read as an experiment would.
fn read(
    train: &[String],
    test: &[String],
    beside: &Path,
    place: &Folders,
) -> Result<Vec<(SourceBytes, Option<Role>)>, Failure> {
    let official = !test.is_empty() || train.iter().any(|path| is_npz(path));
    let dataset = if test.is_empty() {
        json!({"path": train, "target": "class"})
    } else {
        json!({"train": train, "test": test, "target": "class"})
    };
    let split = if official { "predefined" } else { "random" };
    let document = json!({"dataset": dataset, "split": split, "models": {"majority": {"kind": "majority"}}});
    let plain = |message: String, hints: Vec<String>| Placed {
        problem: Problem { hints, ..Problem::new(ProblemKind::User, message) },
        shown_place: None,
    };
    let experiment = Experiment::from_resolved(&document, beside.to_owned()).map_err(|error| {
        Failure::Problems(error.faults.into_iter().map(|f| plain(f.message, f.hint.into_iter().collect())).collect())
    })?;
    let folders = DataFolders { data_dir: place.data_dir.clone() };
    let failed =
        |problems: Vec<Problem>| Failure::Problems(problems.into_iter().map(|p| plain(p.message, p.hints)).collect());
    let sources = exec::read_sources(&experiment, &folders).map_err(failed)?;
    let load = |(data, file): (&SourceData, &DataFile)| {
        data.load().map(|bytes| (bytes, file.role)).map_err(|problem| failed(vec![problem]))
    };
    sources.bytes.iter().zip(&sources.files).map(load).collect()
}

/// The names to give the columns, where the files have none.
fn header(inputs: &[Input<'_>], given: Option<Vec<String>>) -> Result<(Option<Vec<String>>, Names), TableError> {
    let Some(first) = inputs.first() else { return Ok((given, Names::Given)) };
    match (first_line(first), given) {
        (FirstLine::CertainlyNames, Some(_)) => Err(TableError::new("the file has a header, so --columns has no use")
            .in_file(first.name)
            .on_line(1)
            .hint("leave --columns out; to rename columns, change the header of the file")),
        (_, Some(names)) => Ok((Some(names), Names::Given)),
        (FirstLine::Row(cells), None) => Ok((Some((0..cells).map(|i| format!("col_{i}")).collect()), Names::MadeUp)),
        (FirstLine::Names | FirstLine::CertainlyNames, None) => Ok((None, Names::InFile)),
    }
}

/// The names in a file: one on each line, or all on one line between commas.
fn names_in(file: &Path, place: &Folders) -> Result<Vec<String>, Failure> {
    let fault = |message: String, hint: &str| Failure::from(Problem::new(ProblemKind::User, message).hint(hint));
    let beside = place.data_dir.iter().map(|folder| folder.join(file)).find(|path| !file.exists() && path.is_file());
    let path = beside.unwrap_or_else(|| file.to_owned());
    let shown = path.display();
    let text = fs::read(&path).map_err(|e| {
        fault(format!("cannot read {shown}: {e}"), "--columns takes a file with the names of the columns")
    })?;
    let text = String::from_utf8(text).map_err(|_| {
        fault(format!("{shown} is not UTF-8 text"), "--columns takes a text file with one name on each line")
    })?;
    let lines: Vec<&str> =
        text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let bare = |name: &str| name.trim().trim_matches('"').to_owned();
    match lines.as_slice() {
        [] => Err(fault(format!("{shown} is empty"), "write one name on each line")),
        [one] => Ok(one.split(',').map(bare).collect()),
        many => Ok(many.iter().map(|name| bare(name)).collect()),
    }
}

/// The official parts among files whose names say so: those called "test", where all others are called "train".
pub(super) fn parts(files: &[String]) -> Option<(Vec<String>, Vec<String>)> {
    let called = |path: &str, word: &str| {
        Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains(word))
    };
    let (test, train): (Vec<String>, Vec<String>) = files.iter().cloned().partition(|f| called(f, "test"));
    let official = !test.is_empty() && !train.is_empty() && train.iter().all(|f| called(f, "train"));
    official.then_some((train, test))
}

/// Rows of a role.
pub(super) fn rows_of(table: &Table, role: Role) -> usize {
    table.roles.as_ref().map_or(0, |roles| roles.iter().filter(|r| **r == role).count())
}

/// A name for a comment or a line of the terminal: nothing that moves the cursor, and at most `most` characters.
pub(super) fn shown(name: &str, most: usize) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_control() || (!c.is_ascii() && !c.is_alphanumeric()) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    match out.char_indices().nth(most) {
        Some(_) => {
            let end = out.char_indices().nth(most.saturating_sub(1)).map_or(out.len(), |(at, _)| at);
            format!("{}…", &out[..end])
        }
        None => out,
    }
}

/// A whole number with separators between thousands.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `2 rows`, `1,000 classes`.
pub(super) fn many(n: u64, noun: &str) -> String {
    let ending = match n {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", thousands(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_called_train_and_test_are_official_parts() {
        let files = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let (train, test) = parts(&files(&["x/KDDTest+.txt", "x/KDDTrain+.txt"])).unwrap();
        assert_eq!((train, test), (files(&["x/KDDTrain+.txt"]), files(&["x/KDDTest+.txt"])));
        assert_eq!(parts(&files(&["test/a.csv", "test/b.csv"])), None);
        assert_eq!(parts(&files(&["test.csv"])), None);
        assert_eq!(parts(&files(&["test.csv", "monday.csv"])), None);
    }

    #[test]
    fn names_are_shown_on_one_line() {
        assert_eq!(shown("Flow ID", 20), "Flow ID");
        assert_eq!(shown("a\nb\u{1b}[31m", 20), "a\\nb\\u{1b}[31m");
        assert_eq!(shown("größe", 20), "größe");
        assert_eq!(shown("abcdef", 4), "abc…");
        assert_eq!(shown("abcd", 4), "abcd");
    }
}
