//! Locks between processes. All are advisory locks on open files, which the system takes back when a process ends in
//! whatever way, so a crash never leaves one behind; what a lock file holds is for messages only.
//!
//! - `.store/lock`: shared by every process that writes; exclusive while somebody tidies up.
//! - `.store/locks/<key>`: held while a step is computed, so that no two processes compute it.
//! - `<run>/events.jsonl`: held as long as the run goes on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::fault::{self, Point};
use super::{Store, StoreError};
use crate::digest::Digest;

/// The right to compute a step; given back when dropped.
#[derive(Debug)]
pub struct StepLock {
    path: PathBuf,
    // Closing it unlocks.
    _file: File,
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // Still locked: whoever waits for this file sees afterwards that it has lost its name, and makes a new one.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a step may be computed here.
#[derive(Debug)]
pub enum Turn {
    /// Yes, as long as this lives.
    Mine(StepLock),
    /// Another process computes it: its number, where it says so.
    Theirs(Option<u32>),
}

/// Takes the lock if it is free. A file system without locks counts as free: then two processes may compute the same
/// step, and store the same bytes.
pub(super) fn try_exclusive(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn shared(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}

/// Whether the open file is the one that has this name now.
#[cfg(unix)]
fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn has_name(_file: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

impl Store {
    /// Asks for the right to compute a step. Never waits.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn turn(&self, key: &Digest) -> Result<Turn, StoreError> {
        let path = self.root.join("locks").join(key.to_string());
        let io = |error| StoreError::io("cannot lock", &path)(error);
        loop {
            let mut file = open(&path).map_err(io)?;
            if !try_exclusive(&file).map_err(io)? {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Ok(Turn::Theirs(text.trim().parse().ok()));
            }
            if has_name(&file, &path).map_err(io)? {
                // The number is for messages; an old one may be there from a process that was killed.
                let _ = file.set_len(0);
                let _ = file.write_all(std::process::id().to_string().as_bytes());
                fault::pass(Point::Locked).map_err(io)?;
                return Ok(Turn::Mine(StepLock { path: path.clone(), _file: file }));
            }
        }
    }

    /// Takes part in the store as a writer; the first one tidies up what killed processes left.
    pub(super) fn take_part(&self) -> Result<File, StoreError> {
        let path = self.root.join("lock");
        let io = |error| StoreError::io("cannot lock", &path)(error);
        let file = open(&path).map_err(io)?;
        if try_exclusive(&file).map_err(io)? {
            self.sweep();
        }
        // While somebody tidies up this waits; that is a matter of moments, or of a running `gc`.
        shared(&file).map_err(io)?;
        Ok(file)
    }

    /// Removes what only a killed process can have left. Nobody else may be writing.
    fn sweep(&self) {
        for folder in ["tmp", "locks"] {
            for item in fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten() {
                let path = item.path();
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
    }

    /// The whole store for oneself, for tidying up.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where a run is going on; [`StoreError::Io`].
    pub(super) fn alone(&self) -> Result<File, StoreError> {
        let path = self.root.join("lock");
        let io = |error| StoreError::io("cannot lock", &path)(error);
        // One's own share would be in the way.
        let own = self.part.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        drop(own);
        let file = open(&path).map_err(io)?;
        if try_exclusive(&file).map_err(io)? {
            self.sweep();
            return Ok(file);
        }
        Err(StoreError::Busy { path: self.root.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_computed_by_one_at_a_time_and_a_left_file_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (Store::open(folder.path(), None).unwrap(), Store::open(folder.path(), None).unwrap());
        let key = Digest::of(b"key");
        let path = folder.path().join(".store/locks").join(key.to_string());
        // As a killed process leaves it.
        fs::write(&path, "12345").unwrap();
        let Turn::Mine(mine) = a.turn(&key).unwrap() else { panic!("it is free") };
        assert!(matches!(b.turn(&key).unwrap(), Turn::Theirs(Some(id)) if id == std::process::id()));
        assert!(matches!(b.turn(&Digest::of(b"other")).unwrap(), Turn::Mine(_)));
        drop(mine);
        assert!(!path.exists());
        assert!(matches!(b.turn(&key).unwrap(), Turn::Mine(_)));
    }

    #[test]
    fn the_first_writer_tidies_up_and_only_a_lone_one_may_have_all() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), None).unwrap());
        let left = folder.path().join(".store/tmp/left");
        fs::write(&left, "half").unwrap();
        let a = Store::open(folder.path(), None).unwrap();
        assert!(!left.exists());
        fs::write(&left, "being written by a").unwrap();
        let b = Store::open(folder.path(), None).unwrap();
        assert!(left.exists());
        assert!(matches!(b.alone(), Err(StoreError::Busy { .. })));
        drop(a);
        assert!(b.alone().is_ok());
        assert!(!left.exists());
    }
}
