//! Text cells to typed columns: numbers where all are numbers, words where none is.

use std::collections::BTreeMap;

use polars::prelude::StringChunked;

use crate::ml::{Column, MISSING, Values};
use crate::spec::dataset::ColumnType;

/// What one cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// Empty, NaN, or one of the texts that mean missing.
    Missing,
    /// An infinity, or a number too large for one: counted apart, then missing.
    Infinite,
    /// A finite number and its text.
    Number(f64, &'a str),
    /// Anything else.
    Word(&'a str),
}

/// Reads a cell. Blanks around it do not count. A number is what Rust's `f64` reads: decimal, with an optional sign
/// and exponent; `nan`, `inf` and `infinity` in any case, with or without a sign.
pub(super) fn cell<'a>(text: Option<&'a str>, missing: &[String]) -> Cell<'a> {
    let Some(text) = text.map(str::trim) else { return Cell::Missing };
    if text.is_empty() || missing.iter().any(|m| m == text) {
        return Cell::Missing;
    }
    match text.parse::<f64>() {
        Ok(v) if v.is_nan() => Cell::Missing,
        Ok(v) if v.is_infinite() => Cell::Infinite,
        Ok(v) => Cell::Number(v, text),
        Err(_) => Cell::Word(text),
    }
}

/// How a column is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Numbers if all are, words if none is; a mixture is an error.
    Feature,
    /// The same, but a mixture is words.
    Aside,
    /// Words, always; numbers are spelt alike (`1.0` as `1`) where all are numbers.
    Target,
    /// As the experiment says.
    Declared(ColumnType),
}

/// A typed column and what was met on the way.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub column: Column,
    pub missing: u64,
    pub infinite: u64,
}

/// Numbers and words in one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixed {
    pub numbers: u64,
    pub words: u64,
    /// The first cell of the rarer kind (words, where they are equally many): row through all files, and text.
    pub first: (usize, String),
}

/// Types a column that lies in several files, one after the other.
pub(super) fn typed(name: &str, parts: &[&StringChunked], missing: &[String], wanted: Wanted) -> Result<Typed, Mixed> {
    let rows = parts.iter().map(|p| p.len()).sum();
    if wanted == Wanted::Declared(ColumnType::Category) {
        return Ok(words(name, parts, missing, rows, false));
    }
    let mut values = Vec::with_capacity(rows);
    let (mut n_missing, mut n_infinite, mut n_numbers, mut n_words) = (0, 0, 0, 0);
    let (mut first_number, mut first_word) = (None, None);
    for (row, text) in parts.iter().flat_map(|p| p.iter()).enumerate() {
        values.push(match cell(text, missing) {
            Cell::Number(v, text) => {
                if first_number.is_none() {
                    first_number = Some((row, text));
                }
                n_numbers += 1;
                v
            }
            Cell::Missing => {
                n_missing += 1;
                f64::NAN
            }
            Cell::Infinite => {
                n_infinite += 1;
                f64::NAN
            }
            Cell::Word(text) => {
                if first_word.is_none() {
                    first_word = Some((row, text));
                }
                n_words += 1;
                f64::NAN
            }
        });
        // A column of words shows itself early: nothing more is to be learnt from parsing the rest.
        if n_numbers == 0 && n_words >= 1000 && wanted == Wanted::Aside {
            break;
        }
    }
    let declared_number = wanted == Wanted::Declared(ColumnType::Number);
    match (first_number, first_word) {
        (_, None) if wanted == Wanted::Target => Ok(words(name, parts, missing, rows, true)),
        (_, None) => Ok(Typed { column: Column::number(name, values), missing: n_missing, infinite: n_infinite }),
        (number, Some(word)) if declared_number || (wanted == Wanted::Feature && number.is_some()) => {
            let first = match number {
                Some(number) if !declared_number && n_numbers < n_words => number,
                _ => word,
            };
            Err(Mixed { numbers: n_numbers, words: n_words, first: (first.0, first.1.to_owned()) })
        }
        _ => Ok(words(name, parts, missing, rows, false)),
    }
}

/// A column of words. Levels come out sorted.
fn words(name: &str, parts: &[&StringChunked], missing: &[String], rows: usize, spell_alike: bool) -> Typed {
    let mut codes = Vec::with_capacity(rows);
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut n_missing, mut n_infinite) = (0, 0);
    let mut last: Option<(&str, u32)> = None;
    for text in parts.iter().flat_map(|p| p.iter()) {
        let text = match cell(text, missing) {
            Cell::Number(_, text) | Cell::Word(text) => text,
            Cell::Missing => {
                n_missing += 1;
                codes.push(MISSING);
                continue;
            }
            Cell::Infinite => {
                n_infinite += 1;
                codes.push(MISSING);
                continue;
            }
        };
        let code = match last {
            Some((word, code)) if word == text => code,
            _ => {
                let next = seen.len() as u32;
                *seen.entry(text).or_insert(next)
            }
        };
        last = Some((text, code));
        codes.push(code);
    }
    let mut spelt: Vec<String> = vec![String::new(); seen.len()];
    for (word, code) in seen {
        spelt[code as usize] = if spell_alike { whole(word) } else { word.to_owned() };
    }
    let mut levels = spelt.clone();
    levels.sort_unstable();
    levels.dedup();
    let rank: Vec<u32> = spelt.iter().map(|s| levels.partition_point(|l| l < s) as u32).collect();
    for code in &mut codes {
        if *code != MISSING {
            *code = rank[*code as usize];
        }
    }
    let column = Column { name: name.to_owned(), values: Values::Category { codes, levels } };
    Typed { column, missing: n_missing, infinite: n_infinite }
}

/// A number's one spelling: `1.0`, `+1` and `01` as `1`.
fn whole(text: &str) -> String {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(v), _) => v.to_string(),
        (_, Ok(v)) => format!("{}", v + 0.0),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str], wanted: Wanted) -> Result<Typed, Mixed> {
        let part: StringChunked = cells.iter().map(|c| Some(*c)).collect();
        typed("c", &[&part], &["-".to_owned()], wanted)
    }

    #[test]
    fn infinities_and_missing_are_counted_apart() {
        let cells = [" 1 ", "Infinity", "-Infinity", "inf", "NaN", "nan", "", "-", "1e400", "2.5"];
        let typed = column(&cells, Wanted::Feature).unwrap();
        assert_eq!((typed.missing, typed.infinite), (4, 4));
        let Values::Number(v) = typed.column.values else { unreachable!("numbers expected") };
        assert_eq!((v[0], v[9]), (1.0, 2.5));
        assert!(v[1..9].iter().all(|v| v.is_nan()));
    }

    #[test]
    fn a_mixture_names_the_first_of_the_rarer_kind() {
        let mixed = column(&["1", "2", "abc", "3", "-"], Wanted::Feature).unwrap_err();
        assert_eq!(mixed, Mixed { numbers: 3, words: 1, first: (2, "abc".into()) });
        let mixed = column(&["a", "b", "7"], Wanted::Feature).unwrap_err();
        assert_eq!(mixed.first, (2, "7".into()));
        let declared = column(&["a", "b", "7"], Wanted::Declared(ColumnType::Number)).unwrap_err();
        assert_eq!(declared.first, (0, "a".into()));
        let declared = column(&["1", "b"], Wanted::Declared(ColumnType::Category)).unwrap();
        assert_eq!(declared.column, Column::category("c", &[Some("1"), Some("b")]));
        assert_eq!(column(&["1", "b"], Wanted::Aside).unwrap().column.text(0).as_deref(), Some("1"));
        assert_eq!(column(&["01", "b"], Wanted::Target).unwrap().column.text(0).as_deref(), Some("01"));
    }

    #[test]
    fn whole_numbers_in_a_target_are_spelt_alike() {
        let target = column(&["1.0", "1", "2", "10", "-0.0", ""], Wanted::Target).unwrap().column;
        let spelt = [Some("1"), Some("1"), Some("2"), Some("10"), Some("0"), None];
        assert_eq!(target, Column::category("c", &spelt));
        let large = column(&["9007199254740993"], Wanted::Target).unwrap().column;
        assert_eq!(large.text(0).as_deref(), Some("9007199254740993"));
        assert_eq!(column(&["0.50"], Wanted::Target).unwrap().column.text(0).as_deref(), Some("0.5"));
    }

    #[test]
    fn a_column_without_any_value_is_numeric() {
        let typed = column(&["", "nan"], Wanted::Feature).unwrap();
        assert!(matches!(typed.column.values, Values::Number(_)));
        assert_eq!(typed.missing, 2);
    }

    #[test]
    fn long_columns_of_words_keep_every_row() {
        let cells: Vec<String> =
            (0..3000).map(|i| if i == 2500 { "7".into() } else { format!("w{}", i % 7) }).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let aside = column(&cells, Wanted::Aside).unwrap().column;
        assert_eq!((aside.len(), aside.text(2500).as_deref()), (3000, Some("7")));
        assert_eq!(column(&cells, Wanted::Feature).unwrap_err().first, (2500, "7".into()));
    }
}
