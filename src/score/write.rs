//! Answers as text: CSV, or a JSON object a line.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{Answers, ServedModel};

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The header of the CSV, with its line end.
#[must_use]
pub fn csv_header(model: &ServedModel, probabilities: bool) -> String {
    let mut out = String::from("row,label,group,score");
    if model.is_clustering() {
        out.push_str(",cluster");
    }
    if probabilities {
        for class in model.shape.pipeline.classes() {
            let _ = write!(out, ",{}", cell(&format!("proba_{class}")));
        }
    }
    out.push_str(",warnings\n");
    out
}

/// The answers as lines of CSV; rows are numbered from `before`. Numbers are the shortest text that reads back.
#[must_use]
pub fn csv_rows(model: &ServedModel, answers: &Answers, before: usize, probabilities: bool) -> String {
    let mut out = String::new();
    let mut notes = answers.notes.iter().peekable();
    for (row, &class) in answers.classes.iter().enumerate() {
        let _ =
            write!(out, "{},{},{},", before + row, cell(model.label(class)), cell(model.group(class).unwrap_or("")));
        if let Some(scores) = &answers.scores {
            let _ = write!(out, "{}", scores[row]);
        }
        if model.is_clustering() {
            let cluster = answers.clusters.as_ref().map(|c| c[row].to_string());
            let _ = write!(out, ",{}", cluster.unwrap_or_default());
        }
        if probabilities {
            for class in 0..model.shape.pipeline.classes().len() {
                out.push(',');
                if let Some(p) = &answers.probabilities {
                    let _ = write!(out, "{}", p[[row, class]]);
                }
            }
        }
        let mut texts = Vec::new();
        while let Some(note) = notes.next_if(|n| n.row == row) {
            texts.push(format!("{}: {}", note.column, note.what.word()));
        }
        let _ = writeln!(out, ",{}", cell(&texts.join("; ")));
    }
    out
}

/// The answers as lines of JSON.
#[must_use]
pub fn ndjson_rows(model: &ServedModel, answers: &Answers, before: usize) -> String {
    let mut out = String::new();
    let mut notes = answers.notes.iter().peekable();
    for (row, &class) in answers.classes.iter().enumerate() {
        let mut line = Map::new();
        line.insert("row".into(), json!(before + row));
        line.insert("prediction".into(), json!(class));
        line.insert("label".into(), json!(model.label(class)));
        line.insert("group".into(), json!(model.group(class)));
        line.insert("score".into(), json!(answers.scores.as_ref().map(|s| s[row])));
        if let Some(clusters) = &answers.clusters {
            line.insert("cluster".into(), json!(clusters[row]));
        }
        if let Some(p) = &answers.probabilities {
            line.insert("probabilities".into(), json!(p.row(row).to_vec()));
        }
        let mut its = Vec::new();
        while let Some(note) = notes.next_if(|n| n.row == row) {
            its.push(json!({"column": note.column, "what": note.what.word()}));
        }
        line.insert("warnings".into(), Json::Array(its));
        let _ = writeln!(out, "{}", Json::Object(line));
    }
    out
}
