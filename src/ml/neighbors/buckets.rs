//! Buckets: for wide rows.
//!
//! The rows lie in buckets of near rows, as f32 offsets from the middle of the bucket. A few near queries at a time go
//! through the buckets whose box is near enough, nearest first. In a bucket a matrix product in f32 gives every squared
//! distance with a bound on its error; rows that may be among the nearest are measured in f64. So the result is that of
//! measuring all rows, to the last bit, whatever the product rounds.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::Nearest;
use super::halves::{Halves, LANES, row_major};
use crate::ml::simd::{Level, leveled};

/// Most rows of a bucket.
const BUCKET: usize = 128;
/// Rows in a vector of the product.
const WIDE: usize = 16;
/// Queries that go through the buckets together.
const GROUP: usize = 6;
/// Groups of one parallel task.
const TASK: usize = 32;

/// The rows of a matrix in buckets.
///
/// Memory: one copy of the matrix in f64 and one in f32.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Buckets {
    width: usize,
    halves: Halves,
    /// Values by position, row-major.
    values: Vec<f64>,
    /// By leaf: where its offsets start.
    starts: Vec<usize>,
    /// By leaf: offsets of the rows from the middle of the box, in vectors of [`WIDE`] rows: minus half the squared
    /// length, then one vector a column. Lanes past the last row are infinitely far.
    offsets: Vec<[f32; WIDE]>,
    /// By leaf: the greatest length of an offset.
    reach: Vec<f64>,
}

impl Buckets {
    pub(super) fn new(x: ArrayView2<f64>) -> Self {
        let (rows, width) = x.dim();
        let given = row_major(&x);
        let halves = Halves::new(&given, width, BUCKET, 1);
        let mut values = vec![0.0; rows * width];
        let mut buckets =
            Self { width, halves, values: Vec::new(), starts: Vec::new(), offsets: Vec::new(), reach: Vec::new() };
        if width > 0 {
            let order = buckets.halves.order.par_iter();
            values.par_chunks_mut(width).zip(order).with_min_len(BUCKET).for_each(|(values, &row)| {
                values.copy_from_slice(&given[row as usize * width..][..width]);
            });
        }
        buckets.values = values;
        buckets.pack();
        buckets
    }

    fn pack(&mut self) {
        let width = self.width;
        for (index, node) in self.halves.nodes.iter().enumerate() {
            self.starts.push(self.offsets.len());
            let mut reach = 0.0_f64;
            if node.children(index).is_none() {
                let middle = self.middle(index);
                for first in node.positions().step_by(WIDE) {
                    let at = self.offsets.len();
                    self.offsets.resize(at + 1 + width, [0.0; WIDE]);
                    self.offsets[at] = [f32::NEG_INFINITY; WIDE];
                    for (lane, position) in (first..node.positions().end.min(first + WIDE)).enumerate() {
                        let mut length2 = 0.0;
                        let row = &self.values[position * width..][..width];
                        for (column, (value, middle)) in row.iter().zip(&middle).enumerate() {
                            let offset = (value - middle) as f32;
                            self.offsets[at + 1 + column][lane] = offset;
                            length2 += f64::from(offset) * f64::from(offset);
                        }
                        self.offsets[at][lane] = (-0.5 * length2) as f32;
                        reach = reach.max(length2.sqrt());
                    }
                }
            }
            self.reach.push(reach);
        }
    }

    /// The middle of the box of a leaf.
    fn middle(&self, leaf: usize) -> Vec<f64> {
        let [low, high] = self.halves.corners(leaf).map(<[_]>::as_flattened);
        low.iter().zip(high).take(self.width).map(|(low, high)| 0.5 * low + 0.5 * high).collect()
    }

    pub(super) fn rows(&self) -> usize {
        self.halves.order.len()
    }

    /// See [`super::Neighbors::k_nearest_of_own`]; `k` is less than the rows.
    pub(super) fn k_nearest_of_own(&self, level: Level, k: usize) -> Vec<u32> {
        if k == 0 {
            return Vec::new();
        }
        let positions: Vec<usize> = (0..self.rows()).collect();
        let found: Vec<Vec<u32>> = positions
            .par_chunks(GROUP * TASK)
            .map(|positions| {
                let mut out = Vec::with_capacity(positions.len() * k);
                for group in positions.chunks(GROUP) {
                    let queries: Vec<Query> =
                        group.iter().map(|&p| Query::new(self.at(p), Some(self.halves.order[p]), k)).collect();
                    out.extend(self.answers(level, queries).iter().flat_map(|q| q.best.found.iter().map(|f| f.1)));
                }
                out
            })
            .collect();
        let mut out = vec![0; self.rows() * k];
        for (nearest, &row) in found.iter().flat_map(|found| found.chunks_exact(k)).zip(&self.halves.order) {
            out[row as usize * k..][..k].copy_from_slice(nearest);
        }
        out
    }

    /// See [`super::Neighbors::k_nearest`].
    pub(super) fn k_nearest(&self, level: Level, x: ArrayView2<f64>, k: usize) -> Vec<Vec<(f64, u32)>> {
        let values = row_major(&x);
        let row = |i: usize| &values[i * self.width..][..self.width];
        // Queries that end in the same bucket go together.
        let places: Vec<usize> = (0..x.nrows()).into_par_iter().map(|i| self.bucket_of(row(i))).collect();
        let mut order: Vec<usize> = (0..x.nrows()).collect();
        order.sort_by_key(|&i| places[i]);
        let found: Vec<Vec<Vec<(f64, u32)>>> = order
            .par_chunks(GROUP * TASK)
            .map(|rows| {
                let group =
                    |rows: &[usize]| self.answers(level, rows.iter().map(|&i| Query::new(row(i), None, k)).collect());
                rows.chunks(GROUP).flat_map(group).map(|query| query.best.found).collect()
            })
            .collect();
        let mut out = vec![Vec::new(); x.nrows()];
        for (found, i) in found.into_iter().flatten().zip(order) {
            out[i] = found;
        }
        out
    }

    /// The leaf that a point lies in or next to.
    fn bucket_of(&self, point: &[f64]) -> usize {
        let padded = self.halves.padded(point);
        bucket_of(Level::best(), &self.halves, &padded)
    }

    fn at(&self, position: usize) -> &[f64] {
        &self.values[position * self.width..][..self.width]
    }

    /// Answers queries that lie near each other.
    fn answers<'a>(&self, level: Level, mut queries: Vec<Query<'a>>) -> Vec<Query<'a>> {
        let [mut low, mut high] = [queries[0].point, queries[0].point].map(|p| self.halves.padded(p));
        for query in &queries {
            let corners = low.as_flattened_mut().iter_mut().zip(high.as_flattened_mut());
            for ((low, high), &value) in corners.zip(query.point) {
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        go_through(level, self, &mut queries, [&low, &high]);
        queries
    }

    /// Offers a row to a query if it is one of the nearest.
    #[inline(always)]
    fn offer(&self, position: usize, query: &mut Query<'_>) {
        let row = self.halves.order[position];
        if Some(row) == query.except {
            return;
        }
        let mut sum = 0.0;
        for (value, at) in self.at(position).iter().zip(query.point) {
            let gap = value - at;
            sum += gap * gap;
        }
        if query.best.wants(sum, row) {
            query.best.offer(sum, row);
        }
    }

    /// The least that the product (dot product less half the squared length of the offset), computed in f32, can be of a
    /// row that the query wants.
    fn least_product(&self, leaf: usize, query: &Query<'_>, length2: f64) -> f32 {
        let (worst, length, reach) = (query.best.limit(), length2.sqrt(), self.reach[leaf]);
        // Beyond this the product could overflow.
        if !(worst.is_finite() && length < 1e18 && reach < 1e18) {
            return f32::NEG_INFINITY;
        }
        let unit = f64::from(f32::EPSILON);
        // Rounding an offset to f32 moves the point by at most its length times 2^-24.
        let far = worst.sqrt() + unit * (length + reach);
        // A sum of `width` products and the half square, in any order, fused or not, perhaps of tiny numbers.
        let rounding = unit * (self.width + 8) as f64 * reach * (length + reach) + 1e-36;
        let least = 0.5 * (length2 - far * far) - rounding;
        (least - 2.0 * unit * least.abs()) as f32
    }
}

/// One row and its nearest so far.
struct Query<'a> {
    point: &'a [f64],
    except: Option<u32>,
    best: Nearest,
}

impl<'a> Query<'a> {
    fn new(point: &'a [f64], except: Option<u32>, k: usize) -> Self {
        Self { point, except, best: Nearest::new(k, f64::INFINITY) }
    }
}

leveled! {
    fn bucket_of<S>(simd, halves: &Halves, point: &[[f64; LANES]]) -> usize {
        let mut node = 0;
        while let Some([left, right]) = halves.nodes.get(node).and_then(|part| part.children(node)) {
            let nearer = |a: usize, b: usize| halves.nearest(simd, a, [point; 2]) <= halves.nearest(simd, b, [point; 2]);
            node = if nearer(left, right) { left } else { right };
        }
        node
    }
}

leveled! {
    /// Takes `queries`, which lie between two corners, through all buckets that may hold a row for one of them.
    fn go_through<S>(simd, buckets: &Buckets, queries: &mut [Query<'_>], corners: [&[[f64; LANES]]; 2]) {
        let halves = &buckets.halves;
        if halves.nodes.is_empty() {
            return;
        }
        let width = buckets.width;
        let mut offsets = vec![[0.0_f32; GROUP]; width];
        let mut stack = vec![(halves.nearest(simd, 0, corners), 0)];
        while let Some((bound, node)) = stack.pop() {
            let worst = queries.iter().map(|query| query.best.limit()).fold(0.0, f64::max);
            if bound > worst {
                continue;
            }
            if let Some([left, right]) = halves.nodes[node].children(node) {
                let left = (halves.nearest(simd, left, corners), left);
                let right = (halves.nearest(simd, right, corners), right);
                stack.extend(if left.0 <= right.0 { [right, left] } else { [left, right] });
                continue;
            }
            let middle = buckets.middle(node);
            let mut lengths2 = [0.0; GROUP];
            for (q, query) in queries.iter().enumerate() {
                for ((offsets, &value), middle) in offsets.iter_mut().zip(query.point).zip(&middle) {
                    let offset = (value - middle) as f32;
                    offsets[q] = offset;
                    lengths2[q] += f64::from(offset) * f64::from(offset);
                }
            }
            let mut least = [f32::INFINITY; GROUP];
            for (q, query) in queries.iter().enumerate() {
                least[q] = buckets.least_product(node, query, lengths2[q]);
            }
            let positions = halves.nodes[node].positions();
            let vectors = positions.len().div_ceil(WIDE) * (1 + width);
            let vectors = &buckets.offsets[buckets.starts[node]..][..vectors];
            for (first, vectors) in positions.clone().step_by(WIDE).zip(vectors.chunks_exact(1 + width)) {
                let mut products = [simd.load_16(&vectors[0]); GROUP];
                for (vector, offsets) in vectors[1..].iter().zip(&offsets) {
                    let vector = simd.load_16(vector);
                    for (product, &offset) in products.iter_mut().zip(offsets) {
                        *product = if S::FUSES {
                            simd.fused_16(vector, simd.splat_16(offset), *product)
                        } else {
                            simd.add_16(*product, simd.mul_16(vector, simd.splat_16(offset)))
                        };
                    }
                }
                for (q, query) in queries.iter_mut().enumerate() {
                    // Also what is not a number.
                    let mut hits = simd.less_16(products[q], simd.splat_16(least[q])) ^ 0xffff;
                    if hits == 0 {
                        continue;
                    }
                    while hits != 0 {
                        let position = first + hits.trailing_zeros() as usize;
                        hits &= hits - 1;
                        if position < positions.end {
                            buckets.offer(position, query);
                        }
                    }
                    least[q] = buckets.least_product(node, query, lengths2[q]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::tree::tests::{grid, sorted};
    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    /// Grids with ties, clouds far from the origin, and outliers: the shapes and scales where a product in f32 is worst.
    fn cases() -> Vec<Array2<f64>> {
        let mut rng = Rng::new(Seed::new(8));
        let mut cases = vec![grid(1, 3, 1), grid(2, 1, 2), grid(130, 2, 3), grid(300, 25, 4), grid(129, 31, 5)];
        for (rows, width, scale, middle) in [
            (500, 40, 1.0, 0.0),
            (400, 17, 1e-3, 1e6),
            (260, 33, 1e20, 0.0),
            (200, 9, 1e-20, 0.0),
            (90, 30, 1e-6, 1.0),
            (150, 5, 1e200, 0.0),
        ] {
            let far = |rng: &mut Rng| if rng.below(50) == 0 { 1e4 } else { 1.0 };
            cases.push(Array2::from_shape_fn((rows, width), |_| middle + scale * far(&mut rng) * rng.normal()));
        }
        cases.push(Array2::from_elem((300, 21), 0.1));
        cases
    }

    #[test]
    fn agrees_with_a_full_scan_at_every_level() {
        for x in cases() {
            let rows = x.nrows();
            let buckets = Buckets::new(x.view());
            let moved = &x + 0.25;
            for level in Level::all() {
                for k in [1, 5, 40] {
                    let k = k.min(rows - 1);
                    let own = buckets.k_nearest_of_own(level, k);
                    let all = buckets.k_nearest(level, moved.view(), k + 1);
                    for i in (0..rows).step_by(1 + rows / 60) {
                        let want = sorted(&x, &x.row(i).to_vec());
                        let want: Vec<u32> = want.iter().filter(|o| o.1 != i).take(k).map(|o| o.1 as u32).collect();
                        assert_eq!(own[i * k..(i + 1) * k], want, "row {i} of {rows}, {level:?}");
                        let want = sorted(&x, &moved.row(i).to_vec());
                        let got: Vec<(f64, usize)> = all[i].iter().map(|&(d, row)| (d, row as usize)).collect();
                        assert_eq!(got, want[..k + 1], "row {i} of {rows}, {level:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_rows_where_there_are_fewer_than_asked_for() {
        let x = grid(3, 22, 1);
        let found = Buckets::new(x.view()).k_nearest(Level::best(), x.view(), 9);
        assert!(found.iter().all(|found| found.len() == 3));
        assert!(Buckets::new(x.view()).k_nearest(Level::best(), Array2::zeros((0, 22)).view(), 9).is_empty());
        let none = Buckets::new(Array2::zeros((0, 22)).view());
        assert_eq!(none.k_nearest(Level::best(), x.view(), 2), [vec![], vec![], vec![]]);
    }

    #[test]
    fn the_same_on_any_number_of_threads_and_from_any_layout() {
        let x = grid(2000, 24, 4);
        let turned = x.t().as_standard_layout().into_owned();
        let found = crate::ml::made_up::on_any_threads(|| {
            let buckets = Buckets::new(x.view());
            (buckets.k_nearest_of_own(Level::best(), 3), buckets.k_nearest(Level::best(), x.view(), 3))
        });
        let buckets = Buckets::new(turned.t());
        assert_eq!(
            (buckets.k_nearest_of_own(Level::best(), 3), buckets.k_nearest(Level::best(), turned.t(), 3)),
            found
        );
    }
}
