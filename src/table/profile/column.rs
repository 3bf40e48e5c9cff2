//! One column by itself.

use std::net::IpAddr;

use serde::Serialize;

use super::coded::{Coded, mix};
use crate::ml::{Column, Values};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whole numbers.
    Whole,
    /// Numbers, some of them not whole.
    Number,
    /// Words.
    Words,
    /// Words and numbers.
    Mixed,
    /// Nothing: every value is missing.
    Empty,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Number => "number",
            Self::Words => "words",
            Self::Mixed => "mixed",
            Self::Empty => "empty",
        }
    }

    /// Whether all values are numbers.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Whole | Self::Number)
    }
}

/// What words look like, apart from plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Looks {
    /// Addresses: IPv4, IPv6 or MAC.
    Address,
    /// Dates or times of day.
    Time,
}

/// What one column holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// What its words look like.
    pub looks: Option<Looks>,
    /// Rows without a value.
    pub missing: u64,
    /// Different values, a missing one not counted.
    pub distinct: u64,
    /// Smallest number.
    pub min: Option<f64>,
    /// Mean of the numbers.
    pub mean: Option<f64>,
    /// Standard deviation of the numbers (divided by their count).
    pub std: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
    /// The value of the first row that has one.
    pub first: Option<String>,
    /// The most frequent values with their rows: of equally frequent ones the first in order (numbers by size). Left
    /// out where every value is rare: more than 1,000 different ones.
    pub top: Vec<(String, u64)>,
    /// Rows of the rarest value; 0 where there is none.
    pub rarest: u64,
    /// Whether the rows count up or down by one, in whatever order.
    pub consecutive: bool,
}

const TOP: usize = 5;
const COUNTED: usize = 1000;

impl ColumnProfile {
    /// The profile and a hash of all values.
    pub(super) fn of(column: &Column) -> (Self, u64) {
        let coded = Coded::new(column);
        let distinct = coded.distinct();
        let mut out = Self {
            name: column.name.clone(),
            kind: Kind::Empty,
            looks: None,
            missing: coded.missing(),
            distinct: distinct as u64,
            min: None,
            mean: None,
            std: None,
            max: None,
            first: (0..column.len()).find(|&row| !column.is_missing(row)).and_then(|row| column.text(row)),
            top: Vec::new(),
            rarest: coded.counts.iter().copied().filter(|n| *n > 0).min().unwrap_or(0),
            consecutive: false,
        };
        let hash = match &column.values {
            Values::Number(values) => {
                out.numbers(values);
                hash(values.iter().map(|v| if v.is_nan() { u64::MAX } else { (v + 0.0).to_bits() }))
            }
            Values::Category { codes, levels } => {
                let used = || levels.iter().zip(&coded.counts).filter(|(_, n)| **n > 0).map(|(l, _)| l.as_str());
                out.words(used);
                hash(codes.iter().map(|&c| u64::from(c)))
            }
        };
        if distinct > 0 && distinct <= COUNTED {
            out.top = top(column, &coded);
        }
        (out, hash)
    }

    fn numbers(&mut self, values: &[f64]) {
        let present = || values.iter().copied().filter(|v| !v.is_nan());
        let (mut n, mut mean, mut low, mut high, mut whole) = (0_u64, 0.0, f64::INFINITY, f64::NEG_INFINITY, true);
        for v in present() {
            n += 1;
            mean += (v - mean) / n as f64;
            low = low.min(v);
            high = high.max(v);
            whole = whole && v.fract() == 0.0;
        }
        if n == 0 {
            return;
        }
        let squares: f64 = present().map(|v| (v - mean) * (v - mean)).sum();
        let finite = |v: f64| v.is_finite().then_some(v + 0.0);
        self.kind = if whole { Kind::Whole } else { Kind::Number };
        (self.min, self.max) = (finite(low), finite(high));
        (self.mean, self.std) = (finite(mean), finite((squares / n as f64).sqrt()));
        self.consecutive = whole && self.missing == 0 && self.distinct == n && high - low == (n - 1) as f64;
    }

    fn words<'a, I: Iterator<Item = &'a str>>(&mut self, levels: impl Fn() -> I) {
        let (mut numbers, mut words) = (0, 0);
        for level in levels() {
            *(if level.parse::<f64>().is_ok() { &mut numbers } else { &mut words }) += 1;
        }
        self.kind = match (numbers, words) {
            (0, 0) => return,
            // Numbers alone that were not read as numbers were declared to be words.
            (0, _) | (_, 0) => Kind::Words,
            _ => Kind::Mixed,
        };
        let total = (numbers + words) as usize;
        // Up to 500 levels, evenly spaced, tell what all look like.
        let sample: Vec<&str> = levels().step_by(total.div_ceil(500)).collect();
        let most = |is: fn(&str) -> bool| sample.iter().filter(|l| is(l)).count() * 10 >= sample.len() * 9;
        self.looks = if most(is_address) {
            Some(Looks::Address)
        } else if most(is_time) {
            Some(Looks::Time)
        } else {
            None
        };
    }

    /// Rows with a value.
    #[must_use]
    pub fn present(&self, rows: u64) -> u64 {
        rows - self.missing
    }
}

fn hash(keys: impl Iterator<Item = u64>) -> u64 {
    keys.fold(0, |hash, key| mix(hash ^ key))
}

fn top(column: &Column, coded: &Coded) -> Vec<(String, u64)> {
    let mut order: Vec<usize> = (0..coded.counts.len()).filter(|&code| coded.counts[code] > 0).collect();
    let size = |code: usize| match &column.values {
        Values::Number(v) => v[coded.example[code]],
        Values::Category { .. } => code as f64,
    };
    order.sort_by(|&a, &b| coded.counts[b].cmp(&coded.counts[a]).then(size(a).total_cmp(&size(b))));
    order
        .into_iter()
        .take(TOP)
        .map(|code| (column.text(coded.example[code]).unwrap_or_default(), coded.counts[code]))
        .collect()
}

fn is_address(word: &str) -> bool {
    // A MAC address: six pairs of hexadecimal digits.
    let mac = |separator: char| {
        let pairs: Vec<&str> = word.split(separator).collect();
        pairs.len() == 6 && pairs.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    word.parse::<IpAddr>().is_ok() || mac(':') || mac('-')
}

/// A date or a time of day in any of the usual forms: groups of digits between `/`, `-`, `:`, at most a few letters.
fn is_time(word: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    if word.len() > 40 || !word.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    let lower = word.to_lowercase();
    let known = |letters: &str| {
        MONTHS.iter().chain(&DAYS).any(|name| letters.starts_with(name))
            || matches!(letters, "am" | "pm" | "t" | "z" | "utc" | "gmt")
    };
    let letters = lower.split(|c: char| !c.is_alphabetic()).filter(|part| !part.is_empty());
    let digits: Vec<&str> = lower.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let plain = lower.chars().all(|c| c.is_alphanumeric() || " /-:.,+".contains(c));
    let joints = |c: char| lower.matches(c).count();
    let parted = joints(':') >= 1 || joints('/') == 2 || joints('-') >= 2;
    plain
        && parted
        && (2..=8).contains(&digits.len())
        && digits.iter().all(|d| d.len() <= 9)
        && letters.clone().all(known)
}
