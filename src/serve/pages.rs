//! Pages for people: the report of the run, the comparison, and the page of the API.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::Shared;
use super::api::broken;
use super::problem::Problem;
use crate::store::Store;

fn html(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes).into_response()
}

/// The report of the first run, as its folder has it.
pub(super) async fn report(State(app): State<Shared>) -> Result<Response, Problem> {
    let id = app.catalog.now().runs.first().map(|s| s.run.id.clone()).unwrap_or_default();
    let read = tokio::task::spawn_blocking(move || {
        let store = Store::look(&app.config.runs, app.config.store.as_deref()).ok()?;
        store.read_run_file(&id, "report.html").ok()
    });
    read.await.map_err(|_| broken())?.map(html).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "the run has no report").hint("GET /docs, or GET /api/v1/models")
    })
}

/// The comparison in the folder of the runs.
pub(super) async fn compare(State(app): State<Shared>) -> Result<Response, Problem> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(app.config.runs.join("compare.html")).ok());
    read.await
        .map_err(|_| broken())?
        .map(html)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no comparison").hint("make it: runner compare"))
}

/// Swagger UI, from the program itself.
pub(super) fn docs() -> Router<Shared> {
    SwaggerUi::new("/docs").config(Config::new(["/openapi.json"]).try_it_out_enabled(true)).into()
}
