//! `runner report`: the pages of what is there already; nothing is computed.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use rayon::prelude::*;

use super::Folders;
use super::compare::{self, write_page};
use super::failure::Failure;
use super::out::Out;
use super::show;
use crate::record::Brief;
use crate::report::compare::LATEST;
use crate::report::run::{Material, run_page};
use crate::report::{Listed, Templates, index_page};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Makes the page of this run anew from its record: run id, a unique beginning of one, or `latest`. Left out, the
    /// page of all runs
    run: Option<String>,
    /// Folder with templates that take the place of those of the program
    #[arg(long, value_name = "DIR", env = "RUNNER_TEMPLATES")]
    templates: Option<PathBuf>,
    /// Opens no browser
    #[arg(long)]
    no_open: bool,
}

pub(super) fn report(args: &ReportArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let templates = Templates::new(args.templates.as_deref())?;
    let page = match &args.run {
        Some(word) => of_run(&store, &templates, word, out)?,
        None => index(&store, &templates, place, out)?,
    };
    out.line(&page.display().to_string())?;
    if !args.no_open && std::io::stdout().is_terminal() {
        open(&page);
    }
    Ok(0)
}

/// The page of one run, from its record and the store; nothing is computed.
fn of_run(store: &Store, templates: &Templates, word: &str, out: &mut Out) -> Result<PathBuf, Failure> {
    let id = store.find_run(word)?;
    let record = show::read(store, &id)?;
    let material = Material::gather(store, &record)?;
    if !material.lost.is_empty() {
        let text = format!("the store has no numbers any more for the figures of {}\n", material.lost.join(", "));
        out.note(&text);
        out.note(&format!("hint: `runner run runs/{id}/experiment.yaml` computes them again\n"));
    }
    let path = store.runs().join(&id).join("report.html");
    write_page(&path, &run_page(templates, &record, &material)?)?;
    Ok(path)
}

/// The page of all runs, and the comparison of the latest ones beside it.
fn index(store: &Store, templates: &Templates, place: &Folders, out: &mut Out) -> Result<PathBuf, Failure> {
    let read = |id: String| Listed {
        brief: store.read_run_file(&id, "record.json").ok().map(|bytes| Brief::from_json(&bytes)),
        has_page: store.run_has(&id, "report.html"),
        id,
    };
    let runs: Vec<Listed> = store.run_ids()?.into_par_iter().map(read).collect();
    let finished: Vec<String> = runs.iter().filter(|r| matches!(r.brief, Some(Ok(_)))).map(|r| r.id.clone()).collect();
    let latest = &finished[finished.len().saturating_sub(LATEST)..];
    let mut comparison = None;
    if !latest.is_empty() {
        let path = place.runs.join("compare.html");
        compare::write(store, templates, latest, None, &path)?;
        out.line(&path.display().to_string())?;
        comparison = Some("compare.html".to_owned());
    }
    let path = place.runs.join("index.html");
    write_page(&path, &index_page(templates, &runs, comparison)?)?;
    Ok(path)
}

/// Shows a page in the browser, where there is one; the path was printed already.
fn open(page: &Path) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        "xdg-open"
    } else {
        return;
    };
    let whole = std::fs::canonicalize(page).unwrap_or_else(|_| page.to_path_buf());
    let quiet = || Stdio::null();
    let _ = Command::new(program).arg(whole).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
}
