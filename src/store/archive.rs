//! A run with all that it refers to, as one file: `tar` in `zstd`.
//!
//! ```text
//! runner-export.json        format, run id, how much of each follows
//! objects/ab/cdef…          every object
//! steps/<key>/…             recipe.json and entry.json of every step
//! run/…                     the files of the run folder
//! ```
//!
//! Importing trusts nothing: names must be of these forms, objects must have the digest that they are called, steps
//! must have the key of their recipe, files must be those of the record, and the run folder appears last and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::fault::{self, Point};
use super::{Entry, Store, StoreError, Stored};
use crate::digest::Digest;
use crate::record::RunRecord;

/// The version of the archives that this program writes.
const ARCHIVE_FORMAT: u64 = 1;
const HEAD: &str = "runner-export.json";
/// No recipe, entry or head is longer.
const MOST_TEXT: u64 = 64 << 20;
/// Nor are all of them together.
const MOST_TEXTS: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    format: u64,
    run: String,
    objects: usize,
    steps: usize,
    files: usize,
}

/// What an archive held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The run.
    pub run: String,
    /// Objects in the archive.
    pub objects: usize,
    /// Of them, those that were not in the store.
    pub new_objects: usize,
    /// Steps in the archive.
    pub steps: usize,
    /// Files of the run folder.
    pub files: usize,
}

/// A name in the archive.
enum Name {
    Head,
    Object(Digest),
    Recipe(Digest),
    Entry(Digest),
    File(PathBuf),
}

impl Name {
    fn of(path: &Path) -> Option<Self> {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => parts.push(part.to_str()?),
                _ => return None,
            }
        }
        match parts.as_slice() {
            [HEAD] => Some(Self::Head),
            ["objects", first, rest] => Digest::parse(&format!("{first}{rest}")).map(Self::Object),
            ["steps", key, "recipe.json"] => Digest::parse(key).map(Self::Recipe),
            ["steps", key, "entry.json"] => Digest::parse(key).map(Self::Entry),
            ["run", rest @ ..] if !rest.is_empty() && rest.len() <= 8 => Some(Self::File(rest.iter().collect())),
            _ => None,
        }
    }
}

fn is_run_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 128 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// All files below a folder by their path in it, sorted.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(&next)? {
            let item = item?;
            let kind = item.file_type()?;
            if kind.is_dir() {
                open.push(item.path());
            } else if kind.is_file() {
                out.extend(item.path().strip_prefix(folder).map(Path::to_owned));
            }
        }
    }
    out.sort();
    Ok(out)
}

impl Store {
    /// Writes a run with its steps and objects into one file; what lies there is replaced.
    ///
    /// # Errors
    /// [`StoreError::Lost`] for an object that is gone or damaged, [`StoreError::Archive`] where a result is not
    /// stored any more, [`StoreError::Running`], [`StoreError::Io`].
    pub fn export(&self, id: &str, to: &Path) -> Result<(usize, u64), StoreError> {
        if self.is_running(id) {
            return Err(StoreError::Running(id.to_owned()));
        }
        let folder = self.runs().join(id);
        if !folder.join("record.json").is_file() {
            let problem = format!("run {id} has no record: it did not end by itself; go on with it first");
            return Err(StoreError::Archive { path: folder, problem });
        }
        let references = self.references(self.runs(), id)?;
        let mut objects: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut entries = Vec::new();
        for key in references.keys.iter().collect::<BTreeSet<_>>() {
            // A failed step has none, and no object that the record would name.
            if let Some(Ok(entry)) = self.written(key)? {
                objects.extend(entry.outputs.values().map(|o| (o.digest, o.bytes)));
                entries.push(*key);
            }
        }
        if let Some(lost) = references.objects.iter().find(|digest| !objects.contains_key(digest)) {
            let problem = format!("the result with object {lost} is not in the store any more; run it again first");
            return Err(StoreError::Archive { path: folder, problem });
        }
        let files = files_below(&folder).map_err(StoreError::io("cannot read", &folder))?;
        let head = Head {
            format: ARCHIVE_FORMAT,
            run: id.to_owned(),
            objects: objects.len(),
            steps: entries.len(),
            files: files.len(),
        };
        let aside = to.with_file_name(format!(
            ".{}.{}",
            to.file_name().map_or_else(|| "export".into(), |n| n.to_string_lossy().into_owned()),
            std::process::id()
        ));
        let failed = |error: io::Error| StoreError::io("cannot write", to)(error);
        let write = || -> Result<u64, StoreError> {
            fault::pass(Point::Write).map_err(failed)?;
            let file = File::create(&aside).map_err(failed)?;
            let mut packed = zstd::stream::write::Encoder::new(BufWriter::new(file), 3).map_err(failed)?;
            packed.include_checksum(true).map_err(failed)?;
            let mut tar = tar::Builder::new(packed);
            let mut add = |name: &str, bytes: &[u8]| -> Result<(), StoreError> {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                header.set_mtime(0);
                tar.append_data(&mut header, name, bytes).map_err(failed)
            };
            add(HEAD, &serde_json::to_vec_pretty(&head).unwrap_or_default())?;
            for (digest, bytes) in &objects {
                let hex = digest.to_string();
                let object = self.get(&Stored { digest: *digest, bytes: *bytes })?;
                add(&format!("objects/{}/{}", &hex[..2], &hex[2..]), &object)?;
            }
            for key in &entries {
                for name in ["recipe.json", "entry.json"] {
                    let path = self.step_folder(key).join(name);
                    let bytes = fs::read(&path).map_err(StoreError::io("cannot read", &path))?;
                    add(&format!("steps/{key}/{name}"), &bytes)?;
                }
            }
            for file in &files {
                let path = folder.join(file);
                let bytes = fs::read(&path).map_err(StoreError::io("cannot read", &path))?;
                add(&format!("run/{}", file.to_string_lossy().replace('\\', "/")), &bytes)?;
            }
            let packed = tar.into_inner().map_err(failed)?;
            let mut file = packed.finish().map_err(failed)?;
            file.flush().map_err(failed)?;
            let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
            file.sync_data().map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            fs::rename(&aside, to).map_err(failed)?;
            Ok(bytes)
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        Ok((objects.len(), written?))
    }

    /// Reads an archive into the store and the folder of runs. Nothing is left of one that is not whole, but objects
    /// that have the digest they are called.
    ///
    /// # Errors
    /// [`StoreError::Archive`] with what is wrong, [`StoreError::Newer`], [`StoreError::Nondeterministic`] where a
    /// step has another result here, [`StoreError::Io`].
    pub fn import(&self, from: &Path) -> Result<Imported, StoreError> {
        let aside = self.temporary();
        fs::create_dir_all(&aside).map_err(StoreError::io("cannot make the folder", &aside))?;
        let done = self.import_by_way_of(from, &aside);
        let _ = fs::remove_dir_all(&aside);
        done
    }

    fn import_by_way_of(&self, from: &Path, aside: &Path) -> Result<Imported, StoreError> {
        let wrong = |problem: String| StoreError::Archive { path: from.to_owned(), problem };
        let broken = |error: io::Error| wrong(format!("it is no whole archive of a run: {error}"));
        let copying = |error: Copying, to: &Path| match error {
            Copying::From(error) => broken(error),
            Copying::To(error) => StoreError::io("cannot write", to)(error),
        };
        let file = File::open(from).map_err(StoreError::io("cannot read", from))?;
        let unpacked = zstd::stream::read::Decoder::new(file).map_err(broken)?;
        let mut tar = tar::Archive::new(unpacked);
        let mut head: Option<Head> = None;
        let (mut objects, mut new_objects) = (BTreeSet::new(), 0);
        let mut texts: BTreeMap<(Digest, bool), Json> = BTreeMap::new();
        let mut texts_bytes = 0;
        let mut files: BTreeMap<PathBuf, Digest> = BTreeMap::new();
        for item in tar.entries().map_err(broken)? {
            let mut item = item.map_err(broken)?;
            let path = item.path().map_err(broken)?.into_owned();
            let named = Name::of(&path).filter(|_| item.header().entry_type().is_file());
            let named =
                named.ok_or_else(|| wrong(format!("{} has no place in an archive of a run", path.display())))?;
            let text = |item: &mut dyn Read, total: &mut u64| -> Result<Json, StoreError> {
                let mut bytes = Vec::new();
                let read = item.take(MOST_TEXT + 1).read_to_end(&mut bytes).map_err(broken)? as u64;
                *total += read;
                if read > MOST_TEXT || *total > MOST_TEXTS {
                    return Err(wrong(format!("{} is too long", path.display())));
                }
                serde_json::from_slice(&bytes).map_err(|e| wrong(format!("{} is no JSON: {e}", path.display())))
            };
            if head.is_none() && !matches!(named, Name::Head) {
                return Err(wrong(format!("it is no archive of a run: it begins with {}", path.display())));
            }
            match named {
                Name::Head => head = Some(self.head(text(&mut item, &mut texts_bytes)?, from)?),
                Name::Object(digest) => {
                    let temporary = aside.join("object");
                    let found = copy(&mut item, &temporary).map_err(|e| copying(e, &temporary))?;
                    if found != digest {
                        return Err(wrong(format!("object {digest} is damaged: its digest is {found}")));
                    }
                    let place = self.object_path(&digest);
                    if !File::open(&place).and_then(Digest::of_reader).is_ok_and(|(there, _)| there == digest) {
                        let io = StoreError::io("cannot write", &place);
                        let parent = place.parent().unwrap_or(&self.root);
                        fs::create_dir_all(parent).and_then(|()| fs::rename(&temporary, &place)).map_err(io)?;
                        new_objects += 1;
                    }
                    objects.insert(digest);
                }
                Name::Recipe(key) => drop(texts.insert((key, false), text(&mut item, &mut texts_bytes)?)),
                Name::Entry(key) => drop(texts.insert((key, true), text(&mut item, &mut texts_bytes)?)),
                Name::File(name) => {
                    let place = aside.join("run").join(&name);
                    let io = |error| StoreError::io("cannot write", &place)(error);
                    fs::create_dir_all(place.parent().unwrap_or(aside)).map_err(io)?;
                    files.insert(name, copy(&mut item, &place).map_err(|e| copying(e, &place))?);
                }
            }
        }
        // To the very end: there is the checksum of all that was read.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(broken)?;
        let head = head.ok_or_else(|| wrong("it is empty".into()))?;
        let counts = (objects.len(), texts.len(), files.len());
        if counts != (head.objects, 2 * head.steps, head.files) {
            return Err(wrong(format!(
                "it is cut off: it has {} of {} objects, {} of {} steps and {} of {} files",
                counts.0,
                head.objects,
                counts.1 / 2,
                head.steps,
                counts.2,
                head.files
            )));
        }
        self.check_run(&aside.join("run"), &head.run, &files).map_err(wrong)?;
        let place = self.runs().join(&head.run);
        if place.exists() {
            return Err(wrong(format!("run {} is here already", head.run)));
        }
        for ((key, is_entry), json) in &texts {
            let recipe = texts.get(&(*key, false)).ok_or_else(|| wrong(format!("step {key} has no recipe")))?;
            if !is_entry {
                continue;
            }
            if Digest::of_json(recipe) != *key {
                return Err(wrong(format!("the recipe of step {key} has another key")));
            }
            let entry: Entry = super::entry::read(json.clone(), key).map_err(|e| wrong(format!("step {key}: {e}")))?;
            if let Some(lacking) = entry.outputs.values().find(|o| !objects.contains(&o.digest)) {
                return Err(wrong(format!("step {key} names object {}, which is not in it", lacking.digest)));
            }
            self.put_entry(&key.short(12), recipe, &entry)?;
        }
        let io = StoreError::io("cannot write", &place);
        fault::pass(Point::Write).and_then(|()| fs::rename(aside.join("run"), &place)).map_err(io)?;
        Ok(Imported { run: head.run, objects: head.objects, new_objects, steps: head.steps, files: head.files })
    }

    fn head(&self, json: Json, from: &Path) -> Result<Head, StoreError> {
        let wrong = |problem: String| StoreError::Archive { path: from.to_owned(), problem };
        if let Some(found) = json.get("format").and_then(Json::as_u64).filter(|f| *f > ARCHIVE_FORMAT) {
            return Err(StoreError::Newer { path: from.to_owned(), found, known: ARCHIVE_FORMAT });
        }
        let head: Head = serde_json::from_value(json).map_err(|e| wrong(format!("{HEAD}: {e}")))?;
        if is_run_id(&head.run) { Ok(head) } else { Err(wrong(format!("{:?} is no run id", head.run))) }
    }

    /// Whether the files of an unpacked run are those that its record names.
    fn check_run(&self, folder: &Path, id: &str, files: &BTreeMap<PathBuf, Digest>) -> Result<(), String> {
        let bytes = fs::read(folder.join("record.json")).map_err(|e| format!("its record: {e}"))?;
        let record = RunRecord::from_json(&bytes)?;
        if record.volatile.run != id {
            return Err(format!("its record is that of run {:?}", record.volatile.run));
        }
        if !files.contains_key(Path::new("events.jsonl")) {
            return Err("it has no events.jsonl".into());
        }
        for (path, digest, _) in &record.files {
            if files.get(Path::new(path)) != Some(digest) {
                return Err(format!("{path} is not what its record says"));
            }
        }
        Ok(())
    }
}

/// What went wrong while bytes were copied.
enum Copying {
    /// Reading them.
    From(io::Error),
    /// Writing them.
    To(io::Error),
}

/// Writes all that `from` gives into a file, and gives its digest.
fn copy(from: &mut impl Read, to: &Path) -> Result<Digest, Copying> {
    struct Both<'a, R> {
        from: &'a mut R,
        to: File,
        refused: Option<io::Error>,
    }
    impl<R: Read> Read for Both<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.from.read(buffer)?;
            if let Err(error) = self.to.write_all(&buffer[..n]) {
                self.refused = Some(error);
                return Ok(0);
            }
            Ok(n)
        }
    }
    let to = fault::pass(Point::Write).and_then(|()| File::create(to)).map_err(Copying::To)?;
    let mut both = Both { from, to, refused: None };
    let (digest, _) = Digest::of_reader(&mut both).map_err(Copying::From)?;
    match both.refused {
        Some(error) => Err(Copying::To(error)),
        None => both.to.sync_data().map(|()| digest).map_err(Copying::To),
    }
}
