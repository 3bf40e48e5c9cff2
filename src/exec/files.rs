//! Finding and reading the data files of an experiment: each once, hashed as the bytes that it has.

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

/// Reads all data files.
///
/// # Errors
/// All files that cannot be read, each with the folders that were looked into.
pub fn read_sources(experiment: &Experiment, folders: &DataFolders) -> Result<Sources, Vec<Problem>> {
    let d = &experiment.dataset;
    let groups = [("path", &d.path, None), ("train", &d.train, Some(Role::Train)), ("test", &d.test, Some(Role::Test))];
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    for (key, paths, role) in groups {
        for path in paths.iter().flat_map(|p| &p.0) {
            match read(path, &experiment.folder, folders.data_dir.as_deref()) {
                Ok(bytes) => {
                    let digest = Digest::of(&bytes);
                    sources.files.push(DataFile { digest, role });
                    sources.named.push(SourceFile { path: path.clone(), digest, bytes: bytes.len() as u64 });
                    sources.bytes.push(SourceBytes { name: path.clone(), bytes: Arc::new(bytes) });
                }
                Err(problem) => problems.push(problem.at(format!("dataset.{key}"))),
            }
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn read(path: &str, beside: &Path, data_dir: Option<&Path>) -> Result<Vec<u8>, Problem> {
    let mut tried = Vec::new();
    for folder in [Some(beside), data_dir].into_iter().flatten() {
        let full = folder.join(path);
        match fs::read(&full) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => tried.push(full.display().to_string()),
            Err(error) => {
                let (what, hint) = if full.is_dir() {
                    ("it is a folder".to_owned(), "name the file in it, or a list of files")
                } else {
                    (error.to_string(), "check the file's permissions")
                };
                let message = format!("cannot read {}: {what}", full.display());
                return Err(Problem::new(ProblemKind::User, message).hint(hint));
            }
        }
        if Path::new(path).is_absolute() {
            break;
        }
    }
    let mut problem = Problem::new(ProblemKind::User, format!("no such file: {path}"));
    problem = problem.hint(format!("looked for {}", tried.join(" and ")));
    if let Some((_, about)) = KNOWN.iter().find(|(known, _)| *known == path) {
        problem =
            problem.hint(format!("it is {about}; docs/data.md says where to get it and what its SHA-256 is"));
    }
    if data_dir.is_none() && !Path::new(path).is_absolute() {
        problem = problem.hint("give the folder of the data with --data-dir or RUNNER_DATA_DIR");
    }
    Err(problem)
}
