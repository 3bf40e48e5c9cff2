use super::*;
use crate::ml::{Column, Grouping};
use crate::spec::dataset::{DropColumns, DropDuplicates, DropMissing, KeepColumns, Names, RoundColumns, TrainOn};

const NAN: f64 = f64::NAN;

fn named(list: &[&str]) -> Vec<Name> {
    list.iter().map(|n| Name((*n).to_owned())).collect()
}

fn spec() -> DatasetSpec {
    DatasetSpec { target: Some(Name("y".into())), keep_aside: named(&["host"]), ..DatasetSpec::default() }
}

fn table() -> Table {
    Table {
        row_ids: (0..6).collect(),
        columns: vec![
            Column::number("a", vec![1.0, 1.0, NAN, 4.0, 1.0, 6.0]),
            Column::number("b", vec![2.0006, 2.0001, 3.0, 1.0, 2.0, 2.5]),
            Column::category("host", &[Some("h1"), Some("h2"), Some("h1"), None, Some("h1"), Some("h1")]),
            Column::category("p", &[Some("tcp"), Some("tcp"), Some("udp"), Some("udp"), Some("tcp"), None]),
            Column::category("y", &[Some("10"), Some("10"), Some("9"), Some("9"), Some("10"), Some("2")]),
        ],
        roles: None,
    }
}

fn steps(list: &[CleanStep], dataset: &DatasetSpec) -> Result<(Frame, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    clean(table(), dataset, list)
}

fn round(decimals: usize) -> CleanStep {
    CleanStep::Round(RoundColumns { decimals })
}

fn duplicates(except: &[&str]) -> CleanStep {
    CleanStep::DropDuplicates(DropDuplicates { except: named(except) })
}

#[test]
fn columns_go_where_they_belong_and_classes_sort_by_number() {
    let (frame, ledger, warnings) = steps(&[], &spec()).unwrap();
    let names = |columns: &[Column]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        (names(&frame.columns), names(&frame.aside)),
        (vec!["a".into(), "b".into(), "p".into()], vec!["host".into()])
    );
    assert_eq!(frame.labels.classes, ["2", "9", "10"]);
    assert_eq!(frame.labels.codes, [2, 2, 1, 1, 2, 0]);
    assert!(ledger.is_empty() && warnings.is_empty() && frame.grouping.is_none());
}

#[test]
fn steps_are_done_in_order_and_counted() {
    let (frame, ledger, _) = steps(&[round(3), duplicates(&["host"])], &spec()).unwrap();
    assert_eq!(frame.row_ids, [0, 1, 2, 3, 5], "2.0001 rounds to 2.0, so row 4 repeats row 1");
    assert_eq!(frame.columns[1], Column::number("b", vec![2.001, 2.0, 3.0, 1.0, 2.5]));
    assert_eq!(ledger[0].step, "round");
    assert_eq!(ledger[0].counts, [("rounded cells".to_owned(), 2)]);
    assert_eq!((ledger[1].step.as_str(), ledger[1].rows_before, ledger[1].rows_after), ("drop_duplicates", 6, 5));
    let (frame, ..) = steps(&[duplicates(&["host"]), round(3)], &spec()).unwrap();
    assert_eq!(frame.row_ids.len(), 6);
}

#[test]
fn rounding_is_numpys() {
    // numpy.round([0.5, 1.5, 2.5, -0.5, 2.675, 1.005, 0.0005, 1e300, 0.1235], 0 and 3), NumPy 2.
    let values = vec![0.5, 1.5, 2.5, -0.5, 2.675, 1.005, 0.0005, 1e300, 0.1235, NAN];
    let rounded = |decimals| {
        let y: Vec<Option<&str>> = (0..10).map(|i| Some(if i < 5 { "u" } else { "v" })).collect();
        let columns = vec![Column::number("a", values.clone()), Column::category("y", &y)];
        let table = Table { row_ids: (0..10).collect(), columns, roles: None };
        let dataset = DatasetSpec { keep_aside: Vec::new(), ..spec() };
        match clean(table, &dataset, &[round(decimals)]).unwrap().0.columns.remove(0).values {
            Values::Number(v) => v[..9].to_vec(),
            Values::Category { .. } => Vec::new(),
        }
    };
    assert_eq!(rounded(0), [0.0, 2.0, 2.0, 0.0, 3.0, 1.0, 0.0, 1e300, 0.0]);
    assert_eq!(rounded(3), [0.5, 1.5, 2.5, -0.5, 2.675, 1.005, 0.0, 1e300, 0.124]);
    assert_eq!(rounded(10)[7], 1e300, "a product that overflows leaves the value");
}

#[test]
fn missing_rows_go_only_when_asked_and_before_the_steps() {
    let drop = DatasetSpec { missing: Missing::Drop, ..spec() };
    let (frame, ledger, _) = steps(&[round(3)], &drop).unwrap();
    assert_eq!(frame.row_ids, [0, 1, 3, 4], "a host that is missing is kept aside and drops nothing");
    assert_eq!((ledger[0].step.as_str(), ledger[0].rows_after), ("missing", 4));
    assert_eq!(ledger[0].counts, [("rows without a".to_owned(), 1), ("rows without p".to_owned(), 1)]);
    let by_host = CleanStep::DropMissing(DropMissing { columns: Some(Names(named(&["host"]))) });
    assert_eq!(steps(&[by_host], &spec()).unwrap().0.row_ids, [0, 1, 2, 4, 5]);
    let all = CleanStep::DropMissing(DropMissing { columns: None });
    assert_eq!(steps(&[all], &spec()).unwrap().0.row_ids, [0, 1, 3, 4]);
}

#[test]
fn columns_are_dropped_kept_and_missed_by_name() {
    let drop = |list: &[&str]| CleanStep::DropColumns(DropColumns { columns: Names(named(list)) });
    let keep = |list: &[&str]| CleanStep::KeepColumns(KeepColumns { columns: Names(named(list)) });
    let (frame, ledger, _) = steps(&[drop(&["a", "host"])], &spec()).unwrap();
    assert_eq!((frame.columns.len(), frame.aside.len()), (2, 0));
    assert_eq!((ledger[0].columns_before, ledger[0].columns_after), (5, 3));
    assert_eq!(ledger[0].dropped_columns, ["a", "host"]);
    let (frame, ..) = steps(&[keep(&["p", "a"])], &spec()).unwrap();
    assert_eq!(frame.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "p"]);
    assert_eq!(frame.aside.len(), 1);

    let fault = |list: &[CleanStep]| steps(list, &spec()).unwrap_err();
    assert_eq!(fault(&[round(1), drop(&["hst"])]).hints, ["did you mean \"host\"?"]);
    assert_eq!(fault(&[round(1), drop(&["hst"])]).place.as_deref(), Some("clean.1"));
    assert_eq!(fault(&[drop(&["a"]), keep(&["a"])]).message, "column \"a\" is gone: clean.0 (drop_columns) dropped it");
    assert!(fault(&[drop(&["y"])]).message.contains("cannot be dropped"));
    assert!(fault(&[keep(&["host"])]).message.contains("kept aside, so it is no feature"));
    assert!(fault(&[drop(&["a", "b", "p"])]).message.contains("no feature is left"));
    assert!(fault(&[duplicates(&["nope"])]).message.contains("not in the table"));
    assert!(steps(&[drop(&["a"]), duplicates(&["a"])], &spec()).is_ok());
}

#[test]
fn correlated_columns_are_chosen_on_the_training_rows_where_roles_are_fixed() {
    let correlated = CleanStep::DropCorrelated(DropCorrelated { above: 0.8, absolute: false });
    let mut table = Table {
        row_ids: (0..6).collect(),
        columns: vec![
            Column::number("a", vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            Column::number("b", vec![1.0, 2.0, 3.0, 9.0, -50.0, 0.0]),
            Column::category("y", &["u", "v", "u", "v", "u", "v"].map(Some)),
        ],
        roles: None,
    };
    let dataset = DatasetSpec { keep_aside: Vec::new(), ..spec() };
    let (frame, _, warnings) = clean(table.clone(), &dataset, std::slice::from_ref(&correlated)).unwrap();
    assert_eq!(frame.columns.len(), 2);
    assert_eq!((warnings[0].code, warnings[0].place.as_deref()), (Code::S03, Some("clean.0")));
    let (train, test) = (Role::Train, Role::Test);
    table.roles = Some(vec![train, train, train, train, test, test]);
    let (frame, ledger, warnings) = clean(table, &dataset, &[correlated]).unwrap();
    assert_eq!((frame.columns.len(), warnings.len()), (1, 0));
    assert_eq!(ledger[0].dropped_columns, ["b"]);
    assert_eq!(ledger[0].note.as_deref(), Some("above 0.8"));
}

#[test]
fn rows_are_dropped_within_their_part() {
    let mut table = table();
    table.roles = Some([Role::Train, Role::Train, Role::Train, Role::Test, Role::Test, Role::Test].to_vec());
    let (frame, ledger, _) = clean(table, &spec(), &[round(3), duplicates(&["host"])]).unwrap();
    assert_eq!(frame.row_ids, [0, 1, 2, 3, 4, 5], "row 4 repeats row 1 of the other part");
    assert_eq!(ledger[1].counts, [("train rows dropped".to_owned(), 0), ("test rows dropped".to_owned(), 0)]);
}

#[test]
fn steps_that_leave_nothing_to_learn_are_named() {
    let mut empty = table();
    empty.columns[0] = Column::number("a", vec![NAN; 6]);
    let all = CleanStep::DropMissing(DropMissing { columns: None });
    let error = clean(empty, &spec(), &[round(1), all.clone()]).unwrap_err();
    assert_eq!(error.message, "no row is left: drop_missing dropped the last of 6 rows");
    assert_eq!(error.place.as_deref(), Some("clean.1"));
    assert_eq!(error.hints[0], "there are 6 rows without a: drop that column, or keep the rows and impute");

    let mut one = table();
    one.columns[0] = Column::number("a", vec![1.0, 2.0, NAN, NAN, 3.0, NAN]);
    let error = clean(one, &spec(), &[all]).unwrap_err();
    assert_eq!(error.message, "only one class is left of 3: drop_missing dropped all rows of the others");

    let mut test = table();
    test.roles = Some([Role::Train, Role::Train, Role::Test, Role::Train, Role::Train, Role::Train].to_vec());
    let drop = DatasetSpec { missing: Missing::Drop, ..spec() };
    let error = clean(test, &drop, &[]).unwrap_err();
    assert_eq!(error.message, "no test row is left: missing dropped the last of 6 rows");
    assert_eq!(error.place.as_deref(), Some("dataset.missing"));
}

#[test]
fn labels_must_be_there_and_differ() {
    let mut gap = table();
    gap.columns[4] = Column::category("y", &[Some("u"), None, Some("v"), None, Some("v"), Some("v")]);
    let error = clean(gap, &spec(), &[]).unwrap_err();
    assert_eq!(error.message, "2 rows without a label: the target column \"y\" is empty in data row 2 first");
    let mut same = table();
    same.columns[4] = Column::category("y", &[Some("u"); 6]);
    let error = clean(same, &spec(), &[]).unwrap_err();
    assert_eq!(error.message, "all rows have one class only, \"u\": there is nothing to tell apart");
    let none = DatasetSpec { target: None, ..spec() };
    assert_eq!(steps(&[], &none).unwrap_err().place.as_deref(), Some("dataset.target"));
}

#[test]
fn groups_can_be_what_is_learnt() {
    let groups = |list: &[(&str, &[&str])]| list.iter().map(|(g, m)| ((*g).to_owned(), named(m))).collect();
    let mut dataset = DatasetSpec {
        groups: groups(&[("ok", &["2", "9"]), ("bad", &["10"]), ("other", &["77"])]),
        positive: Some(Name("bad".into())),
        ..spec()
    };
    let (frame, _, warnings) = steps(&[], &dataset).unwrap();
    let names = ["bad", "ok", "other"].map(str::to_owned).to_vec();
    assert_eq!(frame.grouping, Some(Grouping { names, of_class: vec![1, 1, 0], positive: Some(0) }));
    assert_eq!(warnings.len(), 1);
    dataset.train_on = TrainOn::Group;
    let (frame, ..) = steps(&[], &dataset).unwrap();
    assert_eq!(frame.labels.classes, ["bad", "ok"]);
    assert_eq!(frame.labels.codes, [0, 0, 1, 1, 0, 1]);
    assert_eq!(frame.aside[1].name, "y");
    let identity = Grouping { names: frame.labels.classes.clone(), of_class: vec![0, 1], positive: Some(0) };
    assert_eq!(frame.grouping, Some(identity));
    dataset.groups = groups(&[("all", &["2", "9", "10"])]);
    dataset.positive = None;
    assert!(steps(&[], &dataset).unwrap_err().message.contains("one group"));
    dataset.groups.clear();
    assert_eq!(steps(&[], &dataset).unwrap_err().place.as_deref(), Some("dataset.train_on"));
}
