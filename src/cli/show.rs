//! `runner show`: one run, from its record.

use super::failure::Failure;
use super::log::waivers;
use super::out::Out;
use super::{Folders, Output, view};
use crate::record::{Problem, ProblemKind, RunRecord};
use crate::store::{Store, StoreError};

pub(super) fn show(place: &Folders, run: &str, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = store.find_run(run)?;
    let record = read(&store, &id)?;
    match output {
        Output::Json => out.text(&record.to_json())?,
        Output::Text => {
            out.text(&view::summary(&record, &waivers(&record), &place.runs.join(&id)))?;
        }
    }
    Ok(0)
}

/// The record of a run; of one that was killed, what its events tell.
pub(super) fn read(store: &Store, id: &str) -> Result<RunRecord, Failure> {
    let newer = |message: String| Failure::from(Problem::new(ProblemKind::Machine, format!("{id}: {message}")));
    match store.read_run_file(id, "record.json") {
        Ok(bytes) if !store.is_running(id) => RunRecord::from_json(&bytes).map_err(newer),
        Err(StoreError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::new(ProblemKind::Machine, format!("cannot read the record of {id}: {source}")).into())
        }
        // A run that goes on again has an old record; its events tell more.
        _ => Ok(RunRecord::fold(store.trace(id)?.lines.iter().map(|line| &line.event))),
    }
}
