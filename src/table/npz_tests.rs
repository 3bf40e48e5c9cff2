use ndarray::array;

use super::*;
use crate::param::Name;
use crate::table::clean;

fn arrays() -> NpzArrays {
    NpzArrays {
        x_train: array![[1.0, -0.0], [2.0, 5.0], [1.5, 2.5]],
        y_train: array![0, 1, 1],
        x_test: array![[0.5, 0.25]],
        y_test: array![1],
        x_train_unsmote: Some(array![[1.0, -0.0], [2.0, 5.0]]),
    }
}

fn named(list: &[&str]) -> Option<Vec<Name>> {
    Some(list.iter().map(|n| Name((*n).to_owned())).collect())
}

#[test]
fn comes_back_with_the_same_bytes_each_time_and_no_clock() {
    let bytes = write_npz(&arrays()).unwrap();
    assert_eq!(bytes, write_npz(&arrays()).unwrap());
    assert_eq!(read_npz("a.npz", &bytes).unwrap(), arrays());
    // Time and date of a local file header lie at 10 and 12: 00:00:00 and 1980-01-01.
    assert_eq!(bytes[10..14], [0, 0, 0x21, 0]);
    let columns = NpzArrays { x_test: array![[0.5], [0.25]].reversed_axes(), ..arrays() };
    assert_eq!(write_npz(&columns).unwrap(), bytes, "the order in memory does not matter");
    let without = NpzArrays { x_train_unsmote: None, ..arrays() };
    assert_eq!(read_npz("a.npz", &write_npz(&without).unwrap()).unwrap(), without);
}

#[test]
fn other_number_types_are_read() {
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    archive.add_array("X_train", &array![[1.0_f32, 2.0], [3.0, 4.0]]).unwrap();
    archive.add_array("y_train", &array![3_i32, -1]).unwrap();
    archive.add_array("X_test", &array![[1.0_f64, 2.0]]).unwrap();
    archive.add_array("y_test", &array![3_u8]).unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    let (table, balanced, _) = read_npz("a.npz", &bytes).unwrap().into_tables(&DatasetSpec::default()).unwrap();
    assert_eq!(table.columns[1], Column::number("x1", vec![2.0, 4.0, 2.0]));
    assert_eq!(table.columns[2], Column::category("class", &[Some("3"), Some("-1"), Some("3")]));
    assert!(balanced.is_none());
}

#[test]
fn arrays_become_tables_and_a_frame() {
    let dataset =
        DatasetSpec { features: named(&["a", "b"]), classes: named(&["no", "yes"]), ..DatasetSpec::default() };
    let (table, balanced, ledger) = arrays().into_tables(&dataset).unwrap();
    assert_eq!(table.row_ids, [0, 1, 2]);
    assert_eq!(table.roles, Some(vec![Role::Train, Role::Train, Role::Test]));
    assert_eq!(table.columns[0], Column::number("a", vec![1.0, 2.0, 0.5]));
    assert_eq!((ledger[0].rows_after, ledger[0].counts[1].1), (3, 3));
    let balanced = balanced.unwrap();
    assert_eq!(balanced.row_ids, [0, 1, 1 << 63]);
    assert_eq!(balanced.columns[2], Column::category("class", &[Some("no"), Some("yes"), Some("yes")]));
    let (frame, ..) = clean(table, &dataset, &[]).unwrap();
    assert_eq!((frame.columns.len(), frame.labels.classes), (2, vec!["no".to_owned(), "yes".to_owned()]));
    let infinite = NpzArrays { x_test: array![[f64::INFINITY, f64::NAN]], ..arrays() };
    let (table, _, ledger) = infinite.into_tables(&DatasetSpec::default()).unwrap();
    assert!(table.columns[0].is_missing(2));
    assert_eq!((ledger[0].counts[3].1, ledger[0].counts[4].1), (1, 1));
}

#[test]
fn what_does_not_fit_is_refused() {
    let spec = DatasetSpec::default();
    let read = |a: NpzArrays| a.into_tables(&spec).unwrap_err().message;
    let unlike = NpzArrays { x_train_unsmote: Some(array![[1.0, 0.0], [2.0, 5.0]]), ..arrays() };
    assert!(read(unlike).contains("row 0 (from 0) differs"), "-0.0 is not 0.0 bit for bit");
    let shape = NpzArrays { x_train_unsmote: Some(array![[1.0]]), ..arrays() };
    assert!(read(shape).contains("(1, 1)"));
    assert!(read(NpzArrays { y_train: array![0, 1], ..arrays() }).contains("3 rows, y_train has 2 labels"));
    assert!(read(NpzArrays { x_test: array![[1.0]], ..arrays() }).contains("X_test has 1"));
    let features = DatasetSpec { features: named(&["a"]), ..DatasetSpec::default() };
    let error = arrays().into_tables(&features).unwrap_err();
    assert_eq!(error.message, "expected 2 feature names, one for each column of the arrays, got 1");
    for (features, part) in [(["a", "a"], "more than once"), (["a", "class"], "is a feature and")] {
        let dataset = DatasetSpec { features: named(&features), ..DatasetSpec::default() };
        assert!(arrays().into_tables(&dataset).unwrap_err().message.contains(part));
    }
    let classes = DatasetSpec { classes: named(&["a"]), ..DatasetSpec::default() };
    let error = arrays().into_tables(&classes).unwrap_err();
    assert_eq!(error.message, "label 1 has no name: dataset.classes names the labels 0 to 0");
}

#[test]
fn archives_that_are_damaged_or_lack_an_array_are_refused() {
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    archive.add_array("X_train", &array![[1.0]]).unwrap();
    archive.add_array("y_train", &array![1.5]).unwrap();
    let error = read_npz("a.npz", &archive.finish().unwrap().into_inner()).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.file.as_deref()),
        ("the archive has no array X_test, y_test", Some("a.npz"))
    );
    assert_eq!(error.hints[0], "it has: \"X_train\", \"y_train\"");
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    for name in ["X_train", "X_test"] {
        archive.add_array(name, &array![[1.0]]).unwrap();
    }
    for name in ["y_train", "y_test"] {
        archive.add_array(name, &array![1.5]).unwrap();
    }
    let error = read_npz("a.npz", &archive.finish().unwrap().into_inner()).unwrap_err();
    assert!(error.message.contains("expected y_train to hold integers"));

    let whole = write_npz(&arrays()).unwrap();
    for cut in 0..whole.len() {
        assert!(read_npz("a.npz", &whole[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x11;
        let _ = read_npz("a.npz", &flipped);
    }
}
