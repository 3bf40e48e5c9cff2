use ndarray::{Array2, array};

use super::*;
use crate::ml::metrics::calibration::expected_calibration_error;
use crate::ml::metrics::ranking::{average_precision, one_vs_rest, roc_auc};
use crate::ml::random::Rng;

/// Labels, and probabilities with ties.
fn sample(rows: usize, classes: usize) -> (Vec<u32>, Array2<f64>) {
    let mut rng = Rng::new(Seed::new(5));
    let y: Vec<u32> = (0..rows).map(|_| rng.index(classes) as u32).collect();
    let mut p = Array2::from_shape_fn((rows, classes), |(i, c)| {
        (rng.uniform() * 8.0).round() + if y[i] as usize == c { 3.0 } else { 0.5 }
    });
    p.outer_iter_mut().for_each(|mut row| row /= row.sum());
    (y, p)
}

#[test]
fn areas_of_the_curves_are_the_judged_ones() {
    for (rows, classes) in [(60, 2), (900, 5), (4_000, 3)] {
        let (y, p) = sample(rows, classes);
        let names: Vec<String> = (0..classes).map(|c| c.to_string()).collect();
        let judged = one_vs_rest(&y, p.view(), &names);
        for curves in class_curves(&y, p.view()) {
            let class = curves.class as usize;
            let (auc, ap) = (
                judged.roc_auc.per_class[class].get().unwrap(),
                judged.average_precision.per_class[class].get().unwrap(),
            );
            assert!((curves.roc_auc - auc).abs() < 1e-12, "{} {auc}", curves.roc_auc);
            assert!((curves.average_precision - ap).abs() < 1e-12);
            assert!(curves.roc.len() <= 163 && curves.pr.len() <= 163, "{} {}", curves.roc.len(), curves.pr.len());
            // The thinned curve keeps its ends and nearly its area.
            assert_eq!((curves.roc[0], *curves.roc.last().unwrap()), ([0.0, 0.0], [1.0, 1.0]));
            let area: f64 = curves.roc.windows(2).map(|w| (w[1][0] - w[0][0]) * (w[1][1] + w[0][1]) / 2.0).sum();
            assert!((area - auc).abs() < 0.02, "{area} {auc}");
        }
    }
}

#[test]
fn bins_add_up_to_the_calibration_error() {
    let (y, p) = sample(500, 4);
    let bins = calibration(&y, p.view());
    let gaps: f64 = bins.iter().map(|b| (b.right as f64 - b.confidence * b.rows as f64).abs()).sum();
    let judged = expected_calibration_error(&y, p.view()).get().unwrap();
    assert!((gaps / 500.0 - judged).abs() < 1e-12);
}

#[test]
fn the_operating_curve_counts_what_it_says() {
    let (y, p) = sample(3_000, 4);
    let grouping = Grouping { names: vec!["a".into(), "b".into()], of_class: vec![0, 0, 1, 1], positive: Some(1) };
    let curve = operating(&y, p.view(), &grouping).unwrap();
    assert!(curve.points.len() <= 200);
    let score = |i: usize| p[[i, 2]] + p[[i, 3]];
    let &(_, hits, alarms) = curve.points.last().unwrap();
    assert_eq!((hits, alarms), (curve.positives, curve.negatives));
    for &(threshold, hits, alarms) in &curve.points {
        let over = |positive: bool| {
            (0..y.len()).filter(|&i| (y[i] > 1) == positive && score(i) >= threshold - 1e-5).count() as u64
        };
        assert!(over(true) >= hits && over(false) >= alarms);
    }
    let positive: Vec<bool> = y.iter().map(|&c| c > 1).collect();
    let scores: Vec<f64> = (0..y.len()).map(score).collect();
    assert!(roc_auc(&positive, &scores).get().is_some() && average_precision(&positive, &scores).get().is_some());
    assert_eq!(operating(&y, p.view(), &Grouping { positive: None, ..grouping }), None);
}

#[test]
fn the_plane_is_that_of_the_principal_components() {
    // Points along (3, 4) with a little across: shares by hand.
    let x = Array2::from_shape_fn((200, 2), |(i, c)| {
        let (along, across) = (i as f64 - 99.5, if i % 2 == 0 { 1.0 } else { -1.0 });
        if c == 0 { 0.6 * along - 0.8 * across } else { 0.8 * along + 0.6 * across }
    });
    let plane = plane_of(x.view());
    assert!(
        (plane.xy[199][0] - 99.5).abs() < 0.05 && (plane.xy[199][1].abs() - 1.0).abs() < 0.9,
        "{:?}",
        plane.xy[199]
    );
    assert!((plane.shares[0] + plane.shares[1] - 1.0).abs() < 1e-4, "{:?}", plane.shares);
    let constant = plane_of(Array2::from_elem((5, 3), 2.0).view());
    assert_eq!(constant.shares, [0.0, 0.0]);
    assert!(constant.xy.iter().all(|p| *p == [0.0, 0.0]));
    assert_eq!(plane_of(array![[1.0], [2.0]].view()).xy.len(), 2);
}

#[test]
fn silhouettes_of_all_rows_have_the_judged_mean() {
    let mut rng = Rng::new(Seed::new(2));
    let x = Array2::from_shape_fn((90, 3), |(i, _)| rng.normal() + (i % 3) as f64 * 3.0);
    let clusters: Vec<i32> = (0..90).map(|i| i % 3 - 1).collect();
    let y = (0..90).map(|i| i % 2).collect();
    let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect();
    let data = Dataset::new(x, y, names(2), names(3), (0..90).collect()).unwrap();
    let exam = ClusterExam::of(&data, &clusters);
    let all: Vec<f64> = exam.silhouettes.values().flatten().copied().collect();
    let judged = crate::ml::metrics::clustering::silhouette(data.x().view(), &clusters).get().unwrap();
    assert_eq!(all.len(), 90);
    assert!((all.iter().sum::<f64>() / 90.0 - judged).abs() < 1e-5);
}

#[test]
fn correlations_and_quantiles_by_hand() {
    let a: Vec<f64> = (0..50).map(f64::from).collect();
    let b: Vec<f64> = a.iter().map(|v| -2.0 * v).collect();
    let c = vec![3.0; 50];
    let mut d = a.clone();
    d[3] = f64::NAN;
    let table = correlation(&[("a", &a), ("b", &b), ("c", &c), ("d", &d)]);
    assert_eq!(table.hundredths, [vec![], vec![Some(-100)], vec![None, None], vec![Some(100), Some(-100), None]]);
    let many: Vec<(String, Vec<f64>)> = (0..120).map(|i| (format!("c{i}"), a.clone())).collect();
    let columns: Vec<(&str, &[f64])> = many.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
    assert_eq!((correlation(&columns).names.len(), correlation(&columns).left_out), (90, 30));
    let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect();
    let x = Array2::from_shape_fn((5, 1), |(i, _)| i as f64);
    let data = Dataset::new(x, vec![0; 5], names(2), names(1), (0..5).collect()).unwrap();
    let found = boxes(&data, &[0]);
    assert_eq!(found[0].classes.len(), 1);
    assert_eq!(found[0].classes[0].quantiles, [0.2, 1.0, 2.0, 3.0, 3.8]);
}
