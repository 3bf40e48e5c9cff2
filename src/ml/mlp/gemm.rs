//! The matrix products behind the network.
//!
//! Every entry is one chain of fused multiply-adds in a fixed order. A fused multiply-add is rounded once and defined to
//! the last bit, so an entry depends neither on the processor, nor on how the matrix is cut into tiles, nor on the other
//! rows and columns.

use super::padded::{LANES, Padded};
use crate::ml::simd::{Level, Simd, leveled};

/// `c = start + a b` in the first `rows` rows of `a` and `c`; shapes (rows, k), (k, n), (rows, n), and n numbers that
/// every row starts from. The products are added in the order of k.
pub fn affine(level: Level, rows: usize, a: &Padded, b: &Padded, start: &[[f32; LANES]], c: &mut Padded) {
    debug_assert!(a.columns() == b.rows() && b.columns() == c.columns());
    let of = Factors {
        a: a.first(rows).as_flattened(),
        stride: a.vectors * LANES,
        depth: a.columns(),
        b: &b.values,
        vectors: b.vectors,
        start,
    };
    by_rows(level, of, rows, c.first_mut(rows));
}

/// `c = a^T b` over the first `rows` rows of `a` and `b`; shapes (rows, m), (rows, n), (m, n). The products are added in
/// the order of the rows.
pub fn over_rows(level: Level, rows: usize, a: &Padded, b: &Padded, c: &mut Padded) {
    debug_assert!(a.columns() == c.rows() && b.columns() == c.columns());
    let start = vec![[0.0; LANES]; b.vectors];
    let of = Factors {
        a: a.first(rows).as_flattened(),
        stride: a.vectors * LANES,
        depth: rows,
        b: b.first(rows),
        vectors: b.vectors,
        start: &start,
    };
    by_columns(level, of, a.columns(), &mut c.values);
}

/// What is multiplied.
#[derive(Clone, Copy)]
struct Factors<'a> {
    /// Row-major, rows of `stride` numbers.
    a: &'a [f32],
    stride: usize,
    /// Products of a chain.
    depth: usize,
    /// `depth` rows of `vectors` vectors.
    b: &'a [[f32; LANES]],
    vectors: usize,
    /// What the chains of a row start from.
    start: &'a [[f32; LANES]],
}

leveled! {
    /// Row `i` of `c` from row `i` of `a`.
    fn by_rows<S>(simd, of: Factors<'_>, rows: usize, c: &mut [[f32; LANES]]) {
        cover::<S, false>(simd, of, rows, c);
    }
}

leveled! {
    /// Row `i` of `c` from column `i` of `a`.
    fn by_columns<S>(simd, of: Factors<'_>, columns: usize, c: &mut [[f32; LANES]]) {
        cover::<S, true>(simd, of, columns, c);
    }
}

/// All rows of `c`, in tiles as large as the registers allow, and smaller ones at the end.
#[inline(always)]
fn cover<S: Simd, const TURNED: bool>(simd: S, of: Factors<'_>, rows: usize, c: &mut [[f32; LANES]]) {
    let mut row = 0;
    while row < rows {
        let c = &mut c[row * of.vectors..];
        row += match rows - row {
            8.. if S::WIDE => strip::<S, TURNED, 8>(simd, of, row, c),
            6.. if !S::WIDE => strip::<S, TURNED, 6>(simd, of, row, c),
            4.. => strip::<S, TURNED, 4>(simd, of, row, c),
            2.. => strip::<S, TURNED, 2>(simd, of, row, c),
            _ => strip::<S, TURNED, 1>(simd, of, row, c),
        };
    }
}

/// `R` rows of `c`; returns `R`.
#[inline(always)]
fn strip<S: Simd, const TURNED: bool, const R: usize>(
    simd: S,
    of: Factors<'_>,
    row: usize,
    c: &mut [[f32; LANES]],
) -> usize {
    let mut vector = 0;
    if S::WIDE {
        while vector + 3 <= of.vectors {
            tile::<S, TURNED, R, 3>(simd, of, row, vector, c);
            vector += 3;
        }
        if vector + 2 <= of.vectors {
            tile::<S, TURNED, R, 2>(simd, of, row, vector, c);
            vector += 2;
        }
    }
    while vector < of.vectors {
        tile::<S, TURNED, R, 1>(simd, of, row, vector, c);
        vector += 1;
    }
    R
}

/// `R` rows of `c` in `V` vectors.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // with iterators the sums do not stay in registers
fn tile<S: Simd, const TURNED: bool, const R: usize, const V: usize>(
    simd: S,
    of: Factors<'_>,
    row: usize,
    vector: usize,
    c: &mut [[f32; LANES]],
) {
    let start: [S::F32x16; V] = std::array::from_fn(|v| simd.load_16(&of.start[vector + v]));
    let mut sums = [start; R];
    let steps = of.b.chunks_exact(of.vectors);
    if TURNED {
        for (a, b) in of.a.chunks_exact(of.stride).zip(steps) {
            let (a, b) = (&a[row..][..R], &b[vector..][..V]);
            let b: [S::F32x16; V] = std::array::from_fn(|v| simd.load_16(&b[v]));
            for r in 0..R {
                let value = simd.splat_16(a[r]);
                for v in 0..V {
                    sums[r][v] = simd.fused_16(value, b[v], sums[r][v]);
                }
            }
        }
    } else {
        let depth = of.depth;
        let lines: [&[f32]; R] = std::array::from_fn(|r| &of.a[(row + r) * of.stride..][..depth]);
        for (k, b) in steps.take(depth).enumerate() {
            let b = &b[vector..][..V];
            let b: [S::F32x16; V] = std::array::from_fn(|v| simd.load_16(&b[v]));
            for r in 0..R {
                let value = simd.splat_16(lines[r][k]);
                for v in 0..V {
                    sums[r][v] = simd.fused_16(value, b[v], sums[r][v]);
                }
            }
        }
    }
    for r in 0..R {
        for v in 0..V {
            simd.store_16(sums[r][v], &mut c[r * of.vectors + vector + v]);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;

    fn numbers(rows: usize, columns: usize, salt: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17 + salt * 7) % 101) as f32 / 50.0 - 1.01)
    }

    fn bits(matrix: &Array2<f32>) -> Vec<u32> {
        matrix.iter().map(|v| v.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn every_level_gives_the_bits_of_the_plain_chain(
            m in 0_usize..29, k in 0_usize..20, n in 1_usize..70, more in 0_usize..3,
        ) {
            let (a, b) = (numbers(m, k, 1), numbers(k, n, 2));
            let start = numbers(1, n, 3);
            let chain = |i: usize, j: usize| (0..k).fold(start[[0, j]], |sum, l| a[[i, l]].mul_add(b[[l, j]], sum));
            let plain = Array2::from_shape_fn((m, n), |(i, j)| chain(i, j));
            let other = numbers(m, n, 4);
            let chain = |i: usize, j: usize| (0..m).fold(0.0_f32, |sum, l| a[[l, i]].mul_add(other[[l, j]], sum));
            let turned = Array2::from_shape_fn((k, n), |(i, j)| chain(i, j));
            // Room for more rows, which stay as they are.
            let above = |x: &Array2<f32>| {
                let mut tall = Array2::from_elem((x.nrows() + more, x.ncols()), 7.0);
                tall.slice_mut(s![..x.nrows(), ..]).assign(x);
                Padded::of(tall.view())
            };
            for level in Level::all() {
                let mut c = above(&Array2::zeros((m, n)));
                affine(level, m, &above(&a), &Padded::of(b.view()), &Padded::of(start.view()).values, &mut c);
                prop_assert_eq!(bits(&c.matrix().slice(s![..m, ..]).to_owned()), bits(&plain));
                prop_assert!(c.matrix().slice(s![m.., ..]).iter().all(|v| *v == 7.0));
                let mut c = Padded::zeros(k, n);
                over_rows(level, m, &above(&a), &above(&other), &mut c);
                prop_assert_eq!(bits(&c.matrix()), bits(&turned));
                let mut back = Padded::zeros(n, k);
                back.turn(&c);
                prop_assert_eq!(bits(&back.matrix()), bits(&turned.t().to_owned()));
                // Padding stays zero.
                prop_assert!(c.values.chunks(c.vectors).all(|row| row.as_flattened()[n..].iter().all(|v| *v == 0.0)));
            }
        }
    }
}
