//! What the digest of a data file was when its size and times were these: so that a large file need not be read to
//! know that a step is stored. Only a hint, which `verify` does not ask.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Store;
use crate::digest::Digest;

/// A file as it lay on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// Its whole path.
    path: String,
    /// Bytes.
    size: u64,
    /// Last change of its bytes, and of anything about it, in nanoseconds since 1970.
    mtime: i64,
    ctime: i64,
    /// File system and number in it.
    device: u64,
    inode: u64,
}

impl Memo {
    /// The file as it lies there; nothing on a system that does not tell, or where it changed so lately that its next
    /// change could carry the same time.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let memo = Self::read(&path)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let settled = now.checked_sub(Duration::from_secs(2))?.as_nanos() as i64;
        (memo.mtime < settled && memo.ctime < settled).then_some(memo)
    }

    #[cfg(unix)]
    fn read(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let m = fs::metadata(path).ok()?;
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Some(Self {
            path: path.to_str()?.to_owned(),
            size: m.len(),
            mtime: nanoseconds(m.mtime(), m.mtime_nsec()),
            ctime: nanoseconds(m.ctime(), m.ctime_nsec()),
            device: m.dev(),
            inode: m.ino(),
        })
    }

    #[cfg(not(unix))]
    fn read(_path: &Path) -> Option<Self> {
        None
    }

    /// Bytes of the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn name(&self) -> String {
        Digest::of(self.path.as_bytes()).short(32)
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    file: Memo,
    digest: Digest,
    /// Over the two above, so that a damaged memo is none.
    check: Digest,
}

fn check(file: &Memo, digest: &Digest) -> Digest {
    Digest::of(format!("{file:?} {digest}").as_bytes())
}

impl Store {
    /// The digest that this file had when it was last read, if it lies there unchanged.
    #[must_use]
    pub fn remembered(&self, file: &Memo) -> Option<Digest> {
        let bytes = fs::read(self.root.join("sources").join(file.name())).ok()?;
        let kept: Kept = serde_json::from_slice(&bytes).ok()?;
        (kept.file == *file && kept.check == check(file, &kept.digest)).then_some(kept.digest)
    }

    /// Remembers the digest of a file. A store that cannot be written remembers nothing, and that is no failure.
    pub fn remember(&self, file: Memo, digest: Digest) {
        if !self.root.join("tmp").is_dir() || !self.root.join("sources").is_dir() {
            return;
        }
        let path = self.root.join("sources").join(file.name());
        let kept = Kept { check: check(&file, &digest), file, digest };
        let _ = self.write_whole(&path, &serde_json::to_vec(&kept).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_changed_file_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("runs"), None).unwrap();
        let path = folder.path().join("data.csv");
        fs::write(&path, "one").unwrap();
        assert_eq!(Memo::of(&path), None, "it has only just been written");
        let old = Memo { ctime: 5, ..Memo::read(&fs::canonicalize(&path).unwrap()).unwrap() };
        store.remember(old.clone(), Digest::of(b"one"));
        assert_eq!(store.remembered(&old), Some(Digest::of(b"one")));
        for other in [
            Memo { size: 4, ..old.clone() },
            Memo { mtime: old.mtime + 1, ..old.clone() },
            Memo { ctime: 6, ..old.clone() },
            Memo { inode: old.inode + 1, ..old.clone() },
            Memo { path: "/elsewhere".into(), ..old.clone() },
        ] {
            assert_eq!(store.remembered(&other), None, "{other:?}");
        }
        // A digest that was damaged on the disk is not believed.
        let kept = folder.path().join("runs/.store/sources").join(old.name());
        let text = fs::read_to_string(&kept).unwrap();
        fs::write(&kept, text.replace(&Digest::of(b"one").to_string(), &Digest::of(b"two").to_string())).unwrap();
        assert_eq!(store.remembered(&old), None);
    }
}
