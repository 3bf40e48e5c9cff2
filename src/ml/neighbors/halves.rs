//! Rows halved again and again, each part with the box around it.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::ml::simd::Simd;

/// Columns of a box in one vector, and rows of a block.
pub(super) const LANES: usize = 8;
/// Rows from which on the halves are made side by side.
const APART: usize = 4096;
/// The `right` of a part that is not halved.
const NONE: u32 = u32::MAX;

/// A range of reordered rows, with its halves if it has any. Its left half is the next part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::ml) struct Node {
    start: u32,
    end: u32,
    right: u32,
    /// The lowest row in it.
    lowest: u32,
}

impl Node {
    /// The positions (not rows) of the part.
    pub(in crate::ml) fn positions(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The two halves of node `index`, or `None` for a leaf.
    pub(in crate::ml) fn children(self, index: usize) -> Option<[usize; 2]> {
        (self.right != NONE).then_some([index + 1, self.right as usize])
    }

    pub(super) fn lowest(self) -> u32 {
        self.lowest
    }
}

/// All parts, parents before children; part 0 is the whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Halves {
    /// The row at every position.
    pub(super) order: Vec<u32>,
    pub(super) nodes: Vec<Node>,
    /// By part: least values of the columns, then greatest, in vectors of [`LANES`]; zeros past the last column.
    boxes: Vec<[f64; LANES]>,
    /// Vectors that hold one value of every column.
    groups: usize,
    /// Factors that outweigh the rounding of a sum over the columns in any order.
    down: f64,
    up: f64,
}

/// Squared distances between boxes, or a point and a box, are rounded so that the first is never above and the second
/// never below the squared distance, summed in any order, of any two rows in them.
impl Halves {
    /// Halves the rows of `x` (row-major, `width` columns) until no part has more than `most`; every part starts at a
    /// multiple of `align`. Halved is the widest column (the first of equals) at the median; equal values go by row. It
    /// depends on nothing but the arguments.
    pub(super) fn new(x: &[f64], width: usize, most: usize, align: usize) -> Self {
        let rows = x.len() / width.max(1);
        let groups = width.div_ceil(LANES);
        let mut nodes = Vec::new();
        if rows > 0 {
            plan(&mut nodes, 0, rows, most, align);
        }
        let mut boxes = vec![[0.0; LANES]; nodes.len() * 2 * groups];
        let mut order: Vec<u32> = (0..rows as u32).collect();
        if rows > 0 {
            Cut { x, width, groups }.fill(&mut nodes, 0, &mut boxes, &mut order);
        }
        let slack = (width + 16) as f64 * f64::EPSILON;
        Self { order, nodes, boxes, groups, down: 1.0 - slack, up: 1.0 + slack }
    }

    /// A point as the boxes have it.
    pub(super) fn padded(&self, point: &[f64]) -> Vec<[f64; LANES]> {
        let mut padded = vec![[0.0; LANES]; self.groups];
        padded.as_flattened_mut()[..point.len()].copy_from_slice(point);
        padded
    }

    /// The least and the greatest values of a part.
    pub(super) fn corners(&self, node: usize) -> [&[[f64; LANES]]; 2] {
        let (low, high) = self.boxes[node * 2 * self.groups..][..2 * self.groups].split_at(self.groups);
        [low, high]
    }

    /// At most the squared distance of any row of a part from any point between two corners.
    #[inline(always)]
    pub(super) fn nearest<S: Simd>(&self, simd: S, node: usize, other: [&[[f64; LANES]]; 2]) -> f64 {
        let [low, high] = self.corners(node);
        let zero = simd.splat_64(0.0);
        let mut sum = zero;
        for (((low, high), other_low), other_high) in low.iter().zip(high).zip(other[0]).zip(other[1]) {
            let below = simd.sub_64(simd.load_64(low), simd.load_64(other_high));
            let above = simd.sub_64(simd.load_64(other_low), simd.load_64(high));
            let gap = simd.max_64(simd.max_64(below, above), zero);
            sum = simd.add_64(sum, simd.mul_64(gap, gap));
        }
        simd.sum_64(sum) * self.down
    }

    /// At least the squared distance of any row of a part from any point between two corners.
    #[inline(always)]
    pub(super) fn farthest<S: Simd>(&self, simd: S, node: usize, other: [&[[f64; LANES]]; 2]) -> f64 {
        let [low, high] = self.corners(node);
        let mut sum = simd.splat_64(0.0);
        for (((low, high), other_low), other_high) in low.iter().zip(high).zip(other[0]).zip(other[1]) {
            let below = simd.sub_64(simd.load_64(other_high), simd.load_64(low));
            let above = simd.sub_64(simd.load_64(high), simd.load_64(other_low));
            let gap = simd.max_64(below, above);
            sum = simd.add_64(sum, simd.mul_64(gap, gap));
        }
        simd.sum_64(sum) * self.up
    }
}

/// The parts and their positions.
fn plan(nodes: &mut Vec<Node>, start: usize, rows: usize, most: usize, align: usize) {
    let index = nodes.len();
    nodes.push(Node { start: start as u32, end: (start + rows) as u32, right: NONE, lowest: 0 });
    if rows > most {
        let middle = (rows / 2).next_multiple_of(align);
        plan(nodes, start, middle, most, align);
        nodes[index].right = nodes.len() as u32;
        plan(nodes, start + middle, rows - middle, most, align);
    }
}

#[derive(Clone, Copy)]
struct Cut<'a> {
    x: &'a [f64],
    width: usize,
    groups: usize,
}

impl Cut<'_> {
    /// Fills in the part `first`, which is the first of `nodes`, and those below it: boxes and the order of its rows.
    fn fill(self, nodes: &mut [Node], first: usize, boxes: &mut [[f64; LANES]], rows: &mut [u32]) {
        let Some((node, below)) = nodes.split_first_mut() else { return };
        node.lowest = rows.iter().copied().min().unwrap_or(0);
        let (mine, boxes) = boxes.split_at_mut(2 * self.groups);
        let (low, high) = mine.split_at_mut(self.groups);
        let (low, high) = (&mut low.as_flattened_mut()[..self.width], &mut high.as_flattened_mut()[..self.width]);
        low.fill(f64::INFINITY);
        high.fill(f64::NEG_INFINITY);
        for &row in rows.iter() {
            let values = &self.x[row as usize * self.width..][..self.width];
            for ((low, high), &value) in low.iter_mut().zip(high.iter_mut()).zip(values) {
                *low = if value < *low { value } else { *low };
                *high = if value > *high { value } else { *high };
            }
        }
        let Some([_, right]) = node.children(first) else { return };
        let mut widest = (0, 0.0); // all rows equal: they are halved by row
        for (column, (low, high)) in low.iter().zip(high.iter()).enumerate() {
            if high - low > widest.1 {
                widest = (column, high - low);
            }
        }
        let (left_nodes, right_nodes) = below.split_at_mut(right - first - 1);
        let middle = left_nodes[0].positions().len();
        let key = |row: u32| self.x[row as usize * self.width + widest.0];
        rows.select_nth_unstable_by(middle, |&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        let (left, right_rows) = rows.split_at_mut(middle);
        let (left_boxes, right_boxes) = boxes.split_at_mut(left_nodes.len() * 2 * self.groups);
        let apart = left.len() > APART;
        let mut one = || self.fill(left_nodes, first + 1, left_boxes, left);
        let mut other = || self.fill(right_nodes, right, right_boxes, right_rows);
        if apart {
            rayon::join(one, other);
        } else {
            one();
            other();
        }
    }
}

/// The values of `x` in rows, copied only where they lie otherwise.
pub(super) fn row_major<'a>(x: &'a ArrayView2<'_, f64>) -> std::borrow::Cow<'a, [f64]> {
    match x.as_slice() {
        Some(values) => values.into(),
        None => x.iter().copied().collect::<Vec<f64>>().into(),
    }
}
