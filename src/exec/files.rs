//! Finding and hashing the data files of an experiment, as the bytes that they have.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;

use super::find::{Found, find};
use crate::digest::Digest;
use crate::ml::Role;
use crate::plan::DataFile;
use crate::record::{Problem, ProblemKind, SourceFile};
use crate::spec::Experiment;
use crate::step::SourceBytes;
use crate::store::{Memo, Store};

/// Files up to this size are kept in memory between hashing and the step that reads them.
const KEPT: u64 = 64 << 20;

/// Where relative paths are looked up, in this order.
#[derive(Clone, Debug, Default)]
pub struct DataFolders {
    /// `--data-dir` or `RUNNER_DATA_DIR`, after the folder of the YAML file.
    pub data_dir: Option<PathBuf>,
}

/// A data file that was hashed; its bytes are read when a step needs them.
#[derive(Clone, Debug)]
pub struct SourceData {
    name: String,
    path: PathBuf,
    digest: Digest,
    len: u64,
    kept: Option<Arc<Vec<u8>>>,
}

/// The data files of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// For the plan.
    pub files: Vec<DataFile>,
    /// For the record.
    pub named: Vec<SourceFile>,
    /// For the source step.
    pub bytes: Vec<SourceData>,
    /// Digests to remember for the next time.
    fresh: Vec<(Memo, Digest)>,
}

impl Sources {
    /// Lets a store remember what the digests of large files are.
    pub fn remember(&self, store: &Store) {
        for (memo, digest) in &self.fresh {
            store.remember(memo.clone(), *digest);
        }
    }
}

impl SourceData {
    /// Bytes of the file.
    #[allow(clippy::len_without_is_empty)]
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The bytes, as they were when they were hashed.
    ///
    /// # Errors
    /// A file that is gone, or has changed since.
    pub fn load(&self) -> Result<SourceBytes, Problem> {
        let bytes = match &self.kept {
            Some(kept) => kept.clone(),
            None => {
                let bytes = fs::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
                if Digest::of(&bytes) != self.digest {
                    let text = format!("{} is not what it was when the run began", self.path.display());
                    return Err(Problem::new(ProblemKind::User, text).at("dataset").hint("run again"));
                }
                Arc::new(bytes)
            }
        };
        Ok(SourceBytes { name: self.name.clone(), bytes })
    }
}

/// Hashes all data files.
///
/// # Errors
/// All files that cannot be read, each with the folders that were looked into; patterns that no file matches; a file
/// that is named twice.
pub fn read_sources(experiment: &Experiment, folders: &DataFolders) -> Result<Sources, Vec<Problem>> {
    read_sources_with(experiment, folders, None)
}

/// The same, with a store that may remember files that have not changed since.
///
/// # Errors
/// As [`read_sources`].
pub fn read_sources_with(
    experiment: &Experiment,
    folders: &DataFolders,
    store: Option<&Store>,
) -> Result<Sources, Vec<Problem>> {
    let d = &experiment.dataset;
    let groups = [("path", &d.path, None), ("train", &d.train, Some(Role::Train)), ("test", &d.test, Some(Role::Test))];
    let mut problems = Vec::new();
    let mut wanted: Vec<(&str, Found, Option<Role>)> = Vec::new();
    let mut seen: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for (key, paths, role) in groups {
        for path in paths.iter().flat_map(|p| &p.0) {
            match find(path, &experiment.folder, folders.data_dir.as_deref()) {
                Err(problem) => problems.push(problem.at(format!("dataset.{key}"))),
                Ok(files) => {
                    for file in files {
                        let whole = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
                        match seen.insert(whole, key) {
                            Some(before) => problems.push(named_twice(&file.name, before, key)),
                            None => wanted.push((key, file, role)),
                        }
                    }
                }
            }
        }
    }
    let read = |(key, file, _): &(&str, Found, Option<Role>)| {
        hash(&file.name, file.path.clone(), store).map_err(|problem| problem.at(format!("dataset.{key}")))
    };
    // One file needs no threads.
    let all: Vec<Result<_, Problem>> =
        if wanted.len() > 1 { wanted.par_iter().map(read).collect() } else { wanted.iter().map(read).collect() };
    let mut sources = Sources::default();
    for ((_, file, role), read) in wanted.iter().zip(all) {
        match read {
            Ok((data, fresh)) => {
                sources.files.push(DataFile { digest: data.digest, role: *role });
                sources.named.push(SourceFile { path: file.name.clone(), digest: data.digest, bytes: data.len });
                sources.bytes.push(data);
                sources.fresh.extend(fresh);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn named_twice(file: &str, before: &str, key: &str) -> Problem {
    let message = format!("{file} is named twice, in dataset.{before} and in dataset.{key}");
    let hint = "its rows would count twice, or be learnt and judged: name it once";
    Problem::new(ProblemKind::User, message).at(format!("dataset.{key}")).hint(hint)
}

/// The digest of a file: remembered, or of its bytes.
fn hash(name: &str, path: PathBuf, store: Option<&Store>) -> Result<(SourceData, Option<(Memo, Digest)>), Problem> {
    let failed = |error| unreadable(&path, &error);
    let about = fs::metadata(&path).map_err(failed)?;
    if about.is_dir() {
        return Err(unreadable(&path, &std::io::ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() && !is_pipe(&about) {
        let message = format!("cannot read {}: it is a device, no file", path.display());
        return Err(Problem::new(ProblemKind::User, message).hint("name the data file"));
    }
    // What comes through a pipe comes once.
    let memo = about.is_file().then(|| Memo::of(&path)).flatten();
    if let Some((memo, digest)) = store.zip(memo.as_ref()).and_then(|(s, m)| s.remembered(m).map(|d| (m, d))) {
        return Ok((SourceData { name: name.to_owned(), digest, len: memo.size(), kept: None, path }, None));
    }
    let (digest, len, kept) = if about.len() <= KEPT {
        let bytes = fs::read(&path).map_err(failed)?;
        (Digest::of(&bytes), bytes.len() as u64, Some(Arc::new(bytes)))
    } else {
        let file = File::open(&path).map_err(failed)?;
        let (digest, len) = Digest::of_reader(Ahead::of(file)).map_err(failed)?;
        (digest, len, None)
    };
    // Only if it lay there unchanged all the while.
    let fresh = memo.filter(|memo| Memo::of(&path).as_ref() == Some(memo)).map(|memo| (memo, digest));
    Ok((SourceData { name: name.to_owned(), digest, len, kept, path }, fresh))
}

/// Reads a file in a thread of its own, so that reading and hashing go on at once.
struct Ahead {
    blocks: std::sync::mpsc::Receiver<std::io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
}

impl Ahead {
    fn of(mut file: File) -> Self {
        let (sender, blocks) = sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut block = Vec::with_capacity(1 << 20);
                let read = file.by_ref().take(1 << 20).read_to_end(&mut block);
                let over = !matches!(read, Ok(n) if n > 0);
                if sender.send(read.map(|_| block)).is_err() || over {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0 }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.block.len() {
            self.block = self.blocks.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            self.at = 0;
        }
        let n = buffer.len().min(self.block.len() - self.at);
        buffer[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let (what, hint) = match error.kind() {
        _ if path.is_dir() => {
            ("it is a folder".to_owned(), "name the file in it, a list of files, or a pattern such as folder/*.csv")
        }
        std::io::ErrorKind::OutOfMemory => ("it does not fit into the memory".to_owned(), "cut it into smaller files"),
        _ => (error.to_string(), "check the file's permissions"),
    };
    Problem::new(ProblemKind::User, format!("cannot read {}: {what}", path.display())).hint(hint)
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
mod tests {
    use super::*;

    #[test]
    fn reading_ahead_gives_the_bytes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        for bytes in [&bytes[..], &bytes[..1 << 20], &[]] {
            fs::write(&path, bytes).unwrap();
            let (digest, len) = Digest::of_reader(Ahead::of(File::open(&path).unwrap())).unwrap();
            assert_eq!((digest, len), (Digest::of(bytes), bytes.len() as u64));
        }
    }

    #[test]
    fn a_file_that_changed_since_it_was_hashed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.csv");
        fs::write(&path, "one").unwrap();
        let (mut data, _) = hash("data.csv", path.clone(), None).unwrap();
        assert_eq!(*data.load().unwrap().bytes, b"one");
        data.kept = None;
        assert_eq!(*data.load().unwrap().bytes, b"one");
        fs::write(&path, "two").unwrap();
        let problem = data.load().unwrap_err();
        assert!(problem.message.contains("not what it was"), "{problem:?}");
    }

    #[test]
    fn folders_and_devices_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| hash("x", path.to_owned(), None).map(|_| ()).unwrap_err().message;
        assert!(told(folder.path()).ends_with("it is a folder"));
        if Path::new("/dev/zero").exists() {
            assert!(told(Path::new("/dev/zero")).ends_with("it is a device, no file"));
        }
    }
}
