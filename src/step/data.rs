//! The steps from files to balanced training rows.

use super::model::training;
use super::{Artifact, Outcome, StepError, Work, codes};
use crate::flow::simulate;
use crate::ml::{Balance, Dataset, Frame, LedgerEntry, MISSING, MlError, Part, Role, SplitSpec, Training};
use crate::pipeline::{Applied, Pipeline, PrepareStep};
use crate::spec::dataset::{CleanStep, DatasetSpec};
use crate::table::{self, Input, Table};

/// The fact that says how many rows of each class `sample` dropped.
pub const SAMPLED_AWAY: &str = "sampled away";

pub(super) fn source(work: &Work<'_>) -> Result<Outcome, StepError> {
    let mut outcome = Outcome::default();
    if let Some(rows) = work.optional::<usize>("simulate")? {
        let columns = simulate(rows, work.seed()).columns;
        outcome.notes.ledger.push(LedgerEntry {
            note: Some("made up by the simulator".into()),
            ..LedgerEntry::unchanged("read", rows, columns.len())
        });
        let table = Table { row_ids: (0..rows as u64).collect(), columns, roles: None };
        outcome.outputs.insert("table".into(), Artifact::Table(table));
        return Ok(outcome);
    }
    if let Some(dataset) = work.optional::<DatasetSpec>("npz")? {
        let [file] = work.sources else { return Err(StepError::Recipe("expected one npz file".into())) };
        let arrays = table::read_npz(&file.name, &file.bytes)?;
        let (table, balanced, ledger) = arrays.into_tables(&dataset)?;
        outcome.notes.ledger = ledger;
        outcome.outputs.insert("table".into(), Artifact::Table(table));
        if let Some(balanced) = balanced {
            outcome.outputs.insert("balanced".into(), Artifact::Table(balanced));
        }
        return Ok(outcome);
    }
    let dataset: DatasetSpec = work.parameter("table")?;
    let inputs: Vec<Input<'_>> = work
        .sources
        .iter()
        .zip(&work.recipe.sources)
        .map(|(file, source)| Input { name: &file.name, bytes: &file.bytes, role: source.role })
        .collect();
    let (table, ledger, warnings) = table::read_table(&inputs, &dataset)?;
    outcome.notes.ledger = ledger;
    outcome.notes.warnings = warnings;
    outcome.outputs.insert("table".into(), Artifact::Table(table));
    Ok(outcome)
}

pub(super) fn clean(work: &Work<'_>) -> Result<Outcome, StepError> {
    let dataset: DatasetSpec = work.parameter("dataset")?;
    let steps: Vec<CleanStep> = work.parameter("steps")?;
    let (frame, ledger, warnings, replay) =
        table::clean_with_replay(work.input("table")?.table()?.clone(), &dataset, &steps)?;
    let mut outcome = Outcome::default();
    if work.recipe.inputs.contains_key("balanced") {
        let (balanced, _, _) = table::clean(work.input("balanced")?.table()?.clone(), &dataset, &steps)?;
        outcome.outputs.insert("balanced".into(), Artifact::Frame(with_classes_of(balanced, &frame)?));
    }
    let gone = table::sampled_away(&ledger, &dataset);
    outcome.notes.ledger = ledger;
    outcome.notes.warnings = warnings;
    outcome.notes.facts.push(("rows".into(), frame.rows().into()));
    outcome.notes.facts.push(("features".into(), frame.columns.len().into()));
    outcome.notes.facts.push(("classes".into(), counts(&frame.labels.classes, &frame.class_counts())));
    if !gone.is_empty() {
        let by_class: serde_json::Map<_, _> = gone.into_iter().map(|(class, n)| (class, n.into())).collect();
        outcome.notes.facts.push((SAMPLED_AWAY.into(), by_class.into()));
    }
    outcome.outputs.insert("frame".into(), Artifact::Frame(frame));
    let replay = serde_json::to_vec(&replay).map_err(|e| StepError::Recipe(format!("cannot be written: {e}")))?;
    outcome.outputs.insert("replay".into(), Artifact::File(replay));
    Ok(outcome)
}

/// Class counts by name, as a fact.
fn counts(classes: &[String], counts: &[usize]) -> serde_json::Value {
    classes.iter().cloned().zip(counts.iter().map(|&n| n.into())).collect::<serde_json::Map<_, _>>().into()
}

/// The same rows with the class indices of `whole`.
fn with_classes_of(mut frame: Frame, whole: &Frame) -> Result<Frame, StepError> {
    let classes = &whole.labels.classes;
    let new: Vec<u32> = frame
        .labels
        .classes
        .iter()
        .map(|name| classes.iter().position(|c| c == name).map_or(MISSING, |i| i as u32))
        .collect();
    if new.contains(&MISSING) {
        return Err(StepError::Recipe("the balanced rows have a class that the others have not".into()));
    }
    for code in &mut frame.labels.codes {
        *code = new[*code as usize];
    }
    frame.labels.classes.clone_from(classes);
    frame.grouping.clone_from(&whole.grouping);
    Ok(frame)
}

pub(super) fn split(work: &Work<'_>) -> Result<Outcome, StepError> {
    let spec: SplitSpec = work.parameter("split")?;
    let frame = work.input("frame")?.frame()?;
    let (split, warnings) = spec.split(frame, work.seed())?;
    let mut outcome = Outcome::default();
    outcome.notes.warnings = warnings;
    for role in [Role::Train, Role::Validation, Role::Test] {
        let rows = split.rows(role);
        if !rows.is_empty() {
            outcome.notes.facts.push((
                format!("{} rows", role.word()),
                counts(&frame.labels.classes, &frame.take(&rows).class_counts()),
            ));
        }
    }
    outcome.outputs.insert("split".into(), Artifact::Split(split));
    Ok(outcome)
}

/// A parameter's fault begins with the word of its step, which gives the place where that word stands once.
fn at_step(steps: &[PrepareStep], error: MlError) -> StepError {
    let MlError::Parameter { problem, .. } = &error else { return error.into() };
    let named: Vec<(usize, &str)> = steps
        .iter()
        .enumerate()
        .map(|(i, step)| (i, step.word()))
        .filter(|(_, word)| problem.strip_prefix(word).is_some_and(|rest| rest.starts_with(": ")))
        .collect();
    match named.as_slice() {
        [(i, word)] => StepError::At { place: format!("prepare.{i}.{word}"), error },
        _ => error.into(),
    }
}

/// Notes what was done to the cells of a part, by column.
fn told(outcome: &mut Outcome, role: Role, applied: &Applied) {
    let counted = [
        ("filled cells", &applied.filled),
        ("unknown categories", &applied.unknown_categories),
        ("cells outside the training range", &applied.out_of_range),
    ];
    for (what, columns) in counted {
        if !columns.is_empty() {
            let by_column: serde_json::Map<_, _> = columns.iter().map(|(c, n)| (c.clone(), (*n).into())).collect();
            outcome.notes.facts.push((format!("{} {what}", role.word()), by_column.into()));
        }
    }
}

pub(super) fn prepare(work: &Work<'_>) -> Result<Outcome, StepError> {
    let steps: Vec<PrepareStep> = work.parameter("steps")?;
    let frame = work.input("frame")?.frame()?;
    let split = work.input("split")?.split()?;
    let train = split.training(frame)?;
    let mut outcome = Outcome::default();
    let (pipeline, warnings) =
        Pipeline::fit(&steps, &train, work.seed(), work.progress).map_err(|e| at_step(&steps, e))?;
    outcome.notes.warnings = warnings;
    let rows = train.get().rows() as u64;
    for change in pipeline.changes() {
        outcome.notes.ledger.push(LedgerEntry {
            step: change.step.clone(),
            rows_before: rows,
            rows_after: rows,
            columns_before: u64::from(change.columns_before),
            columns_after: u64::from(change.columns_after),
            dropped_columns: change.dropped.clone(),
            note: Some("fitted on the training part".into()),
            counts: Vec::new(),
        });
    }
    let (data, applied) = pipeline.apply_training(&train)?;
    outcome.notes.warnings.extend(applied.warnings().into_iter().map(|w| w.at("train")));
    outcome.notes.facts.push(("features".into(), pipeline.features().len().into()));
    told(&mut outcome, Role::Train, &applied);
    outcome.notes.facts.push(("train rows".into(), data.get().rows().into()));
    outcome.outputs.insert("train".into(), Artifact::Dataset(data.into_inner()));
    for role in [Role::Validation, Role::Test] {
        if let Some(part) = split.held_out(role, frame)? {
            let (data, applied) = pipeline.apply(&part)?;
            outcome.notes.warnings.extend(applied.warnings().into_iter().map(|w| w.at(role.word())));
            told(&mut outcome, role, &applied);
            outcome.notes.facts.push((format!("{} rows", role.word()), data.rows().into()));
            outcome.outputs.insert(role.word().into(), Artifact::Dataset(data));
        }
    }
    outcome.outputs.insert("pipeline".into(), Artifact::Pipeline(pipeline));
    Ok(outcome)
}

pub(super) fn balance(work: &Work<'_>) -> Result<Outcome, StepError> {
    let spec: Balance = work.parameter("balance")?;
    let mut outcome = Outcome::default();
    let data: Dataset = if matches!(spec, Balance::Given(_)) {
        let frame = Training::new(
            work.recipe.part.unwrap_or(Part::first(Role::Test)),
            work.input("balanced")?.frame()?.clone(),
        )?;
        work.input("pipeline")?.pipeline()?.apply_training(&frame)?.0.into_inner()
    } else {
        let train = training(work, work.input("train")?.dataset()?)?;
        let (data, warnings) = spec.resample(&train, work.seed(), work.progress)?;
        outcome.notes.warnings = warnings;
        if spec.interpolates() && data.get().rows() > train.get().rows() {
            let frame = work.input("split")?.split()?.training(work.input("frame")?.frame()?)?;
            let codes = work.input("pipeline")?.pipeline()?.codes(frame.get());
            if !codes.is_empty() && !work.optional::<bool>("allow_codes")?.unwrap_or(false) {
                return Err(codes::refused(&codes, spec.word()));
            }
            outcome.notes.warnings.extend(codes::warnings(&codes, train.get(), data.get(), spec.word()));
        }
        let mut entry = LedgerEntry::unchanged(spec.word(), train.get().rows(), train.get().width());
        entry.rows_after = data.get().rows() as u64;
        entry.note = Some("training part only".into());
        outcome.notes.ledger.push(entry);
        data.into_inner()
    };
    outcome.notes.facts.push(("train rows".into(), counts(data.classes(), &data.class_counts())));
    outcome.outputs.insert("train".into(), Artifact::Dataset(data));
    Ok(outcome)
}
