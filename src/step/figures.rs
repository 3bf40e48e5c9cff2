//! What figures show: the numbers, kept for the page, and the pictures of the run folder.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Artifact, Outcome, StepError, Work};
use crate::ml::examine::{self, ModelExam, Said, Survey};
use crate::ml::metrics::{Judgement, Metric};
use crate::ml::{Column, Values};
use crate::plot::{self, Colouring, Figure, PlotError};

/// Features of the box plots and of the importances.
const TOP: usize = 15;
/// Models whose confusion matrices share a picture.
const MODELS: usize = 12;

fn json(value: &impl Serialize) -> Result<Artifact, StepError> {
    let bytes = serde_json::to_vec(value).map_err(|e| StepError::Recipe(format!("numbers cannot be written: {e}")))?;
    Ok(Artifact::File(bytes))
}

/// What the data looks like.
pub(super) fn survey(work: &Work<'_>) -> Result<Outcome, StepError> {
    let table = work.input("table")?.table()?;
    let frame = work.input("frame")?.frame()?;
    let pipeline = work.input("pipeline")?.pipeline()?;
    let train = work.input("train")?.dataset()?;
    let balanced = work.input("balanced")?.dataset()?;
    // What is no feature is left out of the columns as read.
    let aside: Vec<&str> = frame.aside.iter().map(|c| c.name.as_str()).collect();
    let numbers =
        |column: &'_ Column| matches!(column.values, Values::Number(_)) && !aside.contains(&column.name.as_str());
    let original: Vec<(&str, &[f64])> = table
        .columns
        .iter()
        .filter(|c| numbers(c))
        .filter_map(|c| if let Values::Number(v) = &c.values { Some((c.name.as_str(), v.as_slice())) } else { None })
        .collect();
    let columns: Vec<Vec<f64>> = train.x().columns().into_iter().take(90).map(|c| c.to_vec()).collect();
    let reduced: Vec<(&str, &[f64])> =
        train.features().iter().map(String::as_str).zip(columns.iter().map(Vec::as_slice)).collect();
    let mut selection: Vec<(String, f64, bool)> =
        pipeline.importances().unwrap_or_default().iter().map(|i| (i.name.clone(), i.importance, i.selected)).collect();
    selection.sort_by(|a, b| b.1.total_cmp(&a.1));
    // The features that matter most: those of the selection, else the first.
    let mut top: Vec<usize> = selection
        .iter()
        .filter_map(|(name, ..)| train.features().iter().position(|f| f == name))
        .chain(0..train.width())
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    top.retain(|f| seen.insert(*f));
    top.truncate(TOP);
    selection.truncate(2 * TOP);
    let counts = |data: &crate::ml::Dataset| data.class_counts().into_iter().map(|n| n as u64).collect();
    let mut reduced = examine::correlation(&reduced);
    reduced.left_out = (train.width() - reduced.names.len()) as u64;
    let survey = Survey {
        classes: train.classes().to_vec(),
        groups: pipeline.grouping().map(|g| (g.of_class.clone(), g.names.clone())),
        class_counts: [counts(train), counts(balanced)],
        original: examine::correlation(&original),
        reduced,
        boxes: examine::boxes(train, &top),
        selection,
    };
    let mut outcome = Outcome::default();
    outcome.outputs.insert("survey.json".into(), json(&survey)?);
    Ok(outcome)
}

/// What the figures of a model show.
pub(super) fn examine(work: &Work<'_>) -> Result<Outcome, StepError> {
    let part = work.input("part")?.dataset()?;
    let said = work.input("predictions")?.predictions()?;
    let grouping = work.input("pipeline")?.pipeline()?.grouping();
    let model = if work.inputs.contains_key("model") { Some(work.input("model")?.model()?) } else { None };
    let exam = examine::examine(
        part,
        grouping,
        Said { probabilities: said.probabilities.as_ref().map(|p| p.view()), clusters: said.clusters.as_deref() },
        model,
        work.seed(),
    )?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("exam.json".into(), json(&exam)?);
    Ok(outcome)
}

fn numbers<T: DeserializeOwned>(work: &Work<'_>, name: &str) -> Result<T, StepError> {
    serde_json::from_slice(work.input(name)?.file()?)
        .map_err(|e| StepError::Artifact(format!("the numbers of {name} cannot be read: {e}")))
}

/// The pictures of the data, of a model or of all models: outputs are paths in the run folder.
pub(super) fn draw(work: &Work<'_>) -> Result<Outcome, StepError> {
    let figures = match work.parameter::<String>("of")?.as_str() {
        "data" => of_data(&numbers(work, "survey")?),
        "model" => {
            of_model(&work.parameter::<String>("name")?, &numbers(work, "exam")?, work.input("judgement")?.judgement()?)
        }
        _ => {
            let names: Vec<String> = work.parameter("names")?;
            let mut judged: Vec<(&String, &Judgement)> = names
                .iter()
                .enumerate()
                .map(|(i, name)| Ok((name, work.input(&format!("judgement {i:04}"))?.judgement()?)))
                .collect::<Result<_, StepError>>()?;
            // The best first.
            let f1 = |j: &Judgement| j.get(Metric::F1Macro).unwrap_or_default();
            judged.sort_by(|a, b| f1(b.1).total_cmp(&f1(a.1)).then(a.0.cmp(b.0)));
            of_models(&numbers::<Survey>(work, "survey")?.classes, &judged)
        }
    };
    let pictures: Vec<(String, Vec<u8>)> = {
        use rayon::prelude::*;
        let drawn = figures.into_par_iter().map(|(path, figure)| Ok((path, figure.headed().png()?)));
        drawn.collect::<Result<_, PlotError>>().map_err(|e| StepError::Recipe(e.to_string()))?
    };
    let outputs = pictures.into_iter().map(|(path, bytes)| (path, Artifact::File(bytes))).collect();
    Ok(Outcome { outputs, ..Outcome::default() })
}

fn of_data(survey: &Survey) -> BTreeMap<String, Figure> {
    let mut out = BTreeMap::new();
    let mut add = |name: &str, figure: Figure| drop(out.insert(format!("data/{name}.png"), figure));
    if survey.original.names.len() > 1 {
        add(
            "correlation_matrix_original",
            plot::correlation_map("Correlation of the columns as read", &survey.original),
        );
    }
    if survey.reduced.names.len() > 1 {
        add(
            "correlation_matrix_reduced",
            plot::correlation_map("Correlation of the prepared features", &survey.reduced),
        );
    }
    add("class_distribution_comparison", plot::class_counts(&survey.classes, &survey.class_counts));
    let n = survey.boxes.len();
    let title = format!("{n} features by class in the training rows: quantiles at 5, 25, 50, 75 and 95 %");
    add("feature_boxplots_top15", plot::box_plots(&title, &survey.classes, &survey.boxes));
    if !survey.selection.is_empty() {
        let values: Vec<(String, f64, f64)> =
            survey.selection.iter().take(TOP).map(|(name, value, _)| (name.clone(), *value, 0.0)).collect();
        add("feature_importance_top15", plot::importance_bars("Importance in the selection", "importance", &values, 0));
    }
    out
}

fn of_model(name: &str, exam: &ModelExam, judged: &Judgement) -> BTreeMap<String, Figure> {
    let mut out = BTreeMap::new();
    let scores: Vec<(String, [f64; 3])> = exam
        .classes
        .iter()
        .zip(&judged.per_class)
        .map(|(class, s)| (class.clone(), [s.precision, s.recall, s.f1]))
        .collect();
    out.insert(format!("multiclass/per_class_metrics_{name}.png"), plot::class_bars(name, &scores));
    if let (Some(clusters), Some(table)) = (&exam.clusters, &judged.clusters) {
        let title = format!("{name}: test rows by cluster");
        out.insert(format!("clustering/{name}_pca_by_cluster.png"), plot::plane(&title, clusters, Colouring::Cluster));
        let title = format!("{name}: clusters and classes");
        let map = plot::cluster_map(&title, &exam.classes, &table.table);
        out.insert(format!("clustering/{name}_cluster_label_heatmap.png"), map);
    }
    out
}

fn of_models(classes: &[String], judged: &[(&String, &Judgement)]) -> BTreeMap<String, Figure> {
    const SHOWN: [Metric; 5] =
        [Metric::Accuracy, Metric::PrecisionWeighted, Metric::RecallWeighted, Metric::F1Weighted, Metric::RocAucOvr];
    let words: Vec<&str> = SHOWN.iter().map(|m| m.word()).collect();
    let rows: Vec<(String, Vec<Option<f64>>)> =
        judged.iter().map(|(name, j)| ((*name).clone(), SHOWN.iter().map(|m| j.get(*m)).collect())).collect();
    let maps: Vec<(String, &[Vec<u64>])> =
        judged.iter().take(MODELS).map(|(name, j)| ((*name).clone(), j.confusion.counts.as_slice())).collect();
    BTreeMap::from([
        ("multiclass/multiclass_metrics_comparison.png".into(), plot::metric_bars(&words, &rows)),
        ("multiclass/confusion_matrices.png".into(), plot::confusion_maps(classes, &maps)),
    ])
}
