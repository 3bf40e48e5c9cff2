//! Looking over the whole store: every byte of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;

use rayon::prelude::*;

use super::{Store, StoreError};
use crate::digest::Digest;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What was looked over.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Step results.
    pub steps: usize,
    /// Objects.
    pub objects: usize,
    /// Bytes of objects, all of them read.
    pub bytes: u64,
    /// Objects that no step result names: a stopped run leaves some. `gc` removes them.
    pub loose: usize,
    /// Steps with a recipe and no result: a stopped run leaves some.
    pub unfinished: usize,
    /// Files in `tmp` and `locks` that belong to nobody; the next writer removes them.
    pub left: usize,
    /// Damaged objects that were moved aside.
    pub quarantined: usize,
    /// What is wrong. Sorted by path.
    pub findings: Vec<Finding>,
    /// Whether what is wrong was put out of the way.
    pub repaired: bool,
}

/// What is wrong with one step: nothing, or what; and the objects that it names.
struct Step {
    key: Digest,
    problems: Vec<String>,
    unfinished: bool,
    outputs: Vec<Digest>,
}

impl Store {
    /// Reads all recipes, entries and objects, and compares each with its name. With `repair` whatever is wrong is put
    /// out of the way: damaged objects into quarantine, results that lack one are forgotten, so both are made anew.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while a run is going on (only with `repair`); [`StoreError::Io`].
    pub fn fsck(&self, repair: bool) -> Result<Checked, StoreError> {
        let alone = if repair { Some(self.alone()?) } else { None };
        let mut checked = Checked::default();
        let objects = self.objects()?;
        checked.objects = objects.len();
        let read: Vec<(u64, Option<String>)> = objects
            .par_iter()
            .map(|(named, path)| match (named, File::open(path).and_then(Digest::of_reader)) {
                (_, Err(error)) => (0, Some(format!("cannot be read: {error}"))),
                (None, Ok((_, bytes))) => (bytes, Some("its name is no digest".into())),
                (Some(named), Ok((found, bytes))) if found != *named => {
                    (bytes, Some(format!("is damaged: its {bytes} bytes have the digest {found}")))
                }
                (Some(_), Ok((_, bytes))) => (bytes, None),
            })
            .collect();
        let mut good = BTreeSet::new();
        for ((named, path), (bytes, problem)) in objects.iter().zip(read) {
            checked.bytes += bytes;
            match (problem, named) {
                (Some(problem), _) => {
                    if repair {
                        let aside = self.root.join("quarantine");
                        let _ = fs::create_dir_all(&aside);
                        let name = named.map_or_else(|| "unnamed".to_owned(), |d| d.to_string());
                        fs::rename(path, aside.join(name)).map_err(StoreError::io("cannot move", path))?;
                    }
                    checked.findings.push(Finding { path: path.clone(), problem });
                }
                (None, Some(named)) => drop(good.insert(*named)),
                (None, None) => {}
            }
        }
        let keys = self.keys()?;
        let steps: Vec<Step> = keys.par_iter().map(|key| self.check_step(*key, &good)).collect::<Result<_, _>>()?;
        let mut named = BTreeSet::new();
        for step in steps {
            named.extend(step.outputs);
            checked.unfinished += usize::from(step.unfinished);
            checked.steps += usize::from(!step.unfinished);
            let path = self.step_folder(&step.key);
            if repair && !step.problems.is_empty() {
                let _ = fs::remove_file(path.join("entry.json"));
                fs::remove_dir_all(&path).map_err(StoreError::io("cannot remove", &path))?;
            }
            checked.findings.extend(step.problems.into_iter().map(|problem| Finding { path: path.clone(), problem }));
        }
        checked.loose = good.iter().filter(|digest| !named.contains(digest)).count();
        for item in fs::read_dir(self.root.join("steps")).into_iter().flatten().flatten() {
            if Digest::parse(&item.file_name().to_string_lossy()).is_none() {
                checked.findings.push(Finding { path: item.path(), problem: "its name is no key".into() });
            }
        }
        let count = |name: &str| fs::read_dir(self.root.join(name)).into_iter().flatten().flatten().count();
        checked.left = count("tmp") + count("locks");
        checked.quarantined = count("quarantine");
        checked.findings.sort();
        if alone.is_some() {
            let _ = fs::remove_dir_all(self.root.join("kinds"));
            self.make_kinds()?;
            checked.repaired = true;
        }
        Ok(checked)
    }

    fn check_step(&self, key: Digest, good: &BTreeSet<Digest>) -> Result<Step, StoreError> {
        let mut step = Step { key, problems: Vec::new(), unfinished: false, outputs: Vec::new() };
        let entry = match self.written(&key)? {
            // Nothing relies on a step without a result.
            None => {
                step.unfinished = true;
                return Ok(step);
            }
            Some(Err(problem)) => {
                step.problems.push(problem);
                return Ok(step);
            }
            Some(Ok(entry)) => entry,
        };
        match self.recipe(&key) {
            Some(recipe) if Digest::of_json(&recipe) == key => {}
            Some(_) => step.problems.push("its recipe has another key".into()),
            None => step.problems.push("its recipe is gone or cannot be read".into()),
        }
        for (name, output) in entry.outputs {
            step.outputs.push(output.digest);
            if !good.contains(&output.digest) {
                step.problems
                    .push(format!("its {name} points to an object that is gone or damaged: {}", output.digest));
            }
        }
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::Entry;
    use super::*;
    use crate::record::Notes;

    #[test]
    fn damage_of_every_kind_is_found_and_put_out_of_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let keys: Vec<Digest> = (0..5)
            .map(|i| {
                let recipe = json!({"step": "fit", "of": i});
                let key = Digest::of_json(&recipe);
                let outputs = BTreeMap::from([("out".to_owned(), store.put(format!("bytes {i}").as_bytes()).unwrap())]);
                store.put_entry("fit/x", &recipe, &Entry::new(key, outputs, Notes::default(), 0.1)).unwrap();
                key
            })
            .collect();
        store.put(b"loose").unwrap();
        let clean = store.fsck(false).unwrap();
        assert_eq!((clean.steps, clean.objects, clean.loose, clean.findings.len()), (5, 6, 1, 0));

        let object = |i: usize| store.object_path(&store.entry(&keys[i]).unwrap().unwrap().outputs["out"].digest);
        let (flipped, gone) = (object(0), object(1));
        fs::write(&flipped, b"bytes !").unwrap();
        fs::remove_file(gone).unwrap();
        fs::write(store.step_folder(&keys[2]).join("entry.json"), "{").unwrap();
        fs::write(store.step_folder(&keys[3]).join("recipe.json"), "{}").unwrap();
        let found = store.fsck(false).unwrap();
        // The damaged object is found twice: as itself, and by the step that names it.
        assert_eq!(found.findings.len(), 5, "{:#?}", found.findings);
        assert!(flipped.exists(), "looking changes nothing");
        assert_eq!(store.fsck(true).unwrap().findings, found.findings);
        let after = store.fsck(false).unwrap();
        assert_eq!((after.findings.len(), after.steps, after.quarantined), (0, 1, 1), "{:#?}", after.findings);
        assert!(store.entry(&keys[4]).unwrap().is_some());
    }
}
