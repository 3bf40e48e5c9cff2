//! `runner init`: from a table to a first experiment, every guess with its reason beside it.

mod models;
mod page;
mod paths;
mod text;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Folders;
use super::failure::Failure;
use super::look::{self, TableArgs, many, parts, shown};
use super::out::Out;
use crate::record::{Problem, ProblemKind};
use crate::table::TableError;
use crate::table::guess::Guess;
use text::Starter;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    table: TableArgs,
    /// Files of the official test part; the other files are then the training part
    #[arg(long, value_name = "FILE", num_args = 1..)]
    test: Vec<String>,
    /// File to write; left out, the experiment goes to standard output
    #[arg(long, short, value_name = "OUT.yaml")]
    out: Option<PathBuf>,
    /// Overwrites the file of --out if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Fewest rows that can be divided, learnt from and judged.
pub(super) const FEWEST: u64 = 10;

pub(super) fn init(args: &InitArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    // Where the file will lie: what is there is not lost, and paths are written as seen from there.
    let file = args.out.as_deref().filter(|file| *file != Path::new("-"));
    let folder = match file {
        Some(file) => free(file, args)?,
        None => PathBuf::new(),
    };

    // The files, and which of them are for the test.
    let (train, test) = match parts(&args.table.files) {
        Some(found) if args.test.is_empty() => found,
        _ => (args.table.files.clone(), args.test.clone()),
    };
    let seen = |files: Vec<String>| -> Vec<String> {
        files.iter().map(|f| paths::from_folder(f, &folder, place.data_dir.as_deref())).collect()
    };
    let (train, test) = (seen(train), seen(test));

    // What is in them.
    let looked = look::look(&args.table, &train, &test, &folder, place)?;
    if let Some((rows, first)) = looked.repeated_headers {
        let lines = many(rows as u64, "row");
        let message = format!("the header stands again in {lines}, data row {} first", first + 1);
        let hint = "take these lines out: awk 'NR == 1 { header = $0 } NR == 1 || $0 != header' FILE > NEW_FILE";
        return Err(Problem::new(ProblemKind::User, message).hint(hint).into());
    }
    let guess = match &looked.guess {
        Ok(guess) => guess,
        Err(error) => return Err(look::told(error.clone())),
    };
    refuse(guess, looked.profile.rows).map_err(look::told)?;

    // The experiment.
    let starter = Starter {
        schema: file.is_some() && has_schema(&folder),
        train: &train,
        test: &test,
        by_name: !test.is_empty() && args.test.is_empty(),
        looked: &looked,
        guess,
    };
    let (text, models) = starter.text();
    match file {
        None => out.text(&text)?,
        Some(file) => {
            write(file, &text, args.force)?;
            let path = file.display();
            out.text(&format!(
                "{path}: target {} ({}), {}, {} kept aside, models {}\nnext: read it, then `runner run {path}`\n",
                shown(&guess.target.column, 40),
                many(guess.classes.len() as u64, "class"),
                many(guess.features.len() as u64, "feature"),
                guess.aside.len(),
                models.join(", "),
            ))?;
        }
    }
    Ok(0)
}

/// The folder of a file that may be written.
fn free(file: &Path, args: &InitArgs) -> Result<PathBuf, Failure> {
    let fault = |message: String, hint: &str| Failure::from(Problem::new(ProblemKind::User, message).hint(hint));
    let shown = file.display();
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    if file.is_dir() || file.file_name().is_none() {
        return Err(fault(format!("{shown} is a folder"), "name the file to write: --out FOLDER/NAME.yaml"));
    }
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(fault(format!("cannot write {shown}: there is no folder {}", folder.display()), "make it first"));
    }
    let same = |input: &String| matches!((fs::canonicalize(input), fs::canonicalize(file)), (Ok(a), Ok(b)) if a == b);
    if args.table.files.iter().chain(&args.test).any(same) {
        return Err(fault(format!("{shown} is one of the data files"), "write the experiment to another file"));
    }
    if file.exists() && !args.force {
        return Err(fault(format!("{shown} exists already"), "choose another name, or overwrite it with --force"));
    }
    Ok(folder)
}

/// Refuses a table that no experiment could be made of.
fn refuse(guess: &Guess, rows: u64) -> Result<(), TableError> {
    let labelled = rows - guess.unlabelled;
    if labelled < FEWEST {
        return Err(TableError::new(format!("expected at least {FEWEST} rows with a class, got {labelled}"))
            .hint("fewer cannot be divided into training, validation and test rows"));
    }
    if guess.features.is_empty() {
        let aside: Vec<String> =
            guess.aside.iter().take(10).map(|a| format!("{:?} ({})", a.column, a.reason.text())).collect();
        return Err(
            TableError::new("no column is left as a feature").hint(format!("not features: {}", aside.join(", ")))
        );
    }
    Ok(())
}

/// Whether the JSON Schema of experiments lies in this folder, so that an editor would find it.
fn has_schema(folder: &Path) -> bool {
    fs::read(folder.join("schema.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .is_some_and(|schema| schema["title"] == "runner experiment")
}

/// Writes the file, whole or not at all. Without `force` it must not be there, also if it came meanwhile.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let written = if force {
        let aside = file.with_extension(format!("tmp-{}", std::process::id()));
        fs::write(&aside, text).and_then(|()| fs::rename(&aside, file)).inspect_err(|_| drop(fs::remove_file(&aside)))
    } else {
        let made = OpenOptions::new().write(true).create_new(true).open(file);
        made.and_then(|mut f| f.write_all(text.as_bytes()))
    };
    written.map_err(|error| {
        let message = format!("cannot write {}: {error}", file.display());
        match error.kind() {
            ErrorKind::AlreadyExists => Problem::new(ProblemKind::User, message).hint("overwrite it with --force"),
            _ => Problem::new(ProblemKind::Machine, message).hint("check the permissions and the space of the disk"),
        }
        .into()
    })
}
