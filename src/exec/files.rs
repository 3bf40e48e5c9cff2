//! Finding and reading the data files of an experiment: each once, hashed as the bytes that it has.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::ml::Role;
use crate::plan::DataFile;
use crate::record::{Problem, ProblemKind, SourceFile};
use crate::spec::Experiment;
use crate::step::SourceBytes;

/// Where relative paths are looked up, in this order.
#[derive(Clone, Debug, Default)]
pub struct DataFolders {
    /// `--data-dir` or `RUNNER_DATA_DIR`, after the folder of the YAML file.
    pub data_dir: Option<PathBuf>,
}

/// The data files of an experiment, as read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// For the plan.
    pub files: Vec<DataFile>,
    /// For the record.
    pub named: Vec<SourceFile>,
    /// For the source step.
    pub bytes: Vec<SourceBytes>,
}

/// Data sets that experiments of this program name, and where a stranger gets them.
const KNOWN: [(&str, &str); 2] = [
    (
        "published-arrays/processed_data.npz",
        "it is the published study's file of prepared arrays; docs/data.md says where to get it and what its SHA-256 is",
    ),
    (
        "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz",
        "it is the published study's sample of TII-SSRC-23; docs/data.md says where to get it and what its SHA-256 is",
    ),
];

/// A file that a path of the experiment stands for.
struct Found {
    /// As named in records and messages: relative to the folder where it was found.
    name: String,
    path: PathBuf,
}

/// Reads all data files.
///
/// # Errors
/// All files that cannot be read, each with the folders that were looked into; patterns that no file matches; a file
/// that is named twice.
pub fn read_sources(experiment: &Experiment, folders: &DataFolders) -> Result<Sources, Vec<Problem>> {
    let d = &experiment.dataset;
    let groups = [("path", &d.path, None), ("train", &d.train, Some(Role::Train)), ("test", &d.test, Some(Role::Test))];
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let mut seen: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for (key, paths, role) in groups {
        for path in paths.iter().flat_map(|p| &p.0) {
            let found = find(path, &experiment.folder, folders.data_dir.as_deref());
            let files = match found {
                Ok(files) => files,
                Err(problem) => {
                    problems.push(problem.at(format!("dataset.{key}")));
                    continue;
                }
            };
            for Found { name, path } in files {
                let whole = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                if let Some(before) = seen.insert(whole, key) {
                    let message = format!("{name} is named twice, in dataset.{before} and in dataset.{key}");
                    let hint = "its rows would count twice, or be learnt and judged: name it once";
                    problems.push(Problem::new(ProblemKind::User, message).at(format!("dataset.{key}")).hint(hint));
                    continue;
                }
                match read(&path) {
                    Ok(bytes) => {
                        let digest = Digest::of(&bytes);
                        sources.files.push(DataFile { digest, role });
                        sources.named.push(SourceFile { path: name.clone(), digest, bytes: bytes.len() as u64 });
                        sources.bytes.push(SourceBytes { name, bytes: Arc::new(bytes) });
                    }
                    Err(problem) => problems.push(problem.at(format!("dataset.{key}"))),
                }
            }
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn is_npz(path: &str) -> bool {
    path.to_lowercase().ends_with(".npz")
}

/// The files that a path stands for: the one of that name, or else, for a pattern, all that match.
fn find(path: &str, beside: &Path, data_dir: Option<&Path>) -> Result<Vec<Found>, Problem> {
    let folders: Vec<&Path> = match Path::new(path).is_absolute() {
        true => vec![Path::new("")],
        false => [Some(beside), data_dir].into_iter().flatten().collect(),
    };
    let is_pattern = path.contains(['*', '?', '[']);
    let mut tried = Vec::new();
    for folder in folders {
        let full = folder.join(path);
        // What cannot be read is told when it is read.
        let there = !matches!(fs::metadata(&full), Err(e) if e.kind() == std::io::ErrorKind::NotFound);
        if there {
            return Ok(vec![Found { name: path.to_owned(), path: full }]);
        }
        if !is_pattern {
            tried.push(full.display().to_string());
            continue;
        }
        let files = matching(path, folder)?;
        if is_npz(path) && files.len() > 1 {
            let message = format!("expected one npz file, {path} matches {}: {}", files.len(), some(&files));
            return Err(Problem::new(ProblemKind::User, message).hint("name one of them"));
        }
        if !files.is_empty() {
            return Ok(files);
        }
        tried.push(searched(&full));
    }
    let what = if is_pattern { "no file matches" } else { "no such file:" };
    let mut problem = Problem::new(ProblemKind::User, format!("{what} {path}"));
    problem = problem.hint(format!("looked {} {}", if is_pattern { "into" } else { "for" }, tried.join(" and ")));
    if let Some((_, about)) = KNOWN.iter().find(|(known, _)| *known == path) {
        problem = problem.hint(*about);
    }
    if data_dir.is_none() && !Path::new(path).is_absolute() {
        problem = problem.hint("give the folder of the data with --data-dir or RUNNER_DATA_DIR");
    }
    Err(problem)
}

/// The files that match a pattern in a folder, in the order of their names; hidden ones only where the pattern says so.
fn matching(pattern: &str, folder: &Path) -> Result<Vec<Found>, Problem> {
    let fault = |message: String| {
        Problem::new(ProblemKind::User, message).hint(
            "`*` is any letters, `?` one letter, `[0-9]` one of these, `**` any folders; `[[]` is a bracket itself",
        )
    };
    let whole = if folder.as_os_str().is_empty() {
        pattern.to_owned()
    } else {
        format!("{}/{pattern}", glob::Pattern::escape(&folder.to_string_lossy()))
    };
    let rules =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(&whole, rules).map_err(|e| fault(format!("{pattern} is no pattern: {}", e.msg)))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|e| {
            let message = format!("cannot look into {}: {}", e.path().display(), e.error());
            Problem::new(ProblemKind::User, message).hint("check the permissions of the folder")
        })?;
        if !path.is_dir() {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(Found { name, path });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The first few names.
fn some(files: &[Found]) -> String {
    let names: Vec<&str> = files.iter().take(3).map(|f| f.name.as_str()).collect();
    let more = if files.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

/// The folder that a pattern begins with, and what is in it.
fn searched(pattern: &Path) -> String {
    let plain = |p: &std::path::Component<'_>| !p.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let folder: PathBuf = pattern.components().take_while(plain).collect();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    let Ok(items) = fs::read_dir(&folder) else { return format!("{} (no such folder)", folder.display()) };
    let mut names: Vec<String> =
        items.filter_map(|i| Some(i.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    match names.as_slice() {
        [] => format!("{} (an empty folder)", folder.display()),
        names if names.len() <= 3 => format!("{} (which holds {})", folder.display(), names.join(", ")),
        names => format!("{} (which holds {}, … {} in all)", folder.display(), names[..3].join(", "), names.len()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let fault = |what: String, hint: &str| {
        Problem::new(ProblemKind::User, format!("cannot read {}: {what}", path.display())).hint(hint)
    };
    if let Ok(about) = fs::metadata(path) {
        if about.is_dir() {
            let hint = "name the file in it, a list of files, or a pattern such as folder/*.csv";
            return Err(fault("it is a folder".into(), hint));
        }
        if !about.is_file() && !is_pipe(&about) {
            return Err(fault("it is a device, no file".into(), "name the data file"));
        }
    }
    fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::OutOfMemory => fault("it does not fit into the memory".into(), "cut it into smaller files"),
        _ => fault(error.to_string(), "check the file's permissions"),
    })
}

#[cfg(unix)]
fn is_pipe(about: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&about.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
