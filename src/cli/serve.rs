//! `runner serve`: the models of runs over HTTP.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Folders;
use super::failure::Failure;
use super::out::Out;
use super::predict::served;
use crate::record::{Problem, ProblemKind};
use crate::serve::{Catalog, Config, Limits, ServeError, Source, latest_run, serve as listen};

/// How requests are logged, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogForm {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
    /// Nothing.
    Off,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Run id, a unique beginning of one, or `latest`; several times for several runs
    #[arg(long = "run", value_name = "RUN", default_value = "latest")]
    which: Vec<String>,
    /// Models to serve; `best` is the winner; left out, all
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: String,
    /// What clients must send as `Authorization: Bearer TOKEN`
    #[arg(long, env = "RUNNER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Listens on an address that others reach, without a token
    #[arg(long)]
    insecure: bool,
    /// The origin of pages whose scripts may call, such as `https://example.org`
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<String>,
    /// `latest:NAME`: serves the newest run of this experiment, and each newer one as soon as it has finished
    #[arg(long, value_name = "WHAT", conflicts_with = "which")]
    watch: Option<String>,
    /// Seconds between two looks for a newer run
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    watch_every: f64,
    /// Worker threads; 0 means one per core
    #[arg(long, short = 'j', default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    jobs: u16,
    /// How to log requests
    #[arg(long, value_enum, default_value_t)]
    log: LogForm,
    /// Instances of one request, at most
    #[arg(long, default_value_t = 10_000)]
    max_rows: usize,
    /// MiB of a request's body, at most; a table may have eight times as many
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_body: u16,
    /// Requests that are worked on at once; more are turned away
    #[arg(long, default_value_t = 256)]
    max_requests: usize,
    /// Connections that are open at once; more are turned away
    #[arg(long, default_value_t = 1024)]
    max_connections: usize,
}

fn user(message: String, hint: &str) -> Failure {
    Problem::new(ProblemKind::User, message).hint(hint).into()
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Score(error) => error.into(),
            ServeError::Store(error) => error.into(),
            ServeError::Listen { .. } => Problem::new(ProblemKind::Machine, error.to_string())
                .hint("another program may listen there: choose another port with --addr 127.0.0.1:PORT")
                .into(),
            ServeError::Runtime(_) => Problem::new(ProblemKind::Machine, error.to_string()).into(),
        }
    }
}

fn address(args: &ServeArgs) -> Result<SocketAddr, Failure> {
    let hint = "write it as 127.0.0.1:8000";
    let found = args.addr.to_socket_addrs().ok().and_then(|mut all| all.next());
    let addr =
        found.ok_or_else(|| user(format!("--addr: expected an address and a port, got {:?}", args.addr), hint))?;
    let token = args.token.as_deref().unwrap_or_default();
    if args.token.is_some() && (token.len() < 8 || !token.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(user(
            "--token: expected at least 8 letters, digits or signs, without blanks".into(),
            "make one: openssl rand -hex 16",
        ));
    }
    if !addr.ip().is_loopback() && args.token.is_none() && !args.insecure {
        return Err(user(
            format!("{addr} can be reached from other machines, and there is no token"),
            "set RUNNER_TOKEN or --token; or say --insecure if everybody may ask",
        ));
    }
    Ok(addr)
}

pub(super) fn serve(args: &ServeArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let addr = address(args)?;
    let every = Duration::try_from_secs_f64(args.watch_every).ok().filter(|d| *d >= Duration::from_millis(50));
    let every = every.ok_or_else(|| user("--watch-every: expected at least 0.05 seconds".into(), "such as 2"))?;
    let store = place.look()?;
    let watch = match args.watch.as_deref().map(|w| (w, w.strip_prefix("latest:"))) {
        None => None,
        Some((_, Some(name))) if !name.is_empty() => Some(name.to_owned()),
        Some((what, _)) => {
            return Err(user(format!("--watch: expected latest:NAME, got {what:?}"), "NAME is that of an experiment"));
        }
    };
    let ids = match &watch {
        Some(name) => vec![latest_run(&store, name).ok_or_else(|| {
            user(format!("--watch: there is no finished run of an experiment {name:?}"), "`runner ls` lists the runs")
        })?],
        None => args.which.iter().map(|word| served(&store, word, out)).collect::<Result<Vec<_>, _>>()?,
    };
    let sources = ids.iter().map(|id| Source::load(&store, id, &args.models)).collect::<Result<Vec<_>, _>>()?;
    let catalog = Catalog::new(sources);
    log(args.log);
    let config = Config {
        addr,
        token: args.token.clone(),
        cors: args.cors.clone(),
        limits: Limits {
            body: usize::from(args.max_body) << 20,
            rows: args.max_rows.max(1),
            requests: args.max_requests.max(1),
            connections: args.max_connections.max(1),
            ..Limits::default()
        },
        runs: place.runs.clone(),
        store: place.store.clone(),
        watch,
        models: args.models.clone(),
        every,
        threads: match args.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => usize::from(n),
        },
    };
    let names: Vec<String> = catalog
        .names()
        .iter()
        .map(|(name, model)| match model.refused() {
            Some(_) => format!("{name} (listed only)"),
            None => name.clone(),
        })
        .collect();
    listen(config, catalog, &mut |addr| {
        out.note(&format!("serving {} from {}\nhttp://{addr}/docs\n", names.join(", "), ids.join(", ")));
    })?;
    Ok(0)
}

fn log(form: LogForm) {
    let filter = tracing_subscriber::EnvFilter::new("info");
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Another subscriber is there in tests; then it logs.
    let _ = match form {
        LogForm::Text => base.with_ansi(false).try_init(),
        LogForm::Json => base.json().flatten_event(true).try_init(),
        LogForm::Off => Ok(()),
    };
}
