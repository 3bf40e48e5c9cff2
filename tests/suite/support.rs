//! The built `runner` in a place of its own: an empty folder, an empty environment, and text without what differs from
//! run to run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// The crate's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the downloaded data sets: `RUNNER_DATA_DIR`, or `../shared/data` beside the crate. Says why not.
pub fn data_dir(test: &str) -> Option<PathBuf> {
    let wanted = std::env::var_os("RUNNER_DATA_DIR").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let there = wanted.join("tii-ssrc-23-sample").is_dir() && wanted.join("published-arrays").is_dir();
    if !there {
        eprintln!("{test}: passed over, because the data sets are not in {} (see docs/data.md)", wanted.display());
    }
    there.then_some(wanted)
}

/// Says why a test did nothing.
pub fn passed_over(why: &str) {
    eprintln!("passed over: {why}");
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// The same, after a look at the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in:\n{}", self.stdout))
    }

    /// Standard output as lines of JSON: the events of a run.
    #[track_caller]
    pub fn events(&self) -> Vec<Json> {
        self.stdout.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e} in:\n{l}"))).collect()
    }
}

/// A folder to run commands in, gone at the end of the test.
#[derive(Debug)]
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; folders are made.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Copies a file or folder of the crate to the same path here.
    pub fn copy(&self, name: &str) {
        copy(&root().join(name), &self.path(name));
    }

    /// `runner` with these arguments, here, with nothing in its environment but `PATH`, a fixed width and time zone.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([("COLUMNS", "100"), ("TERM", "dumb"), ("TZ", "UTC")]);
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        self.run_with(args, &[])
    }

    /// With more of an environment.
    pub fn run_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Done {
        let out = self.command(args).envs(environment.iter().copied()).output().unwrap();
        Done {
            code: out.status.code(),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// Starts a command and leaves it running; its output is thrown away.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The folders of the runs, oldest first.
    pub fn runs(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(items) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut out: Vec<PathBuf> =
            items.map(|i| i.unwrap().path()).filter(|p| p.join("events.jsonl").is_file()).collect();
        out.sort();
        out
    }

    /// The folder of the run that began last.
    pub fn latest(&self, folder: &str) -> Option<PathBuf> {
        let began = |run: &PathBuf| -> String {
            let text = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
            let line: Json = serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap_or_default();
            line["event"]["run_started"]["at"].as_str().unwrap_or_default().to_owned()
        };
        self.runs(folder).into_iter().max_by_key(began)
    }

    /// The record of the only run in `folder`.
    #[track_caller]
    pub fn record(&self, folder: &str) -> Json {
        let runs = self.runs(folder);
        assert_eq!(runs.len(), 1, "{runs:?}");
        serde_json::from_slice(&fs::read(runs[0].join("record.json")).unwrap()).unwrap()
    }

    /// Text without run ids, seconds and this folder's path.
    pub fn redact(&self, text: &str) -> String {
        let here = self.folder.path().to_string_lossy().into_owned();
        redact(&text.replace(&here, "<here>"))
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for item in fs::read_dir(from).unwrap() {
            let item = item.unwrap();
            copy(&item.path(), &to.join(item.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// `20261122-141530-baseline-3f9c2a` becomes `<run>`, ` 1.25 s` becomes `<seconds>`, and the list of the slowest
/// steps, whose order is a matter of luck, `<steps>`.
pub fn redact(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |l| (l, "\n"));
        let line = match line.split_once("slowest: ") {
            Some((before, _)) => format!("{before}slowest: <steps>"),
            None => line.to_owned(),
        };
        out.push_str(&seconds(&run_ids(&line)));
        out.push_str(end);
    }
    out
}

fn run_ids(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let id: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let parts: Vec<&str> = id.split('-').collect();
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        if parts.len() >= 4 && digits(parts[0], 8) && digits(parts[1], 6) {
            out.push_str("<run>");
            rest = &rest[id.len()..];
        } else {
            let taken = id.len().max(c.len_utf8());
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
    }
    out
}

fn seconds(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut out: Vec<&str> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let is_time = word.contains('.') && word.parse::<f64>().is_ok() && words.get(i + 1) == Some(&"s");
        out.push(if is_time { "<seconds>" } else { word });
    }
    out.join(" ")
}

/// Compares with a file that is kept beside the tests; `UPDATE_SNAPSHOTS=1` writes it anew. `None` where they agree.
pub fn differs(file: &Path, got: &str) -> Option<String> {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, got).unwrap();
        return None;
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    (kept != got).then(|| {
        format!(
            "{} differs; read what is new, then UPDATE_SNAPSHOTS=1 writes it\n--- kept\n{kept}\n--- now\n{got}",
            file.display()
        )
    })
}

/// Compares with `tests/suite/snapshots/<name>`.
#[track_caller]
pub fn snapshot(name: &str, got: &str) {
    if let Some(difference) = differs(&root().join("tests/suite/snapshots").join(name), got) {
        panic!("{difference}");
    }
}

/// Waits until a run in `folder` has an event that holds this text.
#[track_caller]
pub fn wait_for_event(place: &Place, folder: &str, text: &str) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        for run in place.runs(folder) {
            if fs::read_to_string(run.join("events.jsonl")).is_ok_and(|events| events.contains(text)) {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no event with {text:?} within a minute");
}

/// Sends a signal by its name, and gives the exit code of the process.
pub fn signal(mut child: Child, name: &str) -> Option<i32> {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

/// The names of the steps that the events say were done in this way: `computed` or `stored`.
pub fn steps(events: &[Json], how: &str) -> Vec<String> {
    let mut out: Vec<String> = events
        .iter()
        .filter_map(|line| line["event"].get("step_finished"))
        .filter(|finished| finished["how"] == how)
        .map(|finished| finished["step"].as_str().unwrap().to_owned())
        .collect();
    out.sort();
    out
}

/// A zip archive of stored (not compressed) members, such as `numpy.savez` writes.
pub fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, bytes) in members {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        common.extend(crc32(bytes).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.write_all(b"PK\x03\x04").unwrap();
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let offset = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// A NumPy file of this type (`<f8`, `<i8`), shape and bytes.
pub fn npy(dtype: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(bytes);
    out
}

#[test]
fn redaction_takes_ids_and_seconds_and_leaves_the_rest() {
    let text = "run 20261122-141530-base-line-3f9c2a\n0.10 s · 3 steps run, 1.5 kept · slowest: fit/a 0.90 s\n1-2";
    assert_eq!(redact(text), "run <run>\n<seconds> s · 3 steps run, 1.5 kept · slowest: <steps>\n1-2");
}
