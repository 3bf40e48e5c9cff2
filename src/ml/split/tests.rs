use proptest::prelude::*;
use serde_json::json;

use super::super::{Column, Labels};
use super::*;

fn frame(codes: &[u32], classes: usize) -> Frame {
    Frame {
        row_ids: (0..codes.len() as u64).map(|i| 10 + i).collect(),
        columns: vec![Column::number("x", (0..codes.len()).map(|i| i as f64).collect())],
        aside: Vec::new(),
        labels: Labels { codes: codes.to_vec(), classes: (0..classes).map(|c| format!("class {c}")).collect() },
        grouping: None,
        roles: None,
    }
}

fn of_counts(counts: &[usize]) -> Frame {
    let codes: Vec<u32> = counts.iter().enumerate().flat_map(|(c, &n)| vec![c as u32; n]).collect();
    frame(&codes, counts.len())
}

fn read(value: serde_json::Value) -> SplitSpec {
    let read = SplitSpec::shape().read(&value).unwrap();
    serde_json::from_value(read).unwrap()
}

fn counts(split: &Split, frame: &Frame, role: Role) -> Vec<usize> {
    frame.take(&split.rows(role)).class_counts()
}

#[test]
fn the_language_reads_shares_and_rows() {
    assert_eq!(read(json!("stratified")), SplitSpec::default());
    let both = read(json!({"random": {"test_size": 7, "validation_size": 0.1, "seed": 3}}));
    let SplitSpec::Random(spec) = both else { unreachable!() };
    assert_eq!((spec.test_size, spec.validation_size.0), (Size::Rows(7), Size::Share(0.1)));
    assert_eq!(spec.seed, Some(3));
    for bad in [json!(0), json!(1.0), json!(1.5), json!(-1), json!(0.0), json!("0.2")] {
        assert!(SplitSpec::shape().read(&json!({"stratified": {"test_size": bad}})).is_err(), "{bad}");
    }
    let shape = SplitSpec::shape();
    assert!(shape.read(&json!({"stratified": {"validation_size": 0}})).is_ok());
    assert!(shape.read(&json!({"predefined": {"test_size": 0.2, "validation_size": 0.2}})).is_ok());
}

/// Class counts of the TII-SSRC-23 sample as `corrected-study` cleans it (5,301 rows; 34 correlated columns
/// dropped, rounded to 3 places, duplicates dropped: 5,263), classes in sorted order. The test counts are those of
/// scikit-learn 1.9.1, `train_test_split(stratify=y, test_size=0.2, random_state=0)`.
#[test]
fn sizes_are_those_of_scikit_learn() {
    let frame = of_counts(&[190, 32, 1000, 1000, 999, 975, 209, 858]);
    assert_eq!(frame.rows(), 5263);
    let (split, warnings) = SplitSpec::default().split(&frame, Seed::new(1)).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(split.rows(Role::Test).len(), 1053);
    assert_eq!(split.rows(Role::Train).len(), 4210);
    assert_eq!(split.training(&frame).unwrap().get().rows(), 4210);
    assert!(split.held_out(Role::Validation, &frame).unwrap().is_none());
    let test = counts(&split, &frame, Role::Test);
    for (got, want) in test.iter().zip([38, 6, 200, 200, 200, 195, 42, 172_usize]) {
        assert!(got.abs_diff(want) <= 1, "{test:?}");
    }
}

#[test]
fn equal_remainders_go_to_the_lowest_class() {
    // Exact test shares 1.5, 1.5, 2: three rows are dealt whole, the fourth and fifth by remainder.
    assert_eq!(allocate(&[3, 3, 4], &[5, 5]), [[2, 1], [1, 2], [2, 2]]);
    assert_eq!(allocate(&[10], &[2, 3, 5]), [[2, 3, 5]]);
    assert_eq!(allocate(&[], &[0, 0]), Vec::<Vec<usize>>::new());
}

#[test]
fn a_class_too_small_to_stratify_is_named_with_the_next_move() {
    let data = of_counts(&[20, 1, 20]);
    let error = SplitSpec::default().split(&data, Seed::new(1)).unwrap_err().to_string();
    assert!(error.contains("\"class 1\" (1 row)") && error.contains("`split: random`"), "{error}");
    let three = read(json!({"stratified": {"validation_size": 0.2}}));
    let error = three.split(&of_counts(&[20, 2]), Seed::new(1)).unwrap_err().to_string();
    assert!(error.contains("into 3 parts") && error.contains("\"class 1\" (2 rows)"), "{error}");
    // A class of the source that has no row left is no reason to stop.
    assert!(SplitSpec::default().split(&of_counts(&[20, 0, 20]), Seed::new(1)).is_ok());
}

#[test]
fn parts_that_leave_nothing_to_train_on_are_refused() {
    let data = of_counts(&[10, 10]);
    for (spec, name) in [
        (json!({"random": 20}), "test_size"),
        (json!({"stratified": {"test_size": 0.5, "validation_size": 10}}), "validation_size"),
        (json!({"random": {"test_size": 100}}), "test_size"),
    ] {
        let error = read(spec).split(&data, Seed::new(1)).unwrap_err();
        assert!(matches!(&error, MlError::Parameter { name: n, .. } if *n == name), "{error}");
    }
    assert!(SplitSpec::default().split(&of_counts(&[]), Seed::new(1)).is_err());
}

#[test]
fn predefined_keeps_the_source_and_cuts_validation_from_training() {
    let spec = read(json!({"predefined": {"test_size": 0.5, "validation_size": 0.25}}));
    let mut data = of_counts(&[12, 8, 5]);
    assert!(spec.split(&data, Seed::new(1)).unwrap_err().to_string().contains("`split: stratified`"));
    let fixed: Vec<Role> = (0..25).map(|i| if i >= 20 { Role::Test } else { Role::Train }).collect();
    data.roles = Some(fixed.clone());
    let (split, warnings) = spec.split(&data, Seed::new(1)).unwrap();
    assert_eq!(split.rows(Role::Test), (20..25).collect::<Vec<_>>());
    assert_eq!(counts(&split, &data, Role::Validation), [3, 2, 0]);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, Code::R05);
    assert!(warnings[0].message.contains("\"class 2\" (5 rows)"));
    let plain = read(json!("predefined")).split(&data, Seed::new(1)).unwrap().0;
    assert_eq!(plain.roles, fixed);
    data.roles = Some(vec![Role::Train; 25]);
    assert!(spec.split(&data, Seed::new(1)).is_err());
    data.roles = Some((0..25).map(|i| [Role::Train, Role::Validation, Role::Test][i % 3]).collect());
    assert!(spec.split(&data, Seed::new(1)).unwrap_err().to_string().contains("validation_size"));
}

#[test]
fn random_may_leave_a_class_out_of_training_and_says_so() {
    let data = of_counts(&[30, 1]);
    let all: Vec<Vec<Warning>> =
        (0..40).map(|s| read(json!({"random": 0.5})).split(&data, Seed::new(s)).unwrap().1).collect();
    assert!(all.iter().any(Vec::is_empty) && all.iter().any(|w| w.len() == 1 && w[0].code == Code::R05));
}

#[test]
fn the_seed_of_the_experiment_file_wins() {
    let data = of_counts(&[30, 30]);
    let split = |spec: &SplitSpec, seed| spec.split(&data, Seed::new(seed)).unwrap().0;
    let free = SplitSpec::default();
    assert_ne!(split(&free, 1), split(&free, 2));
    assert_eq!(split(&free, 1), split(&free, 1));
    let own = read(json!({"stratified": {"seed": 1}}));
    assert_eq!(split(&own, 99), split(&free, 1));
}

#[test]
fn another_frame_than_the_split_one_is_refused() {
    let (split, _) = SplitSpec::default().split(&of_counts(&[10, 10]), Seed::new(1)).unwrap();
    let other = of_counts(&[10, 9]);
    assert!(split.training(&other).is_err() && split.held_out(Role::Test, &other).is_err());
    assert!(split.held_out(Role::Train, &of_counts(&[10, 10])).unwrap().is_none());
}

proptest! {
    #[test]
    fn allocation_is_exact_in_total_and_within_one_in_every_cell(
        counts in prop::collection::vec(0_usize..60, 1..9),
        cuts in (0_usize..1000, 0_usize..1000),
    ) {
        let n: usize = counts.iter().sum();
        let (a, b) = (cuts.0 % (n + 1), cuts.1 % (n + 1));
        let sizes = [a.min(b), a.max(b) - a.min(b), n - a.max(b)];
        let cells = allocate(&counts, &sizes);
        for (part, &size) in sizes.iter().enumerate() {
            prop_assert_eq!(cells.iter().map(|c| c[part]).sum::<usize>(), size);
        }
        for (cell, &count) in cells.iter().zip(&counts) {
            prop_assert_eq!(cell.iter().sum::<usize>(), count);
            for (&got, &size) in cell.iter().zip(&sizes) {
                // |got - size * count / n| < 1, in whole numbers.
                prop_assert!((got * n).abs_diff(size * count) < n.max(1), "{:?} {:?} {:?}", cells, counts, sizes);
            }
        }
    }

    #[test]
    fn a_split_is_a_partition_with_the_sizes_asked_for(
        codes in prop::collection::vec(0_u32..4, 40..160),
        test in 0.05_f64..0.5,
        validation in 0.05_f64..0.4,
        stratified in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let data = frame(&codes, 4);
        prop_assume!(data.class_counts().iter().all(|&n| n == 0 || n >= 3));
        let kind = if stratified { "stratified" } else { "random" };
        let spec = read(json!({kind: {"test_size": test, "validation_size": validation}}));
        let (split, _) = spec.split(&data, Seed::new(seed)).unwrap();
        prop_assert_eq!(split.rows(Role::Test).len(), (test * codes.len() as f64).ceil() as usize);
        prop_assert_eq!(split.rows(Role::Validation).len(), (validation * codes.len() as f64).ceil() as usize);
        let mut ids = split.training(&data).unwrap().into_inner().row_ids;
        for role in [Role::Validation, Role::Test] {
            let part = split.held_out(role, &data).unwrap().unwrap();
            prop_assert!(part.row_ids.is_sorted());
            if stratified {
                for (got, all) in part.class_counts().iter().zip(data.class_counts()) {
                    let exact = (all * part.rows()) as f64 / codes.len() as f64;
                    prop_assert!((*got as f64 - exact).abs() < 1.0);
                }
            }
            ids.extend(part.row_ids);
        }
        ids.sort_unstable();
        prop_assert_eq!(ids, data.row_ids);
    }
}
