//! Run folders: `<runs>/<id>/`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use super::fault::{self, Point};
use super::lock::try_exclusive;
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

/// One run's folder, open for writing. As long as it lives, `events.jsonl` is locked: the run is going on.
#[derive(Debug)]
pub struct RunFolder<'a> {
    store: &'a Store,
    path: PathBuf,
    id: String,
    events: File,
}

/// What `events.jsonl` of a run tells.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Its whole lines, in order.
    pub lines: Vec<Line>,
    /// Bytes of them; after that comes what a killed process left of a line.
    pub bytes: u64,
}

impl Store {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn register(&self, id: &str) -> Result<RunFolder<'_>, StoreError> {
        let path = self.runs.join(id);
        let io = |what, path: &Path| StoreError::io(what, path);
        fault::pass(Point::Write).map_err(io("cannot make the folder", &path))?;
        fs::create_dir(&path).map_err(io("cannot make the folder", &path))?;
        let name = path.join("events.jsonl");
        let events = OpenOptions::new().create(true).append(true).open(&name).map_err(io("cannot write", &name))?;
        claim(&events, id, &name)?;
        Ok(RunFolder { store: self, path, id: id.to_owned(), events })
    }

    /// Opens the folder of a run again, to go on with it; half a line at the end of its events is cut off.
    ///
    /// # Errors
    /// [`StoreError::Running`] where it is going on; [`StoreError::Io`].
    pub fn reopen(&self, id: &str) -> Result<(RunFolder<'_>, Trace), StoreError> {
        let path = self.runs.join(id);
        let name = path.join("events.jsonl");
        let io = |what| StoreError::io(what, &name);
        let mut events = OpenOptions::new().append(true).open(&name).map_err(io("cannot write"))?;
        claim(&events, id, &name)?;
        let trace = self.trace(id)?;
        events.set_len(trace.bytes).map_err(io("cannot write"))?;
        events.seek(std::io::SeekFrom::End(0)).map_err(io("cannot write"))?;
        Ok((RunFolder { store: self, path, id: id.to_owned(), events }, trace))
    }

    /// The events of a run, up to the first line that is none: the process may have been killed while it wrote.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for lines of a newer version; [`StoreError::Io`].
    pub fn trace(&self, id: &str) -> Result<Trace, StoreError> {
        let bytes = self.read_run_file(id, "events.jsonl")?;
        let mut trace = Trace::default();
        for text in bytes.split_inclusive(|b| *b == b'\n') {
            let Ok(line) = serde_json::from_slice::<Line>(text) else {
                let json = serde_json::from_slice::<serde_json::Value>(text).unwrap_or_default();
                if let Some(found) = json.get("v").and_then(|v| v.as_u64()).filter(|v| *v > u64::from(Line::FORMAT)) {
                    let path = self.runs.join(id).join("events.jsonl");
                    return Err(StoreError::Newer { path, found, known: Line::FORMAT.into() });
                }
                break;
            };
            if !text.ends_with(b"\n") {
                break;
            }
            trace.lines.push(line);
            trace.bytes += text.len() as u64;
        }
        Ok(trace)
    }

    /// Whether a run is going on.
    #[must_use]
    pub fn is_running(&self, id: &str) -> bool {
        let Ok(file) = File::open(self.runs.join(id).join("events.jsonl")) else { return false };
        // A share is enough: it is refused only by the one who writes.
        matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
    }

    /// All run ids, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn run_ids(&self) -> Result<Vec<String>, StoreError> {
        run_ids(&self.runs)
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

    /// Whether a run has a file.
    #[must_use]
    pub fn run_has(&self, id: &str, name: &str) -> bool {
        self.runs.join(id).join(name).is_file()
    }

    /// Removes the folder of a run. Its results stay in the store until they are cleaned up.
    ///
    /// # Errors
    /// [`StoreError::Running`] where it is going on; [`StoreError::Io`].
    pub fn remove_run(&self, id: &str) -> Result<(), StoreError> {
        let path = self.runs.join(id);
        let io = |error| StoreError::io("cannot remove", &path)(error);
        if self.is_running(id) {
            return Err(StoreError::Running(id.to_owned()));
        }
        fault::pass(Point::Write).map_err(io)?;
        // Out of the list at once: a folder without events is no run.
        fs::remove_file(path.join("events.jsonl")).map_err(io)?;
        fs::remove_dir_all(&path).map_err(io)
    }
}

/// Locks the events of a run for its writer.
fn claim(events: &File, id: &str, path: &Path) -> Result<(), StoreError> {
    // Who only asks whether the run goes on holds the lock for a moment.
    for _ in 0..20 {
        if try_exclusive(events).map_err(StoreError::io("cannot lock", path))? {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Err(StoreError::Running(id.to_owned()))
}

/// All run ids of a folder of runs, oldest first.
pub(super) fn run_ids(runs: &Path) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    for item in fs::read_dir(runs).map_err(StoreError::io("cannot read", runs))? {
        let item = item.map_err(StoreError::io("cannot read", runs))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && item.path().join("events.jsonl").is_file() {
            ids.push(name);
        }
    }
    ids.sort();
    // Ids tell seconds; runs of one second are put in order by their first event.
    for same in ids.chunk_by_mut(|a, b| stamp(a) == stamp(b)).filter(|same| same.len() > 1) {
        same.sort_by_cached_key(|id| began(runs, id));
    }
    Ok(ids)
}

/// When a run began, as its first event says it.
pub(super) fn began(runs: &Path, id: &str) -> Option<String> {
    let path = runs.join(id).join("events.jsonl");
    let mut first = String::new();
    BufReader::new(File::open(path).ok()?).read_line(&mut first).ok()?;
    let line: Line = serde_json::from_str(&first).ok()?;
    match line.event {
        Event::RunStarted { at, .. } => Some(at),
        _ => None,
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
        let mut write = || {
            fault::pass(Point::Event)?;
            self.events.write_all(format!("{line}\n").as_bytes())
        };
        write().map_err(StoreError::io("cannot write", &self.path.join("events.jsonl")))
    }

    /// Writes a whole file of the run; folders are made. `name` is a path inside the folder, made by the program.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path.join(name);
        if name == "record.json" {
            fault::pass(Point::Record).map_err(StoreError::io("cannot write", &path))?;
        }
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

    #[test]
    fn a_run_that_goes_on_is_left_alone_and_half_a_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let id = "20260101-000000-a-aaaaaa";
        let mut run = store.register(id).unwrap();
        let line = serde_json::to_string(&Line { v: 1, t: 0.5, event: Event::Interrupted }).unwrap();
        run.append_event(&line).unwrap();
        run.append_event(&line).unwrap();
        assert!(store.is_running(id));
        assert!(matches!(store.reopen(id), Err(StoreError::Running(_))));
        assert!(matches!(store.remove_run(id), Err(StoreError::Running(_))));
        drop(run);
        assert!(!store.is_running(id));
        let path = folder.path().join(id).join("events.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &line.as_bytes()[..9]].concat()).unwrap();
        let (mut run, trace) = store.reopen(id).unwrap();
        assert_eq!((trace.lines.len(), trace.bytes), (2, whole.len() as u64));
        run.append_event(&line).unwrap();
        drop(run);
        assert_eq!(store.trace(id).unwrap().lines.len(), 3);
        store.remove_run(id).unwrap();
        assert!(store.run_ids().unwrap().is_empty());
    }
}
