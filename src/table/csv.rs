//! The rows of a checked CSV file as columns of text, read by polars.

use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::{CsvReadOptions, DataType, Field, PlSmallStr, Schema, SerReader, StringChunked};

use super::TableError;
use super::scan::Scan;

/// Every column of the scanned rows as text, in the order of the file; an empty cell is null.
pub(super) fn text_columns(scan: &Scan<'_>, separator: u8) -> Result<Vec<StringChunked>, TableError> {
    let fault = |e: &dyn std::fmt::Display| TableError::new(format!("the rows cannot be read: {e}"));
    let schema: Schema =
        (0..scan.width).map(|i| Field::new(PlSmallStr::from_string(i.to_string()), DataType::String)).collect();
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(Arc::new(schema)))
        .with_infer_schema_length(Some(0))
        .with_n_threads(Some(rayon::current_num_threads()))
        .map_parse_options(|o| {
            o.with_separator(separator).with_quote_char(scan.quoted.then_some(b'"')).with_missing_is_null(true)
        })
        .into_reader_with_file_handle(Cursor::new(scan.body.as_ref()))
        .finish()
        .map_err(|e| fault(&e))?;
    if (frame.height(), frame.width()) != (scan.lines.len(), scan.width) {
        return Err(fault(&format!(
            "{} rows x {} columns came back for {} x {}",
            frame.height(),
            frame.width(),
            scan.lines.len(),
            scan.width
        )));
    }
    frame.columns().iter().map(|c| c.str().cloned().map_err(|e| fault(&e))).collect()
}
