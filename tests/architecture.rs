//! The rooms of `src/` against the table in `docs/architecture.md`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

/// The rooms of the table in its order, each with those that it may use.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let page = read(&root().join("docs/architecture.md"));
    let mut rows = Vec::new();
    for line in page.lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "expected three cells: {line}");
        let may_use = cells[2].split(',').map(str::trim).filter(|r| !matches!(*r, "" | "–")).map(str::to_owned);
        rows.push((cells[0].trim_matches('`').to_owned(), may_use.collect()));
    }
    assert!(!rows.is_empty(), "docs/architecture.md has no table of rooms");
    rows
}

/// The room of a file below `src/`; `main` and `lib` are none.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "main" | "lib")).then(|| name.to_owned())
}

/// The code of a file without comments. Cuts at `//` outside of text, which is all that paths need.
fn code(path: &Path) -> String {
    let mut out = String::new();
    for line in read(path).lines() {
        let mut quoted = false;
        let mut end = line.len();
        let bytes = line.as_bytes();
        for i in 0..bytes.len() {
            match bytes[i] {
                b'"' if i == 0 || bytes[i - 1] != b'\\' => quoted = !quoted,
                b'/' if !quoted && bytes.get(i + 1) == Some(&b'/') => {
                    end = i;
                    break;
                }
                _ => {}
            }
        }
        out.push_str(&line[..end]);
        out.push('\n');
    }
    out
}

/// The first names after `crate::`, alone or in braces.
fn used(code: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let word = |s: &str| s.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    for (at, _) in code.match_indices("crate::") {
        let rest = code[at + "crate::".len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else {
            out.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if c.is_whitespace() => {}
                _ if begins => {
                    out.insert(word(&group[i..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    out.remove("");
    out
}

/// Every arrow of the code, each with a file that draws it.
fn arrows(rooms: &BTreeSet<String>) -> BTreeMap<(String, String), PathBuf> {
    let mut out = BTreeMap::new();
    for path in files(&root().join("src")) {
        let Some(from) = room(&path) else { continue };
        for to in used(&code(&path)) {
            if to != from && rooms.contains(&to) {
                out.insert((from.clone(), to), path.clone());
            }
        }
    }
    out
}

#[test]
fn the_table_and_the_modules_name_the_same_rooms() {
    let listed: BTreeSet<String> = table().into_iter().map(|(name, _)| name).collect();
    let there: BTreeSet<String> = files(&root().join("src")).iter().filter_map(|p| room(p)).collect();
    assert_eq!(there, listed, "docs/architecture.md and src/ have different rooms");
    let lib = read(&root().join("src/lib.rs"));
    for name in &there {
        assert!(lib.contains(&format!("pub mod {name};")), "src/lib.rs does not name the room {name}");
    }
}

#[test]
fn the_table_points_down() {
    let rows = table();
    for (i, (name, may_use)) in rows.iter().enumerate() {
        for other in may_use {
            let at = rows.iter().position(|(n, _)| n == other);
            assert!(at.is_some_and(|at| at > i), "{name} may use {other}, which is no room below it");
        }
    }
}

#[test]
fn the_code_draws_only_the_arrows_of_the_table() {
    let rows = table();
    let rooms: BTreeSet<String> = rows.iter().map(|(n, _)| n.clone()).collect();
    let wrong: Vec<String> = arrows(&rooms)
        .into_iter()
        .filter(|((from, to), _)| !rows.iter().any(|(name, may_use)| name == from && may_use.contains(to)))
        .map(|((from, to), path)| format!("{from} uses {to} in {}", path.display()))
        .collect();
    assert!(wrong.is_empty(), "not in docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_rooms_form_no_circle() {
    let rooms: BTreeSet<String> = table().into_iter().map(|(name, _)| name).collect();
    let arrows = arrows(&rooms);
    let mut left = rooms;
    // Rooms that use no room that is left go first; a circle is what remains.
    while let Some(free) =
        left.iter().find(|room| !arrows.keys().any(|(from, to)| from == *room && left.contains(to))).cloned()
    {
        left.remove(&free);
    }
    assert!(left.is_empty(), "a circle among {left:?}");
}

#[test]
fn main_knows_cli_only() {
    let main = code(&root().join("src/main.rs"));
    let wrong: Vec<&str> = main.match_indices("runner::").map(|(at, _)| &main[at..]).collect();
    assert!(wrong.iter().all(|rest| rest.starts_with("runner::cli::")), "src/main.rs uses more than cli:\n{main}");
}

#[test]
fn no_room_is_a_drawer() {
    for path in files(&root().join("src")) {
        let inside = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().into_owned();
        for part in inside.split(['/', '.', '_']) {
            let drawer = ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];
            assert!(!drawer.contains(&part), "src/{inside}: name it by its subject, not {part}");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = files(&root().join("src"))
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split by subject what is over {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_of_the_suite_is_run() {
    let suite = root().join("tests/suite");
    let main = read(&suite.join("main.rs"));
    for item in fs::read_dir(&suite).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_module = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").is_file();
        if is_module && name != "main" {
            let named = main.lines().any(|l| l.trim() == format!("mod {name};"));
            assert!(named, "tests/suite/main.rs has no `mod {name};`, so its tests never run");
        }
    }
}

#[test]
fn paths_are_read_alone_in_braces_and_not_from_comments() {
    let names = |code: &str| used(code).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::ml::{A, B};\nfn f() -> crate::digest::Digest {}"), "digest ml");
    assert_eq!(names("use crate::{plan, spec::{self, Experiment}, ml};"), "ml plan spec");
    assert_eq!(names("use super::Out; pub(crate) fn f() {}"), "");
}
