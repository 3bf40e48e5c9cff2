//! Parquet files, column by column.

use std::io::Cursor;

use polars_arrow::array::Array;
use polars_arrow::datatypes::Field;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, PageReader, column_iter_to_arrays, infer_schema,
    read_metadata,
};
use polars_parquet_format::PageHeader;
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use rayon::prelude::*;

use super::TableError;
use super::arrays::{check_size, check_type, part};
use super::error::quote;
use super::guard::guarded;
use super::typing::{Missing, Part, Want};

/// A file whose footer has been read.
#[derive(Debug)]
pub(super) struct ParquetFile<'a> {
    bytes: &'a [u8],
    metadata: FileMetadata,
    /// Its columns.
    pub fields: Vec<Field>,
    /// Number of rows.
    pub rows: usize,
}

fn damaged(message: String) -> TableError {
    TableError::new(format!("the Parquet file cannot be read: {message}"))
        .hint("it may be cut short or damaged: fetch it again and compare its SHA-256")
}

impl<'a> ParquetFile<'a> {
    /// Reads the footer; `bytes` begin with `PAR1`.
    ///
    /// # Errors
    /// [`TableError`] for damaged bytes, values that unpack to absurdly much, repeated names, and columns of lists and
    /// structs.
    pub fn open(bytes: &'a [u8]) -> Result<Self, TableError> {
        if !bytes.ends_with(b"PAR1") {
            return Err(damaged("it does not end with PAR1, as the format demands".into()));
        }
        let metadata = guarded(|| read_metadata(&mut Cursor::new(bytes))).map_err(damaged)?;
        let mut names: Vec<&str> = metadata.schema_descr.fields().iter().map(|f| f.name()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            return Err(TableError::new(format!("column names occur more than once: {}", quote(twice[0])))
                .hint("give every column its own name where the file is written"));
        }
        let schema = guarded(|| infer_schema(&metadata)).map_err(damaged)?;
        let fields: Vec<Field> = schema.iter_values().cloned().collect();
        fields.iter().try_for_each(|f| check_type(&f.name, &f.dtype))?;
        let rows = metadata.row_groups.iter().map(|g| g.num_rows() as u128).sum::<u128>();
        check_size(rows, fields.len(), 0, bytes.len())?;
        if rows != metadata.num_rows as u128 {
            return Err(damaged("its row groups have other numbers of rows than the whole".into()));
        }
        let file = Self { bytes, fields, rows: metadata.num_rows, metadata };
        let unpacked = file.unpacked()?;
        check_size(rows, file.fields.len(), unpacked, bytes.len())?;
        Ok(file)
    }

    /// The names of its columns.
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|f| f.name.to_string()).collect()
    }

    /// Reads the columns as wanted.
    ///
    /// # Errors
    /// [`TableError`] for damaged bytes.
    pub fn columns(&self, wants: &[Want], missing: &Missing) -> Result<Vec<Option<Part<'static>>>, TableError> {
        let read: Vec<Result<_, TableError>> = self
            .fields
            .par_iter()
            .zip(wants)
            .map(|(field, want)| match want {
                Want::Skip => Ok(None),
                want => part(&field.name, &self.arrays(field)?, *want, missing),
            })
            .collect();
        read.into_iter().collect()
    }

    /// The arrays of a column, one behind the other.
    pub fn arrays(&self, field: &Field) -> Result<Vec<Box<dyn Array>>, TableError> {
        let mut out = Vec::new();
        for (group, chunk) in self.chunks(field) {
            let chunk = chunk?;
            let bytes = self.bytes_of(chunk)?;
            let arrays = guarded(|| {
                // No page is larger than what there is.
                let pages = PageReader::new(Cursor::new(bytes.to_vec().into()), chunk, Vec::new(), bytes.len());
                let pages = BasicDecompressor::new(pages, Vec::new());
                let kind = &chunk.descriptor().descriptor.primitive_type;
                column_iter_to_arrays(vec![pages], vec![kind], field.clone(), None).map(|(arrays, _)| arrays)
            });
            let arrays = arrays.map_err(|e| damaged(format!("column {}: {e}", quote(&field.name))))?;
            if arrays.iter().map(|a| a.len()).sum::<usize>() != self.metadata.row_groups[group].num_rows() {
                return Err(damaged(format!("column {} has another number of rows", quote(&field.name))));
            }
            out.extend(arrays);
        }
        Ok(out)
    }

    /// The chunk of a column in every row group.
    fn chunks(&self, field: &Field) -> impl Iterator<Item = (usize, Result<&ColumnChunkMetadata, TableError>)> {
        self.metadata.row_groups.iter().enumerate().map(move |(i, group)| {
            let found = group.columns_under_root_iter(&field.name).into_iter().flatten().next();
            let none = || damaged(format!("column {} is not in every row group", quote(&field.name)));
            (i, found.ok_or_else(none))
        })
    }

    fn bytes_of(&self, chunk: &ColumnChunkMetadata) -> Result<&'a [u8], TableError> {
        let range = guarded(|| Ok::<_, String>(chunk.byte_range())).map_err(damaged)?;
        let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let bytes = range.and_then(|(start, end)| self.bytes.get(start..end));
        bytes.ok_or_else(|| damaged("a column lies beyond the end of the file".into()))
    }

    /// Bytes that all pages unpack to, as their headers say; what else they say must fit together.
    fn unpacked(&self) -> Result<u128, TableError> {
        let sizes: Vec<Result<u128, TableError>> = self
            .fields
            .par_iter()
            .map(|field| {
                let sizes = self.chunks(field).map(|(group, chunk)| {
                    let bytes = self.bytes_of(chunk?)?;
                    let rows = self.metadata.row_groups[group].num_rows();
                    guarded(|| check_pages(bytes, rows))
                        .map_err(|e| damaged(format!("column {}: {e}", quote(&field.name))))
                });
                sizes.sum()
            })
            .collect();
        sizes.into_iter().sum()
    }
}

/// Walks over the page headers of a chunk before anything is unpacked: the reader would believe them.
fn check_pages(chunk: &[u8], rows: usize) -> Result<u128, String> {
    let (mut unpacked, mut values) = (0, 0);
    let mut rest = chunk;
    while !rest.is_empty() {
        let mut reader = rest;
        let mut protocol = TCompactInputProtocol::new(&mut reader, chunk.len());
        let header = PageHeader::read_from_in_protocol(&mut protocol).map_err(|_| "a page without its header")?;
        let number = |n: i32| usize::try_from(n).map_err(|_| "a page of negative size");
        let stored = number(header.compressed_page_size)?;
        let size = number(header.uncompressed_page_size)?;
        unpacked += size as u128;
        for n in [
            header.data_page_header.as_ref().map(|h| h.num_values),
            header.data_page_header_v2.as_ref().map(|h| h.num_values),
        ]
        .into_iter()
        .flatten()
        {
            values += number(n)?;
        }
        // A value of a dictionary takes at least a bit.
        if header.dictionary_page_header.is_some_and(|h| number(h.num_values).is_ok_and(|n| n / 8 > size)) {
            return Err("a dictionary with more values than bytes".into());
        }
        rest = reader.get(stored..).ok_or("a page is cut short")?;
    }
    if values != rows {
        return Err(format!("its pages hold {values} values for {rows} rows"));
    }
    Ok(unpacked)
}

#[cfg(test)]
#[path = "parquet_tests.rs"]
mod tests;
