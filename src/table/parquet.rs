//! Predictions as Parquet.

use std::io::Cursor;

use polars::prelude::{
    DataFrame, DataType, IntoColumn, NamedFrom, ParquetCompression, ParquetReader, ParquetWriter, SerReader, Series,
    StatisticsOptions,
};

use super::TableError;

/// Rows of one row group.
const ROW_GROUP: usize = 1 << 17;

/// The values of a plain column.
#[derive(Clone, Debug, PartialEq)]
pub enum PlainValues {
    /// Row ids.
    U64(Vec<u64>),
    /// Clusters; -1 is noise.
    I32(Vec<i32>),
    /// Probabilities.
    F64(Vec<f64>),
    /// Classes.
    Text(Vec<String>),
}

/// A plain column: a name and a value in every row.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainColumn {
    /// Name.
    pub name: String,
    /// Values.
    pub values: PlainValues,
}

impl PlainColumn {
    /// A column.
    pub fn new(name: impl Into<String>, values: PlainValues) -> Self {
        Self { name: name.into(), values }
    }
}

/// The columns as the bytes of a Parquet file (Zstandard, row groups of 131,072 rows, full statistics). The same columns
/// give the same bytes.
///
/// # Errors
/// [`TableError`] for columns of different length or of one name.
pub fn write_predictions_parquet(columns: &[PlainColumn]) -> Result<Vec<u8>, TableError> {
    let fault = |e: polars::error::PolarsError| TableError::new(format!("the Parquet file cannot be written: {e}"));
    let series = columns.iter().map(|c| {
        let name = c.name.as_str().into();
        match &c.values {
            PlainValues::U64(v) => Series::new(name, v),
            PlainValues::I32(v) => Series::new(name, v),
            PlainValues::F64(v) => Series::new(name, v),
            PlainValues::Text(v) => Series::new(name, v),
        }
        .into_column()
    });
    let mut frame = DataFrame::new_infer_height(series.collect()).map_err(fault)?;
    let mut out = Vec::new();
    ParquetWriter::new(&mut out)
        .with_compression(ParquetCompression::Zstd(None))
        .with_statistics(StatisticsOptions::full())
        .with_row_group_size(Some(ROW_GROUP))
        .finish(&mut frame)
        .map_err(fault)?;
    Ok(out)
}

/// Reads back what [`write_predictions_parquet`] wrote.
///
/// # Errors
/// [`TableError`] for bytes that are no such file.
pub fn read_predictions_parquet(bytes: &[u8]) -> Result<Vec<PlainColumn>, TableError> {
    let fault = |e: &dyn std::fmt::Display| TableError::new(format!("the Parquet file cannot be read: {e}"));
    let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(|e| fault(&e))?;
    let gap = || fault(&"a value is missing");
    frame
        .columns()
        .iter()
        .map(|c| {
            let read = |e: polars::error::PolarsError| fault(&e);
            let values = match c.dtype() {
                DataType::UInt64 => c.u64().map_err(read)?.iter().collect::<Option<_>>().map(PlainValues::U64),
                DataType::Int32 => c.i32().map_err(read)?.iter().collect::<Option<_>>().map(PlainValues::I32),
                DataType::Float64 => c.f64().map_err(read)?.iter().collect::<Option<_>>().map(PlainValues::F64),
                DataType::String => {
                    let text = c.str().map_err(read)?;
                    text.iter().map(|t| t.map(str::to_owned)).collect::<Option<_>>().map(PlainValues::Text)
                }
                other => return Err(fault(&format!("column {:?} has the type {other}", c.name()))),
            };
            Ok(PlainColumn::new(c.name().as_str(), values.ok_or_else(gap)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: usize) -> Vec<PlainColumn> {
        vec![
            PlainColumn::new("row_id", PlainValues::U64((0..rows as u64).map(|i| i << 33).collect())),
            PlainColumn::new("y_pred", PlainValues::Text((0..rows).map(|i| format!("class {}", i % 8)).collect())),
            PlainColumn::new("p", PlainValues::F64((0..rows).map(|i| (i as f64).sqrt()).collect())),
            PlainColumn::new("cluster", PlainValues::I32((0..rows).map(|i| (i % 5) as i32 - 1).collect())),
        ]
    }

    #[test]
    fn comes_back_and_has_the_same_bytes_each_time() {
        for rows in [0, 1, 1053, 140_000] {
            let columns = columns(rows);
            let bytes = write_predictions_parquet(&columns).unwrap();
            assert_eq!(&bytes[..4], b"PAR1");
            assert_eq!(read_predictions_parquet(&bytes).unwrap(), columns, "{rows} rows");
            let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            assert_eq!(one.install(|| write_predictions_parquet(&columns)).unwrap(), bytes, "{rows} rows");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut uneven = columns(3);
        uneven[0].values = PlainValues::U64(vec![1]);
        assert!(write_predictions_parquet(&uneven).is_err());
        let mut twice = columns(3);
        twice[1].name = "row_id".into();
        assert!(write_predictions_parquet(&twice).is_err());
        assert!(read_predictions_parquet(b"PAR1 but nothing else").is_err());
    }
}
