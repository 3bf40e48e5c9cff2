//! Centres side by side in vectors, and the distances of rows from them.
//!
//! A squared distance is the sum of the squared differences over the columns in order, in f64 and never fused, never
//! `|x|^2 - 2xc + |c|^2`: nothing cancels, equal points are at distance 0, and every SIMD level gives the same bits.

use ndarray::Array2;

use crate::ml::simd::{Level, Simd, leveled, prefetch};

/// Centres in a vector.
pub(super) const LANES: usize = 8;
/// Rows that are measured side by side.
const SIDE: usize = 4;
/// How far ahead of the measured rows the next ones are asked for.
const AHEAD: usize = 12;

/// Centres in groups of [`LANES`], column by column within a group. Lanes past the last centre are at infinity.
pub(super) struct Lanes {
    pub(super) count: usize,
    width: usize,
    values: Vec<[f64; LANES]>,
}

impl Lanes {
    pub(super) fn new(centers: &Array2<f64>) -> Self {
        Self::of(centers.ncols(), centers.nrows(), |i, column| centers[[i, column]])
    }

    /// `count` centres of `width` columns; `value` gives the value of a centre in a column.
    pub(super) fn of(width: usize, count: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let mut values = vec![[f64::INFINITY; LANES]; count.div_ceil(LANES) * width];
        for i in 0..count {
            for column in 0..width {
                values[i / LANES * width + column][i % LANES] = value(i, column);
            }
        }
        Self { count, width, values }
    }

    /// Vectors that hold all centres in one column.
    pub(super) fn groups(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// Squared distances of the rows of `x` (row-major) that `rows` names, as many vectors a row as there are groups.
    pub(super) fn measure(&self, level: Level, x: &[f64], rows: &[u32], to: &mut [[f64; LANES]]) {
        measure(level, self.width, &self.values, x, rows, to);
    }

    /// The nearest centre (the lowest of equals) and its squared distance, by row, from the vectors of [`Self::measure`].
    pub(super) fn least(&self, level: Level, measured: &[[f64; LANES]], to: &mut [(u32, f64)]) {
        least(level, measured, self.groups(), to);
    }
}

leveled! {
    fn measure<S>(
        simd,
        width: usize,
        centers: &[[f64; LANES]],
        x: &[f64],
        rows: &[u32],
        to: &mut [[f64; LANES]],
    ) {
        let groups = centers.len() / width;
        for (i, (rows4, to)) in rows.chunks(SIDE).zip(to.chunks_mut(SIDE * groups)).enumerate() {
            for &row in rows.iter().skip((i + AHEAD / SIDE) * SIDE).take(SIDE) {
                prefetch(&x[row as usize * width..][..width]);
            }
            let row = |r: usize| &x[rows4[r.min(rows4.len() - 1)] as usize * width..][..width];
            let rows = [row(0), row(1), row(2), row(3)];
            for (group, centers) in centers.chunks_exact(width).enumerate() {
                let sums = side_by_side(simd, rows, centers);
                for (r, to) in to.chunks_exact_mut(groups).enumerate() {
                    simd.store_64(sums[r], &mut to[group]);
                }
            }
        }
    }
}

/// Squared distances of four rows from the centres of one group.
#[inline(always)]
fn side_by_side<S: Simd>(simd: S, rows: [&[f64]; SIDE], centers: &[[f64; LANES]]) -> [S::F64x8; SIDE] {
    let mut sums = [simd.splat_64(0.0); SIDE];
    let [a, b, c, d] = rows;
    for ((((center, &a), &b), &c), &d) in centers.iter().zip(a).zip(b).zip(c).zip(d) {
        let center = simd.load_64(center);
        for (sum, value) in sums.iter_mut().zip([a, b, c, d]) {
            let gap = simd.sub_64(simd.splat_64(value), center);
            *sum = simd.add_64(*sum, simd.mul_64(gap, gap));
        }
    }
    sums
}

leveled! {
    fn least<S>(simd, measured: &[[f64; LANES]], groups: usize, to: &mut [(u32, f64)]) {
        for (vectors, to) in measured.chunks_exact(groups).zip(to) {
            let (place, distance) = simd.least_64(simd.load_64(&vectors[0]));
            *to = (place as u32, distance);
            for (group, vector) in vectors.iter().enumerate().skip(1) {
                let (place, distance) = simd.least_64(simd.load_64(vector));
                if distance < to.1 {
                    *to = ((group * LANES + place) as u32, distance);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    #[test]
    fn every_level_measures_as_the_plain_sum_does() {
        let mut rng = Rng::new(Seed::new(6));
        for (rows, width, count) in [(0, 1, 1), (1, 1, 1), (3, 2, 8), (4, 5, 9), (9, 40, 7), (70, 3, 17), (33, 1, 30)] {
            let x: Vec<f64> = (0..rows * width).map(|_| rng.normal()).collect();
            let centers = Array2::from_shape_fn((count, width), |(i, j)| if i == 5 { x[j] } else { rng.normal() });
            let lanes = Lanes::new(&centers);
            let mut named: Vec<u32> = (0..rows as u32).chain(0..rows as u32 / 3).collect();
            rng.shuffle(&mut named);
            for level in Level::all() {
                let mut vectors = vec![[0.0; LANES]; named.len() * lanes.groups()];
                let mut nearest = vec![(0, 0.0); named.len()];
                lanes.measure(level, &x, &named, &mut vectors);
                lanes.least(level, &vectors, &mut nearest);
                for (i, &row) in named.iter().enumerate() {
                    let row = &x[row as usize * width..][..width];
                    let plain = |center: usize| {
                        row.iter().zip(centers.row(center)).map(|(a, b)| (a - b) * (a - b)).fold(0.0, |s, v| s + v)
                    };
                    let mut best = (0, f64::INFINITY);
                    for center in 0..count {
                        let got = vectors[i * lanes.groups() + center / LANES][center % LANES];
                        assert_eq!(got.to_bits(), f64::to_bits(plain(center)));
                        if got < best.1 {
                            best = (center as u32, got);
                        }
                    }
                    assert_eq!(nearest[i], best, "{level:?}");
                }
            }
        }
    }
}
