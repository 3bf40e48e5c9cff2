//! All integration tests in one binary: one link of the dependencies instead of one per file.

#![allow(missing_docs)]

mod cli;
mod determinism;
mod invalid;
mod support;
