//! Sums over rows of products of columns: covariances, Hessians, gradients.
//!
//! Every sum runs over the rows in order, each product and each sum rounded by itself: the same bits at every SIMD level.

use super::simd::{Level, Simd, leveled};

/// Columns in a vector.
pub(crate) const LANES: usize = 8;
/// Rows that go through the tiles together: few enough for the caches.
pub(crate) const STRIP: usize = 64;
/// Columns of the left side in a tile.
const SIDE: usize = 4;

/// Vectors that hold one value of each of `columns` columns.
pub(crate) fn vectors(columns: usize) -> usize {
    columns.div_ceil(LANES)
}

/// Rows of `width` values as vectors of at least `columns` columns, the rest zeros.
pub(crate) fn in_vectors(rows: &[f64], width: usize, columns: usize) -> Vec<[f64; LANES]> {
    let per_row = vectors(columns);
    let mut out = vec![[0.0; LANES]; rows.len() / width * per_row];
    for (to, row) in out.chunks_exact_mut(per_row).zip(rows.chunks_exact(width)) {
        to.as_flattened_mut()[..width].copy_from_slice(row);
    }
    out
}

/// Sums of products, a row of vectors for each column of the left side.
#[derive(Clone, Debug)]
pub(crate) struct Products {
    left: usize,
    right: usize,
    /// Whether only products of a column with itself and earlier ones are wanted.
    lower: bool,
    sums: Vec<[f64; LANES]>,
}

impl Products {
    /// Zeros, for all pairs of `left` and `right` columns.
    pub(crate) fn all(left: usize, right: usize) -> Self {
        let (left, right) = (vectors(left), vectors(right));
        Self { left, right, lower: false, sums: vec![[0.0; LANES]; left * LANES * right] }
    }

    /// Zeros, for the pairs of `columns` columns in which the left one is not before the right one.
    pub(crate) fn lower(columns: usize) -> Self {
        Self { lower: true, ..Self::all(columns, columns) }
    }

    /// Adds the products of some rows: of each, one value of every left and of every right column, in vectors.
    pub(crate) fn add(&mut self, level: Level, left: &[[f64; LANES]], right: &[[f64; LANES]]) {
        add_products(level, self, left, right);
    }

    /// Adds what another one has summed up.
    pub(crate) fn join(&mut self, other: &Self) {
        let sums = self.sums.as_flattened_mut().iter_mut();
        sums.zip(other.sums.as_flattened()).for_each(|(sum, more)| *sum += more);
    }

    /// The sum of the products of two columns.
    pub(crate) fn get(&self, left: usize, right: usize) -> f64 {
        debug_assert!(!self.lower || right <= left);
        self.sums[left * self.right + right / LANES][right % LANES]
    }
}

/// Sums of `weight * (x_i - center_i) * (x_j - center_j)` over rows (row-major), for `j <= i`. Rows of weight 0 are left
/// out.
pub(crate) fn weighted(level: Level, x: &[f64], weights: impl Iterator<Item = f64>, center: &[f64]) -> Products {
    let (width, vectors) = (center.len(), vectors(center.len()));
    let mut products = Products::lower(width);
    let mut left = vec![[0.0; LANES]; STRIP * vectors];
    let mut right = left.clone();
    let weights: Vec<f64> = weights.collect();
    for (x, weights) in x.chunks(STRIP * width).zip(weights.chunks(STRIP)) {
        let rows = scaled_gaps(level, x, weights, center, &mut left, &mut right);
        products.add(level, &left[..rows * vectors], &right[..rows * vectors]);
    }
    products
}

leveled! {
    /// Of the rows that have a weight, one after the other: the gaps from `center` to `right`, and times the weight to
    /// `left`. Returns how many rows there are.
    fn scaled_gaps<S>(
        _simd,
        x: &[f64],
        weights: &[f64],
        center: &[f64],
        left: &mut [[f64; LANES]],
        right: &mut [[f64; LANES]],
    ) -> usize {
        let (width, mut rows) = (center.len(), 0);
        let padded = center.len().next_multiple_of(LANES);
        let (left, right) = (left.as_flattened_mut(), right.as_flattened_mut());
        for (row, &weight) in x.chunks_exact(width).zip(weights).filter(|(_, weight)| **weight != 0.0) {
            let (left, right) = (&mut left[rows * padded..][..width], &mut right[rows * padded..][..width]);
            for (((left, right), value), center) in left.iter_mut().zip(right).zip(row).zip(center) {
                *right = value - center;
                *left = weight * *right;
            }
            rows += 1;
        }
        rows
    }
}

leveled! {
    fn add_products<S>(simd, to: &mut Products, left: &[[f64; LANES]], right: &[[f64; LANES]]) {
        for column in (0..to.left * LANES).step_by(SIDE) {
            let end = if to.lower { column / LANES + 1 } else { to.right };
            let mut vector = 0;
            if S::WIDE {
                while vector + 3 <= end {
                    tile::<S, 3>(simd, to, column, vector, left, right);
                    vector += 3;
                }
            }
            while vector < end {
                tile::<S, 1>(simd, to, column, vector, left, right);
                vector += 1;
            }
        }
    }
}

/// [`SIDE`] columns of the left side with `V` vectors of the right one.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // with iterators the sums do not stay in registers
fn tile<S: Simd, const V: usize>(
    simd: S,
    to: &mut Products,
    column: usize,
    vector: usize,
    left: &[[f64; LANES]],
    right: &[[f64; LANES]],
) {
    let mut sums = [[simd.splat_64(0.0); V]; SIDE];
    for i in 0..SIDE {
        for v in 0..V {
            sums[i][v] = simd.load_64(&to.sums[(column + i) * to.right + vector + v]);
        }
    }
    let (at, lane) = (column / LANES, column % LANES);
    for (left, right) in left.chunks_exact(to.left).zip(right.chunks_exact(to.right)) {
        let (left, right) = (&left[at], &right[vector..][..V]);
        let right: [S::F64x8; V] = std::array::from_fn(|v| simd.load_64(&right[v]));
        for i in 0..SIDE {
            let value = simd.splat_64(left[lane + i]);
            for v in 0..V {
                sums[i][v] = simd.add_64(sums[i][v], simd.mul_64(value, right[v]));
            }
        }
    }
    for i in 0..SIDE {
        for v in 0..V {
            simd.store_64(sums[i][v], &mut to.sums[(column + i) * to.right + vector + v]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    #[test]
    fn every_level_adds_up_as_plain_sums_do() {
        let mut rng = Rng::new(Seed::new(3));
        for (rows, width) in [(0, 1), (1, 1), (3, 7), (64, 8), (65, 9), (150, 41)] {
            let x: Vec<f64> = (0..rows * width).map(|_| rng.normal()).collect();
            let weights: Vec<f64> = (0..rows).map(|i| if i % 5 == 2 { 0.0 } else { rng.uniform() }).collect();
            let center: Vec<f64> = (0..width).map(|_| rng.normal()).collect();
            for level in Level::all() {
                let got = weighted(level, &x, weights.iter().copied(), &center);
                let mut twice = got.clone();
                twice.join(&got);
                for i in 0..width {
                    for j in 0..=i {
                        let sum = x.chunks_exact(width).zip(&weights).filter(|(_, w)| **w != 0.0);
                        let sum = sum.fold(0.0, |s, (x, w)| s + (w * (x[i] - center[i])) * (x[j] - center[j]));
                        assert_eq!(got.get(i, j).to_bits(), f64::to_bits(sum), "{level:?}");
                        assert_eq!(twice.get(i, j), 2.0 * sum);
                    }
                }
            }
        }
    }

    #[test]
    fn two_sides_of_different_widths() {
        let rows = 11;
        let left: Vec<[f64; LANES]> = (0..rows).map(|r| std::array::from_fn(|i| (r * 3 + i) as f64 % 7.0)).collect();
        let right: Vec<[f64; LANES]> =
            (0..rows * 4).map(|r| std::array::from_fn(|i| (r * 5 + i * i) as f64 % 11.0 - 4.0)).collect();
        for level in Level::all() {
            let mut products = Products::all(5, 27);
            products.add(level, &left, &right);
            for (i, j) in (0..5).flat_map(|i| (0..27).map(move |j| (i, j))) {
                let sum: f64 = (0..rows).map(|r| left[r][i] * right[r * 4 + j / LANES][j % LANES]).sum();
                assert_eq!(products.get(i, j), sum, "{level:?}");
            }
        }
    }
}
