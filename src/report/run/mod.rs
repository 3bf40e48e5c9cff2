//! The page of one run: who won and by how much, can it be trusted, where does it fail, what was done. A pure function of
//! the record and of what the steps for figures left in the store.

mod data;
mod figures;
mod head;
mod material;
mod models;
mod tables;

pub use material::Material;

use serde::Serialize;

use super::{Page, PageError, Section, Templates, made_by};
use crate::ml::metrics::Judgement;
use crate::record::{ModelResult, RunRecord, RunStatus};

/// The page stays below this many bytes.
pub const MOST_BYTES: usize = 1_500_000;

const PAGE: Page =
    Page { template: "report.html", styles: &["style.css", "report.css"], scripts: &["page.js", "report.js"] };

/// What of a run is shown in how much detail.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// Models with figures and matrices; the others are in the tables.
    models: usize,
    /// Whether correlations and box plots are drawn.
    data: bool,
}

#[derive(Serialize)]
struct View {
    title: String,
    lead: String,
    made_by: String,
    sections: Vec<Section>,
    head: head::Head,
    warnings: Vec<head::Told>,
    accepted: usize,
    problems: Vec<head::Problem>,
    metrics: Option<tables::Metrics>,
    validation: Option<tables::Metrics>,
    confusions: Vec<tables::Confusion>,
    per_class: Vec<tables::PerClass>,
    group_recalls: Vec<tables::Recalls>,
    curves: Vec<figures::Pair>,
    areas: Option<tables::Areas>,
    calibration: Vec<figures::Pair>,
    deployment: Option<models::Deployment>,
    importance: Vec<models::Importance>,
    learning: Option<String>,
    clusterings: Vec<models::Clustering>,
    data: data::Data,
    times: data::Times,
    repeat: data::Repeat,
    left_out: Vec<String>,
    detail: usize,
    figures: bool,
}

/// The page of a run. The same record and the same stored objects give the same bytes; where it would be too large, fewer
/// models are shown in full, and it says so.
///
/// # Errors
/// [`PageError`] of the templates.
pub fn run_page(templates: &Templates, record: &RunRecord, material: &Material) -> Result<String, PageError> {
    let tries = [(6, true), (3, true), (1, true), (1, false), (0, false)];
    let mut text = String::new();
    for (models, data) in tries {
        text = templates.render(&PAGE, &view(record, material, Detail { models, data }))?;
        if text.len() < MOST_BYTES {
            break;
        }
    }
    Ok(text)
}

/// A model that was judged on the test part.
#[derive(Clone, Copy)]
struct Judged<'a> {
    model: &'a ModelResult,
    test: &'a Judgement,
    /// Its place among the models, which is its colour.
    at: usize,
}

fn view(record: &RunRecord, material: &Material, detail: Detail) -> View {
    let judged: Vec<Judged<'_>> = record
        .models
        .iter()
        .enumerate()
        .filter_map(|(at, model)| Some(Judged { model, test: model.test.as_ref()?, at }))
        .collect();
    let best = head::ranked(record, &judged);
    let full: Vec<Judged<'_>> = best.iter().copied().take(detail.models).collect();
    let left_out: Vec<String> = best.iter().skip(detail.models).map(|j| j.model.name.clone()).collect();
    let classes = material.classes(record);
    let mut ids = figures::Ids::default();
    let mut view = View {
        title: record.name.clone(),
        lead: record.description.clone(),
        made_by: made_by(),
        sections: Vec::new(),
        head: head::head(record, &judged, &best),
        warnings: head::warnings(record),
        accepted: 0,
        problems: head::problems(record),
        metrics: tables::metrics(record, &judged, "test"),
        validation: None,
        confusions: tables::confusions(&full, &classes),
        per_class: tables::per_class(&full, &classes),
        group_recalls: tables::recalls(&full),
        curves: figures::curves(&full, material, &mut ids),
        areas: tables::areas(&full, material),
        calibration: figures::calibration(&full, material, &mut ids),
        deployment: models::deployment(record, &judged, &full, material, &mut ids),
        importance: models::importance(&full, material, &mut ids),
        learning: models::learning(&judged, material, &mut ids),
        clusterings: models::clusterings(&full, material, &classes, &mut ids),
        data: data::data(record, material, detail.data, &mut ids),
        times: data::times(record, &mut ids),
        repeat: data::repeat(record),
        left_out,
        detail: full.len(),
        figures: material.has_figures(),
    };
    view.accepted = view.warnings.iter().filter(|w| w.reason.is_some()).count();
    let validated: Vec<Judged<'_>> = record
        .models
        .iter()
        .enumerate()
        .filter_map(|(at, model)| Some(Judged { model, test: model.validation.as_ref()?, at }))
        .collect();
    view.validation = tables::metrics(record, &validated, "validation");
    view.sections = sections(&view);
    let there: Vec<&str> = view.sections.iter().map(|s| s.id).collect();
    view.warnings.iter_mut().for_each(|w| w.link_within(&there));
    view
}

/// The sections that have something to show, in their order.
fn sections(view: &View) -> Vec<Section> {
    let all = [
        ("headline", "Result", true),
        ("warnings", "Warnings", true),
        ("models", "Models", view.metrics.is_some()),
        ("confusion", "Confusion", !view.confusions.is_empty()),
        ("classes", "Classes", !view.per_class.is_empty()),
        ("curves", "Curves", view.areas.is_some()),
        ("calibration", "Calibration", !view.calibration.is_empty()),
        ("deployment", "In use", view.deployment.is_some()),
        ("importance", "Importance", !view.importance.is_empty()),
        ("learning", "Learning", view.learning.is_some()),
        ("clusters", "Clusters", !view.clusterings.is_empty()),
        ("data", "Data", true),
        ("times", "Times", true),
        ("repeat", "Repeat it", true),
    ];
    all.into_iter().filter(|s| s.2).map(|(id, title, _)| Section { id, title }).collect()
}

/// Four decimals, as on the terminal.
fn decimals(value: f64) -> String {
    if value.abs() >= 1e6 { format!("{value:.3e}") } else { format!("{value:.4}") }
}

/// Thousands apart.
fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push('\u{2009}');
        }
        out.push(c);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}

fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "not finished",
        RunStatus::Finished => "finished",
        RunStatus::Failed => "not whole: a step failed, and what needs it was not tried; the rest is below",
        RunStatus::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests;
