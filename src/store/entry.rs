//! Step entries: which objects a key has.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

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

impl Entry {
    /// An entry of the present format.
    #[must_use]
    pub fn new(key: Digest, outputs: BTreeMap<String, Stored>, notes: Notes, seconds: f64) -> Self {
        Self { format: ENTRY_FORMAT, key, outputs, notes, seconds }
    }
}

impl Store {
    fn step_folder(&self, key: &Digest) -> std::path::PathBuf {
        self.root.join("steps").join(key.to_string())
    }

    /// The entry of a key, if the step has been done and all its objects are there.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for an entry of a newer format; [`StoreError::Io`]. A damaged entry counts as none.
    pub fn entry(&self, key: &Digest) -> Result<Option<Entry>, StoreError> {
        let path = self.step_folder(key).join("entry.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("cannot read", &path)(error)),
        };
        let Ok(json) = serde_json::from_slice::<Json>(&bytes) else { return Ok(None) };
        if let Some(found) = json.get("format").and_then(Json::as_u64).filter(|f| *f > ENTRY_FORMAT) {
            return Err(StoreError::Newer { path, found, known: ENTRY_FORMAT });
        }
        let Ok(entry) = serde_json::from_value::<Entry>(json) else { return Ok(None) };
        let whole = entry.key == *key
            && entry
                .outputs
                .values()
                .all(|o| fs::metadata(self.object_path(&o.digest)).is_ok_and(|m| m.len() == o.bytes));
        Ok(whole.then_some(entry))
    }

    /// Stores the result of a step: recipe first, entry last. A key that has an entry keeps it.
    ///
    /// # Errors
    /// [`StoreError::Nondeterministic`] where the key has an entry with other bytes; [`StoreError::Io`].
    pub fn put_entry(&self, step: &str, recipe: &Json, entry: &Entry) -> Result<(), StoreError> {
        if let Some(known) = self.entry(&entry.key)? {
            for (name, stored) in &known.outputs {
                let computed = entry.outputs.get(name).map(|o| o.digest);
                if computed != Some(stored.digest) {
                    return Err(StoreError::Nondeterministic(Box::new(Different {
                        step: step.to_owned(),
                        key: entry.key,
                        output: name.clone(),
                        stored: stored.digest,
                        computed: computed.unwrap_or(Digest::of(b"")),
                    })));
                }
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
        let json = serde_json::to_value(entry).unwrap_or_default();
        self.write_whole(&folder.join("entry.json"), pretty(&json).as_bytes())
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
        // An object that is gone makes the step one to be done again.
        fs::remove_file(store.object_path(&first.outputs["out"].digest)).unwrap();
        assert_eq!(store.entry(&key).unwrap(), None);
    }
}
