//! Run folders: `<runs>/<id>/`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::{Store, StoreError};
use crate::digest::Digest;
use crate::record::{Event, Line};

/// A run id: date and time, the experiment's name, and six characters that tell two runs of one second apart.
#[must_use]
pub fn new_run_id(stamp: &str, name: &str, salt: &[u8]) -> String {
    let mut plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(40).collect();
    while plain.contains("--") {
        plain = plain.replace("--", "-");
    }
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { "experiment" } else { plain };
    format!("{stamp}-{plain}-{}", Digest::of(salt).short(6))
}

/// The date and time of an id.
fn stamp(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

/// One run's folder, open for writing.
#[derive(Debug)]
pub struct RunFolder<'a> {
    store: &'a Store,
    path: PathBuf,
    id: String,
    events: File,
}

impl Store {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn register(&self, id: &str) -> Result<RunFolder<'_>, StoreError> {
        let path = self.runs.join(id);
        fs::create_dir(&path).map_err(StoreError::io("cannot make the folder", &path))?;
        let events = path.join("events.jsonl");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&events)
            .map_err(StoreError::io("cannot write", &events))?;
        Ok(RunFolder { store: self, path, id: id.to_owned(), events: file })
    }

    /// All run ids, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn run_ids(&self) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        for item in fs::read_dir(&self.runs).map_err(StoreError::io("cannot read", &self.runs))? {
            let item = item.map_err(StoreError::io("cannot read", &self.runs))?;
            let name = item.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && item.path().join("events.jsonl").is_file() {
                ids.push(name);
            }
        }
        ids.sort();
        // Ids tell seconds; runs of one second are put in order by their first event.
        for same in ids.chunk_by_mut(|a, b| stamp(a) == stamp(b)).filter(|same| same.len() > 1) {
            same.sort_by_cached_key(|id| self.began(id));
        }
        Ok(ids)
    }

    /// When a run began, as its first event says it.
    fn began(&self, id: &str) -> Option<String> {
        let path = self.runs.join(id).join("events.jsonl");
        let mut first = String::new();
        BufReader::new(File::open(path).ok()?).read_line(&mut first).ok()?;
        let line: Line = serde_json::from_str(&first).ok()?;
        match line.event {
            Event::RunStarted { at, .. } => Some(at),
            _ => None,
        }
    }

    /// The run that a word means: an id, a unique beginning of one, or `latest`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`] with what there is.
    pub fn find_run(&self, word: &str) -> Result<String, StoreError> {
        let ids = self.run_ids()?;
        if word == "latest" {
            return ids
                .last()
                .cloned()
                .ok_or_else(|| StoreError::NoSuchRun(format!("there is no run in {} yet", self.runs.display())));
        }
        if ids.iter().any(|id| id == word) {
            return Ok(word.to_owned());
        }
        let fits: Vec<&String> = ids.iter().filter(|id| !word.is_empty() && id.starts_with(word)).collect();
        match fits.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(StoreError::NoSuchRun(format!("no run begins with {word:?}"))),
            many => Err(StoreError::NoSuchRun(format!(
                "{} runs begin with {word:?}: {}",
                many.len(),
                many.iter().take(5).map(|s| s.as_str()).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// A file of a run.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read_run_file(&self, id: &str, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.runs.join(id).join(name);
        fs::read(&path).map_err(StoreError::io("cannot read", &path))
    }
}

impl RunFolder<'_> {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line to `events.jsonl`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn append_event(&mut self, line: &str) -> Result<(), StoreError> {
        let path = self.path.join("events.jsonl");
        self.events.write_all(format!("{line}\n").as_bytes()).map_err(StoreError::io("cannot write", &path))
    }

    /// Writes a whole file of the run; folders are made. `name` is a path inside the folder, made by the program.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("cannot make the folder", folder))?;
        }
        self.store.write_whole(&path, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_files_whatever_the_experiment_is_called() {
        let id = new_run_id("20261122-141530", "Größe: ../../etc  passwd", b"x");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{id}");
        assert!(new_run_id("20261122-141530", "…", b"x").contains("-experiment-"));
    }

    #[test]
    fn runs_are_found_by_id_unique_beginning_and_latest() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        assert!(store.find_run("latest").is_err());
        for id in ["20260101-000000-a-aaaaaa", "20260102-000000-a-bbbbbb"] {
            store.register(id).unwrap();
        }
        assert_eq!(store.find_run("latest").unwrap(), "20260102-000000-a-bbbbbb");
        assert_eq!(store.find_run("20260101").unwrap(), "20260101-000000-a-aaaaaa");
        let error = store.find_run("2026").unwrap_err().to_string();
        assert!(error.contains("2 runs begin"), "{error}");
        assert!(store.find_run("..").is_err());
    }
}
