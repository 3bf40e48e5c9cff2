//! `runner explain PATH`: the documentation of one parameter, read off its declaration.

use super::experiment::document;
use super::schema::paragraph;
use crate::param::{Choice, Record, Shape, closest};

/// The documentation of the value at a dotted path such as `models.random_forest.max_features`; the whole language
/// for an empty path.
///
/// # Errors
/// A message that names the part of the path that leads nowhere, and what was known there.
pub fn explain(path: &str) -> Result<String, String> {
    let parts: Vec<&str> = path.split('.').filter(|p| !p.is_empty()).collect();
    let mut shape = document();
    let mut doc = match &shape {
        Shape::Record(record) => paragraph(record.doc),
        _ => String::new(),
    };
    let mut default = None;
    let mut walked: Vec<&str> = Vec::new();
    for part in parts {
        let (next, next_doc, next_default) = enter(&shape, part).map_err(|known| {
            let hint = match closest(part, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None if known.is_empty() => "it has no parameters".into(),
                None => format!("known here: {}", known.join(", ")),
            };
            let place = if walked.is_empty() { "an experiment".to_owned() } else { format!("`{}`", walked.join(".")) };
            format!("{place} has nothing called {part:?}; {hint}")
        })?;
        walked.push(part);
        shape = next;
        doc = next_doc;
        default = next_default;
    }
    Ok(render(&walked.join("."), &shape, &doc, default))
}

type Entered = (Shape, String, Option<serde_json::Value>);

/// The shape below `part`, or the names that are known.
fn enter<'a>(shape: &'a Shape, part: &str) -> Result<Entered, Vec<&'a str>> {
    match shape {
        Shape::Record(record) => match record.fields.iter().find(|f| f.name == part) {
            Some(field) => Ok((field.shape.clone(), paragraph(field.doc), field.default.clone())),
            None => Err(record.fields.iter().map(|f| f.name).collect()),
        },
        Shape::Choice(choice) | Shape::Named(choice) => match choice.variants.iter().find(|v| v.name == part) {
            Some(v) => Ok((Shape::Record(v.record.clone()), paragraph(v.doc), None)),
            None => Err(choice.variants.iter().map(|v| v.name).collect()),
        },
        Shape::List { item, .. } | Shape::Map(item) => enter(item, part),
        Shape::Either(all) => {
            let mut known = Vec::new();
            for inner in all {
                match enter(inner, part) {
                    Ok(found) => return Ok(found),
                    Err(names) => known.extend(names),
                }
            }
            Err(known)
        }
        _ => Err(Vec::new()),
    }
}

fn render(path: &str, shape: &Shape, doc: &str, default: Option<serde_json::Value>) -> String {
    let mut out = String::new();
    if !path.is_empty() {
        out.push_str(path);
        out.push_str("\n\n");
    }
    out.push_str(&wrap(doc, "  "));
    match shape {
        Shape::Record(record) => fields(record, &mut out),
        Shape::Choice(choice) | Shape::Named(choice) => variants(choice, &mut out),
        Shape::List { item, .. } if matches!(**item, Shape::Choice(_)) => {
            if let Shape::Choice(choice) = &**item {
                variants(choice, &mut out);
            }
        }
        leaf => {
            out.push_str(&format!("\n  value    {}\n", leaf.words()));
            if let Some(default) = default {
                out.push_str(&format!("  default  {default}\n"));
            }
            let words: Vec<_> = match leaf {
                Shape::Word(words) => words.clone(),
                Shape::Either(all) => all
                    .iter()
                    .flat_map(|s| if let Shape::Word(words) = s { words.clone() } else { Vec::new() })
                    .collect(),
                _ => Vec::new(),
            };
            for (word, doc) in words {
                out.push_str(&format!("\n  {word}\n{}", wrap(&paragraph(doc), "      ")));
            }
        }
    }
    out
}

fn fields(record: &Record, out: &mut String) {
    for field in &record.fields {
        let rule = match &field.default {
            Some(default) if matches!(field.shape, Shape::Record(_) | Shape::Choice(_)) => {
                let _ = default;
                String::new()
            }
            Some(default) => format!(" ({}; default {default})", field.shape.words()),
            None => format!(" ({}; must be given)", field.shape.words()),
        };
        out.push_str(&format!("\n  {}{rule}\n{}", field.name, wrap(&paragraph(field.doc), "      ")));
    }
}

fn variants(choice: &Choice, out: &mut String) {
    for variant in &choice.variants {
        out.push_str(&format!("\n  {}\n{}", variant.name, wrap(&paragraph(variant.doc), "      ")));
    }
}

fn wrap(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > 96 {
            out.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        out.push_str(&format!("{indent}{line}\n"));
    }
    out
}
