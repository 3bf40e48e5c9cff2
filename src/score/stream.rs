//! A table of any size, chunk by chunk. Text comes in pieces of whole rows; Parquet and Arrow files, which are read from
//! their end, are taken as a whole.

use std::io::{BufReader, Read};

use super::{ScoreError, ServedModel};
use crate::ml::{Column, Values};
use crate::spec::dataset::{ColumnType, DatasetSpec};
use crate::step::RawType;
use crate::table::{Input, TableError, read_rows};

/// Text of a chunk, about.
const CHUNK: usize = 1 << 20;
/// A row that is longer than this is a fault of form.
const MOST: usize = 64 << 20;

/// Some rows of a table.
#[derive(Debug)]
pub struct Chunk {
    /// The raw columns of the model.
    pub columns: Vec<Column>,
    /// The column of the right answers, where it is there.
    pub target: Option<Column>,
    /// How many rows.
    pub rows: usize,
    /// Rows before them.
    pub before: usize,
}

/// Reads a table and hands it over in chunks.
///
/// # Errors
/// [`TableError`] for what cannot be read, and the errors of `take`.
pub fn chunks<E: From<TableError> + From<std::io::Error>>(
    mut input: Box<dyn Read>,
    name: &str,
    model: &ServedModel,
    dataset: &DatasetSpec,
    take: &mut dyn FnMut(Chunk) -> Result<(), E>,
) -> Result<(), E> {
    let mut head = Vec::new();
    input.by_ref().take(8).read_to_end(&mut head)?;
    let input: Box<dyn Read> = Box::new(std::io::Cursor::new(head.clone()).chain(input));
    let mut input: Box<dyn Read> = match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(input))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(input)?),
        _ => input,
    };
    let mut bytes = Vec::new();
    input.by_ref().take(8).read_to_end(&mut bytes)?;
    let whole = bytes.starts_with(b"PAR1") || bytes.starts_with(b"ARROW1") || bytes.starts_with(&[0xff; 4]);
    if whole {
        input.read_to_end(&mut bytes)?;
        return take(chunk(&bytes, name, model, dataset, 0)?);
    }
    let (mut header, mut before, mut lines, mut first) = (Vec::new(), 0, 0_u64, true);
    loop {
        let over =
            input.by_ref().take((CHUNK.saturating_sub(bytes.len())).max(1 << 16) as u64).read_to_end(&mut bytes)? == 0;
        let end = if over { bytes.len() } else { last_row_end(&bytes) };
        if end == 0 && !over {
            if bytes.len() > MOST {
                let error = TableError::new(format!("a row of more than {} MiB", MOST >> 20)).in_file(name);
                return Err(error.hint("check the line ends, and that every quoted cell is closed").into());
            }
            continue;
        }
        if over && bytes.iter().all(u8::is_ascii_whitespace) {
            if first {
                return Err(TableError::new("the file is empty").in_file(name).into());
            }
            return Ok(());
        }
        let rest = bytes.split_off(end);
        let n_lines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let text = if first { bytes.clone() } else { [&header[..], &bytes[..]].concat() };
        if first && dataset.columns.is_none() {
            let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
            let line = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| start + at + 1);
            header = bytes[..line].to_vec();
        }
        let header_lines = header.iter().filter(|b| **b == b'\n').count() as u64;
        let only_header = first && !header.is_empty() && text.len() == header.len() && !over;
        if !only_header {
            let read = chunk(&text, name, model, dataset, before).map_err(|mut error| {
                if !first {
                    error.line = error.line.map(|line| line + lines - header_lines);
                }
                error
            })?;
            before += read.rows;
            take(read)?;
        }
        first = only_header;
        lines += if only_header { 0 } else { n_lines };
        if only_header {
            bytes.extend(rest);
        } else {
            bytes = rest;
        }
        if over {
            return Ok(());
        }
    }
}

/// The place behind the last line end that is not inside quotes; 0 where there is none.
fn last_row_end(bytes: &[u8]) -> usize {
    let (mut open, mut end) = (false, 0);
    for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
        match bytes[at] {
            b'"' => open = !open,
            _ if !open => end = at + 1,
            _ => {}
        }
    }
    end
}

fn chunk(
    bytes: &[u8],
    name: &str,
    model: &ServedModel,
    dataset: &DatasetSpec,
    before: usize,
) -> Result<Chunk, TableError> {
    let columns = &model.shape.columns;
    let target = dataset.target.as_ref().map(|t| t.0.as_str());
    let typed = |column: &str| {
        if target == Some(column) {
            return Some(ColumnType::Category);
        }
        columns.iter().find(|c| c.name == column).map(|c| match c.kind {
            RawType::Number => ColumnType::Number,
            RawType::Category => ColumnType::Category,
        })
    };
    let mut table = read_rows(&Input { name, bytes, role: None }, dataset, &typed, before)?;
    let rows = table.rows();
    let target = target.and_then(|t| table.columns.iter().position(|c| c.name == t));
    let target = target.map(|at| table.columns.remove(at));
    let have = |at: usize| table.columns.iter().any(|c| c.name == columns[at].name);
    let absent: Vec<Column> = (0..columns.len()).filter(|&at| !have(at)).map(|at| model.absent(at, rows)).collect();
    if absent.len() == columns.len() {
        let error = TableError::new("none of the columns that the model needs is in the table").in_file(name);
        return Err(error.suggest(&columns[0].name, table.names()));
    }
    table.columns.extend(absent);
    table.columns.retain(|c| columns.iter().any(|wanted| wanted.name == c.name));
    Ok(Chunk { columns: table.columns, target, rows, before })
}

impl Chunk {
    /// The text of the right answer of a row.
    #[must_use]
    pub fn truth(&self, row: usize) -> Option<&str> {
        match &self.target.as_ref()?.values {
            Values::Category { codes, levels } => levels.get(codes[row] as usize).map(String::as_str),
            Values::Number(_) => None,
        }
    }

    /// The answers to its rows; an error counts rows from the beginning of the table.
    ///
    /// # Errors
    /// As [`ServedModel::answer`].
    pub fn answer(&self, model: &ServedModel) -> Result<super::Answers, ScoreError> {
        model.answer(self.columns.clone(), self.rows).map_err(|e| e.later(self.before))
    }
}
