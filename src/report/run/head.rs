//! The first answers: who won, by how much, and what bends it.

use serde::Serialize;

use super::{Judged, decimals, status, whole};
use crate::ml::MAJORITY;
use crate::ml::metrics::Metric;
use crate::ml::metrics::paired::{Bootstrap, interval};
use crate::record::{RunRecord, StepState};

#[derive(Serialize)]
pub(super) struct Head {
    id: String,
    status: &'static str,
    finished: bool,
    missed: usize,
    winner: Option<Winner>,
    baseline: Option<String>,
    gain: Option<String>,
    second: Option<Second>,
    rows: String,
    classes: usize,
}

#[derive(Serialize)]
struct Winner {
    model: String,
    metric: &'static str,
    value: String,
    interval: Option<String>,
    how: &'static str,
    chosen_on: String,
    chosen_value: String,
    on_test: bool,
}

#[derive(Serialize)]
struct Second {
    model: String,
    value: String,
    apart: bool,
    above: bool,
}

/// The models from the best to the worst by the metric that decides, on the test part; the winner first.
pub(super) fn ranked<'a>(record: &RunRecord, judged: &[Judged<'a>]) -> Vec<Judged<'a>> {
    let metric = metric_of(record);
    let winner = record.winner.as_ref().map(|w| w.model.as_str());
    let mut out = judged.to_vec();
    out.sort_by(|a, b| {
        let first = |j: &Judged<'_>| Some(j.model.name.as_str()) != winner;
        // The baseline last: it has nothing to show.
        let base = |j: &Judged<'_>| j.model.name == MAJORITY;
        let value = |j: &Judged<'_>| j.test.get(metric).unwrap_or(f64::NEG_INFINITY);
        let order =
            if metric.greater_is_better() { value(b).total_cmp(&value(a)) } else { value(a).total_cmp(&value(b)) };
        first(a).cmp(&first(b)).then(base(a).cmp(&base(b))).then(order).then(a.at.cmp(&b.at))
    });
    out
}

fn metric_of(record: &RunRecord) -> Metric {
    let named = || serde_json::from_value(record.experiment.pointer("/evaluate/winner/metric")?.clone()).ok();
    record.winner.as_ref().map(|w| w.metric).or_else(named).unwrap_or(Metric::F1Macro)
}

/// The interval of a metric on the rows judged, and how it was made: the same as on the page of a comparison.
fn interval_of(judged: &Judged<'_>, metric: Metric) -> Option<([f64; 2], &'static str)> {
    let made = interval(&judged.test.confusion, metric, &Bootstrap::default());
    made.map(|i| (i, "95 % bootstrap interval of 1,000 resamples of the test rows"))
}

pub(super) fn head(record: &RunRecord, judged: &[Judged<'_>], best: &[Judged<'_>]) -> Head {
    let metric = metric_of(record);
    let of = |name: &str| judged.iter().find(|j| j.model.name == name);
    let won = record.winner.as_ref().and_then(|w| Some((w, of(&w.model)?)));
    let base = of(MAJORITY).and_then(|j| j.test.get(metric));
    let range = won.and_then(|(_, j)| interval_of(j, metric));
    let value = won.and_then(|(_, j)| j.test.get(metric));
    let second = won.and_then(|(w, _)| best.iter().find(|j| j.model.name != w.model && j.model.name != MAJORITY));
    Head {
        id: record.volatile.run.clone(),
        status: status(record.status),
        missed: record.missed.len(),
        finished: record.status == crate::record::RunStatus::Finished,
        winner: won.map(|(w, _)| Winner {
            model: w.model.clone(),
            metric: metric.word(),
            value: value.map_or_else(|| "–".into(), decimals),
            interval: range.map(|([low, high], _)| format!("{} to {}", decimals(low), decimals(high))),
            how: range.map_or("", |r| r.1),
            chosen_on: w.part.clone(),
            chosen_value: decimals(w.value),
            on_test: w.part == "test",
        }),
        baseline: base.map(decimals),
        gain: value
            .zip(base)
            .map(|(v, b)| format!("{} {} it", decimals((v - b).abs()), if v < b { "below" } else { "above" })),
        second: second.and_then(|j| {
            let score = j.test.get(metric)?;
            let apart = range.is_none_or(|([low, high], _)| score < low || score > high);
            let above = value.is_some_and(|v| metric.gain(v, score) > 0.0);
            Some(Second { model: j.model.name.clone(), value: decimals(score), apart, above })
        }),
        rows: whole(judged.first().map_or(0.0, |j| j.test.rows as f64)),
        classes: judged.first().map_or(0, |j| j.test.confusion.counts.len()),
    }
}

/// A warning of the record.
#[derive(Serialize)]
pub(super) struct Told {
    code: &'static str,
    meaning: &'static str,
    severity: &'static str,
    message: String,
    place: String,
    /// Section that shows it.
    link: &'static str,
    /// Why it was accepted.
    pub(super) reason: Option<String>,
}

impl Told {
    /// Leads to the data where its own section is not there.
    pub(super) fn link_within(&mut self, sections: &[&str]) {
        if !sections.contains(&self.link) {
            self.link = "data";
        }
    }
}

pub(super) fn warnings(record: &RunRecord) -> Vec<Told> {
    let reason = |code: &str| {
        let allowed = record.experiment.get("allow")?.as_array()?;
        let waiver = allowed.iter().find(|w| w.get("check").and_then(|c| c.as_str()) == Some(code))?;
        waiver.get("reason").and_then(|r| r.as_str()).map(str::to_owned)
    };
    let mut out: Vec<(crate::ml::Severity, Told)> = record
        .all_warnings()
        .map(|w| {
            let place = w.place.clone().unwrap_or_default();
            let link = match w.code.word() {
                "S09" => "headline",
                "S28" | "R03" | "R05" => "classes",
                _ if place.starts_with("models.") => "models",
                _ => "data",
            };
            let severity = match w.severity {
                crate::ml::Severity::Info => "note",
                crate::ml::Severity::Warning => "warning",
                crate::ml::Severity::Error => "error",
            };
            let code = w.code.word();
            (
                w.severity,
                Told {
                    code,
                    meaning: w.code.meaning(),
                    severity,
                    message: w.message.clone(),
                    place,
                    link,
                    reason: reason(code),
                },
            )
        })
        .collect();
    out.sort_by_key(|(severity, told)| (std::cmp::Reverse(*severity), told.reason.is_some()));
    out.into_iter().map(|(_, told)| told).collect()
}

/// A step that failed, or a bound that was missed.
#[derive(Serialize)]
pub(super) struct Problem {
    what: String,
    message: String,
    hints: Vec<String>,
}

pub(super) fn problems(record: &RunRecord) -> Vec<Problem> {
    let mut out = Vec::new();
    for step in &record.steps {
        match &step.state {
            StepState::Failed(p) => {
                out.push(Problem {
                    what: format!("{} failed", step.step),
                    message: p.message.clone(),
                    hints: p.hints.clone(),
                });
            }
            StepState::Skipped(because) if !matches!(step.kind.as_str(), "examine" | "draw" | "survey") => {
                out.push(Problem {
                    what: format!("{} was not tried", step.step),
                    message: format!("{because} failed"),
                    hints: Vec::new(),
                });
            }
            _ => {}
        }
    }
    for missed in &record.missed {
        let got = missed.value.map_or_else(|| "it is undefined".to_owned(), |v| format!("got {}", decimals(v)));
        out.push(Problem {
            what: format!("{} of {}", missed.metric.word(), missed.model),
            message: format!("expected {}, {got}", missed.bound),
            hints: Vec::new(),
        });
    }
    out
}
