//! `runner diff`: what differs between two runs: experiment, data, steps, metrics.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::out::Out;
use super::{Folders, Output, show};
use crate::plan::{Difference, differences};
use crate::record::{ModelResult, RunRecord};

/// A metric that two runs do not share.
struct Moved {
    model: String,
    part: &'static str,
    metric: &'static str,
    before: Option<f64>,
    now: Option<f64>,
}

pub(super) fn diff(a: &str, b: &str, place: &Folders, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let (a, b) = (store.find_run(a)?, store.find_run(b)?);
    let (before, now) = (show::read(&store, &a)?, show::read(&store, &b)?);
    let config = differences(&before.experiment, &now.experiment);
    let data = data(&before, &now);
    let steps = steps(&before, &now);
    let metrics = metrics(&before, &now);
    match output {
        Output::Json => {
            let metrics: Vec<Json> = metrics
                .iter()
                .map(
                    |m| json!({"model": m.model, "part": m.part, "metric": m.metric, "before": m.before, "now": m.now}),
                )
                .collect();
            let winner = |r: &RunRecord| json!(r.winner.as_ref().map(|w| w.model.clone()));
            let document = json!({
                "before": a, "now": b, "experiment": config, "data": data, "steps": steps, "metrics": metrics,
                "winner": {"before": winner(&before), "now": winner(&now)},
            });
            out.line(&serde_json::to_string_pretty(&document).unwrap_or_default())?;
        }
        Output::Text => {
            let mut text = format!("- {a}\n+ {b}\n");
            section(&mut text, "experiment", config.iter().map(field));
            section(&mut text, "data", data.iter().map(field));
            section(&mut text, "steps with another key", steps.into_iter());
            section(&mut text, "metrics", metrics.iter().map(moved));
            let winner = |r: &RunRecord| r.winner.as_ref().map_or_else(|| "none".to_owned(), |w| w.model.clone());
            if winner(&before) != winner(&now) {
                let _ = writeln!(text, "\nwinner\n  {} -> {}", winner(&before), winner(&now));
            }
            if text.lines().count() == 2 {
                text.push_str("\nno difference in experiment, data, steps or metrics\n");
            }
            out.text(&text)?;
        }
    }
    Ok(0)
}

fn section(text: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{name}");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn field(d: &Difference) -> String {
    let value = |v: &Option<Json>| v.as_ref().map_or_else(|| "not there".to_owned(), Json::to_string);
    format!("{}: {} -> {}", d.field, value(&d.before), value(&d.now))
}

fn moved(m: &Moved) -> String {
    let value = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
    let by = m.before.zip(m.now).map(|(a, b)| format!(" ({:+.4})", b - a)).unwrap_or_default();
    format!("{:<20} {:<10} {:<24} {} -> {}{by}", m.model, m.part, m.metric, value(m.before), value(m.now))
}

fn data(before: &RunRecord, now: &RunRecord) -> Vec<Difference> {
    let files = |r: &RunRecord| {
        r.data
            .iter()
            .map(|f| (f.path.clone(), json!({"digest": f.digest, "bytes": f.bytes})))
            .collect::<serde_json::Map<_, _>>()
    };
    differences(&Json::Object(files(before)), &Json::Object(files(now)))
}

/// Names of the steps that have another key, or are in one of the two only.
fn steps(before: &RunRecord, now: &RunRecord) -> Vec<String> {
    let keys = |r: &RunRecord| r.steps.iter().map(|s| (s.step.clone(), s.key)).collect::<BTreeSet<_>>();
    let (before, after) = (keys(before), keys(now));
    let mut seen = BTreeSet::new();
    now.steps
        .iter()
        .map(|s| s.step.clone())
        .chain(before.iter().map(|(name, _)| name.clone()))
        .filter(|name| before.iter().find(|(n, _)| n == name) != after.iter().find(|(n, _)| n == name))
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

fn metrics(before: &RunRecord, now: &RunRecord) -> Vec<Moved> {
    let mut out = Vec::new();
    let of = |r: &RunRecord, name: &str| r.models.iter().find(|m| m.name == name).cloned();
    let names = now.models.iter().map(|m| &m.name);
    let gone = before.models.iter().map(|m| &m.name).filter(|name| now.models.iter().all(|m| &m.name != *name));
    for name in names.chain(gone) {
        let (a, b) = (of(before, name), of(now, name));
        for part in ["validation", "test"] {
            let pick = |m: &ModelResult| if part == "test" { m.test.clone() } else { m.validation.clone() };
            let (a, b) = (a.as_ref().and_then(pick), b.as_ref().and_then(pick));
            let metrics: BTreeSet<_> = [&a, &b].into_iter().flatten().flat_map(|j| j.values.keys().copied()).collect();
            for metric in metrics {
                let (before, now) = (a.as_ref().and_then(|j| j.get(metric)), b.as_ref().and_then(|j| j.get(metric)));
                if before != now {
                    out.push(Moved { model: name.clone(), part, metric: metric.word(), before, now });
                }
            }
        }
    }
    out
}
