//! The only writer under `runs/`: objects by digest, one entry per step key, run folders.
//!
//! ```text
//! .store/format             the version of everything below
//! .store/objects/ab/cdef…   content-addressed bytes
//! .store/steps/<key>/       recipe.json, then entry.json (written last: a key without an entry has no result)
//! .store/kinds/<kind>       keys stored of a kind, in order; a hint that can be made anew
//! .store/sources/           digests of data files by path, size and times; a hint
//! .store/users/             which folders of runs refer to this store
//! .store/lock, .store/locks/<key>, .store/tmp/, .store/quarantine/
//! <run id>/                 one folder per run
//! ```
//!
//! Every file is written beside its place, flushed to the disk and renamed, so a reader sees all of it or nothing, and
//! a process that is killed leaves at most files in `tmp` and `locks`, which the next lone writer removes.

mod archive;
mod entry;
mod fault;
mod fsck;
mod gc;
mod kinds;
mod lock;
mod memo;
mod runs;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

pub use archive::Imported;
pub use entry::{Entry, Look, Stored};
pub use fsck::{Checked, Finding};
pub use gc::{Freed, Keep};
pub use lock::{StepLock, Turn};
pub use memo::Memo;
pub use runs::{RunFolder, Trace, new_run_id};

use crate::digest::Digest;
use fault::Point;

/// The version of the store's layout.
pub const FORMAT: u32 = 1;

/// What can go wrong on the disk.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried: `cannot write`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Made by a later version of this program.
    #[error("{} has format {found}, this program knows formats up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
    /// Bytes that are not what they are called.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// An object that is gone, or whose bytes are not what its name says. It is out of the way, so that it can be made
    /// anew.
    #[error("object {digest} {problem}")]
    Lost {
        /// Its digest.
        digest: Digest,
        /// What became of it.
        problem: String,
    },
    /// One key, two results.
    #[error(transparent)]
    Nondeterministic(Box<Different>),
    /// No run, or more than one, of this name.
    #[error("{0}")]
    NoSuchRun(String),
    /// A run that is going on.
    #[error("run {0} is going on")]
    Running(String),
    /// Somebody else works with the store.
    #[error("the store {} is in use by a run", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// A file that is no archive of a run, or not a whole one.
    #[error("{}: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// A step that gave other bytes for a key that has a result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("step {step} gave different bytes for the same key {key}: {output} was {stored}, now {computed}")]
pub struct Different {
    /// The step.
    pub step: String,
    /// Its key.
    pub key: Digest,
    /// The output that differs.
    pub output: String,
    /// The digest stored.
    pub stored: Digest,
    /// The digest computed now.
    pub computed: Digest,
}

impl StoreError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// A folder of runs with its store.
#[derive(Debug)]
pub struct Store {
    runs: PathBuf,
    root: PathBuf,
    /// The share in `.store/lock`, of one that writes.
    part: Mutex<Option<File>>,
}

/// Files of this process that are being written.
static SERIAL: AtomicU64 = AtomicU64::new(0);

impl Store {
    /// Opens the store for writing, or makes it. `root` is usually `<runs>/.store`.
    ///
    /// # Errors
    /// A folder that cannot be made or written, or a store of a newer format.
    pub fn open(runs: &Path, root: Option<&Path>) -> Result<Self, StoreError> {
        let store = Self::at(runs, root);
        let root = &store.root;
        let known = store.check_format()?;
        for folder in [runs, root] {
            fs::create_dir_all(folder).map_err(StoreError::io("cannot make the folder", folder))?;
        }
        for name in ["objects", "steps", "tmp", "locks", "sources", "users"] {
            let folder = root.join(name);
            fs::create_dir_all(&folder).map_err(StoreError::io("cannot make the folder", &folder))?;
        }
        let part = store.take_part()?;
        *store.part.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(part);
        // Fails early, with the right message, where the folder exists but takes no file.
        let probe = store.temporary();
        fault::pass(Point::Write).map_err(StoreError::io("cannot write", root))?;
        File::create(&probe).map_err(StoreError::io("cannot write", root))?;
        fs::remove_file(&probe).map_err(StoreError::io("cannot write", root))?;
        if !known {
            store.write_whole(&root.join("format"), format!("{FORMAT}\n").as_bytes())?;
        }
        store.register_user()?;
        store.make_kinds()?;
        Ok(store)
    }

    /// Opens the store for looking only: nothing is made, nothing need be writable, and it may not be there at all.
    ///
    /// # Errors
    /// A store of a newer format.
    pub fn look(runs: &Path, root: Option<&Path>) -> Result<Self, StoreError> {
        let store = Self::at(runs, root);
        store.check_format()?;
        Ok(store)
    }

    fn at(runs: &Path, root: Option<&Path>) -> Self {
        let root = root.map_or_else(|| runs.join(".store"), Path::to_owned);
        Self { runs: runs.to_owned(), root, part: Mutex::new(None) }
    }

    /// Whether there is a format, of a version that is known.
    fn check_format(&self) -> Result<bool, StoreError> {
        let path = self.root.join("format");
        match fs::read(&path) {
            Ok(text) => match String::from_utf8_lossy(&text).trim().parse::<u64>() {
                Ok(found) if found <= u64::from(FORMAT) => Ok(true),
                Ok(found) => Err(StoreError::Newer { path, found, known: u64::from(FORMAT) }),
                Err(_) => Err(StoreError::Damaged { path, problem: "expected a version number".into() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.kind() == io::ErrorKind::NotADirectory => {
                Ok(false)
            }
            Err(error) => Err(StoreError::io("cannot read", &path)(error)),
        }
    }

    /// The folder of the runs.
    #[must_use]
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn temporary(&self) -> PathBuf {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let since = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
        self.root.join("tmp").join(format!("{}-{since:x}-{serial}", std::process::id()))
    }

    /// Writes a whole file or nothing.
    pub(crate) fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = self.temporary();
        let write = || -> io::Result<()> {
            fault::pass(Point::Write)?;
            let mut file = File::create(&temporary)?;
            fault::pass(Point::TempMade)?;
            if fault::any() {
                let (first, rest) = bytes.split_at(bytes.len() / 2);
                file.write_all(first)?;
                fault::pass(Point::TempHalf)?;
                file.write_all(rest)?;
            } else {
                file.write_all(bytes)?;
            }
            fault::pass(Point::TempWritten)?;
            file.sync_data()?;
            fault::pass(Point::Rename)?;
            fs::rename(&temporary, path)?;
            fault::pass(Point::Renamed)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&temporary);
            StoreError::io("cannot write", path)(error)
        })
    }

    fn object_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join("objects").join(&hex[..2]).join(&hex[2..])
    }

    /// Stores bytes under their digest. Bytes that are there already are left alone; damaged ones are replaced.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put(&self, bytes: &[u8]) -> Result<Stored, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.object_path(&digest);
        let stored = Stored { digest, bytes: bytes.len() as u64 };
        if fs::metadata(&path).is_ok() {
            if fs::read(&path).is_ok_and(|there| there == bytes) {
                return Ok(stored);
            }
            self.quarantine(&digest);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("cannot make the folder", folder))?;
        }
        self.write_whole(&path, bytes)?;
        Ok(stored)
    }

    /// Moves a damaged object out of the way.
    fn quarantine(&self, digest: &Digest) {
        let aside = self.root.join("quarantine");
        let _ = fs::create_dir_all(&aside);
        let _ = fs::rename(self.object_path(digest), aside.join(digest.to_string()));
    }

    /// The bytes of an object, checked against their digest. A damaged object is moved aside, so that it is computed
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Lost`] or [`StoreError::Io`].
    pub fn get(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(&stored.digest);
        let lost = |problem: String| StoreError::Lost { digest: stored.digest, problem };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost("is gone".into())),
            Err(error) => return Err(StoreError::io("cannot read", &path)(error)),
        };
        let found = Digest::of(&bytes);
        if found == stored.digest {
            return Ok(bytes);
        }
        self.quarantine(&stored.digest);
        Err(lost(format!("is damaged: its {} bytes have the digest {found}", bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_object_is_named_moved_aside_and_can_be_stored_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let stored = store.put(b"hello").unwrap();
        assert_eq!(store.get(&stored).unwrap(), b"hello");
        let path = store.object_path(&stored.digest);
        fs::write(&path, b"hellO").unwrap();
        let error = store.get(&stored).unwrap_err().to_string();
        assert!(error.contains("is damaged") && error.contains(&stored.digest.to_string()), "{error}");
        assert!(!path.exists());
        assert!(store.get(&stored).unwrap_err().to_string().contains("is gone"));
        assert_eq!(store.put(b"hello").unwrap(), stored);
        assert_eq!(store.get(&stored).unwrap(), b"hello");
        // Damage that nobody has seen yet does not survive a second storing.
        fs::write(&path, b"hellO").unwrap();
        store.put(b"hello").unwrap();
        assert_eq!(store.get(&stored).unwrap(), b"hello");
    }

    #[test]
    fn a_newer_store_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), None).unwrap());
        let format = folder.path().join(".store/format");
        fs::write(&format, "2\n").unwrap();
        let error = Store::open(folder.path(), None).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
        assert!(Store::look(folder.path(), None).is_err());
        assert_eq!(fs::read_to_string(&format).unwrap(), "2\n");
    }

    #[test]
    fn looking_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::look(&folder.path().join("runs"), None).unwrap();
        assert_eq!(store.entry(&Digest::of(b"")).unwrap(), None);
        assert!(!folder.path().join("runs").exists());
    }
}
