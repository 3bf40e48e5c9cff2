//! Which keys are stored of a kind of step: so that the recipe nearest to a new one is found without reading them all.
//!
//! `.store/kinds/<kind>` has a line per key, in the order of storing. It is a hint: a line too many or too few only
//! makes an explanation poorer. A store of an early version gets it when it is first opened for writing.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde_json::Value as Json;

use super::{Store, StoreError};
use crate::digest::Digest;

/// The kind of a recipe: the kind of step, with the choice that its parameters are, if they are one (`fit-mlp`).
fn kind(recipe: &Json) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let step = recipe.get("step").and_then(Json::as_str).unwrap_or("other");
    let choice = match recipe.get("parameters") {
        Some(Json::Object(map)) if map.len() == 1 => map.keys().next().map(String::as_str),
        Some(Json::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let words = std::iter::once(step).chain(choice).filter(|w| !w.is_empty() && w.chars().all(plain));
    words.collect::<Vec<_>>().join("-")
}

impl Store {
    /// Notes that a key of this recipe's kind is stored.
    pub(super) fn note_kind(&self, recipe: &Json, key: &Digest) -> Result<(), StoreError> {
        let path = self.root.join("kinds").join(kind(recipe));
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            // One line, one write: lines of several processes do not mix.
            file.write_all(format!("{key}\n").as_bytes())
        };
        write().map_err(StoreError::io("cannot write", &path))
    }

    /// Up to `most` keys stored of this recipe's kind, the latest first.
    #[must_use]
    pub fn alike(&self, recipe: &Json, most: usize) -> Vec<Digest> {
        let path = self.root.join("kinds").join(kind(recipe));
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut keys: Vec<Digest> = text.lines().rev().filter_map(Digest::parse).take(most).collect();
        let mut seen = std::collections::BTreeSet::new();
        keys.retain(|key| seen.insert(*key));
        keys
    }

    /// Makes the folder, and for a store of an early version all that should be in it.
    pub(super) fn make_kinds(&self) -> Result<(), StoreError> {
        let folder = self.root.join("kinds");
        if folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&folder).map_err(StoreError::io("cannot make the folder", &folder))?;
        for key in self.keys()? {
            if let Some(recipe) = self.recipe(&key) {
                self.note_kind(&recipe, &key)?;
            }
        }
        Ok(())
    }

    /// Takes keys out, after a clean-up.
    pub(super) fn forget_kinds(&self, gone: &std::collections::BTreeSet<Digest>) -> Result<(), StoreError> {
        let folder = self.root.join("kinds");
        for item in fs::read_dir(&folder).map_err(StoreError::io("cannot read", &folder))?.flatten() {
            let text = fs::read_to_string(item.path()).unwrap_or_default();
            let kept: String = text
                .lines()
                .filter(|line| Digest::parse(line).is_some_and(|key| !gone.contains(&key)))
                .flat_map(|line| [line, "\n"])
                .collect();
            if kept.len() != text.len() {
                self.write_whole(&item.path(), kept.as_bytes())?;
            }
        }
        Ok(())
    }

    /// All keys that have a folder.
    pub(super) fn keys(&self) -> Result<Vec<Digest>, StoreError> {
        let folder = self.root.join("steps");
        let mut keys: Vec<Digest> = match fs::read_dir(&folder) {
            Ok(items) => items.flatten().filter_map(|i| Digest::parse(&i.file_name().to_string_lossy())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("cannot read", &folder)(error)),
        };
        keys.sort_unstable();
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::super::Entry;
    use super::*;
    use crate::record::Notes;

    #[test]
    fn keys_are_found_by_kind_latest_first_and_made_anew_for_an_early_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let mlp = |alpha: f64| json!({"step": "fit", "parameters": {"mlp": {"alpha": alpha}}});
        let keys: Vec<Digest> = [0.1, 0.2, 0.3]
            .iter()
            .map(|alpha| {
                let key = Digest::of_json(&mlp(*alpha));
                let entry = Entry::new(key, BTreeMap::new(), Notes::default(), 0.0);
                store.put_entry("fit/mlp", &mlp(*alpha), &entry).unwrap();
                key
            })
            .collect();
        assert_eq!(store.alike(&mlp(0.4), 2), [keys[2], keys[1]]);
        assert_eq!(store.alike(&json!({"step": "fit", "parameters": {"knn": {}}}), 2), []);
        store.forget_kinds(&BTreeSet::from([keys[2]])).unwrap();
        assert_eq!(store.alike(&mlp(0.4), 9), [keys[1], keys[0]]);
        fs::remove_dir_all(folder.path().join(".store/kinds")).unwrap();
        let again = Store::open(folder.path(), None).unwrap();
        assert_eq!(again.alike(&mlp(0.4), 9).len(), 3);
        assert_eq!(kind(&json!({"step": "balance", "parameters": {"../x": 1}})), "balance");
    }
}
