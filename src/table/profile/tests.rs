#![allow(clippy::unwrap_used)]

use super::*;
use crate::spec::dataset::DatasetSpec;
use crate::table::{Input, read_loosely};

pub(in crate::table) fn table(text: &str) -> Table {
    let input = Input { name: "a.csv", bytes: text.as_bytes(), role: None };
    read_loosely(&[input], &DatasetSpec::default()).unwrap().0
}

#[test]
fn columns_are_counted() {
    let table = table("a,b,c,d\n1,0.5,x,\n2,1.5,y,\n2,,x,\n4,-1.5,x,\n");
    let profile = Profile::of(&table);
    let [a, b, c, d] = profile.columns.as_slice() else { unreachable!("four columns") };
    assert_eq!((a.kind, a.distinct, a.missing, a.rarest), (Kind::Whole, 3, 0, 1));
    assert_eq!((a.min, a.mean, a.max), (Some(1.0), Some(2.25), Some(4.0)));
    assert!((a.std.unwrap() - 1.1875_f64.sqrt()).abs() < 1e-15);
    assert_eq!(a.top, [("2".to_owned(), 2), ("1".to_owned(), 1), ("4".to_owned(), 1)]);
    assert_eq!((b.kind, b.distinct, b.missing, b.min), (Kind::Number, 3, 1, Some(-1.5)));
    assert_eq!((c.kind, c.distinct, c.first.as_deref()), (Kind::Words, 2, Some("x")));
    assert_eq!(c.top, [("x".to_owned(), 3), ("y".to_owned(), 1)]);
    assert_eq!((d.kind, d.distinct, d.missing, d.first.as_deref()), (Kind::Empty, 0, 4, None));
}

#[test]
fn extreme_numbers_leave_a_moment_out() {
    let profile = Profile::of(&table("a,b\n1.7e308,x\n-1.7e308,y\n1,z\n"));
    let a = &profile.columns[0];
    assert_eq!((a.min, a.max, a.std), (Some(-1.7e308), Some(1.7e308), None));
}

#[test]
fn rows_that_count_up_are_seen_in_any_order() {
    let profile = Profile::of(&table("a,b,c\n3,1,0.5\n1,1,1.5\n2,2,2.5\n"));
    let consecutive: Vec<bool> = profile.columns.iter().map(|c| c.consecutive).collect();
    assert_eq!(consecutive, [true, false, false]);
}

#[test]
fn words_that_are_addresses_or_times_are_seen() {
    let looks = |cells: &[&str]| {
        let text = format!("a,b\n{}\n", cells.iter().map(|c| format!("{c},1")).collect::<Vec<_>>().join("\n"));
        Profile::of(&table(&text)).columns[0].looks
    };
    assert_eq!(looks(&["10.0.0.1", "192.168.1.59"]), Some(Looks::Address));
    assert_eq!(looks(&["fe80::1", "::ffff:10.0.0.1"]), Some(Looks::Address));
    assert_eq!(looks(&["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B8"]), Some(Looks::Address));
    assert_eq!(looks(&["07/02/2023 04:07:53 PM", "07/02/2023 04:07:14 PM"]), Some(Looks::Time));
    assert_eq!(looks(&["2017-07-06 12:39:06.818901", "2017-07-05T19:55:50Z"]), Some(Looks::Time));
    assert_eq!(looks(&["12 Jan 2023 10:00:01", "Mon 12-Feb-2023 10:00:01"]), Some(Looks::Time));
    assert_eq!(looks(&["DoS - Hulk", "Web Attack - XSS"]), None);
    assert_eq!(looks(&["192.168.1.244-192.168.1.59-19864-43694-6", "192.168.1.1-192.168.1.2-1-2-6"]), None);
    assert_eq!(looks(&["tcp", "udp"]), None);
    assert_eq!(looks(&["a-b-c", "x:y"]), None);
}

#[test]
fn equal_columns_name_the_first() {
    let profile = Profile::of(&table("a,b,c,d,e,f\n1,1.0,x,x,7,7\n2,2.0,,,7,7\n1,1.0,y,y,7,7\n"));
    let equal: Vec<(&str, &str)> = profile.equal.iter().map(|e| (e.column.as_str(), e.to.as_str())).collect();
    // Constant columns are not news.
    assert_eq!(equal, [("b", "a"), ("d", "c")]);
}

#[test]
fn markers_between_numbers_are_missing_values() {
    let mut one = table("a,b,c\n1,x,-\n?,?,tcp\n3,y,udp\nNA,-,-\n");
    assert_eq!(settle(&mut one), ["?", "NA"]);
    let profile = Profile::of(&one);
    let kinds: Vec<(Kind, u64)> = profile.columns.iter().map(|c| (c.kind, c.missing)).collect();
    // A dash among words stays a word.
    assert_eq!(kinds, [(Kind::Whole, 2), (Kind::Words, 1), (Kind::Words, 0)]);

    let mut dashes = table("a,b\n1,x\n-,-\n3,y\n");
    assert_eq!(settle(&mut dashes), ["-"]);
    // What means "missing" does so in all columns, as the reader of the experiment has it.
    assert_eq!(Profile::of(&dashes).columns[1].missing, 1);

    let mut mixed = table("a,b\n1,x\n0x2,y\n3,z\n");
    assert_eq!(settle(&mut mixed), [""; 0]);
    assert_eq!(Profile::of(&mixed).columns[0].kind, Kind::Mixed);
}

#[test]
fn headers_that_come_again_are_found() {
    let text = "a,b,c\n1,2,x\na,b,c\n3,4,y\na,b,c\n";
    assert_eq!(repeated_headers(&table(text)), Some((2, 1)));
    assert_eq!(repeated_headers(&table("a,b,c\n1,2,x\n3,4,c\n")), None);
}

#[test]
fn relations_go_both_ways() {
    let rows: String = (0..60)
        .map(|i| format!("{},{},{},{},{}\n", ["a", "b", "c"][i % 3], i % 6, usize::from(i % 3 == 0), i, i % 2))
        .collect();
    let table = table(&format!("label,finer,coarser,own,other\n{rows}"));
    let relations = relations(&table, "label").unwrap();
    let of = |name: &str| relations.iter().find(|r| r.column == name).unwrap();
    assert_eq!((of("finer").determines, of("finer").follows, of("finer").accuracy), (true, false, Some(1.0)));
    assert_eq!((of("coarser").determines, of("coarser").follows), (false, true));
    assert!((of("coarser").accuracy.unwrap() - 2.0 / 3.0).abs() < 1e-15);
    // Every row has its own value: true, and without meaning.
    assert_eq!((of("own").determines, of("own").values, of("own").accuracy), (true, 60, None));
    assert_eq!((of("other").determines, of("other").follows), (false, false));
    assert!(super::relations(&table, "Label").unwrap_err().hints[0].contains("label"));
}

#[test]
fn a_missing_value_is_a_value_like_any_other() {
    let relations = relations(&table("label,attack\nnormal,\ndos,x\nnormal,\ndos,y\n,x\n"), "label").unwrap();
    assert_eq!((relations[0].determines, relations[0].follows, relations[0].values), (true, false, 3));
}

#[test]
fn repeated_rows_and_conflicts_are_counted() {
    let table = table("id,a,b,label\n1,1,x,p\n2,1,x,p\n3,1,x,q\n4,2,x,q\n4,2,x,q\n5,3,,\n6,1,y,p\n");
    let (repeats, classes) = repeats(&table, &["a", "b"], "label").unwrap();
    // Rows 2 and 5 repeat features and class; the features of rows 1 to 3 carry two classes.
    assert_eq!(repeats, Repeats { whole_rows: 1, with_target: 2, conflicting: 1, conflicting_rows: 3 });
    let counts: Vec<(&str, u64, u64)> = classes.iter().map(|c| (c.name.as_str(), c.rows, c.distinct_rows)).collect();
    assert_eq!(counts, [("p", 3, 2), ("q", 3, 2)]);
}

#[test]
fn numeric_classes_are_in_the_order_of_their_numbers() {
    let (_, classes) = repeats(&table("a,y\n1,10\n2,2\n3,1.0\n4,1\n"), &["a"], "y").unwrap();
    let names: Vec<&str> = classes.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["1", "2", "10"]);
}

#[test]
fn correlated_pairs_are_counted() {
    let rows: String = (0..200).map(|i| format!("{i},{},{},{}\n", 2 * i + 1, -i, (i * 7919) % 211)).collect();
    let table = table(&format!("a,b,c,d\n{rows}"));
    let all = correlated(&table, &["a", "b", "c", "d"], 0.95).unwrap();
    assert_eq!((all.pairs, all.columns, all.every), (3, 4, 1));
    assert_eq!(correlated(&table, &["a", "d"], 0.95).unwrap().pairs, 0);
}
