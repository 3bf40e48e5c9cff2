//! Records as text: the table of models and metrics, warnings, timings; the list of runs.

use std::collections::BTreeMap;
use std::path::Path;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::ml::Severity;
use crate::ml::metrics::{Judgement, Metric};
use crate::record::{RunRecord, RunStatus, StepState};
use crate::spec::Waiver;

use super::ls::Found;

/// The metrics that fit on a line where the experiment does not name its own.
const HEADLINE: [Metric; 7] = [
    Metric::Accuracy,
    Metric::F1Macro,
    Metric::F1Weighted,
    Metric::RocAucOvr,
    Metric::GroupAccuracy,
    Metric::GroupF1,
    Metric::Silhouette,
];

pub(super) fn table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

/// Everything after the first column to the right, without blanks at the ends of lines.
fn render(mut table: Table) -> String {
    let right: Vec<usize> = (1..table.column_count()).collect();
    render_with(table, &right)
}

/// The columns at these positions to the right, the others to the left, without blanks at the ends of lines.
pub(super) fn render_with(mut table: Table, right: &[usize]) -> String {
    for (i, column) in table.column_iter_mut().enumerate() {
        if right.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The metrics that an experiment names, else those that fit on a line.
pub(super) fn wanted(record: &RunRecord) -> Vec<Metric> {
    record
        .experiment
        .pointer("/evaluate/metrics")
        .and_then(|m| serde_json::from_value::<Vec<Metric>>(m.clone()).ok())
        .unwrap_or_else(|| HEADLINE.to_vec())
}

fn models(record: &RunRecord, part: &str, pick: impl Fn(usize) -> Option<Judgement>) -> String {
    let judged: Vec<(usize, Judgement)> = (0..record.models.len()).filter_map(|i| Some((i, pick(i)?))).collect();
    if judged.is_empty() {
        return String::new();
    }
    let metrics: Vec<Metric> =
        wanted(record).into_iter().filter(|m| judged.iter().any(|(_, j)| j.values.contains_key(m))).collect();
    let mut header = vec![format!("  {part}, {} rows", judged[0].1.rows)];
    header.extend(metrics.iter().map(|m| m.word().to_owned()));
    let mut table = table(header);
    for (i, judgement) in &judged {
        let name = &record.models[*i].name;
        let won = record.winner.as_ref().is_some_and(|w| &w.model == name);
        let mut row = vec![format!("{} {name}", if won { "*" } else { " " })];
        row.extend(metrics.iter().map(|m| match judgement.get(*m) {
            Some(value) if value.abs() >= 1000.0 => format!("{value:.1}"),
            Some(value) => format!("{value:.4}"),
            None if judgement.values.contains_key(m) => "undefined".into(),
            None => "-".into(),
        }));
        table.add_row(row);
    }
    render(table)
}

/// Classes in the table of recalls; the files have all of them.
const MOST_CLASSES: usize = 12;

/// Where the models learnt groups: how far each class of the test part was told from the other groups, those first that
/// the winner (or the first model) misses most.
fn recalls(record: &RunRecord) -> String {
    if record.experiment.pointer("/dataset/train_on").and_then(|t| t.as_str()) != Some("group") {
        return String::new();
    }
    let judged: Vec<(&str, &Judgement)> =
        record.models.iter().filter_map(|m| Some((m.name.as_str(), m.test.as_ref()?))).collect();
    let winner = record.winner.as_ref().map(|w| w.model.as_str());
    let Some((_, first)) = judged.iter().find(|(name, _)| Some(*name) == winner).or(judged.first()) else {
        return String::new();
    };
    let mut order: Vec<usize> = (0..first.group_recalls.len()).collect();
    order.sort_by(|&a, &b| first.group_recalls[a].recall.total_cmp(&first.group_recalls[b].recall));
    let shown = order.len().min(MOST_CLASSES);
    let mut header = vec!["  recall by class, test".to_owned(), "group".into(), "rows".into()];
    header.extend(judged.iter().map(|(name, _)| (*name).to_owned()));
    let mut table = table(header);
    for &at in &order[..shown] {
        let class = &first.group_recalls[at];
        let mut row = vec![format!("  {}", class.class), class.group.clone(), class.support.to_string()];
        row.extend(judged.iter().map(|(_, j)| {
            let same = j.group_recalls.get(at).filter(|r| r.class == class.class);
            same.map_or_else(|| "-".into(), |r| format!("{:.4}", r.recall))
        }));
        table.add_row(row);
    }
    let more = match order.len() - shown {
        0 => String::new(),
        more => format!("  … and {more} more in binary_label/recall_by_class.csv\n"),
    };
    if shown == 0 { String::new() } else { format!("\n{}{more}", render(table)) }
}

/// A run for people.
pub(super) fn summary(record: &RunRecord, allow: &[Waiver], folder: &Path) -> String {
    let mut out = String::new();
    let title = match record.status {
        RunStatus::Finished => String::new(),
        RunStatus::Failed => " (failed)".into(),
        RunStatus::Interrupted => " (interrupted)".into(),
        RunStatus::Running => " (not finished)".into(),
    };
    out.push_str(&format!("\n{}{title}\n", record.name));
    if !record.description.is_empty() {
        out.push_str(&format!("{}\n", record.description));
    }
    out.push('\n');
    let validation = models(record, "validation", |i| record.models[i].validation.clone());
    if !validation.is_empty() {
        out.push_str(&validation);
        out.push('\n');
    }
    out.push_str(&models(record, "test", |i| record.models[i].test.clone()));
    out.push_str(&recalls(record));
    if let Some(winner) = &record.winner {
        out.push_str(&format!(
            "\n* winner by {} on {}: {} ({:.4})\n",
            winner.metric.word(),
            winner.part,
            winner.model,
            winner.value
        ));
    }
    out.push_str(&ledger(record));
    let warnings: Vec<_> = record.all_warnings().collect();
    if !warnings.is_empty() {
        out.push_str("\nwarnings\n");
        for warning in warnings {
            let place = warning.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
            let mark = match warning.severity {
                Severity::Info => " (info)",
                Severity::Warning => "",
                Severity::Error => " (error)",
            };
            out.push_str(&format!("  {}{mark} {place}{}\n", warning.code.word(), warning.message));
            if let Some(waiver) = allow.iter().find(|w| w.check == warning.code.word()) {
                out.push_str(&format!("      allowed: {}\n", waiver.reason));
            }
        }
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for step in &record.steps {
        match &step.state {
            StepState::Failed(problem) => out.push_str(&format!("\nfailed {}: {}\n", step.step, problem.message)),
            StepState::Skipped(because) => *skipped.entry(because).or_default() += 1,
            StepState::Open | StepState::Done => {}
        }
    }
    for (because, n) in skipped {
        let steps = if n == 1 { "step" } else { "steps" };
        out.push_str(&format!("skipped {n} {steps} because {because} failed\n"));
    }
    let computed = record.volatile.step_seconds.len().saturating_sub(record.volatile.stored.len());
    let mut slow: Vec<_> =
        record.volatile.step_seconds.iter().filter(|(s, _)| !record.volatile.stored.contains(s)).collect();
    slow.sort_by(|a, b| b.1.total_cmp(&a.1));
    let slow: Vec<String> = slow.iter().take(3).map(|(s, t)| format!("{s} {t:.2} s")).collect();
    let total = record.volatile.seconds.map_or_else(|| "not finished".into(), |s| format!("{s:.2} s"));
    out.push_str(&format!(
        "\n{total} · {computed} steps run, {} from the store{}\n{}\n",
        record.volatile.stored.len(),
        if slow.is_empty() { String::new() } else { format!(" · slowest: {}", slow.join(", ")) },
        folder.display()
    ));
    out
}

/// What reading, cleaning, preparing and balancing did to rows and columns; steps that changed neither are left out.
fn ledger(record: &RunRecord) -> String {
    let mut out = String::new();
    for entry in record.ledger() {
        let mut parts = Vec::new();
        if entry.step == "read" {
            parts.push(format!("{} rows x {} columns", entry.rows_after, entry.columns_after));
            parts.extend(entry.counts.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")));
        }
        if matches!(entry.step.as_str(), "replace" | "clip" | "derive") {
            // Of counts by column only the sum.
            let counted = entry.counts.iter().filter(|(name, n)| *n > 0 && !name.contains(" in "));
            parts.extend(counted.map(|(name, n)| format!("{n} {name}")));
        }
        if entry.rows_before != entry.rows_after {
            parts.push(format!("rows {} -> {}", entry.rows_before, entry.rows_after));
        }
        if entry.columns_before != entry.columns_after {
            parts.push(format!("columns {} -> {}", entry.columns_before, entry.columns_after));
        }
        if !parts.is_empty() {
            out.push_str(&format!("  {:<16} {}\n", entry.step, parts.join(", ")));
        }
    }
    if out.is_empty() { out } else { format!("\ndata\n{out}") }
}

/// The list of runs.
pub(super) fn runs(rows: &[(String, Found)]) -> String {
    let mut list = table(["run", "status", "winner", "metric", "value", "seconds"].map(str::to_owned).to_vec());
    for (id, found) in rows {
        match found {
            Found::Over(r) => {
                let winner = r.winner.as_ref();
                list.add_row(vec![
                    id.clone(),
                    serde_json::to_value(r.status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
                    winner.map_or_else(|| "-".into(), |w| w.model.clone()),
                    winner.map_or_else(|| "-".into(), |w| w.metric.word().to_owned()),
                    winner.map_or_else(|| "-".into(), |w| format!("{:.4}", w.value)),
                    r.volatile.seconds.map_or_else(|| "-".into(), |s| format!("{s:.2}")),
                ]);
            }
            Found::Unreadable(problem) => drop(list.add_row(vec![id.clone(), problem.clone()])),
            Found::Running => drop(list.add_row(vec![id.clone(), "running".into()])),
            Found::Killed => drop(list.add_row(vec![id.clone(), "killed".into()])),
        }
    }
    render(list)
}
