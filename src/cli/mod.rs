//! The command line: argv to one of the commands, and the only place that prints and exits.

mod check;
mod compare;
mod data;
mod diff;
mod failure;
mod init;
mod keep;
mod log;
mod look;
mod ls;
mod out;
mod plan;
mod predict;
mod report;
mod run;
mod serve;
mod show;
mod terminal;
mod verify;
mod view;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::record::{Problem, ProblemKind};
use crate::spec::Overrides;
use crate::store::Store;
use failure::Failure;

use out::Out;

/// Experiments on network-traffic tables: one YAML file in, judged models, CSVs and a record out.
#[derive(Debug, Parser)]
#[command(name = "runner", version, arg_required_else_help = true, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    place: Folders,
    #[command(subcommand)]
    command: Command,
}

/// Where things lie.
#[derive(Clone, Debug, Args)]
struct Folders {
    /// Folder of the runs
    #[arg(long, global = true, value_name = "DIR", env = "RUNNER_RUNS", default_value = "runs")]
    runs: PathBuf,
    /// Store of step results; by default `.store` in the folder of the runs
    #[arg(long, global = true, value_name = "DIR", env = "RUNNER_STORE")]
    store: Option<PathBuf>,
    /// Folder where relative data paths are looked up, after that of the YAML file
    #[arg(long, global = true, value_name = "DIR", env = "RUNNER_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl Folders {
    /// The store, for looking only: nothing is made where there is none.
    fn look(&self) -> Result<Store, Failure> {
        if !self.runs.is_dir() {
            let message = format!("there is no run in {} yet", self.runs.display());
            let hint = "give another folder with --runs, or make a run: `runner run experiments/baseline.yaml`";
            return Err(Problem::new(ProblemKind::User, message).hint(hint).into());
        }
        Ok(Store::look(&self.runs, self.store.as_deref())?)
    }
}

/// An experiment's file and what is laid over it.
#[derive(Clone, Debug, Args)]
struct FileArgs {
    /// Experiment, a YAML file
    file: PathBuf,
    /// Changes a value: `models.mlp.alpha=0.01`, `prepare.select.top=20`, `models.mlp=null`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl FileArgs {
    fn overrides(&self) -> Overrides {
        let text = |s: OsString| s.into_string().ok();
        Overrides {
            environment: std::env::vars_os().filter_map(|(k, v)| Some((text(k)?, text(v)?))).collect(),
            set: self.set.clone(),
        }
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes a first experiment on a table: every guess with its reason beside it
    Init(init::InitArgs),
    /// Shows what is in a table: columns, classes, repeated rows, columns that give the class away
    Data(data::DataArgs),
    /// Runs an experiment
    Run(run::RunArgs),
    /// Goes on with a run that was stopped or killed, or in which a step failed
    Resume(run::ResumeArgs),
    /// Checks an experiment without running it
    Check {
        #[command(flatten)]
        file: FileArgs,
        /// How to print the verdict
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Shows what a run would do: which steps are stored, which would run and why, and about how long that takes
    Plan {
        #[command(flatten)]
        file: FileArgs,
        /// How to print it: a tree, or JSON
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Says why steps would run: the fields in which they differ from what is stored
    Why {
        #[command(flatten)]
        file: FileArgs,
        /// Name of a step, such as `fit/mlp`; without it, all steps that would run for a reason of their own
        step: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Prints an experiment as resolved: parents and overrides merged, every default filled in
    Config {
        #[command(flatten)]
        file: FileArgs,
        /// How to print it: YAML, or JSON
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Computes the steps of a run again and compares the bytes
    Verify(verify::VerifyArgs),
    /// Shows what differs between two runs: experiment, data, steps, metrics
    Diff {
        /// Run id, a unique beginning of one, or `latest`
        before: String,
        /// The other one
        #[arg(default_value = "latest")]
        now: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Puts runs side by side, as a page: what differs, metrics, paired tests, confusion, timings
    Compare(compare::CompareArgs),
    /// Makes the page of all runs and the comparison of the latest ones, and opens it where there is a browser
    Report(report::ReportArgs),
    /// Shows the events of a run again, as the terminal showed them
    Replay {
        /// Run id, a unique beginning of one, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        #[command(flatten)]
        show: log::ShowArgs,
    },
    /// Removes the folders of runs
    Rm {
        /// Run ids, unique beginnings of some, or `latest`
        #[arg(required = true, value_name = "RUN")]
        which: Vec<String>,
    },
    /// Removes stored results that no run refers to
    Gc(keep::GcArgs),
    /// Reads the whole store and compares every recipe, entry and object with its name
    Fsck {
        /// Puts out of the way what is wrong, so that it is made anew
        #[arg(long)]
        repair: bool,
        /// How to print the findings
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Writes a run with all its results into one file
    Export {
        /// Run id, a unique beginning of one, or `latest`
        run: String,
        /// The file, such as `run.tar.zst`
        to: PathBuf,
    },
    /// Reads runs that were exported, and checks every byte of them
    Import {
        /// The files
        #[arg(required = true)]
        from: Vec<PathBuf>,
        /// How to print what was read
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Answers the rows of a table with a fitted model of a run
    Predict(predict::PredictArgs),
    /// Serves the models of runs over HTTP
    Serve(serve::ServeArgs),
    /// Prints the JSON Schema of experiment files
    Schema,
    /// Explains a parameter, such as `models.random_forest.max_features`
    Explain {
        /// Dotted path; without it, the whole file
        #[arg(default_value = "")]
        path: String,
    },
    /// Lists the runs
    Ls {
        /// How to print the list
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Shows a run: models and metrics, warnings, timings; its metrics as CSV, JSON, Markdown or LaTeX
    Show(show::ShowRunArgs),
}

/// Runs the command that `argv` asks for.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; the rest is the user's to mend.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let mut out = Out::new();
    let place = cli.place;
    let (result, output) = match cli.command {
        Command::Init(args) => (init::init(&args, &place, &mut out), Output::Text),
        Command::Data(args) => {
            let output = args.output;
            (data::data(&args, &place, &mut out), output)
        }
        Command::Run(args) => {
            let output = args.show.output;
            (run::run(&args, &place, &mut out), output)
        }
        Command::Resume(args) => {
            let output = args.show.output;
            (run::resume(&args, &place, &mut out), output)
        }
        Command::Check { file, output } => (check::check(&file, output, &mut out), output),
        Command::Config { file, output } => (check::config(&file, output, &mut out), output),
        Command::Plan { file, output } => (plan::plan(&file, &place, output, &mut out), output),
        Command::Why { file, step, output } => (plan::why(&file, step.as_deref(), &place, output, &mut out), output),
        Command::Verify(args) => {
            let output = args.output;
            (verify::verify(&args, &place, &mut out), output)
        }
        Command::Diff { before, now, output } => (diff::diff(&before, &now, &place, output, &mut out), output),
        Command::Compare(args) => {
            let output = args.output;
            (compare::compare(&args, &place, &mut out), output)
        }
        Command::Report(args) => (report::report(&args, &place, &mut out), Output::Text),
        Command::Replay { run, show } => {
            let output = show.output;
            (keep::replay(&run, show, &place, &mut out), output)
        }
        Command::Rm { which } => (keep::rm(&which, &place, &mut out), Output::Text),
        Command::Gc(args) => {
            let output = args.output;
            (keep::gc(&args, &place, &mut out), output)
        }
        Command::Fsck { repair, output } => (keep::fsck(&place, repair, output, &mut out), output),
        Command::Export { run, to } => (keep::export(&run, &to, &place, &mut out), Output::Text),
        Command::Import { from, output } => (keep::import(&from, &place, output, &mut out), output),
        Command::Predict(args) => (predict::predict(&args, &place, &mut out), Output::Text),
        Command::Serve(args) => (serve::serve(&args, &place, &mut out), Output::Text),
        Command::Schema => (check::schema(&mut out), Output::Text),
        Command::Explain { path } => (check::explain(&path, &mut out), Output::Text),
        Command::Ls { output } => (ls::ls(&place, output, &mut out), output),
        Command::Show(args) => {
            let output = args.output;
            (show::show(&args, &place, &mut out), output)
        }
    };
    let code = match result {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => 0,
        Err(failure) => {
            let code = failure.exit_code();
            if failure.print(output, &mut out).is_err() { 0 } else { code }
        }
    };
    ExitCode::from(code)
}
