//! Against a full scan, at every SIMD level.

use ndarray::Array2;

use super::*;
use crate::digest::Seed;
use crate::ml::random::Rng;

/// Points on a coarse grid: many equal rows, equal distances and distances exactly on a boundary.
pub(in crate::ml::neighbors) fn grid(rows: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut rng = Rng::new(Seed::new(seed));
    Array2::from_shape_fn((rows, width), |_| rng.below(5) as f64 * 0.5)
}

fn distance2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// All rows with their squared distances from a point, nearest first and lower rows first among equals.
pub(in crate::ml::neighbors) fn sorted(x: &Array2<f64>, point: &[f64]) -> Vec<(f64, usize)> {
    let mut all: Vec<(f64, usize)> =
        x.outer_iter().enumerate().map(|(i, row)| (distance2(&row.to_vec(), point), i)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

#[test]
fn agrees_with_a_full_scan_also_on_ties_and_boundaries() {
    for (rows, width) in [(1, 1), (2, 3), (7, 2), (24, 4), (25, 1), (100, 3), (333, 5), (700, 9), (1000, 2)] {
        let x = grid(rows, width, rows as u64);
        let tree = KdTree::new(x.view());
        let (nearest, k) = tree.k_nearest_of_own(6);
        assert_eq!(k, 6.min(rows - 1));
        let labels: Vec<i32> = (0..rows as i32).map(|row| row * 7 % 11).collect();
        let lowest: Vec<i32> =
            tree.nodes().iter().map(|node| node.positions().map(|p| labels[tree.row_at(p)]).min().unwrap()).collect();
        for i in (0..rows).step_by(1 + rows / 300) {
            let point = x.row(i).to_vec();
            let all = sorted(&x, &point);
            let others: Vec<u32> = all.iter().filter(|o| o.1 != i).take(k).map(|o| o.1 as u32).collect();
            assert_eq!(nearest[i * k..(i + 1) * k], others, "row {i} of {rows} x {width}");
            let moved: Vec<f64> = point.iter().map(|v| v + 0.25).collect();
            for radius2 in [0.0, 0.25, 0.5, 1.0, 4.0] {
                let inside = all.iter().filter(|o| o.0 <= radius2).count();
                let expected = sorted(&x, &moved).first().filter(|o| o.0 <= radius2).map(|o| (o.1, o.0));
                assert_eq!(tree.nearest_within(&moved, radius2), expected);
                let least = all.iter().take(inside).map(|o| labels[o.1]).min().unwrap();
                for level in Level::all() {
                    assert!(has_within(level, &tree, &point, radius2, inside), "{inside} of row {i}");
                    assert!(!has_within(level, &tree, &point, radius2, inside + 1), "{inside} of row {i}");
                    assert_eq!(least_within(level, &tree, &labels, &lowest, &point, radius2), least);
                    let mut best = Nearest::new(3, radius2);
                    search(level, &tree, &point, None, &mut best);
                    let found: Vec<(f64, usize)> = best.found.iter().map(|&(d, row)| (d, row as usize)).collect();
                    assert_eq!(found, all[..inside.min(3)]);
                }
            }
        }
    }
}

#[test]
fn holds_every_row_once_and_boxes_hold_their_rows() {
    for (rows, width) in [(517, 3), (200, 11)] {
        let x = grid(rows, width, 9);
        let tree = KdTree::new(x.view());
        let mut order: Vec<usize> = (0..rows).map(|p| tree.row_at(p)).collect();
        order.sort_unstable();
        assert_eq!(order, (0..rows).collect::<Vec<_>>());
        let of = |node: Node| node.positions().map(|p| x.row(tree.row_at(p)).to_vec()).collect::<Vec<_>>();
        let mut point = vec![0.0; width];
        for (index, node) in tree.nodes().iter().enumerate() {
            assert!(node.children(index).is_some() || node.positions().len() <= LEAF);
            for position in node.positions() {
                tree.point_at(position, &mut point);
                assert_eq!(point, x.row(tree.row_at(position)).to_vec());
                let padded = tree.halves.padded(&point);
                let corners = [padded.as_slice(); 2];
                assert_eq!(tree.halves.nearest(crate::ml::simd::Portable, index, corners), 0.0);
            }
        }
        // Bounds between boxes, against all pairs of rows.
        let some: Vec<usize> = (0..tree.nodes().len()).step_by(5).collect();
        for &a in &some {
            for &b in &some {
                let pairs = of(tree.nodes()[a])
                    .into_iter()
                    .flat_map(|p| of(tree.nodes()[b]).into_iter().map(move |q| distance2(&p, &q)));
                let (least, most) = pairs.fold((f64::INFINITY, 0.0_f64), |(l, m), d| (l.min(d), m.max(d)));
                for level in Level::all() {
                    assert!(tree.apart(level, a, b) <= least && tree.across(level, a, b) >= most);
                    assert_eq!(tree.apart(level, a, b).to_bits(), tree.apart(Level::all()[0], a, b).to_bits());
                }
            }
        }
    }
}

#[test]
fn nothing_is_found_in_no_rows() {
    let tree = KdTree::new(Array2::<f64>::zeros((0, 2)).view());
    assert!(!tree.has_within(&[0.0, 0.0], 1.0, 1));
    assert_eq!(tree.nearest_within(&[0.0, 0.0], 1.0), None);
    assert_eq!(tree.k_nearest_of_own(3), (vec![], 0));
    assert_eq!(tree.least_within(&[], &[], &[0.0, 0.0], 1.0), i32::MAX);
}

#[test]
fn equal_rows_are_split_by_row() {
    let x = Array2::from_elem((5000, 2), 1.5);
    let tree = KdTree::new(x.view());
    let leaf = |(i, n): (usize, &Node)| n.children(i).is_some() || n.positions().len() <= LEAF;
    assert!(tree.nodes().iter().enumerate().all(leaf));
    assert_eq!(tree.k_nearest_of_own(2).0[4000 * 2..][..2], [0, 1]);
    assert!(tree.has_within(&[1.5, 1.5], 0.0, 5000));
    assert_eq!(tree.nearest_within(&[1.5, 1.5], 0.0), Some((0, 0.0)));
}

#[test]
fn the_same_tree_on_any_number_of_threads_and_from_any_layout() {
    let x = grid(9000, 3, 4);
    let tree = crate::ml::made_up::on_any_threads(|| KdTree::new(x.view()));
    let turned = x.t().as_standard_layout().into_owned();
    assert_eq!(KdTree::new(turned.t()), tree);
}
