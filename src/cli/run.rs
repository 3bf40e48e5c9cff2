//! `runner run`: one experiment from its file to its exit code. Read it top to bottom. `runner resume` goes on with one
//! that had stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::failure::{Failure, placed};
use super::log::{Log, ShowArgs, WorkArgs, report, whole};
use super::out::Out;
use super::{FileArgs, Folders};
use crate::exec::{self, DataFolders, Sources};
use crate::ml::Numerics;
use crate::plan::{self, Plan};
use crate::record::{Event, Problem, ProblemKind, RunRecord, RunStatus};
use crate::report::Templates;
use crate::spec::Experiment;
use crate::store::{Store, new_run_id};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
    #[command(flatten)]
    pub(super) work: WorkArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
    #[command(flatten)]
    pub(super) page: PageArgs,
}

/// How the page of the run is made.
#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// Draws no figures: the page has tables only
    #[arg(long)]
    pub(super) no_figures: bool,
    /// Folder with templates that take the place of those of the program
    #[arg(long, value_name = "DIR", env = "RUNNER_TEMPLATES")]
    pub(super) templates: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// Run id, a unique beginning of one, or `latest`
    #[arg(default_value = "latest")]
    pub(super) run: String,
    #[command(flatten)]
    pub(super) work: WorkArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}

pub(super) fn run(args: &RunArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    // The file, all its faults at once.
    let experiment = Experiment::load(&args.file.file, &args.file.overrides())?;

    // The data, hashed as the bytes that it is, and the plan: every key is known before work starts.
    let numerics = Numerics::detect();
    let (mut plan, sources) = planned(&experiment, place, numerics)?;
    if args.page.no_figures {
        plan = Arc::new(Arc::unwrap_or_clone(plan).without_figures());
    }
    let templates = Templates::new(args.page.templates.as_deref())?;

    // The run is registered.
    let store = Arc::new(Store::open(&place.runs, place.store.as_deref())?);
    sources.remember(&store);
    let runner = args.work.runner(&experiment, &plan);
    let now = jiff::Zoned::now();
    let salt = format!("{now} {}", std::process::id());
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let folder = store.register(&new_run_id(&stamp, &experiment.name, salt.as_bytes()))?;
    let mut log = Log {
        folder,
        experiment: &experiment,
        begun: Instant::now(),
        before: 0.0,
        record: RunRecord::new(),
        terminal: args.show.terminal(out),
        show: args.show,
        templates: Some(templates),
        out,
    };
    let stop = runner.stop_handle();
    // A second signal finds the handler in place already; that is no failure.
    let _ = ctrlc::set_handler(move || stop.stop());
    log.emit(Event::RunStarted {
        run: log.folder.id().to_owned(),
        name: experiment.name.clone(),
        description: experiment.description.clone(),
        at: stamp_of(&now),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        threads: runner.threads(),
        numerics: numerics.word().to_owned(),
        experiment: experiment.resolved().clone(),
        folder: whole(&experiment.folder).to_string_lossy().into_owned(),
        machine: machine(),
    })?;

    // The steps, then metrics, winner, files of the run folder, record.
    log.carry_out(&runner, &plan, &store, sources)
}

/// Cores, processor and system, as far as the system tells: `2 cores of AMD EPYC, linux 6.18 on x86_64`.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = read("/proc/cpuinfo");
    let processor =
        info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    let processor = processor.map(|name| format!(" of {name}")).unwrap_or_default();
    let release = read("/proc/sys/kernel/osrelease");
    let system = format!("{} {}", std::env::consts::OS, release.trim());
    format!("{cores} cores{processor}, {} on {}", system.trim(), std::env::consts::ARCH)
}

pub(super) fn resume(args: &ResumeArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    place.look()?;
    let store = Arc::new(Store::open(&place.runs, place.store.as_deref())?);
    let id = store.find_run(&args.run)?;
    let (folder, trace) = store.reopen(&id)?;
    let record = RunRecord::fold(trace.lines.iter().map(|line| &line.event));
    if record.status == RunStatus::Finished {
        // Killed between its last event and its record.
        if store.read_run_file(&id, "record.json").is_err() {
            folder.write("record.json", record.to_json().as_bytes())?;
        }
        out.note(&format!("run {id} is finished; there is nothing to go on with\n"));
        report(&record, folder.path(), args.show, out)?;
        return Ok(super::failure::exit_code_of(&record));
    }
    if record.volatile.run.is_empty() {
        let text = format!("run {id} stopped before it was written down what it is");
        return Err(Problem::new(ProblemKind::User, text).hint("start it again with `runner run FILE`").into());
    }

    // The same experiment, data and keys as then.
    let experiment = stored_experiment(&record)?;
    let numerics = stored_numerics(&record)?;
    let (mut plan, sources) = planned(&experiment, place, numerics)?;
    // A run without figures goes on without them.
    let drew = |s: &crate::record::StepRecord| plan.steps.iter().any(|p| p.key == s.key && p.recipe.step.is_figure());
    if !record.steps.is_empty() && !record.steps.iter().any(drew) {
        plan = Arc::new(Arc::unwrap_or_clone(plan).without_figures());
    }
    let unlike = |what: String| {
        Failure::from(
            Problem::new(ProblemKind::User, what).hint("start a new run: `runner run FILE` takes up what still fits"),
        )
    };
    for (then, now) in record.data.iter().zip(&sources.named) {
        if then.digest != now.digest {
            return Err(unlike(format!("{} has changed since run {id} began", now.path)));
        }
    }
    let moved = record.steps.iter().find(|s| plan.steps.iter().all(|now| now.key != s.key));
    if let Some(step) = moved {
        return Err(unlike(format!("this version of runner computes {} of run {id} in another way", step.step)));
    }

    let runner = args.work.runner(&experiment, &plan);
    let before = trace.lines.last().map_or(0.0, |line| line.t);
    let mut log = Log {
        folder,
        experiment: &experiment,
        begun: Instant::now(),
        before,
        record,
        terminal: args.show.terminal(out),
        show: args.show,
        templates: Some(Templates::new(None)?),
        out,
    };
    let stop = runner.stop_handle();
    let _ = ctrlc::set_handler(move || stop.stop());
    log.emit(Event::Resumed { at: stamp_of(&jiff::Zoned::now()), threads: runner.threads() })?;
    log.carry_out(&runner, &plan, &store, sources)
}

fn stamp_of(now: &jiff::Zoned) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// The plan of an experiment, and its data files. What the store remembers of large files is believed.
pub(super) fn planned(
    experiment: &Experiment,
    place: &Folders,
    numerics: Numerics,
) -> Result<(Arc<Plan>, Sources), Failure> {
    let memory = Store::look(&place.runs, place.store.as_deref())?;
    let sources = sources(experiment, place, Some(&memory))?;
    Ok((Arc::new(plan::build(experiment, &sources.files, numerics)), sources))
}

/// The data files of an experiment.
pub(super) fn sources(experiment: &Experiment, place: &Folders, memory: Option<&Store>) -> Result<Sources, Failure> {
    let folders = DataFolders { data_dir: place.data_dir.clone() };
    exec::read_sources_with(experiment, &folders, memory)
        .map_err(|problems| Failure::Problems(problems.into_iter().map(|p| placed(p, experiment)).collect()))
}

/// The experiment of a run, as it was resolved.
pub(super) fn stored_experiment(record: &RunRecord) -> Result<Experiment, Failure> {
    Ok(Experiment::from_resolved(&record.experiment, PathBuf::from(&record.volatile.folder))?)
}

/// The SIMD level of a run, where this processor has it.
pub(super) fn stored_numerics(record: &RunRecord) -> Result<Numerics, Failure> {
    let level = Numerics::ALL.iter().copied().find(|n| n.word() == record.numerics && n.available());
    level.ok_or_else(|| {
        let text = format!(
            "the run needs a processor with {}, and this one has {}",
            record.numerics,
            Numerics::detect().word()
        );
        Problem::new(ProblemKind::User, text).hint("use a machine that has it, or run the experiment anew").into()
    })
}
