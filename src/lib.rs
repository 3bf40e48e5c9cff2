//! An experiment runner for network-traffic tables.
//!
//! Read [`param`] for how a setting is declared, [`ml`] for the algorithms.

pub mod digest;
pub mod ml;
pub mod param;
pub mod spec;
