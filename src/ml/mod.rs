//! The algorithms: frames, data sets, parts, splits, balancing, models and metrics. No I/O, no clock, no YAML.

pub mod adasyn;
mod balance;
pub mod borderline_smote;
mod dataset;
pub mod dbscan;
mod error;
pub mod forest;
mod frame;
pub mod gaussian_mixture;
pub mod gaussian_nb;
pub mod kmeans;
pub mod knn;
mod ledger;
pub mod logistic_regression;
#[cfg(test)]
mod made_up;
mod majority;
pub mod metrics;
pub mod mlp;
mod model;
pub mod neighbors;
mod numerics;
mod part;
mod progress;
pub mod random;
pub mod resample;
mod rowwise;
mod simd;
pub mod smote;
pub mod split;
mod votes;
mod warning;

pub use balance::{Balance, GivenBalance, NoBalance};
pub use dataset::{Dataset, check_finite};
pub use error::MlError;
pub use frame::{Column, Frame, Grouping, Labels, MISSING, Values};
pub use ledger::LedgerEntry;
pub use majority::{MAJORITY, Majority, MajorityModel};
pub use model::{FittedModel, ModelSpec, argmax};
pub use numerics::Numerics;
pub use part::{Part, Role, Training};
pub use progress::Progress;
pub use split::{Split, SplitSpec};
pub use votes::Votes;
pub use warning::{Code, Severity, Warning};
