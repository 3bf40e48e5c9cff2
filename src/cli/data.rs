//! `runner data`: what is in a table.

mod text;

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::look::{self, Looked, Names, TableArgs};
use super::out::Out;
use super::{Folders, Output};
use crate::table::profile::{Correlated, correlated, repeated_rows};

#[derive(Debug, Args)]
pub(super) struct DataArgs {
    #[command(flatten)]
    table: TableArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// Correlations above this are strong.
const STRONG: f64 = 0.95;
/// Width of a terminal that does not tell it in `COLUMNS`.
const WIDTH: usize = 80;

pub(super) fn data(args: &DataArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let looked = look::look(&args.table, &args.table.files, &[], Path::new(""), place)?;
    // A target that was named must hold classes; one that cannot be guessed is a finding like any other.
    if let (Err(error), Some(_)) = (&looked.guess, &args.table.target) {
        return Err(look::told(error.clone()));
    }
    let strong = strong(&looked);
    let repeated = match &looked.guess {
        Ok(guess) => guess.repeats.whole_rows,
        Err(_) => repeated_rows(&looked.table),
    };
    match args.output {
        Output::Text => {
            let wide = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(WIDTH);
            out.text(&text::text(&args.table.files, &looked, strong, repeated, wide.clamp(60, 200)))?;
        }
        Output::Json => out.line(&document(&args.table.files, &looked, strong, repeated))?,
    }
    Ok(0)
}

/// Correlated pairs among the features; where no target is known, among all columns.
fn strong(looked: &Looked) -> Option<Correlated> {
    let names: Vec<&str> = match &looked.guess {
        Ok(guess) => guess.features.iter().map(String::as_str).collect(),
        Err(_) => looked.table.names().collect(),
    };
    correlated(&looked.table, &names, STRONG)
}

fn document(files: &[String], looked: &Looked, strong: Option<Correlated>, repeated: u64) -> String {
    let (guess, problem) = match &looked.guess {
        Ok(guess) => (json!(guess), json!(null)),
        Err(error) => (json!(null), json!({"message": error.message, "hints": error.hints})),
    };
    let names = match looked.names {
        Names::InFile => "in_file",
        Names::Given => "given",
        Names::MadeUp => "made_up",
    };
    let whole = json!({
        "files": files,
        "rows": looked.profile.rows,
        "names": names,
        "encoding": looked.encoding.word(),
        "missing_values": looked.missing_values,
        "repeated_headers": looked.repeated_headers.map(|(rows, _)| rows),
        "repeated_rows": repeated,
        "columns": looked.profile.columns,
        "equal": looked.profile.equal,
        "correlated": strong,
        "guess": guess,
        "no_target": problem,
        "warnings": looked.warnings,
    });
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}
