//! The models that are served, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::record::RunRecord;
use crate::score::{ServedModel, ServedRun};
use crate::spec::Experiment;
use crate::store::{Store, StoreError};

use super::ServeError;

/// The runs that are served and their models by name.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The runs.
    pub runs: Vec<Source>,
    /// Models by the name that clients use, in the order of the runs.
    names: Vec<(String, Arc<ServedModel>)>,
    by_name: BTreeMap<String, Arc<ServedModel>>,
}

/// A run with what reading tables needs of its experiment.
#[derive(Debug)]
pub struct Source {
    /// The run.
    pub run: ServedRun,
    /// Its experiment.
    pub experiment: Arc<Experiment>,
}

impl Source {
    /// Reads a run. `only` names the models to load.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn load(store: &Store, id: &str, only: &[String]) -> Result<Self, ServeError> {
        let record = RunRecord::from_json(&store.read_run_file(id, "record.json")?)
            .map_err(|problem| StoreError::Damaged { path: store.runs().join(id).join("record.json"), problem })?;
        let experiment = Experiment::from_resolved(&record.experiment, record.volatile.folder.clone().into())
            .map_err(|e| StoreError::Damaged { path: store.runs().join(id), problem: e.to_string() })?;
        Ok(Self { run: ServedRun::load(store, id, record, only)?, experiment: Arc::new(experiment) })
    }
}

impl Catalog {
    /// The models of these runs: by their names, or as `run/model` where there are several runs.
    #[must_use]
    pub fn new(runs: Vec<Source>) -> Self {
        let mut names = Vec::new();
        let mut by_name = BTreeMap::new();
        for source in &runs {
            let record = &source.run.record;
            let twice = runs.iter().filter(|s| s.run.record.name == record.name).count() > 1;
            let prefix = match runs.len() {
                1 => String::new(),
                _ if twice => format!("{}/", source.run.id),
                _ => format!("{}/", record.name),
            };
            for model in &source.run.models {
                let name = format!("{prefix}{}", model.name);
                by_name.insert(name.clone(), model.clone());
                names.push((name, model.clone()));
            }
            if let Some(best) = source.run.model("best") {
                by_name.entry(format!("{prefix}best")).or_insert_with(|| best.clone());
            }
        }
        Self { runs, names, by_name }
    }

    /// The model of a name, `best` included.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Arc<ServedModel>> {
        self.by_name.get(name)
    }

    /// The models with their names, `best` not counted.
    #[must_use]
    pub fn names(&self) -> &[(String, Arc<ServedModel>)] {
        &self.names
    }

    /// Every name that a request may use.
    pub fn all_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// How the tables of a model's run are read.
    #[must_use]
    pub fn experiment(&self, model: &ServedModel) -> Option<Arc<Experiment>> {
        self.runs.iter().find(|s| s.run.id == model.run).map(|s| s.experiment.clone())
    }
}

/// The catalogue of the moment. A request keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct Shared(RwLock<Arc<Catalog>>);

impl Shared {
    pub fn new(catalog: Catalog) -> Self {
        Self(RwLock::new(Arc::new(catalog)))
    }

    pub fn now(&self) -> Arc<Catalog> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn swap(&self, catalog: Catalog) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }
}
