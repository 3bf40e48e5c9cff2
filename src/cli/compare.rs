//! `runner compare`: runs side by side, as a page.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::out::Out;
use super::{Folders, Output};
use crate::record::{Brief, Problem, ProblemKind};
use crate::report::compare::{Comparison, LATEST, Verdict, compare as side_by_side, compare_page, gather};
use crate::report::{PageError, Templates};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Run ids, unique beginnings of some, `latest`, names of experiments, or patterns such as `*sweep*`; without any, the
    /// latest 10
    #[arg(value_name = "RUN")]
    which: Vec<String>,
    /// The latest N runs
    #[arg(long, value_name = "N", conflicts_with_all = ["which", "all"])]
    last: Option<usize>,
    /// All runs
    #[arg(long, conflicts_with = "which")]
    all: bool,
    /// The run that the others are compared with; by default the first
    #[arg(long, value_name = "RUN")]
    baseline: Option<String>,
    /// The page; by default `compare.html` in the folder of the runs
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder with templates that take the place of those of the program
    #[arg(long, value_name = "DIR", env = "RUNNER_TEMPLATES")]
    templates: Option<PathBuf>,
    /// How to print the outcome; JSON has all figures of the page
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        let text = error.to_string();
        match error {
            PageError::Io { .. } => Problem::new(ProblemKind::User, text).hint(
                "--templates names a folder with files such as base.html; those that are not there are the program's",
            ),
            PageError::Template { file, line, replaced, .. } => {
                let kind = if replaced { ProblemKind::User } else { ProblemKind::Bug };
                let mut problem = Problem::new(kind, format!("template {file}: {text}"));
                if replaced {
                    problem =
                        problem.hint("mend the template, or leave it out: then the program's own takes its place");
                }
                let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
                return Self::Problems(vec![super::failure::placed_at(problem, Some(place))]);
            }
        }
        .into()
    }
}

pub(super) fn compare(args: &CompareArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let templates = Templates::new(args.templates.as_deref())?;
    let ids = chosen(args, &store)?;
    let baseline = args.baseline.as_deref().map(|word| store.find_run(word)).transpose()?;
    let path = args.out.clone().unwrap_or_else(|| place.runs.join("compare.html"));
    let made = write(&store, &templates, &ids, baseline.as_deref(), &path)?;
    match args.output {
        Output::Json => out.line(&serde_json::to_string_pretty(&made).unwrap_or_default())?,
        Output::Text => out.text(&text(&made, &path))?,
    }
    Ok(0)
}

/// Compares runs and writes the page.
pub(super) fn write(
    store: &Store,
    templates: &Templates,
    ids: &[String],
    baseline: Option<&str>,
    path: &Path,
) -> Result<Comparison, Failure> {
    let gathered = gather(store, ids)?;
    if gathered.runs.is_empty() {
        let mut problem = Problem::new(ProblemKind::User, "none of these runs has a record to compare");
        if let Some((id, reason)) = gathered.left_out.first() {
            problem = problem.hint(format!("{id}: {reason}"));
        }
        return Err(problem.hint("`runner ls` lists the runs").into());
    }
    let start = match baseline {
        None => 0,
        Some(id) => gathered.runs.iter().position(|r| r.id == id).ok_or_else(|| {
            let text = format!("the baseline {id} is not among the runs that are compared");
            Failure::from(Problem::new(ProblemKind::User, text).hint("name it among them"))
        })?,
    };
    let made = side_by_side(&gathered, start);
    let page = compare_page(templates, &gathered, &made, &to_runs(path, store.runs()))?;
    write_page(path, &page)?;
    Ok(made)
}

/// The runs that the words mean, each once, in the order of the words; several of one word from the oldest on.
fn chosen(args: &CompareArgs, store: &Store) -> Result<Vec<String>, Failure> {
    let ids = store.run_ids()?;
    if ids.is_empty() {
        let text = format!("there is no run in {} yet", store.runs().display());
        return Err(Problem::new(ProblemKind::User, text)
            .hint("`runner run experiments/baseline.yaml` makes one")
            .into());
    }
    if args.all {
        return Ok(ids);
    }
    if args.which.is_empty() {
        let last = args.last.unwrap_or(LATEST);
        if last == 0 {
            return Err(Problem::new(ProblemKind::User, "--last 0 leaves no run to compare")
                .hint("give 1 or more")
                .into());
        }
        return Ok(ids[ids.len().saturating_sub(last)..].to_vec());
    }
    let mut names: Option<Vec<String>> = None;
    let mut out: Vec<String> = Vec::new();
    for word in &args.which {
        let found = if word.contains(['*', '?', '[']) {
            let pattern = glob::Pattern::new(word).map_err(|e| {
                let text = format!("{word:?} is no pattern: {e}");
                Failure::from(Problem::new(ProblemKind::User, text).hint("`*` stands for any characters, `?` for one"))
            })?;
            ids.iter().filter(|id| pattern.matches(id)).cloned().collect()
        } else {
            match store.find_run(word) {
                Ok(id) => vec![id],
                Err(error) => {
                    // No beginning of one id: perhaps an experiment's name, that is, all its runs.
                    let names = names.get_or_insert_with(|| ids.iter().map(|id| name(store, id)).collect());
                    let named: Vec<String> =
                        ids.iter().zip(names).filter(|(_, n)| *n == word).map(|(id, _)| id.clone()).collect();
                    if named.is_empty() {
                        return Err(error.into());
                    }
                    named
                }
            }
        };
        if found.is_empty() {
            let text = format!("no run matches {word:?}");
            return Err(Problem::new(ProblemKind::User, text).hint("`runner ls` lists the runs").into());
        }
        for id in found {
            if !out.contains(&id) {
                out.push(id);
            }
        }
    }
    Ok(out)
}

fn name(store: &Store, id: &str) -> String {
    let brief = store.read_run_file(id, "record.json").ok().and_then(|bytes| Brief::from_json(&bytes).ok());
    brief.map(|b| b.name).unwrap_or_default()
}

/// The way from a page's folder to the folder of the runs: empty where they are the same, else ending in `/`.
fn to_runs(page: &Path, runs: &Path) -> String {
    let folder = match page.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (Ok(from), Ok(to)) = (fs::canonicalize(folder), fs::canonicalize(runs)) else { return String::new() };
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut parts: Vec<String> = vec!["..".into(); from.len() - shared];
    parts.extend(to[shared..].iter().map(|c| percent(&c.as_os_str().to_string_lossy())));
    parts.iter().map(|p| format!("{p}/")).collect()
}

/// A part of a path in a link.
fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Writes a page whole or not at all.
pub(super) fn write_page(path: &Path, page: &str) -> Result<(), Failure> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.tmp", std::process::id()));
    let written = fs::write(&aside, page).and_then(|()| fs::rename(&aside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&aside);
        let text = format!("cannot write {}: {error}", path.display());
        Problem::new(ProblemKind::Machine, text)
            .hint("check the folder and its permissions, or choose another file")
            .into()
    })
}

fn text(made: &Comparison, path: &Path) -> String {
    let mut text = String::new();
    for caution in &made.cautions {
        text.push_str(&format!("warning: {caution}\n"));
    }
    let runs = if made.runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", made.runs.len()) };
    let keys = match made.config.len() {
        1 => "1 key differs".to_owned(),
        n => format!("{n} keys differ"),
    };
    let sure = made.pairs.iter().filter(|p| p.verdict != Verdict::Same).count();
    text.push_str(&format!(
        "{runs}, {} models; {keys}; {} paired tests, {sure} with a winner\n{}\n{}\n",
        made.entries.len(),
        made.pairs.len(),
        made.verdict,
        path.display()
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_page_to_the_runs() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("my runs");
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::create_dir_all(&runs).unwrap();
        assert_eq!(to_runs(&runs.join("compare.html"), &runs), "");
        assert_eq!(to_runs(&folder.path().join("a/b/page.html"), &runs), "../../my%20runs/");
        assert_eq!(to_runs(&folder.path().join("nowhere/page.html"), &runs), "");
    }
}
