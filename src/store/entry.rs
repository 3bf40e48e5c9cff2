//! Step entries: which objects a key has.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use super::fault::{self, Point};
use super::{Different, Store, StoreError};
use crate::digest::Digest;
use crate::record::Notes;

/// The version of `entry.json`.
const ENTRY_FORMAT: u64 = 1;

/// An object: its digest and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Number of bytes.
    pub bytes: u64,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this file.
    pub format: u64,
    /// The step's key.
    pub key: Digest,
    /// Objects by output name.
    pub outputs: BTreeMap<String, Stored>,
    /// What the step has to say: ledger, warnings.
    pub notes: Notes,
    /// Wall-clock seconds that the computation took.
    pub seconds: f64,
}

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// Its result, all objects there.
    Stored(Box<Entry>),
    /// Nothing.
    Absent,
    /// An entry that is of no use, and why.
    Broken(String),
}

impl Entry {
    /// An entry of the present format.
    #[must_use]
    pub fn new(key: Digest, outputs: BTreeMap<String, Stored>, notes: Notes, seconds: f64) -> Self {
        Self { format: ENTRY_FORMAT, key, outputs, notes, seconds }
    }

    /// The document, with `check`: SHA-256 of its canonical JSON without that field, so that a damaged entry is no
    /// entry. Entries of early versions have none.
    fn document(&self) -> Json {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        let check = Digest::of_json(&json);
        if let Some(map) = json.as_object_mut() {
            map.insert("check".into(), check.to_string().into());
        }
        json
    }
}

/// Why a document is no entry.
#[derive(Debug, Error)]
pub(super) enum Unread {
    /// It is one of a newer format.
    #[error("its entry has format {0}, this program knows formats up to {ENTRY_FORMAT}")]
    Newer(u64),
    /// It is not what was written.
    #[error("{0}")]
    Damaged(String),
}

/// Reads the document of an entry.
pub(super) fn read(mut json: Json, key: &Digest) -> Result<Entry, Unread> {
    // Before anything that it says is believed: a flipped bit could make it look like a newer one.
    if let Some(check) = json.as_object_mut().and_then(|map| map.shift_remove("check"))
        && check.as_str().and_then(Digest::parse) != Some(Digest::of_json(&json))
    {
        return Err(Unread::Damaged("its entry is damaged".into()));
    }
    if let Some(found) = json.get("format").and_then(Json::as_u64).filter(|f| *f > ENTRY_FORMAT) {
        return Err(Unread::Newer(found));
    }
    let entry: Entry =
        serde_json::from_value(json).map_err(|e| Unread::Damaged(format!("its entry cannot be read: {e}")))?;
    if entry.key == *key { Ok(entry) } else { Err(Unread::Damaged("its entry is that of another key".into())) }
}

impl Store {
    pub(super) fn step_folder(&self, key: &Digest) -> PathBuf {
        self.root.join("steps").join(key.to_string())
    }

    /// The entry of a key as it stands in its file, whether or not its objects are there. The reason, where the file
    /// is no whole entry of this key.
    pub(super) fn written(&self, key: &Digest) -> Result<Option<Result<Entry, String>>, StoreError> {
        let path = self.step_folder(key).join("entry.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::io("cannot read", &path)(error)),
        };
        let json = match serde_json::from_slice::<Json>(&bytes) {
            Ok(json) => json,
            Err(problem) => return Ok(Some(Err(format!("its entry cannot be read: {problem}")))),
        };
        match read(json, key) {
            Err(Unread::Newer(found)) => Err(StoreError::Newer { path, found, known: ENTRY_FORMAT }),
            Err(Unread::Damaged(problem)) => Ok(Some(Err(problem))),
            Ok(entry) => Ok(Some(Ok(entry))),
        }
    }

    /// What the store knows of a key. Objects are looked for, not read.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for an entry of a newer format; [`StoreError::Io`].
    pub fn look_up(&self, key: &Digest) -> Result<Look, StoreError> {
        let entry = match self.written(key)? {
            None => return Ok(Look::Absent),
            Some(Err(problem)) => return Ok(Look::Broken(problem)),
            Some(Ok(entry)) => entry,
        };
        for (name, object) in &entry.outputs {
            match fs::metadata(self.object_path(&object.digest)) {
                Ok(there) if there.len() == object.bytes => {}
                Ok(_) => return Ok(Look::Broken(format!("its {name} is cut off or too long"))),
                Err(_) => return Ok(Look::Broken(format!("its {name} is gone"))),
            }
        }
        Ok(Look::Stored(Box::new(entry)))
    }

    /// The entry of a key, if the step has been done and all its objects are there.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for an entry of a newer format; [`StoreError::Io`]. A damaged entry counts as none.
    pub fn entry(&self, key: &Digest) -> Result<Option<Entry>, StoreError> {
        Ok(match self.look_up(key)? {
            Look::Stored(entry) => Some(*entry),
            Look::Absent | Look::Broken(_) => None,
        })
    }

    /// The recipe stored with a key, if there is one that can be read.
    #[must_use]
    pub fn recipe(&self, key: &Digest) -> Option<Json> {
        serde_json::from_slice(&fs::read(self.step_folder(key).join("recipe.json")).ok()?).ok()
    }

    /// Stores the result of a step: recipe first, entry last. A key that has an entry keeps it.
    ///
    /// # Errors
    /// [`StoreError::Nondeterministic`] where the key has an entry with other bytes; [`StoreError::Io`].
    pub fn put_entry(&self, step: &str, recipe: &Json, entry: &Entry) -> Result<(), StoreError> {
        if let Some(Ok(known)) = self.written(&entry.key)? {
            if let Some(different) = entry.differs_from(&known.outputs, step) {
                return Err(StoreError::Nondeterministic(Box::new(different)));
            }
            return Ok(());
        }
        let folder = self.step_folder(&entry.key);
        fs::create_dir_all(&folder).map_err(StoreError::io("cannot make the folder", &folder))?;
        let pretty = |value: &Json| {
            let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
            text.push('\n');
            text
        };
        self.write_whole(&folder.join("recipe.json"), pretty(recipe).as_bytes())?;
        let path = folder.join("entry.json");
        fault::pass(Point::Entry).map_err(StoreError::io("cannot write", &path))?;
        self.write_whole(&path, pretty(&entry.document()).as_bytes())?;
        fault::pass(Point::EntryStored).map_err(StoreError::io("cannot write", &path))?;
        self.note_kind(recipe, &entry.key)
    }
}

impl Entry {
    /// The first output whose bytes are not those that are known, if any.
    #[must_use]
    pub fn differs_from(&self, known: &BTreeMap<String, Stored>, step: &str) -> Option<Different> {
        let none = Digest::of(b"");
        let names: std::collections::BTreeSet<&String> = known.keys().chain(self.outputs.keys()).collect();
        names.into_iter().find_map(|name| {
            let (stored, computed) = (known.get(name).map(|o| o.digest), self.outputs.get(name).map(|o| o.digest));
            (stored != computed).then(|| Different {
                step: step.to_owned(),
                key: self.key,
                output: name.clone(),
                stored: stored.unwrap_or(none),
                computed: computed.unwrap_or(none),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(store: &Store, key: Digest, bytes: &[u8]) -> Entry {
        let outputs = BTreeMap::from([("out".to_owned(), store.put(bytes).unwrap())]);
        Entry::new(key, outputs, Notes::default(), 0.5)
    }

    #[test]
    fn one_key_has_one_result() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let key = Digest::of(b"recipe");
        assert_eq!(store.entry(&key).unwrap(), None);
        let first = entry(&store, key, b"a");
        store.put_entry("fit/x", &Json::Null, &first).unwrap();
        store.put_entry("fit/x", &Json::Null, &first).unwrap();
        assert_eq!(store.entry(&key).unwrap(), Some(first.clone()));
        let error = store.put_entry("fit/x", &Json::Null, &entry(&store, key, b"b")).unwrap_err();
        assert!(matches!(error, StoreError::Nondeterministic(_)), "{error}");
        // An object that is gone makes the step one to be done again, and still to the same bytes.
        fs::remove_file(store.object_path(&first.outputs["out"].digest)).unwrap();
        assert_eq!(store.entry(&key).unwrap(), None);
        assert_eq!(store.look_up(&key).unwrap(), Look::Broken("its out is gone".into()));
        let error = store.put_entry("fit/x", &Json::Null, &entry(&store, key, b"b")).unwrap_err();
        assert!(matches!(error, StoreError::Nondeterministic(_)), "{error}");
        store.put_entry("fit/x", &Json::Null, &entry(&store, key, b"a")).unwrap();
        assert_eq!(store.entry(&key).unwrap(), Some(first));
    }

    #[test]
    fn an_entry_with_a_flipped_bit_anywhere_is_none_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let key = Digest::of(b"recipe");
        let good = entry(&store, key, b"a");
        store.put_entry("fit/x", &Json::Null, &good).unwrap();
        let path = store.step_folder(&key).join("entry.json");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in [0, 5] {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, &damaged).unwrap();
                match store.look_up(&key).unwrap() {
                    // White space means nothing, and without its name the check is none.
                    Look::Stored(entry) => assert_eq!(*entry, good, "{at}"),
                    // Each writing is flushed, which takes its time.
                    Look::Broken(_) if at % 40 > 0 => {}
                    Look::Broken(_) => {
                        store.put_entry("fit/x", &Json::Null, &good).unwrap();
                        assert_eq!(fs::read(&path).unwrap(), whole, "{at}");
                    }
                    Look::Absent => panic!("{at}"),
                }
            }
        }
    }

    #[test]
    fn entries_of_early_versions_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let key = Digest::of(b"recipe");
        let old = entry(&store, key, b"a");
        fs::create_dir_all(store.step_folder(&key)).unwrap();
        fs::write(store.step_folder(&key).join("entry.json"), serde_json::to_vec(&old).unwrap()).unwrap();
        assert_eq!(store.entry(&key).unwrap(), Some(old));
    }
}
