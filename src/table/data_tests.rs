//! Checks on real data sets, where `RUNNER_DATA_DIR` names their folder. Figures are those of pandas 3.1.1.

use std::path::PathBuf;

use super::*;
use crate::ml::{Frame, Role, Values};
use crate::param::Name;
use crate::spec::dataset::{CleanStep, DatasetSpec, DropCorrelated, DropDuplicates, RoundColumns};

const TII: &str = "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz";
const TII_ASIDE: [&str; 8] =
    ["Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Label", "Traffic Subtype"];

/// The bytes of a file, `None` (with the reason on standard error) where there is no data.
#[allow(clippy::print_stderr)]
fn data(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("RUNNER_DATA_DIR") else {
        eprintln!("skipped: RUNNER_DATA_DIR is not set, so there is no {path}");
        return None;
    };
    let path = PathBuf::from(folder).join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(e) => {
            eprintln!("skipped: {}: {e}", path.display());
            None
        }
    }
}

fn named(list: &[&str]) -> Vec<Name> {
    list.iter().map(|n| Name((*n).to_owned())).collect()
}

fn columns(path: &str) -> Option<Vec<Name>> {
    let text = String::from_utf8(data(path)?).unwrap();
    Some(text.lines().map(|l| Name(l.trim().to_owned())).filter(|n| !n.0.is_empty()).collect())
}

fn tii_spec() -> DatasetSpec {
    DatasetSpec { target: named(&["Traffic Type"]).pop(), keep_aside: named(&TII_ASIDE), ..DatasetSpec::default() }
}

fn sum(frame: &Frame, name: &str) -> f64 {
    match frame.columns.iter().find(|c| c.name == name).map(|c| &c.values) {
        Some(Values::Number(v)) => v.iter().sum(),
        _ => f64::NAN,
    }
}

#[test]
fn the_published_cleaning_is_pandas_to_the_row() {
    let Some(bytes) = data(TII) else { return };
    let dataset = tii_spec();
    let (table, ledger, warnings) = read_table(&[Input { name: TII, bytes: &bytes, role: None }], &dataset).unwrap();
    assert_eq!((table.rows(), table.columns.len(), warnings.len()), (5301, 86, 0));
    assert_eq!(ledger[0].counts, [("missing cells".to_owned(), 0), ("infinities".to_owned(), 0)]);
    let steps = [
        CleanStep::DropCorrelated(DropCorrelated { above: 0.8, absolute: false }),
        CleanStep::Round(RoundColumns { decimals: 3 }),
        CleanStep::DropDuplicates(DropDuplicates { except: named(&TII_ASIDE[..6]) }),
    ];
    let (frame, ledger, _) = clean(table, &dataset, &steps).unwrap();
    assert_eq!(
        ledger[0].dropped_columns,
        [
            "Total Length of Fwd Packet",
            "Fwd Packet Length Min",
            "Fwd Packet Length Mean",
            "Flow IAT Max",
            "Flow IAT Min",
            "Fwd IAT Total",
            "Fwd IAT Mean",
            "Fwd IAT Std",
            "Fwd IAT Max",
            "Fwd IAT Min",
            "Bwd IAT Min",
            "Bwd Header Length",
            "Fwd Packets/s",
            "Packet Length Min",
            "Packet Length Max",
            "Packet Length Mean",
            "Packet Length Variance",
            "PSH Flag Count",
            "ACK Flag Count",
            "URG Flag Count",
            "Average Packet Size",
            "Fwd Segment Size Avg",
            "Bwd Segment Size Avg",
            "Bwd Bytes/Bulk Avg",
            "Bwd Packet/Bulk Avg",
            "Subflow Bwd Packets",
            "Subflow Bwd Bytes",
            "Fwd Act Data Pkts",
            "Active Max",
            "Active Min",
            "Idle Mean",
            "Idle Std",
            "Idle Max",
            "Idle Min",
        ]
    );
    assert_eq!((frame.rows(), frame.columns.len(), frame.aside.len()), (5263, 43, 8));
    assert_eq!((ledger[2].rows_before, ledger[2].rows_after), (5301, 5263));
    assert_eq!(frame.row_ids.iter().sum::<u64>(), 13_924_630, "the same rows stay");
    assert_eq!(frame.class_counts(), [190, 32, 1000, 1000, 999, 975, 209, 858]);
    for (name, expected) in
        [("Flow Duration", 84_292_566_279.0), ("Flow Bytes/s", 89_446_206.483), ("Flow IAT Mean", 16_766_233_589.159)]
    {
        assert!((sum(&frame, name) / expected - 1.0).abs() < 1e-13, "{name}");
    }
}

#[test]
fn the_published_misspelling_is_refused_on_the_real_classes() {
    let Some(bytes) = data(TII) else { return };
    let groups = [
        ("benign", named(&["Audio", "Background", "Text", "Video"])),
        ("malicious", named(&["Bruteforce", "DoS", "Information_Gathering", "Mirai"])),
    ];
    let dataset = DatasetSpec { groups: groups.map(|(g, m)| (g.to_owned(), m)).into(), ..tii_spec() };
    let (table, ..) = read_table(&[Input { name: TII, bytes: &bytes, role: None }], &dataset).unwrap();
    let error = clean(table, &dataset, &[]).unwrap_err();
    assert_eq!(error.message, "class \"Information Gathering\" is in no group");
    assert!(
        error.hints[0]
            .contains("\"Information_Gathering\" of group \"malicious\": did you mean \"Information Gathering\"?")
    );
}

#[test]
fn the_published_arrays_are_read_and_written_back() {
    let Some(bytes) = data("published-arrays/processed_data.npz") else { return };
    let arrays = read_npz("processed_data.npz", &bytes).unwrap();
    assert_eq!((arrays.x_train.dim(), arrays.x_test.dim()), ((6400, 15), (1053, 15)));
    assert_eq!(read_npz("again", &write_npz(&arrays).unwrap()).unwrap(), arrays);
    let (table, balanced, _) = arrays.into_tables(&DatasetSpec::default()).unwrap();
    assert_eq!((table.rows(), balanced.as_ref().unwrap().rows()), (4210 + 1053, 6400));
    let (balanced, ..) = clean(balanced.unwrap(), &DatasetSpec::default(), &[]).unwrap();
    assert_eq!(balanced.class_counts(), [800; 8]);
    let (frame, ..) = clean(table, &DatasetSpec::default(), &[]).unwrap();
    let test: Vec<usize> = (4210..frame.rows()).collect();
    assert_eq!(frame.take(&test).class_counts(), [38, 6, 200, 200, 200, 195, 42, 172]);
}

#[test]
fn nsl_kdd_reads_without_a_header_and_with_fixed_roles() {
    let (train, test) = ("nsl-kdd/KDDTrain+_20Percent.txt.gz", "nsl-kdd/KDDTest+.txt.gz");
    let (Some(a), Some(b), Some(columns)) = (data(train), data(test), columns("nsl-kdd/columns.txt")) else { return };
    let files = [
        Input { name: train, bytes: &a, role: Some(Role::Train) },
        Input { name: test, bytes: &b, role: Some(Role::Test) },
    ];
    let mut dataset = DatasetSpec {
        columns: Some(columns),
        target: named(&["label"]).pop(),
        keep_aside: named(&["difficulty"]),
        ..DatasetSpec::default()
    };
    let (table, ..) = read_table(&files, &dataset).unwrap();
    assert_eq!((table.rows(), table.columns.len()), (25_192 + 22_544, 43));
    let (frame, ..) = clean(table, &dataset, &[]).unwrap();
    let words: Vec<&str> =
        frame.columns.iter().filter(|c| matches!(c.values, Values::Category { .. })).map(|c| c.name.as_str()).collect();
    assert_eq!(words, ["protocol_type", "service", "flag"]);
    let normal = frame.labels.classes.iter().position(|c| c == "normal").unwrap();
    assert_eq!(frame.class_counts()[normal], 13_449 + 9_711);
    dataset.columns.as_mut().unwrap().pop();
    let error = read_table(&files, &dataset).unwrap_err();
    assert_eq!(error.message, "expected 42 cells, one for each name in dataset.columns, got 43");
}

#[test]
fn missing_cells_duplicates_and_gaps_in_correlations_are_pandas() {
    let path = "ddos-sdn/dataset_sdn.csv.gz";
    let Some(bytes) = data(path) else { return };
    let dataset =
        DatasetSpec { target: named(&["label"]).pop(), keep_aside: named(&["src", "dst"]), ..DatasetSpec::default() };
    let (table, ledger, _) = read_table(&[Input { name: path, bytes: &bytes, role: None }], &dataset).unwrap();
    assert_eq!(ledger[0].counts[0], ("missing cells".to_owned(), 1012));
    let steps = [
        CleanStep::DropDuplicates(DropDuplicates { except: Vec::new() }),
        CleanStep::DropCorrelated(DropCorrelated { above: 0.8, absolute: false }),
    ];
    let (frame, ledger, _) = clean(table.clone(), &dataset, &steps).unwrap();
    assert_eq!((table.rows(), frame.rows()), (104_345, 99_254));
    assert_eq!(ledger[1].dropped_columns, ["tot_dur", "byteperflow", "pktrate"]);
    assert_eq!(frame.labels.classes, ["0", "1"]);
    let dropped = DatasetSpec { missing: crate::spec::dataset::Missing::Drop, ..dataset };
    assert_eq!(clean(table, &dropped, &[]).unwrap().0.rows(), 103_839);
}

#[test]
fn half_a_million_rows_are_read_and_cleaned_like_pandas() {
    let path = "kddcup99-10pct/kddcup.data_10_percent.gz";
    let (Some(bytes), Some(columns)) = (data(path), columns("kddcup99-10pct/columns.txt")) else { return };
    let dataset = DatasetSpec { columns: Some(columns), target: named(&["label"]).pop(), ..DatasetSpec::default() };
    let (table, ..) = read_table(&[Input { name: path, bytes: &bytes, role: None }], &dataset).unwrap();
    assert_eq!((table.rows(), table.columns.len()), (494_021, 42));
    let steps = [
        CleanStep::DropCorrelated(DropCorrelated { above: 0.8, absolute: false }),
        CleanStep::DropDuplicates(DropDuplicates { except: Vec::new() }),
    ];
    let (frame, ledger, _) = clean(table.clone(), &dataset, &steps).unwrap();
    let positions: Vec<usize> =
        (0..42).filter(|&i| ledger[0].dropped_columns.contains(&table.columns[i].name)).collect();
    assert_eq!(positions, [15, 21, 23, 25, 27, 32, 33, 35, 37, 38, 39, 40]);
    assert_eq!(frame.labels.classes.len(), 23);
    let (frame, ..) = clean(table, &dataset, &steps[1..]).unwrap();
    assert_eq!(frame.rows(), 145_586);
}
