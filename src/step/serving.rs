//! What it takes to serve the models of a run: the columns of a raw row, what is done to its values before the fitted
//! preparation, and rows with known answers.

use serde::{Deserialize, Serialize};

use super::{Artifact, Outcome, StepError, Work};
use crate::ml::{Column, Frame, MISSING, Values};
use crate::pipeline::Pipeline;
use crate::table::{Replay, Table};

/// Test rows that are kept with their raw values, at most.
const GOLDEN: usize = 64;

/// The type of a column of a raw row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawType {
    /// Numbers.
    Number,
    /// Words.
    Category,
}

/// A column that a raw row must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// How its values are read.
    #[serde(rename = "type")]
    pub kind: RawType,
    /// Least and greatest number of the training rows; none for words.
    pub range: Option<(f64, f64)>,
    /// Mean and standard deviation of the training rows; none for words.
    pub moments: Option<(f64, f64)>,
}

/// One value of a raw row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RawValue {
    /// Missing.
    Missing,
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// `models/serving.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// Version of this form.
    pub format: u32,
    /// The columns of a raw row, in the order in which a row without names has them.
    pub columns: Vec<RawColumn>,
    /// What `clean` does to the values of a row.
    pub replay: Replay,
    /// Texts that mean "missing".
    pub missing_values: Vec<String>,
    /// Test rows, by their row id; the answers to them are in `predictions/`.
    pub golden: Vec<(u64, Vec<RawValue>)>,
}

impl Serving {
    /// The version that is written.
    pub const FORMAT: u32 = 1;
}

pub(super) fn serving(work: &Work<'_>) -> Result<Outcome, StepError> {
    let table = work.input("table")?.table()?;
    let frame = work.input("frame")?.frame()?;
    let pipeline = work.input("pipeline")?.pipeline()?;
    let Artifact::File(replay) = work.input("replay")? else {
        return Err(StepError::Recipe("expected an input of kind file".into()));
    };
    let replay: Replay = serde_json::from_slice(replay).map_err(|e| StepError::Artifact(e.to_string()))?;
    let test = work.input("test")?.dataset()?;
    let names = replay.sources(pipeline.inputs().iter().filter(|i| i.used).map(|i| i.name.as_str()));
    let columns: Vec<&Column> = table.columns.iter().filter(|c| names.contains(c.name.as_str())).collect();
    let learnt = training_rows(table, frame, work)?;
    let raw = |c: &&Column| match &c.values {
        Values::Number(v) => {
            let there = learnt.iter().map(|&r| v[r]).filter(|v| !v.is_nan());
            let range =
                there.fold(None, |ends, v| Some(ends.map_or((v, v), |(a, b): (f64, f64)| (a.min(v), b.max(v)))));
            RawColumn { name: c.name.clone(), kind: RawType::Number, range, moments: moments(v, &learnt) }
        }
        Values::Category { .. } => {
            RawColumn { name: c.name.clone(), kind: RawType::Category, range: None, moments: None }
        }
    };
    let serving = Serving {
        format: Serving::FORMAT,
        columns: columns.iter().map(raw).collect(),
        golden: golden(table, &columns, test.row_ids(), test.y(), pipeline),
        replay,
        missing_values: work.optional::<Vec<String>>("missing_values")?.unwrap_or_default(),
    };
    let mut text = serde_json::to_string(&serving).map_err(|e| StepError::Recipe(format!("cannot be written: {e}")))?;
    text.push('\n');
    let mut outcome = Outcome::default();
    outcome.notes.facts.push(("raw columns".into(), serving.columns.len().into()));
    outcome.notes.facts.push(("golden rows".into(), serving.golden.len().into()));
    outcome.outputs.insert("serving.json".into(), Artifact::File(text.into_bytes()));
    Ok(outcome)
}

/// Mean and standard deviation of the values that are there.
fn moments(values: &[f64], rows: &[usize]) -> Option<(f64, f64)> {
    let there = || rows.iter().map(|&r| values[r]).filter(|v| !v.is_nan());
    let n = there().count() as f64;
    let mean = there().sum::<f64>() / n;
    let variance = there().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    Some((mean, variance.sqrt())).filter(|(m, s)| m.is_finite() && s.is_finite())
}

/// Places in the table of the rows that were learnt from.
fn training_rows(table: &Table, frame: &Frame, work: &Work<'_>) -> Result<Vec<usize>, StepError> {
    let train = work.input("split")?.split()?.training(frame)?;
    let ids = &train.get().row_ids;
    Ok(ids.iter().filter_map(|id| table.row_ids.binary_search(id).ok()).collect())
}

/// The first test rows of every class, then rows from all over the part.
fn golden(
    table: &Table,
    columns: &[&Column],
    ids: &[u64],
    y: &[u32],
    pipeline: &Pipeline,
) -> Vec<(u64, Vec<RawValue>)> {
    let most = GOLDEN.min(ids.len());
    let mut rows: Vec<usize> = Vec::with_capacity(most);
    for class in 0..pipeline.classes().len() as u32 {
        rows.extend(y.iter().position(|&c| c == class));
    }
    rows.truncate(most);
    let step = ids.len().div_ceil(most.max(1)).max(1);
    for row in (0..ids.len()).step_by(step) {
        if rows.len() < most && !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.sort_unstable();
    let value = |column: &Column, row: usize| match &column.values {
        Values::Number(v) if v[row].is_nan() => RawValue::Missing,
        Values::Number(v) => RawValue::Number(v[row]),
        Values::Category { codes, .. } if codes[row] == MISSING => RawValue::Missing,
        Values::Category { codes, levels } => RawValue::Word(levels[codes[row] as usize].clone()),
    };
    rows.into_iter()
        .filter_map(|row| Some((ids[row], table.row_ids.binary_search(&ids[row]).ok()?)))
        .map(|(id, at)| (id, columns.iter().map(|c| value(c, at)).collect()))
        .collect()
}
