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
        feature_names: None,
        class_names: None,
    }
}

/// An archive of these members, packed.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn floats(shape: &[usize], values: &[f64]) -> Vec<u8> {
    write_npy("<f8", shape, values.iter().flat_map(|v| v.to_le_bytes()))
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
fn other_types_are_read() {
    let x_train = write_npy("<f4", &[2, 2], [1.0_f32, 2.0, 3.0, 4.0].into_iter().flat_map(f32::to_le_bytes));
    let numbers = archive(&[
        ("X_train.npy", x_train.clone()),
        ("y_train.npy", write_npy("<i4", &[2], [3_i32, -1].into_iter().flat_map(i32::to_le_bytes))),
        ("X_test.npy", write_npy("|u1", &[1, 2], [1, 2])),
        ("y_test.npy", write_npy("|u1", &[1], [3])),
    ]);
    let (table, balanced, _) = read_npz("a.npz", &numbers).unwrap().into_tables(&DatasetSpec::default()).unwrap();
    assert_eq!(table.columns[1], Column::number("x1", vec![2.0, 4.0, 2.0]));
    assert_eq!(table.columns[2], Column::category("class", &[Some("3"), Some("-1"), Some("3")]));
    assert!(balanced.is_none());
    let texts = archive(&[
        ("X_train.npy", x_train.clone()),
        ("y_train.npy", write_texts(&["Video".to_owned(), "DoS".to_owned()])),
        ("X_test.npy", write_npy("|u1", &[1, 2], [1, 2])),
        ("y_test.npy", write_texts(&["Mirai".to_owned()])),
    ]);
    let (table, ..) = read_npz("a.npz", &texts).unwrap().into_tables(&DatasetSpec::default()).unwrap();
    assert_eq!(table.columns[2], Column::category("class", &[Some("Video"), Some("DoS"), Some("Mirai")]));
    let half = archive(&[
        ("X_train.npy", x_train),
        ("y_train.npy", write_texts(&["Video".to_owned(), "DoS".to_owned()])),
        ("X_test.npy", write_npy("|u1", &[1, 2], [1, 2])),
        ("y_test.npy", write_npy("|u1", &[1], [3])),
    ]);
    assert!(read_npz("a.npz", &half).unwrap_err().message.contains("holds integers, the other texts"));
}

#[test]
fn names_in_the_file_are_used_and_the_experiment_s_come_first() {
    let texts = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect());
    let named_arrays =
        || NpzArrays { feature_names: texts(&["f", "g"]), class_names: texts(&["no", "yes"]), ..arrays() };
    let bytes = write_npz(&named_arrays()).unwrap();
    let back = read_npz("a.npz", &bytes).unwrap();
    assert_eq!(back, named_arrays());
    let (table, ..) = back.into_tables(&DatasetSpec::default()).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["f", "g", "class"]);
    assert_eq!(table.columns[2], Column::category("class", &[Some("no"), Some("yes"), Some("yes")]));
    let dataset = DatasetSpec { features: named(&["a", "b"]), classes: named(&["-", "+"]), ..DatasetSpec::default() };
    let (table, ..) = named_arrays().into_tables(&dataset).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["a", "b", "class"]);
    assert_eq!(table.columns[2].text(0).as_deref(), Some("-"));
    let short = NpzArrays { feature_names: texts(&["f"]), ..arrays() };
    assert!(short.into_tables(&DatasetSpec::default()).unwrap_err().message.contains("in the array feature_names"));
    let short = NpzArrays { class_names: texts(&["no"]), ..arrays() };
    let error = short.into_tables(&DatasetSpec::default()).unwrap_err();
    assert_eq!(error.message, "label 1 has no name: the array class_names of the file names the labels 0 to 0");
}

#[test]
fn absurd_shapes_and_archives_that_unpack_to_gigabytes_are_refused_unread() {
    let with = |x_train: Vec<u8>| {
        let y = write_npy("|u1", &[1], [0]);
        archive(&[
            ("X_train.npy", x_train),
            ("y_train.npy", y.clone()),
            ("X_test.npy", floats(&[1, 1], &[1.0])),
            ("y_test.npy", y),
        ])
    };
    let error = read_npz("a.npz", &with(floats(&[1 << 40, 1 << 20], &[1.0]))).unwrap_err();
    assert!(error.message.contains("announces (1099511627776, 1048576) elements"), "{}", error.message);
    let error = read_npz("a.npz", &with(floats(&[1], &[1.0]))).unwrap_err();
    assert_eq!(error.message, "expected X_train to have 2 dimensions, got 1");
    let error = read_npz("a.npz", &with(write_npy("|O", &[1, 1], *b"pickle"))).unwrap_err();
    assert!(error.message.ends_with("got Python objects"), "{}", error.message);
    // The directory says how much a member unpacks to: at the end of the file, before 22 bytes of trailer.
    let mut bomb = with(floats(&[1, 1], &[1.0]));
    let at = bomb.windows(4).position(|w| w == b"PK\x01\x02").unwrap() + 24;
    bomb[at..at + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
    let error = read_npz("a.npz", &bomb).unwrap_err();
    assert!(error.message.contains("says that it unpacks to 4.0 GiB"), "{}", error.message);
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
    let one = floats(&[1, 1], &[1.0]);
    let error = read_npz("a.npz", &archive(&[("X_train.npy", one.clone()), ("y_train.npy", one.clone())])).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.file.as_deref()),
        ("the archive has no array X_test, y_test", Some("a.npz"))
    );
    assert_eq!(error.hints[0], "it has: \"X_train\", \"y_train\"");
    let half = floats(&[1], &[1.5]);
    let members =
        [("X_train.npy", one.clone()), ("X_test.npy", one), ("y_train.npy", half.clone()), ("y_test.npy", half)];
    let error = read_npz("a.npz", &archive(&members)).unwrap_err();
    assert!(error.message.contains("expected y_train to hold integers"), "{}", error.message);

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
