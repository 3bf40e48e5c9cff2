//! `standardize`: mean 0 and standard deviation 1 on the training rows, as scikit-learn's `StandardScaler`.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::table::{Cells, Table, each, inconsistent};
use crate::ml::MlError;
use crate::param::parameters;

parameters! {
    /// Subtracts the mean of the training rows and divides by their standard deviation (of the population), as
    /// scikit-learn's `StandardScaler` does. A column without variance is divided by 1. Missing values stay missing.
    pub struct Standardize {
        /// Subtract the mean.
        with_mean: bool = true;
        /// Divide by the standard deviation.
        with_std: bool = true;
        /// Columns to standardise; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to standardise, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// One column of a fitted `standardize`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaledColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What is subtracted.
    pub mean: f64,
    /// What is divided by then; never 0.
    pub scale: f64,
}

/// A fitted `standardize`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedStandardize {
    /// One entry per column.
    pub columns: Vec<ScaledColumn>,
}

impl Standardize {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "standardize", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedStandardize, MlError> {
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        let columns = each(table.rows, &positions, |&position| {
            let column = &table.columns[position as usize];
            let found = column.numbers().and_then(moments);
            let (mean, scale) = found.map_or((0.0, 1.0), |m| (m.mean, m.scale()));
            ScaledColumn {
                position,
                name: column.name.to_string(),
                mean: if self.with_mean { mean } else { 0.0 },
                scale: if self.with_std { scale } else { 1.0 },
            }
        });
        match columns.iter().find(|c| !c.mean.is_finite() || !c.scale.is_finite()) {
            Some(bad) => Err(MlError::data(format!(
                "standardize: column {:?} is too large to scale: its mean or variance overflows",
                bad.name
            ))),
            None => Ok(FittedStandardize { columns }),
        }
    }
}

impl FittedStandardize {
    pub(super) fn apply(&self, table: &mut Table<'_>) -> Result<(), MlError> {
        let rows = table.rows;
        let scaled = {
            let table = &*table;
            each(rows, &self.columns, |c| {
                let values = table.columns.get(c.position as usize)?.numbers()?;
                Some(values.iter().map(|v| (v - c.mean) / c.scale).collect::<Vec<f64>>())
            })
        };
        for (column, values) in self.columns.iter().zip(scaled) {
            let cells = &mut table.at(column.position)?.cells;
            match (cells, values) {
                (cells @ Cells::Number(_), Some(values)) => *cells = Cells::Number(values.into()),
                (Cells::Absent, _) => {}
                _ => return Err(inconsistent()),
            }
        }
        Ok(())
    }
}

/// Mean and variance of the values of a column that are there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their population variance.
    pub variance: f64,
}

impl Moments {
    /// The standard deviation; 1 where the variance is not more than what rounding makes of a constant column
    /// (scikit-learn's `_is_constant_feature`). Not finite where the variance overflowed.
    pub fn scale(&self) -> f64 {
        if !self.variance.is_finite() {
            return self.variance;
        }
        let n = self.n as f64;
        let noise = n * f64::EPSILON * self.variance + (n * self.mean * f64::EPSILON).powi(2);
        if self.variance <= noise { 1.0 } else { self.variance.sqrt() }
    }
}

/// Two passes with a correction for the rounding of the mean (Chan, Golub, LeVeque 1983, "Algorithms for computing
/// the sample variance", equation 1.7), pairwise sums. `None` where no value is there.
pub(super) fn moments(values: &[f64]) -> Option<Moments> {
    let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
    let mut n = 0_usize;
    for &v in values.iter().filter(|v| !v.is_nan()) {
        ends = (ends.0.min(v), ends.1.max(v));
        n += 1;
    }
    if n == 0 {
        return None;
    }
    if ends.0 >= ends.1 {
        return Some(Moments { n, mean: ends.0, variance: 0.0 });
    }
    let count = n as f64;
    let mean = pairwise(values, &|v| if v.is_nan() { 0.0 } else { v }) / count;
    let rest = pairwise(values, &|v| if v.is_nan() { 0.0 } else { v - mean });
    let squares = pairwise(values, &|v| if v.is_nan() { 0.0 } else { (v - mean) * (v - mean) });
    Some(Moments { n, mean, variance: ((squares - rest * rest / count) / count).max(0.0) })
}

/// The sum of `f` over the values: blocks of 128 summed in eight lanes, then pairwise. The order of the sums depends
/// on the length only.
fn pairwise(values: &[f64], f: &impl Fn(f64) -> f64) -> f64 {
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let middle = half - half % 8;
        return pairwise(&values[..middle], f) + pairwise(&values[middle..], f);
    }
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let tail: f64 = chunks.remainder().iter().map(|&v| f(v)).sum();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += f(v);
        }
    }
    let [a, b, c, d, e, g, h, i] = lanes;
    ((a + b) + (c + d)) + ((e + g) + (h + i)) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let m = moments(&[1.0, f64::NAN, 2.0, 3.0, 6.0]).unwrap();
        assert_eq!((m.n, m.mean, m.variance), (4, 3.0, 3.5));
        assert_eq!(moments(&[f64::NAN]), None);
        // A constant is its own mean to the last bit, and keeps its scale.
        let constant = moments(&[0.1; 1000]).unwrap();
        assert_eq!((constant.mean, constant.variance, constant.scale()), (0.1, 0.0, 1.0));
    }

    #[test]
    fn a_large_offset_does_not_cost_the_variance() {
        // 1e9 + {0, 1, 2} over and over: the variance is 2/3 whatever the offset.
        let values: Vec<f64> = (0..3000).map(|i| 1e9 + f64::from(i % 3)).collect();
        let m = moments(&values).unwrap();
        assert!((m.variance - 2.0 / 3.0).abs() < 1e-12, "{}", m.variance);
        assert_eq!(m.mean, 1e9 + 1.0);
    }

    #[test]
    fn pairwise_sums_every_value_once() {
        for n in [0, 1, 7, 8, 9, 127, 128, 129, 1000, 4097] {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(pairwise(&values, &|v| v), f64::from(n * (n - 1) / 2), "{n}");
        }
    }
}
