//! `runner check`, `config`, `schema`, `explain`: the language without running anything.

use serde_json::json;

use super::failure::Failure;
use super::out::Out;
use super::{FileArgs, Output};
use crate::record::{Problem, ProblemKind};
use crate::spec::{self, Experiment};

pub(super) fn check(file: &FileArgs, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let experiment = Experiment::load(&file.file, &file.overrides())?;
    let models: Vec<&str> = experiment.models.iter().map(|m| m.name.as_str()).collect();
    match output {
        Output::Text => out.line(&format!(
            "{}: no fault found: {}, {} cleaning and {} preparing steps, models {}",
            file.file.display(),
            experiment.name,
            experiment.clean.len(),
            experiment.prepare.len(),
            models.join(", ")
        ))?,
        Output::Json => out.line(&json!({"name": experiment.name, "models": models, "problems": []}).to_string())?,
    }
    Ok(0)
}

pub(super) fn config(file: &FileArgs, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let experiment = Experiment::load(&file.file, &file.overrides())?;
    match output {
        Output::Text => out.text(&experiment.to_yaml())?,
        Output::Json => out.line(&serde_json::to_string_pretty(experiment.resolved()).unwrap_or_default())?,
    }
    Ok(0)
}

pub(super) fn schema(out: &mut Out) -> Result<u8, Failure> {
    out.line(&serde_json::to_string_pretty(&spec::json_schema()).unwrap_or_default())?;
    Ok(0)
}

pub(super) fn explain(path: &str, out: &mut Out) -> Result<u8, Failure> {
    let text = spec::explain(path).map_err(|message| Problem::new(ProblemKind::User, message))?;
    out.text(&text)?;
    Ok(0)
}
