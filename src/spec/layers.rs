//! The layers of an experiment, merged by figment: `extends` parents, the file, the environment, `--set`. Every value
//! of the merged document keeps the place of the layer that chose it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use figment::value::{Dict, Empty, Map, Num, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde_json::Value as Json;

use super::node::{Entry, Node, NodeValue, Place};
use super::{SpecError, SpecFault};
use crate::param::PathStep;

/// Where an experiment comes from, besides its file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Variables of the environment (name, value), in any order; only `RUNNER__…` count.
    pub environment: Vec<(String, String)>,
    /// `--set a.b=value`, in order.
    pub set: Vec<String>,
}

/// The merged document with places.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The document.
    pub node: Node,
    /// The files read, the named one last.
    pub files: Vec<PathBuf>,
    /// What can only be seen in the single layers; the rest is found in the merged document.
    pub faults: Vec<SpecFault>,
}

struct Layer {
    name: String,
    node: Node,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        match to_figment(&self.node) {
            Value::Dict(_, dict) => Ok(Map::from([(Profile::Default, dict)])),
            other => Err(figment::Error::from(format!("expected a map, got {other:?}"))),
        }
    }
}

/// Reads the file and everything it extends, and lays the overrides over it.
///
/// # Errors
/// A file that cannot be read or is not YAML, a circle of `extends`, an override that cannot be parsed or whose path
/// leads nowhere.
pub fn merge(file: &Path, overrides: &Overrides) -> Result<Merged, SpecError> {
    let mut files = Vec::new();
    let mut layers = Vec::new();
    read_file(file, None, &mut files, &mut layers)?;
    let mut faults = Vec::new();
    let mut variables: Vec<_> = overrides.environment.iter().filter(|(name, _)| name.starts_with("RUNNER__")).collect();
    variables.sort();
    for (name, value) in variables {
        let path: Vec<&str> = name["RUNNER__".len()..].split("__").collect();
        match assignment(&combine(&layers)?, name, &path, value) {
            Ok(node) => layers.push(Layer { name: name.clone(), node }),
            Err(fault) => faults.push(fault),
        }
    }
    for text in &overrides.set {
        let name = format!("--set {text}");
        let Some((path, value)) = text.split_once('=') else {
            faults.push(SpecFault::at(
                &Place { layer: name.into(), at: None },
                "expected PATH=VALUE",
                Some("for example --set models.random_forest.n_estimators=50".into()),
            ));
            continue;
        };
        let path: Vec<&str> = path.trim().split('.').collect();
        match assignment(&combine(&layers)?, &name, &path, value) {
            Ok(node) => layers.push(Layer { name, node }),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(SpecError { faults });
    }
    Ok(Merged { node: combine(&layers)?, files, faults: nothing_to_remove(&layers)? })
}

/// `models: {mlp: null}` removes a model of the layers below; where there is none, it is more likely meant to be one.
fn nothing_to_remove(layers: &[Layer]) -> Result<Vec<SpecFault>, SpecError> {
    let mut faults = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let Some(NodeValue::Map(own)) = layer.node.entry("models").map(|e| &e.node.value) else { continue };
        if !own.iter().any(|e| e.node.value == NodeValue::Scalar(Json::Null)) {
            continue;
        }
        let below = if i == 0 { None } else { Some(combine(&layers[..i])?) };
        let known: Vec<&Entry> = match below.as_ref().and_then(|b| b.entry("models")).map(|e| &e.node.value) {
            Some(NodeValue::Map(entries)) => {
                entries.iter().filter(|e| e.node.value != NodeValue::Scalar(Json::Null)).collect()
            }
            _ => Vec::new(),
        };
        for entry in own.iter().filter(|e| e.node.value == NodeValue::Scalar(Json::Null)) {
            if known.iter().any(|e| e.key == entry.key) {
                continue;
            }
            let hint = match crate::param::closest(&entry.key, known.iter().map(|e| e.key.as_str())) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("write `{}: {{}}` for the defaults", entry.key),
            };
            faults.push(SpecFault {
                path: Some(format!("models.{}", entry.key)),
                ..SpecFault::at(
                    &entry.key_place,
                    "null removes an inherited model, and there is nothing to remove",
                    Some(hint),
                )
            });
        }
    }
    Ok(faults)
}

fn read_file(
    file: &Path,
    named_by: Option<&Place>,
    open: &mut Vec<PathBuf>,
    layers: &mut Vec<Layer>,
) -> Result<(), SpecError> {
    let name = file.display().to_string();
    let here = Place { layer: name.as_str().into(), at: None };
    let place = named_by.unwrap_or(&here);
    let canonical = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if open.contains(&canonical) {
        let hint = "take one `extends:` of the circle out".to_owned();
        let message = format!("{name} extends itself, directly or through its parents");
        return Err(SpecFault::at(place, message, Some(hint)).into());
    }
    let bytes = std::fs::read(file).map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => format!("{name}: no such file"),
            _ => format!("{name}: cannot be read: {error}"),
        };
        SpecError::from(SpecFault::at(place, what, Some("give the path of an experiment's YAML file".into())))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        let at = Place { layer: name.as_str().into(), at: Some((line as u32, 1)) };
        SpecError::from(SpecFault::at(&at, "this is not UTF-8 text", Some("save the file as UTF-8".into())))
    })?;
    let node = Node::parse(text.strip_prefix('\u{feff}').unwrap_or(&text), &name).map_err(|(place, message)| {
        let hint = mend(&message).to_owned();
        SpecError::from(SpecFault::at(&place, message, Some(hint)))
    })?;
    let node = match node.value {
        NodeValue::Map(_) => node,
        NodeValue::Scalar(Json::Null) => {
            return Err(
                SpecFault::at(&here, "the file is empty", Some("`runner explain` lists the keys".into())).into()
            );
        }
        _ => {
            let hint = Some("take the leading `-` or quotes away; `runner explain` lists the keys".to_owned());
            return Err(SpecFault::at(&node.place, "expected a map of keys such as `dataset:`", hint).into());
        }
    };
    open.push(canonical);
    if let Some(entry) = node.entry("extends") {
        let parents: Vec<(&Place, &str)> = match &entry.node.value {
            NodeValue::Scalar(Json::String(path)) => vec![(&entry.node.place, path.as_str())],
            _ => {
                let hint = Some("give the path of one YAML file, beside this one".to_owned());
                return Err(SpecFault::at(&entry.node.place, "extends: expected one path", hint).into());
            }
        };
        for (place, path) in parents {
            let parent = file.parent().unwrap_or_else(|| Path::new("")).join(path);
            read_file(&parent, Some(place), open, layers)?;
        }
    }
    layers.push(Layer { name, node: without_extends(node) });
    Ok(())
}

/// The next move for text that is not YAML.
fn mend(message: &str) -> &'static str {
    if message.starts_with("duplicate key") {
        "keep one of them"
    } else if message.contains("tabs") {
        "indent with spaces"
    } else if message.contains("alias") {
        "a text that begins with `*` is quoted in YAML: path: \"*.csv\""
    } else {
        "look at the brackets, quotes and indentation here and just before"
    }
}

fn without_extends(node: Node) -> Node {
    match node.value {
        NodeValue::Map(entries) => Node {
            place: node.place,
            value: NodeValue::Map(entries.into_iter().filter(|e| e.key != "extends").collect()),
        },
        value => Node { place: node.place, value },
    }
}

/// The layer that puts `value` (YAML) at `path`. Where the path enters a list, the layer holds the whole list with
/// that one value changed, and all other values keep their places.
fn assignment(base: &Node, layer: &str, path: &[&str], value: &str) -> Result<Node, SpecFault> {
    let place = Place { layer: layer.into(), at: None };
    if path.iter().any(|p| p.is_empty()) {
        return Err(SpecFault::at(&place, "the path has an empty part", None));
    }
    let value = Node::parse(value, layer).map(|node| unplaced(node, &place)).map_err(|(_, message)| {
        let hint = Some("quote the whole argument, and close every bracket and quote in it".to_owned());
        SpecFault::at(&place, format!("the value is not YAML: {message}"), hint)
    })?;
    place_at(Some(base), path, value, &place)
}

fn unplaced(node: Node, place: &Place) -> Node {
    let value = match node.value {
        NodeValue::List(items) => NodeValue::List(items.into_iter().map(|n| unplaced(n, place)).collect()),
        NodeValue::Map(entries) => NodeValue::Map(
            entries
                .into_iter()
                .map(|e| Entry { key: e.key, key_place: place.clone(), node: unplaced(e.node, place) })
                .collect(),
        ),
        scalar => scalar,
    };
    Node { place: place.clone(), value }
}

fn place_at(base: Option<&Node>, path: &[&str], value: Node, place: &Place) -> Result<Node, SpecFault> {
    let Some((first, rest)) = path.split_first() else { return Ok(value) };
    if let Some(Node { value: NodeValue::List(items), place: list_place }) = base {
        let index = step_index(items, first, place)?;
        let mut items = items.clone();
        let named = |node: &Node| match &node.value {
            NodeValue::Map(_) => node.clone(),
            // A bare word becomes a one-key map, so that a parameter can be set on it.
            NodeValue::Scalar(Json::String(word)) => Node {
                place: node.place.clone(),
                value: NodeValue::Map(vec![Entry {
                    key: word.clone(),
                    key_place: node.place.clone(),
                    node: Node { place: node.place.clone(), value: NodeValue::Map(Vec::new()) },
                }]),
            },
            _ => node.clone(),
        };
        if first.parse::<usize>().is_ok() {
            items[index] = overlay(&items[index], place_at(Some(&items[index]), rest, value, place)?);
        } else {
            let item = named(&items[index]);
            let changed = place_at(Some(&item), path, value, place)?;
            items[index] = overlay(&item, changed);
        }
        return Ok(Node { place: list_place.clone(), value: NodeValue::List(items) });
    }
    let inner = base.and_then(|b| b.entry(first)).map(|e| &e.node);
    let node = place_at(inner, rest, value, place)?;
    let entry = Entry { key: (*first).to_owned(), key_place: place.clone(), node };
    Ok(Node { place: place.clone(), value: NodeValue::Map(vec![entry]) })
}

/// Deep merge of two nodes, for one list item (figment merges the layers themselves).
fn overlay(below: &Node, above: Node) -> Node {
    match (&below.value, above.value) {
        (NodeValue::Map(old), NodeValue::Map(new)) => {
            let mut entries = old.clone();
            for entry in new {
                match entries.iter_mut().find(|e| e.key == entry.key) {
                    Some(known) => known.node = overlay(&known.node, entry.node),
                    None => entries.push(entry),
                }
            }
            Node { place: below.place.clone(), value: NodeValue::Map(entries) }
        }
        (_, value) => Node { place: above.place, value },
    }
}

fn step_index(items: &[Node], name: &str, place: &Place) -> Result<usize, SpecFault> {
    if let Ok(index) = name.parse::<usize>() {
        return if index < items.len() {
            Ok(index)
        } else {
            Err(SpecFault::at(place, format!("index {index} is outside the list of {}", items.len()), None))
        };
    }
    let word = |node: &Node| match &node.value {
        NodeValue::Scalar(Json::String(word)) => Some(word.clone()),
        NodeValue::Map(entries) if entries.len() == 1 => Some(entries[0].key.clone()),
        _ => None,
    };
    let words: Vec<String> = items.iter().filter_map(word).collect();
    let found: Vec<usize> = (0..items.len()).filter(|&i| word(&items[i]).as_deref() == Some(name)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let hint = crate::param::closest(name, words.iter().map(String::as_str)).map_or_else(
                || format!("steps in this list: {}", words.join(", ")),
                |w| format!("did you mean {w:?}?"),
            );
            Err(SpecFault::at(place, format!("no step {name:?} in the list"), Some(hint)))
        }
        many => Err(SpecFault::at(
            place,
            format!("{} steps are named {name:?}", many.len()),
            Some(format!("use the index: {}", many.iter().map(usize::to_string).collect::<Vec<_>>().join(" or "))),
        )),
    }
}

fn to_figment(node: &Node) -> Value {
    match &node.value {
        NodeValue::Scalar(Json::Null) => Value::Empty(Tag::Default, Empty::None),
        NodeValue::Scalar(Json::Bool(b)) => Value::Bool(Tag::Default, *b),
        NodeValue::Scalar(Json::Number(n)) => {
            let num = if let Some(i) = n.as_i64() {
                Num::I64(i)
            } else if let Some(u) = n.as_u64() {
                Num::U64(u)
            } else {
                Num::F64(n.as_f64().unwrap_or(f64::NAN))
            };
            Value::Num(Tag::Default, num)
        }
        NodeValue::Scalar(other) => Value::String(Tag::Default, other.as_str().unwrap_or_default().to_owned()),
        NodeValue::List(items) => Value::Array(Tag::Default, items.iter().map(to_figment).collect()),
        NodeValue::Map(entries) => {
            Value::Dict(Tag::Default, entries.iter().map(|e| (e.key.clone(), to_figment(&e.node))).collect())
        }
    }
}

/// What figment makes of the layers, with places and the order of keys put back.
fn combine(layers: &[Layer]) -> Result<Node, SpecError> {
    let figment = layers.iter().fold(Figment::new(), |f, layer| f.merge(LayerRef(layer)));
    let value: Value = figment.extract().map_err(|error| {
        SpecError::from(SpecFault::at(&Place { layer: "experiment".into(), at: None }, error.to_string(), None))
    })?;
    let nodes: Vec<&Node> = layers.iter().map(|l| &l.node).collect();
    Ok(from_figment(&value, &nodes))
}

struct LayerRef<'a>(&'a Layer);

impl Provider for LayerRef<'_> {
    fn metadata(&self) -> Metadata {
        self.0.metadata()
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.0.data()
    }
}

/// `layers` are the nodes at this value's path, lowest layer first.
fn from_figment(value: &Value, layers: &[&Node]) -> Node {
    let place = layers.last().map_or_else(|| Place { layer: "experiment".into(), at: None }, |n| n.place.clone());
    let value = match value {
        Value::Dict(_, dict) => {
            // Only the maps above the last value that is not a map took part in the merge.
            let first = layers.iter().rposition(|n| !matches!(n.value, NodeValue::Map(_))).map_or(0, |i| i + 1);
            // Maps can have thousands of keys (models), so none is looked for from the beginning.
            let by_key: Vec<BTreeMap<&str, &Entry>> = layers[first..]
                .iter()
                .map(|node| match &node.value {
                    NodeValue::Map(own) => own.iter().map(|e| (e.key.as_str(), e)).collect(),
                    _ => BTreeMap::new(),
                })
                .collect();
            let mut seen = BTreeSet::new();
            let mut entries: Vec<Entry> = Vec::new();
            for node in &layers[first..] {
                let NodeValue::Map(own) = &node.value else { continue };
                for entry in own {
                    let key = entry.key.as_str();
                    let Some(inner) = dict.get(key).filter(|_| seen.insert(key)) else { continue };
                    let all: Vec<&Entry> = by_key.iter().filter_map(|own| own.get(key).copied()).collect();
                    let below: Vec<&Node> = all.iter().map(|e| &e.node).collect();
                    let key_place = all.last().map_or_else(|| entry.key_place.clone(), |e| e.key_place.clone());
                    entries.push(Entry { key: entry.key.clone(), key_place, node: from_figment(inner, &below) });
                }
            }
            NodeValue::Map(entries)
        }
        // Anything else was replaced whole by the last layer that has it, which knows every place inside.
        _ => match layers.last() {
            Some(node) => node.value.clone(),
            None => NodeValue::Scalar(Json::Null),
        },
    };
    Node { place, value }
}

/// The steps of a dotted path, for messages.
#[must_use]
pub fn dotted(path: &[PathStep]) -> String {
    path.iter()
        .map(|step| match step {
            PathStep::Key(key) => key.clone(),
            PathStep::Index(index) => index.to_string(),
        })
        .collect::<Vec<_>>()
        .join(".")
}
