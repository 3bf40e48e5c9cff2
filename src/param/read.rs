//! Reading a value by its declaration: every fault at once, defaults filled in, bare values spelt out.

use serde_json::{Map, Value as Json};

use super::{Choice, Field, Range, Record, Shape};

/// A parameter as read. Today it holds one value; a search space is a second variant that this one reader would
/// learn, so searching needs no second language.
#[derive(Clone, Debug, PartialEq)]
pub enum Param<T> {
    /// One value.
    Value(T),
}

impl<T> Param<T> {
    /// The single value.
    pub fn into_value(self) -> T {
        match self {
            Self::Value(value) => value,
        }
    }
}

/// One step of a path into a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// A key of a map.
    Key(String),
    /// An index of a list.
    Index(usize),
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, from the top.
    pub path: Vec<PathStep>,
    /// Whether the place is the key itself, not its value.
    pub on_key: bool,
    /// What is wrong: the value got and the values allowed.
    pub message: String,
    /// The next move, if one is known.
    pub hint: Option<String>,
}

/// The candidate nearest to `word`, if it is near enough to be what was meant.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |s: &str| s.to_lowercase().replace(['_', '-', ' '], "");
    let wanted = fold(word);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&wanted, &fold(c)), c))
        .filter(|(d, c)| *d <= (c.chars().count().max(wanted.chars().count()) / 3).max(1))
        .min_by_key(|(d, c)| (*d, c.to_string()))
        .map(|(_, c)| c)
}

struct Reader {
    path: Vec<PathStep>,
    faults: Vec<Fault>,
}

impl Shape {
    /// Reads `value`: the same with defaults filled in and bare values spelt out, or all faults.
    ///
    /// # Errors
    /// Every fault in the value, in the order of the document.
    pub fn read(&self, value: &Json) -> Result<Json, Vec<Fault>> {
        let mut reader = Reader { path: Vec::new(), faults: Vec::new() };
        match reader.read(self, value) {
            Some(Param::Value(out)) if reader.faults.is_empty() => Ok(out),
            _ => Err(reader.faults),
        }
    }

    /// What is allowed, in words: `a whole number of at least 1`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Number { whole, range } => {
                let kind = if *whole { "a whole number" } else { "a number" };
                match range.words() {
                    w if w.is_empty() => kind.into(),
                    w => format!("{kind} {w}"),
                }
            }
            Self::Text { .. } => "text".into(),
            Self::Checked { what, .. } => (*what).into(),
            Self::Word(words) => one_of(words.iter().map(|(w, _)| *w)),
            Self::Null => "null".into(),
            Self::Either(all) => {
                let mut parts: Vec<String> = all.iter().map(Self::words).collect();
                parts.sort_by_key(|p| p == "null");
                parts.join(", or ")
            }
            Self::List { item, single: true, .. } => format!("{}, or a list of them", item.words()),
            Self::List { item, .. } => format!("a list, each item {}", item.words()),
            Self::Map(item) => format!("a map, each value {}", item.words()),
            Self::Record(record) => match record.short {
                Some(short) => record
                    .fields
                    .iter()
                    .find(|f| f.name == short)
                    .map_or_else(|| "a map".into(), |f| format!("{}, or a map", f.shape.words())),
                None => "a map".into(),
            },
            Self::Choice(choice) => one_of(choice.variants.iter().map(|v| v.name)),
            Self::Named(_) => "a map of names".into(),
        }
    }
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    match words.as_slice() {
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
        [] => "nothing".into(),
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(" or ")
}

fn all_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// The value as a message shows it: short, and as it was typed.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "nothing (null)".into(),
        Json::Array(items) => format!("a list of {}", items.len()),
        Json::Object(map) => match map.keys().next() {
            Some(key) if map.len() == 1 => format!("a map with the key {key:?}"),
            _ => format!("a map of {} keys", map.len()),
        },
        other => {
            let text = other.to_string();
            if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
        }
    }
}

impl Reader {
    fn fault(&mut self, message: String, hint: Option<String>) {
        self.faults.push(Fault { path: self.path.clone(), on_key: false, message, hint });
    }

    fn key_fault(&mut self, key: &str, message: String, hint: Option<String>) {
        let mut path = self.path.clone();
        path.push(PathStep::Key(key.to_owned()));
        self.faults.push(Fault { path, on_key: true, message, hint });
    }

    fn inside<R>(&mut self, step: PathStep, read: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(step);
        let out = read(self);
        self.path.pop();
        out
    }

    fn expected(&mut self, shape: &Shape, value: &Json) -> Option<Param<Json>> {
        self.fault(format!("expected {}, got {}", shape.words(), shown(value)), None);
        None
    }

    fn read(&mut self, shape: &Shape, value: &Json) -> Option<Param<Json>> {
        match shape {
            Shape::Record(record) => self.record(shape, record, value).map(Param::Value),
            Shape::Choice(choice) => self.choice(shape, choice, value).map(Param::Value),
            Shape::Named(choice) => self.named(shape, choice, value).map(Param::Value),
            Shape::List { item, at_least, single } => match value {
                Json::Array(items) => {
                    let read: Vec<_> = items
                        .iter()
                        .enumerate()
                        .map(|(i, v)| self.inside(PathStep::Index(i), |r| r.read(item, v)))
                        .collect();
                    if items.len() < *at_least {
                        self.fault(format!("expected at least {at_least} items, got {}", items.len()), None);
                        return None;
                    }
                    read.into_iter().map(|p| p.map(Param::into_value)).collect::<Option<Vec<_>>>().map(Json::Array)
                }
                Json::Null | Json::Object(_) if *single && !matches!(**item, Shape::Choice(_)) => {
                    return self.expected(shape, value);
                }
                one if *single => self.read(item, one).map(|p| Json::Array(vec![p.into_value()])),
                _ => return self.expected(shape, value),
            }
            .map(Param::Value),
            Shape::Map(item) => {
                let Json::Object(map) = value else { return self.expected(shape, value) };
                let mut out = Map::new();
                let mut whole = true;
                for (key, v) in map {
                    match self.inside(PathStep::Key(key.clone()), |r| r.read(item, v)) {
                        Some(p) => drop(out.insert(key.clone(), p.into_value())),
                        None => whole = false,
                    }
                }
                whole.then_some(Param::Value(Json::Object(out)))
            }
            Shape::Either(all) => self.either(shape, all, value),
            leaf => self.leaf(leaf, value),
        }
    }

    /// The first alternative that fits; else the faults of the one that fits the value's kind, else one fault.
    fn either(&mut self, shape: &Shape, all: &[Shape], value: &Json) -> Option<Param<Json>> {
        let before = self.faults.len();
        let mut deeper: Option<Vec<Fault>> = None;
        for alternative in all {
            if let Some(out) = self.read(alternative, value)
                && self.faults.len() == before
            {
                return Some(out);
            }
            let faults = self.faults.split_off(before);
            if deeper.is_none() && faults.iter().any(|f| f.path.len() > self.path.len()) {
                deeper = Some(faults);
            }
        }
        match deeper {
            Some(faults) => {
                self.faults.extend(faults);
                None
            }
            None => {
                let hint = value.as_str().and_then(|word| {
                    let words = all.iter().filter_map(|s| match s {
                        Shape::Word(words) => Some(words.iter().map(|(w, _)| *w)),
                        _ => None,
                    });
                    closest(word, words.flatten()).map(|w| format!("did you mean {w:?}?"))
                });
                self.fault(format!("expected {}, got {}", shape.words(), shown(value)), hint);
                None
            }
        }
    }

    fn leaf(&mut self, shape: &Shape, value: &Json) -> Option<Param<Json>> {
        let out = match (shape, value) {
            (Shape::Bool, Json::Bool(_)) | (Shape::Null, Json::Null) | (Shape::Text { .. }, Json::String(_)) => {
                value.clone()
            }
            (Shape::Text { loose: true }, Json::Number(_) | Json::Bool(_)) => Json::String(value.to_string()),
            (Shape::Checked { check, .. }, Json::String(text)) => {
                if let Err((message, hint)) = check(text) {
                    self.fault(message, hint);
                    return None;
                }
                value.clone()
            }
            (Shape::Word(words), Json::String(word)) => {
                if !words.iter().any(|(w, _)| w == word) {
                    let all = || words.iter().map(|(w, _)| *w);
                    let near: Vec<_> = match closest(word, all()) {
                        Some(near) => vec![near],
                        None => all().filter(|w| w.starts_with(&format!("{word}_"))).collect(),
                    };
                    let near = (!near.is_empty()).then(|| format!("did you mean {}?", quoted(&near)));
                    // A long list would bury the message.
                    let (rule, list) = match words.len() {
                        0..=12 => (shape.words(), None),
                        many => (format!("one of {many} words"), Some(format!("known are {}", all_of(all())))),
                    };
                    self.fault(format!("expected {rule}, got {word:?}"), near.or(list));
                    return None;
                }
                value.clone()
            }
            (Shape::Number { whole, range }, Json::Number(number)) => match number_of(*whole, *range, number) {
                Some(number) => number,
                None => return self.expected(shape, value),
            },
            (Shape::Number { .. }, Json::String(text)) => {
                let hint = text.parse::<f64>().is_ok().then(|| "take the quotes away".to_owned());
                self.fault(format!("expected {}, got {text:?}", shape.words()), hint);
                return None;
            }
            _ => return self.expected(shape, value),
        };
        Some(Param::Value(out))
    }

    fn record(&mut self, shape: &Shape, record: &Record, value: &Json) -> Option<Json> {
        let empty = Map::new();
        let bare;
        let map = match (value, record.short) {
            (Json::Object(map), Some(short)) if is_bare_map(record, short, map) => {
                let field = record.fields.iter().find(|f| f.name == short)?;
                let read = self.read(&field.shape, value)?.into_value();
                bare = Map::from_iter([(short.to_owned(), read)]);
                return self.fill(record, &bare, true);
            }
            (Json::Object(map), _) => map,
            (Json::Null, _) if record.fields.iter().all(|f| f.default.is_some()) => &empty,
            (value, Some(short)) if !value.is_null() => {
                // The bare value stands for the short parameter; faults point at the value itself.
                let field = record.fields.iter().find(|f| f.name == short)?;
                let read = self.read(&field.shape, value)?.into_value();
                bare = Map::from_iter([(short.to_owned(), read)]);
                return self.fill(record, &bare, true);
            }
            _ => {
                let _ = self.expected(shape, value);
                return None;
            }
        };
        self.fill(record, map, false)
    }

    /// Reads the parameters of `record` out of `map`; `done` says that they are read already.
    fn fill(&mut self, record: &Record, map: &Map<String, Json>, done: bool) -> Option<Json> {
        let before = self.faults.len();
        for key in map.keys() {
            if !record.fields.iter().any(|f| f.name == key) {
                let names = || record.fields.iter().map(|f| f.name);
                let hint = match closest(key, names()) {
                    Some(name) => Some(format!("did you mean {name:?}?")),
                    None if record.fields.is_empty() => Some("it takes no parameters".into()),
                    None => Some(format!("known here: {}", names().collect::<Vec<_>>().join(", "))),
                };
                self.key_fault(key, format!("unknown key {key:?}"), hint);
            }
        }
        let mut out = Map::new();
        for field in &record.fields {
            let read = match (map.get(field.name), &field.default) {
                (Some(value), _) if done => Some(value.clone()),
                (Some(value), _) => self
                    .inside(PathStep::Key(field.name.to_owned()), |r| r.read(&field.shape, value))
                    .map(Param::into_value),
                // The default itself goes through the reader, so nested defaults are filled in as well.
                (None, Some(default)) => field.shape.read(default).ok().or_else(|| Some(default.clone())),
                (None, None) => {
                    self.fault(
                        format!("missing key {:?}", field.name),
                        Some(format!("add `{}:` with {}", field.name, field.shape.words())),
                    );
                    None
                }
            };
            if let Some(value) = read {
                out.insert(field.name.to_owned(), value);
            }
        }
        (self.faults.len() == before).then_some(Json::Object(out))
    }

    fn variant<'a>(&mut self, choice: &'a Choice, word: &str, on_key: bool) -> Option<&'a super::Variant> {
        let found = choice.variants.iter().find(|v| v.name == word);
        if found.is_none() {
            let names = || choice.variants.iter().map(|v| v.name);
            let hint = closest(word, names()).map(|w| format!("did you mean {w:?}?"));
            let message = format!("expected {}, got {word:?}", one_of(names()));
            if on_key { self.key_fault(word, message, hint) } else { self.fault(message, hint) }
        }
        found
    }

    fn choice(&mut self, shape: &Shape, choice: &Choice, value: &Json) -> Option<Json> {
        let (word, inner) = match value {
            Json::String(word) => {
                let variant = self.variant(choice, word, false)?;
                let missing: Vec<_> =
                    variant.record.fields.iter().filter(|f| f.default.is_none()).map(|f| f.name).collect();
                if !missing.is_empty() {
                    self.fault(
                        format!("{word} needs {}", missing.join(", ")),
                        Some(format!("write `{word}: {{{}: …}}`", missing[0])),
                    );
                    return None;
                }
                (variant.name, self.fill(&variant.record, &Map::new(), false)?)
            }
            Json::Object(map) if map.len() == 1 => {
                let (word, inner) = map.iter().next()?;
                let variant = self.variant(choice, word, true)?;
                let shape = Shape::Record(variant.record.clone());
                let read = self.inside(PathStep::Key(word.clone()), |r| r.record(&shape, &variant.record, inner))?;
                (variant.name, read)
            }
            Json::Object(map) => {
                self.fault(
                    format!("expected a word or a map with one key, got {} keys", map.len()),
                    Some("start a new list item for each step, and indent parameters below their step".into()),
                );
                return None;
            }
            _ => {
                let _ = self.expected(shape, value);
                return None;
            }
        };
        Some(Json::Object(Map::from_iter([(word.to_owned(), inner)])))
    }

    fn named(&mut self, shape: &Shape, choice: &Choice, value: &Json) -> Option<Json> {
        let Json::Object(map) = value else {
            let _ = self.expected(shape, value);
            return None;
        };
        let before = self.faults.len();
        let mut out = Map::new();
        for (name, inner) in map {
            if inner.is_null() && !choice.variants.iter().any(|v| v.name == name) {
                continue; // removed
            }
            if inner.is_null() {
                continue; // removed as well; a model with all defaults is written `name: {}`
            }
            let read = self.inside(PathStep::Key(name.clone()), |r| {
                let (kind, rest) = match inner {
                    Json::Object(fields) => match fields.get("kind") {
                        Some(Json::String(kind)) => {
                            let variant = r.inside(PathStep::Key("kind".into()), |r| r.variant(choice, kind, false))?;
                            let mut rest = fields.clone();
                            rest.shift_remove("kind");
                            (variant, Json::Object(rest))
                        }
                        Some(other) => {
                            let text = format!("expected the name of a kind, got {}", shown(other));
                            r.inside(PathStep::Key("kind".into()), |r| r.fault(text, None));
                            return None;
                        }
                        None => (r.kind_of(choice, name)?, inner.clone()),
                    },
                    _ => (r.kind_of(choice, name)?, inner.clone()),
                };
                let shape = Shape::Record(kind.record.clone());
                let mut fields = match r.record(&shape, &kind.record, &rest)? {
                    Json::Object(fields) => fields,
                    other => return Some(other),
                };
                fields.shift_insert(0, "kind".into(), Json::from(kind.name));
                Some(Json::Object(fields))
            });
            if let Some(read) = read {
                out.insert(name.clone(), read);
            }
        }
        (self.faults.len() == before).then_some(Json::Object(out))
    }

    fn kind_of<'a>(&mut self, choice: &'a Choice, name: &str) -> Option<&'a super::Variant> {
        let found = choice.variants.iter().find(|v| v.name == name);
        if found.is_none() {
            let names = || choice.variants.iter().map(|v| v.name);
            let hint = match closest(name, names()) {
                Some(near) => format!("did you mean {near:?}? a free name needs `kind:`"),
                None => "name it after its kind, or add `kind:` with one of them".to_owned(),
            };
            let path = self.path.clone();
            self.faults.push(Fault {
                path,
                on_key: true,
                message: format!("unknown model {name:?}: known are {}", all_of(names())),
                hint: Some(hint),
            });
        }
        found
    }
}

/// Whether a map is the value of the only parameter, itself a map (`derive: {ratio: a / b}`), and not a map with that
/// parameter (`derive: {columns: {ratio: a / b}}`).
fn is_bare_map(record: &Record, short: &str, map: &Map<String, Json>) -> bool {
    let spelt_out = map.len() == 1 && map.get(short).is_some_and(Json::is_object);
    matches!(record.fields.as_slice(), [Field { shape: Shape::Map(_), .. }]) && !spelt_out
}

fn number_of(whole: bool, range: Range, number: &serde_json::Number) -> Option<Json> {
    let value = number.as_f64()?;
    if !range.holds(value) {
        return None;
    }
    match (whole, number.is_f64()) {
        (true, true) => None,
        (true, false) => Some(Json::Number(number.clone())),
        (false, _) => serde_json::Number::from_f64(value).map(Json::Number),
    }
}
