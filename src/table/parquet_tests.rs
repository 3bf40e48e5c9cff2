use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema};
use polars_arrow::record_batch::RecordBatchT;
use polars_parquet::write::{
    CompressionOptions, FileWriter, RowGroupIterator, StatisticsOptions, Version, WriteOptions, get_dtype_encoding,
};

use super::*;

fn write(names: &[&str], arrays: Vec<Box<dyn Array>>, groups: usize, compression: CompressionOptions) -> Vec<u8> {
    let fields = names.iter().zip(&arrays);
    let fields: Vec<Field> = fields.map(|(n, a)| Field::new((*n).into(), a.dtype().clone(), true)).collect();
    let schema: ArrowSchema = fields.iter().map(|f| (f.name.clone(), f.clone())).collect();
    let options = WriteOptions {
        statistics: StatisticsOptions::full(),
        version: Version::V1,
        compression,
        data_page_size: Some(if arrays[0].len() > 1000 { 1 << 20 } else { 64 }),
    };
    let encodings = fields.iter().map(|f| get_dtype_encoding(&f.dtype)).collect();
    let rows = arrays[0].len();
    let batches = (0..groups).map(|_| RecordBatchT::try_new(rows, schema.clone().into(), arrays.clone()));
    let written = RowGroupIterator::try_new(batches, &schema, options, encodings).unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), schema.clone(), options).unwrap();
    written.for_each(|group| writer.write(rows as u64, group.unwrap()).unwrap());
    writer.end(None).unwrap();
    writer.into_inner()
}

fn arrays(rows: usize) -> Vec<Box<dyn Array>> {
    let numbers = PrimitiveArray::from_vec((0..rows).map(|i| i as f64 / 4.0).collect()).boxed();
    let words: Vec<String> = (0..rows).map(|i| format!("w{}", i % 3)).collect();
    let whole = PrimitiveArray::from((0..rows as i32).map(|i| (i % 5 > 0).then_some(i)).collect::<Vec<_>>()).boxed();
    vec![numbers, Utf8ViewArray::from_slice_values(words).boxed(), whole]
}

fn all(rows: usize) -> Vec<Vec<u8>> {
    let kinds = [
        CompressionOptions::Uncompressed,
        CompressionOptions::Snappy,
        CompressionOptions::Gzip(None),
        CompressionOptions::Zstd(None),
        CompressionOptions::Lz4Raw,
        CompressionOptions::Brotli(None),
    ];
    kinds.into_iter().map(|kind| write(&["n", "text", "whole"], arrays(rows), 2, kind)).collect()
}

fn decode(bytes: &[u8]) -> Result<Vec<Option<Part<'static>>>, TableError> {
    ParquetFile::open(bytes)?.columns(&[Want::Numbers; 3], &Missing::new(&[]))
}

#[test]
fn all_packings_are_read_group_after_group() {
    for bytes in all(1000) {
        let file = ParquetFile::open(&bytes).unwrap();
        assert_eq!((file.rows, file.names()), (2000, vec!["n".to_owned(), "text".into(), "whole".into()]));
        let parts = decode(&bytes).unwrap();
        let Some(Part::Numbers(n)) = &parts[0] else { panic!("numbers expected") };
        assert!(n.values.iter().enumerate().all(|(i, v)| *v == (i % 1000) as f64 / 4.0));
        let Some(Part::Words(text)) = &parts[1] else { panic!("words expected") };
        assert_eq!(text.words[text.codes[1001] as usize], "w1");
        let Some(Part::Numbers(whole)) = &parts[2] else { panic!("numbers expected") };
        assert_eq!((whole.missing, whole.values[1999]), (400, 999.0));
    }
}

#[test]
fn a_cut_file_is_an_error_at_every_length() {
    for bytes in all(7) {
        for cut in 4..bytes.len() {
            let error = decode(&bytes[..cut]).map(|_| ()).unwrap_err();
            assert!(error.message.starts_with("the Parquet file cannot be read: "), "{error}");
        }
        // A footer that is whole, with a column gone.
        let gone = [&bytes[..8], &bytes[bytes.len() / 2..]].concat();
        assert!(decode(&gone).is_err());
    }
}

#[test]
fn changed_bytes_neither_panic_nor_take_the_memory() {
    for bytes in all(5) {
        for at in 4..bytes.len() {
            for change in [0x01, 0x40, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let _ = decode(&changed);
            }
        }
    }
}

#[test]
fn columns_that_are_no_plain_columns_are_named() {
    let item = Field::new("item".into(), ArrowDataType::Int32, true);
    let list = ArrowDataType::LargeList(Box::new(item));
    let offsets = vec![0_i64, 1, 3].try_into().unwrap();
    let values = PrimitiveArray::from_vec(vec![1_i32, 2, 3]).boxed();
    let lists = polars_arrow::array::ListArray::<i64>::new(list, offsets, values, None).boxed();
    let error = ParquetFile::open(&write(&["ports"], vec![lists], 1, CompressionOptions::Snappy)).unwrap_err();
    assert!(error.message.starts_with("the column \"ports\" holds lists"), "{}", error.message);
}

#[test]
fn a_small_file_of_very_many_rows_is_refused_unread() {
    let zeros = PrimitiveArray::from_vec(vec![0_i64; 1 << 20]).boxed();
    let bytes = write(&["n"], vec![zeros], 130, CompressionOptions::Snappy);
    let error = ParquetFile::open(&bytes).unwrap_err();
    assert!(error.message.contains("says that it unpacks to 1.0 GiB: more than 200 times"), "{}", error.message);
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
}
