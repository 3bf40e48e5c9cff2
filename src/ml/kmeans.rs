//! k-means as scikit-learn does it: greedy k-means++ (Arthur and Vassilvitskii 2007), Lloyd's iterations (1982), empty
//! clusters moved to the farthest rows, the best of several restarts.
//!
//! Everything that decides is f64 without fused operations, over rows in fixed blocks whose sums are added in order: the
//! same bits on every machine and any number of threads. Bounds (Elkan 2003) only save work.

mod lanes;
mod lloyd;
mod rows;
mod start;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::lanes::{LANES, Lanes};
use self::lloyd::{Restart, lloyd, restarts_at_once};
use self::rows::{Rows, STRIP};
use super::random::Rng;
use super::simd::Level;
use super::{Code, Dataset, MlError, Progress, Training, Warning, check_finite};
use crate::digest::Seed;
use crate::param::{Range, parameters, words};

/// Rows that one parallel task assigns.
const BLOCK: usize = 1024;

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
        let (level, lanes, width) = (Level::best(), Lanes::new(&self.centers), self.width().max(1));
        let blocks: Vec<Vec<i32>> = values
            .par_chunks(BLOCK * width)
            .map(|x| {
                let rows: Vec<u32> = (0..(x.len() / width) as u32).collect();
                let mut labels = Vec::with_capacity(rows.len());
                let mut measured = vec![[0.0; LANES]; STRIP * lanes.groups()];
                let mut nearest = [(0, 0.0); STRIP];
                for strip in rows.chunks(STRIP) {
                    lanes.measure(level, x, strip, &mut measured);
                    lanes.least(level, &measured, &mut nearest[..strip.len()]);
                    labels.extend(nearest[..strip.len()].iter().map(|&(label, _)| label as i32));
                }
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
        let rows = Rows::new(x);
        let (level, tol) = (Level::best(), self.tol * rows.mean_variance());
        let finished = std::sync::atomic::AtomicUsize::new(0);
        let one = |i: usize| {
            let mut rng = Rng::new(seed.index(i as u64));
            let first = match self.init {
                KMeansInit::PlusPlus => start::plus_plus(level, &rows, self.n_clusters, &mut rng),
                KMeansInit::Random => start::random(&rows, self.n_clusters, &mut rng),
            };
            let restart = lloyd(level, &rows, rows.centers(&first), self.max_iter, tol);
            let done = finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress.report(done, self.n_init);
            restart
        };
        let all: Vec<usize> = (0..self.n_init).collect();
        let at_once = all.chunks(restarts_at_once(self.n_clusters, x.ncols()));
        let restarts: Vec<Restart> =
            at_once.flat_map(|some| some.par_iter().map(|&i| one(i)).collect::<Vec<_>>()).collect();
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
        let rows = Rows::new(x);
        let found = lloyd(Level::best(), &rows, first, self.max_iter, self.tol * rows.mean_variance());
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

#[cfg(test)]
mod tests;
