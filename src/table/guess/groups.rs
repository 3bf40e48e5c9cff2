//! A coarser label: which classes are harmless.

use serde::Serialize;

use super::names::{Says, fold, says};
use crate::ml::{Column, MISSING};
use crate::table::Table;
use crate::table::frame::sort_classes;
use crate::table::profile::{Class, Coded, Relation};

/// Two groups of classes, the harmless ones and the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// Name of the group of harmless classes.
    pub negative: String,
    /// Its classes, in order.
    pub harmless: Vec<String>,
    /// Name of the other group, which counts as positive.
    pub positive: String,
    /// Its classes, in order.
    pub others: Vec<String>,
    /// The label column that says so; without one, the names of the classes do.
    pub from: Option<String>,
}

/// Whether a class is called harmless.
fn is_harmless(class: &str) -> bool {
    let folded = fold(class);
    folded.starts_with("benign")
        || folded.starts_with("normal")
        || ["legitimate", "legit", "clean", "background", "nonattack", "noattack", "goodware", "harmless"]
            .contains(&folded.as_str())
}

/// The names of the two groups for labels 0 and 1.
fn of_numbers(network: bool) -> (String, String) {
    let (negative, positive) = if network { ("benign", "malicious") } else { ("negative", "positive") };
    (negative.into(), positive.into())
}

/// Which of two or more values is harmless, and what the groups are called.
fn harmless(values: &[&str], network: bool) -> Option<(Vec<bool>, String, String)> {
    if let [a, b] = values
        && matches!((fold(a).as_str(), fold(b).as_str()), ("0", "1") | ("false", "true"))
    {
        let (negative, positive) = of_numbers(network);
        return Some((vec![true, false], negative, positive));
    }
    let flags: Vec<bool> = values.iter().map(|v| is_harmless(v)).collect();
    let n = flags.iter().filter(|f| **f).count();
    if n == 0 || n == values.len() {
        return None;
    }
    let (negative, positive) = match (values, flags[0]) {
        ([a, b], true) => ((*a).to_owned(), (*b).to_owned()),
        ([a, b], false) => ((*b).to_owned(), (*a).to_owned()),
        _ => ("benign".into(), "malicious".into()),
    };
    Some((flags, negative, positive))
}

/// The groups of the classes: as a coarser label column has them, else as their names tell.
pub(super) fn groups(
    table: &Table,
    target: &str,
    classes: &[Class],
    relations: &[Relation],
    network: bool,
) -> Option<Groups> {
    let names: Vec<&str> = classes.iter().map(|c| c.name.as_str()).collect();
    let mut coarser: Vec<&Relation> = relations
        .iter()
        .filter(|r| r.follows && r.values >= 2 && r.values < names.len() as u64)
        .filter(|r| matches!(says(&r.column), Says::Label | Says::LabelWord | Says::Perhaps))
        .collect();
    coarser.sort_by_key(|r| r.values);
    let column = table.column(target)?;
    let told = coarser.iter().find_map(|r| by_column(column, table.column(&r.column)?, &names, network));
    told.or_else(|| {
        let (flags, negative, positive) = harmless(&names, network)?;
        Some(split(&names, &flags, negative, positive, None))
    })
}

/// The groups that a coarser label gives.
fn by_column(target: &Column, label: &Column, names: &[&str], network: bool) -> Option<Groups> {
    let (classes, coded) = (Coded::new(target), Coded::new(label));
    let value_of = |class: &str| {
        let code = (0..classes.counts.len())
            .find(|&c| classes.counts[c] > 0 && target.text(classes.example[c]).as_deref() == Some(class))?;
        let value = coded.codes[classes.example[code]];
        (value != MISSING).then(|| label.text(classes.example[code])).flatten()
    };
    let of_class: Vec<String> = names.iter().map(|n| value_of(n)).collect::<Option<_>>()?;
    let mut values = of_class.clone();
    sort_classes(&mut values);
    values.dedup();
    let (flags, negative, positive) = harmless(&values.iter().map(String::as_str).collect::<Vec<_>>(), network)?;
    let flags: Vec<bool> =
        of_class.iter().map(|v| values.iter().position(|w| w == v).is_some_and(|at| flags[at])).collect();
    Some(split(names, &flags, negative, positive, Some(label.name.clone())))
}

fn split(names: &[&str], flags: &[bool], negative: String, positive: String, from: Option<String>) -> Groups {
    let pick = |wanted: bool| {
        names.iter().zip(flags).filter(|(_, flag)| **flag == wanted).map(|(n, _)| (*n).to_owned()).collect()
    };
    Groups { negative, harmless: pick(true), positive, others: pick(false), from }
}
