//! What single models show: alarms in use, importances, learning, clusters.

use serde::Serialize;

use super::figures::Ids;
use super::{Judged, Material, decimals, whole};
use crate::ml::metrics::Metric;
use crate::ml::metrics::paired::wilson;
use crate::plot::{self, Colouring, Line};
use crate::record::RunRecord;

#[derive(Serialize)]
pub(super) struct Deployment {
    positive: String,
    slider: String,
    percent: String,
    flows: String,
    flows_text: String,
    test_percent: String,
    rows: Vec<Alarm>,
    figure: Option<String>,
}

#[derive(Serialize)]
struct Alarm {
    model: String,
    winner: bool,
    tpr: f64,
    fpr: f64,
    fpr_high: f64,
    recall: String,
    false_rate: String,
    false_range: String,
    at_test: String,
    precision: String,
    precision_low: String,
    alarms: String,
    false_alarms: String,
}

/// Precision at a prevalence (Axelsson 2000): p TPR / (p TPR + (1 - p) FPR); none where nothing is an alarm.
pub(super) fn precision(prevalence: f64, tpr: f64, fpr: f64) -> Option<f64> {
    let (hits, false_ones) = (prevalence * tpr, (1.0 - prevalence) * fpr);
    (hits + false_ones > 0.0).then(|| hits / (hits + false_ones))
}

fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

/// What the coarse label means where attacks are as rare as they are.
pub(super) fn deployment(
    record: &RunRecord,
    judged: &[Judged<'_>],
    full: &[Judged<'_>],
    material: &Material,
    ids: &mut Ids,
) -> Option<Deployment> {
    let positive = record.experiment.pointer("/dataset/positive")?.as_str()?.to_owned();
    let setting = |key: &str, or: f64| record.experiment.pointer(key).and_then(|v| v.as_f64()).unwrap_or(or);
    let prevalence = setting("/deployment/prevalence", 0.01);
    let flows = setting("/deployment/flows_per_day", 1e6);
    // Groups of the judged rows.
    let first = judged.iter().find(|j| !j.test.group_recalls.is_empty())?;
    let all: u64 = first.test.group_recalls.iter().map(|r| r.support).sum();
    let positives: u64 = first.test.group_recalls.iter().filter(|r| r.group == positive).map(|r| r.support).sum();
    let negatives = all - positives;
    let winner = record.winner.as_ref().map(|w| w.model.as_str());
    let rows: Vec<Alarm> = judged
        .iter()
        .filter_map(|j| {
            let (tpr, fpr) = (j.test.get(Metric::GroupRecall)?, j.test.get(Metric::GroupFalsePositiveRate)?);
            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // a count of rows
            let wrong = (fpr * negatives as f64).round() as u64;
            let [low, high] = wilson(wrong, negatives);
            let shown = |p: Option<f64>| p.map_or_else(|| "–".into(), percent);
            Some(Alarm {
                model: j.model.name.clone(),
                winner: winner == Some(j.model.name.as_str()),
                tpr,
                fpr,
                fpr_high: high,
                recall: percent(tpr),
                false_rate: percent(fpr),
                false_range: format!("{} to {}", percent(low), percent(high)),
                at_test: j.test.get(Metric::GroupPrecision).map_or_else(|| "–".into(), percent),
                precision: shown(precision(prevalence, tpr, fpr)),
                precision_low: shown(precision(prevalence, tpr, high)),
                alarms: whole(flows * (prevalence * tpr + (1.0 - prevalence) * fpr)),
                false_alarms: whole(flows * (1.0 - prevalence) * fpr),
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let lines: Vec<Line> = full
        .iter()
        .filter(|j| j.model.kind != "majority")
        .filter_map(|j| Some((j, material.exam(&j.model.name)?.operating.as_ref()?)))
        .map(|(j, o)| Line {
            name: j.model.name.clone(),
            colour: j.at,
            points: o
                .points
                .iter()
                .map(|&(_, hits, alarms)| [alarms as f64 / o.negatives as f64, hits as f64 / o.positives as f64])
                .collect(),
        })
        .collect();
    let least = 1.0 / negatives.max(1) as f64;
    let title = format!("Recall of {positive} over its false positive rate, by threshold");
    let figure = (!lines.is_empty()).then(|| ids.svg(&plot::operating_curve(&title, &lines, least)));
    Some(Deployment {
        positive,
        slider: format!("{:.2}", prevalence.log10().clamp(-5.0, -0.1)),
        percent: format!("{} %", crate::record::number(prevalence * 100.0).trim_end_matches(".0")),
        flows: flows.to_string(),
        flows_text: whole(flows),
        test_percent: percent(positives as f64 / all.max(1) as f64),
        rows,
        figure,
    })
}

#[derive(Serialize)]
pub(super) struct Importance {
    model: String,
    figures: Vec<String>,
    note: String,
}

/// Features in a figure.
const TOP: usize = 20;

/// Permutation importance on held-out rows, and impurity importance.
pub(super) fn importance(judged: &[Judged<'_>], material: &Material, ids: &mut Ids) -> Vec<Importance> {
    let mut out = Vec::new();
    for j in judged {
        let name = &j.model.name;
        let Some(exam) = material.exam(name).filter(|_| j.model.kind != "majority") else { continue };
        let mut figures = Vec::new();
        let mut note = String::new();
        if let Some(found) = &exam.permutation {
            let values: Vec<(String, f64, f64)> =
                found.features.iter().take(TOP).map(|f| (f.feature.clone(), f.mean, f.half)).collect();
            let title = format!("{name}: permutation importance, loss of macro F1 when a feature is shuffled");
            figures.push(ids.svg(&plot::importance_bars(&title, "loss of macro F1", &values, j.at)));
            note = format!(
                "Permutation: mean of {} shuffles of {} held-out rows (macro F1 {} as they are); lines are 95 % intervals over \
                 the shuffles.",
                found.repeats,
                found.rows,
                decimals(found.score)
            );
            if found.left_out > 0 {
                note.push_str(&format!(" {} further features were not shuffled.", found.left_out));
            }
        }
        if !exam.impurity.is_empty() {
            let values: Vec<(String, f64, f64)> =
                exam.impurity.iter().take(TOP).map(|(feature, v)| (feature.clone(), *v, 0.0)).collect();
            let title = format!("{name}: mean decrease in impurity on the training rows");
            figures.push(ids.svg(&plot::importance_bars(&title, "importance", &values, j.at)));
        }
        if !figures.is_empty() {
            out.push(Importance { model: name.clone(), figures, note });
        }
    }
    out
}

/// Loss curves of the networks, all in one figure.
pub(super) fn learning(judged: &[Judged<'_>], material: &Material, ids: &mut Ids) -> Option<String> {
    let lines: Vec<Line> = judged
        .iter()
        .filter_map(|j| Some((j, material.exam(&j.model.name)?)))
        .filter(|(_, exam)| !exam.loss.is_empty())
        .take(12)
        .map(|(j, exam)| Line {
            name: j.model.name.clone(),
            colour: j.at,
            points: exam.loss.iter().enumerate().map(|(i, v)| [(i + 1) as f64, *v]).collect(),
        })
        .collect();
    (!lines.is_empty()).then(|| ids.svg(&plot::loss_curve("Training loss by epoch", &lines)))
}

#[derive(Serialize)]
pub(super) struct Clustering {
    model: String,
    by_cluster: String,
    by_class: String,
    map: Option<String>,
    silhouette: Option<String>,
    note: String,
}

pub(super) fn clusterings(
    judged: &[Judged<'_>],
    material: &Material,
    classes: &[String],
    ids: &mut Ids,
) -> Vec<Clustering> {
    let mut out = Vec::new();
    for j in judged {
        let name = &j.model.name;
        let Some(exam) = material.exam(name).and_then(|e| e.clusters.as_ref()) else { continue };
        let by_cluster = plot::plane(&format!("{name}: test rows by cluster"), exam, Colouring::Cluster);
        let by_class = plot::plane(&format!("{name}: the same rows by class"), exam, Colouring::Class(classes));
        let table = j.test.clusters.as_ref();
        let map = table.map(|t| plot::cluster_map(&format!("{name}: clusters and classes"), classes, &t.table));
        let mean = j.test.get(Metric::Silhouette);
        let silhouette = (!exam.silhouettes.is_empty())
            .then(|| plot::silhouette(&format!("{name}: silhouettes by cluster"), &exam.silhouettes, mean));
        let found = table.map_or(0, |t| t.found);
        let noise = table.map_or(0, |t| t.noise);
        let note = format!(
            "{found} clusters among {} test rows, {noise} rows are noise. Silhouette {} (dashed line); its bars are from {} \
             rows, evenly spread.",
            exam.rows,
            mean.map_or_else(|| "undefined".into(), decimals),
            exam.silhouette_rows
        );
        out.push(Clustering {
            model: name.clone(),
            by_cluster: ids.svg(&by_cluster),
            by_class: ids.svg(&by_class),
            map: map.map(|m| ids.svg(&m)),
            silhouette: silhouette.map(|s| ids.svg(&s)),
            note,
        });
    }
    out
}
