//! A cleaned table to a frame: features, columns kept aside, labels, groups.

use std::borrow::Cow;

use super::error::{count, quote};
use super::grouping::group;
use super::{Table, TableError};
use crate::ml::{Column, Frame, Grouping, Labels, MISSING, Role, Values, Warning};
use crate::param::Name;
use crate::spec::dataset::{DatasetSpec, TrainOn};

/// Class names in their order: by number where all are whole numbers, else as text.
pub(super) fn sort_classes(classes: &mut [String]) {
    let numbers: Option<Vec<i64>> = classes.iter().map(|c| c.parse().ok()).collect();
    match numbers {
        Some(_) => classes.sort_by_cached_key(|c| c.parse::<i64>().unwrap_or_default()),
        None => classes.sort_unstable(),
    }
}

/// The labels of a column without a missing value; classes that no row has are left out.
///
/// # Errors
/// [`TableError`] for missing labels, with their count and the first row.
pub(super) fn labels(column: &Column, row_ids: &[u64]) -> Result<Labels, TableError> {
    let missing = (0..column.len()).filter(|&r| column.is_missing(r)).count();
    if let Some(first) = (0..column.len()).find(|&r| column.is_missing(r)) {
        return Err(TableError::new(format!(
            "{} without a label: the target column {:?} is empty in data row {} first",
            count(missing, "row"),
            column.name,
            row_ids[first] + 1
        ))
        .at("dataset.target")
        .hint(format!(
            "fill them in, or drop these rows: clean: [{{drop_missing: {{columns: {}}}}}]",
            serde_json::Value::from(column.name.as_str())
        )));
    }
    let (codes, levels) = match &column.values {
        Values::Category { codes, levels } => (codes.clone(), levels.clone()),
        Values::Number(_) => {
            let texts: Vec<Option<String>> = (0..column.len()).map(|r| column.text(r)).collect();
            match Column::category(column.name.as_str(), &texts).values {
                Values::Category { codes, levels } => (codes, levels),
                Values::Number(_) => (Vec::new(), Vec::new()),
            }
        }
    };
    let mut used = vec![false; levels.len()];
    codes.iter().for_each(|&c| used[c as usize] = true);
    let mut classes: Vec<String> =
        levels.iter().zip(&used).filter(|(_, used)| **used).map(|(level, _)| level.clone()).collect();
    sort_classes(&mut classes);
    // Levels and classes are both sorted, but not by the same rule.
    let mut by_name: Vec<(&str, u32)> = classes.iter().enumerate().map(|(i, c)| (c.as_str(), i as u32)).collect();
    by_name.sort_unstable();
    let place: Vec<u32> = levels
        .iter()
        .map(|l| by_name.binary_search_by(|(c, _)| (*c).cmp(l)).map_or(MISSING, |at| by_name[at].1))
        .collect();
    Ok(Labels { codes: codes.iter().map(|&c| place[c as usize]).collect(), classes })
}

/// The labels one level up: every row gets the group of its class. Groups without a row are left out.
///
/// # Errors
/// [`TableError`] where fewer than two groups have a row.
pub(super) fn labels_of_groups(labels: &Labels, grouping: &Grouping) -> Result<(Labels, Grouping), TableError> {
    let kept: Vec<u32> = (0..grouping.names.len() as u32).filter(|g| grouping.of_class.contains(g)).collect();
    if kept.len() < 2 {
        return Err(TableError::new(format!(
            "all rows are in one group, {:?}: there is nothing to tell apart",
            kept.first().map_or("", |&g| grouping.names[g as usize].as_str())
        ))
        .at("dataset.groups")
        .hint("learn the classes instead: dataset.train_on: target"));
    }
    let new = |g: u32| kept.iter().position(|&k| k == g).map_or(MISSING, |p| p as u32);
    let names: Vec<String> = kept.iter().map(|&g| grouping.names[g as usize].clone()).collect();
    let codes = labels.codes.iter().map(|&c| new(grouping.of_class[c as usize])).collect();
    let identity = Grouping {
        names: names.clone(),
        of_class: (0..names.len() as u32).collect(),
        positive: grouping.positive.map(new),
    };
    Ok((Labels { codes, classes: names }, identity))
}

/// Builds the frame of a cleaned table.
///
/// # Errors
/// [`TableError`] for no target, missing labels, no feature left, one class only, or groups that do not fit.
pub(super) fn frame(table: Table, dataset: &DatasetSpec) -> Result<(Frame, Vec<Warning>), TableError> {
    let dataset = with_target(dataset, &table)?;
    let target = dataset.target.as_ref().map_or(CLASS, |t| t.0.as_str());
    let Table { row_ids, columns, roles } = table;
    let (mut features, mut aside, mut labelled) = (Vec::new(), Vec::new(), None);
    for column in columns {
        if column.name == target {
            labelled = Some(column);
        } else if dataset.keep_aside.iter().any(|n| n.0 == column.name) {
            aside.push(column);
        } else {
            features.push(column);
        }
    }
    let labelled = labelled.ok_or_else(|| {
        TableError::new(format!("the target column {target:?} is not in the table"))
            .at("dataset.target")
            .suggest(target, features.iter().chain(&aside).map(|c| c.name.as_str()))
    })?;
    if features.is_empty() {
        return Err(TableError::new("no feature is left: every column is the target, kept aside or dropped")
            .at("dataset.keep_aside")
            .hint("leave at least one column as a feature"));
    }
    let labels = labels(&labelled, &row_ids)?;
    check_classes(&labels, roles.as_deref(), target)?;
    let (grouping, warnings) = group(&labels.classes, &dataset)?;
    let (labels, grouping) = match (dataset.train_on, grouping) {
        (TrainOn::Target, grouping) => (labels, grouping),
        (TrainOn::Group, Some(grouping)) => {
            let (labels, identity) = labels_of_groups(&labels, &grouping)?;
            aside.push(labelled);
            (labels, Some(identity))
        }
        (TrainOn::Group, None) => {
            return Err(TableError::new("expected groups to learn, got none: dataset.groups is empty")
                .at("dataset.train_on")
                .hint("name the groups: dataset.groups: {benign: [...], malicious: [...]}"));
        }
    };
    Ok((Frame { row_ids, columns: features, aside, labels, grouping, roles }, warnings))
}

pub(super) use crate::spec::dataset::UNNAMED_TARGET as CLASS;

/// The same settings with a target, which is [`CLASS`] where none is named and there is such a column.
///
/// # Errors
/// [`TableError`] where nothing says which column the target is.
pub(super) fn with_target<'a>(dataset: &'a DatasetSpec, table: &Table) -> Result<Cow<'a, DatasetSpec>, TableError> {
    match &dataset.target {
        Some(_) => Ok(Cow::Borrowed(dataset)),
        None if table.column(CLASS).is_some() => {
            Ok(Cow::Owned(DatasetSpec { target: Some(Name(CLASS.into())), ..dataset.clone() }))
        }
        None => Err(TableError::new("no target: nothing says which column holds the class")
            .at("dataset.target")
            .hint("name the column: dataset.target: Label")),
    }
}

/// At least two classes among the rows that may be learnt from.
fn check_classes(labels: &Labels, roles: Option<&[Role]>, target: &str) -> Result<(), TableError> {
    let learnt = |row: usize| roles.is_none_or(|r| r[row] == Role::Train);
    let mut rows = (0..labels.codes.len()).filter(|&r| learnt(r)).map(|r| labels.codes[r]);
    let first = rows.next();
    match first {
        Some(first) if rows.any(|c| c != first) => Ok(()),
        Some(_) if (0..labels.codes.len()).filter(|&r| learnt(r)).count() == 1 => Err(TableError::new(format!(
            "the {} has one row: nothing can be learnt from it",
            if roles.is_some() { "training part" } else { "table" }
        ))
        .at("dataset.target")
        .hint("give a file with more rows, and check that the download is complete")),
        Some(first) => Err(TableError::new(format!(
            "{} have one class only, {}: there is nothing to tell apart",
            if roles.is_some() { "all training rows" } else { "all rows" },
            quote(&labels.classes[first as usize])
        ))
        .at("dataset.target")
        .hint(format!("check that {target:?} is the column you mean, and that the files hold all classes"))),
        None => Err(TableError::new("no training row").at("dataset.train").hint("give a training file with rows")),
    }
}
