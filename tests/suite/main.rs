//! All integration tests in one binary: one link of the dependencies instead of one per file.

#![allow(missing_docs)]

mod bars;
mod checks;
mod cli;
mod conformance;
mod crash;
mod data;
mod determinism;
mod documented;
mod engine;
mod frozen;
mod golden;
mod golden_models;
mod invalid;
mod keys;
mod properties;
mod scale;
mod support;
