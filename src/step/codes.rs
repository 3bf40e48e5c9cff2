//! Check S21: rows made between others where the numbers stand for categories.

use super::StepError;
use crate::ml::{Code, Dataset, Warning};
use crate::pipeline::Coded;

/// The first of a list, and how many more.
fn some(items: &[String], shown: usize) -> String {
    let head = items[..items.len().min(shown)].join(", ");
    match items.len().saturating_sub(shown) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}

fn listed(codes: &[Coded]) -> String {
    let columns: Vec<String> = codes.iter().map(|c| format!("{:?} ({})", c.name, some(&c.categories, 4))).collect();
    some(&columns, 8)
}

/// A name as a key in a YAML flow map.
fn yaml_key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '/' | '.'));
    let plain = plain && name.starts_with(char::is_alphabetic);
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

/// The refusal, with the ways out.
pub(super) fn refused(codes: &[Coded], word: &str) -> StepError {
    let names = |ordinal: bool| -> Vec<String> {
        codes.iter().filter(|c| c.ordinal == ordinal).map(|c| yaml_key(&c.name)).collect()
    };
    let mut hints = Vec::new();
    let numbers: Vec<String> = names(false).into_iter().map(|name| format!("{name}: category")).collect();
    if !numbers.is_empty() {
        hints.push(format!(
            "take them as words: dataset.types: {{{}}}, and add `one_hot` to `prepare`",
            some(&numbers, 8)
        ));
    }
    let words = names(true);
    if !words.is_empty() {
        hints.push(format!("encode words with `one_hot` instead of `ordinal`: {}", some(&words, 8)));
    }
    hints.push(
        "or let no row be made between others: `balance: random_over`, or `class_weight: balanced` in the models"
            .into(),
    );
    hints.push("or accept it: allow: [{check: S21, reason: …}]".into());
    StepError::Refused {
        place: format!("balance.{word}"),
        message: format!("{word} would make rows with values between the codes of {} (check S21)", listed(codes)),
        hints,
    }
}

/// What the made rows of `balanced`, those after the rows of `train`, hold between categories: of `codes`, which were
/// accepted, and of all other columns with only two values (flags, `one_hot`).
pub(super) fn warnings(codes: &[Coded], train: &Dataset, balanced: &Dataset, word: &str) -> Vec<Warning> {
    let made = balanced.rows() - train.rows();
    let coded = |name: &str| codes.iter().any(|c| c.name == name);
    let mut out = Vec::new();
    if !codes.is_empty() {
        let columns: Vec<usize> = (0..train.width()).filter(|&j| coded(&train.features()[j])).collect();
        let all: Vec<(usize, Vec<f64>)> = columns.iter().map(|&j| (j, distinct(train, j))).collect();
        let rows = between(&all, train, balanced);
        let found = if all.is_empty() { String::new() } else { format!(": {rows} of {made} made rows") };
        let message = format!("{word} made rows with values between the codes of {}{found}", listed(codes));
        out.push(Warning::new(Code::S21, message).at("balance"));
    }
    let flags: Vec<(usize, Vec<f64>)> = (0..train.width())
        .filter(|&j| !coded(&train.features()[j]))
        .filter_map(|j| Some((j, two_values(train, j)?)))
        .collect();
    let rows = between(&flags, train, balanced);
    if rows > 0 {
        let names: Vec<String> = flags.iter().map(|(j, _)| format!("{:?}", train.features()[*j])).collect();
        let message = format!(
            "{rows} of {made} rows made by {word} lie between the two values of a column that has no more: {}",
            some(&names, 5)
        );
        out.push(Warning::new(Code::S21, message).at("balance"));
    }
    out
}

/// The distinct values of a column, ascending.
fn distinct(data: &Dataset, column: usize) -> Vec<f64> {
    let mut seen: Vec<f64> = data.x().column(column).iter().map(|v| v + 0.0).collect();
    seen.sort_unstable_by(f64::total_cmp);
    seen.dedup();
    seen
}

/// The two values of a column, the lower first; `None` where it has more or fewer.
fn two_values(data: &Dataset, column: usize) -> Option<Vec<f64>> {
    let values = || data.x().column(column).into_iter().map(|v| v + 0.0);
    let first = values().next()?;
    let second = values().find(|v| *v != first)?;
    values().all(|v| v == first || v == second).then(|| vec![first.min(second), first.max(second)])
}

/// Made rows with a value in one of these columns that no training row has.
fn between(columns: &[(usize, Vec<f64>)], train: &Dataset, balanced: &Dataset) -> usize {
    let new = |row: usize| {
        columns.iter().any(|(j, seen)| {
            let value = balanced.x()[[row, *j]] + 0.0;
            seen.binary_search_by(|s| s.total_cmp(&value)).is_err()
        })
    };
    (train.rows()..balanced.rows()).filter(|&row| new(row)).count()
}
