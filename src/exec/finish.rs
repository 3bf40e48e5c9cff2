//! What follows the steps: the metrics as events, the winner, the bounds, and the files of the run folder.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Ran, load};
use crate::digest::Digest;
use crate::ml::metrics::{Judgement, Metric};
use crate::ml::{Code, Role, SplitSpec, Warning};
use crate::plan::Plan;
use crate::record::{Event, Missed, RunRecord, Summary, class_recall_csv, label_csv, multiclass_csv};
use crate::spec::dataset::CleanStep;
use crate::spec::{ClusterLabels, Experiment, JudgedOn};
use crate::step::SAMPLED_AWAY;
use crate::store::{RunFolder, Store, StoreError};

/// Chooses the winner, checks the bounds and writes the files of the run folder.
///
/// # Errors
/// [`StoreError`].
pub fn finish(
    experiment: &Experiment,
    plan: &Plan,
    ran: &Ran,
    store: &Store,
    folder: &RunFolder<'_>,
    record: &mut RunRecord,
    emit: &mut dyn FnMut(&mut RunRecord, Event) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut judged: Vec<(usize, Role, Judgement)> = Vec::new();
    for (index, model) in plan.models.iter().enumerate() {
        for part in &model.parts {
            if let Some(entry) = ran.entries.get(&part.judge) {
                let artifact = load(store, entry, "judgement")?;
                let judgement = artifact
                    .judgement()
                    .map_err(|e| StoreError::Damaged { path: store.runs().to_owned(), problem: e.to_string() })?;
                emit(
                    record,
                    Event::ModelJudged {
                        model: model.name.clone(),
                        kind: model.kind.clone(),
                        part: part.role.word().into(),
                        judgement: judgement.clone(),
                    },
                )?;
                judged.push((index, part.role, judgement.clone()));
            }
        }
    }
    if let Some(warning) = thinned_then_made_up(experiment, record) {
        emit(record, Event::Warned { warning })?;
    }
    for event in verdict(experiment, plan, &judged) {
        emit(record, event)?;
    }

    let mut write = |record: &mut RunRecord, path: &str, bytes: &[u8]| -> Result<(), StoreError> {
        folder.write(path, bytes)?;
        let event = Event::FileWritten { path: path.into(), digest: Digest::of(bytes), bytes: bytes.len() as u64 };
        emit(record, event)
    };
    write(record, "experiment.yaml", experiment.to_yaml().as_bytes())?;
    if let Some(entry) = ran.entries.get(&plan.clean) {
        let frame = load(store, entry, "frame")?;
        let frame =
            frame.frame().map_err(|e| StoreError::Damaged { path: store.runs().to_owned(), problem: e.to_string() })?;
        for (role, folder) in [(Role::Test, ""), (Role::Validation, "validation/")] {
            let rows: Vec<(&str, &str, &Judgement)> = judged
                .iter()
                .filter(|(_, r, _)| *r == role)
                .map(|(i, _, j)| (plan.models[*i].name.as_str(), plan.models[*i].kind.as_str(), j))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let summary = Summary { classes: &frame.labels.classes, rows };
            let csv = multiclass_csv(&summary);
            write(record, &format!("{folder}multiclass/multiclass_metrics_summary.csv"), csv.as_bytes())?;
            if frame.grouping.is_some() {
                let csv = label_csv(&summary);
                write(record, &format!("{folder}binary_label/label_from_type_metrics.csv"), csv.as_bytes())?;
                let csv = class_recall_csv(&summary);
                write(record, &format!("{folder}binary_label/recall_by_class.csv"), csv.as_bytes())?;
            }
        }
    }
    for model in &plan.models {
        for part in &model.parts {
            let Some(stored) = ran.entries.get(&part.predict).and_then(|e| e.outputs.get("parquet")) else { continue };
            let folder = if part.role == Role::Test { "predictions" } else { "validation/predictions" };
            write(record, &format!("{folder}/{}.parquet", model.name), &store.get(stored)?)?;
        }
    }
    for model in &plan.models {
        let stored = model.fit.and_then(|fit| ran.entries.get(&fit)).and_then(|e| e.outputs.get("model"));
        if let Some(stored) = stored {
            write(record, &format!("models/{}.bin", model.name), &store.get(stored)?)?;
        }
    }
    if let Some(stored) = ran.entries.get(&plan.prepare).and_then(|e| e.outputs.get("pipeline")) {
        write(record, "models/pipeline.bin", &store.get(stored)?)?;
    }
    if let Some(stored) = ran.entries.get(&plan.serving).and_then(|e| e.outputs.get("serving.json")) {
        write(record, "models/serving.json", &store.get(stored)?)?;
    }
    if let Some(winner) = record.winner.clone() {
        let mut text = serde_json::to_string_pretty(&winner).unwrap_or_default();
        text.push('\n');
        write(record, "models/winner.json", text.as_bytes())?;
    }
    if let Some(entry) = ran.entries.get(&plan.publish) {
        for (name, stored) in &entry.outputs {
            write(record, name, &store.get(stored)?)?;
        }
    }
    for entry in plan.draw.iter().filter_map(|step| ran.entries.get(step)) {
        for (path, stored) in &entry.outputs {
            write(record, path, &store.get(stored)?)?;
        }
    }
    let log = preprocessing_log(record);
    write(record, "data_preprocessing_log.json", log.as_bytes())
}

/// S23: `sample` took real rows of a class, and balancing made up others in their place.
fn thinned_then_made_up(experiment: &Experiment, record: &RunRecord) -> Option<Warning> {
    if !experiment.balance.oversamples() {
        return None;
    }
    let counts = |step: &str, name: &str| -> Option<BTreeMap<String, u64>> {
        let notes = &record.steps.iter().find(|s| s.step == step)?.notes;
        let (_, fact) = notes.facts.iter().find(|(n, _)| n == name)?;
        Some(fact.as_object()?.iter().map(|(class, n)| (class.clone(), n.as_u64().unwrap_or_default())).collect())
    };
    let (before, after) = (counts("split", "train rows")?, counts("balance", "train rows")?);
    let classes: Vec<String> = counts("clean", SAMPLED_AWAY)?
        .into_iter()
        .filter_map(|(class, gone)| {
            let made = after.get(&class)?.saturating_sub(*before.get(&class)?);
            (made > 0).then(|| format!("{class:?} ({gone} dropped, {made} made up)"))
        })
        .collect();
    let at = experiment.clean.iter().position(|step| matches!(step, CleanStep::Sample(_)))?;
    let message =
        format!("rows dropped by sample, then made up by {}: {}", experiment.balance.word(), classes.join(", "));
    (!classes.is_empty()).then(|| Warning::new(Code::S23, message).at(format!("clean.{at}")))
}

/// The winner, the warnings that it calls for, and the bounds that were missed.
fn verdict(experiment: &Experiment, plan: &Plan, judged: &[(usize, Role, Judgement)]) -> Vec<Event> {
    let mut events = Vec::new();
    let warn = |events: &mut Vec<Event>, place: &str, message: String| {
        events.push(Event::Warned { warning: Warning::new(Code::S09, message).at(place) });
    };
    let d = &experiment.dataset;
    let npz = d.path.as_ref().is_some_and(|p| p.0.iter().any(|p| p.to_lowercase().ends_with(".npz")));
    let official = d.train.is_some() || npz;
    if official && !matches!(experiment.split, SplitSpec::Predefined(_)) {
        let text = "the test part that came with the data is mixed into a new split, which hides how the two differ";
        events.push(Event::Warned { warning: Warning::new(Code::S01, text).at("split") });
    }
    let has_validation = judged.iter().any(|(_, role, _)| *role == Role::Validation);
    let wanted = &experiment.evaluate.winner;
    let role = match wanted.on {
        JudgedOn::Validation if has_validation => Role::Validation,
        _ => Role::Test,
    };
    let metric: Metric = wanted.metric;
    // The first model wins a tie.
    let mut winner: Option<(usize, f64)> = None;
    for (index, part, judgement) in judged {
        if let (true, Some(value)) = (*part == role, judgement.get(metric))
            && winner.is_none_or(|(_, best)| metric.gain(value, best) > 0.0)
        {
            winner = Some((*index, value));
        }
    }
    if winner.is_none() && !judged.is_empty() {
        let text = format!("no winner: {} is undefined for every model", metric.word());
        events.push(Event::Warned { warning: Warning::new(Code::R03, text).at("evaluate.winner") });
    }
    if let Some((index, value)) = winner {
        let model = plan.models[index].name.clone();
        events.push(Event::WinnerChosen { model: model.clone(), metric, part: role.word().into(), value });
        if role == Role::Test && plan.models.len() > 1 {
            let text = match wanted.on {
                JudgedOn::Test => {
                    "the winner is chosen on the test part, as asked: its score there is too good to be true elsewhere"
                }
                JudgedOn::Validation => {
                    "there is no validation part, so the winner is the best on test: its score there is a little too good; set `validation_size`"
                }
            };
            warn(&mut events, "evaluate.winner", text.into());
        }
    }
    let clusterings = experiment.models.iter().any(|m| m.spec.is_clustering());
    if clusterings && experiment.evaluate.cluster_labels == ClusterLabels::Test {
        let text = "the classes of clusters are voted by the test rows, and DBSCAN is run on them: an upper bound, not a result";
        warn(&mut events, "evaluate.cluster_labels", text.into());
    }
    let by_name: BTreeMap<&str, &Judgement> = judged
        .iter()
        .filter(|(_, r, _)| *r == Role::Test)
        .map(|(i, _, j)| (plan.models[*i].name.as_str(), j))
        .collect();
    for bound in &experiment.assert {
        let name = bound.model.clone().or_else(|| winner.map(|(i, _)| plan.models[i].name.clone()));
        let name = name.unwrap_or_default();
        let value = by_name.get(name.as_str()).and_then(|j| j.get(bound.metric));
        let low = bound.at_least.filter(|least| value.is_none_or(|v| v < *least)).map(|b| format!("at least {b}"));
        let high = bound.at_most.filter(|most| value.is_none_or(|v| v > *most)).map(|b| format!("at most {b}"));
        for text in [low, high].into_iter().flatten() {
            events.push(Event::BoundMissed {
                missed: Missed { model: name.clone(), metric: bound.metric, bound: text, value },
                place: None,
            });
        }
    }
    events
}

/// `data_preprocessing_log.json`: the ledger of every step, and the facts of the data steps.
fn preprocessing_log(record: &RunRecord) -> String {
    let steps: Vec<_> = record
        .steps
        .iter()
        .filter(|s| matches!(s.kind.as_str(), "source" | "clean" | "split" | "prepare" | "balance"))
        .map(|s| {
            json!({
                "step": s.step,
                "ledger": s.notes.ledger,
                "facts": s.notes.facts.iter().cloned().collect::<serde_json::Map<_, _>>(),
                "warnings": s.notes.warnings,
            })
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&json!({"data": record.data, "steps": steps})).unwrap_or_default();
    text.push('\n');
    text
}
