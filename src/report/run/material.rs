//! What the steps for figures left in the store.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::ml::examine::{ModelExam, Survey};
use crate::record::{RunRecord, StepState};
use crate::store::{Store, StoreError, Stored};

/// Numbers for the figures of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    /// Of the data.
    pub survey: Option<Survey>,
    /// Of every model by its name.
    pub exams: BTreeMap<String, ModelExam>,
    /// Steps whose numbers are not in the store any more.
    pub lost: Vec<String>,
}

impl Material {
    /// The numbers of a run. What is gone from the store is named in `lost`.
    ///
    /// # Errors
    /// [`StoreError`] where the disk fails.
    pub fn gather(store: &Store, record: &RunRecord) -> Result<Self, StoreError> {
        let mut out = Self::default();
        for step in record.steps.iter().filter(|s| s.state == StepState::Done) {
            let name = match step.kind.as_str() {
                "survey" => "survey.json",
                "examine" => "exam.json",
                _ => continue,
            };
            let Some((_, digest)) = step.outputs.iter().find(|(output, _)| output == name) else { continue };
            match store.get(&Stored { digest: *digest, bytes: 0 }) {
                Ok(bytes) if name == "survey.json" => out.survey = read(&bytes, &step.step, &mut out.lost),
                Ok(bytes) => {
                    let model = step.step.trim_start_matches("examine/").to_owned();
                    if let Some(exam) = read(&bytes, &step.step, &mut out.lost) {
                        out.exams.insert(model, exam);
                    }
                }
                Err(StoreError::Lost { .. }) => out.lost.push(step.step.clone()),
                Err(error) => return Err(error),
            }
        }
        out.share(record);
        Ok(out)
    }

    /// Models with the same parameters share their steps, which are named after the first of them.
    fn share(&mut self, record: &RunRecord) {
        let asked = |model: &str| record.experiment.get("models")?.get(model);
        for model in record.models.iter().filter(|m| m.test.is_some()) {
            let same = |other: &&String| asked(other).is_some() && asked(other) == asked(&model.name);
            if !self.exams.contains_key(&model.name)
                && let Some(exam) = self.exams.keys().find(same).and_then(|other| self.exams.get(other)).cloned()
            {
                self.exams.insert(model.name.clone(), exam);
            }
        }
    }

    /// Whether there is anything to draw.
    #[must_use]
    pub fn has_figures(&self) -> bool {
        self.survey.is_some() || !self.exams.is_empty()
    }

    /// The numbers of a model.
    pub(super) fn exam(&self, model: &str) -> Option<&ModelExam> {
        self.exams.get(model)
    }

    /// The names of the classes, by index.
    pub(super) fn classes(&self, record: &RunRecord) -> Vec<String> {
        let n = record.models.iter().find_map(|m| m.test.as_ref()).map_or(0, |j| j.confusion.counts.len());
        let told = || {
            let notes = &record.steps.iter().find(|s| s.kind == "clean")?.notes;
            let (_, counts) = notes.facts.iter().find(|(name, _)| name == "classes")?;
            Some(counts.as_object()?.keys().cloned().collect::<Vec<String>>())
        };
        let known = self.survey.as_ref().map(|s| s.classes.clone()).or_else(told).filter(|c| c.len() == n || n == 0);
        known.unwrap_or_else(|| (0..n).map(|i| format!("class {i}")).collect())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8], step: &str, lost: &mut Vec<String>) -> Option<T> {
    let found = serde_json::from_slice(bytes).ok();
    if found.is_none() {
        lost.push(step.to_owned());
    }
    found
}
