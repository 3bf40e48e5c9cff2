//! `runner plan` and `runner why`: what a run would do, and why.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::out::Out;
use super::run::planned;
use super::{FileArgs, Folders, Output};
use crate::exec::{Forecast, Outlook, Reason, forecast};
use crate::ml::Numerics;
use crate::param::closest;
use crate::plan::{Difference, Plan};
use crate::record::{Problem, ProblemKind};
use crate::spec::Experiment;
use crate::store::Store;

/// Differing fields that are shown on a line.
const SHOWN: usize = 3;

struct Ahead {
    name: String,
    plan: std::sync::Arc<Plan>,
    forecast: Forecast,
}

fn look_ahead(file: &FileArgs, place: &Folders) -> Result<Ahead, Failure> {
    let experiment = Experiment::load(&file.file, &file.overrides())?;
    let (plan, _) = planned(&experiment, place, Numerics::detect())?;
    let store = Store::look(&place.runs, place.store.as_deref())?;
    Ok(Ahead { name: experiment.name.clone(), forecast: forecast(&plan, &store)?, plan })
}

pub(super) fn plan(file: &FileArgs, place: &Folders, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let ahead = look_ahead(file, place)?;
    match output {
        Output::Json => out.line(&serde_json::to_string_pretty(&document(&ahead)).unwrap_or_default())?,
        Output::Text => out.text(&tree(&ahead))?,
    }
    // The process ends here; taking 50,000 recipes apart first would be a tenth of its time.
    std::mem::forget(ahead);
    Ok(0)
}

/// How many steps are stored, how many would run, and the seconds that those took before, where that is known.
fn totals(ahead: &Ahead) -> (usize, usize, f64, usize) {
    let stored = ahead.forecast.steps.iter().filter(|s| s.stored).count();
    let open = || ahead.forecast.steps.iter().filter(|s| !s.stored);
    let seconds = open().filter_map(|s| s.seconds).sum();
    (stored, ahead.forecast.steps.len() - stored, seconds, open().filter(|s| s.seconds.is_none()).count())
}

fn document(ahead: &Ahead) -> Json {
    let (stored, to_run, seconds, unknown) = totals(ahead);
    let steps: Vec<Json> = ahead
        .plan
        .steps
        .iter()
        .zip(&ahead.forecast.steps)
        .map(|(step, outlook)| {
            json!({
                "step": step.name,
                "kind": step.recipe.step.word(),
                "key": step.key,
                "needs": step.inputs.iter().map(|i| ahead.plan.steps[i.step].name.as_str()).collect::<Vec<_>>(),
                "state": if outlook.stored { "stored" } else { "to run" },
                "why": outlook.reasons.iter().map(reason_json).collect::<Vec<_>>(),
                "nearest": outlook.nearest,
                "seconds": outlook.seconds,
                "rows": outlook.shape.map(|(rows, _)| rows),
                "columns": outlook.shape.map(|(_, columns)| columns),
            })
        })
        .collect();
    json!({
        "name": ahead.name,
        "stored": stored,
        "to_run": to_run,
        "expected_seconds": seconds,
        "steps_without_expectation": unknown,
        "steps": steps,
    })
}

fn reason_json(reason: &Reason) -> Json {
    match reason {
        Reason::Needs(steps) => json!({"reason": "needs", "steps": steps}),
        Reason::Differs(fields) => json!({"reason": "differs", "fields": fields}),
        Reason::OtherInput { input, step, differences } => {
            json!({"reason": "other input", "input": input, "step": step, "fields": differences})
        }
        Reason::Broken(problem) => json!({"reason": "broken", "problem": problem}),
        Reason::First => json!({"reason": "first"}),
    }
}

/// The steps as a tree: each below the last of those that it needs.
fn tree(ahead: &Ahead) -> String {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); ahead.plan.steps.len()];
    let mut lines = Vec::new();
    let mut open = Vec::new();
    for (index, step) in ahead.plan.steps.iter().enumerate() {
        match step.inputs.iter().map(|i| i.step).max() {
            Some(parent) => children[parent].push(index),
            None => open.push((index, String::new(), String::new())),
        }
    }
    open.reverse();
    while let Some((index, before, below)) = open.pop() {
        lines.push((format!("{before}{}", ahead.plan.steps[index].name), index));
        for (n, child) in children[index].iter().enumerate().rev() {
            let last = n + 1 == children[index].len();
            let (branch, rest) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
            open.push((*child, format!("{below}{branch}"), format!("{below}{rest}")));
        }
    }
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    let (stored, to_run, seconds, unknown) = totals(ahead);
    let mut out = format!("{}: {} steps, {stored} stored, {to_run} to run", ahead.name, stored + to_run);
    match (to_run, unknown) {
        (0, _) => {}
        (n, u) if n == u => out.push_str(", of unknown length"),
        (_, 0) => drop(write!(out, ", about {seconds:.2} s of work")),
        (_, u) => drop(write!(out, ", about {seconds:.2} s of work without the {u} of unknown length")),
    }
    out.push_str("\n\n");
    for (text, index) in lines {
        let outlook = &ahead.forecast.steps[index];
        let pad = " ".repeat(width - text.chars().count());
        let mut line = format!("{text}{pad}  {:<7}", if outlook.stored { "stored" } else { "to run" });
        let seconds = outlook.seconds.map(|s| format!("{s:.2} s")).unwrap_or_default();
        let _ = write!(line, "{seconds:>9}");
        let shape = outlook.shape.map(|(rows, columns)| format!("{rows} x {columns}")).unwrap_or_default();
        let _ = write!(line, "  {shape:<12}");
        let why: Vec<String> = outlook.reasons.iter().map(|r| reason(r, SHOWN)).collect();
        let _ = write!(line, "  {}", why.join("; "));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn value(value: Option<&Json>) -> String {
    let text = value.map_or_else(|| "not there".to_owned(), Json::to_string);
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

fn fields(differences: &[Difference], most: usize) -> String {
    let mut shown: Vec<String> = differences
        .iter()
        .take(most)
        .map(|d| format!("{}: {} -> {}", d.field, value(d.before.as_ref()), value(d.now.as_ref())))
        .collect();
    if differences.len() > most {
        shown.push(format!("and {} more", differences.len() - most));
    }
    shown.join(", ")
}

fn reason(reason: &Reason, most: usize) -> String {
    match reason {
        Reason::Needs(steps) if steps.len() > most => {
            format!("needs {} and {} more", steps[..most].join(", "), steps.len() - most)
        }
        Reason::Needs(steps) => format!("needs {}", steps.join(", ")),
        Reason::Differs(differences) => fields(differences, most),
        Reason::OtherInput { input, step, differences } if differences.is_empty() => {
            format!("{input} comes from another result of {step}")
        }
        Reason::OtherInput { input, step, differences } => {
            format!("{input} comes from {step} with {}", fields(differences, most))
        }
        Reason::Broken(problem) => format!("it was stored, but {problem}"),
        Reason::First => "nothing of its kind is stored".into(),
    }
}

pub(super) fn why(
    file: &FileArgs,
    step: Option<&str>,
    place: &Folders,
    output: Output,
    out: &mut Out,
) -> Result<u8, Failure> {
    let ahead = look_ahead(file, place)?;
    let names = || ahead.plan.steps.iter().map(|s| s.name.as_str());
    let chosen: Vec<usize> = match step {
        // Those that would run for a reason of their own; the rest follows from them.
        None => (0..ahead.plan.steps.len())
            .filter(|&i| ahead.forecast.steps[i].reasons.iter().any(|r| !matches!(r, Reason::Needs(_))))
            .collect(),
        Some(name) => {
            let at = names().position(|n| n == name).ok_or_else(|| {
                let hint = closest(name, names()).map_or_else(
                    || format!("`runner plan {}` names the steps", file.file.display()),
                    |n| format!("did you mean {n:?}?"),
                );
                Failure::from(Problem::new(ProblemKind::User, format!("no step is called {name:?}")).hint(hint))
            })?;
            chain(&ahead, at)
        }
    };
    if output == Output::Json {
        let all = document(&ahead);
        let steps: Vec<&Json> = chosen.iter().map(|i| &all["steps"][*i]).collect();
        out.line(&serde_json::to_string_pretty(&steps).unwrap_or_default())?;
        return Ok(0);
    }
    let mut text = String::new();
    for &index in &chosen {
        text.push_str(&explained(
            &ahead.plan.steps[index].name,
            &ahead.plan.steps[index].key.short(12),
            &ahead.forecast.steps[index],
        ));
    }
    let (stored, to_run, ..) = totals(&ahead);
    if step.is_none() {
        let follow = to_run - chosen.len();
        if to_run == 0 {
            let _ = writeln!(text, "nothing would run: all {stored} steps are stored");
        } else if follow > 0 {
            let _ = writeln!(text, "{follow} more {} what these give", if follow == 1 { "needs" } else { "need" });
        }
    }
    out.text(&text)?;
    Ok(0)
}

/// The step, and before it those that it would run for.
fn chain(ahead: &Ahead, index: usize) -> Vec<usize> {
    let mut wanted = std::collections::BTreeSet::from([index]);
    let mut open = vec![index];
    while let Some(at) = open.pop() {
        for input in &ahead.plan.steps[at].inputs {
            if !ahead.forecast.steps[input.step].stored && wanted.insert(input.step) {
                open.push(input.step);
            }
        }
    }
    wanted.into_iter().collect()
}

fn explained(name: &str, key: &str, outlook: &Outlook) -> String {
    let mut text = format!("{name} ({key})\n");
    if outlook.stored {
        let took = outlook.seconds.unwrap_or_default();
        let _ = writeln!(text, "  stored: it took {took:.2} s");
    }
    for why in &outlook.reasons {
        match why {
            Reason::Differs(differences) => {
                let nearest = outlook.nearest.map(|k| k.short(12)).unwrap_or_default();
                let _ = writeln!(text, "  to run: the nearest stored recipe ({nearest}) differs");
                for d in differences {
                    let _ =
                        writeln!(text, "    {}: {} -> {}", d.field, value(d.before.as_ref()), value(d.now.as_ref()));
                }
            }
            other => drop(writeln!(text, "  to run: {}", reason(other, usize::MAX))),
        }
    }
    text
}
