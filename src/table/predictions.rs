//! Predictions as Parquet.

use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::record_batch::RecordBatchT;
use polars_parquet::write::{
    CompressionOptions, FileWriter, RowGroupIterator, StatisticsOptions, Version, WriteOptions, get_dtype_encoding,
};

use super::TableError;
use super::parquet::ParquetFile;

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

impl PlainValues {
    fn len(&self) -> usize {
        match self {
            Self::U64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    fn dtype(&self) -> ArrowDataType {
        match self {
            Self::U64(_) => ArrowDataType::UInt64,
            Self::I32(_) => ArrowDataType::Int32,
            Self::F64(_) => ArrowDataType::Float64,
            Self::Text(_) => ArrowDataType::Utf8View,
        }
    }

    fn array(&self, rows: std::ops::Range<usize>) -> Box<dyn Array> {
        match self {
            Self::U64(v) => PrimitiveArray::from_slice(&v[rows]).boxed(),
            Self::I32(v) => PrimitiveArray::from_slice(&v[rows]).boxed(),
            Self::F64(v) => PrimitiveArray::from_slice(&v[rows]).boxed(),
            Self::Text(v) => Utf8ViewArray::from_slice_values(&v[rows]).boxed(),
        }
    }
}

/// The columns as the bytes of a Parquet file (Zstandard, row groups of 131,072 rows, full statistics). The same columns
/// give the same bytes.
///
/// # Errors
/// [`TableError`] for columns of different length or of one name.
pub fn write_predictions_parquet(columns: &[PlainColumn]) -> Result<Vec<u8>, TableError> {
    let fault = |e: &dyn std::fmt::Display| TableError::new(format!("the Parquet file cannot be written: {e}"));
    let rows = columns.first().map_or(0, |c| c.values.len());
    if columns.iter().any(|c| c.values.len() != rows) {
        return Err(fault(&"its columns have different numbers of rows"));
    }
    let fields = columns.iter().map(|c| Field::new(c.name.as_str().into(), c.values.dtype(), true));
    let schema = ArrowSchema::from_iter_check_duplicates(fields).map_err(|e| fault(&e))?;
    let options = WriteOptions {
        statistics: StatisticsOptions::full(),
        version: Version::V1,
        compression: CompressionOptions::Zstd(None),
        data_page_size: None,
    };
    let encodings = schema.iter_values().map(|f| get_dtype_encoding(&f.dtype)).collect();
    let batches = (0..rows).step_by(ROW_GROUP).map(|start| {
        let end = (start + ROW_GROUP).min(rows);
        let arrays = columns.iter().map(|c| c.values.array(start..end)).collect();
        RecordBatchT::try_new(end - start, schema.clone().into(), arrays)
    });
    let groups = RowGroupIterator::try_new(batches, &schema, options, encodings).map_err(|e| fault(&e))?;
    let mut writer = FileWriter::try_new(Vec::new(), schema.clone(), options).map_err(|e| fault(&e))?;
    for (start, group) in (0..rows).step_by(ROW_GROUP).zip(groups) {
        let group_rows = (start + ROW_GROUP).min(rows) - start;
        writer.write(group_rows as u64, group.map_err(|e| fault(&e))?).map_err(|e| fault(&e))?;
    }
    writer.end(None).map_err(|e| fault(&e))?;
    Ok(writer.into_inner())
}

/// Reads back what [`write_predictions_parquet`] wrote.
///
/// # Errors
/// [`TableError`] for bytes that are no such file.
pub fn read_predictions_parquet(bytes: &[u8]) -> Result<Vec<PlainColumn>, TableError> {
    let file = ParquetFile::open(bytes)?;
    file.fields
        .iter()
        .map(|field| {
            let arrays = file.arrays(field)?;
            let gap = || TableError::new(format!("the Parquet file lacks a value in column {:?}", field.name));
            macro_rules! values {
                ($array:ty, $kind:ident, $own:expr) => {
                    arrays
                        .iter()
                        .filter_map(|a| a.as_any().downcast_ref::<$array>())
                        .flat_map(|a| a.iter())
                        .map(|v| v.map($own))
                        .collect::<Option<_>>()
                        .map(PlainValues::$kind)
                };
            }
            let values = match field.dtype() {
                ArrowDataType::UInt64 => values!(PrimitiveArray<u64>, U64, |v| *v),
                ArrowDataType::Int32 => values!(PrimitiveArray<i32>, I32, |v| *v),
                ArrowDataType::Float64 => values!(PrimitiveArray<f64>, F64, |v| *v),
                ArrowDataType::Utf8View => values!(Utf8ViewArray, Text, str::to_owned),
                other => {
                    return Err(TableError::new(format!("column {:?} has the type {other:?}", field.name)));
                }
            };
            Ok(PlainColumn::new(field.name.as_str(), values.ok_or_else(gap)?))
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
