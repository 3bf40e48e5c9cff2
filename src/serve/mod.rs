//! `runner serve`: the models of runs behind HTTP. The only room that waits for anything but the disk.
//!
//! ```text
//! connection (limits, time-outs) -> guard (token, shedding, log) -> handler -> score -> answer
//! ```

mod api;
mod architecture;
mod batch;
mod catalog;
mod connection;
mod guard;
mod metrics;
mod oip;
mod openapi;
mod pages;
mod problem;
#[cfg(test)]
mod tests;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use thiserror::Error;

pub use catalog::{Catalog, Source};
pub use watch::latest as latest_run;

use crate::score::{Answers, Instances, ScoreError, ServedModel};
use crate::store::StoreError;
use metrics::Metrics;

/// What the server allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's body; of a table, eight times as many.
    pub body: usize,
    /// Instances of one request.
    pub rows: usize,
    /// Requests that are worked on at once; more get 503.
    pub requests: usize,
    /// Open connections; more get 503.
    pub connections: usize,
    /// From the first byte of a request to the end of its head, and between requests.
    pub header: Duration,
    /// For the body of a request.
    pub body_time: Duration,
    /// For the answer.
    pub handler: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 << 20,
            rows: 10_000,
            requests: 256,
            connections: 1024,
            header: Duration::from_secs(15),
            body_time: Duration::from_secs(30),
            handler: Duration::from_secs(60),
        }
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub addr: SocketAddr,
    /// What clients must send as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// The origin that browsers may call from.
    pub cors: Option<String>,
    /// What is allowed.
    pub limits: Limits,
    /// Folder of the runs, and the store, for pages and watching.
    pub runs: PathBuf,
    /// The store, where it is not in the folder of the runs.
    pub store: Option<PathBuf>,
    /// Experiment whose newest run is served.
    pub watch: Option<String>,
    /// The models of it that are served; empty for all.
    pub models: Vec<String>,
    /// How often to look for a newer run.
    pub every: Duration,
    /// Worker threads.
    pub threads: usize,
}

/// Why the server does not start, or stopped.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The runtime cannot be had.
    #[error("the server cannot start: {0}")]
    Runtime(std::io::Error),
    /// A run that cannot be served.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A run that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What every request sees.
#[derive(Debug)]
pub(crate) struct App {
    pub config: Config,
    pub catalog: catalog::Shared,
    pub metrics: Metrics,
    pub room: tokio::sync::Semaphore,
    /// The digest of the token.
    pub token: Option<crate::digest::Digest>,
}

pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) fn new(config: Config, catalog: Catalog) -> Shared {
        Arc::new(Self {
            room: tokio::sync::Semaphore::new(config.limits.requests),
            token: config.token.as_deref().map(|t| crate::digest::Digest::of(t.as_bytes())),
            metrics: Metrics::new(&catalog),
            catalog: catalog::Shared::new(catalog),
            config,
        })
    }
}

impl App {
    /// Answers raw rows, and counts them and their answers.
    pub(crate) fn answer(&self, model: &ServedModel, read: Instances) -> Result<Answers, ScoreError> {
        self.metrics.looked_at(model, &read.columns);
        let answers = model.answer(read.columns, read.rows)?;
        self.metrics.answered(model, &answers);
        Ok(answers)
    }
}

/// All routes.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .route("/api/v1/health", get(api::health))
        .route("/api/v1/health/ready", get(api::ready))
        .route("/api/v1/models", get(api::models))
        .route("/api/v1/models/{*name}", get(api::model))
        .route("/api/v1/model-architecture/{*name}", get(architecture::architecture))
        .route("/api/v1/predict", post(api::predict))
        .route("/api/v1/predict/batch", post(batch::batch))
        .route("/v2", get(oip::server))
        .route("/v2/health/live", get(oip::live))
        .route("/v2/health/ready", get(oip::live))
        .route("/v2/models/{name}", get(oip::model))
        .route("/v2/models/{name}/ready", get(oip::model_ready))
        .route("/v2/models/{name}/infer", post(oip::infer))
        .route("/v2/models/{name}/versions/{version}", get(oip::model_version))
        .route("/v2/models/{name}/versions/{version}/ready", get(oip::model_version_ready))
        .route("/v2/models/{name}/versions/{version}/infer", post(oip::infer_version))
        .route("/openapi.json", get(openapi::document))
        .route("/metrics", get(metrics::page))
        .route("/", get(pages::report))
        .route("/compare", get(pages::compare))
        .merge(pages::docs())
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// Serves until SIGTERM or Ctrl-C, then finishes the requests that are there. `ready` is told the address.
///
/// # Errors
/// [`ServeError`] where the address or the runtime cannot be had.
pub fn serve(config: Config, catalog: Catalog, ready: &mut dyn FnMut(SocketAddr)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads.max(1))
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    runtime.block_on(async {
        let addr = config.addr;
        let listen = |source| ServeError::Listen { addr, source };
        let listener = tokio::net::TcpListener::bind(addr).await.map_err(listen)?;
        let app = App::new(config, catalog);
        ready(listener.local_addr().map_err(listen)?);
        if app.config.watch.is_some() {
            tokio::spawn(watch::watch(app.clone()));
        }
        connection::accept(listener, app).await;
        Ok(())
    })
}
