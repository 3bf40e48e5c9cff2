//! The only writer under `runs/`: objects by digest, one entry per step key, run folders.
//!
//! ```text
//! .store/format             the version of everything below
//! .store/objects/ab/cdef…   content-addressed bytes
//! .store/steps/<key>/       recipe.json, then entry.json (written last: a key without an entry has no result)
//! <run id>/                 one folder per run
//! ```
//!
//! Every file is written beside its place, flushed to the disk and renamed, so a reader sees all of it or nothing, and
//! a process that is killed leaves at most a file in `.store/tmp`.

mod entry;
mod runs;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

pub use entry::{Entry, Stored};
pub use runs::{RunFolder, new_run_id};

use crate::digest::Digest;

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
    /// One key, two results.
    #[error(transparent)]
    Nondeterministic(Box<Different>),
    /// No run, or more than one, of this name.
    #[error("{0}")]
    NoSuchRun(String),
}

/// A step that gave other bytes for a key that has a result.
#[derive(Debug, Error)]
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
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// A folder of runs with its store.
#[derive(Debug)]
pub struct Store {
    runs: PathBuf,
    root: PathBuf,
    serial: AtomicU64,
}

impl Store {
    /// Opens the store, or makes it. `root` is usually `<runs>/.store`.
    ///
    /// # Errors
    /// A folder that cannot be made or written, or a store of a newer format.
    pub fn open(runs: &Path, root: Option<&Path>) -> Result<Self, StoreError> {
        let root = root.map_or_else(|| runs.join(".store"), Path::to_owned);
        for folder in [runs, &root, &root.join("objects"), &root.join("steps"), &root.join("tmp")] {
            fs::create_dir_all(folder).map_err(StoreError::io("cannot make the folder", folder))?;
        }
        let store = Self { runs: runs.to_owned(), root, serial: AtomicU64::new(0) };
        let format = store.root.join("format");
        match fs::read_to_string(&format) {
            Ok(text) => match text.trim().parse::<u64>() {
                Ok(found) if found <= u64::from(FORMAT) => {}
                Ok(found) => return Err(StoreError::Newer { path: format, found, known: u64::from(FORMAT) }),
                Err(_) => {
                    return Err(StoreError::Damaged { path: format, problem: "expected a version number".into() });
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                store.write_whole(&format, format!("{FORMAT}\n").as_bytes())?;
            }
            Err(error) => return Err(StoreError::io("cannot read", &format)(error)),
        }
        // Fails early, with the right message, where the folder exists but takes no file.
        let probe = store.temporary();
        File::create(&probe).map_err(StoreError::io("cannot write", &store.root))?;
        fs::remove_file(&probe).map_err(StoreError::io("cannot write", &store.root))?;
        Ok(store)
    }

    /// The folder of the runs.
    #[must_use]
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    fn temporary(&self) -> PathBuf {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        self.root.join("tmp").join(format!("{}-{serial}", std::process::id()))
    }

    /// Writes a whole file or nothing.
    pub(crate) fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = self.temporary();
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&temporary, path)
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

    /// Stores bytes under their digest; bytes that are there already are left alone.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put(&self, bytes: &[u8]) -> Result<Stored, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.object_path(&digest);
        let stored = Stored { digest, bytes: bytes.len() as u64 };
        if fs::metadata(&path).is_ok_and(|m| m.len() == stored.bytes) {
            return Ok(stored);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("cannot make the folder", folder))?;
        }
        self.write_whole(&path, bytes)?;
        Ok(stored)
    }

    /// The bytes of an object, checked against their digest. A damaged object is moved aside, so that it is computed
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    pub fn get(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(&stored.digest);
        let bytes = fs::read(&path).map_err(StoreError::io("cannot read", &path))?;
        let found = Digest::of(&bytes);
        if found == stored.digest {
            return Ok(bytes);
        }
        let aside = self.root.join("quarantine");
        let _ = fs::create_dir_all(&aside);
        let _ = fs::rename(&path, aside.join(stored.digest.to_string()));
        Err(StoreError::Damaged { path, problem: format!("its digest is {found}") })
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
        assert!(error.contains("damaged"), "{error}");
        assert!(!path.exists());
        assert_eq!(store.put(b"hello").unwrap(), stored);
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
        assert_eq!(fs::read_to_string(&format).unwrap(), "2\n");
    }
}
