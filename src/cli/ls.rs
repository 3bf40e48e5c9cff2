//! `runner ls`: the runs, oldest first.

use rayon::prelude::*;
use serde_json::json;

use super::failure::Failure;
use super::out::Out;
use super::{Folders, Output, view};
use crate::record::Brief;

pub(super) fn ls(place: &Folders, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let mut rows: Vec<(String, Option<Result<Brief, String>>)> = Vec::new();
    if place.runs.is_dir() {
        let store = place.look()?;
        let read = |id: String| {
            let record = store.read_run_file(&id, "record.json").ok().map(|bytes| Brief::from_json(&bytes));
            (id, record)
        };
        rows = store.run_ids()?.into_par_iter().map(read).collect();
    }
    match output {
        Output::Json => {
            let list: Vec<_> = rows
                .iter()
                .map(|(id, record)| match record {
                    Some(Ok(r)) => json!({
                        "run": id,
                        "name": r.name,
                        "status": r.status,
                        "started": r.volatile.started,
                        "seconds": r.volatile.seconds,
                        "winner": r.winner,
                    }),
                    Some(Err(problem)) => json!({"run": id, "problem": problem}),
                    None => json!({"run": id, "status": "running"}),
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
