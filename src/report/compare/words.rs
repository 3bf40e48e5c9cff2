//! Values of an experiment as people write them.

use serde_json::Value as Json;

/// A value as YAML in one line. In maps what is not set is left out; it would hide what is.
pub(super) fn shown(value: Option<&Json>) -> String {
    let mut out = String::new();
    match value {
        None => out.push_str("not there"),
        Some(value) => write(value, &mut out),
    }
    out
}

fn write(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("none"),
        Json::String(text) => out.push_str(text),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Json::Object(map) => {
            let set: Vec<_> = map.iter().filter(|(_, v)| !v.is_null()).collect();
            // A step or a choice is a word with its settings; without any it is the word.
            if let [(word, Json::Object(inner))] = set.as_slice()
                && inner.values().all(Json::is_null)
            {
                out.push_str(word);
                return;
            }
            out.push('{');
            for (i, (name, value)) in set.into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(name);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The first `most` characters, the last of them `…` where there are more.
pub(in crate::report) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_yaml_in_a_line() {
        let steps =
            json!([{"drop_constant": {"columns": null}}, {"select": {"top": 15, "by": "x", "above": null}}, 1.5]);
        assert_eq!(shown(Some(&steps)), "[drop_constant, {select: {top: 15, by: x}}, 1.5]");
        assert_eq!((shown(None), shown(Some(&json!(null)))), ("not there".into(), "none".into()));
        assert_eq!(shown(Some(&json!({}))), "{}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!((short("naïve", 5), short("naïve", 4)), ("naïve".into(), "naï…".into()));
    }
}
