//! Arrow IPC, file (Feather version 2) and stream.

use std::io::Cursor;

use polars_arrow::array::Array;
use polars_arrow::datatypes::ArrowSchema;
use polars_arrow::io::ipc::format::ipc;
use polars_arrow::io::ipc::format::ipc::planus::ReadAsRoot;
use polars_arrow::io::ipc::read::{FileReader, StreamReader, StreamState, read_file_metadata, read_stream_metadata};

use super::TableError;
use super::arrays::{check_size, check_type};
use super::guard::guarded;

/// A decoded file.
#[derive(Debug)]
pub(super) struct ArrowTable {
    /// The names of its columns.
    pub names: Vec<String>,
    /// The arrays of every column, one behind the other.
    pub columns: Vec<Vec<Box<dyn Array>>>,
    /// Number of rows.
    pub rows: usize,
}

fn damaged(message: String) -> TableError {
    TableError::new(format!("the Arrow file cannot be read: {message}"))
        .hint("it may be cut short or damaged: fetch it again and compare its SHA-256")
}

/// Reads the file format; `bytes` begin with `ARROW1`.
///
/// # Errors
/// [`TableError`] for damaged bytes, values that unpack to absurdly much, and columns of lists and structs.
pub(super) fn read_file(bytes: &[u8]) -> Result<ArrowTable, TableError> {
    if !bytes.ends_with(b"ARROW1") {
        return Err(damaged("it does not end with ARROW1, as the format demands".into()));
    }
    let metadata = guarded(|| read_file_metadata(&mut Cursor::new(bytes))).map_err(damaged)?;
    let fields = fields(&metadata.schema, metadata.ipc_schema.fields.len())?;
    let blocks = metadata.dictionaries.iter().flatten().chain(&metadata.blocks);
    let sizes = blocks.map(|block| {
        let offset = usize::try_from(block.offset).map_err(|e| e.to_string())?;
        let length = usize::try_from(block.meta_data_length).map_err(|e| e.to_string())?;
        let (message, _) = message_at(bytes, offset)?.ok_or("a block without a message")?;
        guarded(|| size(message, bytes.get(offset.saturating_add(length)..).unwrap_or_default()))
    });
    check_sizes(sizes, fields.len(), bytes.len())?;
    let batches = guarded(|| {
        FileReader::new(Cursor::new(bytes), metadata, None, None)
            .map(|batch| batch.map(|b| b.into_arrays()))
            .collect::<Result<Vec<_>, _>>()
    });
    table(fields, batches.map_err(damaged)?)
}

/// Reads the streaming format; `bytes` begin with four bytes 0xff.
///
/// # Errors
/// As [`read_file`].
pub(super) fn read_stream(bytes: &[u8]) -> Result<ArrowTable, TableError> {
    let mut reader = Cursor::new(bytes);
    let metadata = guarded(|| read_stream_metadata(&mut reader)).map_err(damaged)?;
    let fields = fields(&metadata.schema, metadata.ipc_schema.fields.len())?;
    let mut sizes = Vec::new();
    let mut at = usize::try_from(reader.position()).unwrap_or(usize::MAX);
    while let Some((message, body)) = message_at(bytes, at).map_err(damaged)? {
        let rest = bytes.get(body..).unwrap_or_default();
        let length = guarded(|| message.body_length()).map_err(damaged)?;
        let length = usize::try_from(length).map_err(|e| damaged(e.to_string()))?;
        if length > rest.len() {
            return Err(damaged(format!("it ends in the middle of a batch of {length} bytes")));
        }
        sizes.push(guarded(|| size(message, rest)));
        at = body + length;
    }
    check_sizes(sizes, fields.len(), bytes.len())?;
    let batches = guarded(|| {
        StreamReader::new(reader, metadata, None)
            .map_while(|state| match state {
                Ok(StreamState::Some(batch)) => Some(Ok(batch.into_arrays())),
                // The end, without its mark.
                Ok(StreamState::Waiting) => None,
                Err(e) => Some(Err(e)),
            })
            .collect::<Result<Vec<_>, _>>()
    });
    table(fields, batches.map_err(damaged)?)
}

/// The names and types of the columns, all of which can be read.
fn fields(schema: &ArrowSchema, stored: usize) -> Result<Vec<String>, TableError> {
    if schema.len() != stored {
        return Err(TableError::new("column names occur more than once")
            .hint("give every column its own name where the file is written"));
    }
    schema.iter_values().map(|f| check_type(&f.name, &f.dtype).map(|()| f.name.to_string())).collect()
}

/// The message that begins at `at`, and where its body begins; `None` at the end of a stream.
fn message_at(bytes: &[u8], at: usize) -> Result<Option<(ipc::MessageRef<'_>, usize)>, String> {
    let word = |at: usize| bytes.get(at..)?.first_chunk::<4>().copied();
    let Some(first) = word(at) else { return Ok(None) };
    let (length, begin) = if first == [0xff; 4] {
        (word(at + 4).ok_or("it ends in the length of a message")?, at + 8)
    } else {
        (first, at + 4)
    };
    let length = usize::try_from(i32::from_le_bytes(length)).map_err(|_| "a message of negative length")?;
    if length == 0 {
        return Ok(None);
    }
    let message = bytes.get(begin..begin + length).ok_or("it ends in the middle of a message")?;
    Ok(Some((guarded(|| ipc::MessageRef::read_as_root(message))?, begin + length)))
}

/// Rows of a batch and the bytes that its buffers unpack to, as they say themselves.
fn size(message: ipc::MessageRef<'_>, body: &[u8]) -> ipc::planus::Result<(u128, u128)> {
    let batch = match message.header()? {
        Some(ipc::MessageHeaderRef::RecordBatch(batch)) => Some(batch),
        Some(ipc::MessageHeaderRef::DictionaryBatch(batch)) => batch.data()?,
        _ => None,
    };
    let Some(batch) = batch else { return Ok((0, 0)) };
    let packed = batch.compression()?.is_some();
    let mut bytes = 0;
    for buffer in batch.buffers()?.into_iter().flatten() {
        let stored = u128::try_from(buffer.length()).unwrap_or(u128::MAX);
        let begin = usize::try_from(buffer.offset()).unwrap_or(usize::MAX);
        // A packed buffer begins with its length; -1 says that it is not packed after all.
        let said = body.get(begin..).and_then(|b| b.first_chunk()).map_or(0, |b| i64::from_le_bytes(*b));
        let unpacked = if packed && stored > 0 { u128::try_from(said).unwrap_or(0) } else { 0 };
        bytes += stored.max(unpacked);
    }
    let mut rows = u128::try_from(batch.length()?).unwrap_or(u128::MAX);
    for node in batch.nodes()?.into_iter().flatten() {
        rows = rows.max(u128::try_from(node.length()).unwrap_or(u128::MAX));
    }
    Ok((rows, bytes))
}

fn check_sizes(
    sizes: impl IntoIterator<Item = Result<(u128, u128), String>>,
    columns: usize,
    file: usize,
) -> Result<(), TableError> {
    let (mut rows, mut bytes) = (0_u128, 0_u128);
    for size in sizes {
        let (its_rows, its_bytes) = size.map_err(damaged)?;
        rows = rows.saturating_add(its_rows);
        bytes = bytes.saturating_add(its_bytes);
    }
    check_size(rows, columns, bytes, file)
}

fn table(names: Vec<String>, batches: Vec<Vec<Box<dyn Array>>>) -> Result<ArrowTable, TableError> {
    let rows = batches.iter().map(|b| b.first().map_or(0, |a| a.len())).sum();
    let mut columns: Vec<Vec<Box<dyn Array>>> = names.iter().map(|_| Vec::with_capacity(batches.len())).collect();
    for batch in batches {
        if batch.len() != names.len() || batch.windows(2).any(|w| w[0].len() != w[1].len()) {
            return Err(damaged("its batches do not have the columns of its schema".into()));
        }
        batch.into_iter().zip(&mut columns).for_each(|(array, column)| column.push(array));
    }
    Ok(ArrowTable { names, columns, rows })
}

#[cfg(test)]
#[path = "arrow_tests.rs"]
mod tests;
