//! A YAML document as a tree in which every value and key knows its place.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_saphyr::Spanned;

use crate::param::PathStep;

/// Where a value was written: a layer (a file, an environment variable, a `--set`) and, in a file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's path as given, `RUNNER__a__b`, or `--set a.b=…`.
    pub layer: Arc<str>,
    /// Line and column, from 1; `None` outside files.
    pub at: Option<(u32, u32)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.layer),
            None => f.write_str(&self.layer),
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: NodeValue,
}

/// The kinds of value.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, a boolean, a number or text.
    Scalar(Json),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub key_place: Place,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// Parses YAML 1.2. Duplicate keys, unknown tags and alias bombs are refused.
    ///
    /// # Errors
    /// The message and the place where the text stops being YAML.
    pub fn parse(text: &str, layer: &str) -> Result<Self, (Place, String)> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false, emit_comments: false };
        let layer: Arc<str> = Arc::from(layer);
        let at = |l: serde_saphyr::Location| {
            let (line, column) = (l.line(), l.column());
            (line > 0).then_some((line as u32, column as u32))
        };
        match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
            Ok(raw) => Ok(build(raw, &layer, &at)),
            Err(error) => {
                let place = Place { layer, at: error.location().and_then(at) };
                Err((place, plain_message(&error)))
            }
        }
    }

    /// A scalar without line and column.
    #[must_use]
    pub fn scalar(value: Json, layer: &str) -> Self {
        Self { place: Place { layer: Arc::from(layer), at: None }, value: NodeValue::Scalar(value) }
    }

    /// The value without places.
    #[must_use]
    pub fn json(&self) -> Json {
        match &self.value {
            NodeValue::Scalar(value) => value.clone(),
            NodeValue::List(items) => Json::Array(items.iter().map(Self::json).collect()),
            NodeValue::Map(entries) => Json::Object(entries.iter().map(|e| (e.key.clone(), e.node.json())).collect()),
        }
    }

    /// The entry of `key`, if this is a map that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            NodeValue::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The place of the value at `path`, or of its key; the nearest enclosing place where the path ends early (a
    /// key that is missing, a bare value that stands for a map).
    #[must_use]
    pub fn place_of(&self, path: &[PathStep], on_key: bool) -> Place {
        let mut node = self;
        for (i, step) in path.iter().enumerate() {
            let next = match (step, &node.value) {
                (PathStep::Key(key), _) => match node.entry(key) {
                    Some(entry) if on_key && i + 1 == path.len() => return entry.key_place.clone(),
                    Some(entry) => Some(&entry.node),
                    None => None,
                },
                (PathStep::Index(index), NodeValue::List(items)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.place.clone()
    }
}

fn plain_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    // The place is reported apart from the message.
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" at line ").next().unwrap_or(text).trim_end_matches([',', ' ']);
    match text.strip_prefix("duplicate mapping key: ") {
        Some(rest) => format!("duplicate key {:?}", rest.split(", set ").next().unwrap_or(rest)),
        None => text.to_owned(),
    }
}

enum Raw {
    Scalar(Json),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn build(raw: Spanned<Raw>, layer: &Arc<str>, at: &impl Fn(serde_saphyr::Location) -> Option<(u32, u32)>) -> Node {
    let place = Place { layer: layer.clone(), at: at(raw.referenced) };
    let value = match raw.value {
        Raw::Scalar(value) => NodeValue::Scalar(value),
        Raw::List(items) => NodeValue::List(items.into_iter().map(|i| build(i, layer, at)).collect()),
        Raw::Map(entries) => NodeValue::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_place: Place { layer: layer.clone(), at: at(key.referenced) },
                    key: key.value,
                    node: build(value, layer, at),
                })
                .collect(),
        ),
    };
    Node { place, value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }
            fn visit_bool<E: de::Error>(self, v: bool) -> Result<Raw, E> {
                Ok(Raw::Scalar(v.into()))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Raw, E> {
                Ok(Raw::Scalar(v.into()))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Raw, E> {
                Ok(Raw::Scalar(v.into()))
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Raw, E> {
                // JSON has no infinities: they stay text, which no number parameter takes.
                Ok(Raw::Scalar(serde_json::Number::from_f64(v).map_or_else(|| v.to_string().into(), Json::Number)))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Raw, E> {
                Ok(Raw::Scalar(v.into()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Scalar(Json::Null))
            }
            fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Scalar(Json::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
                Raw::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "name: a\nmodels:\n  random_forest: {n_estimators: 10}\n  mlp:\nclean:\n  - round: 3\n  - drop_duplicates\n";

    #[test]
    fn every_value_and_key_knows_its_place() {
        let node = Node::parse(TEXT, "x.yaml").unwrap();
        let key = |k: &str| PathStep::Key(k.into());
        let path = [key("models"), key("random_forest"), key("n_estimators")];
        assert_eq!(node.place_of(&path, false).to_string(), "x.yaml:3:33");
        assert_eq!(node.place_of(&path, true).to_string(), "x.yaml:3:19");
        let step = [key("clean"), PathStep::Index(1)];
        assert_eq!(node.place_of(&step, false).to_string(), "x.yaml:7:5");
        assert_eq!(node.json()["models"]["mlp"], Json::Null);
    }

    #[test]
    fn refuses_duplicate_keys_and_broken_text_with_a_place() {
        let (place, message) = Node::parse("a: 1\nb: 2\na: 3\n", "x.yaml").unwrap_err();
        assert_eq!(place.at.map(|p| p.0), Some(3), "{message}");
        assert!(message.contains("duplicate"), "{message}");
        let (place, message) = Node::parse("a: [1, 2\nb: 3\n", "x.yaml").unwrap_err();
        assert!(place.at.is_some(), "{message}");
    }

    #[test]
    fn scalars_follow_yaml_1_2() {
        let node = Node::parse("a: no\nb: 1e-3\nc: 0.30\nd: '5'\ne: ~\nf: 007\ng: 12\nh: true", "x").unwrap();
        let json = node.json();
        assert_eq!(json["a"], "no");
        assert_eq!(json["b"], 1e-3);
        assert_eq!(json["d"], "5");
        assert_eq!(json["e"], Json::Null);
        assert_eq!(json["g"], 12);
        assert_eq!(json["h"], true);
    }
}
