use super::*;
use crate::param::Name;
use crate::table::{PlainColumn, PlainValues};

fn input<'a>(name: &'a str, text: &'a str) -> Input<'a> {
    Input { name, bytes: text.as_bytes(), role: None }
}

fn named(list: &[&str]) -> Vec<Name> {
    list.iter().map(|n| Name((*n).to_owned())).collect()
}

fn spec(target: &str) -> DatasetSpec {
    DatasetSpec { target: Some(Name(target.into())), ..DatasetSpec::default() }
}

fn read(text: &str, dataset: &DatasetSpec) -> Result<Table, TableError> {
    read_table(&[input("a.csv", text)], dataset).map(|(table, _, _)| table)
}

#[test]
fn quirks_of_real_files_are_read_alike() {
    let wanted = read("a,b,y\n1.5,x,1\n,y z,2\n-3,x,1\n", &spec("y")).unwrap();
    assert_eq!(wanted.columns[1], Column::category("b", &[Some("x"), Some("y z"), Some("x")]));
    assert_eq!(wanted.columns[2], Column::category("y", &[Some("1"), Some("2"), Some("1")]));
    let Values::Number(a) = &wanted.columns[0].values else { unreachable!("a column of numbers") };
    assert_eq!((a[0], a[1].is_nan(), a[2]), (1.5, true, -3.0));
    for quirky in [
        "\u{feff}a,b,y\n1.5,x,1\n,y z,2\n-3,x,1",
        "a,b,y\r\n1.5,x,1\r\n,y z,2\r\n-3,x,1\r\n\r\n",
        " a ,b\t, y\n 1.5,x ,1.0\n ,y z,2\n-3, x,1\n\n\n",
        "\"a\",\"b\",\"y\"\n\"1.5\",\"x\",\"1\"\n\"\",\"y z\",\"2\"\n-3,\"x\",1\n",
        "\n\na,b,y\n1.5,x,1\n\n   \nNaN,y z,2\n-3,x,1\n",
    ] {
        let table = read(quirky, &spec("y")).unwrap();
        assert_eq!(format!("{table:?}"), format!("{wanted:?}"), "{quirky:?}");
    }
    let tabs = read_table(&[input("a.TSV", "a\tb\ty\n1.5\tx\t1\n\ty z\t2\n-3\tx\t1\n")], &spec("y")).unwrap().0;
    assert_eq!(format!("{tabs:?}"), format!("{wanted:?}"));
    let headless = DatasetSpec { columns: Some(named(&["a", "b", "y"])), ..spec("y") };
    let table = read("1.5,x,1\n,y z,2\n-3,x,1\n", &headless).unwrap();
    assert_eq!(format!("{table:?}"), format!("{wanted:?}"));
}

#[test]
fn quoted_cells_may_hold_separators_quotes_and_line_ends() {
    let table = read("a,y\n\"p, \"\"q\"\"\nr\",u\n\"\"\"\",v\n", &spec("y")).unwrap();
    assert_eq!(table.columns[0].text(0).as_deref(), Some("p, \"q\"\nr"));
    assert_eq!(table.columns[0].text(1).as_deref(), Some("\""));
}

#[test]
fn the_ledger_counts_missing_cells_and_infinities_apart() {
    let dataset = DatasetSpec { missing_values: named(&["?", "-1"]), ..spec("y") };
    let text = "a,b,y\n1,?,u\nInfinity,x,v\n-Infinity,,u\nnan,x,v\n-1,inf,u\n";
    let (_, ledger, warnings) = read_table(&[input("a.csv", text)], &dataset).unwrap();
    let entry = &ledger[0];
    assert_eq!((entry.rows_before, entry.rows_after, entry.columns_after), (5, 5, 3));
    let counts: Vec<(&str, u64)> = entry.counts.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    assert_eq!(
        counts,
        [
            ("missing cells", 4),
            ("infinities", 3),
            ("missing cells in a", 2),
            ("missing cells in b", 2),
            ("infinities in a", 2),
            ("infinities in b", 1),
        ]
    );
    assert_eq!(warnings[0].message, "3 infinite values counted as missing, in \"a\", \"b\"");
}

#[test]
fn a_mixed_feature_is_refused_with_line_and_hints() {
    let text = "a,b,y\n1,1,u\n\n2,2,v\n\"3\",oops,u\n4,4,v\n";
    let error = read(text, &spec("y")).unwrap_err();
    assert_eq!(
        error.message,
        "column \"b\" is half numbers, half words: 3 numbers and 1 other value; the first to stand out is \"oops\" in row 3"
    );
    assert_eq!((error.file.as_deref(), error.line), (Some("a.csv"), Some(5)));
    assert_eq!(error.hints[0], "if \"oops\" means a missing value, list it: dataset.missing_values: [\"oops\"]");
    assert_eq!(error.hints[1], "if the column holds words, declare it: dataset.types: {b: category}");
    for cured in [
        DatasetSpec { missing_values: named(&["oops"]), ..spec("y") },
        DatasetSpec { types: [("b".to_owned(), ColumnType::Category)].into(), ..spec("y") },
        DatasetSpec { keep_aside: named(&["b"]), ..spec("y") },
        spec("b"),
    ] {
        assert!(read(text, &cured).is_ok());
    }
    let declared = DatasetSpec { types: [("b".to_owned(), ColumnType::Number)].into(), ..spec("y") };
    assert!(read(text, &declared).unwrap_err().message.starts_with("column \"b\" is declared a number"));
}

#[test]
fn types_are_decided_on_all_files_together() {
    let train = Input { role: Some(Role::Train), ..input("train.csv", "a,b,y\n1,1,u\n2,2,v\n") };
    let test = Input { role: Some(Role::Test), ..input("test.csv", "y,b,a\nw,x,5\n") };
    let error = read_table(&[train, test], &spec("y")).unwrap_err();
    assert_eq!((error.file.as_deref(), error.line), (Some("test.csv"), Some(2)));
    let dataset = DatasetSpec { types: [("b".to_owned(), ColumnType::Category)].into(), ..spec("y") };
    let (table, ledger, _) = read_table(&[train, test], &dataset).unwrap();
    assert_eq!(table.row_ids, [0, 1, 2]);
    assert_eq!(table.roles, Some(vec![Role::Train, Role::Train, Role::Test]));
    assert_eq!(table.columns[0], Column::number("a", vec![1.0, 2.0, 5.0]));
    assert_eq!(table.columns[1], Column::category("b", &[Some("1"), Some("2"), Some("x")]));
    assert_eq!(ledger[0].counts[1], ("rows in test.csv".to_owned(), 1));
    let bytes = postcard::to_stdvec(&table).unwrap();
    assert_eq!(postcard::from_bytes::<Table>(&bytes).unwrap(), table);
}

#[test]
fn other_columns_in_a_further_file_are_listed() {
    let files = [input("train.csv", "a,b,y\n1,1,u\n"), input("test.csv", "a,c,y\n1,1,u\n")];
    let error = read_table(&files, &spec("y")).unwrap_err();
    assert_eq!(error.message, "other columns than in train.csv: 1 missing: \"b\"; 1 too many: \"c\"");
    assert_eq!(error.file.as_deref(), Some("test.csv"));
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let error = read("a,Label \n1,u\n", &spec("label")).unwrap_err();
    assert_eq!((error.place.as_deref(), error.hints[0].as_str()), (Some("dataset.target"), "did you mean \"Label\"?"));
    let aside = DatasetSpec { keep_aside: named(&["z"]), ..spec("y") };
    assert_eq!(read("a,y\n1,u\n", &aside).unwrap_err().place.as_deref(), Some("dataset.keep_aside"));
    let both = DatasetSpec { keep_aside: named(&["y"]), ..spec("y") };
    assert!(read("a,y\n1,u\n", &both).unwrap_err().message.contains("also kept aside"));
    let types = DatasetSpec { types: [("A".to_owned(), ColumnType::Number)].into(), ..spec("y") };
    assert_eq!(read("a,y\n1,u\n", &types).unwrap_err().hints, ["did you mean \"a\"?"]);
    let twice = read("a,b, a,b,y\n1,1,1,1,u\n", &spec("y")).unwrap_err();
    assert_eq!((twice.message.as_str(), twice.line), ("column names occur more than once: \"a\", \"b\"", Some(1)));
    let comma = DatasetSpec { separator: Separator::Comma, ..spec("y") };
    assert!(read("a;b;y\n1;1;u\n", &comma).unwrap_err().hints[1].contains("dataset.separator says (comma)"));
    assert!(read("a b y\n1 1 u\n", &spec("y")).unwrap_err().hints[1].contains("blanks separate"));
    assert!(read("0,1.5,u\n1,1,u\n", &spec("y")).unwrap_err().hints[1].contains("dataset.columns"));
}

#[test]
fn faults_of_form_carry_file_and_line() {
    for (text, line, part) in [
        ("", None, "empty"),
        ("\n \r\n", None, "empty"),
        ("a,y\n", None, "no row"),
        ("a,y\n1,u\n1\n", Some(3), "expected 2 cells"),
        ("a,y\n1,u,\n", Some(2), "expected 2 cells"),
        ("a,y\n1,\"u\n", Some(2), "never closed"),
    ] {
        let error = read(text, &spec("y")).unwrap_err();
        assert!(error.message.contains(part), "{text:?}: {}", error.message);
        assert_eq!((error.file.as_deref(), error.line), (Some("a.csv"), line), "{text:?}");
    }
    assert!(read_table(&[], &spec("y")).is_err());
}

#[test]
fn a_stored_row_number_gets_a_name_and_a_warning() {
    let (table, _, warnings) = read_table(&[input("a.csv", ",a,y\n0,5,u\n1,6,v\n")], &spec("y")).unwrap();
    assert_eq!(table.columns[0].name, "Unnamed: 0");
    assert_eq!(warnings[0].code, Code::S20);
}

#[test]
fn separators_and_encodings_are_read_alike() {
    let wanted = read("a,b,y\n1.5,é,1\n-3,–,2\n", &spec("y")).unwrap();
    for text in ["a;b;y\n1.5;é;1\n-3;–;2\n", "a|b|y\n1.5|é|1\n-3|–|2\n", "a\tb\ty\n1.5\té\t1\n-3\t–\t2\n"] {
        assert_eq!(read(text, &spec("y")).unwrap(), wanted, "{text:?}");
    }
    let latin = Input { name: "a.csv", bytes: b"a;b;y\n1.5;\xe9;1\n-3;\x96;2\n", role: None };
    let error = read_table(&[latin], &spec("y")).unwrap_err();
    assert_eq!((error.file.as_deref(), error.line), (Some("a.csv"), Some(2)));
    assert!(error.hints[0].contains("dataset.encoding: windows-1252"));
    let windows = DatasetSpec { encoding: crate::spec::dataset::Encoding::Windows1252, ..spec("y") };
    let (table, _, warnings) = read_table(&[latin], &windows).unwrap();
    assert_eq!((table, warnings.len()), (wanted, 0));
    let (_, _, warnings) = read_table(&[input("u.csv", "a,y\n1,é\n2,x\n")], &windows).unwrap();
    assert!(warnings[0].message.starts_with("line 2 of u.csv looks like UTF-8"), "{}", warnings[0].message);
}

#[test]
fn any_number_of_threads_reads_the_same_table() {
    // Several blocks; a column of words that begins with numbers in another block, and one that is only aside mixed.
    let rows = 120_000;
    let mut text = String::from("n,w,m,y\n");
    for i in 0..rows {
        let word = if i < rows / 2 { String::new() } else { format!("\"w, {}\"", i * 31 % 5000) };
        let mixed = if i % 50_000 == 7 { "many".to_owned() } else { (i % 900).to_string() };
        text += &format!("{}.{},{word},{mixed},{}\n", i % 977, i % 10, i % 3);
    }
    let dataset = DatasetSpec { keep_aside: named(&["m"]), ..spec("y") };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| postcard::to_stdvec(&read(&text, &dataset).unwrap()).unwrap())
    };
    let one = on(1);
    assert!(one == on(2) && one == on(8));
    let table = read(&text, &dataset).unwrap();
    assert_eq!(table.columns[1].text(rows - 1), Some(format!("w, {}", (rows - 1) * 31 % 5000)));
    assert_eq!((table.columns[2].text(7), table.columns[2].text(901)), (Some("many".into()), Some("1".into())));
    let error = read(&text, &spec("y")).unwrap_err();
    assert_eq!(error.line, Some(9), "{}", error.message);
}

/// The same three rows: `n` numbers, `w` words, `y` classes.
fn parquet() -> Vec<u8> {
    crate::table::write_predictions_parquet(&[
        PlainColumn::new("y", PlainValues::I32(vec![1, 2, 1])),
        PlainColumn::new("n", PlainValues::F64(vec![0.5, f64::NAN, f64::INFINITY])),
        PlainColumn::new("w", PlainValues::Text(["x", " z ", ""].map(str::to_owned).to_vec())),
    ])
    .unwrap()
}

#[test]
fn formats_may_be_mixed_and_columns_are_found_by_name() {
    let parquet = parquet();
    let files = [input("a.csv", "w,n,y\nx,1,1.0\n"), Input { name: "b.parquet", bytes: &parquet, role: None }];
    let (table, ledger, warnings) = read_table(&files, &spec("y")).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["w", "n", "y"]);
    assert_eq!(table.columns[0], Column::category("w", &[Some("x"), Some("x"), Some("z"), None]));
    assert_eq!(table.columns[2], Column::category("y", &[Some("1"), Some("1"), Some("2"), Some("1")]));
    let Values::Number(n) = &table.columns[1].values else { panic!("numbers expected") };
    assert_eq!((n[0], n[1], n[2].is_nan(), n[3].is_nan()), (1.0, 0.5, true, true));
    let counts: Vec<(&str, u64)> = ledger[0].counts.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    assert_eq!(counts[..4], [("rows in a.csv", 1), ("rows in b.parquet", 3), ("missing cells", 2), ("infinities", 1)]);
    assert_eq!(warnings.len(), 1);
    // Numbers in one file, words in the other.
    let files = [input("a.csv", "w,n,y\nx,many,1\n"), files[1]];
    let error = read_table(&files, &spec("y")).unwrap_err();
    assert!(
        error.message.contains("\"n\" is half numbers, half words: 1 number and 1 other value"),
        "{}",
        error.message
    );
    assert_eq!((error.file.as_deref(), error.line), (Some("a.csv"), Some(2)));
    let aside = DatasetSpec { keep_aside: named(&["n"]), ..spec("y") };
    let (table, ..) = read_table(&files, &aside).unwrap();
    assert_eq!(table.columns[1], Column::category("n", &[Some("many"), Some("0.5"), None, None]));
    let headless = DatasetSpec { columns: Some(named(&["w", "n", "y"])), ..spec("y") };
    let error = read_table(&files[1..], &headless).unwrap_err();
    assert_eq!((error.place.as_deref(), error.file.as_deref()), (Some("dataset.columns"), Some("b.parquet")));
}

#[test]
fn typed_columns_follow_the_types_of_the_experiment() {
    let parquet = parquet();
    let file = [Input { name: "b.parquet", bytes: &parquet, role: None }];
    let typed = |name: &str, kind| DatasetSpec { types: [(name.to_owned(), kind)].into(), ..spec("y") };
    let (table, ..) = read_table(&file, &typed("n", ColumnType::Category)).unwrap();
    assert_eq!(table.columns[1], Column::category("n", &[Some("0.5"), None, None]));
    let error = read_table(&file, &typed("w", ColumnType::Number)).unwrap_err();
    assert!(
        error.message.starts_with("column \"w\" is declared a number but holds 2 other values"),
        "{}",
        error.message
    );
    assert_eq!((error.file.as_deref(), error.line), (Some("b.parquet"), None));
    let minus = DatasetSpec { missing_values: named(&["0.50"]), ..spec("y") };
    let (_, ledger, _) = read_table(&file, &minus).unwrap();
    assert_eq!(ledger[0].counts[0], ("missing cells".to_owned(), 3), "a typed number is missing by its value");
}

#[test]
fn an_index_of_pandas_is_warned_about() {
    let columns = [
        PlainColumn::new("a", PlainValues::F64(vec![1.0, 2.0])),
        PlainColumn::new("y", PlainValues::I32(vec![1, 2])),
        PlainColumn::new("__index_level_0__", PlainValues::U64(vec![0, 1])),
    ];
    let bytes = crate::table::write_predictions_parquet(&columns).unwrap();
    let (_, _, warnings) = read_table(&[Input { name: "p", bytes: &bytes, role: None }], &spec("y")).unwrap();
    assert!(warnings[0].message.contains("is an index of pandas"), "{}", warnings[0].message);
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    /// A gzip stream of stored blocks: header, one block, CRC-32 and length.
    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut crc = u32::MAX;
        for byte in text {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        let length = text.len() as u16;
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(text);
        out.extend((!crc).to_le_bytes());
        out.extend(u32::from(length).to_le_bytes());
        out
    }

    #[test]
    fn a_gzip_file_is_read_and_a_cut_one_refused_at_every_length() {
        let whole = gzip(b"a,y\n1,u\n2,v\n3,u\n");
        let read = |bytes| read_table(&[Input { name: "a.csv.gz", bytes, role: None }], &spec("y"));
        assert_eq!(read(&whole).unwrap().0.rows(), 3);
        for cut in 2..whole.len() {
            assert!(read(&whole[..cut]).unwrap_err().message.contains("cannot be unpacked"), "cut at {cut}");
        }
        let mut wrong = whole.clone();
        wrong[20] ^= 1;
        assert!(read(&wrong).is_err(), "the checksum must be looked at");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_table(&[Input { name: "x.csv", bytes: &bytes, role: None }], &DatasetSpec::default());
        }

        #[test]
        fn csv_like_text_never_panics_and_keeps_every_row(text in "[a1,\"\r\n \t.-]{0,120}") {
            if let Ok((table, _, _)) = read_table(&[input("x.csv", &text)], &DatasetSpec::default()) {
                prop_assert!(table.rows() > 0);
                prop_assert!(table.columns.iter().all(|c| c.len() == table.rows()));
            }
        }

        #[test]
        fn any_cells_come_back_as_written(
            rows in prop::collection::vec(("[ -~\n]{1,8}", "[a-zé\",\r\n]{1,5}"), 1..20),
        ) {
            let quote = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
            let mut text = String::from("w,y\n");
            for (a, b) in &rows {
                text += &format!("{},{}\n", quote(&format!("w{a}")), quote(&format!("y{b}w")));
            }
            let table = read(&text, &spec("y")).unwrap();
            for (i, (a, b)) in rows.iter().enumerate() {
                let first = format!("w{a}");
                prop_assert_eq!(table.columns[0].text(i), Some(first.trim().to_owned()));
                prop_assert_eq!(table.columns[1].text(i), Some(format!("y{b}w")));
            }
        }
    }
}
