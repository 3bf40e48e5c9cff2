//! What was done: the ledger of the data, times, and how to do it again.

use std::collections::BTreeSet;

use serde::Serialize;

use super::figures::Ids;
use super::{Material, whole};
use crate::plot::{self, Span};
use crate::record::{RunRecord, seconds_of};

#[derive(Serialize)]
pub(super) struct Data {
    ledger: Vec<Entry>,
    parts: Vec<Part>,
    figures: Vec<Drawn>,
    note: String,
}

#[derive(Serialize)]
struct Entry {
    step: String,
    rows: [String; 2],
    columns: [String; 2],
    dropped: Vec<String>,
    more: usize,
    counts: Vec<(String, String)>,
    note: String,
}

#[derive(Serialize)]
struct Part {
    step: String,
    name: String,
    counts: Vec<(String, String)>,
    total: String,
}

#[derive(Serialize)]
struct Drawn {
    caption: &'static str,
    svg: String,
    wide: bool,
}

/// Names and counts that a cell lists.
const LISTED: usize = 40;

pub(super) fn data(record: &RunRecord, material: &Material, draw: bool, ids: &mut Ids) -> Data {
    let pair = |a: u64, b: u64| [whole(a as f64), whole(b as f64)];
    let ledger = record
        .ledger()
        .map(|l| Entry {
            step: l.step.clone(),
            rows: pair(l.rows_before, l.rows_after),
            columns: pair(l.columns_before, l.columns_after),
            dropped: l.dropped_columns.iter().take(LISTED).cloned().collect(),
            more: l.dropped_columns.len().saturating_sub(LISTED),
            counts: l.counts.iter().take(LISTED).map(|(name, n)| (name.clone(), whole(*n as f64))).collect(),
            note: l.note.clone().unwrap_or_default(),
        })
        .collect();
    let mut parts = Vec::new();
    for step in record.steps.iter().filter(|s| matches!(s.kind.as_str(), "clean" | "split" | "balance")) {
        for (name, value) in &step.notes.facts {
            let Some(counts) = value.as_object().filter(|c| c.values().all(|v| v.is_u64())) else { continue };
            let number = |v: &serde_json::Value| v.as_u64().unwrap_or_default() as f64;
            parts.push(Part {
                step: step.step.clone(),
                name: name.clone(),
                total: whole(counts.values().map(number).sum()),
                counts: counts.iter().map(|(class, n)| (class.clone(), whole(number(n)))).collect(),
            });
        }
    }
    let mut figures = Vec::new();
    let mut note = String::new();
    if let Some(survey) = material.survey.as_ref().filter(|_| draw) {
        let mut add = |caption, svg, wide| figures.push(Drawn { caption, svg, wide });
        let counts = plot::class_counts(&survey.classes, &survey.class_counts);
        let balanced = survey.class_counts[0] != survey.class_counts[1];
        let caption = if balanced {
            "Training rows by class, before and after balancing"
        } else {
            "Training rows by class, before and after: balancing changed nothing"
        };
        add(caption, ids.svg(&counts), false);
        if !survey.selection.is_empty() {
            let values: Vec<(String, f64, f64)> =
                survey.selection.iter().take(15).map(|(name, value, _)| (name.clone(), *value, 0.0)).collect();
            let bars = plot::importance_bars("Importance in the selection", "importance", &values, 0);
            add("What the selection of features judged by, the first 15", ids.svg(&bars), false);
        }
        if !survey.boxes.is_empty() {
            let plots = plot::box_plots("Features by class", &survey.classes, &survey.boxes);
            add("The first features by class, prepared training rows: 5, 25, 50, 75 and 95 %", ids.svg(&plots), true);
        }
        for (table, caption) in [
            (&survey.reduced, "Correlations of the prepared features (training rows)"),
            (&survey.original, "Correlations of the numeric columns as read"),
        ] {
            if table.names.len() > 1 {
                add(caption, ids.svg(&plot::correlation_map(caption, table)), true);
                if table.left_out > 0 {
                    note = format!("Correlations are drawn of the first {} columns.", table.names.len());
                }
            }
        }
    }
    Data { ledger, parts, figures, note }
}

#[derive(Serialize)]
pub(super) struct Times {
    seconds: String,
    threads: usize,
    computed: usize,
    stored: usize,
    figure: Option<String>,
    rows: Vec<Time>,
}

#[derive(Serialize)]
struct Time {
    step: String,
    kind: String,
    seconds: String,
    value: f64,
    began: Option<f64>,
    at: String,
    stored: bool,
}

/// Steps in a figure.
const SLOWEST: usize = 25;

pub(super) fn times(record: &RunRecord, ids: &mut Ids) -> Times {
    let volatile = &record.volatile;
    let stored = |step: &str| volatile.stored.binary_search_by(|s| s.as_str().cmp(step)).is_ok();
    // In the order of the plan.
    let rows: Vec<Time> = record
        .steps
        .iter()
        .filter_map(|s| {
            let seconds = seconds_of(&volatile.step_seconds, &s.step)?;
            let began = seconds_of(&volatile.step_began, &s.step).filter(|_| !stored(&s.step));
            Some(Time {
                step: s.step.clone(),
                kind: s.kind.clone(),
                seconds: format!("{seconds:.3}"),
                value: seconds,
                began,
                at: began.map_or_else(|| "–".into(), |s| format!("{s:.3}")),
                stored: stored(&s.step),
            })
        })
        .collect();
    let mut slow: Vec<&Time> = rows.iter().collect();
    slow.sort_by(|a, b| b.value.total_cmp(&a.value));
    slow.truncate(SLOWEST);
    let slow: BTreeSet<&str> = slow.into_iter().map(|t| t.step.as_str()).collect();
    let mut spans: Vec<Span> = rows
        .iter()
        .filter(|t| slow.contains(t.step.as_str()))
        .map(|t| Span {
            name: t.step.clone(),
            // A record of an earlier version does not tell when.
            began: t.began.or((!t.stored).then_some(0.0)),
            seconds: t.value,
            kind: match t.kind.as_str() {
                "fit" => 1,
                "predict" | "judge" => 2,
                "survey" | "examine" | "draw" | "publish" | "serving" => 3,
                _ => 0,
            },
        })
        .collect();
    // Stored ones first; the sort keeps the order of the plan.
    spans.sort_by(|a, b| a.began.unwrap_or(-1.0).total_cmp(&b.began.unwrap_or(-1.0)));
    let kinds = ["data", "fit", "predict and judge", "figures and files"];
    let title = "When the slowest steps were at work; the others came from the store";
    Times {
        seconds: volatile.seconds.map_or_else(|| "–".into(), |s| format!("{s:.2}")),
        threads: volatile.threads,
        computed: rows.iter().filter(|t| !t.stored).count(),
        stored: rows.iter().filter(|t| t.stored).count(),
        figure: (!spans.is_empty()).then(|| ids.svg(&plot::timeline(title, &kinds, &spans))),
        rows,
    }
}

#[derive(Serialize)]
pub(super) struct Repeat {
    yaml: String,
    cut: bool,
    files: Vec<(String, String, String)>,
    more_files: usize,
    written: Vec<(String, String)>,
    version: String,
    numerics: String,
    machine: String,
    started: String,
    command: String,
}

/// Bytes of the experiment that are shown.
const YAML: usize = 60_000;

pub(super) fn repeat(record: &RunRecord) -> Repeat {
    const FILES: usize = 200;
    let mut yaml = serde_saphyr::to_string(&record.experiment).unwrap_or_default();
    let cut = yaml.len() > YAML;
    if cut {
        let end = (0..=YAML).rev().find(|&i| yaml.is_char_boundary(i)).unwrap_or_default();
        yaml.truncate(end);
    }
    Repeat {
        yaml,
        cut,
        files: record
            .data
            .iter()
            .take(FILES)
            .map(|f| (f.path.clone(), f.digest.to_string(), whole(f.bytes as f64)))
            .collect(),
        more_files: record.data.len().saturating_sub(FILES),
        written: record.files.iter().take(FILES).map(|(path, _, bytes)| (path.clone(), whole(*bytes as f64))).collect(),
        version: record.version.clone(),
        numerics: record.numerics.clone(),
        machine: record.volatile.machine.clone(),
        started: record.volatile.started.get(..19).unwrap_or_default().replace('T', " "),
        command: format!("runner run runs/{}/experiment.yaml", record.volatile.run),
    }
}
