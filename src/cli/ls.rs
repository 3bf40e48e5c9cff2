//! `runner ls`: the runs, oldest first.

use rayon::prelude::*;
use serde_json::json;

use super::failure::Failure;
use super::out::Out;
use super::{Folders, Output, view};
use crate::record::Brief;

/// What is in the folder of a run.
pub(super) enum Found {
    /// Its record.
    Over(Brief),
    /// A record that cannot be read, and why.
    Unreadable(String),
    /// Its process is at work.
    Running,
    /// No record, and nobody at work: the process was killed.
    Killed,
}

pub(super) fn ls(place: &Folders, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let mut rows: Vec<(String, Found)> = Vec::new();
    if place.runs.is_dir() {
        let store = place.look()?;
        let read = |id: String| {
            let found = match store.read_run_file(&id, "record.json") {
                _ if store.is_running(&id) => Found::Running,
                Ok(bytes) => Brief::from_json(&bytes).map_or_else(Found::Unreadable, Found::Over),
                Err(_) => Found::Killed,
            };
            (id, found)
        };
        rows = store.run_ids()?.into_par_iter().map(read).collect();
    }
    match output {
        Output::Json => {
            let list: Vec<_> = rows
                .iter()
                .map(|(id, found)| match found {
                    Found::Over(r) => json!({
                        "run": id,
                        "name": r.name,
                        "status": r.status,
                        "started": r.volatile.started,
                        "seconds": r.volatile.seconds,
                        "winner": r.winner,
                    }),
                    Found::Unreadable(problem) => json!({"run": id, "problem": problem}),
                    Found::Running => json!({"run": id, "status": "running"}),
                    Found::Killed => json!({"run": id, "status": "killed"}),
                })
                .collect();
            out.line(&serde_json::to_string_pretty(&list).unwrap_or_default())?;
        }
        Output::Text if rows.is_empty() => {
            out.line(&format!(
                "no runs in {} yet; `runner run experiments/baseline.yaml` makes one",
                place.runs.display()
            ))?;
        }
        Output::Text => out.text(&view::runs(&rows))?,
    }
    Ok(0)
}
