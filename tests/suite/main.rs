//! All integration tests in one binary: one link of the dependencies instead of one per file.

#![allow(missing_docs)]

mod bars;
mod cli;
mod conformance;
mod data;
mod determinism;
mod formats;
mod frozen;
mod golden;
mod invalid;
mod keys;
mod malformed;
mod properties;
mod support;
