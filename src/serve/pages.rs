//! Pages for people: the report of the run, the comparison, and the page of the API.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::api::broken;
use super::problem::Problem;
use super::watch::brief;
use super::{Catalog, Shared};
use crate::report::compare::{LATEST, compare as side_by_side, compare_page, gather};
use crate::report::run::{Material, run_page};
use crate::report::{PageError, Templates};
use crate::store::Store;

fn html(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes).into_response()
}

/// A page that is made where waiting is allowed. `None` where there is nothing to show.
async fn page(
    app: Shared,
    make: impl FnOnce(&Store, &Catalog) -> Result<Option<Vec<u8>>, PageError> + Send + 'static,
    nothing: &'static str,
) -> Result<Response, Problem> {
    let catalog = app.catalog.now();
    let made = tokio::task::spawn_blocking(move || {
        let store = Store::look(&app.config.runs, app.config.store.as_deref()).ok();
        store.map_or(Ok(None), |store| make(&store, &catalog))
    });
    let made = made.await.map_err(|_| broken())?.map_err(|error| {
        tracing::error!(%error, "a page cannot be made");
        broken()
    })?;
    made.map(html).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, nothing).hint("GET /docs, or GET /api/v1/models"))
}

/// The report of the first run: as its folder has it, else made from its record.
pub(super) async fn report(State(app): State<Shared>) -> Result<Response, Problem> {
    let make = |store: &Store, catalog: &Catalog| {
        let Some(source) = catalog.runs.first() else { return Ok(None) };
        if let Ok(bytes) = store.read_run_file(&source.run.id, "report.html") {
            return Ok(Some(bytes));
        }
        let record = &source.run.record;
        let Ok(material) = Material::gather(store, record) else { return Ok(None) };
        run_page(&Templates::new(None)?, record, &material).map(|text| Some(text.into_bytes()))
    };
    page(app, make, "no run is served").await
}

/// The comparison of the runs that are served; where one is, of the latest ones of its experiment.
pub(super) async fn compare(State(app): State<Shared>) -> Result<Response, Problem> {
    let make = |store: &Store, catalog: &Catalog| {
        let mut ids: Vec<String> = catalog.runs.iter().map(|s| s.run.id.clone()).collect();
        if let [source] = catalog.runs.as_slice() {
            // The others in the folder are nobody's business here.
            let same = |id: &String| {
                *id != source.run.id && brief(store, id).is_some_and(|b| b.name == source.run.record.name)
            };
            let mut others: Vec<String> = store.run_ids().unwrap_or_default();
            others.retain(same);
            ids.extend(others.split_off(others.len().saturating_sub(LATEST - 1)));
        }
        let Ok(mut gathered) = gather(store, &ids) else { return Ok(None) };
        if gathered.runs.is_empty() {
            return Ok(None);
        }
        // Only the page of a run that is served is here, at another path.
        gathered.runs.iter_mut().for_each(|run| run.has_page = false);
        let baseline = catalog.runs.first().and_then(|s| gathered.runs.iter().position(|r| r.id == s.run.id));
        let made = side_by_side(&gathered, baseline.unwrap_or(0));
        compare_page(&Templates::new(None)?, &gathered, &made, "").map(|text| Some(text.into_bytes()))
    };
    page(app, make, "there are no runs to compare").await
}

/// Swagger UI, from the program itself.
pub(super) fn docs() -> Router<Shared> {
    SwaggerUi::new("/docs").config(Config::new(["/openapi.json"]).try_it_out_enabled(true)).into()
}
