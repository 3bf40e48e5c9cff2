//! What can be wrong with a table.

use thiserror::Error;

use crate::param::closest;

/// A file that cannot be read as a table, or a table that the experiment does not fit.
///
/// The message is a lowercase fragment that names the value got; the hints say the next move.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct TableError {
    /// What is wrong.
    pub message: String,
    /// Place in the experiment (`dataset.groups`, `clean.0`), if the cure may lie there.
    pub place: Option<String>,
    /// File, by the name it was given under.
    pub file: Option<String>,
    /// Line of the file, from 1 (the header included).
    pub line: Option<u64>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl TableError {
    /// An error with this message and nothing else.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, file: None, line: None, hints: Vec::new() }
    }

    /// The same at a place of the experiment.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same in a file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same on a line, from 1.
    #[must_use]
    pub fn on_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with a "did you mean", where a candidate is near, or else the list of what there is.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let short = |c: &&str| c.len() <= 1000;
        match closest(word, candidates.clone().into_iter().filter(short)) {
            Some(near) => self.hint(format!("did you mean {near:?}?")),
            None => {
                let all: Vec<String> = candidates.into_iter().map(quote).collect();
                self.hint(format!("there are: {}", shorten(&all, 30)))
            }
        }
    }
}

/// A text from a file in quotes; of a long one its beginning and its length.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(100) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({})", &text[..end], count(text.len(), "byte")),
    }
}

/// A number of bytes in words: `256 MiB`, `1.5 GiB`.
pub(super) fn mebibytes(bytes: usize) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{} MiB", mib.ceil()) } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// The first `most` items with commas, and how many more there are.
pub(super) fn shorten(items: &[String], most: usize) -> String {
    let shown = items[..items.len().min(most)].join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A count with thousands separators and the right form of its noun: `1 row`, `5,301 rows`.
pub(super) fn count(n: usize, noun: &str) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    format!("{out} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(count(5301, "row"), "5,301 rows");
        assert_eq!(count(1_234_567, "cell"), "1,234,567 cells");
    }

    #[test]
    fn long_texts_are_shown_by_their_beginning() {
        assert_eq!(quote("a \"b\""), r#""a \"b\"""#);
        assert_eq!(quote(&"é".repeat(100)), format!("\"{}\"", "é".repeat(100)));
        assert_eq!(quote(&"é".repeat(1000)), format!("\"{}\"… (2,000 bytes)", "é".repeat(100)));
        assert_eq!(mebibytes(256 << 20), "256 MiB");
        assert_eq!(mebibytes(3 << 29), "1.5 GiB");
    }

    #[test]
    fn a_near_name_is_suggested_and_otherwise_all_are_listed() {
        let near = TableError::new("x").suggest("Trafic Type", ["Traffic Type", "Label"]);
        assert_eq!(near.hints, ["did you mean \"Traffic Type\"?"]);
        let far = TableError::new("x").suggest("zzz", ["Traffic Type", "Label"]);
        assert_eq!(far.hints, ["there are: \"Traffic Type\", \"Label\""]);
    }
}
