//! Clusters in the plane of the first two principal components, and how well each row lies in its cluster.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{drawn, spread};
use crate::ml::Dataset;

/// What the figures of a clustering show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterExam {
    /// Rows of the part.
    pub rows: u64,
    /// The rows that are drawn.
    pub plane: Plane,
    /// Cluster and class of every row that is drawn.
    pub points: Vec<(i32, u32)>,
    /// Rows that the silhouettes were worked out on, evenly spread.
    pub silhouette_rows: u64,
    /// Silhouettes by cluster, falling, thinned; noise is one more cluster. Empty with fewer than two clusters.
    pub silhouettes: BTreeMap<i32, Vec<f64>>,
}

/// Rows in the plane of their first two principal components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Coordinates.
    pub xy: Vec<[f64; 2]>,
    /// Share of the variance of these rows along each axis.
    pub shares: [f64; 2],
}

/// Most points of a scatter plot.
const POINTS: usize = 2_000;
/// Rows whose silhouettes are worked out.
const ROWS: usize = 1_000;
/// Bars of a silhouette plot.
const BARS: usize = 240;

impl ClusterExam {
    /// Examines the clusters of these rows.
    #[must_use]
    pub fn of(part: &Dataset, clusters: &[i32]) -> Self {
        let shown = spread(part.rows(), POINTS);
        let x = part.x().select(ndarray::Axis(0), &shown);
        let points = shown.iter().map(|&r| (clusters[r], part.y()[r])).collect();
        let sample = spread(part.rows(), ROWS);
        let silhouettes = silhouettes(
            part.x().select(ndarray::Axis(0), &sample).view(),
            &sample.iter().map(|&r| clusters[r]).collect::<Vec<_>>(),
        );
        Self {
            rows: part.rows() as u64,
            plane: plane_of(x.view()),
            points,
            silhouette_rows: sample.len() as u64,
            silhouettes,
        }
    }
}

/// The plane of the first two principal components of these rows, by subspace iteration; the largest entry of each
/// component is positive.
#[must_use]
pub fn plane_of(x: ArrayView2<f64>) -> Plane {
    let (rows, width) = x.dim();
    let Some(means) = x.mean_axis(ndarray::Axis(0)) else { return Plane { xy: Vec::new(), shares: [0.0; 2] } };
    let mut centred = &x - &means;
    // Against overflow of squares; directions stay.
    let largest = centred.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest > 0.0 && largest.is_finite() {
        centred.mapv_inplace(|v| v / largest);
    } else {
        centred.fill(0.0);
    }
    let total: f64 = centred.iter().map(|v| v * v).sum();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let applied = |v: &Array1<f64>| -> (Array1<f64>, f64) {
        let along: Vec<f64> = centred.outer_iter().map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect();
        let mut out = Array1::<f64>::zeros(width);
        for (row, a) in centred.outer_iter().zip(&along) {
            out.iter_mut().zip(row).for_each(|(o, r)| *o += a * r);
        }
        (out, along.iter().map(|a| a * a).sum())
    };
    let mut found: Vec<(Array1<f64>, f64)> = Vec::new();
    for axis in 0..2_usize {
        let mut v = Array1::from_shape_fn(width, |i| 1.0 + ((i * 7 + axis * 13) % 11) as f64 * 0.1);
        let mut variance = 0.0;
        for _ in 0..60 {
            let (mut next, along) = applied(&v);
            for (other, _) in &found {
                let share = dot(next.as_slice().unwrap_or_default(), other.as_slice().unwrap_or_default());
                next.iter_mut().zip(other).for_each(|(n, o)| *n -= share * o);
            }
            let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
            if length <= total * 1e-12 {
                v.fill(0.0);
                variance = 0.0;
                break;
            }
            next.mapv_inplace(|n| n / length);
            let moved = next.iter().zip(&v).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            (v, variance) = (next, along);
            if moved < 1e-18 {
                break;
            }
        }
        let mut top = 0;
        for (i, value) in v.iter().enumerate() {
            if value.abs() > f64::abs(v[top]) {
                top = i;
            }
        }
        if v.get(top).is_some_and(|v| *v < 0.0) {
            v.mapv_inplace(|v| -v);
        }
        found.push((v, variance));
    }
    let along = |row: usize, axis: usize| {
        drawn(largest * centred.row(row).iter().zip(&found[axis].0).map(|(a, b)| a * b).sum::<f64>())
    };
    let xy = (0..rows).map(|row| [along(row, 0), along(row, 1)]).collect();
    let share = |axis: usize| if total > 0.0 { drawn(found[axis].1 / total) } else { 0.0 };
    Plane { xy, shares: [share(0), share(1)] }
}

/// The silhouette of every row (Rousseeuw 1987), by cluster, falling; a row that is alone in its cluster has 0.
fn silhouettes(x: ArrayView2<f64>, clusters: &[i32]) -> BTreeMap<i32, Vec<f64>> {
    let mut names: Vec<i32> = clusters.to_vec();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return BTreeMap::new();
    }
    let codes: Vec<usize> = clusters.iter().map(|c| names.binary_search(c).unwrap_or_default()).collect();
    let mut sizes = vec![0_usize; names.len()];
    codes.iter().for_each(|&c| sizes[c] += 1);
    let x: Array2<f64> = x.as_standard_layout().into_owned();
    let values: Vec<f64> = (0..codes.len())
        .into_par_iter()
        .map(|i| {
            let row = x.row(i);
            let mut sums = vec![0.0; sizes.len()];
            for (j, other) in x.outer_iter().enumerate() {
                let squares: f64 = row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
                sums[codes[j]] += squares.sqrt();
            }
            let own = codes[i];
            if sizes[own] < 2 {
                return 0.0;
            }
            let inside = sums[own] / (sizes[own] - 1) as f64;
            let others = (0..sizes.len()).filter(|&c| c != own).map(|c| sums[c] / sizes[c] as f64);
            let outside = others.fold(f64::INFINITY, f64::min);
            let most = inside.max(outside);
            if most > 0.0 { (outside - inside) / most } else { 0.0 }
        })
        .collect();
    let mut out: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
    for (&cluster, &value) in clusters.iter().zip(&values) {
        out.entry(cluster).or_default().push(drawn(value));
    }
    let (all, bars) = (clusters.len(), clusters.len().min(BARS));
    for values in out.values_mut() {
        values.sort_by(|a, b| b.total_cmp(a));
        let keep = (values.len() * bars).div_ceil(all).max(1);
        let kept: Vec<f64> = spread(values.len(), keep).into_iter().map(|i| values[i]).collect();
        *values = kept;
    }
    out
}
