//! `KdTree`: exact neighbour search by Euclidean distance, shared by DBSCAN and SMOTE.
//!
//! Every squared distance is the plain sum over the columns in order, in f64 without fused operations: the same bits
//! on every machine, and those of scikit-learn's `kd_tree`. Rounding is monotone and box bounds are summed in the same
//! order, so a box is never judged differently from the rows inside it: results are exact up to the last bit, also on
//! the boundary of a ball.

use ndarray::ArrayView2;
use rayon::prelude::*;

/// Rows of one lane block: distances of this many rows are summed side by side.
const LANES: usize = 8;
/// Most rows of a leaf; a multiple of [`LANES`].
const LEAF: usize = 24;
/// Rows that one parallel task answers for in [`KdTree::k_nearest_of_own`].
const BLOCK: usize = 256;
/// The `right` of a leaf.
const NONE: u32 = u32::MAX;

/// A range of reordered rows, with its children if it has been split. Its left child is the next node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    start: u32,
    end: u32,
    right: u32,
    /// The lowest row in it.
    lowest: u32,
}

impl Node {
    /// The positions (not rows) of the node.
    pub(super) fn positions(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The two children of node `index`, or `None` for a leaf.
    pub(super) fn children(self, index: usize) -> Option<[usize; 2]> {
        (self.right != NONE).then_some([index + 1, self.right as usize])
    }
}

/// A balanced k-d tree (Bentley 1975) over the rows of a matrix, with the rows reordered so that a leaf is contiguous.
///
/// Memory: one copy of the matrix, and two box corners for every leaf-sized group of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct KdTree {
    width: usize,
    /// The row at every position.
    order: Vec<u32>,
    /// The values, in blocks of [`LANES`] positions, column by column within the block. Lanes past the last row hold
    /// infinity, which is in no ball.
    blocks: Vec<f64>,
    nodes: Vec<Node>,
    /// Least and greatest value of every column, for every node.
    boxes: Vec<f64>,
}

impl KdTree {
    /// Builds the tree over `x`, shape (rows, columns), all finite. The shape of the tree depends on nothing but `x`.
    #[must_use]
    pub fn new(x: ArrayView2<f64>) -> Self {
        let (rows, width) = x.dim();
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let mut tree = Self { width, order: Vec::new(), blocks: Vec::new(), nodes: Vec::new(), boxes: Vec::new() };
        if rows > 0 {
            tree.split(x, &mut order, 0);
        }
        tree.blocks = vec![f64::INFINITY; rows.div_ceil(LANES) * LANES * width];
        for (position, &row) in order.iter().enumerate() {
            let block = position / LANES * LANES * width + position % LANES;
            for (column, value) in x.row(row as usize).iter().enumerate() {
                tree.blocks[block + column * LANES] = *value;
            }
        }
        tree.order = order;
        tree
    }

    /// Adds the node over `rows`, whose first position is `start`, and everything under it. Splits the widest column
    /// (the first of equals) at the median, moved to a multiple of [`LANES`]; equal values go by row.
    fn split(&mut self, x: ArrayView2<f64>, rows: &mut [u32], start: usize) {
        let index = self.nodes.len();
        let lowest = rows.iter().copied().min().unwrap_or(0);
        self.nodes.push(Node { start: start as u32, end: (start + rows.len()) as u32, right: NONE, lowest });
        let mut low = vec![f64::INFINITY; self.width];
        let mut high = vec![f64::NEG_INFINITY; self.width];
        for &row in rows.iter() {
            for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(x.row(row as usize)) {
                *low = low.min(value);
                *high = high.max(value);
            }
        }
        let mut widest = (0, 0.0); // all rows equal: they are split by row
        for (column, (low, high)) in low.iter().zip(&high).enumerate() {
            if high - low > widest.1 {
                widest = (column, high - low);
            }
        }
        self.boxes.extend(low.into_iter().zip(high).flat_map(|(low, high)| [low, high]));
        if rows.len() <= LEAF {
            return;
        }
        let middle = (rows.len() / 2).next_multiple_of(LANES);
        let column = x.column(widest.0);
        rows.select_nth_unstable_by(middle, |&a, &b| column[a as usize].total_cmp(&column[b as usize]).then(a.cmp(&b)));
        let (left, right) = rows.split_at_mut(middle);
        self.split(x, left, start);
        self.nodes[index].right = self.nodes.len() as u32;
        self.split(x, right, start + middle);
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.order.len()
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The row at a position of the tree's order. Neighbouring positions are near each other in space.
    pub(super) fn row_at(&self, position: usize) -> usize {
        self.order[position] as usize
    }

    /// Copies the values at a position into `point`, one per column.
    pub(super) fn point_at(&self, position: usize, point: &mut [f64]) {
        let block = position / LANES * LANES * self.width + position % LANES;
        for (column, value) in point.iter_mut().enumerate() {
            *value = self.blocks[block + column * LANES];
        }
    }

    /// All nodes, parents before children; node 0 is the root.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Least squared distance that a row in the box of `node` can have from `point`.
    pub(super) fn nearest_corner(&self, node: usize, point: &[f64]) -> f64 {
        let corners = &self.boxes[node * 2 * self.width..][..2 * self.width];
        let mut sum = 0.0;
        for (corner, &value) in corners.chunks_exact(2).zip(point) {
            let gap = (corner[0] - value).max(value - corner[1]).max(0.0);
            sum += gap * gap;
        }
        sum
    }

    /// Greatest squared distance that a row in the box of `node` can have from `point`.
    pub(super) fn farthest_corner(&self, node: usize, point: &[f64]) -> f64 {
        let corners = &self.boxes[node * 2 * self.width..][..2 * self.width];
        let mut sum = 0.0;
        for (corner, &value) in corners.chunks_exact(2).zip(point) {
            let gap = (value - corner[0]).abs().max((value - corner[1]).abs());
            sum += gap * gap;
        }
        sum
    }

    /// Squared diameter of the box of `node`: no two rows in it are farther apart.
    pub(super) fn diameter(&self, node: usize) -> f64 {
        let corners = &self.boxes[node * 2 * self.width..][..2 * self.width];
        let mut sum = 0.0;
        for corner in corners.chunks_exact(2) {
            let gap = corner[1] - corner[0];
            sum += gap * gap;
        }
        sum
    }

    /// Calls `visit` with every position of a leaf and its squared distance from `point`, until it returns `true`;
    /// says whether it did.
    pub(super) fn scan(&self, node: usize, point: &[f64], mut visit: impl FnMut(usize, f64) -> bool) -> bool {
        let range = self.nodes[node].positions();
        for block in range.start / LANES..range.end.div_ceil(LANES) {
            let distances = self.lane_distances(block, point);
            let first = block * LANES;
            for (lane, &distance) in distances.iter().enumerate().take(range.end - first) {
                if visit(first + lane, distance) {
                    return true;
                }
            }
        }
        false
    }

    /// Squared distances of the rows of one lane block from `point`, each summed over the columns in order.
    fn lane_distances(&self, block: usize, point: &[f64]) -> [f64; LANES] {
        let values = &self.blocks[block * LANES * self.width..][..LANES * self.width];
        let mut sums = [0.0; LANES];
        for (column, &value) in values.chunks_exact(LANES).zip(point) {
            for (sum, other) in sums.iter_mut().zip(column) {
                let gap = other - value;
                *sum += gap * gap;
            }
        }
        sums
    }

    /// Whether at least `count` rows have a squared distance of at most `radius2` from `point` (itself included where
    /// it is one of the rows). Stops as soon as it knows; a box wholly inside the ball is counted unopened.
    #[must_use]
    pub fn has_within(&self, point: &[f64], radius2: f64, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        if self.rows() < count {
            return false;
        }
        let radius2 = radius2.min(f64::MAX);
        let mut found = 0;
        let mut stack = vec![(self.nearest_corner(0, point), 0)];
        while let Some((bound, node)) = stack.pop() {
            if bound > radius2 {
                continue;
            }
            let positions = self.nodes[node].positions();
            match self.nodes[node].children(node) {
                _ if positions.len() >= LANES && self.farthest_corner(node, point) <= radius2 => {
                    found += positions.len();
                }
                None => {
                    self.scan(node, point, |_, distance| {
                        found += usize::from(distance <= radius2);
                        false
                    });
                }
                Some(children) => stack.extend(self.far_then_near(children, point)),
            }
            if found >= count {
                return true;
            }
        }
        false
    }

    /// The nearest row whose squared distance from `point` is at most `radius2`, with that distance; the lowest row of
    /// equals.
    #[must_use]
    pub fn nearest_within(&self, point: &[f64], radius2: f64) -> Option<(usize, f64)> {
        let mut best = Nearest::new(1, radius2.min(f64::MAX));
        self.search(point, None, &mut best);
        best.found.first().map(|&(distance, row)| (row as usize, distance))
    }

    /// The `k` rows nearest to `point` with their squared distances, nearest first and lower rows first among equals; all
    /// rows where there are fewer.
    #[must_use]
    pub fn k_nearest(&self, point: &[f64], k: usize) -> Vec<(f64, u32)> {
        let mut best = Nearest::new(k, f64::INFINITY);
        self.search(point, None, &mut best);
        best.found
    }

    /// The `k` rows nearest to every row, itself left out, nearest first and lower rows first among equals: row `i`
    /// has `[i * k .. (i + 1) * k]`. `k` is cut to the number of other rows; returned beside the rows.
    #[must_use]
    pub fn k_nearest_of_own(&self, k: usize) -> (Vec<u32>, usize) {
        let rows = self.rows();
        let k = k.min(rows.saturating_sub(1));
        let blocks: Vec<Vec<u32>> = (0..rows.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut point = vec![0.0; self.width];
                let mut best = Nearest::new(k, f64::MAX);
                let mut found = Vec::with_capacity(BLOCK * k);
                for position in block * BLOCK..rows.min((block + 1) * BLOCK) {
                    self.point_at(position, &mut point);
                    best.found.clear();
                    self.search(&point, Some(self.order[position]), &mut best);
                    found.extend(best.found.iter().map(|&(_, row)| row));
                }
                found
            })
            .collect();
        let mut out = vec![0; rows * k];
        if k > 0 {
            for (position, nearest) in blocks.iter().flat_map(|block| block.chunks_exact(k)).enumerate() {
                out[self.row_at(position) * k..][..k].copy_from_slice(nearest);
            }
        }
        (out, k)
    }

    /// Two children with their least distance, the nearer one last, so that it is taken first from a stack.
    pub(super) fn far_then_near(&self, [left, right]: [usize; 2], point: &[f64]) -> [(f64, usize); 2] {
        let left = (self.nearest_corner(left, point), left);
        let right = (self.nearest_corner(right, point), right);
        if left.0 <= right.0 { [right, left] } else { [left, right] }
    }

    /// Offers every row but `except` to `best`, skipping boxes that cannot hold a better one.
    fn search(&self, point: &[f64], except: Option<u32>, best: &mut Nearest) {
        if self.nodes.is_empty() || best.k == 0 {
            return;
        }
        let mut stack = vec![(self.nearest_corner(0, point), 0)];
        while let Some((bound, node)) = stack.pop() {
            if !best.wants(bound, self.nodes[node].lowest) {
                continue;
            }
            match self.nodes[node].children(node) {
                Some(children) => stack.extend(self.far_then_near(children, point)),
                None => {
                    self.scan(node, point, |position, distance| {
                        let row = self.order[position];
                        if best.wants(distance, row) && Some(row) != except {
                            best.offer(distance, row);
                        }
                        false
                    });
                }
            }
        }
    }
}

/// The `k` nearest rows so far, sorted by distance, then row.
pub(super) struct Nearest {
    k: usize,
    limit: f64,
    pub(super) found: Vec<(f64, u32)>,
}

impl Nearest {
    /// Room for `k` rows of at most this squared distance.
    pub(super) fn new(k: usize, limit: f64) -> Self {
        Self { k, limit, found: Vec::with_capacity(k + 1) }
    }

    /// Whether a row at this squared distance would be one of the `k`.
    pub(super) fn wants(&self, distance: f64, row: u32) -> bool {
        match self.found.last() {
            Some(&last) if self.found.len() == self.k => (distance, row) < last,
            _ => distance <= self.limit,
        }
    }

    /// Takes a row that is wanted.
    pub(super) fn offer(&mut self, distance: f64, row: u32) {
        let place = self.found.partition_point(|&(d, r)| d < distance || (d == distance && r < row));
        if place < self.k {
            if self.found.len() == self.k {
                self.found.pop();
            }
            self.found.insert(place, (distance, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    /// Points on a coarse grid: many equal rows, equal distances and distances exactly on a boundary.
    fn grid(rows: usize, width: usize, seed: u64) -> Array2<f64> {
        let mut rng = Rng::new(Seed::new(seed));
        Array2::from_shape_fn((rows, width), |_| rng.below(5) as f64 * 0.5)
    }

    fn distance2(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    fn sorted(x: &Array2<f64>, point: &[f64]) -> Vec<(f64, usize)> {
        let mut all: Vec<(f64, usize)> =
            x.outer_iter().enumerate().map(|(i, row)| (distance2(&row.to_vec(), point), i)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all
    }

    #[test]
    fn agrees_with_a_full_scan_also_on_ties_and_boundaries() {
        for (rows, width) in [(1, 1), (2, 3), (7, 2), (24, 4), (25, 1), (100, 3), (333, 5), (1000, 2)] {
            let x = grid(rows, width, rows as u64);
            let tree = KdTree::new(x.view());
            let (nearest, k) = tree.k_nearest_of_own(6);
            assert_eq!(k, 6.min(rows - 1));
            for i in 0..rows {
                let point = x.row(i).to_vec();
                let all = sorted(&x, &point);
                let others: Vec<u32> = all.iter().filter(|o| o.1 != i).take(k).map(|o| o.1 as u32).collect();
                assert_eq!(nearest[i * k..(i + 1) * k], others, "row {i} of {rows} x {width}");
                let moved: Vec<f64> = point.iter().map(|v| v + 0.25).collect();
                for radius2 in [0.0, 0.25, 0.5, 1.0, 4.0] {
                    let inside = all.iter().filter(|o| o.0 <= radius2).count();
                    assert!(tree.has_within(&point, radius2, inside), "{inside} of row {i}");
                    assert!(!tree.has_within(&point, radius2, inside + 1), "{inside} of row {i}");
                    let expected = sorted(&x, &moved).first().filter(|o| o.0 <= radius2).map(|o| (o.1, o.0));
                    assert_eq!(tree.nearest_within(&moved, radius2), expected);
                }
            }
        }
    }

    #[test]
    fn holds_every_row_once_and_boxes_hold_their_rows() {
        let x = grid(517, 3, 9);
        let tree = KdTree::new(x.view());
        let mut rows: Vec<usize> = (0..517).map(|p| tree.row_at(p)).collect();
        rows.sort_unstable();
        assert_eq!(rows, (0..517).collect::<Vec<_>>());
        let mut point = vec![0.0; 3];
        for (index, node) in tree.nodes().iter().enumerate() {
            for position in node.positions() {
                tree.point_at(position, &mut point);
                assert_eq!(point, x.row(tree.row_at(position)).to_vec());
                assert_eq!(tree.nearest_corner(index, &point), 0.0);
            }
        }
    }

    #[test]
    fn nothing_is_found_in_no_rows() {
        let tree = KdTree::new(Array2::<f64>::zeros((0, 2)).view());
        assert!(!tree.has_within(&[0.0, 0.0], 1.0, 1));
        assert_eq!(tree.nearest_within(&[0.0, 0.0], 1.0), None);
        assert_eq!(tree.k_nearest_of_own(3), (vec![], 0));
    }

    #[test]
    fn equal_rows_are_split_by_row() {
        let x = Array2::from_elem((5000, 2), 1.5);
        let tree = KdTree::new(x.view());
        assert!(tree.nodes().iter().all(|n| n.right != NONE || n.positions().len() <= LEAF));
        assert_eq!(tree.k_nearest_of_own(2).0[4000 * 2..][..2], [0, 1]);
        assert!(tree.has_within(&[1.5, 1.5], 0.0, 5000));
        assert_eq!(tree.nearest_within(&[1.5, 1.5], 0.0), Some((0, 0.0)));
    }
}
