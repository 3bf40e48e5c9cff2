//! `--watch`: a newer run of the same experiment takes the place of the one that is served.

use super::{Catalog, Shared, Source};
use crate::record::{Brief, RunStatus};
use crate::store::Store;

/// Looks for a newer run again and again. What cannot be served is passed over, and said once.
pub(super) async fn watch(app: Shared) {
    let mut refused: Option<String> = None;
    loop {
        tokio::time::sleep(app.config.every).await;
        let looking = app.clone();
        let known = refused.clone();
        let found = tokio::task::spawn_blocking(move || newer(&looking, known.as_deref())).await;
        match found {
            Ok(Ok(Some(source))) => {
                tracing::info!(run = %source.run.id, "a newer run is served");
                app.catalog.swap(Catalog::new(vec![source]));
                app.metrics.swaps.inc();
            }
            Ok(Err((id, problem))) => {
                tracing::warn!(run = %id, %problem, "a newer run is not served");
                refused = Some(id);
            }
            Ok(Ok(None)) | Err(_) => {}
        }
    }
}

fn newer(app: &Shared, refused: Option<&str>) -> Result<Option<Source>, (String, String)> {
    let name = app.config.watch.as_deref().unwrap_or_default();
    let Ok(store) = Store::look(&app.config.runs, app.config.store.as_deref()) else { return Ok(None) };
    let serving = app.catalog.now().runs.first().map(|s| s.run.id.clone());
    let Some(id) = latest(&store, name) else { return Ok(None) };
    if Some(&id) == serving.as_ref() || Some(id.as_str()) == refused {
        return Ok(None);
    }
    Source::load(&store, &id, &app.config.models).map(Some).map_err(|e| (id, e.to_string()))
}

/// What the record of a run says in short, where it can be read.
pub(super) fn brief(store: &Store, id: &str) -> Option<Brief> {
    Brief::from_json(&store.read_run_file(id, "record.json").ok()?).ok()
}

/// The newest finished run of an experiment.
#[must_use]
pub fn latest(store: &Store, name: &str) -> Option<String> {
    let ids = store.run_ids().ok()?;
    ids.into_iter().rev().find(|id| {
        brief(store, id).is_some_and(|b| b.name == name && b.status == RunStatus::Finished) && !store.is_running(id)
    })
}
