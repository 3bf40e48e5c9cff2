//! A figure that may not exist.

use serde::{Deserialize, Serialize};

/// A figure, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// The figure, always finite.
    Defined(f64),
    /// Why the figure does not exist for this data, in a sentence fragment.
    Undefined(String),
}

impl Value {
    /// The figure, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        match self {
            Self::Defined(value) => Some(*value),
            Self::Undefined(_) => None,
        }
    }

    /// Why there is no figure, if there is none.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Defined(_) => None,
            Self::Undefined(reason) => Some(reason),
        }
    }
}
