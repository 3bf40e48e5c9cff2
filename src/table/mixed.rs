//! What is said of columns that are half numbers, half words.

use super::TableError;
use super::error::{count, quote, shorten};
use super::read::Loaded;
use super::typing::{Mixed, Typed, Wanted};
use crate::spec::dataset::ColumnType;

/// The error for columns half numbers, half words: the first in full, the others by name.
pub(super) fn mixed_columns(
    names: &[String],
    columns: &[Result<Typed, Mixed>],
    files: &[Loaded<'_>],
    before: usize,
    wanted: &[Wanted],
) -> TableError {
    let declared = columns.iter().zip(wanted).find(|(c, _)| c.is_err());
    let declared = declared.is_some_and(|(_, w)| *w == Wanted::Declared(ColumnType::Number));
    let bad: Vec<(&String, &Mixed)> =
        names.iter().zip(columns).filter_map(|(n, c)| c.as_ref().err().map(|m| (n, m))).collect();
    let Some((name, first)) = bad.first() else { return TableError::new("no column is mixed") };
    let (mut row, value) = (first.first.0, &first.first.1);
    let mut place = None;
    for file in files {
        if row < file.rows {
            place = Some((file.input.name, file.line(row)));
            break;
        }
        row -= file.rows;
    }
    let (numbers, words) = (count(first.numbers as usize, "number"), count(first.words as usize, "other value"));
    let (column, shown) = (quote(name), quote(value));
    let mut message = if declared {
        format!("column {column} is declared a number but holds {words} beside {numbers}")
    } else {
        format!("column {column} is half numbers, half words: {numbers} and {words}")
    };
    message += &format!("; the first to stand out is {shown} in row {}", before + first.first.0 + 1);
    if bad.len() > 1 {
        let others: Vec<String> = bad[1..].iter().map(|(n, _)| quote(n)).collect();
        message += &format!(" (likewise the columns {})", shorten(&others, 10));
    }
    let mut error = TableError::new(message).at("dataset.types");
    if let Some((file, line)) = place {
        error = error.in_file(file);
        error.line = line;
    }
    if value.parse::<f64>().is_err() && value.len() <= 100 {
        error = error.hint(format!(
            "if {shown} means a missing value, list it: dataset.missing_values: [{}]",
            serde_json::Value::from(value.as_str())
        ));
    }
    error.hint(format!("if the column holds words, declare it: dataset.types: {{{}: category}}", yaml_key(name)))
}

/// A name as a key in a YAML flow map.
fn yaml_key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '/' | '.'))
        && name.starts_with(char::is_alphabetic);
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}
