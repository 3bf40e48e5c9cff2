//! Warnings: what the reader of a result must know, each with a stable code.

use serde::{Deserialize, Serialize};

/// How much a warning weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// May bend a result.
    Warning,
    /// Refused unless waived.
    Error,
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $code:ident, )*) => {
        /// The stable codes. `S..` are the method checks, `R..` are remarks of the runner itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $( $(#[doc = $doc])+ $code, )* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[ $( Self::$code, )* ];

            /// The code as text.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$code => stringify!($code), )* }
            }

            /// What it stands for.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$code => concat!($($doc),+).trim_ascii(), )* }
            }
        }
    };
}

codes! {
    /// A test part that came with the data was mixed into a new split.
    S01,
    /// Something was fitted on, or chosen by, all rows, test rows included.
    S03,
    /// The winner, a threshold or labels were chosen on the test part.
    S09,
    /// Rows, columns or values were changed or dropped while loading.
    S20,
    /// SMOTE put values between those of a categorical column.
    S21,
    /// A class was thinned out, then oversampled.
    S23,
    /// A group of classes hides that one of them is missed.
    S28,
    /// Balancing had too few rows of a class, or none of the kind that it needs, to do as asked.
    R01,
    /// A fit stopped before it converged.
    R02,
    /// A metric is undefined: it was set to 0 in an average, or left empty.
    R03,
    /// Categories at prediction that training has not seen.
    R04,
    /// A class occurs only outside the training part.
    R05,
    /// A group names a class that no row has.
    R06,
}

/// One warning of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable code.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// What happened, in one sentence fragment with the figures.
    pub message: String,
    /// Where: a place in the experiment (`clean.0`, `models.mlp`), if there is one.
    pub place: Option<String>,
}

impl Warning {
    /// A warning of severity [`Severity::Warning`] without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warning, message: message.into(), place: None }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same as [`Severity::Info`].
    #[must_use]
    pub fn info(mut self) -> Self {
        self.severity = Severity::Info;
        self
    }
}
