//! Lines of YAML with comments, none of them much wider than a terminal.

/// Widest line, where words can be broken at all.
const WIDTH: usize = 118;

/// A YAML file in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A comment, broken into lines.
    pub(super) fn note(&mut self, indent: usize, text: &str) {
        let start = format!("{}#", " ".repeat(indent));
        let mut line = start.clone();
        for word in text.split_whitespace() {
            if line.len() > start.len() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line.clone_from(&start);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// Lines with a comment each, the comments below each other. A line that leaves no room has its comment above.
    pub(super) fn lines(&mut self, indent: usize, lines: &[(String, String)]) {
        let width = |line: &str| line.chars().count();
        let fits = |line: &str, note: &str| note.is_empty() || indent + width(line) + 3 + width(note) <= WIDTH;
        let column = lines
            .iter()
            .filter(|(line, note)| !note.is_empty() && fits(line, note) && width(line) <= 64)
            .map(|(line, _)| width(line))
            .max()
            .unwrap_or(0);
        let pad = " ".repeat(indent);
        for (line, note) in lines {
            if note.is_empty() {
                self.line(&format!("{pad}{line}"));
            } else if fits(line, note) && indent + column.max(width(line)) + 3 + width(note) <= WIDTH {
                self.line(&format!("{pad}{line}{} # {note}", " ".repeat(column.saturating_sub(width(line)))));
            } else {
                self.note(indent, note);
                self.line(&format!("{pad}{line}"));
            }
        }
    }

    /// `key: [a, b, c]`, on as many lines as it takes; what stands around the list is given, and its items as written.
    pub(super) fn list(&mut self, before: &str, items: &[String], after: &str) {
        for line in list(before, items, after) {
            self.line(&line);
        }
    }
}

/// A flow list between two texts, on as many lines as it takes.
pub(super) fn list(before: &str, items: &[String], after: &str) -> Vec<String> {
    let indent = before.len() - before.trim_start().len() + 4;
    let mut out = Vec::new();
    let mut line = format!("{before}[");
    let mut empty = true;
    for (i, item) in items.iter().enumerate() {
        let end = if i + 1 < items.len() { "," } else { "" };
        let word = format!("{item}{end}");
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH - after.len() - 1 {
            out.push(std::mem::replace(&mut line, " ".repeat(indent)));
        } else if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    out.push(format!("{line}]{after}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_broken_and_read_back() {
        let items: Vec<String> = (0..60).map(|i| format!("\"column: {i}\"")).collect();
        let mut page = Page::default();
        page.list("  except: ", &items, "");
        page.list("few: ", &["a b".into(), "\"No\"".into()], "");
        let text = page.into_text();
        assert!(text.lines().all(|l| l.len() <= WIDTH), "{text}");
        assert!(text.ends_with("few: [a b, \"No\"]\n"), "{text}");
        let read: serde_json::Value = serde_saphyr::from_str(&text.replace("  except", "except")).unwrap();
        assert_eq!(read["except"].as_array().unwrap().len(), 60);
    }

    #[test]
    fn notes_stand_beside_or_above() {
        let mut page = Page::default();
        page.note(2, &"word ".repeat(40));
        page.lines(
            2,
            &[("- a".into(), "one".into()), ("- long name".into(), "two".into()), ("- b".into(), String::new())],
        );
        page.lines(0, &[("x".repeat(100), "a note that does not fit".into())]);
        let text = page.into_text();
        assert!(text.lines().all(|l| l.len() <= WIDTH), "{text}");
        assert!(
            text.contains("  - a         # one\n  - long name # two\n  - b\n# a note that does not fit\nxxx"),
            "{text}"
        );
    }
}
