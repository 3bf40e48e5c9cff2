//! A run under way: every event goes into the record, onto the disk and onto the terminal; at the end the record says
//! what came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::failure::{Failure, exit_code_of, place_of, placed_at};
use super::out::Out;
use super::terminal::Terminal;
use super::{Output, view};
use crate::exec::{self, Ran, Runner, Sources};
use crate::plan::Plan;
use crate::record::{Event, Line, Problem, ProblemKind, RunRecord, RunStatus, StepState};
use crate::report::Templates;
use crate::report::run::{Material, run_page};
use crate::spec::{Experiment, Waiver};
use crate::store::{RunFolder, Store, StoreError};

/// How the steps are worked through.
#[derive(Clone, Debug, Args)]
pub(super) struct WorkArgs {
    /// Worker threads; 0 means one per core
    #[arg(long, short = 'j', value_name = "N", default_value_t = 0, alias = "threads", value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub(super) jobs: u16,
    /// Memory that the steps may take together, such as `8GiB`: more is held back until there is room. By default four
    /// fifths of the machine's
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) memory: Option<u64>,
    /// Goes on with the steps that do not need a failed one; so it is unless `--fail-fast` says otherwise
    #[arg(long, conflicts_with = "fail_fast")]
    pub(super) keep_going: bool,
    /// Begins no further step once one has failed
    #[arg(long)]
    pub(super) fail_fast: bool,
}

impl WorkArgs {
    /// A runner as asked for.
    pub(super) fn runner(&self, experiment: &Experiment, plan: &Plan) -> Runner {
        let timeout = |step: &crate::plan::Step| {
            let seconds = experiment.limits.of(&step.name)?;
            Duration::try_from_secs_f64(seconds).ok()
        };
        Runner::new(usize::from(self.jobs))
            .memory(self.memory)
            .keep_going(!self.fail_fast)
            .timeouts(plan.steps.iter().map(timeout).collect())
    }
}

/// How a run shows itself.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct ShowArgs {
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

impl ShowArgs {
    pub(super) fn terminal(self, out: &Out) -> Terminal {
        Terminal::new(out, self.quiet || self.output == Output::Json || self.events)
    }
}

/// A number of bytes: `8GiB`, `500MB`, `1048576`.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        other => return Err(format!("no unit is called {other:?}: use KiB, MiB, GiB or TiB")),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 => Ok((number * factor as f64) as u64),
        _ => Err("expected a number of bytes above 0, such as 8GiB".into()),
    }
}

/// Takes every event: into the record, onto the disk, onto the terminal.
pub(super) struct Log<'a> {
    pub(super) folder: RunFolder<'a>,
    pub(super) experiment: &'a Experiment,
    pub(super) begun: Instant,
    /// Seconds that the run had been worked on before.
    pub(super) before: f64,
    pub(super) record: RunRecord,
    pub(super) terminal: Terminal,
    pub(super) show: ShowArgs,
    /// What the page is made with.
    pub(super) templates: Option<Templates>,
    pub(super) out: &'a mut Out,
}

impl Log<'_> {
    pub(super) fn emit(&mut self, mut event: Event) -> Result<(), StoreError> {
        self.place(&mut event);
        if let Event::StepStarted { at, .. } = &mut event {
            *at = Some(self.seconds());
        }
        let line = Line { v: Line::FORMAT, t: self.seconds(), event };
        self.record.apply(&line.event);
        self.terminal.show(&line.event);
        let text = serde_json::to_string(&line).unwrap_or_default();
        if self.show.events {
            // A reader that went away does not stop the run.
            let _ = self.out.line(&text);
        }
        // Progress is for the eye only.
        match line.event {
            Event::StepProgress { .. } => Ok(()),
            _ => self.folder.append_event(&text),
        }
    }

    fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    /// What goes wrong gets its place in the file, which only the experiment knows.
    fn place(&self, event: &mut Event) {
        match event {
            Event::StepFailed { problem, place, .. } => *place = place_of(problem, self.experiment),
            Event::BoundMissed { place, .. } => *place = Some(self.experiment.place("assert").to_string()),
            _ => {}
        }
    }

    /// The steps, then metrics, winner, files of the run folder and record. What turns out to be lost in the store on
    /// the way is made anew.
    pub(super) fn carry_out(
        mut self,
        runner: &Runner,
        plan: &Arc<Plan>,
        store: &Arc<Store>,
        sources: Sources,
    ) -> Result<u8, Failure> {
        self.emit(Event::DataRead { files: sources.named.clone() })?;
        let bytes = Arc::new(sources.bytes);
        let mut ran = runner.run(plan, store, &bytes, &mut |event| self.emit(event))?;
        let mut losses = 0;
        while !ran.interrupted {
            match self.finish(plan, &ran, store) {
                Ok(()) => {
                    let seconds = self.seconds();
                    self.emit(Event::RunFinished { seconds })?;
                    break;
                }
                Err(StoreError::Lost { digest, problem }) => {
                    let lost = ran.forget(&digest);
                    losses += 1;
                    // Each round mends a step at least, unless the disk spoils what was just written.
                    if lost.is_empty() || losses > 2 * plan.steps.len() {
                        return Err(StoreError::Lost { digest, problem }.into());
                    }
                    for index in lost {
                        let step = plan.steps[index].name.clone();
                        self.emit(Event::ObjectLost { step, digest, problem: problem.clone() })?;
                    }
                    ran = runner.go_on(plan, store, &bytes, ran, &mut |event| self.emit(event))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.folder.write("record.json", self.record.to_json().as_bytes())?;
        let failed = match (self.record.status, self.templates.as_ref()) {
            (RunStatus::Interrupted, _) | (_, None) => None,
            (_, Some(templates)) => page(templates, store, &self.record, &self.folder).err(),
        };
        self.terminal.end();
        if let Some(problem) = failed {
            // The results are there; only the page is not.
            self.out.note(&placed_at(problem, None).render());
        }

        // What came of it.
        report(&self.record, self.folder.path(), self.show, self.out)?;
        Ok(exit_code_of(&self.record))
    }

    fn finish(&mut self, plan: &Plan, ran: &Ran, store: &Store) -> Result<(), StoreError> {
        let mut events: Vec<Event> = Vec::new();
        let mut record = self.record.clone();
        exec::finish(self.experiment, plan, ran, store, &self.folder, &mut record, &mut |record, event| {
            record.apply(&event);
            events.push(event);
            Ok(())
        })?;
        events.into_iter().try_for_each(|event| self.emit(event))
    }
}

/// Writes the page of a run into its folder.
fn page(templates: &Templates, store: &Store, record: &RunRecord, folder: &RunFolder<'_>) -> Result<(), Problem> {
    let made = Material::gather(store, record)
        .map_err(|e| (ProblemKind::Machine, e.to_string()))
        .and_then(|material| run_page(templates, record, &material).map_err(|e| (ProblemKind::User, e.to_string())));
    let written = made.and_then(|page| {
        folder.write("report.html", page.as_bytes()).map_err(|e| (ProblemKind::Machine, e.to_string()))
    });
    written.map_err(|(kind, text)| {
        Problem::new(kind, format!("report.html was not written: {text}"))
            .hint(format!("`runner report {}` makes it from the record", record.volatile.run))
    })
}

/// The findings that an experiment accepts, read off its record.
pub(super) fn waivers(record: &RunRecord) -> Vec<Waiver> {
    record.experiment.get("allow").and_then(|a| serde_json::from_value(a.clone()).ok()).unwrap_or_default()
}

/// What a run says at its end: failures to standard error, the table to standard output.
pub(super) fn report(record: &RunRecord, folder: &Path, show: ShowArgs, out: &mut Out) -> Result<(), Failure> {
    let place = |name: &str| record.volatile.places.iter().find(|(n, _)| n == name).map(|(_, place)| place.clone());
    for step in &record.steps {
        if let StepState::Failed(problem) = &step.state {
            out.note(&placed_at(problem.clone(), place(&step.step)).render());
        }
    }
    for missed in &record.missed {
        let got = missed.value.map_or_else(|| "it is undefined".to_owned(), |v| format!("got {v:.4}"));
        let message = format!("{} of {}: expected {}, {got}", missed.metric.word(), missed.model, missed.bound);
        let problem = Problem::new(ProblemKind::Step, message).at("assert");
        out.note(&placed_at(problem, place(&missed.name())).render());
    }
    if show.events || (show.quiet && show.output == Output::Text) {
        return Ok(());
    }
    match show.output {
        Output::Json => out.text(&record.to_json())?,
        Output::Text => out.text(&view::summary(record, &waivers(record), folder))?,
    }
    Ok(())
}

/// The folder of a file, whole, so that a run can be taken up from anywhere.
pub(super) fn whole(folder: &Path) -> PathBuf {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::fs::canonicalize(here).unwrap_or_else(|_| here.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(bytes("8GiB"), Ok(8 << 30));
        assert_eq!(bytes("1.5 gb"), Ok(1_500_000_000));
        assert_eq!(bytes("4096"), Ok(4096));
        for wrong in ["", "GiB", "0", "-1", "8 parsecs", "1e999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
