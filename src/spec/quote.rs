//! Words as the language writes them.

use std::fmt::Write as _;

/// A column, class or path as a YAML scalar that reads back as exactly this text, also inside `[…]` and `{…}` and as a
/// key: bare where that is safe, else in double quotes on one line.
#[must_use]
pub fn quoted(text: &str) -> String {
    if is_bare(text) { text.to_owned() } else { in_quotes(text) }
}

fn is_bare(text: &str) -> bool {
    // Whole numbers are text wherever the language takes names.
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text == "0" || !digits.starts_with('0');
    }
    let lower = text.to_ascii_lowercase();
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    (starts || is_path)
        && !text.ends_with(' ')
        && !word.contains(&lower.as_str())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-./()+".contains(&b))
}

fn in_quotes(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c if u32::from(c) <= 0xffff => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn usual_names_stay_bare() {
        for name in [
            "Flow Bytes/s",
            "Web Attack - Brute Force",
            "col_0",
            "normal.",
            "0",
            "-1",
            "Unnamed_0",
            "../a/b.csv",
            "/a/b.csv",
        ] {
            assert_eq!(quoted(name), name);
        }
        assert_eq!(quoted("a: b"), "\"a: b\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("1.50"), "\"1.50\"");
        assert_eq!(quoted("No"), "\"No\"");
    }

    #[test]
    fn hostile_names_read_back_as_they_are() {
        let names = [
            "",
            " ",
            "a ",
            "#",
            "a #b",
            "a: b",
            "- a",
            "-",
            "?",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "'",
            "\"",
            "\\",
            "\\n",
            "[a]",
            "{a}",
            "a,b",
            "|",
            ">",
            "~",
            "null",
            "true",
            "1e5",
            "0x10",
            "1_000",
            ".5",
            "+1",
            "007",
            "1.0",
            "-0",
            "12345678901234567890",
            "a\nb",
            "a\tb",
            "a\rb",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "\u{1f600}",
            "größe",
            "日本",
            "<<",
            "=",
            "a\u{300}",
            "---",
            "...",
            "--- a",
            "yes",
            "No",
            "y",
        ];
        for name in names {
            let text = format!("key: {0}\nlist: [{0}, {0}]\nmap: {{{0}: {0}}}\n{0}: last\n", quoted(name));
            let read: BTreeMap<String, serde_json::Value> =
                serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name:?}: {e} in\n{text}"));
            let written = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            assert_eq!(written(&read["key"]), name);
            assert_eq!(written(&read["list"][1]), name);
            let (key, value) = read["map"].as_object().unwrap().iter().next().unwrap();
            assert_eq!((key.as_str(), written(value).as_str()), (name, name));
            assert_eq!(read[name], "last");
        }
    }
}
