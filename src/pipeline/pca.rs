//! `pca`: uncorrelated components in place of the columns, as scikit-learn's `PCA`.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::standardize::moments;
use super::table::{Cells, Table, Working, each, inconsistent};
use crate::ml::MlError;
use crate::param::{Range, parameters};

parameters! {
    /// Replaces columns by their principal components `pca0`, `pca1`, …, which come after the other columns, in the
    /// order of falling variance, as scikit-learn's `PCA` does. Columns are centred, not scaled: put `standardize`
    /// before it. The sign is such that the largest entry of each component is positive.
    pub struct Pca [short n_components] {
        /// How many components; below 1, as many as explain this share of the variance; `null`: as many as there are
        /// columns, at most as many as there are rows.
        n_components: Option<f64> = None, within Range::above(0.0);
        /// Divide each component by its standard deviation in the training rows.
        whiten: bool = false;
        /// Columns to replace; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to replace, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// A fitted `pca`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPca {
    /// Positions of the replaced columns in the table that the step gets, ascending.
    pub positions: Vec<u32>,
    /// Their names.
    pub names: Vec<String>,
    /// Their training means.
    pub means: Vec<f64>,
    /// One unit vector per component, an entry per column.
    pub components: Vec<Vec<f64>>,
    /// Variance of each component in the training rows (divisor rows - 1).
    pub explained_variance: Vec<f64>,
    /// The same as a share of the whole variance.
    pub explained_variance_ratio: Vec<f64>,
    /// Whether components are divided by their standard deviation.
    pub whiten: bool,
}

impl Pca {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "pca", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn check(&self) -> Result<(), MlError> {
        match self.n_components {
            Some(n) if !(n > 0.0 && n.is_finite() && (n < 1.0 || n.fract() == 0.0)) => Err(MlError::parameter(
                "n_components",
                format!("pca: expected a whole number of at least 1, or a share above 0 and below 1, got {n}"),
            )),
            _ => self.chosen().check(),
        }
    }

    /// The eigenvectors of the covariance matrix, by Jacobi's method: cubic in the number of columns.
    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedPca, MlError> {
        self.check()?;
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        table.check_numeric("before `pca`", Some(&positions))?;
        let most = positions.len().min(table.rows);
        if table.rows < 2 {
            return Err(MlError::data(format!("pca: expected at least 2 training rows, got {}", table.rows)));
        }
        let wanted = self.n_components.filter(|n| *n >= 1.0);
        if let Some(n) = wanted.filter(|n| *n > most as f64) {
            let problem = format!("pca: expected at most {most} (the fewer of columns and training rows), got {n}");
            return Err(MlError::parameter("n_components", problem));
        }
        let columns: Vec<&[f64]> =
            positions.iter().map(|&p| table.columns[p as usize].numbers().unwrap_or_default()).collect();
        let names: Vec<String> = positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect();
        let means: Vec<f64> = each(table.rows, &columns, |c| moments(c).map_or(0.0, |m| m.mean));
        let matrix = covariance(&columns, &means);
        if matrix.iter().any(|v| !v.is_finite()) {
            return Err(MlError::data("pca: the variance of the columns overflows: put `standardize` before `pca`"));
        }
        let (values, vectors) = eigen(matrix, columns.len());
        let total: f64 = values.iter().sum();
        let ratio: Vec<f64> = values.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect();
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // whole and at most `most`
        let n = match self.n_components {
            Some(share) if share < 1.0 => {
                let mut sum = 0.0;
                let below = ratio
                    .iter()
                    .take_while(|r| {
                        sum += **r;
                        sum <= share
                    })
                    .count();
                (below + 1).min(most)
            }
            Some(n) => n as usize,
            None => most,
        };
        Ok(FittedPca {
            positions,
            names,
            means,
            components: vectors.into_iter().take(n).collect(),
            explained_variance: values.into_iter().take(n).collect(),
            explained_variance_ratio: ratio.into_iter().take(n).collect(),
            whiten: self.whiten,
        })
    }
}

/// Rows of one partial sum, and of one visit to every pair of columns; fixed, so that the order of sums is too.
const TASK: usize = 1 << 15;
const BLOCK: usize = 512;

/// The covariance matrix (divisor rows - 1), row-major.
fn covariance(columns: &[&[f64]], means: &[f64]) -> Vec<f64> {
    let (width, rows) = (columns.len(), columns.first().map_or(0, |c| c.len()));
    let partial = |task: usize| {
        let mut sums = vec![0.0; width * width];
        for from in (task * TASK..rows.min((task + 1) * TASK)).step_by(BLOCK) {
            let to = rows.min(from + BLOCK);
            let centred: Vec<Vec<f64>> =
                columns.iter().zip(means).map(|(c, m)| c[from..to].iter().map(|v| v - m).collect()).collect();
            for i in 0..width {
                for j in i..width {
                    sums[i * width + j] += dot(&centred[i], &centred[j]);
                }
            }
        }
        sums
    };
    let partials: Vec<Vec<f64>> = (0..rows.div_ceil(TASK)).into_par_iter().map(partial).collect();
    let mut out = vec![0.0; width * width];
    for i in 0..width {
        for j in i..width {
            let sum: f64 = partials.iter().map(|p| p[i * width + j]).sum();
            out[i * width + j] = sum / (rows.max(2) - 1) as f64;
            out[j * width + i] = out[i * width + j];
        }
    }
    out
}

/// Sum of products in eight lanes: one fixed order of additions on every machine.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Eigenvalues (falling, not below 0) and unit eigenvectors of a symmetric matrix, by cyclic Jacobi rotations (Golub,
/// Van Loan, "Matrix Computations", section 8.5). The largest entry of each vector is positive.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    const SWEEPS: usize = 60;
    let mut vectors: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
                if apq.abs() <= 1e-17 * (app.abs().sqrt() * aqq.abs().sqrt()) || apq == 0.0 {
                    continue;
                }
                rotated = true;
                let theta = (aqq - app) / (2.0 * apq);
                let t = if theta.is_infinite() { 0.0 } else { theta.signum() / (theta.abs() + theta.hypot(1.0)) };
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k * n + p], a[k * n + q]);
                    (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[p * n + k], a[q * n + k]);
                    (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
                }
                (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
                let (head, tail) = vectors.split_at_mut(q);
                for (x, y) in head[p].iter_mut().zip(&mut tail[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]).then(i.cmp(&j)));
    let turned = |i: usize| {
        let vector = &vectors[i];
        let largest = vector.iter().fold(0.0_f64, |m, v| if v.abs() > m.abs() { *v } else { m });
        vector.iter().map(|v| if largest < 0.0 { -v } else { *v }).collect()
    };
    (order.iter().map(|&i| a[i * n + i].max(0.0)).collect(), order.iter().map(|&i| turned(i)).collect())
}

impl FittedPca {
    pub(super) fn apply<'a>(&self, table: &mut Table<'a>) -> Result<(), MlError> {
        let width = self.positions.len();
        let ragged = self.components.iter().any(|c| c.len() != width) || self.means.len() != width;
        if ragged || self.explained_variance.len() != self.components.len() || !self.positions.is_sorted() {
            return Err(inconsistent());
        }
        let mut sources: Vec<u32> = Vec::new();
        let mut absent = false;
        for &position in &self.positions {
            let column = table.at(position)?;
            sources.extend(&column.sources);
            absent |= matches!(column.cells, Cells::Absent);
            if matches!(column.cells, Cells::Word { .. }) {
                return Err(inconsistent());
            }
        }
        sources.sort_unstable();
        sources.dedup();
        let made: Vec<Option<Vec<f64>>> = {
            let columns: Vec<&[f64]> =
                self.positions.iter().filter_map(|&p| table.columns[p as usize].numbers()).collect();
            let indices: Vec<usize> = (0..self.components.len()).collect();
            each(table.rows, &indices, |&k| {
                if absent {
                    return None;
                }
                let mut out = vec![0.0; table.rows];
                for ((column, mean), weight) in columns.iter().zip(&self.means).zip(&self.components[k]) {
                    for (sum, v) in out.iter_mut().zip(*column) {
                        *sum += (v - mean) * weight;
                    }
                }
                if self.whiten {
                    // scikit-learn divides by no less than the machine's precision.
                    let scale = self.explained_variance[k].sqrt().max(f64::EPSILON);
                    out.iter_mut().for_each(|v| *v /= scale);
                }
                Some(out)
            })
        };
        let mut position = 0_u32;
        table.columns.retain(|_| {
            position += 1;
            self.positions.binary_search(&(position - 1)).is_err()
        });
        for (k, values) in made.into_iter().enumerate() {
            let cells = values.map_or(Cells::Absent, |v| Cells::Number(Cow::Owned(v)));
            table.columns.push(Working { name: Cow::Owned(format!("pca{k}")), cells, sources: sources.clone() });
        }
        Ok(())
    }
}
