//! A run's models, read from its record, its folder and the store.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{ScoreError, golden};
use crate::digest::Digest;
use crate::ml::FittedModel;
use crate::pipeline::{Input, InputKind, Pipeline};
use crate::record::{ModelResult, RunRecord};
use crate::step::{Artifact, RawColumn, Serving};
use crate::store::{Store, Stored};
use crate::table::Replay;

/// What a raw row looks like and what happens to it before a model sees it. Shared by all models of a run.
#[derive(Debug)]
pub struct Shape {
    /// The columns, in the order in which a row without names has them.
    pub columns: Vec<RawColumn>,
    /// Places in `columns` by name.
    pub(super) by_name: Vec<(String, usize)>,
    /// What `clean` did to values.
    pub(super) replay: Replay,
    /// Texts that mean "missing", and those that are numbers.
    pub(super) missing: (Vec<String>, Vec<f64>),
    /// The fitted preparation.
    pub pipeline: Pipeline,
    /// The columns that it uses, with their training values.
    pub(super) used: Vec<Input>,
}

impl Shape {
    /// Greatest magnitude that a number of a request may have in a column: room for every real measurement, and none
    /// for what no model can compute with.
    #[must_use]
    pub fn limit(&self, column: usize) -> f64 {
        let seen = self.columns.get(column).and_then(|c| c.range).map_or(0.0, |(a, b)| a.abs().max(b.abs()));
        (1000.0 * seen).clamp(1e15, f64::MAX)
    }
}

/// How a model answers.
#[derive(Debug)]
pub(super) enum Way {
    /// By its probabilities.
    Model(FittedModel),
    /// By its clusters, whose classes the test rows named.
    Named {
        model: FittedModel,
        /// Class by cluster, ascending.
        classes: Vec<(i32, u32)>,
        /// Class of a cluster that nobody named.
        otherwise: u32,
    },
    /// Not at all.
    Not(String),
}

/// One model of a run.
#[derive(Debug)]
pub struct ServedModel {
    /// Its name in the experiment.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The run.
    pub run: String,
    /// The experiment.
    pub experiment: String,
    /// What it was measured at.
    pub result: ModelResult,
    /// Whether it is the winner of its run.
    pub best: bool,
    /// Raw rows.
    pub shape: Arc<Shape>,
    pub(super) way: Way,
}

impl ServedModel {
    /// Why it is not served, if it is not.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        if let Way::Not(why) = &self.way { Some(why) } else { None }
    }

    /// The fitted model.
    #[must_use]
    pub fn fitted(&self) -> Option<&FittedModel> {
        match &self.way {
            Way::Model(model) | Way::Named { model, .. } => Some(model),
            Way::Not(_) => None,
        }
    }

    /// Whether it finds clusters.
    #[must_use]
    pub fn is_clustering(&self) -> bool {
        matches!(self.kind.as_str(), "kmeans" | "dbscan" | "gaussian_mixture")
    }
}

/// The models of a run.
#[derive(Debug)]
pub struct ServedRun {
    /// Its id.
    pub id: String,
    /// Its record.
    pub record: RunRecord,
    /// Its models in the order of the experiment.
    pub models: Vec<Arc<ServedModel>>,
}

/// A file of the run: the object of its digest, or the copy in the run's folder.
fn file(store: &Store, record: &RunRecord, id: &str, path: &str) -> Result<Option<Vec<u8>>, ScoreError> {
    let Some((_, digest, bytes)) = record.files.iter().find(|(p, _, _)| p == path) else { return Ok(None) };
    if let Ok(bytes) = store.get(&Stored { digest: *digest, bytes: *bytes }) {
        return Ok(Some(bytes));
    }
    match store.read_run_file(id, path) {
        Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes)),
        _ => Err(ScoreError::run(
            format!("{path} of run {id} is gone or damaged, and so is its copy in the store"),
            "run the experiment again: what is lost is made anew",
        )),
    }
}

fn artifact(bytes: Vec<u8>, path: &str) -> Result<Artifact, ScoreError> {
    Artifact::decode(bytes).map_err(|e| ScoreError::run(format!("{path}: {e}"), "run the experiment again"))
}

impl ServedRun {
    /// Loads every model of a run and compares its answers to golden rows with those of the run. With `only`, just
    /// these models are loaded (`best` is the winner).
    ///
    /// # Errors
    /// [`ScoreError::Run`] for a run that is not finished or from before models could be served, for names that are no
    /// model, and for damaged files; [`ScoreError::Golden`] for an answer that differs.
    pub fn load(store: &Store, id: &str, record: RunRecord, only: &[String]) -> Result<Self, ScoreError> {
        let bytes = file(store, &record, id, "models/serving.json")?.ok_or_else(|| {
            ScoreError::run(
                format!("run {id} holds nothing to serve: it failed early, or an older version of runner made it"),
                "run the experiment again, or choose another run: `runner ls`",
            )
        })?;
        let serving: Serving = serde_json::from_slice(&bytes).map_err(|e| {
            ScoreError::run(format!("models/serving.json of run {id} cannot be read: {e}"), "run again")
        })?;
        if serving.format > Serving::FORMAT {
            return Err(ScoreError::run(
                format!(
                    "models/serving.json of run {id} has format {}, this program knows formats up to {}",
                    serving.format,
                    Serving::FORMAT
                ),
                "use the newer version of runner that wrote it",
            ));
        }
        let pipeline = file(store, &record, id, "models/pipeline.bin")?
            .ok_or_else(|| ScoreError::run(format!("run {id} has no fitted preparation"), "run it again"))?;
        let Artifact::Pipeline(pipeline) = artifact(pipeline, "models/pipeline.bin")? else {
            return Err(ScoreError::run("models/pipeline.bin holds something else", "run the experiment again"));
        };
        let mut by_name: Vec<(String, usize)> =
            serving.columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        by_name.sort();
        let numbers = serving.missing_values.iter().filter_map(|t| t.parse().ok()).collect();
        let shape = Arc::new(Shape {
            by_name,
            replay: serving.replay,
            missing: (serving.missing_values, numbers),
            used: pipeline.inputs().iter().filter(|i| i.used).cloned().collect(),
            columns: serving.columns,
            pipeline,
        });
        let winner = record.winner.as_ref().map(|w| w.model.as_str());
        for name in only {
            if name != "best" && record.models.iter().all(|m| m.name != *name) {
                let names: Vec<&str> = record.models.iter().map(|m| m.name.as_str()).collect();
                return Err(ScoreError::run(
                    format!("run {id} has no model {name:?}"),
                    format!("there are: best, {}", names.join(", ")),
                ));
            }
        }
        if only.iter().any(|n| n == "best") && winner.is_none() {
            return Err(ScoreError::run(format!("run {id} has no winner"), "name a model: --model NAME"));
        }
        let wanted = |m: &&ModelResult| {
            only.is_empty()
                || only.iter().any(|name| *name == m.name || (name == "best" && winner == Some(m.name.as_str())))
        };
        let mut models = Vec::new();
        for result in record.models.iter().filter(wanted) {
            let said = file(store, &record, id, &format!("predictions/{}.parquet", result.name))?;
            let said = said.map(|bytes| golden::Said::read(&bytes)).transpose()?;
            let model = ServedModel {
                name: result.name.clone(),
                kind: result.kind.clone(),
                run: id.to_owned(),
                experiment: record.name.clone(),
                best: winner == Some(result.name.as_str()),
                way: way(store, &record, id, result, &shape, said.as_ref())?,
                result: result.clone(),
                shape: shape.clone(),
            };
            if let Some(said) = &said {
                golden::check(&model, &serving.golden, said)?;
            }
            models.push(Arc::new(model));
        }
        Ok(Self { id: id.to_owned(), record, models })
    }

    /// The model of a name; `best` is the winner.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Arc<ServedModel>> {
        self.models.iter().find(|m| m.name == name).or_else(|| self.models.iter().find(|m| name == "best" && m.best))
    }
}

fn way(
    store: &Store,
    record: &RunRecord,
    id: &str,
    result: &ModelResult,
    shape: &Shape,
    said: Option<&golden::Said>,
) -> Result<Way, ScoreError> {
    let clustering = matches!(result.kind.as_str(), "kmeans" | "dbscan" | "gaussian_mixture");
    let by_test = record.experiment.pointer("/evaluate/cluster_labels").and_then(Json::as_str) == Some("test");
    let path = format!("models/{}.bin", result.name);
    let Some(bytes) = file(store, record, id, &path)? else {
        return Ok(Way::Not(if clustering && by_test {
            "it clustered the test rows themselves (cluster_labels: test), so there is no model for other rows: run \
             with cluster_labels: train"
                .into()
        } else {
            "the run has no fitted model of this name: its step failed".into()
        }));
    };
    let Artifact::Model(model) = artifact(bytes, &path)? else {
        return Err(ScoreError::run(format!("{path} holds something else"), "run the experiment again"));
    };
    if model.width() != shape.pipeline.features().len() {
        return Err(ScoreError::run(format!("{path} does not fit the preparation of the run"), "run again"));
    }
    if !(clustering && by_test) {
        return Ok(Way::Model(*model));
    }
    let Some((classes, otherwise)) = said.and_then(|s| s.named(shape.pipeline.classes())) else {
        return Ok(Way::Not("its clusters have no classes: the test rows were not predicted".into()));
    };
    Ok(Way::Named { model: *model, classes, otherwise })
}

/// The training words of a column, where it holds words.
pub(super) fn levels(input: &Input) -> Option<&[String]> {
    if let InputKind::Category { levels } = &input.kind { Some(levels) } else { None }
}
