//! Matrices whose rows are whole vectors.

use ndarray::{Array2, ArrayView2};

/// Numbers in a vector.
pub const LANES: usize = 16;

/// A row-major f32 matrix; every row ends with zeros up to a multiple of [`LANES`].
#[derive(Clone, Debug, PartialEq)]
pub struct Padded {
    rows: usize,
    columns: usize,
    /// Vectors of a row.
    pub vectors: usize,
    pub values: Vec<[f32; LANES]>,
}

impl Padded {
    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let vectors = columns.div_ceil(LANES);
        Self { rows, columns, vectors, values: vec![[0.0; LANES]; rows * vectors] }
    }

    /// A copy of a matrix of any layout.
    pub fn of(matrix: ArrayView2<f32>) -> Self {
        let mut padded = Self::zeros(matrix.nrows(), matrix.ncols());
        for (row, values) in matrix.outer_iter().enumerate() {
            padded.row_mut(row).iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        }
        padded
    }

    /// The matrix without its padding.
    pub fn matrix(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.rows, self.columns), |(row, column)| self.row(row)[column])
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row without its padding.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vectors..][..self.vectors].as_flattened()[..self.columns]
    }

    /// A row without its padding.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.vectors..][..self.vectors].as_flattened_mut()[..self.columns]
    }

    /// The first rows.
    pub fn first(&self, rows: usize) -> &[[f32; LANES]] {
        &self.values[..rows * self.vectors]
    }

    /// The first rows.
    pub fn first_mut(&mut self, rows: usize) -> &mut [[f32; LANES]] {
        &mut self.values[..rows * self.vectors]
    }

    /// Copies the rows of `from` with these indices to the first rows.
    pub fn gather(&mut self, from: &Self, rows: &[usize]) {
        let vectors = self.vectors;
        for (to, &row) in self.values.chunks_exact_mut(vectors).zip(rows) {
            to.copy_from_slice(&from.values[row * vectors..][..vectors]);
        }
    }

    /// Takes over the transpose of `from`.
    pub fn turn(&mut self, from: &Self) {
        let columns = from.columns;
        let padding = vec![0.0; columns];
        for (vector, row) in (0..from.rows).step_by(LANES).enumerate() {
            let line = |r: usize| if row + r < from.rows { from.row(row + r) } else { &padding };
            let lines: [&[f32]; LANES] = std::array::from_fn(|r| &line(r)[..columns]);
            let lines_to = self.values.chunks_exact_mut(self.vectors);
            for (column, to) in (0..columns).zip(lines_to) {
                to[vector] = std::array::from_fn(|r| lines[r][column]);
            }
        }
    }
}
