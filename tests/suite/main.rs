//! All integration tests in one binary: one link of the dependencies instead of one per file.

#![allow(missing_docs)]

mod bars;
mod checks;
mod cli;
mod compare;
mod conformance;
mod crash;
mod data;
mod determinism;
mod documented;
mod engine;
mod formats;
mod frozen;
mod golden;
mod golden_models;
mod golden_paired;
mod init;
mod invalid;
mod keys;
mod malformed;
mod properties;
mod report;
mod scale;
mod serve;
mod serve_load;
mod support;
