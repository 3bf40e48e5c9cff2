//! Cells to typed columns: numbers where all are numbers, words where none is.

use std::borrow::Cow;

use super::words::Interner;
use crate::ml::{Column, MISSING, Values};
use crate::spec::dataset::ColumnType;

/// The texts that mean "missing", besides the empty cell, NaN and infinities.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    texts: Vec<String>,
    numbers: Vec<f64>,
    first: [bool; 256],
}

impl Missing {
    /// Of these texts, without blanks around them.
    pub fn new(texts: &[String]) -> Self {
        let mut first = [false; 256];
        texts.iter().filter_map(|t| t.bytes().next()).for_each(|b| first[usize::from(b)] = true);
        Self { texts: texts.to_vec(), numbers: texts.iter().filter_map(|t| t.parse().ok()).collect(), first }
    }

    /// Whether a text is one of them.
    pub fn has(&self, text: &str) -> bool {
        self.may_begin(text.as_bytes().first()) && self.texts.iter().any(|t| t == text)
    }

    /// Whether a typed number is one of them, however they write it.
    pub fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&value)
    }

    /// Whether one of them begins with this byte.
    #[inline]
    pub fn may_begin(&self, byte: Option<&u8>) -> bool {
        byte.is_some_and(|&b| self.first[usize::from(b)])
    }
}

/// What one cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// Empty, NaN, or one of the texts that mean missing.
    Missing,
    /// An infinity, or a number too large for one: counted apart, then missing.
    Infinite,
    /// A finite number.
    Number(f64),
    /// Anything else.
    Word,
}

/// Reads a cell. Blanks around it do not count. A number is what Rust's `f64` reads: decimal, with an optional sign
/// and exponent; `nan`, `inf` and `infinity` in any case, with or without a sign.
pub(super) fn cell(text: &str, missing: &Missing) -> Cell {
    let text = text.trim();
    if text.is_empty() || missing.has(text) {
        return Cell::Missing;
    }
    match text.parse::<f64>() {
        Ok(v) if v.is_nan() => Cell::Missing,
        Ok(v) if v.is_infinite() => Cell::Infinite,
        Ok(v) => Cell::Number(v),
        Err(_) => Cell::Word,
    }
}

/// How a column of a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Not at all.
    Skip,
    /// As numbers, or as words from the first word on.
    Numbers,
    /// The same, and what a file declares to be text or time is read as a number too.
    OnlyNumbers,
    /// As words.
    Words,
}

/// A column of one file.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    /// Numbers only, or nothing.
    Numbers(Numbers),
    /// Words, or what was wanted as words.
    Words(Words<'a>),
    /// Numbers and words: to be read again as words.
    Both,
}

/// Numbers; NaN where one is missing.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pub values: Vec<f64>,
    pub missing: u64,
    pub infinite: u64,
}

/// Texts as they stand in the file, without blanks around them.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    /// A word for every row; [`MISSING`] where none is.
    pub codes: Vec<u32>,
    /// The distinct words.
    pub words: Vec<Cow<'a, str>>,
    /// Rows without one.
    pub missing: u64,
    /// Rows with an infinity.
    pub infinite: u64,
    /// The file declares them to be words, even those that look like numbers.
    pub are_words: bool,
}

impl Part<'_> {
    /// Whether it has any value.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(n) => n.missing + n.infinite == n.values.len() as u64,
            Self::Words(w) => w.words.is_empty(),
            Self::Both => false,
        }
    }
}

impl Numbers {
    /// The same column as words, where it has no value.
    pub fn empty_words(&self) -> Words<'static> {
        Words {
            codes: vec![MISSING; self.values.len()],
            words: Vec::new(),
            missing: self.missing,
            infinite: self.infinite,
            are_words: true,
        }
    }
}

/// How a column is to be typed.
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

impl Wanted {
    /// How the files are to be read for it.
    pub fn want(self) -> Want {
        match self {
            Self::Target | Self::Declared(ColumnType::Category) => Want::Words,
            Self::Feature | Self::Aside => Want::Numbers,
            Self::Declared(ColumnType::Number) => Want::OnlyNumbers,
        }
    }
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

/// The column of numbers that lies in several files.
pub(super) fn numbers(name: &str, parts: Vec<Numbers>) -> Typed {
    let missing = parts.iter().map(|p| p.missing).sum();
    let infinite = parts.iter().map(|p| p.infinite).sum();
    let mut parts = parts.into_iter();
    let mut values = parts.next().map(|p| p.values).unwrap_or_default();
    parts.for_each(|p| values.extend(p.values));
    Typed { column: Column::number(name, values), missing, infinite }
}

/// The column of words that lies in several files. Its levels come out sorted.
pub(super) fn words(name: &str, parts: &[Words<'_>], none: &Missing, wanted: Wanted) -> Result<Typed, Mixed> {
    let mut all = Interner::default();
    let mut codes = Vec::with_capacity(parts.iter().map(|p| p.codes.len()).sum());
    // What each word is; the same text may be a number in one file and declared a word by another.
    let mut kinds: Vec<Cell> = Vec::new();
    for part in parts {
        let new: Vec<u32> = part.words.iter().map(|word| all.number(word)).collect();
        for (word, &code) in part.words.iter().zip(&new) {
            let kind = match cell(word, none) {
                Cell::Number(_) if part.are_words => Cell::Word,
                kind => kind,
            };
            match kinds.get_mut(code as usize) {
                None => kinds.push(kind),
                Some(known) if kind == Cell::Word => *known = kind,
                Some(_) => {}
            }
        }
        codes.extend(part.codes.iter().map(|&c| if c == MISSING { MISSING } else { new[c as usize] }));
    }
    let spelt = all.into_words();
    let mut counts = vec![0_u64; spelt.len()];
    codes.iter().filter(|c| **c != MISSING).for_each(|&c| counts[c as usize] += 1);
    let total = |is: fn(&Cell) -> bool| kinds.iter().zip(&counts).filter(|(k, _)| is(k)).map(|(_, n)| n).sum::<u64>();
    let (n_numbers, n_words) = (total(|k| matches!(k, Cell::Number(_))), total(|k| *k == Cell::Word));
    let declared_number = wanted == Wanted::Declared(ColumnType::Number);
    if n_words > 0 && (declared_number || (wanted == Wanted::Feature && n_numbers > 0)) {
        let by_word = declared_number || n_numbers >= n_words;
        let stands_out = |kind: &Cell| if by_word { *kind == Cell::Word } else { matches!(kind, Cell::Number(_)) };
        let first = codes.iter().position(|&c| c != MISSING && stands_out(&kinds[c as usize])).unwrap_or_default();
        let text = codes.get(first).and_then(|&c| spelt.get(c as usize)).map(|w| w.to_string()).unwrap_or_default();
        return Err(Mixed { numbers: n_numbers, words: n_words, first: (first, text) });
    }
    let spell_alike = wanted == Wanted::Target && n_words == 0;
    let is_value = |kind: &Cell| matches!(kind, Cell::Number(_) | Cell::Word);
    let names: Vec<Option<String>> = spelt
        .iter()
        .zip(&kinds)
        .map(|(word, kind)| is_value(kind).then(|| if spell_alike { whole(word) } else { word.to_string() }))
        .collect();
    let mut levels: Vec<String> = names.iter().flatten().cloned().collect();
    levels.sort_unstable();
    levels.dedup();
    let rank: Vec<u32> =
        names.iter().map(|name| name.as_ref().map_or(MISSING, |n| levels.partition_point(|l| l < n) as u32)).collect();
    for code in &mut codes {
        if *code != MISSING {
            *code = rank[*code as usize];
        }
    }
    let missing = parts.iter().map(|p| p.missing).sum::<u64>() + total(|k| *k == Cell::Missing);
    let infinite = parts.iter().map(|p| p.infinite).sum::<u64>() + total(|k| *k == Cell::Infinite);
    let column = Column { name: name.to_owned(), values: Values::Category { codes, levels } };
    Ok(Typed { column, missing, infinite })
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

    fn part<'a>(cells: &[&'a str], none: &Missing) -> Words<'a> {
        let mut interner = Interner::default();
        let mut missing = 0;
        let codes = cells
            .iter()
            .map(|c| match c.trim() {
                c if c.is_empty() || none.has(c) => {
                    missing += 1;
                    MISSING
                }
                c => interner.number(c),
            })
            .collect();
        Words { codes, words: interner.into_words(), missing, infinite: 0, are_words: false }
    }

    fn column(cells: &[&str], wanted: Wanted) -> Result<Typed, Mixed> {
        let none = Missing::new(&["-".to_owned()]);
        words("c", &[part(cells, &none)], &none, wanted)
    }

    #[test]
    fn cells_are_numbers_words_infinite_or_missing() {
        let none = Missing::new(&["-".to_owned(), "-1".to_owned()]);
        for (text, kind) in [
            (" 1 ", Cell::Number(1.0)),
            ("+2.5e-1", Cell::Number(0.25)),
            ("Infinity", Cell::Infinite),
            ("-inf", Cell::Infinite),
            ("1e400", Cell::Infinite),
            ("NaN", Cell::Missing),
            ("", Cell::Missing),
            (" - ", Cell::Missing),
            ("-1", Cell::Missing),
            ("-1.0", Cell::Number(-1.0)),
            ("0x1f", Cell::Word),
            ("1,5", Cell::Word),
        ] {
            assert_eq!(cell(text, &none), kind, "{text:?}");
        }
        assert!(none.has_number(-1.0) && !none.has_number(1.0));
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
    fn infinities_and_missing_words_are_counted_apart() {
        let typed = column(&["x", "Infinity", "NaN", "", "-", "nan"], Wanted::Feature).unwrap();
        assert_eq!((typed.missing, typed.infinite), (4, 1));
        assert_eq!(typed.column, Column::category("c", &[Some("x"), None, None, None, None, None]));
    }

    #[test]
    fn what_a_file_declares_to_be_words_is_no_number() {
        let none = Missing::new(&[]);
        let declared = Words { are_words: true, ..part(&["80", "443"], &none) };
        let typed = words("c", std::slice::from_ref(&declared), &none, Wanted::Feature).unwrap();
        assert_eq!(typed.column, Column::category("c", &[Some("80"), Some("443")]));
        let plain = part(&["80", "22"], &none);
        let mixed = words("c", &[plain, declared], &none, Wanted::Feature).unwrap_err();
        assert_eq!((mixed.numbers, mixed.words), (1, 3), "80 is a word in one of the files");
    }
}
