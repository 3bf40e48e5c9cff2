//! The steps of one model: fit, predict, judge.

use std::collections::BTreeMap;

use super::{Artifact, Outcome, Predictions, StepError, Work};
use crate::ml::metrics::{Judged, group_recalls, hidden_classes, judge as measure};
use crate::ml::{Dataset, Frame, ModelSpec, Part, Role, Training, Votes, Warning, argmax};
use crate::table::{PlainColumn, PlainValues, write_predictions_parquet};

/// The training rows of a fit: the recipe's part must be a training part.
pub(super) fn training(work: &Work<'_>, data: &Dataset) -> Result<Training<Dataset>, StepError> {
    let part = work.recipe.part.unwrap_or(Part::first(Role::Test));
    Ok(Training::new(part, data.clone())?)
}

pub(super) fn fit(work: &Work<'_>) -> Result<Outcome, StepError> {
    let spec: ModelSpec = work.parameters()?;
    let train = training(work, work.input("train")?.dataset()?)?;
    let (model, warnings) = spec.fit(&train, work.seed(), work.numerics(), work.progress)?;
    let mut outcome = Outcome::default();
    outcome.notes.warnings = warnings;
    outcome.notes.facts.push(("training rows".into(), train.get().rows().into()));
    if let Some(curve) = model.loss_curve() {
        outcome.notes.facts.push(("epochs".into(), curve.len().into()));
    }
    if let Some(clusters) = model.training_clusters() {
        let found = model.votes().map_or(0, |v| v.map().keys().filter(|c| **c >= 0).count());
        outcome.notes.facts.push(("clusters".into(), found.into()));
        outcome.notes.facts.push(("noise rows".into(), clusters.iter().filter(|c| **c < 0).count().into()));
    }
    if let Some(inertia) = model.training_inertia() {
        outcome.notes.facts.push(("inertia".into(), inertia.into()));
    }
    outcome.outputs.insert("model".into(), Artifact::Model(Box::new(model)));
    Ok(outcome)
}

pub(super) fn predict(work: &Work<'_>) -> Result<Outcome, StepError> {
    let part = work.input("part")?.dataset()?;
    let x = part.x().view();
    let vote = |clusters: &[i32]| Votes::count(clusters, part.y(), part.n_classes());
    let said = if let Some(ModelSpec::Dbscan(dbscan)) = work.optional::<ModelSpec>("cluster_part")? {
        // As published: the judged rows are clustered themselves, and vote with their own labels.
        let clusters = dbscan.labels(x);
        let votes = vote(&clusters);
        Predictions {
            y_pred: clusters.iter().map(|&c| votes.class_of(c)).collect(),
            probabilities: None,
            cluster_classes: Some(votes.map()),
            clusters: Some(clusters),
            inertia: None,
        }
    } else {
        let model = work.input("model")?.model()?;
        let clusters = model.clusters(x)?;
        let as_published = work.optional::<bool>("vote_on_part")?.unwrap_or(false);
        match clusters {
            Some(clusters) if as_published => {
                let votes = vote(&clusters);
                Predictions {
                    y_pred: clusters.iter().map(|&c| votes.class_of(c)).collect(),
                    probabilities: None,
                    cluster_classes: Some(votes.map()),
                    clusters: Some(clusters),
                    inertia: model.training_inertia(),
                }
            }
            clusters => {
                let probabilities = model.predict_proba(x)?;
                Predictions {
                    y_pred: argmax(&probabilities),
                    probabilities: Some(probabilities),
                    clusters,
                    cluster_classes: model.votes().map(Votes::map),
                    inertia: model.training_inertia(),
                }
            }
        }
    };
    let mut outcome = Outcome::default();
    outcome.outputs.insert("parquet".into(), Artifact::File(parquet(part, &said)?));
    outcome.outputs.insert("predictions".into(), Artifact::Predictions(said));
    Ok(outcome)
}

/// `predictions/<model>.parquet`: row_id, y_true, y_pred, `proba_<class>` …, cluster.
fn parquet(part: &Dataset, said: &Predictions) -> Result<Vec<u8>, StepError> {
    let name = |class: &u32| part.classes()[*class as usize].clone();
    let mut columns = vec![
        PlainColumn { name: "row_id".into(), values: PlainValues::U64(part.row_ids().to_vec()) },
        PlainColumn { name: "y_true".into(), values: PlainValues::Text(part.y().iter().map(name).collect()) },
        PlainColumn { name: "y_pred".into(), values: PlainValues::Text(said.y_pred.iter().map(name).collect()) },
    ];
    if let Some(probabilities) = &said.probabilities {
        for (class, values) in part.classes().iter().zip(probabilities.columns()) {
            columns.push(PlainColumn { name: format!("proba_{class}"), values: PlainValues::F64(values.to_vec()) });
        }
    }
    if let Some(clusters) = &said.clusters {
        columns.push(PlainColumn { name: "cluster".into(), values: PlainValues::I32(clusters.clone()) });
    }
    Ok(write_predictions_parquet(&columns)?)
}

pub(super) fn judge(work: &Work<'_>) -> Result<Outcome, StepError> {
    let part = work.input("part")?.dataset()?;
    let said = work.input("predictions")?.predictions()?;
    let grouping = work.input("pipeline")?.pipeline()?.grouping();
    let (mut judgement, mut warnings) = measure(
        part,
        grouping,
        &Judged {
            y_pred: &said.y_pred,
            probabilities: said.probabilities.as_ref().map(|p| p.view()),
            clusters: said.clusters.as_deref(),
            cluster_classes: said.cluster_classes.as_ref(),
            inertia: said.inertia,
        },
    )?;
    if let (Some(grouping), Some(column)) = (grouping, work.optional::<String>("class_column")?) {
        let classes = classes_of(work.input("frame")?.frame()?, &column, part.row_ids())?;
        judgement.group_recalls = group_recalls(grouping, part.y(), &said.y_pred, |row| classes[row].as_str());
        warnings.extend(hidden_classes(&judgement.group_recalls));
    }
    let mut outcome = Outcome::default();
    // The baseline never predicts but one class: that is no news.
    if !work.optional::<bool>("baseline")?.unwrap_or(false) {
        let part = work.recipe.part.map_or("", |p| p.role.word());
        outcome.notes.warnings =
            warnings.into_iter().map(|w| Warning { message: format!("on {part}: {}", w.message), ..w }).collect();
    }
    outcome.outputs.insert("judgement".into(), Artifact::Judgement(judgement));
    Ok(outcome)
}

/// The value of a column kept aside for each of these rows.
fn classes_of(frame: &Frame, column: &str, row_ids: &[u64]) -> Result<Vec<String>, StepError> {
    let values = frame.aside.iter().find(|c| c.name == column);
    let values = values.ok_or_else(|| StepError::Recipe(format!("the column {column} is not kept aside")))?;
    let at: BTreeMap<u64, usize> = frame.row_ids.iter().copied().zip(0..).collect();
    let text = |id| at.get(id).and_then(|&row| values.text(row));
    let class = |id| text(id).ok_or_else(|| StepError::Recipe(format!("row {id} has no class")));
    row_ids.iter().map(class).collect()
}
