//! Paths of data files as an experiment in another folder names them.

use std::path::{Component, Path, PathBuf};

/// A path that was typed, as seen from `folder`: beside it or below it, below the folder of the data, by `..`, or
/// whole. What is not there stays as it is: it may lie in the folder of the data. Of a pattern the folder that it begins
/// with counts.
pub(super) fn from_folder(typed: &str, folder: &Path, data_dir: Option<&Path>) -> String {
    let path = Path::new(typed);
    let absolute =
        |path: &Path| std::path::absolute(path).map(|p| without_dots(&p)).unwrap_or_else(|_| path.to_owned());
    let here = absolute(Path::new("."));
    let from = if folder.as_os_str().is_empty() { here.clone() } else { absolute(folder) };
    let is_pattern = |part: &str| part.contains(['*', '?', '[']);
    if !path.exists() && is_pattern(typed) && from != here {
        let plain = path.components().take_while(|c| !is_pattern(&c.as_os_str().to_string_lossy())).count();
        let lead: PathBuf = path.components().take(plain).collect();
        let rest: PathBuf = path.components().skip(plain).collect();
        let lead = if plain == 0 { Path::new(".") } else { &lead };
        if lead.is_dir() {
            let lead = from_folder(&text(lead), folder, data_dir);
            return text(&Path::new(&lead).join(rest));
        }
    }
    if !path.exists() || (path.is_relative() && from == here) {
        return typed.to_owned();
    }
    let whole = absolute(path);
    let below = |folder: &Path| whole.strip_prefix(folder).ok().map(text);
    if let Some(below) = below(&from).or_else(|| data_dir.and_then(|d| below(&absolute(d)))) {
        return below;
    }
    if path.is_absolute() {
        return text(&whole);
    }
    let shared = from.components().zip(whole.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(whole.components().skip(shared)).collect();
    // A link on the way may lead elsewhere.
    if from.join(&relative).exists() { text(&relative) } else { text(&whole) }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// The path without `.` and `..`.
fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_folder_of_the_experiment() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let data = root.join("src");
        let data = Some(data.as_path());
        let none = Path::new("");
        // Tests run in the folder of the crate.
        assert_eq!(from_folder("Cargo.toml", none, data), "Cargo.toml");
        assert_eq!(from_folder("./Cargo.toml", none, data), "./Cargo.toml");
        assert_eq!(from_folder("Cargo.toml", Path::new("docs"), data), "../Cargo.toml");
        assert_eq!(from_folder("docs/data.md", Path::new("docs"), data), "data.md");
        assert_eq!(from_folder("src/ml/mod.rs", Path::new("docs"), data), "ml/mod.rs");
        assert_eq!(from_folder("in/the/data.csv", Path::new("docs"), data), "in/the/data.csv");
        assert_eq!(from_folder("tests/*.rs", none, data), "tests/*.rs");
        assert_eq!(from_folder("tests/*.rs", Path::new("docs"), data), "../tests/*.rs");
        assert_eq!(from_folder("*.toml", Path::new("docs"), data), "../*.toml");
        assert_eq!(from_folder("docs/*/S*.md", Path::new("docs"), data), "*/S*.md");
        assert_eq!(from_folder("no/*.csv", Path::new("docs"), data), "no/*.csv");
        let whole = root.join("src/ml/mod.rs");
        assert_eq!(from_folder(&whole.to_string_lossy(), none, None), "src/ml/mod.rs");
        let whole = std::env::temp_dir();
        assert_eq!(from_folder(&whole.to_string_lossy(), Path::new("docs"), data), whole.to_string_lossy());
    }
}
