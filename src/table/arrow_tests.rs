use polars_arrow::array::{DictionaryArray, PrimitiveArray, Utf8Array, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_arrow::io::ipc::write::{Compression, FileWriter, StreamWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;

use super::*;
use crate::table::arrays::part;
use crate::table::typing::{Missing, Part, Want};

type Batch = Vec<Box<dyn Array>>;

fn batch(from: i64, rows: usize) -> Batch {
    let numbers = PrimitiveArray::from_vec((from..from + rows as i64).collect()).boxed();
    let texts: Vec<String> = (0..rows).map(|i| format!("w{}", i % 3)).collect();
    let keys = PrimitiveArray::from_vec((0..rows).map(|i| (i % 2) as u32).collect());
    let values = Utf8ViewArray::from_slice_values(["tcp", "udp"]).boxed();
    let words = DictionaryArray::try_from_keys(keys, values, false).unwrap().boxed();
    vec![numbers, Utf8Array::<i64>::from_slice(&texts).boxed(), words]
}

fn schema(batch: &Batch) -> ArrowSchema {
    let fields = ["n", "text", "protocol"].iter().zip(batch);
    fields.map(|(name, a)| ((*name).into(), Field::new((*name).into(), a.dtype().clone(), true))).collect()
}

fn file(batches: &[Batch], compression: Option<Compression>) -> Vec<u8> {
    let mut writer =
        FileWriter::try_new(Vec::new(), schema(&batches[0]).into(), None, WriteOptions { compression }).unwrap();
    for batch in batches {
        let batch = RecordBatchT::new(batch[0].len(), schema(batch).into(), batch.clone());
        writer.write(&batch, None).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

fn stream(batches: &[Batch], compression: Option<Compression>) -> Vec<u8> {
    let mut writer = StreamWriter::new(Vec::new(), WriteOptions { compression });
    writer.start(&schema(&batches[0]), None).unwrap();
    for batch in batches {
        let batch = RecordBatchT::new(batch[0].len(), schema(batch).into(), batch.clone());
        writer.write(&batch, None).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

/// Every way to write the same two batches, and how to read it.
type Reader = fn(&[u8]) -> Result<ArrowTable, TableError>;

fn all(rows: usize) -> Vec<(Vec<u8>, Reader)> {
    let batches = [batch(0, rows), batch(rows as i64, rows)];
    let mut out: Vec<(Vec<u8>, Reader)> = Vec::new();
    for compression in [None, Some(Compression::LZ4), Some(Compression::ZSTD(Default::default()))] {
        out.push((file(&batches, compression), read_file));
        out.push((stream(&batches, compression), read_stream));
    }
    out
}

/// Decodes everything, as reading a table does.
fn decode(table: &ArrowTable) -> Result<Vec<Part<'static>>, TableError> {
    let missing = Missing::new(&[]);
    let parts = table.names.iter().zip(&table.columns).map(|(name, c)| part(name, c, Want::Numbers, &missing));
    Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[test]
fn files_and_streams_are_read_batch_after_batch() {
    for (bytes, read) in all(1000) {
        let table = read(&bytes).unwrap();
        assert_eq!((table.rows, &table.names[..]), (2000, &["n".to_owned(), "text".into(), "protocol".into()][..]));
        let parts = decode(&table).unwrap();
        let Part::Numbers(n) = &parts[0] else { panic!("numbers expected") };
        assert!(n.values.iter().enumerate().all(|(i, v)| *v == i as f64));
        let Part::Words(text) = &parts[1] else { panic!("words expected") };
        assert_eq!(text.words[text.codes[1001] as usize], "w1");
        let Part::Words(protocol) = &parts[2] else { panic!("words expected") };
        assert_eq!(protocol.words[protocol.codes[1999] as usize], "udp");
    }
    // A stream may end without its mark.
    let whole = stream(&[batch(0, 10)], None);
    assert_eq!(read_stream(&whole[..whole.len() - 8]).unwrap().rows, 10);
}

#[test]
fn a_cut_file_is_an_error_at_every_length() {
    for (bytes, read) in all(7) {
        for cut in 8..bytes.len() {
            match read(&bytes[..cut]) {
                Err(error) => assert!(error.message.starts_with("the Arrow file cannot be read: "), "{error}"),
                // Only a stream can end between two batches.
                Ok(table) => assert!(bytes.starts_with(&[0xff; 4]) && [0, 7, 14].contains(&table.rows), "cut at {cut}"),
            }
        }
    }
}

#[test]
fn changed_bytes_neither_panic_nor_take_the_memory() {
    for (bytes, read) in all(5) {
        for at in 8..bytes.len() {
            for change in [0x01, 0x40, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                if let Ok(table) = read(&changed) {
                    assert!(table.rows < 1 << 24);
                    let _ = guarded(|| decode(&table));
                }
            }
        }
    }
}

#[test]
fn lists_and_repeated_names_are_refused() {
    let item = Field::new("item".into(), ArrowDataType::Int32, true);
    let list = Field::new("ports".into(), ArrowDataType::List(Box::new(item)), true);
    let schema: ArrowSchema = [("ports".into(), list)].into_iter().collect();
    let mut writer = FileWriter::try_new(Vec::new(), schema.into(), None, WriteOptions { compression: None }).unwrap();
    writer.finish().unwrap();
    let error = read_file(&writer.into_inner()).unwrap_err();
    assert!(error.message.starts_with("the column \"ports\" holds lists"), "{}", error.message);
}

#[test]
fn a_buffer_that_claims_to_unpack_to_terabytes_is_refused_unread() {
    let bytes = file(&[batch(0, 5000)], Some(Compression::LZ4));
    let mut refused = 0;
    for at in 0..bytes.len() - 8 {
        // The length in front of a packed buffer: 5,000 numbers of 8 bytes.
        if bytes[at..at + 8] == 40_000_i64.to_le_bytes() {
            let mut changed = bytes.clone();
            changed[at..at + 8].copy_from_slice(&(1_i64 << 42).to_le_bytes());
            let error = read_file(&changed).unwrap_err();
            refused += usize::from(error.message.contains("says that it unpacks to 4096.0 GiB"));
        }
    }
    assert_eq!(refused, 1);
}
