//! The k-d tree: for narrow rows.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::Nearest;
use super::halves::{Halves, LANES, Node, row_major};
use crate::ml::simd::{Level, Simd, leveled};

/// Most rows of a leaf; a multiple of [`LANES`].
const LEAF: usize = 24;
/// Rows that one parallel task answers for.
const BLOCK: usize = 256;

/// A balanced k-d tree (Bentley 1975) over the rows of a matrix, with the rows reordered so that a leaf is contiguous.
///
/// Memory: one copy of the matrix, and two box corners for every leaf-sized group of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct KdTree {
    width: usize,
    halves: Halves,
    /// The values, in blocks of [`LANES`] positions, column by column within the block. Lanes past the last row hold
    /// infinity, which is in no ball.
    blocks: Vec<[f64; LANES]>,
}

impl KdTree {
    /// Builds the tree over `x`, shape (rows, columns), all finite. The shape of the tree depends on nothing but `x`.
    #[must_use]
    pub fn new(x: ArrayView2<f64>) -> Self {
        let (rows, width) = x.dim();
        let values = row_major(&x);
        let halves = Halves::new(&values, width, LEAF, LANES);
        let mut blocks = vec![[f64::INFINITY; LANES]; rows.div_ceil(LANES) * width];
        if width > 0 {
            let order = halves.order.par_chunks(LANES);
            blocks.par_chunks_mut(width).zip(order).with_min_len(BLOCK).for_each(|(block, order)| {
                for (lane, &row) in order.iter().enumerate() {
                    for (column, value) in block.iter_mut().zip(&values[row as usize * width..]) {
                        column[lane] = *value;
                    }
                }
            });
        }
        Self { width, halves, blocks }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.halves.order.len()
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The row at a position of the tree's order. Neighbouring positions are near each other in space.
    pub(in crate::ml) fn row_at(&self, position: usize) -> usize {
        self.halves.order[position] as usize
    }

    /// Copies the values at a position into `point`, one per column.
    pub(in crate::ml) fn point_at(&self, position: usize, point: &mut [f64]) {
        let block = &self.blocks[position / LANES * self.width..];
        for (value, column) in point.iter_mut().zip(block) {
            *value = column[position % LANES];
        }
    }

    /// All nodes, parents before children; node 0 is the root.
    pub(in crate::ml) fn nodes(&self) -> &[Node] {
        &self.halves.nodes
    }

    /// At most the squared distance between two rows of two nodes.
    pub(in crate::ml) fn apart(&self, level: Level, a: usize, b: usize) -> f64 {
        apart(level, self, a, b)
    }

    /// At least the squared distance between two rows of two nodes.
    pub(in crate::ml) fn across(&self, level: Level, a: usize, b: usize) -> f64 {
        across(level, self, a, b)
    }

    /// Bit `i` of item `b` says whether lane `i` of block `b` of a leaf is within `radius2` (squared) of `point`.
    pub(in crate::ml) fn within(&self, level: Level, leaf: usize, point: &[f64], radius2: f64) -> [u8; LEAF / LANES] {
        within(level, self, leaf, point, radius2.min(f64::MAX))
    }

    /// Whether at least `count` rows have a squared distance of at most `radius2` from `point` (itself included where
    /// it is one of the rows). Stops as soon as it knows; a box wholly inside the ball is counted unopened.
    #[must_use]
    pub fn has_within(&self, point: &[f64], radius2: f64, count: usize) -> bool {
        has_within(Level::best(), self, point, radius2.min(f64::MAX), count)
    }

    /// The least of `labels` (one per row) among the rows with a squared distance of at most `radius2` from `point`;
    /// `lowest` has the least label of every node. `i32::MAX` where there is no such row.
    pub(in crate::ml) fn least_within(&self, labels: &[i32], lowest: &[i32], point: &[f64], radius2: f64) -> i32 {
        least_within(Level::best(), self, labels, lowest, point, radius2.min(f64::MAX))
    }

    /// The nearest row whose squared distance from `point` is at most `radius2`, with that distance; the lowest row of
    /// equals.
    #[must_use]
    pub fn nearest_within(&self, point: &[f64], radius2: f64) -> Option<(usize, f64)> {
        let mut best = Nearest::new(1, radius2.min(f64::MAX));
        search(Level::best(), self, point, None, &mut best);
        best.found.first().map(|&(distance, row)| (row as usize, distance))
    }

    /// The `k` rows nearest to `point` with their squared distances, nearest first and lower rows first among equals; all
    /// rows where there are fewer.
    #[must_use]
    pub fn k_nearest(&self, point: &[f64], k: usize) -> Vec<(f64, u32)> {
        let mut best = Nearest::new(k, f64::INFINITY);
        search(Level::best(), self, point, None, &mut best);
        best.found
    }

    /// The `k` rows nearest to every row, itself left out, nearest first and lower rows first among equals: row `i`
    /// has `[i * k .. (i + 1) * k]`. `k` is cut to the number of other rows; returned beside the rows.
    #[must_use]
    pub fn k_nearest_of_own(&self, k: usize) -> (Vec<u32>, usize) {
        let rows = self.rows();
        let k = k.min(rows.saturating_sub(1));
        let level = Level::best();
        let blocks: Vec<Vec<u32>> = (0..rows.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut point = vec![0.0; self.width];
                let mut best = Nearest::new(k, f64::INFINITY);
                let mut found = Vec::with_capacity(BLOCK * k);
                for position in block * BLOCK..rows.min((block + 1) * BLOCK) {
                    self.point_at(position, &mut point);
                    best.found.clear();
                    search(level, self, &point, Some(self.halves.order[position]), &mut best);
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

    /// The blocks of a leaf, each with the position of its first lane.
    #[inline(always)]
    fn leaf(&self, node: usize) -> impl Iterator<Item = (usize, &[[f64; LANES]])> {
        let Range { start, end } = self.halves.nodes[node].positions();
        let (first, last) = (start / LANES, end.div_ceil(LANES));
        let values = &self.blocks[first * self.width..last * self.width];
        (start..).step_by(LANES).zip(values.chunks_exact(self.width))
    }

    /// Two halves with at most the squared distance of their rows from a padded point, the nearer one last, so that it
    /// is taken first from a stack.
    #[inline(always)]
    fn far_then_near<S: Simd>(&self, simd: S, [left, right]: [usize; 2], point: &[[f64; LANES]]) -> [(f64, usize); 2] {
        let left = (self.halves.nearest(simd, left, [point, point]), left);
        let right = (self.halves.nearest(simd, right, [point, point]), right);
        if left.0 <= right.0 { [right, left] } else { [left, right] }
    }
}

/// Squared distances of the rows of a block from `point`, each summed over the columns in order.
#[inline(always)]
fn distances<S: Simd>(simd: S, block: &[[f64; LANES]], point: &[f64]) -> S::F64x8 {
    let mut sum = simd.splat_64(0.0);
    for (column, &value) in block.iter().zip(point) {
        let gap = simd.sub_64(simd.load_64(column), simd.splat_64(value));
        sum = simd.add_64(sum, simd.mul_64(gap, gap));
    }
    sum
}

leveled! {
    fn apart<S>(simd, tree: &KdTree, a: usize, b: usize) -> f64 {
        tree.halves.nearest(simd, a, tree.halves.corners(b))
    }
}

leveled! {
    fn across<S>(simd, tree: &KdTree, a: usize, b: usize) -> f64 {
        tree.halves.farthest(simd, a, tree.halves.corners(b))
    }
}

leveled! {
    fn within<S>(simd, tree: &KdTree, leaf: usize, point: &[f64], radius2: f64) -> [u8; LEAF / LANES] {
        let radius2 = simd.splat_64(radius2);
        let mut out = [0; LEAF / LANES];
        for ((_, block), out) in tree.leaf(leaf).zip(&mut out) {
            *out = simd.at_most_64(distances(simd, block, point), radius2) as u8;
        }
        out
    }
}

leveled! {
    fn has_within<S>(simd, tree: &KdTree, point: &[f64], radius2: f64, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        if tree.rows() < count {
            return false;
        }
        let padded = tree.halves.padded(point);
        let corners = [padded.as_slice(); 2];
        let limit = simd.splat_64(radius2);
        let mut found = 0;
        let mut stack = vec![(tree.halves.nearest(simd, 0, corners), 0)];
        while let Some((bound, node)) = stack.pop() {
            if bound > radius2 {
                continue;
            }
            let positions = tree.halves.nodes[node].positions();
            match tree.halves.nodes[node].children(node) {
                _ if positions.len() >= LANES && tree.halves.farthest(simd, node, corners) <= radius2 => {
                    found += positions.len();
                }
                None => {
                    for (_, block) in tree.leaf(node) {
                        found += simd.at_most_64(distances(simd, block, point), limit).count_ones() as usize;
                    }
                }
                Some(children) => stack.extend(tree.far_then_near(simd, children, &padded)),
            }
            if found >= count {
                return true;
            }
        }
        false
    }
}

leveled! {
    fn least_within<S>(
        simd,
        tree: &KdTree,
        labels: &[i32],
        lowest: &[i32],
        point: &[f64],
        radius2: f64,
    ) -> i32 {
        let mut best = i32::MAX;
        if tree.rows() == 0 {
            return best;
        }
        let padded = tree.halves.padded(point);
        let corners = [padded.as_slice(); 2];
        let limit = simd.splat_64(radius2);
        let mut stack = vec![(tree.halves.nearest(simd, 0, corners), 0)];
        while let Some((bound, node)) = stack.pop() {
            if bound > radius2 || lowest[node] >= best {
                continue;
            }
            if tree.halves.farthest(simd, node, corners) <= radius2 {
                best = lowest[node];
                continue;
            }
            if let Some(children) = tree.halves.nodes[node].children(node) {
                stack.extend(tree.far_then_near(simd, children, &padded));
                continue;
            }
            for (first, block) in tree.leaf(node) {
                let mut hits = simd.at_most_64(distances(simd, block, point), limit);
                while hits != 0 {
                    let row = tree.row_at(first + hits.trailing_zeros() as usize);
                    best = best.min(labels[row]);
                    hits &= hits - 1;
                }
            }
        }
        best
    }
}

leveled! {
    /// Offers every row but `except` to `best`, skipping boxes that cannot hold a better one.
    fn search<S>(simd, tree: &KdTree, point: &[f64], except: Option<u32>, best: &mut Nearest) {
        if tree.rows() == 0 || best.k == 0 {
            return;
        }
        let padded = tree.halves.padded(point);
        let mut stack = vec![(tree.halves.nearest(simd, 0, [&padded; 2]), 0)];
        while let Some((bound, node)) = stack.pop() {
            if !best.wants(bound, tree.halves.nodes[node].lowest()) {
                continue;
            }
            if let Some(children) = tree.halves.nodes[node].children(node) {
                stack.extend(tree.far_then_near(simd, children, &padded));
                continue;
            }
            let mut distance = [0.0; LANES];
            for (first, block) in tree.leaf(node) {
                let measured = distances(simd, block, point);
                let mut hits = simd.at_most_64(measured, simd.splat_64(best.limit()));
                if hits == 0 {
                    continue;
                }
                simd.store_64(measured, &mut distance);
                while hits != 0 {
                    let lane = hits.trailing_zeros() as usize;
                    hits &= hits - 1;
                    let Some(&row) = tree.halves.order.get(first + lane) else { break };
                    if best.wants(distance[lane], row) && Some(row) != except {
                        best.offer(distance[lane], row);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
