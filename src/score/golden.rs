//! Rows whose answers the run has written down.

use super::{ScoreError, ServedModel};
use crate::ml::Column;
use crate::step::{RawType, RawValue};
use crate::table::{PlainValues, read_predictions_parquet};

/// What a run wrote into `predictions/<model>.parquet`.
#[derive(Debug)]
pub(super) struct Said {
    ids: Vec<u64>,
    truth: Vec<String>,
    labels: Vec<String>,
    probabilities: Vec<Vec<f64>>,
    clusters: Option<Vec<i32>>,
}

impl Said {
    pub fn read(bytes: &[u8]) -> Result<Self, ScoreError> {
        let columns = read_predictions_parquet(bytes)
            .map_err(|e| ScoreError::run(format!("the predictions of the run: {e}"), "run the experiment again"))?;
        let mut said =
            Self { ids: Vec::new(), truth: Vec::new(), labels: Vec::new(), probabilities: Vec::new(), clusters: None };
        for column in columns {
            match (column.name.as_str(), column.values) {
                ("row_id", PlainValues::U64(v)) => said.ids = v,
                ("y_true", PlainValues::Text(v)) => said.truth = v,
                ("y_pred", PlainValues::Text(v)) => said.labels = v,
                ("cluster", PlainValues::I32(v)) => said.clusters = Some(v),
                (name, PlainValues::F64(v)) if name.starts_with("proba_") => said.probabilities.push(v),
                _ => {}
            }
        }
        Ok(said)
    }

    /// The class of every cluster, and the one that most rows have.
    pub fn named(&self, classes: &[String]) -> Option<(Vec<(i32, u32)>, u32)> {
        let index = |label: &String| classes.iter().position(|c| c == label).map(|i| i as u32);
        let mut named: Vec<(i32, u32)> = Vec::new();
        for (cluster, label) in self.clusters.as_ref()?.iter().zip(&self.labels) {
            if let Err(at) = named.binary_search_by_key(cluster, |(c, _)| *c) {
                named.insert(at, (*cluster, index(label)?));
            }
        }
        let mut counts = vec![0_usize; classes.len()];
        self.truth.iter().filter_map(index).for_each(|c| counts[c as usize] += 1);
        let most = counts.iter().max()?;
        Some((named, counts.iter().position(|n| n == most)? as u32))
    }
}

/// Refuses a model that answers otherwise than it did in the run.
pub(super) fn check(model: &ServedModel, golden: &[(u64, Vec<RawValue>)], said: &Said) -> Result<(), ScoreError> {
    if model.refused().is_some() {
        return Ok(());
    }
    let columns = model.shape.columns.iter().enumerate().map(|(i, column)| {
        let cells = golden.iter().map(|(_, row)| row.get(i));
        match column.kind {
            RawType::Number => Column::number(
                column.name.as_str(),
                cells.map(|v| if let Some(RawValue::Number(v)) = v { *v } else { f64::NAN }).collect(),
            ),
            RawType::Category => {
                let word = |v: Option<&RawValue>| if let Some(RawValue::Word(w)) = v { Some(w.clone()) } else { None };
                Column::category(column.name.as_str(), &cells.map(word).collect::<Vec<_>>())
            }
        }
    });
    let answers = model
        .answer(columns.collect(), golden.len())
        .map_err(|e| ScoreError::Golden(format!("{}: the run's own rows cannot be answered: {e}", model.name)))?;
    let classes = model.shape.pipeline.classes();
    for (row, (id, _)) in golden.iter().enumerate() {
        let Some(at) = said.ids.iter().position(|i| i == id) else { continue };
        let label = &classes[answers.classes[row] as usize];
        let same = *label == said.labels[at]
            && answers.probabilities.as_ref().is_none_or(|p| {
                p.row(row).iter().zip(&said.probabilities).all(|(now, then)| now.to_bits() == then[at].to_bits())
            })
            && answers.clusters.as_ref().zip(said.clusters.as_ref()).is_none_or(|(now, then)| now[row] == then[at]);
        if !same {
            return Err(ScoreError::Golden(format!(
                "{} answers row {id} otherwise than in run {}: {label:?}, then {:?} (or other probabilities)",
                model.name, model.run, said.labels[at]
            )));
        }
    }
    Ok(())
}
