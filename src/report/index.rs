//! The page of all runs.

use serde::Serialize;

use super::compare::short;
use super::{Page, PageError, Section, Templates, made_by};
use crate::record::{Brief, RunStatus};

const PAGE: Page = Page { template: "index.html", styles: &["style.css"], scripts: &["page.js"] };

/// A run of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What its record says; `None`: there is no record yet.
    pub brief: Option<Result<Brief, String>>,
    /// Whether it has a page of its own.
    pub has_page: bool,
}

#[derive(Serialize)]
struct View {
    title: &'static str,
    lead: String,
    made_by: String,
    sections: Vec<Section>,
    comparison: Option<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    link: Option<String>,
    name: String,
    status: String,
    started: String,
    winner: String,
    metric: String,
    part: String,
    value: String,
    seconds: String,
}

/// The page of all runs, the latest first. `comparison`: the file of the comparison of the latest ones, beside this page.
///
/// # Errors
/// [`PageError::Template`] where a template that was replaced asks for what is not there.
pub fn index_page(templates: &Templates, runs: &[Listed], comparison: Option<String>) -> Result<String, PageError> {
    let rows: Vec<Row> = runs.iter().rev().map(row).collect();
    let lead = match rows.len() {
        0 => "There is no run yet.".to_owned(),
        1 => "One run.".to_owned(),
        n => format!("{n} runs, the latest first."),
    };
    let sections = vec![Section { id: "runs", title: "Runs" }];
    templates.render(&PAGE, &View { title: "Runs", lead, made_by: made_by(), sections, comparison, rows })
}

fn row(run: &Listed) -> Row {
    let id = &run.id;
    let mut row = Row {
        id: id.clone(),
        link: run.has_page.then(|| format!("{id}/report.html")),
        name: String::new(),
        status: "not finished".into(),
        started: String::new(),
        winner: "–".into(),
        metric: "–".into(),
        part: "–".into(),
        value: "–".into(),
        seconds: "–".into(),
    };
    match &run.brief {
        None => {}
        Some(Err(problem)) => row.status.clone_from(problem),
        Some(Ok(brief)) => {
            row.name = short(&brief.name, 80);
            row.status = match brief.status {
                RunStatus::Running => "not finished",
                RunStatus::Finished => "finished",
                RunStatus::Failed => "failed",
                RunStatus::Interrupted => "interrupted",
            }
            .into();
            row.started = brief.volatile.started.get(..16).unwrap_or_default().replace('T', " ");
            if let Some(winner) = &brief.winner {
                row.winner.clone_from(&winner.model);
                row.metric = winner.metric.word().into();
                row.part.clone_from(&winner.part);
                row.value = format!("{:.4}", winner.value);
            }
            if let Some(seconds) = brief.volatile.seconds {
                row.seconds = format!("{seconds:.2}");
            }
        }
    }
    row
}
