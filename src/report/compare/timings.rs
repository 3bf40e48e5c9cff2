//! How long the steps took.

use serde::Serialize;

use super::Run;
use super::page::label;

#[derive(Serialize)]
pub(super) struct Timings {
    runs: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

/// Seconds by kind of step, of stored steps what they took when they were computed, and the whole run.
pub(super) fn timings(runs: &[Run]) -> Timings {
    let mut kinds: Vec<&str> = Vec::new();
    for step in runs.iter().flat_map(|r| &r.outline.steps) {
        if !kinds.contains(&step.kind.as_str()) {
            kinds.push(&step.kind);
        }
    }
    let seconds = |run: &Run, kind: &str| {
        let of_kind = |step: &str| run.outline.steps.iter().any(|s| s.step == step && s.kind == kind);
        run.outline
            .volatile
            .step_seconds
            .iter()
            .filter(|(step, _)| of_kind(step))
            .map(|(_, s)| s)
            .fold(0.0, |a, b| a + b)
    };
    let mut rows: Vec<(String, Vec<String>)> = kinds
        .iter()
        .map(|kind| ((*kind).to_owned(), runs.iter().map(|r| format!("{:.2}", seconds(r, kind))).collect()))
        .collect();
    let whole = |r: &Run| r.outline.volatile.seconds.map_or_else(|| "–".into(), |s| format!("{s:.2}"));
    rows.push(("whole run, wall clock".into(), runs.iter().map(whole).collect()));
    let stored = |r: &Run| format!("{} of {}", r.outline.volatile.stored.len(), r.outline.steps.len());
    rows.push(("steps from the store".into(), runs.iter().map(stored).collect()));
    Timings { runs: runs.iter().map(|r| label(&r.id).to_owned()).collect(), rows }
}
