#![allow(clippy::unwrap_used)]

use super::*;
use crate::spec::dataset::DatasetSpec;
use crate::table::profile::settle;
use crate::table::{Input, read_loosely};

/// A table of `rows` rows: one line of text for each row number.
fn table(header: &str, rows: usize, line: impl Fn(usize) -> String) -> Table {
    let text: String = (0..rows).map(|i| format!("{}\n", line(i))).collect();
    let text = format!("{header}\n{text}");
    let input = Input { name: "a.csv", bytes: text.as_bytes(), role: None };
    let mut table = read_loosely(&[input], &DatasetSpec::default()).unwrap().0;
    settle(&mut table);
    table
}

fn guess(table: &Table, target: Option<&str>) -> Result<Guess, TableError> {
    Guess::of(table, &Profile::of(table), target)
}

fn aside(guess: &Guess) -> Vec<(&str, Reason)> {
    guess.aside.iter().map(|a| (a.column.as_str(), a.reason)).collect()
}

const TYPES: [&str; 4] = ["Audio", "Video", "DoS", "Mirai"];

/// Three labels, each finer than the one before; the finest has a class of one row.
fn three_labels() -> Table {
    table("Flow ID,Bytes,Label,Traffic Type,Traffic Subtype", 80, |i| {
        let kind = i % 4;
        let sub = if i == 79 { 9 } else { i % 8 };
        let label = if kind < 2 { "Benign" } else { "Malicious" };
        format!("flow-{i},{},{label},{},{} {sub}", (i * 37) % 23, TYPES[kind], TYPES[kind])
    })
}

#[test]
fn the_label_with_the_most_workable_classes_is_the_target() {
    let guess = guess(&three_labels(), None).unwrap();
    assert_eq!(guess.target.column, "Traffic Type");
    let others: Vec<(&str, u64, u64)> =
        guess.target.others.iter().map(|c| (c.column.as_str(), c.classes, c.rarest)).collect();
    assert_eq!(others, [("Label", 2, 40), ("Traffic Subtype", 9, 1)]);
    let expected =
        [("Flow ID", Reason::Identifier), ("Label", Reason::CoarserLabel), ("Traffic Subtype", Reason::FinerLabel)];
    assert_eq!(aside(&guess), expected);
    assert_eq!(guess.features, ["Bytes"]);
}

#[test]
fn a_coarser_label_gives_the_groups() {
    let guess = guess(&three_labels(), None).unwrap();
    let groups = guess.groups.unwrap();
    assert_eq!((groups.negative.as_str(), groups.positive.as_str()), ("Benign", "Malicious"));
    assert_eq!(
        (groups.harmless.as_slice(), groups.others.as_slice()),
        (["Audio".to_owned(), "Video".to_owned()].as_slice(), ["DoS".to_owned(), "Mirai".to_owned()].as_slice())
    );
    assert_eq!(groups.from.as_deref(), Some("Label"));
}

#[test]
fn the_user_decides_on_the_target() {
    let table = three_labels();
    let found = guess(&table, Some("Traffic Subtype")).unwrap();
    assert_eq!(found.classes.len(), 9);
    assert_eq!(aside(&found)[1..], [("Label", Reason::CoarserLabel), ("Traffic Type", Reason::CoarserLabel)]);
    let error = guess(&table, Some("traffic type")).unwrap_err();
    assert!(error.hints[0].contains("Traffic Type"), "{error:?}");
    let error = guess(&table, Some("Flow ID")).unwrap_err();
    assert!(error.message.contains("80 different values in 80 rows"), "{error:?}");
}

#[test]
fn groups_are_read_off_the_names_of_classes() {
    let of = |names: &[&str], feature: &str| {
        let table = table(&format!("{feature},b,label"), 60, |i| {
            format!("{},{},{}", i % 7, (i * 11) % 13, names[i % names.len()])
        });
        guess(&table, None).unwrap().groups.map(|g| (g.negative, g.harmless, g.positive, g.others))
    };
    let text = |s: &str| s.to_owned();
    let some = |n: &str, h: &[&str], p: &str, o: &[&str]| {
        Some((text(n), h.iter().map(|s| text(s)).collect::<Vec<_>>(), text(p), o.iter().map(|s| text(s)).collect()))
    };
    assert_eq!(
        of(&["normal.", "smurf.", "neptune."], "a"),
        some("benign", &["normal."], "malicious", &["neptune.", "smurf."])
    );
    assert_eq!(of(&["malignant", "benign"], "a"), some("benign", &["benign"], "malignant", &["malignant"]));
    assert_eq!(of(&["0", "1"], "src_bytes"), some("benign", &["0"], "malicious", &["1"]));
    assert_eq!(of(&["0", "1"], "height"), some("negative", &["0"], "positive", &["1"]));
    assert_eq!(of(&["0", "1", "2"], "src_bytes"), None);
    assert_eq!(of(&["setosa", "virginica", "versicolor"], "a"), None);
}

#[test]
fn what_identifies_is_kept_aside() {
    let header = "no name,id,Src IP,host,sport,port_no,when,epoch,comment,proto,bytes,label";
    let table = table(header, 200, |i| {
        let (a, b) = (i % 50, (i * 7) % 60);
        format!(
            "{i},{},10.0.0.{a},172.16.0.{},{},{},2023-02-07 10:{b:02}:{b:02},{},text {i},{},{},{}",
            (i * 31) % 997,
            i % 9,
            1024 + (i * 13) % 150,
            i % 5,
            1_675_764_000 + i,
            ["tcp", "udp"][(i / 2) % 2],
            (i * 17) % 101,
            ["a", "b", "c"][(i * i) % 3],
        )
    });
    let expected = [
        ("no name", Reason::RowNumber),
        ("id", Reason::Identifier),
        ("Src IP", Reason::Address),
        ("host", Reason::Address),
        ("sport", Reason::Port),
        ("when", Reason::Time),
        ("epoch", Reason::Time),
        ("comment", Reason::Bookkeeping),
    ];
    let guess = guess(&table, None).unwrap();
    assert_eq!(aside(&guess), expected);
    assert_eq!(guess.features, ["port_no", "proto", "bytes"]);
}

#[test]
fn a_label_under_another_name_is_found() {
    let table = table("bytes,code,pair,label", 120, |i| {
        let class = (i * i + i) % 5 % 3;
        format!("{},{},{},c{class}", (i * 17) % 101, 10 * class + 7, class * 2 + i % 2)
    });
    let guess = guess(&table, None).unwrap();
    assert_eq!(aside(&guess), [("code", Reason::TellsTarget), ("pair", Reason::TellsTarget)]);
}

#[test]
fn many_words_are_kept_aside() {
    let table = table("bytes,agent,label", 1000, |i| {
        format!("{},agent {},{}", (i * 17) % 101, (i * i) % 997 % 400, ["a", "b"][(i / 3) % 2])
    });
    let guess = guess(&table, None).unwrap();
    assert!(matches!(aside(&guess)[..], [("agent", Reason::ManyWords)]), "{:?}", aside(&guess));
}

#[test]
fn without_a_name_the_last_column_tells() {
    let iris = table("1,2,3", 60, |i| format!("{}.5,{}.25,{}", (i * 7) % 31, (i * 11) % 17, ["x", "y", "z"][i % 3]));
    let found = guess(&iris, None).unwrap();
    assert_eq!(found.target.column, "3");
    assert!(found.target.reason.contains("the last one"), "{}", found.target.reason);
    let first = table("q,r,s", 60, |i| format!("{},{}.5,{}.25", ["x", "y"][i % 2], (i * 7) % 31, (i * 11) % 17));
    assert_eq!(guess(&first, None).unwrap().target.column, "q");
}

#[test]
fn a_quantity_is_no_target() {
    let table = table("age,sex,target", 100, |i| format!("{},{},{}", 20 + (i * 7) % 60, i % 2, 100 + (i * 37) % 89));
    let error = guess(&table, None).unwrap_err();
    assert!(error.message.contains("\"target\" has 89 different numbers in 100 rows"), "{error:?}");
    assert!(error.hints.last().unwrap().contains("\"sex\" (2)"), "{error:?}");
    assert_eq!(guess(&table, Some("sex")).unwrap().classes.len(), 2);
    let error = guess(&table, Some("target")).unwrap_err();
    assert!(error.message.contains("which is a quantity"), "{error:?}");
}

#[test]
fn a_label_with_gaps_comes_after_a_complete_one() {
    let table = table("bytes,attack_cat,label", 120, |i| {
        let attack = i % 3 == 0;
        let cat = if attack { ["DoS", "Worms"][(i / 3) % 2] } else { "" };
        format!("{},{cat},{}", (i * 17) % 101, usize::from(attack))
    });
    let found = guess(&table, None).unwrap();
    assert_eq!(found.target.column, "label");
    assert_eq!(aside(&found), [("attack_cat", Reason::FinerLabel)]);
    assert_eq!(guess(&table, Some("attack_cat")).unwrap().unlabelled, 80);
}
