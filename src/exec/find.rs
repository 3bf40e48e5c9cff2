//! Which files the paths of an experiment stand for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::record::{Problem, ProblemKind};

/// Data sets that experiments of this program name, and where a stranger gets them.
const KNOWN: [(&str, &str); 8] = [
    ("published-arrays/processed_data.npz", "the published study's file of prepared arrays"),
    ("tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz", "the published study's sample of TII-SSRC-23"),
    ("nsl-kdd/KDDTrain+.txt.gz", "the official training file of NSL-KDD"),
    ("nsl-kdd/KDDTest+.txt.gz", "the official test file of NSL-KDD"),
    ("kddcup99-10pct/kddcup.data_10_percent.gz", "the 10 % file of KDD Cup 1999"),
    ("cicids2017-improved/cicids2017_improved_rnd5000.csv.gz", "a sample of CIC-IDS2017 in its corrected form"),
    ("ciciot2023-sample/CICIoT2023_sample.csv.gz", "a sample of CICIoT2023"),
    ("ddos-sdn/dataset_sdn.csv.gz", "the DDoS attack SDN data set"),
];

/// A file that a path of the experiment stands for.
#[derive(Debug)]
pub(super) struct Found {
    /// As named in records and messages: relative to the folder where it was found.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

fn is_npz(path: &str) -> bool {
    path.to_lowercase().ends_with(".npz")
}

/// The files that a path stands for: the one of that name, or else, for a pattern, all that match.
pub(super) fn find(path: &str, beside: &Path, data_dir: Option<&Path>) -> Result<Vec<Found>, Problem> {
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
        problem = problem.hint(format!("it is {about}; docs/data.md says where to get it and what its SHA-256 is"));
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

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
