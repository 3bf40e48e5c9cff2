//! k-means as scikit-learn does it: greedy k-means++ (Arthur and Vassilvitskii 2007), Lloyd's iterations (1982), empty
//! clusters moved to the farthest rows, the best of several restarts.
//!
//! Everything is f64 without fused operations, over rows in fixed blocks whose sums are added in order: the same bits on
//! every machine and any number of threads. Distances are sums of squared differences, never `|x|^2 - 2xc + |c|^2`, so
//! nothing cancels and equal points are at distance 0.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::random::Rng;
use super::{Code, Dataset, MlError, Progress, Training, Warning, check_finite};
use crate::digest::Seed;
use crate::param::{Range, parameters, words};

/// Rows of one block: the unit of parallel work and of sums.
const BLOCK: usize = 1024;
/// Centres compared side by side.
const LANES: usize = 8;

words! {
    /// How k-means chooses its first centres.
    pub enum KMeansInit {
        /// Rows far from each other, by greedy k-means++.
        PlusPlus = "k-means++",
        /// Different rows at random.
        Random = "random",
    }
}

parameters! {
    /// k-means: `n_clusters` centres, each row belongs to the nearest. The best of `n_init` restarts by inertia.
    pub struct KMeans {
        /// Number of clusters; at most the number of training rows.
        n_clusters: usize = 8, within Range::at_least(1.0);
        /// How the first centres are chosen.
        init: KMeansInit = KMeansInit::PlusPlus;
        /// Restarts from other first centres; the one of the smallest inertia is kept.
        n_init: usize = 10, within Range::at_least(1.0);
        /// Most iterations of one restart.
        max_iter: usize = 300, within Range::at_least(1.0);
        /// Stop where all centres together move less than this share of the mean variance of the columns (squared
        /// distances).
        tol: f64 = 1e-4, within Range::at_least(0.0);
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
    }
}

/// A fitted k-means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeansModel {
    centers: Array2<f64>,
    inertia: f64,
    n_iter: usize,
}

impl KMeansModel {
    /// The centres, shape (clusters, columns).
    #[must_use]
    pub fn centers(&self) -> &Array2<f64> {
        &self.centers
    }

    /// Sum of the squared distances of the training rows from their nearest centre.
    #[must_use]
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Iterations of the restart that was kept.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Columns of the rows that it was fitted on.
    #[must_use]
    pub fn width(&self) -> usize {
        self.centers.ncols()
    }

    /// Number of clusters.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.centers.nrows()
    }

    /// The nearest centre of every row of `x`, shape (rows, [`Self::width`]); the lowest index of equals.
    #[must_use]
    pub fn assign(&self, x: ArrayView2<f64>) -> Vec<i32> {
        let x = x.as_standard_layout();
        let Some(values) = x.as_slice() else { return Vec::new() };
        let lanes = Lanes::new(&self.centers);
        let width = self.width().max(1);
        let blocks: Vec<Vec<i32>> = values
            .par_chunks(BLOCK * width)
            .map(|rows| {
                let mut labels = Vec::with_capacity(BLOCK);
                lanes.nearest(rows, |_, label, _| labels.push(label as i32));
                labels
            })
            .collect();
        blocks.concat()
    }
}

impl KMeans {
    /// Clusters the training rows.
    ///
    /// Warns (R02) where the restart that was kept had not converged after `max_iter` iterations, or where fewer
    /// clusters than asked for have a row (fewer different rows than clusters).
    ///
    /// # Errors
    /// [`MlError::Parameter`] for more clusters than rows, or a parameter outside its range.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(KMeansModel, Vec<Warning>), MlError> {
        let x = train.get().x();
        self.check(x.nrows())?;
        let seed = self.random_state.map_or(seed, Seed::new);
        let tol = self.tol * mean_variance(x);
        let rows = Rows::new(x);
        let finished = std::sync::atomic::AtomicUsize::new(0);
        let restarts: Vec<Restart> = (0..self.n_init)
            .into_par_iter()
            .map(|i| {
                let mut rng = Rng::new(seed.index(i as u64));
                let first = match self.init {
                    KMeansInit::PlusPlus => rows.plus_plus(self.n_clusters, &mut rng),
                    KMeansInit::Random => rows.random(self.n_clusters, &mut rng),
                };
                let restart = rows.lloyd(rows.centers(&first), self.max_iter, tol);
                let done = finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                progress.report(done, self.n_init);
                restart
            })
            .collect();
        let best = restarts.into_iter().reduce(|best, next| if next.inertia < best.inertia { next } else { best });
        let Some(best) = best else {
            return Err(MlError::parameter("n_init", "expected a whole number of at least 1, got 0"));
        };
        Ok(self.kept(best, x.nrows()))
    }

    /// Clusters the training rows from these first centres, shape (clusters, columns), as scikit-learn's
    /// `KMeans(init=first, n_init=1)` does. Nothing is drawn; `init`, `n_init` and `random_state` do not count.
    ///
    /// Warns (R02) as [`Self::fit`] does.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for another number of centres than `n_clusters`, more clusters than rows, or a parameter
    /// outside its range; [`MlError::Width`] and [`MlError::NotFinite`] for centres that do not fit the rows.
    pub fn fit_from(
        &self,
        train: &Training<Dataset>,
        first: ArrayView2<'_, f64>,
    ) -> Result<(KMeansModel, Vec<Warning>), MlError> {
        let x = train.get().x();
        self.check(x.nrows())?;
        if first.nrows() != self.n_clusters {
            let problem = format!("expected {} first centres, got {}", self.n_clusters, first.nrows());
            return Err(MlError::parameter("n_clusters", problem));
        }
        if first.ncols() != x.ncols() {
            return Err(MlError::Width { expected: x.ncols(), got: first.ncols() });
        }
        let first = first.as_standard_layout().into_owned();
        check_finite(&first)?;
        let found = Rows::new(x).lloyd(first, self.max_iter, self.tol * mean_variance(x));
        Ok(self.kept(found, x.nrows()))
    }

    /// The model of the restart that was kept, with its warnings.
    fn kept(&self, best: Restart, rows: usize) -> (KMeansModel, Vec<Warning>) {
        let mut warnings = Vec::new();
        if !best.converged {
            warnings.push(Warning::new(
                Code::R02,
                format!(
                    "k-means stopped after max_iter = {} iterations before it converged (tol = {})",
                    self.max_iter, self.tol
                ),
            ));
        }
        if best.clusters_with_rows < self.n_clusters {
            warnings.push(Warning::new(
                Code::R02,
                format!(
                    "k-means found {} clusters with a row, not the {} asked for: too few of the {} rows differ",
                    best.clusters_with_rows, self.n_clusters, rows
                ),
            ));
        }
        (KMeansModel { centers: best.centers, inertia: best.inertia, n_iter: best.n_iter }, warnings)
    }

    fn check(&self, rows: usize) -> Result<(), MlError> {
        for (name, value) in [("n_clusters", self.n_clusters), ("n_init", self.n_init), ("max_iter", self.max_iter)] {
            if value == 0 {
                return Err(MlError::parameter(name, "expected a whole number of at least 1, got 0"));
            }
        }
        if !Range::at_least(0.0).holds(self.tol) {
            return Err(MlError::parameter("tol", format!("expected a number of at least 0, got {}", self.tol)));
        }
        if self.n_clusters > rows {
            return Err(MlError::parameter(
                "n_clusters",
                format!("expected at most {rows} clusters for {rows} training rows, got {}", self.n_clusters),
            ));
        }
        Ok(())
    }
}

/// Mean over the columns of their variance (divided by the rows).
fn mean_variance(x: &Array2<f64>) -> f64 {
    let (rows, width) = x.dim();
    let columns = x.axis_iter(Axis(1)).map(|column| {
        let mean = column.iter().sum::<f64>() / rows as f64;
        column.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / rows as f64
    });
    columns.sum::<f64>() / width as f64
}

fn distance2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Centres in groups of [`LANES`], column by column within a group. Lanes past the last centre are at infinity.
struct Lanes {
    width: usize,
    values: Vec<f64>,
}

impl Lanes {
    fn new(centers: &Array2<f64>) -> Self {
        let (count, width) = centers.dim();
        let mut values = vec![f64::INFINITY; count.div_ceil(LANES) * LANES * width];
        for (i, center) in centers.outer_iter().enumerate() {
            for (column, &value) in center.iter().enumerate() {
                values[i / LANES * LANES * width + column * LANES + i % LANES] = value;
            }
        }
        Self { width, values }
    }

    /// Calls `found` with the index, nearest centre (the lowest of equals) and its squared distance, for each of `rows`
    /// (row-major) in order.
    fn nearest(&self, rows: &[f64], mut found: impl FnMut(usize, usize, f64)) {
        let width = self.width.max(1);
        for (index, row) in rows.chunks_exact(width).enumerate() {
            let mut best = (0, f64::INFINITY);
            for (group, centers) in self.values.chunks_exact(width * LANES).enumerate() {
                let mut sums = [0.0; LANES];
                for (center, &value) in centers.chunks_exact(LANES).zip(row) {
                    for (sum, &at) in sums.iter_mut().zip(center) {
                        let gap = value - at;
                        *sum += gap * gap;
                    }
                }
                for (lane, &sum) in sums.iter().enumerate() {
                    if sum < best.1 {
                        best = (group * LANES + lane, sum);
                    }
                }
            }
            found(index, best.0, best.1);
        }
    }
}

/// What one restart came to.
#[derive(Clone, Debug)]
struct Restart {
    centers: Array2<f64>,
    inertia: f64,
    n_iter: usize,
    converged: bool,
    clusters_with_rows: usize,
}

/// What one pass over a block of rows gives.
struct Pass {
    /// Sums of the rows of every cluster, (clusters x columns).
    sums: Vec<f64>,
    /// Rows of every cluster.
    counts: Vec<usize>,
    inertia: f64,
    /// Whether a row has changed its cluster.
    changed: bool,
}

/// The training rows, row-major.
struct Rows<'a> {
    values: &'a [f64],
    width: usize,
}

impl<'a> Rows<'a> {
    fn new(x: &'a Array2<f64>) -> Self {
        // A data set is in standard layout.
        Self { values: x.as_slice().unwrap_or_default(), width: x.ncols() }
    }

    fn len(&self) -> usize {
        self.values.len() / self.width
    }

    fn row(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.width..][..self.width]
    }

    fn centers(&self, rows: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((rows.len(), self.width), |(i, column)| self.row(rows[i])[column])
    }

    /// `count` different rows.
    fn random(&self, count: usize, rng: &mut Rng) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.len()).collect();
        for i in 0..count {
            rows.swap(i, i + rng.index(self.len() - i));
        }
        rows.truncate(count);
        rows
    }

    /// `count` rows as first centres: each the best of `2 + ln(count)` candidates drawn with a chance proportional to
    /// the squared distance from the nearest centre so far.
    fn plus_plus(&self, count: usize, rng: &mut Rng) -> Vec<usize> {
        let trials = 2 + (count as f64).ln() as usize;
        let mut chosen = vec![rng.index(self.len())];
        let everywhere = vec![f64::INFINITY; self.len()];
        let (mut nearest, mut total) = self.nearer(&everywhere, chosen[0]);
        while chosen.len() < count {
            let draws: Vec<f64> = (0..trials).map(|_| rng.uniform() * total).collect();
            let mut best: Option<(usize, Vec<f64>, f64)> = None;
            for candidate in pick(&nearest, &draws) {
                let (distances, potential) = self.nearer(&nearest, candidate);
                if best.as_ref().is_none_or(|best| potential < best.2) {
                    best = Some((candidate, distances, potential));
                }
            }
            let Some((candidate, distances, potential)) = best else { break };
            chosen.push(candidate);
            (nearest, total) = (distances, potential);
        }
        chosen
    }

    /// The squared distances in `nearest`, lowered to that from the row `candidate` where it is nearer, and their sum.
    fn nearer(&self, nearest: &[f64], candidate: usize) -> (Vec<f64>, f64) {
        let center = self.row(candidate);
        let mut out = vec![0.0; nearest.len()];
        let sums: Vec<f64> = out
            .par_chunks_mut(BLOCK)
            .zip(nearest.par_chunks(BLOCK))
            .zip(self.values.par_chunks(BLOCK * self.width))
            .map(|((out, nearest), rows)| {
                for ((out, &nearest), row) in out.iter_mut().zip(nearest).zip(rows.chunks_exact(self.width)) {
                    *out = nearest.min(distance2(row, center));
                }
                out.iter().sum()
            })
            .collect();
        (out, sums.iter().sum())
    }

    /// One pass: every row to its nearest centre (written to `labels`), and the sums for the next centres.
    fn pass(&self, centers: &Array2<f64>, labels: &mut [u32]) -> Pass {
        let (count, width) = centers.dim();
        let lanes = Lanes::new(centers);
        let blocks: Vec<Pass> = labels
            .par_chunks_mut(BLOCK)
            .zip(self.values.par_chunks(BLOCK * width))
            .map(|(labels, rows)| {
                let mut pass =
                    Pass { sums: vec![0.0; count * width], counts: vec![0; count], inertia: 0.0, changed: false };
                lanes.nearest(rows, |index, nearest, distance| {
                    pass.changed |= labels[index] != nearest as u32;
                    labels[index] = nearest as u32;
                    pass.counts[nearest] += 1;
                    pass.inertia += distance;
                    let sums = &mut pass.sums[nearest * width..][..width];
                    for (sum, value) in sums.iter_mut().zip(&rows[index * width..][..width]) {
                        *sum += value;
                    }
                });
                pass
            })
            .collect();
        let mut total = Pass { sums: vec![0.0; count * width], counts: vec![0; count], inertia: 0.0, changed: false };
        for block in blocks {
            total.sums.iter_mut().zip(&block.sums).for_each(|(sum, more)| *sum += more);
            total.counts.iter_mut().zip(&block.counts).for_each(|(count, more)| *count += more);
            total.inertia += block.inertia;
            total.changed |= block.changed;
        }
        total
    }

    /// Lloyd's iterations from `centers` until no row changes its cluster, or until the squared moves of all centres
    /// add up to at most `tol`.
    fn lloyd(&self, mut centers: Array2<f64>, max_iter: usize, tol: f64) -> Restart {
        let mut labels = vec![u32::MAX; self.len()];
        let mut n_iter = 0;
        let mut converged = false;
        while n_iter < max_iter && !converged {
            n_iter += 1;
            let mut pass = self.pass(&centers, &mut labels);
            self.fill_empty(&centers, &labels, &mut pass);
            let next = means(&pass, centers.ncols());
            let moved = distance2(next.as_slice().unwrap_or_default(), centers.as_slice().unwrap_or_default());
            converged = !pass.changed || moved <= tol;
            centers = next;
        }
        let last = self.pass(&centers, &mut labels);
        let clusters_with_rows = last.counts.iter().filter(|&&count| count > 0).count();
        Restart { centers, inertia: last.inertia, n_iter, converged, clusters_with_rows }
    }

    /// Gives each cluster without a row one of the rows farthest from their centre (the lowest of equals), which leaves
    /// its cluster. Does nothing where every row lies on a centre.
    fn fill_empty(&self, centers: &Array2<f64>, labels: &[u32], pass: &mut Pass) {
        let width = self.width;
        let empty: Vec<usize> = (0..pass.counts.len()).filter(|&i| pass.counts[i] == 0).collect();
        if empty.is_empty() || pass.inertia == 0.0 {
            return;
        }
        let at = centers.as_slice().unwrap_or_default();
        let mut far: Vec<(f64, usize)> = labels
            .iter()
            .enumerate()
            .map(|(row, &label)| (distance2(self.row(row), &at[label as usize * width..][..width]), row))
            .collect();
        far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (&cluster, &(_, row)) in empty.iter().zip(&far) {
            let from = labels[row] as usize;
            for (column, &value) in self.row(row).iter().enumerate() {
                pass.sums[from * width + column] -= value;
                pass.sums[cluster * width + column] = value;
            }
            pass.counts[from] -= 1;
            pass.counts[cluster] = 1;
        }
    }
}

/// The rows that `draws`, each in `[0, total)`, fall on where every row is as long as its weight.
fn pick(weights: &[f64], draws: &[f64]) -> Vec<usize> {
    let mut sum = 0.0;
    let ends: Vec<f64> = weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let last = weights.len().saturating_sub(1);
    draws.iter().map(|draw| ends.partition_point(|end| end < draw).min(last)).collect()
}

/// The next centres: means of the clusters. One without a row goes where the largest cluster is.
fn means(pass: &Pass, width: usize) -> Array2<f64> {
    let mut largest = 0;
    for (cluster, &count) in pass.counts.iter().enumerate() {
        if count > pass.counts[largest] {
            largest = cluster;
        }
    }
    Array2::from_shape_fn((pass.counts.len(), width), |(cluster, column)| {
        let cluster = if pass.counts[cluster] > 0 { cluster } else { largest };
        pass.sums[cluster * width + column] / pass.counts[cluster] as f64
    })
}

#[cfg(test)]
mod tests;
