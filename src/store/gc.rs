//! Cleaning up: what no run refers to goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::Deserialize;

use super::runs::run_ids;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::record::{Event, RECORD_FORMAT};

/// Which runs of this folder count. A run that fits one of the two counts; without any all do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The latest so many.
    pub last: Option<usize>,
    /// Those that ended less than this ago.
    pub younger_than: Option<Duration>,
}

/// What a clean-up removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Freed {
    /// Step results, and bytes of their entries and recipes.
    pub steps: usize,
    /// Bytes of entries and recipes.
    pub step_bytes: u64,
    /// Objects.
    pub objects: usize,
    /// Bytes of objects.
    pub object_bytes: u64,
    /// Damaged objects that lay in quarantine.
    pub quarantined: usize,
    /// Bytes of them.
    pub quarantined_bytes: u64,
    /// Step results that stay.
    pub kept_steps: usize,
    /// Objects that stay.
    pub kept_objects: usize,
    /// Runs whose results stay.
    pub runs: usize,
    /// Runs of this folder whose results go.
    pub runs_passed_over: usize,
    /// Folders of runs that once used the store and are not there any more.
    pub users_gone: Vec<PathBuf>,
}

/// What a run refers to.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    pub(super) keys: Vec<Digest>,
    pub(super) objects: Vec<Digest>,
    /// Those of the keys whose objects it does not name: the run was stopped before it had them.
    open: Vec<Digest>,
}

/// The part of a record that tells what it refers to.
#[derive(Deserialize)]
struct Brief {
    format: u64,
    steps: Vec<BriefStep>,
}

#[derive(Deserialize)]
struct BriefStep {
    key: Digest,
    outputs: Vec<(String, Digest)>,
}

impl Store {
    /// Notes that this folder of runs refers to the store, so that a clean-up from another folder knows.
    pub(super) fn register_user(&self) -> Result<(), StoreError> {
        let runs = fs::canonicalize(&self.runs).map_err(StoreError::io("cannot read", &self.runs))?;
        let text = runs.to_string_lossy().into_owned();
        let path = self.root.join("users").join(Digest::of(text.as_bytes()).short(32));
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        self.write_whole(&path, text.as_bytes())
    }

    /// Other folders of runs that refer to the store: those that are there, and those that are not.
    fn other_users(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let own = fs::canonicalize(&self.runs).unwrap_or_else(|_| self.runs.clone());
        let mut users: Vec<PathBuf> = fs::read_dir(self.root.join("users"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|item| fs::read_to_string(item.path()).ok())
            .map(PathBuf::from)
            .filter(|user| *user != own)
            .collect();
        users.sort();
        users.into_iter().partition(|user| user.is_dir())
    }

    /// What a run in a folder refers to: by its record, or by its events where it has none.
    pub(super) fn references(&self, runs: &Path, id: &str) -> Result<References, StoreError> {
        let path = runs.join(id).join("record.json");
        if let Ok(bytes) = fs::read(&path)
            && let Ok(brief) = serde_json::from_slice::<Brief>(&bytes)
        {
            if brief.format > RECORD_FORMAT {
                return Err(StoreError::Newer { path, found: brief.format, known: RECORD_FORMAT });
            }
            let mut all = References::default();
            for step in brief.steps {
                all.keys.push(step.key);
                if step.outputs.is_empty() {
                    all.open.push(step.key);
                }
                all.objects.extend(step.outputs.into_iter().map(|(_, digest)| digest));
            }
            return Ok(all);
        }
        let other = Store::look(runs, Some(&self.root))?;
        let mut all = References::default();
        for line in other.trace(id)?.lines {
            match line.event {
                Event::Planned { steps } => all.keys.extend(steps.iter().map(|s| s.key)),
                Event::StepFinished { outputs, .. } => all.objects.extend(outputs.into_iter().map(|(_, d)| d)),
                _ => {}
            }
        }
        all.open.clone_from(&all.keys);
        Ok(all)
    }

    /// The runs that count, as (folder, id), and how many of this folder do not.
    fn counted(&self, keep: Keep, users: &[PathBuf]) -> Result<(Vec<(PathBuf, String)>, usize), StoreError> {
        let own = if self.runs.is_dir() { run_ids(&self.runs)? } else { Vec::new() };
        let from_last = keep.last.map_or(0, |n| own.len().saturating_sub(n));
        let counts = |index: usize, id: &str| match (keep.last, keep.younger_than) {
            (None, None) => true,
            (last, age) => {
                let young = age.is_some_and(|age| {
                    let changed = fs::metadata(self.runs.join(id).join("events.jsonl")).and_then(|m| m.modified());
                    changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|old| old < age))
                });
                young || (last.is_some() && index >= from_last)
            }
        };
        let kept: Vec<_> = own
            .iter()
            .enumerate()
            .filter(|(index, id)| counts(*index, id))
            .map(|(_, id)| (self.runs.clone(), id.clone()))
            .collect();
        let passed_over = own.len() - kept.len();
        let mut all = kept;
        for user in users {
            all.extend(run_ids(user)?.into_iter().map(|id| (user.clone(), id)));
        }
        Ok((all, passed_over))
    }

    /// Removes all step results and objects that no run refers to. Run folders stay: they hold copies of their files.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while a run is going on (not for a dry run); [`StoreError::Newer`] for a run that this
    /// program cannot read, since it may refer to anything; [`StoreError::Io`].
    pub fn gc(&self, keep: Keep, dry_run: bool) -> Result<Freed, StoreError> {
        let alone = if dry_run { None } else { Some(self.alone()?) };
        let (users, users_gone) = self.other_users();
        let (runs, runs_passed_over) = self.counted(keep, &users)?;
        let references: Vec<References> =
            runs.par_iter().map(|(folder, id)| self.references(folder, id)).collect::<Result<_, _>>()?;
        let mut keys: Vec<Digest> = references.iter().flat_map(|r| r.keys.iter().copied()).collect();
        let mut open: Vec<Digest> = references.iter().flat_map(|r| r.open.iter().copied()).collect();
        let mut objects: Vec<Digest> = references.into_iter().flat_map(|r| r.objects).collect();
        open.par_sort_unstable();
        open.dedup();
        keys.par_sort_unstable();
        keys.dedup();
        objects.par_sort_unstable();
        objects.dedup();

        let all_keys = self.keys()?;
        let (kept, dead): (Vec<Digest>, Vec<Digest>) = all_keys.iter().partition(|k| keys.binary_search(k).is_ok());
        // A run that was stopped may have results that its record does not name: their entries do.
        let named: Vec<Digest> = open
            .par_iter()
            .filter_map(|key| self.written(key).ok().flatten()?.ok())
            .flat_map_iter(|entry| entry.outputs.into_values().map(|o| o.digest).collect::<Vec<_>>())
            .collect();
        objects.extend(named);
        objects.par_sort_unstable();
        objects.dedup();

        let mut freed = Freed {
            steps: dead.len(),
            kept_steps: kept.len(),
            runs: runs.len(),
            runs_passed_over,
            users_gone,
            ..Freed::default()
        };
        let size = |path: &Path| fs::metadata(path).map_or(0, |m| m.len());
        freed.step_bytes = dead
            .par_iter()
            .map(|key| {
                let folder = self.step_folder(key);
                size(&folder.join("recipe.json")) + size(&folder.join("entry.json"))
            })
            .sum();
        let all_objects = self.objects()?;
        let dead_objects: Vec<&PathBuf> = all_objects
            .iter()
            .filter(|(digest, _)| digest.is_none_or(|d| objects.binary_search(&d).is_err()))
            .map(|(_, path)| path)
            .collect();
        freed.objects = dead_objects.len();
        freed.kept_objects = all_objects.len() - dead_objects.len();
        freed.object_bytes = dead_objects.par_iter().map(|path| size(path)).sum();
        let quarantine = self.root.join("quarantine");
        for item in fs::read_dir(&quarantine).into_iter().flatten().flatten() {
            freed.quarantined += 1;
            freed.quarantined_bytes += size(&item.path());
        }
        if alone.is_none() {
            return Ok(freed);
        }
        // Entries before their objects: a clean-up that is killed leaves no entry that points nowhere.
        let io = |path: &Path| StoreError::io("cannot remove", path);
        for key in &dead {
            let folder = self.step_folder(key);
            match fs::remove_file(folder.join("entry.json")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&folder)(error)),
                _ => {}
            }
            fs::remove_dir_all(&folder).map_err(io(&folder))?;
        }
        self.forget_kinds(&dead.into_iter().collect())?;
        for path in dead_objects {
            fs::remove_file(path).map_err(io(path))?;
        }
        let _ = fs::remove_dir_all(&quarantine);
        for user in &freed.users_gone {
            let name = Digest::of(user.to_string_lossy().as_bytes()).short(32);
            let _ = fs::remove_file(self.root.join("users").join(name));
        }
        Ok(freed)
    }

    /// Every file among the objects, with the digest that its name says, if it says one.
    pub(super) fn objects(&self) -> Result<Vec<(Option<Digest>, PathBuf)>, StoreError> {
        let root = self.root.join("objects");
        let mut out = Vec::new();
        let folders = match fs::read_dir(&root) {
            Ok(items) => items,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(out),
            Err(error) => return Err(StoreError::io("cannot read", &root)(error)),
        };
        for folder in folders.flatten() {
            let first = folder.file_name().to_string_lossy().into_owned();
            let Ok(items) = fs::read_dir(folder.path()) else {
                out.push((None, folder.path()));
                continue;
            };
            for item in items.flatten() {
                let name = format!("{first}{}", item.file_name().to_string_lossy());
                out.push((Digest::parse(&name), item.path()));
            }
        }
        out.sort();
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::Entry;
    use super::*;
    use crate::record::{How, Line, Notes, PlannedStep};

    /// A run that refers to a step with one object of these bytes.
    fn run(store: &Store, id: &str, bytes: &[u8]) -> Digest {
        let recipe = json!({"step": "fit", "of": id});
        let key = Digest::of_json(&recipe);
        let stored = store.put(bytes).unwrap();
        let entry = Entry::new(key, BTreeMap::from([("out".to_owned(), stored)]), Notes::default(), 1.0);
        store.put_entry("fit/x", &recipe, &entry).unwrap();
        let mut folder = store.register(id).unwrap();
        let planned = Event::Planned { steps: vec![PlannedStep { step: "fit/x".into(), kind: "fit".into(), key }] };
        let finished = Event::StepFinished {
            step: "fit/x".into(),
            how: How::Computed,
            seconds: 1.0,
            outputs: vec![("out".into(), stored.digest)],
            notes: Notes::default(),
        };
        for event in [planned, finished] {
            folder.append_event(&serde_json::to_string(&Line { v: 1, t: 0.0, event }).unwrap()).unwrap();
        }
        key
    }

    #[test]
    fn what_no_run_refers_to_goes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (folder.path().join("mine"), folder.path().join("other"));
        let shared = folder.path().join("store");
        let a = Store::open(&mine, Some(&shared)).unwrap();
        let b = Store::open(&other, Some(&shared)).unwrap();
        let (first, second) = (run(&a, "20260101-000000-a-aaaaaa", b"1"), run(&a, "20260102-000000-a-bbbbbb", b"two"));
        let third = run(&b, "20260101-000000-c-cccccc", b"3");
        a.put(b"loose").unwrap();
        assert!(matches!(a.gc(Keep::default(), false), Err(StoreError::Busy { .. })));
        drop(b);
        let only_loose = a.gc(Keep::default(), true).unwrap();
        assert_eq!((only_loose.steps, only_loose.objects, only_loose.object_bytes), (0, 1, 5));
        assert_eq!((only_loose.kept_steps, only_loose.runs), (3, 3));

        let keep = Keep { last: Some(1), younger_than: None };
        let dry = a.gc(keep, true).unwrap();
        assert_eq!((dry.steps, dry.objects, dry.runs_passed_over), (1, 2, 1));
        assert!(a.entry(&first).unwrap().is_some(), "a dry run removes nothing");
        assert_eq!(a.gc(keep, false).unwrap(), dry);
        assert_eq!(a.entry(&first).unwrap(), None);
        assert!(a.entry(&second).unwrap().is_some() && a.entry(&third).unwrap().is_some());
        assert!(mine.join("20260101-000000-a-aaaaaa").is_dir(), "its folder stays");
        assert_eq!(a.gc(keep, false).unwrap().objects, 0);

        let young = Keep { last: None, younger_than: Some(Duration::from_secs(3600)) };
        assert_eq!(a.gc(young, true).unwrap().steps, 0);
        // The other folder goes, and with it what only it referred to.
        fs::remove_dir_all(&other).unwrap();
        let freed = a.gc(Keep::default(), false).unwrap();
        assert_eq!((freed.steps, freed.users_gone.len()), (1, 1));
        assert_eq!(a.entry(&third).unwrap(), None);
    }

    #[test]
    fn a_run_of_a_newer_program_stops_the_clean_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let key = run(&store, "20260101-000000-a-aaaaaa", b"1");
        let newer = json!({"format": RECORD_FORMAT + 1, "steps": []}).to_string();
        fs::write(folder.path().join("20260101-000000-a-aaaaaa/record.json"), newer).unwrap();
        assert!(matches!(store.gc(Keep::default(), false), Err(StoreError::Newer { .. })));
        assert!(store.entry(&key).unwrap().is_some());
    }
}
