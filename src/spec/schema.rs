//! The JSON Schema of the language, read off the declarations.

use serde_json::{Map, Value as Json, json};

use super::experiment::document;
use crate::param::{Choice, Range, Record, Shape};

/// The schema (draft 2020-12) of an experiment file.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = of(&document());
    if let Some(map) = schema.as_object_mut() {
        map.shift_insert(0, "$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        map.shift_insert(1, "title".into(), "runner experiment".into());
        // With a parent, nothing need be said again.
        map.shift_remove("required");
        if let Some(properties) = map.get_mut("properties").and_then(Json::as_object_mut) {
            properties.insert(
                "extends".into(),
                json!({"type": "string", "description": "Experiment that this one changes: maps merge, lists replace."}),
            );
        }
    }
    schema
}

fn of(shape: &Shape) -> Json {
    match shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Number { whole, range } => number(*whole, range),
        Shape::Text { loose: false } | Shape::Checked { .. } => json!({"type": "string"}),
        Shape::Text { loose: true } => json!({"type": ["string", "number", "boolean"]}),
        Shape::Word(words) => json!({"enum": words.iter().map(|(w, _)| *w).collect::<Vec<_>>()}),
        Shape::Null => json!({"type": "null"}),
        Shape::Either(all) => json!({"anyOf": all.iter().map(of).collect::<Vec<_>>()}),
        Shape::List { item, at_least, single } => {
            let list = json!({"type": "array", "items": of(item), "minItems": at_least});
            if *single { json!({"anyOf": [of(item), list]}) } else { list }
        }
        Shape::Map(item) => json!({"type": "object", "additionalProperties": of(item)}),
        Shape::Record(record) => record_schema(record, false),
        Shape::Choice(choice) => choice_schema(choice),
        Shape::Named(choice) => named_schema(choice),
    }
}

fn number(whole: bool, range: &Range) -> Json {
    let mut out = Map::new();
    out.insert("type".into(), if whole { "integer" } else { "number" }.into());
    let value = |v: f64| if v.fract() == 0.0 && v.abs() < 1e15 { json!(v as i64) } else { json!(v) };
    if let Some(min) = range.min {
        out.insert(if range.above { "exclusiveMinimum" } else { "minimum" }.into(), value(min));
    }
    if let Some(max) = range.max {
        out.insert(if range.below { "exclusiveMaximum" } else { "maximum" }.into(), value(max));
    }
    Json::Object(out)
}

fn record_map(record: &Record, kind: Option<&[&str]>) -> Json {
    let mut properties = Map::new();
    if let Some(kinds) = kind {
        properties.insert("kind".into(), json!({"enum": kinds, "description": "Kind of the model."}));
    }
    for field in &record.fields {
        let mut schema = of(&field.shape);
        if let Some(map) = schema.as_object_mut() {
            map.insert("description".into(), paragraph(field.doc).into());
            if let Some(default) = &field.default {
                map.insert("default".into(), default.clone());
            }
        }
        properties.insert(field.name.into(), schema);
    }
    let required: Vec<_> = record.fields.iter().filter(|f| f.default.is_none()).map(|f| f.name).collect();
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    out.insert("description".into(), paragraph(record.doc).into());
    out.insert("additionalProperties".into(), false.into());
    out.insert("properties".into(), Json::Object(properties));
    if !required.is_empty() {
        out.insert("required".into(), json!(required));
    }
    Json::Object(out)
}

fn record_schema(record: &Record, or_null: bool) -> Json {
    let mut forms = vec![record_map(record, None)];
    if let Some(field) = record.short.and_then(|short| record.fields.iter().find(|f| f.name == short)) {
        forms.push(of(&field.shape));
    }
    if or_null && record.fields.iter().all(|f| f.default.is_some()) {
        forms.push(json!({"type": "null"}));
    }
    if forms.len() == 1 { forms.swap_remove(0) } else { json!({"anyOf": forms}) }
}

fn choice_schema(choice: &Choice) -> Json {
    let mut forms = Vec::new();
    for variant in &choice.variants {
        if variant.record.fields.iter().all(|f| f.default.is_some()) {
            forms.push(json!({"const": variant.name, "description": paragraph(variant.doc)}));
        }
        forms.push(json!({
            "type": "object",
            "additionalProperties": false,
            "required": [variant.name],
            "properties": {variant.name: record_schema(&variant.record, true)},
        }));
    }
    json!({"description": paragraph(choice.doc), "oneOf": forms})
}

fn named_schema(choice: &Choice) -> Json {
    let removed = json!({"type": "null"});
    let mut properties = Map::new();
    let mut forms = vec![removed.clone()];
    for variant in &choice.variants {
        let own = json!({"anyOf": [record_map(&variant.record, Some(&[variant.name])), removed]});
        properties.insert(variant.name.into(), own);
        let mut free = record_map(&variant.record, Some(&[variant.name]));
        free["required"] = json!(["kind"]);
        forms.push(free);
    }
    json!({
        "type": "object",
        "description": paragraph(choice.doc),
        "properties": properties,
        "additionalProperties": {"anyOf": forms},
    })
}

/// A doc comment as one paragraph of text.
pub(super) fn paragraph(doc: &str) -> String {
    doc.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}
