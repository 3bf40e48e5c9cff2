//! `runner show`: one run, from its record.

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::log::waivers;
use super::out::Out;
use super::{Folders, Output, view};
use crate::ml::metrics::Metric;
use crate::record::{MetricsTable, Problem, ProblemKind, RunRecord};
use crate::store::{Store, StoreError};

/// How the table of metrics is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values, every figure in full.
    Csv,
    /// A JSON document, every figure in full.
    Json,
    /// A Markdown table, four digits.
    Markdown,
    /// A LaTeX table for booktabs, four digits.
    Latex,
}

/// The rows that a metric was computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Test,
    Validation,
}

#[derive(Debug, Args)]
pub(super) struct ShowRunArgs {
    /// Run id, a unique beginning of one, or `latest`
    #[arg(default_value = "latest")]
    run: String,
    /// How to print it: text, or the whole record as JSON
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Only the table of models and metrics, for a program or a paper
    #[arg(long, value_enum, conflicts_with = "output")]
    format: Option<Format>,
    /// The part that `--format` tells of
    #[arg(long, value_enum, default_value = "test", requires = "format")]
    part: Part,
    /// All metrics, not only those that the experiment names
    #[arg(long, requires = "format")]
    all_metrics: bool,
}

pub(super) fn show(args: &ShowRunArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = store.find_run(&args.run)?;
    let record = read(&store, &id)?;
    match (args.format, args.output) {
        (Some(format), _) => out.text(&metrics(&record, &id, format, args)?)?,
        (None, Output::Json) => out.text(&record.to_json())?,
        (None, Output::Text) => {
            out.text(&view::summary(&record, &waivers(&record), &place.runs.join(&id)))?;
        }
    }
    Ok(0)
}

/// The table of metrics alone.
fn metrics(record: &RunRecord, id: &str, format: Format, args: &ShowRunArgs) -> Result<String, Failure> {
    let part = if args.part == Part::Validation { "validation" } else { "test" };
    let wanted = if args.all_metrics { Metric::ALL.to_vec() } else { view::wanted(record) };
    let table = MetricsTable::new(record, part, &wanted);
    if table.is_empty() {
        let text = format!("run {id} has no model that was judged on the {part} part");
        return Err(Problem::new(ProblemKind::User, text)
            .hint(format!("`runner show {id}` tells how far it came"))
            .into());
    }
    Ok(match format {
        Format::Csv => table.csv(),
        Format::Json => table.json(),
        Format::Markdown => table.markdown(),
        Format::Latex => table.latex(),
    })
}

/// The record of a run; of one that was killed, what its events tell.
pub(super) fn read(store: &Store, id: &str) -> Result<RunRecord, Failure> {
    let newer = |message: String| Failure::from(Problem::new(ProblemKind::Machine, format!("{id}: {message}")));
    match store.read_run_file(id, "record.json") {
        Ok(bytes) if !store.is_running(id) => RunRecord::from_json(&bytes).map_err(newer),
        Err(StoreError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::new(ProblemKind::Machine, format!("cannot read the record of {id}: {source}")).into())
        }
        // A run that goes on again has an old record; its events tell more.
        _ => Ok(RunRecord::fold(store.trace(id)?.lines.iter().map(|line| &line.event))),
    }
}
