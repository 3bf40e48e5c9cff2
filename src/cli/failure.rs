//! Every error of the library becomes a `Failure` here, and only this file knows exit codes.

use std::io;

use serde_json::json;

use super::Output;
use super::out::Out;
use crate::exec::ExecError;
use crate::record::{Problem, ProblemKind, RunRecord, RunStatus};
use crate::score::ScoreError;
use crate::spec::{Experiment, SpecError};
use crate::store::StoreError;
use crate::table::TableError;

/// Exit codes. 0 is success.
pub(super) const STEP: u8 = 1;
const USER: u8 = 2;
const MACHINE: u8 = 3;
const BUG: u8 = 70;
pub(super) const INTERRUPTED: u8 = 130;

/// A problem with the place where it can be mended.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) problem: Problem,
    /// `file.yaml:6:5`, `--set a.b=1`, or a data file and line.
    pub(super) shown_place: Option<String>,
}

/// What stops a command.
#[derive(Debug)]
pub(super) enum Failure {
    /// One problem or several, all of them known at once.
    Problems(Vec<Placed>),
    /// Writing to standard output.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![Placed { problem, shown_place: None }])
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Self {
        let placed = error.faults.into_iter().map(|fault| Placed {
            shown_place: Some(fault.place.to_string()),
            problem: Problem {
                kind: ProblemKind::User,
                message: match &fault.path {
                    Some(path) => format!("{path}: {}", fault.message),
                    None => fault.message,
                },
                place: fault.path,
                file: None,
                line: None,
                hints: fault.hint.into_iter().collect(),
            },
        });
        Self::Problems(placed.collect())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let problem = |kind| Problem::new(kind, error.to_string());
        match &error {
            StoreError::Io { .. } => problem(ProblemKind::Machine)
                .hint("check the folder's permissions and free space, or choose another with --runs"),
            StoreError::Newer { .. } => problem(ProblemKind::Machine)
                .hint("use the newer version of runner that wrote it, or another folder with --runs"),
            StoreError::Damaged { .. } => {
                problem(ProblemKind::Machine).hint("run again: what is damaged was moved aside and is made anew")
            }
            StoreError::Lost { .. } => {
                problem(ProblemKind::Machine).hint("run the experiment again: what is lost is made anew")
            }
            StoreError::Running(_) => {
                problem(ProblemKind::Machine).hint("wait until it has ended, or stop it with Ctrl-C where it runs")
            }
            StoreError::Busy { .. } => problem(ProblemKind::Machine).hint("wait until it has ended, then try again"),
            StoreError::Archive { .. } => {
                problem(ProblemKind::User).hint("an archive is what `runner export RUN FILE` writes")
            }
            StoreError::Nondeterministic(_) => problem(ProblemKind::Bug),
            StoreError::NoSuchRun(_) => problem(ProblemKind::User).hint("`runner ls` lists the runs"),
        }
        .into()
    }
}

impl From<ScoreError> for Failure {
    fn from(error: ScoreError) -> Self {
        let problem = |kind, text: String| Problem::new(kind, text);
        match error {
            ScoreError::Run { message, hint } => problem(ProblemKind::User, message).hint(hint),
            ScoreError::Golden(message) => problem(ProblemKind::Machine, message)
                .hint("nothing is served: use the version of runner that made the run, or run the experiment again"),
            ScoreError::Row { row, message, .. } => match row {
                Some(row) => problem(ProblemKind::User, format!("row {row}: {message}")),
                None => problem(ProblemKind::User, message),
            },
            ScoreError::Syntax(message) => problem(ProblemKind::User, message),
        }
        .into()
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let shown_place = error.file.as_ref().map(|file| match error.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        });
        let mut problem = Problem::new(ProblemKind::User, error.message);
        problem.hints = error.hints;
        Self::Problems(vec![Placed { problem, shown_place }])
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::Store(error) => error.into(),
            ExecError::Threads(_) => Problem::new(ProblemKind::Machine, error.to_string()).into(),
        }
    }
}

/// Where a problem can be mended: a data file and line, or the place of a value in the experiment.
pub(super) fn place_of(problem: &Problem, experiment: &Experiment) -> Option<String> {
    match (&problem.file, &problem.place) {
        (Some(file), _) => Some(match problem.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        }),
        (None, Some(place)) => Some(experiment.place(place).to_string()),
        (None, None) => None,
    }
}

/// A problem whose place is known, with the path of the value before its message.
pub(super) fn placed_at(problem: Problem, shown_place: Option<String>) -> Placed {
    let message = match &problem.place {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    Placed { problem: Problem { message, ..problem }, shown_place }
}

/// A problem with its place in the experiment's file.
pub(super) fn placed(problem: Problem, experiment: &Experiment) -> Placed {
    let shown_place = place_of(&problem, experiment);
    placed_at(problem, shown_place)
}

fn code_of(kind: ProblemKind) -> u8 {
    match kind {
        ProblemKind::User => USER,
        ProblemKind::Step => STEP,
        ProblemKind::Machine => MACHINE,
        ProblemKind::Bug => BUG,
    }
}

/// The exit code of a run by its record.
pub(super) fn exit_code_of(record: &RunRecord) -> u8 {
    match record.status {
        RunStatus::Interrupted => INTERRUPTED,
        RunStatus::Failed => record.worst_problem().map_or(STEP, |p| code_of(p.kind)),
        RunStatus::Running | RunStatus::Finished => u8::from(!record.missed.is_empty()) * STEP,
    }
}

impl Failure {
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Problems(all) => all.first().map_or(BUG, |p| code_of(p.problem.kind)),
            Self::Output(_) => MACHINE,
        }
    }

    /// Prints to standard error, and with `--output json` a document to standard output as well.
    pub(super) fn print(&self, output: Output, out: &mut Out) -> io::Result<()> {
        let problems = match self {
            Self::Output(error) => {
                out.note(&format!("error: cannot write to standard output: {error}\n"));
                return Ok(());
            }
            Self::Problems(problems) => problems,
        };
        for placed in problems {
            out.note(&placed.render());
        }
        if problems.len() > 1 {
            out.note(&format!("{} problems; nothing was run\n", problems.len()));
        }
        if output == Output::Json {
            let all: Vec<_> = problems.iter().map(Placed::json).collect();
            out.line(&json!({"exit_code": self.exit_code(), "problems": all}).to_string())?;
        }
        Ok(())
    }
}

impl Placed {
    /// `error: …`, the place and the hints, each on a line.
    pub(super) fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.problem.message);
        if let Some(place) = &self.shown_place {
            text.push_str(&format!("  --> {place}\n"));
        }
        for hint in &self.problem.hints {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "kind": self.problem.kind,
            "message": self.problem.message,
            "place": self.shown_place,
            "path": self.problem.place,
            "hints": self.problem.hints,
        })
    }
}
