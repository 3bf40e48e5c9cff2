//! The matrix product behind the network, fast or portable.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::ml::Numerics;

/// Rows of a tile.
const TILE_ROWS: usize = 4;
/// Columns of a tile: two 4-wide registers.
const TILE_COLUMNS: usize = 8;

/// Computes products in one kind of arithmetic; keeps its packing buffers from call to call.
#[derive(Debug)]
pub struct Gemm {
    numerics: Numerics,
    a: Vec<f32>,
    b: Vec<f32>,
    lines: Vec<f32>,
}

impl Gemm {
    /// A product in this arithmetic.
    pub fn new(numerics: Numerics) -> Self {
        Self { numerics, a: Vec::new(), b: Vec::new(), lines: Vec::new() }
    }

    /// `c = a b` for shapes (m, k), (k, n), (m, n), any strides.
    pub fn multiply(&mut self, a: ArrayView2<f32>, b: ArrayView2<f32>, c: ArrayViewMut2<f32>) {
        match self.numerics {
            Numerics::Portable => self.portable(a, b, c),
            Numerics::Avx2 | Numerics::Avx512 => {
                let mut c = c;
                general_mat_mul(1.0, &a, &b, 0.0, &mut c);
            }
        }
    }

    /// Every entry is the sum over k in ascending order, each product and each sum rounded: its bits depend neither
    /// on the processor nor on the other rows and columns.
    fn portable(&mut self, a: ArrayView2<f32>, b: ArrayView2<f32>, mut c: ArrayViewMut2<f32>) {
        let (n, depth) = (b.ncols(), a.ncols());
        if depth == 0 || n == 0 {
            c.fill(0.0);
            return;
        }
        pack(a, TILE_ROWS, &mut self.a);
        pack(b.reversed_axes(), TILE_COLUMNS, &mut self.b);
        self.lines.resize(TILE_ROWS * n, 0.0);
        let lines = &mut self.lines;
        let groups = c.axis_chunks_iter_mut(Axis(0), TILE_ROWS);
        for (tile_a, mut group) in self.a.chunks_exact(TILE_ROWS * depth).zip(groups) {
            for (j, tile_b) in self.b.chunks_exact(TILE_COLUMNS * depth).enumerate() {
                let from = j * TILE_COLUMNS;
                let to = n.min(from + TILE_COLUMNS);
                for (line, sums) in lines.chunks_exact_mut(n).zip(&tile(tile_a, tile_b)) {
                    line[from..to].copy_from_slice(&sums[..to - from]);
                }
            }
            for (mut row, line) in group.outer_iter_mut().zip(lines.chunks_exact(n)) {
                row.iter_mut().zip(line).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// Lays the rows of `m` out in groups of `width`, each group column by column; missing rows of the last are zeros.
fn pack(m: ArrayView2<f32>, width: usize, into: &mut Vec<f32>) {
    let (rows, depth) = m.dim();
    into.clear();
    into.resize(rows.div_ceil(width) * width * depth, 0.0);
    if let Some(columns) = m.reversed_axes().to_slice() {
        for (k, column) in columns.chunks_exact(rows.max(1)).enumerate() {
            for (group, cells) in into.chunks_exact_mut(width * depth).zip(column.chunks(width)) {
                group[k * width..k * width + cells.len()].copy_from_slice(cells);
            }
        }
        return;
    }
    for (group, lines) in into.chunks_exact_mut(width * depth).zip(m.axis_chunks_iter(Axis(0), width)) {
        for (slot, line) in lines.outer_iter().enumerate() {
            for (cells, value) in group.chunks_exact_mut(width).zip(line) {
                cells[slot] = *value;
            }
        }
    }
}

#[inline]
fn tile(a: &[f32], b: &[f32]) -> [[f32; TILE_COLUMNS]; TILE_ROWS] {
    let mut sums = [[0.0_f32; TILE_COLUMNS]; TILE_ROWS];
    let (a, _) = a.as_chunks::<TILE_ROWS>();
    let (b, _) = b.as_chunks::<TILE_COLUMNS>();
    for (left, right) in a.iter().zip(b) {
        for (line, x) in sums.iter_mut().zip(left) {
            for (sum, y) in line.iter_mut().zip(right) {
                *sum += x * y;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;

    fn numbers(rows: usize, columns: usize, salt: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17 + salt * 7) % 101) as f32 / 50.0 - 1.0)
    }

    proptest! {
        #[test]
        fn both_agree_with_the_plain_sum(m in 0_usize..13, k in 0_usize..20, n in 0_usize..21, flip in any::<bool>()) {
            let a = numbers(m, k, 1);
            let b = if flip { numbers(n, k, 2).reversed_axes() } else { numbers(k, n, 2) };
            let mut portable = Array2::from_elem((m, n), 9.0);
            Gemm::new(Numerics::Portable).multiply(a.view(), b.view(), portable.view_mut());
            let mut fast = Array2::from_elem((m, n), 9.0);
            Gemm::new(Numerics::detect()).multiply(a.view(), b.view(), fast.view_mut());
            for ((i, j), got) in portable.indexed_iter() {
                let plain = (0..k).fold(0.0_f32, |sum, l| sum + a[[i, l]] * b[[l, j]]);
                prop_assert_eq!(got.to_bits(), plain.to_bits());
                prop_assert!((fast[[i, j]] - plain).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn strided_views_and_single_rows_give_the_same_bits() {
        let (a, b) = (numbers(23, 30, 3), numbers(30, 17, 4));
        let mut all = Array2::zeros((23, 17));
        let mut gemm = Gemm::new(Numerics::Portable);
        gemm.multiply(a.view(), b.view(), all.view_mut());
        let mut odd = Array2::zeros((12, 17));
        gemm.multiply(a.slice(s![..;2, ..]), b.view(), odd.view_mut());
        assert_eq!(odd, all.slice(s![..;2, ..]));
        for row in 0..23 {
            let mut one = Array2::zeros((1, 17));
            gemm.multiply(a.slice(s![row..=row, ..]), b.view(), one.view_mut());
            assert_eq!(one.row(0), all.row(row));
        }
    }
}
