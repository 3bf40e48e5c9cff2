//! Parts of a data set, as types: what fits takes a [`Training`], which no held-out part can become.

use serde::{Deserialize, Serialize};

use super::MlError;

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything that learns, learns from this.
    Train,
    /// Choices (the winner, thresholds) are made on this.
    Validation,
    /// Only judged.
    Test,
}

impl Role {
    /// The lowercase word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// One part: which repeat, which fold, which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// Repeat of the whole split, from 0.
    pub repeat: u32,
    /// Fold within the repeat, from 0.
    pub fold: u32,
    /// What the part is for.
    pub role: Role,
}

impl Part {
    /// The part of a role in the first repeat and fold.
    #[must_use]
    pub fn first(role: Role) -> Self {
        Self { repeat: 0, fold: 0, role }
    }
}

/// A value made of training rows only. The one type that fitting accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct Training<T>(T);

impl<T> Training<T> {
    /// Takes a value that belongs to `part`.
    ///
    /// # Errors
    /// [`MlError::Data`] where the part is not a training part.
    pub fn new(part: Part, value: T) -> Result<Self, MlError> {
        match part.role {
            Role::Train => Ok(Self(value)),
            other => Err(MlError::data(format!("expected a training part, got a {} part", other.word()))),
        }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, owned.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A training value made of this one.
    pub fn map<U>(&self, make: impl FnOnce(&T) -> U) -> Training<U> {
        Training(make(&self.0))
    }

    /// A training value made of this one, or the error.
    ///
    /// # Errors
    /// Whatever `make` fails with.
    pub fn try_map<U, E>(&self, make: impl FnOnce(&T) -> Result<U, E>) -> Result<Training<U>, E> {
        make(&self.0).map(Training)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_out_part_never_becomes_training() {
        assert!(Training::new(Part::first(Role::Train), 1).is_ok());
        for role in [Role::Validation, Role::Test] {
            let error = Training::new(Part::first(role), 1).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(role.word()));
        }
    }
}
