//! Reading what a comparison needs.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::digest::Digest;
use crate::record::Outline;
use crate::store::{Store, StoreError};
use crate::table::{PlainValues, read_predictions_parquet};

/// Up to so many runs their predictions are read.
pub(super) const MOST_WITH_ROWS: usize = 150;

/// What a model said of the test rows, sorted by row id.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// Row ids.
    pub row_ids: Vec<u64>,
    /// True classes, as indices of [`Run::classes`].
    pub y_true: Vec<u32>,
    /// Predicted classes.
    pub y_pred: Vec<u32>,
}

/// A run to be compared.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What its record says.
    pub outline: Outline,
    /// Class names by index; empty where the run did not get so far.
    pub classes: Vec<String>,
    /// By model; empty where they are not there or not needed.
    pub predictions: BTreeMap<String, Predictions>,
    /// Whether it has a page of its own.
    pub has_page: bool,
}

impl Run {
    /// Names the rows that were judged, with their classes.
    #[must_use]
    pub fn rows(&self) -> Option<Digest> {
        let said = self.predictions.values().next()?;
        let mut bytes = Vec::with_capacity(said.row_ids.len() * 8);
        for id in &said.row_ids {
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        Some(Digest::of(&bytes))
    }
}

/// The runs to be compared.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// In the order asked for.
    pub runs: Vec<Run>,
    /// Runs without a record, each with the reason.
    pub left_out: Vec<(String, String)>,
}

/// Reads runs. A run that has no record that can be read is left out and named.
///
/// # Errors
/// [`StoreError`] where a record is there but cannot be read from the disk.
pub fn gather(store: &Store, ids: &[String]) -> Result<Gathered, StoreError> {
    let with_rows = ids.len() <= MOST_WITH_ROWS;
    let read: Vec<Result<Result<Run, String>, StoreError>> =
        ids.par_iter().map(|id| read_run(store, id, with_rows)).collect();
    let mut out = Gathered::default();
    for (id, run) in ids.iter().zip(read) {
        match run? {
            Ok(run) => out.runs.push(run),
            Err(problem) => out.left_out.push((id.clone(), problem)),
        }
    }
    Ok(out)
}

fn missing(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

fn read_run(store: &Store, id: &str, with_rows: bool) -> Result<Result<Run, String>, StoreError> {
    let outline = match store.read_run_file(id, "record.json") {
        Ok(bytes) => match Outline::from_json(&bytes) {
            Ok(outline) => outline,
            Err(problem) => return Ok(Err(problem)),
        },
        Err(error) if missing(&error) => return Ok(Err("it has no record; it goes on or was killed".into())),
        Err(error) => return Err(error),
    };
    let has_page = store.run_has(id, "report.html");
    let mut run = Run { id: id.to_owned(), outline, classes: Vec::new(), predictions: BTreeMap::new(), has_page };
    if with_rows {
        let metadata: Option<Json> = match store.read_run_file(id, "feature_metadata.json") {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if missing(&error) => None,
            Err(error) => return Err(error),
        };
        let named = metadata.and_then(|m| serde_json::from_value(m.get("classes")?.clone()).ok());
        run.classes = named.unwrap_or_default();
        for model in run.outline.models.iter().filter(|m| m.test.is_some()) {
            match store.read_run_file(id, &format!("predictions/{}.parquet", model.name)) {
                // A file that was changed by somebody is no base for a test.
                Ok(bytes) => {
                    drop(predictions(&bytes, &run.classes).map(|p| run.predictions.insert(model.name.clone(), p)))
                }
                Err(error) if missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Ok(run))
}

/// The rows of a file of predictions, sorted by row id; `None` where something about it is not as it should be.
fn predictions(bytes: &[u8], classes: &[String]) -> Option<Predictions> {
    let columns = read_predictions_parquet(bytes).ok()?;
    let column = |name: &str| columns.iter().find(|c| c.name == name).map(|c| &c.values);
    let (PlainValues::U64(ids), PlainValues::Text(y_true), PlainValues::Text(y_pred)) =
        (column("row_id")?, column("y_true")?, column("y_pred")?)
    else {
        return None;
    };
    let index: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let mut rows = Vec::with_capacity(ids.len());
    for ((id, t), p) in ids.iter().zip(y_true).zip(y_pred) {
        rows.push((*id, *index.get(t.as_str())?, *index.get(p.as_str())?));
    }
    rows.sort_unstable();
    Some(Predictions {
        row_ids: rows.iter().map(|r| r.0).collect(),
        y_true: rows.iter().map(|r| r.1).collect(),
        y_pred: rows.iter().map(|r| r.2).collect(),
    })
}
