//! The algorithms: frames, data sets, parts, splits, balancing, models and metrics. No I/O, no clock, no YAML.

mod dataset;
mod error;
mod frame;
mod part;
mod progress;
pub mod random;
mod warning;

pub use dataset::{Dataset, check_finite};
pub use error::MlError;
pub use frame::{Column, Frame, Grouping, Labels, MISSING, Values};
pub use part::{Part, Role, Training};
pub use progress::Progress;
pub use warning::{Code, Severity, Warning};
