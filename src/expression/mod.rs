//! Arithmetic over named columns: `` max(`Flow Bytes`, 1) / packets ``. Pure: text in, numbers out, and no text can make
//! it panic or run away.
//!
//! ```text
//! comparison := sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]        1 where it holds, else 0
//! sum        := product { ("+" | "-") product }
//! product    := sign { ("*" | "/") sign }
//! sign       := { "+" | "-" } value
//! value      := number | name | function "(" comparison { "," comparison } ")" | "(" comparison ")"
//! ```
//!
//! A name is a word of letters, digits, `_` and `.`, or anything between backticks or quotes, doubled where it is part
//! of the name. A missing operand makes the result missing; so does what has no finite result, with its [`Gap`].

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use evaluate::{Bound, Gap};
pub use parse::Fault;

use crate::param::{Parameter, Shape};

/// Longest text, in bytes.
pub const MOST_TEXT: usize = 4096;
/// Most brackets and functions inside one another.
pub const MOST_DEPTH: usize = 50;

/// A parsed expression over at least one column. Stored and compared as its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    columns: Vec<String>,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    /// Index of a name in the order of first mention.
    Column(usize),
    /// Terms, each with whether it is taken away.
    Sum(Vec<(bool, Node)>),
    /// Factors, each with whether it is divided by.
    Product(Vec<(bool, Node)>),
    Negative(Box<Node>),
    Compare(Relation, Box<(Node, Node)>),
    Call(Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

/// The functions: `if(condition, then, else)` works out only the side that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Min,
    Max,
    Abs,
    Log1p,
    Sqrt,
    If,
}

impl Function {
    const ALL: [Self; 6] = [Self::Min, Self::Max, Self::Abs, Self::Log1p, Self::Sqrt, Self::If];

    fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Abs => "abs",
            Self::Log1p => "log1p",
            Self::Sqrt => "sqrt",
            Self::If => "if",
        }
    }

    /// Fewest and most arguments.
    fn arguments(self) -> (usize, usize) {
        match self {
            Self::Min | Self::Max => (2, usize::MAX),
            Self::Abs | Self::Log1p | Self::Sqrt => (1, 1),
            Self::If => (3, 3),
        }
    }
}

impl Expression {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`Fault`] with the character at which it stops being an expression.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (root, columns) = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), columns, root })
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it names, each once, in the order of first mention.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The expression over these values, one slice for each of [`Expression::columns`]; NaN is missing.
    #[must_use]
    pub fn over<'a>(&'a self, columns: Vec<&'a [f64]>) -> Bound<'a> {
        Bound::new(&self.root, columns)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Parameter for Expression {
    fn shape() -> Shape {
        Shape::Checked {
            what: "an expression over columns",
            check: |text| Self::parse(text).map(drop).map_err(|fault| (fault.to_string(), fault.hint)),
        }
    }
}
