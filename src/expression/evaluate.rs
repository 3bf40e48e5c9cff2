//! The value of an expression, row by row.

use super::{Function, Node, Relation};

/// Why a row has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// An operand is missing.
    Missing,
    /// Something was divided by zero.
    DivisionByZero,
    /// `sqrt` of a number below 0.
    NegativeRoot,
    /// `log1p` of a number that is not above -1.
    Logarithm,
    /// A result is too large for a number.
    Overflow,
}

/// An expression with the values of its columns.
#[derive(Clone, Debug)]
pub struct Bound<'a> {
    root: &'a Node,
    columns: Vec<&'a [f64]>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(root: &'a Node, columns: Vec<&'a [f64]>) -> Self {
        Self { root, columns }
    }

    /// The value of one row, always finite. Operands are worked out from left to right; the first that has no value
    /// gives the reason.
    ///
    /// # Errors
    /// [`Gap`] where there is none.
    pub fn row(&self, row: usize) -> Result<f64, Gap> {
        self.value(self.root, row)
    }

    fn value(&self, node: &Node, row: usize) -> Result<f64, Gap> {
        match node {
            Node::Number(value) => Ok(*value),
            Node::Column(at) => match self.columns.get(*at).and_then(|values| values.get(row)) {
                Some(value) if !value.is_nan() => Ok(*value),
                _ => Err(Gap::Missing),
            },
            Node::Negative(inner) => Ok(-self.value(inner, row)?),
            Node::Sum(terms) => {
                // From the first term on, so that 0 is added to nothing.
                let mut sum = None;
                for (less, term) in terms {
                    let value = self.value(term, row)?;
                    sum = Some(match sum {
                        None => value,
                        Some(sum) => finite(if *less { sum - value } else { sum + value })?,
                    });
                }
                Ok(sum.unwrap_or(0.0))
            }
            Node::Product(factors) => {
                let mut product = None;
                for (over, factor) in factors {
                    let value = self.value(factor, row)?;
                    product = Some(match product {
                        None => value,
                        Some(_) if *over && value == 0.0 => return Err(Gap::DivisionByZero),
                        Some(product) => finite(if *over { product / value } else { product * value })?,
                    });
                }
                Ok(product.unwrap_or(1.0))
            }
            Node::Compare(relation, sides) => {
                let (left, right) = (self.value(&sides.0, row)?, self.value(&sides.1, row)?);
                #[allow(clippy::float_cmp)] // the same value is meant
                let holds = match relation {
                    Relation::Less => left < right,
                    Relation::AtMost => left <= right,
                    Relation::Greater => left > right,
                    Relation::AtLeast => left >= right,
                    Relation::Equal => left == right,
                    Relation::Unequal => left != right,
                };
                Ok(f64::from(u8::from(holds)))
            }
            Node::Call(function, given) => self.call(*function, given, row),
        }
    }

    fn call(&self, function: Function, given: &[Node], row: usize) -> Result<f64, Gap> {
        let Some((first, rest)) = given.split_first() else { return Err(Gap::Missing) };
        let first = self.value(first, row)?;
        match function {
            Function::Abs => Ok(first.abs()),
            Function::Sqrt if first < 0.0 => Err(Gap::NegativeRoot),
            Function::Sqrt => Ok(first.sqrt()),
            Function::Log1p if first <= -1.0 => Err(Gap::Logarithm),
            Function::Log1p => Ok(first.ln_1p()),
            Function::If => match rest {
                [then, _] if first != 0.0 => self.value(then, row),
                [_, otherwise] => self.value(otherwise, row),
                _ => Err(Gap::Missing),
            },
            Function::Min | Function::Max => {
                let mut best = first;
                for node in rest {
                    let value = self.value(node, row)?;
                    best = if function == Function::Min { best.min(value) } else { best.max(value) };
                }
                Ok(best)
            }
        }
    }
}

fn finite(value: f64) -> Result<f64, Gap> {
    if value.is_finite() { Ok(value) } else { Err(Gap::Overflow) }
}
