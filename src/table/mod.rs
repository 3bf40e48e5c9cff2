//! Files to a cleaned table to a [`Frame`](crate::ml::Frame). The only room that knows polars.
//!
//! [`read_table`] takes the bytes of CSV, Parquet and Arrow files (their digests are taken elsewhere, of the same bytes)
//! and gives typed columns; [`clean`] does the steps of `clean:` and hands over a frame. [`read_npz`] takes ready arrays. Every row
//! and column that goes is counted in a [`LedgerEntry`](crate::ml::LedgerEntry).

mod arrays;
mod arrow;
mod clean;
mod correlated;
mod csv;
#[cfg(test)]
mod data_tests;
mod duplicates;
mod error;
mod frame;
mod grouping;
mod guard;
pub mod guess;
mod header;
mod mixed;
mod npy;
mod npz;
mod number;
mod parquet;
mod predictions;
pub mod profile;
mod read;
mod scan;
mod typing;
mod unpack;
mod words;

pub use clean::{Replay, RowStep, clean, clean_with_replay, sampled_away};
pub use error::TableError;
pub use header::{FirstLine, first_line};
pub use npz::{NpzArrays, read_npz, write_npz};
pub use predictions::{PlainColumn, PlainValues, read_predictions_parquet, write_predictions_parquet};
pub use read::{Input, Table, read_loosely, read_rows, read_table};

use profile::is_missing_marker;
