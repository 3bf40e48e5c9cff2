//! `runner run`: one experiment from its file to its exit code. Read it top to bottom.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::failure::{Failure, Placed, exit_code_of, placed};
use super::out::Out;
use super::terminal::Terminal;
use super::{FileArgs, Folders, Output, view};
use crate::exec::{self, DataFolders, Runner};
use crate::ml::Numerics;
use crate::plan;
use crate::record::{Event, Line, Problem, ProblemKind, RunRecord, StepState};
use crate::spec::Experiment;
use crate::store::{RunFolder, Store, StoreError, new_run_id};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Worker threads; 0 means one per core
    #[arg(long, short = 'j', value_name = "N", default_value_t = 0, alias = "threads", value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub(super) jobs: u16,
    /// No progress, no table: only errors and the exit code
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// What to print at the end: a table, or the record as one JSON document
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Prints every event as a line of JSON while the run goes on, instead of the table
    #[arg(long, conflicts_with = "output")]
    pub(super) events: bool,
}

pub(super) fn run(args: &RunArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    // The file, all its faults at once.
    let experiment = Experiment::load(&args.file.file, &args.file.overrides())?;

    // The data, read once and hashed as the bytes that it is.
    let folders = DataFolders { data_dir: place.data_dir.clone() };
    let sources = exec::read_sources(&experiment, &folders)
        .map_err(|problems| Failure::Problems(problems.into_iter().map(|p| placed(p, &experiment)).collect()))?;

    // The plan: every key is known before work starts.
    let numerics = Numerics::detect();
    let plan = Arc::new(plan::build(&experiment, &sources.files, numerics));

    // The run is registered.
    let store = Arc::new(Store::open(&place.runs, place.store.as_deref())?);
    let runner = Runner::new(usize::from(args.jobs));
    let begun = Instant::now();
    let now = jiff::Zoned::now();
    let salt = format!("{now} {}", std::process::id());
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let folder = store.register(&new_run_id(&stamp, &experiment.name, salt.as_bytes()))?;
    let mut log = Log {
        folder,
        begun,
        record: RunRecord::new(),
        terminal: Terminal::new(out, args.quiet || args.output == Output::Json || args.events),
        stream: args.events,
        out,
    };
    let stop = runner.stop_handle();
    // A second signal finds the handler in place already; that is no failure.
    let _ = ctrlc::set_handler(move || stop.stop());
    log.emit(Event::RunStarted {
        run: log.folder.id().to_owned(),
        name: experiment.name.clone(),
        description: experiment.description.clone(),
        at: now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        threads: runner.threads(),
        numerics: numerics.word().to_owned(),
        experiment: experiment.resolved().clone(),
    })?;
    log.emit(Event::DataRead { files: sources.named.clone() })?;

    // The steps.
    let bytes = Arc::new(sources.bytes);
    let ran = runner.run(&plan, &store, &bytes, &mut |event| log.emit(event))?;

    // Metrics, winner, files of the run folder, record.
    if !ran.interrupted {
        log.finish(&experiment, &plan, &ran, &store)?;
        log.emit(Event::RunFinished { seconds: begun.elapsed().as_secs_f64() })?;
    }
    log.folder.write("record.json", log.record.to_json().as_bytes())?;
    log.terminal.end();

    // What came of it.
    let Log { record, folder, out, .. } = log;
    report(&record, &experiment, folder.path(), args, out)?;
    Ok(exit_code_of(&record))
}

/// Takes every event: into the record, onto the disk, onto the terminal.
struct Log<'a> {
    folder: RunFolder<'a>,
    begun: Instant,
    record: RunRecord,
    terminal: Terminal,
    stream: bool,
    out: &'a mut Out,
}

impl Log<'_> {
    fn emit(&mut self, event: Event) -> Result<(), StoreError> {
        emit(
            &mut self.folder,
            self.begun,
            &mut self.record,
            &mut self.terminal,
            self.stream.then_some(&mut *self.out),
            event,
        )
    }

    fn finish(
        &mut self,
        experiment: &Experiment,
        plan: &plan::Plan,
        ran: &exec::Ran,
        store: &Store,
    ) -> Result<(), StoreError> {
        let mut events: Vec<Event> = Vec::new();
        let mut record = self.record.clone();
        exec::finish(experiment, plan, ran, store, &self.folder, &mut record, &mut |record, event| {
            record.apply(&event);
            events.push(event);
            Ok(())
        })?;
        events.into_iter().try_for_each(|event| self.emit(event))
    }
}

fn emit(
    folder: &mut RunFolder<'_>,
    begun: Instant,
    record: &mut RunRecord,
    terminal: &mut Terminal,
    stream: Option<&mut Out>,
    event: Event,
) -> Result<(), StoreError> {
    let line = Line { v: Line::FORMAT, t: begun.elapsed().as_secs_f64(), event };
    record.apply(&line.event);
    terminal.show(&line.event);
    let text = serde_json::to_string(&line).unwrap_or_default();
    if let Some(out) = stream {
        // A reader that went away does not stop the run.
        let _ = out.line(&text);
    }
    // Progress is for the eye only.
    match line.event {
        Event::StepProgress { .. } => Ok(()),
        _ => folder.append_event(&text),
    }
}

fn report(
    record: &RunRecord,
    experiment: &Experiment,
    folder: &Path,
    args: &RunArgs,
    out: &mut Out,
) -> Result<(), Failure> {
    for step in &record.steps {
        if let StepState::Failed(problem) = &step.state {
            let Placed { problem, shown_place } = placed(problem.clone(), experiment);
            out.note(&Placed { problem, shown_place }.render());
        }
    }
    for missed in &record.missed {
        let got = missed.value.map_or_else(|| "it is undefined".to_owned(), |v| format!("got {v:.4}"));
        let message = format!("{} of {}: expected {}, {got}", missed.metric.word(), missed.model, missed.bound);
        out.note(&placed(Problem::new(ProblemKind::Step, message).at("assert"), experiment).render());
    }
    if args.events || (args.quiet && args.output == Output::Text) {
        return Ok(());
    }
    match args.output {
        Output::Json => out.text(&record.to_json())?,
        Output::Text => {
            out.text(&view::summary(record, &experiment.allow, folder))?;
        }
    }
    Ok(())
}
