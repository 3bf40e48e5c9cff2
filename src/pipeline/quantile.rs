//! `quantile`: every column onto one distribution by its quantiles, as scikit-learn's `QuantileTransformer`.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::normal::normal_quantile;
use super::scaled::{finite, mapped, quantile, sorted};
use super::table::{Table, each};
use crate::ml::MlError;
use crate::param::{Range, parameters, words};

words! {
    /// What the values are spread over.
    pub enum OutputDistribution {
        /// Evenly over 0 to 1.
        Uniform = "uniform",
        /// As a standard normal distribution, from -5.2 to 5.2.
        Normal = "normal",
    }
}

parameters! {
    /// Maps every value to its share of the training values, linear between quantiles, as scikit-learn's
    /// `QuantileTransformer(subsample=None)` does: all training rows are used. Later values outside the training range
    /// go to its ends. Missing values stay missing.
    pub struct Quantile {
        /// Quantiles to remember; at most as many as there are training rows.
        n_quantiles: usize = 1000, within Range::at_least(2.0);
        /// What the values are spread over.
        output_distribution: OutputDistribution = OutputDistribution::Uniform;
        /// Columns to transform; left out, all numeric ones.
        columns: Option<ColumnNames> = None;
        /// Columns not to transform, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// One column of a fitted `quantile`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantileColumn {
    /// Its position in the table that the step gets.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// Training quantiles at equal distances from 0 to 1; none where all values were missing.
    pub quantiles: Vec<f64>,
}

/// A fitted `quantile`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedQuantile {
    /// One entry per column.
    pub columns: Vec<QuantileColumn>,
    /// What the values are spread over.
    pub output_distribution: OutputDistribution,
}

impl Quantile {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "quantile", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(&self, table: &Table<'_>) -> Result<FittedQuantile, MlError> {
        if self.n_quantiles < 2 {
            let problem = format!("quantile: expected a whole number of at least 2, got {}", self.n_quantiles);
            return Err(MlError::parameter("n_quantiles", problem));
        }
        let positions = self.chosen().positions(table, Takes::Numbers)?;
        let n = self.n_quantiles.min(table.rows).max(1);
        let columns = each(table.rows, &positions, |&position| {
            let column = &table.columns[position as usize];
            let values = sorted(column.numbers().unwrap_or_default());
            let count = if values.is_empty() { 0 } else { n };
            // By way of percentages, as scikit-learn does: a value that is a quantile must come out as itself there too.
            let quantiles = (0..count).map(|i| quantile(&values, share(i, n) * 100.0 / 100.0)).collect();
            QuantileColumn { position, name: column.name.to_string(), quantiles }
        });
        for c in &columns {
            finite("quantile", &c.name, &c.quantiles)?;
        }
        Ok(FittedQuantile { columns, output_distribution: self.output_distribution })
    }
}

/// The share that the `i`-th of `n` quantiles stands for, rounded as in `numpy.linspace(0, 1, n)`: a value that ties with
/// a quantile can only be told to by the last bit.
fn share(i: usize, n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        _ if i == n - 1 => 1.0,
        _ => i as f64 * (1.0 / (n - 1) as f64),
    }
}

/// Normal outputs: shares nearer to 0 or 1 than this are held to it (scikit-learn's `BOUNDS_THRESHOLD`).
const BOUND: f64 = 1e-7;

impl QuantileColumn {
    /// The share of a value: the mean of the lowest and the highest share of equal quantiles.
    fn share(&self, value: f64) -> f64 {
        let q = &self.quantiles;
        let n = q.len();
        // From the left: the last quantile not above the value; from the right: the first not below it.
        let (below, above) = (q.partition_point(|x| *x <= value), q.partition_point(|x| *x < value));
        let line = |a: usize, b: usize| {
            let slope = (share(b, n) - share(a, n)) / (q[b] - q[a]);
            (slope * (value - q[a]) + share(a, n), slope * (value - q[b]) + share(b, n))
        };
        if below == 0 {
            0.0
        } else if above == n {
            share(n - 1, n)
        } else if below > above {
            0.5 * (share(below - 1, n) + share(above, n))
        } else {
            let (left, right) = line(below - 1, above);
            0.5 * (left + right)
        }
    }

    fn uniform(&self, value: f64) -> f64 {
        match (self.quantiles.first(), self.quantiles.last()) {
            (Some(first), _) if value <= *first => 0.0,
            (_, Some(last)) if value >= *last => 1.0,
            (None, _) => 0.0,
            _ => self.share(value),
        }
    }

    fn normal(&self, value: f64) -> f64 {
        let (Some(&first), Some(&last)) = (self.quantiles.first(), self.quantiles.last()) else { return 0.0 };
        let share = if value - BOUND < first {
            0.0
        } else if value + BOUND > last {
            1.0
        } else {
            self.share(value)
        };
        let end = BOUND - f64::EPSILON;
        normal_quantile(share).clamp(normal_quantile(end), normal_quantile(1.0 - end))
    }
}

impl FittedQuantile {
    pub(super) fn apply(&self, table: &mut Table<'_>) -> Result<(), MlError> {
        mapped(
            table,
            &self.columns,
            |c| c.position,
            |c, v| match self.output_distribution {
                _ if v.is_nan() => v,
                OutputDistribution::Uniform => c.uniform(v),
                OutputDistribution::Normal => c.normal(v),
            },
        )
    }
}
