//! `runner show`: one run, from its record.

use super::failure::Failure;
use super::out::Out;
use super::{Folders, Output, view};
use crate::record::{Event, Line, Problem, ProblemKind, RunRecord};
use crate::spec::Waiver;
use crate::store::{Store, StoreError};

pub(super) fn show(place: &Folders, run: &str, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = store.find_run(run)?;
    let record = read(&store, &id)?;
    match output {
        Output::Json => out.text(&record.to_json())?,
        Output::Text => {
            let allow: Vec<Waiver> =
                record.experiment.get("allow").and_then(|a| serde_json::from_value(a.clone()).ok()).unwrap_or_default();
            out.text(&view::summary(&record, &allow, &place.runs.join(&id)))?;
        }
    }
    Ok(0)
}

/// The record of a run; of one that was killed, what its events tell.
fn read(store: &Store, id: &str) -> Result<RunRecord, Failure> {
    let newer = |message: String| Failure::from(Problem::new(ProblemKind::Machine, format!("{id}: {message}")));
    match store.read_run_file(id, "record.json") {
        Ok(bytes) => RunRecord::from_json(&bytes).map_err(newer),
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let events = store.read_run_file(id, "events.jsonl")?;
            let text = String::from_utf8_lossy(&events);
            // The last line may be cut off: the process was killed while it wrote.
            let events: Vec<Event> =
                text.lines().filter_map(|l| serde_json::from_str::<Line>(l).ok()).map(|l| l.event).collect();
            Ok(RunRecord::fold(&events))
        }
        Err(error) => Err(error.into()),
    }
}
