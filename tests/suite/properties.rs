//! What holds for any input, tried on many. The generator has a fixed seed and nothing is written down between runs, so
//! a test that passes always passes.

#![allow(clippy::unwrap_used)]

use ndarray::{Array2, ArrayView1};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use runner::digest::{Digest, Seed};
use runner::ml::metrics::Value;
use runner::ml::metrics::ranking::{one_vs_rest, roc_auc};
use runner::ml::smote::{FIRST_SYNTHETIC_ID, Smote};
use runner::ml::split::{RandomSplit, Size, SizeOrZero, StratifiedSplit};
use runner::ml::{Code, Column, Dataset, Frame, Labels, Part, Progress, Role, SplitSpec, Training, Warning};
use runner::record::{Event, How, Line, Notes, PlannedStep, Problem, ProblemKind, RunRecord};
use serde_json::json;

/// Tries `cases` draws of `strategy`, the same ones every time.
pub fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng).run(strategy, test).unwrap();
}

fn class_names(n: usize) -> Vec<String> {
    (0..n).map(|c| format!("class {c}")).collect()
}

// ---------------------------------------------------------------- split

fn labelled(codes: Vec<u32>, classes: usize) -> Frame {
    let rows = codes.len();
    Frame {
        row_ids: (0..rows as u64).map(|i| i * 2 + 1).collect(),
        columns: vec![Column::number("row", (0..rows).map(|i| i as f64).collect())],
        aside: Vec::new(),
        labels: Labels { codes, classes: class_names(classes) },
        grouping: None,
        roles: None,
    }
}

/// Class indices in any order, each class with three rows at least, so that it can be in three parts.
fn labels() -> impl Strategy<Value = (Vec<u32>, usize)> {
    prop::collection::vec(3_usize..60, 1..9).prop_flat_map(|counts| {
        let codes: Vec<u32> = counts.iter().enumerate().flat_map(|(c, &n)| vec![c as u32; n]).collect();
        (Just(codes).prop_shuffle(), Just(counts.len()))
    })
}

fn sizes() -> impl Strategy<Value = (Size, SizeOrZero)> {
    let test = prop_oneof![(0.01..0.55).prop_map(Size::Share), (1_usize..2).prop_map(Size::Rows)];
    let validation = prop_oneof![Just(SizeOrZero::ZERO), (0.01..0.4).prop_map(|s| SizeOrZero(Size::Share(s)))];
    (test, validation)
}

#[test]
fn a_split_is_a_partition_and_stratified_within_one_row() {
    let strategy = (labels(), sizes(), any::<u64>(), any::<bool>());
    check(400, &strategy, |((codes, classes), (test_size, validation_size), seed, stratified)| {
        let frame = labelled(codes, classes);
        let rows = frame.rows();
        let spec = if stratified {
            SplitSpec::Stratified(StratifiedSplit { test_size, validation_size, seed: None })
        } else {
            SplitSpec::Random(RandomSplit { test_size, validation_size, seed: None })
        };
        // The only thing that may be refused here: sizes that leave no training row.
        let wanted = test_size.rows(rows) + validation_size.0.rows(rows);
        let Ok((split, _)) = spec.split(&frame, Seed::new(seed)) else {
            prop_assert!(wanted >= rows);
            return Ok(());
        };
        prop_assert!(wanted < rows);
        let parts = [
            (Role::Test, test_size.rows(rows)),
            (Role::Validation, validation_size.0.rows(rows)),
            (Role::Train, rows - wanted),
        ];
        let mut seen: Vec<usize> = Vec::new();
        for (role, size) in parts {
            let part = split.rows(role);
            prop_assert_eq!(part.len(), size, "{:?}", role);
            prop_assert!(part.is_sorted());
            if stratified {
                let counts = frame.take(&part).class_counts();
                for (&got, &all) in counts.iter().zip(&frame.class_counts()) {
                    let share = all as f64 * size as f64 / rows as f64;
                    prop_assert!((got as f64 - share).abs() < 1.0, "{:?}: {} of a share of {}", role, got, share);
                }
            }
            seen.extend(part);
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..rows).collect::<Vec<_>>());
        prop_assert_eq!(&spec.split(&frame, Seed::new(seed)).unwrap().0, &split);
        // What the parts hand over are those rows.
        let train = split.training(&frame).unwrap();
        prop_assert_eq!(train.get(), &frame.take(&split.rows(Role::Train)));
        let test = split.held_out(Role::Test, &frame).unwrap();
        prop_assert_eq!(test, Some(frame.take(&split.rows(Role::Test))));
        Ok(())
    });
}

// ---------------------------------------------------------------- SMOTE

/// Rows on a coarse grid (so that some are equal) or anywhere, of one to four classes.
fn points() -> impl Strategy<Value = (Array2<f64>, Vec<u32>)> {
    (1_usize..5, 2_usize..40, any::<bool>()).prop_flat_map(|(width, rows, grid)| {
        let value = if grid { (0..5_i32).prop_map(f64::from).boxed() } else { (-10.0..10.0).boxed() };
        (prop::collection::vec(value, width * rows), prop::collection::vec(0_u32..4, rows))
            .prop_map(move |(values, y)| (Array2::from_shape_vec((rows, width), values).unwrap(), y))
    })
}

fn distance2(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Whether `point` lies on the line from `a` to `b`, by at most a billionth.
fn between(point: ArrayView1<'_, f64>, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> bool {
    let length2 = distance2(a, b);
    let along: f64 = point.iter().zip(a).zip(b).map(|((p, a), b)| (p - a) * (b - a)).sum();
    let t = if length2 > 0.0 { (along / length2).clamp(0.0, 1.0) } else { 0.0 };
    let nearest = &a + &((&b - &a) * t);
    distance2(point, nearest.view()) < 1e-18
}

#[test]
fn smote_points_lie_between_a_row_and_a_neighbour_of_its_class() {
    check(300, &(points(), 1_usize..7, any::<u64>()), |((x, y), k, seed)| {
        let (rows, width) = x.dim();
        let features = (0..width).map(|i| format!("x{i}")).collect();
        let ids = (0..rows as u64).map(|i| 7 + i).collect();
        let data = Dataset::new(x.clone(), y.clone(), class_names(4), features, ids).unwrap();
        let train = Training::new(Part::first(Role::Train), data.clone()).unwrap();
        let smote = Smote { k_neighbors: k, ..Smote::default() };
        let (balanced, warnings) = smote.resample(&train, Seed::new(seed), Progress::none()).unwrap();
        let balanced = balanced.get();

        // Counts exact.
        let counts = data.class_counts();
        let largest = *counts.iter().max().unwrap();
        let wanted: Vec<usize> = counts.iter().map(|&n| if n > 0 { largest } else { 0 }).collect();
        prop_assert_eq!(balanced.class_counts(), wanted);
        let small = counts.iter().filter(|&&n| n > 0 && n < largest && n <= k).count();
        prop_assert_eq!(warnings.iter().filter(|w| w.code == Code::R01).count(), small);

        // Originals untouched and first.
        prop_assert_eq!(balanced.take(&(0..rows).collect::<Vec<_>>()).unwrap(), data.clone());
        prop_assert!(
            balanced.row_ids()[rows..].iter().copied().eq((FIRST_SYNTHETIC_ID..).take(balanced.rows() - rows))
        );

        // The new ones between a row and one of its k nearest, any of those that are equally near.
        for made in rows..balanced.rows() {
            let (point, class) = (balanced.x().row(made), balanced.y()[made]);
            let members: Vec<usize> = (0..rows).filter(|&r| y[r] == class).collect();
            let found = members.iter().any(|&a| {
                let mut others: Vec<(f64, usize)> =
                    members.iter().filter(|&&b| b != a).map(|&b| (distance2(x.row(a), x.row(b)), b)).collect();
                others.sort_by(|p, q| p.0.total_cmp(&q.0));
                let Some(&(reach, _)) = others.get(k.min(others.len()).wrapping_sub(1)) else {
                    return point == x.row(a); // the only row of its class is repeated
                };
                let near = others.iter().take_while(|(d, _)| *d <= reach);
                near.into_iter().any(|&(_, b)| between(point, x.row(a), x.row(b)))
            });
            prop_assert!(found, "row {} of class {} is between no row and its neighbour", made, class);
        }
        Ok(())
    });
}

// ---------------------------------------------------------------- ROC AUC

#[test]
fn roc_auc_does_not_change_under_rising_maps() {
    let strategy = prop::collection::vec((any::<bool>(), -30_i32..30), 1..80);
    check(400, &strategy, |rows| {
        let positive: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let of = |map: &dyn Fn(f64) -> f64| {
            roc_auc(&positive, &rows.iter().map(|r| map(f64::from(r.1))).collect::<Vec<_>>())
        };
        let plain = of(&|v| v);
        let maps: [&dyn Fn(f64) -> f64; 6] =
            [&|v| v * 0.1 - 7.0, &f64::exp, &|v| v * v * v, &f64::atan, &|v| v * 1e300, &|v| (v + 31.0).ln()];
        for map in maps {
            prop_assert_eq!(&of(map), &plain);
        }
        // A falling map turns it round.
        match (of(&|v| -v), &plain) {
            (Value::Defined(turned), Value::Defined(plain)) => prop_assert!((turned + plain - 1.0).abs() < 1e-12),
            (Value::Undefined(a), Value::Undefined(b)) => prop_assert_eq!(&a, b),
            (turned, plain) => prop_assert!(false, "{:?} and {:?}", turned, plain),
        }
        // So does counting the other side; and the order of the rows is nothing.
        let mut back = rows.clone();
        back.reverse();
        let (labels, scores): (Vec<bool>, Vec<f64>) = back.iter().map(|r| (r.0, f64::from(r.1))).unzip();
        prop_assert_eq!(&roc_auc(&labels, &scores), &plain);
        // Two classes: both one-vs-rest areas, and their mean, are this one.
        let shares: Vec<f64> = rows.iter().map(|r| f64::from(r.1 + 30) / 60.0).collect();
        let proba = Array2::from_shape_fn((rows.len(), 2), |(i, c)| if c == 1 { shares[i] } else { 1.0 - shares[i] });
        let y: Vec<u32> = positive.iter().map(|&p| u32::from(p)).collect();
        let ovr = one_vs_rest(&y, proba.view(), &class_names(2)).roc_auc;
        prop_assert_eq!(ovr.macro_average.get().is_some(), plain.get().is_some());
        if let (Some(both), Some(plain)) = (ovr.macro_average.get(), plain.get()) {
            prop_assert!((both - plain).abs() < 1e-12);
        }
        Ok(())
    });
}

// ---------------------------------------------------------------- the record

/// What happens to one step, in its order.
fn happenings(index: usize, fate: u8) -> Vec<Event> {
    let step = format!("step {index}");
    let started = Event::StepStarted { step: step.clone(), at: Some(index as f64) };
    let progress = Event::StepProgress { step: step.clone(), thousandths: 500 };
    let notes = Notes {
        ledger: Vec::new(),
        warnings: vec![Warning::new(Code::R02, format!("warning of {index}"))],
        facts: vec![("rows".into(), index.into())],
    };
    let finished = |how| Event::StepFinished {
        step: step.clone(),
        how,
        seconds: index as f64 * 0.5,
        outputs: vec![("model".into(), Digest::of(&[index as u8]))],
        notes: notes.clone(),
    };
    match fate {
        0 => vec![finished(How::Stored)],
        1 => {
            let problem = Problem::new(ProblemKind::Step, "no luck");
            vec![started, Event::StepFailed { step, problem, place: Some("a.yaml:1:2".into()) }]
        }
        2 => vec![Event::StepSkipped { step, because: "another".into() }],
        3 => vec![started, progress],
        4 => {
            let written = Event::FileWritten { path: step.clone(), digest: Digest::of(step.as_bytes()), bytes: 3 };
            vec![started, finished(How::Computed), written]
        }
        5 => {
            // It was stored, its object is lost, and it is done again.
            let lost =
                Event::ObjectLost { step: step.clone(), digest: Digest::of(&[index as u8]), problem: "is gone".into() };
            vec![finished(How::Stored), lost, started, finished(How::Computed)]
        }
        6 => vec![Event::StepAwaited { step: step.clone(), process: Some(7) }, finished(How::Stored)],
        _ => vec![started, progress, finished(How::Computed)],
    }
}

/// Takes from the front of the lists in the order of `turns`, then what is left: every list keeps its order.
fn interleaved(lists: &[Vec<Event>], turns: &[usize]) -> Vec<Event> {
    let mut next = vec![0; lists.len()];
    let mut out = Vec::new();
    for turn in turns.iter().map(|t| t % lists.len().max(1)).chain((0..lists.len()).flat_map(|l| [l; 4])) {
        if let Some(event) = lists.get(turn).and_then(|l| l.get(next[turn])) {
            out.push(event.clone());
            next[turn] += 1;
        }
    }
    out
}

#[test]
fn events_of_independent_steps_in_any_order_fold_to_the_same_record() {
    let strategy = (prop::collection::vec(0_u8..9, 1..12), prop::collection::vec(0_usize..100, 0..60), any::<bool>());
    check(300, &strategy, |(fates, turns, over)| {
        let lists: Vec<Vec<Event>> = fates.iter().enumerate().map(|(i, &fate)| happenings(i, fate)).collect();
        let begin = [
            Event::RunStarted {
                run: "20261122-141530-fold-000000".into(),
                name: "fold".into(),
                description: String::new(),
                at: "2026-11-22T14:15:30+00:00".into(),
                version: "0".into(),
                threads: 2,
                numerics: "portable".into(),
                experiment: json!({"seed": 1}),
                folder: "/somewhere".into(),
                machine: "2 cores".into(),
            },
            Event::DataRead { files: Vec::new() },
            Event::Planned {
                steps: (0..fates.len())
                    .map(|i| PlannedStep { step: format!("step {i}"), kind: "fit".into(), key: Digest::of(&[i as u8]) })
                    .collect(),
            },
        ];
        let end = if over { Event::RunFinished { seconds: 1.5 } } else { Event::Interrupted };
        let whole =
            |middle: Vec<Event>| -> Vec<Event> { begin.iter().cloned().chain(middle).chain([end.clone()]).collect() };
        let (in_order, mixed) = (whole(lists.concat()), whole(interleaved(&lists, &turns)));
        prop_assert_eq!(in_order.len(), mixed.len());
        let record = RunRecord::fold(&mixed);
        prop_assert_eq!(&record, &RunRecord::fold(&in_order));
        prop_assert_eq!(record.to_json(), RunRecord::fold(&in_order).to_json());
        // And from the lines of events.jsonl, and from record.json, as it was.
        let lines = mixed.iter().map(|event| {
            let line = Line { v: Line::FORMAT, t: 0.25, event: event.clone() };
            let text = serde_json::to_string(&line).unwrap();
            serde_json::from_str::<Line>(&text).unwrap().event
        });
        prop_assert_eq!(&RunRecord::fold(&lines.collect::<Vec<_>>()), &record);
        prop_assert_eq!(&RunRecord::from_json(record.to_json().as_bytes()).unwrap(), &record);
        // Event by event, as a run does it.
        let mut stepwise = RunRecord::new();
        mixed.iter().for_each(|event| stepwise.apply(event));
        prop_assert_eq!(&stepwise, &record);
        // Stopped anywhere and taken up again, it is the same but for what is volatile.
        let cut = turns.len() % mixed.len();
        let resumed = Event::Resumed { at: "2026-11-23T08:00:00+00:00".into(), threads: 1 };
        let mut taken_up = mixed[..=cut].to_vec();
        taken_up.push(resumed);
        taken_up.extend_from_slice(&mixed[1..]);
        let mut taken_up = RunRecord::fold(&taken_up);
        prop_assert_eq!((taken_up.volatile.resumed, taken_up.volatile.threads), (1, 1));
        taken_up.volatile = record.volatile.clone();
        prop_assert_eq!(&taken_up, &record);
        Ok(())
    });
}
