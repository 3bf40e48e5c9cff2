//! Parameters as data: every setting of the language is declared once, in its Rust type, with its documentation,
//! default and allowed values. Checking, the JSON Schema, `runner explain` and the resolved experiment are all read
//! off that declaration. Nothing here knows YAML or files.

mod declare;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub(crate) use declare::{choice, parameters, record, words};
pub use read::{Fault, Param, PathStep, closest};

/// The values that a parameter may take.
#[derive(Clone, Debug)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number {
        /// Only whole numbers.
        whole: bool,
        /// Allowed range.
        range: Range,
    },
    /// Text. With `loose`, numbers and booleans are taken as their text.
    Text {
        /// Take numbers and booleans too.
        loose: bool,
    },
    /// Text that must parse.
    Checked {
        /// What it is, with its article.
        what: &'static str,
        /// Gives what is wrong, and the next move if one is known.
        check: fn(&str) -> Result<(), Complaint>,
    },
    /// One of these words, each with its documentation.
    Word(Vec<(&'static str, &'static str)>),
    /// `null`.
    Null,
    /// Any of these; the first that fits.
    Either(Vec<Shape>),
    /// A list; `single` also takes one item without brackets.
    List {
        /// What each item is.
        item: Box<Shape>,
        /// Fewest items.
        at_least: usize,
        /// Whether a single item may stand without brackets.
        single: bool,
    },
    /// A map from any name to this.
    Map(Box<Shape>),
    /// A map with these keys.
    Record(Record),
    /// A word or a one-key map.
    Choice(Choice),
    /// A map from a free name to the settings of one of the choices: the name is the kind unless `kind:` is given;
    /// `null` removes an inherited entry.
    Named(Choice),
}

/// What is wrong with a text, and the next move if one is known.
pub type Complaint = (String, Option<String>);

/// The declared type of a parameter.
pub trait Parameter {
    /// The values it may take.
    fn shape() -> Shape;
}

/// A record of parameters.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it is, in the words of its type's documentation.
    pub doc: &'static str,
    /// Its parameters, in order.
    pub fields: Vec<Field>,
    /// The parameter that a bare value sets: `round: 3` is `round: {decimals: 3}`.
    pub short: Option<&'static str>,
}

/// One parameter of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the file.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static str,
    /// What it may be.
    pub shape: Shape,
    /// What it is where it is left out; `None` means it must be given.
    pub default: Option<Json>,
}

/// A closed choice: each variant is a word or a one-key map.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is being chosen.
    pub doc: &'static str,
    /// The variants.
    pub variants: Vec<Variant>,
}

/// One variant of a choice.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its word.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static str,
    /// Its parameters.
    pub record: Record,
}

/// An interval of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// `min` itself is not allowed.
    pub above: bool,
    /// `max` itself is not allowed.
    pub below: bool,
}

impl Range {
    /// Numbers not under `min`.
    #[must_use]
    pub fn at_least(min: f64) -> Self {
        Self { min: Some(min), ..Self::default() }
    }

    /// Numbers over `min`.
    #[must_use]
    pub fn above(min: f64) -> Self {
        Self { min: Some(min), above: true, ..Self::default() }
    }

    /// Numbers from `min` to `max`, both included.
    #[must_use]
    pub fn between(min: f64, max: f64) -> Self {
        Self { min: Some(min), max: Some(max), ..Self::default() }
    }

    /// The same without its lower end.
    #[must_use]
    pub fn without_min(self) -> Self {
        Self { above: true, ..self }
    }

    /// The same without its upper end.
    #[must_use]
    pub fn without_max(self) -> Self {
        Self { below: true, ..self }
    }

    /// Whether `value` lies in it.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        value.is_finite()
            && self.min.is_none_or(|m| if self.above { value > m } else { value >= m })
            && self.max.is_none_or(|m| if self.below { value < m } else { value <= m })
    }

    /// The rule in words: `at least 1`, `above 0 and at most 1`. Empty where anything goes.
    #[must_use]
    pub fn words(&self) -> String {
        let low = self.min.map(|m| format!("{} {m}", if self.above { "above" } else { "at least" }));
        let high = self.max.map(|m| format!("{} {m}", if self.below { "below" } else { "at most" }));
        [low, high].into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

impl Shape {
    /// A number of any size.
    #[must_use]
    pub fn number() -> Self {
        Self::Number { whole: false, range: Range::default() }
    }

    /// A whole number not under 0.
    #[must_use]
    pub fn count() -> Self {
        Self::Number { whole: true, range: Range::at_least(0.0) }
    }

    /// The same with its numbers held to `range`; reaches into lists and alternatives.
    #[must_use]
    pub fn within(self, range: Range) -> Self {
        match self {
            Self::Number { whole, .. } => Self::Number { whole, range },
            Self::Either(all) => Self::Either(all.into_iter().map(|s| s.within(range)).collect()),
            Self::List { item, at_least, single } => {
                Self::List { item: Box::new(item.within(range)), at_least, single }
            }
            Self::Map(item) => Self::Map(Box::new(item.within(range))),
            other => other,
        }
    }
}

/// Text that may be written as a number or a boolean: class and column names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(pub String);

macro_rules! number {
    ($($ty:ty => $shape:expr),* $(,)?) => { $(impl Parameter for $ty {
        fn shape() -> Shape { $shape }
    })* };
}

number! {
    bool => Shape::Bool,
    f64 => Shape::number(),
    usize => Shape::count(),
    u64 => Shape::count(),
    u32 => Shape::count(),
    String => Shape::Text { loose: false },
    Name => Shape::Text { loose: true },
}

impl<T: Parameter> Parameter for Vec<T> {
    fn shape() -> Shape {
        Shape::List { item: Box::new(T::shape()), at_least: 0, single: false }
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Null, T::shape()])
    }
}

impl<T: Parameter> Parameter for BTreeMap<String, T> {
    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }
}
