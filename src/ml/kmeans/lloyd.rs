//! Lloyd's iterations (1982), with Elkan's bounds (2003, "Using the triangle inequality to accelerate k-means"): a row
//! whose distance from its centre is surely below its distances from all others is not measured.
//!
//! Bounds are f32 and always rounded to the safe side, by more than the rounding of the distances, so labels are those
//! that measuring every row would give. The sums of the clusters are changed by the rows that move only.

use ndarray::Array2;
use rayon::prelude::*;

use super::lanes::{LANES, Lanes};
use super::rows::{Rows, STRIP, distance2};
use crate::ml::simd::{Level, leveled};

/// Factors that outweigh the rounding of a few f32 operations.
const UP: f32 = 1.0 + 2.0 * f32::EPSILON;
const DOWN: f32 = 1.0 - 2.0 * f32::EPSILON;
/// Squared distances below this are no ground for a bound: they would be rounded coarsely in f32.
const TINY: f32 = 1e-30;

/// What one restart came to.
#[derive(Clone, Debug)]
pub(super) struct Restart {
    pub(super) centers: Array2<f64>,
    pub(super) inertia: f64,
    pub(super) n_iter: usize,
    pub(super) converged: bool,
    pub(super) clusters_with_rows: usize,
}

/// Iterates from `centers` until no row changes its cluster, or until the squared moves of all centres add up to at most
/// `tol`.
pub(super) fn lloyd(level: Level, rows: &Rows<'_>, mut centers: Array2<f64>, max_iter: usize, tol: f64) -> Restart {
    let count = centers.nrows();
    let mut state = State::new(level, rows, count);
    let mut moves = vec![0.0; count];
    let (mut n_iter, mut converged) = (0, false);
    while n_iter < max_iter && !converged {
        n_iter += 1;
        let changed = state.assign(&centers, &moves);
        let next = state.means(&centers);
        let (new, old) = (next.as_slice().unwrap_or_default(), centers.as_slice().unwrap_or_default());
        converged = !changed || distance2(new, old) <= tol;
        let squares = new.chunks(rows.width).zip(old.chunks(rows.width)).map(|(new, old)| distance2(new, old));
        moves = squares.map(f64::sqrt).collect();
        centers = next;
    }
    state.assign(&centers, &moves);
    let inertia = state.inertia(&centers);
    let clusters_with_rows = state.counts.iter().filter(|&&count| count > 0).count();
    Restart { centers, inertia, n_iter, converged, clusters_with_rows }
}

/// The rows in their clusters.
struct State<'a> {
    level: Level,
    rows: &'a Rows<'a>,
    /// Cluster of every row; at first none, `u32::MAX`.
    labels: Vec<u32>,
    /// At least the distance of every row from its centre.
    upper: Vec<f32>,
    /// At most the distances of every row from the other centres, as many vectors a row as there are groups; infinite for
    /// its own and in lanes without a centre. Empty where bounds do not pay.
    lower: Vec<[f32; LANES]>,
    /// Sums of the rows of every cluster, (clusters x columns).
    sums: Vec<f64>,
    /// Rows of every cluster.
    counts: Vec<i64>,
}

/// What one block of rows changes.
struct Change {
    sums: Vec<f64>,
    counts: Vec<i64>,
    changed: bool,
}

/// Bounds pay where they are no larger than the rows themselves.
fn bounds_pay(clusters: usize, width: usize) -> bool {
    clusters.next_multiple_of(LANES) <= 2 * width
}

/// How many restarts together have no larger bounds than the rows.
pub(super) fn restarts_at_once(clusters: usize, width: usize) -> usize {
    (2 * width / clusters.next_multiple_of(LANES)).max(4)
}

impl<'a> State<'a> {
    fn new(level: Level, rows: &'a Rows<'a>, clusters: usize) -> Self {
        let n = rows.len();
        let bounds = if bounds_pay(clusters, rows.width) { n } else { 0 };
        Self {
            level,
            rows,
            labels: vec![u32::MAX; n],
            upper: vec![f32::INFINITY; bounds],
            lower: vec![[0.0; LANES]; bounds * clusters.div_ceil(LANES)],
            sums: vec![0.0; clusters * rows.width],
            counts: vec![0; clusters],
        }
    }

    /// Gives every row to its nearest centre, the centres having moved by `moves`; says whether a row has changed.
    fn assign(&mut self, centers: &Array2<f64>, moves: &[f64]) -> bool {
        let lanes = Lanes::new(centers);
        let (level, width, groups, size) = (self.level, self.rows.width, lanes.groups(), self.rows.block());
        // A hair more than the moves, in f32; a lane without a centre does not move.
        let mut steps = vec![[0.0; LANES]; groups];
        for (i, &step) in moves.iter().enumerate() {
            steps[i / LANES][i % LANES] = (step * (1.0 + 1e-6)) as f32;
        }
        let x = self.rows.values.par_chunks(size * width);
        let blocks: Vec<Change> = if self.upper.is_empty() {
            let labels = self.labels.par_chunks_mut(size);
            labels.zip(x).map(|(labels, x)| Block { level, x, labels, lanes: &lanes }.settle_all()).collect()
        } else {
            let bounds = self.upper.par_chunks_mut(size).zip(self.lower.par_chunks_mut(size * groups));
            let labels = self.labels.par_chunks_mut(size);
            labels
                .zip(x)
                .zip(bounds)
                .map(|((labels, x), (upper, lower))| {
                    Block { level, x, labels, lanes: &lanes }.settle(&steps, upper, lower)
                })
                .collect()
        };
        let mut changed = false;
        for block in blocks {
            self.sums.iter_mut().zip(&block.sums).for_each(|(sum, more)| *sum += more);
            self.counts.iter_mut().zip(&block.counts).for_each(|(count, more)| *count += more);
            changed |= block.changed;
        }
        changed
    }

    /// The next centres: means of the clusters. Each cluster without a row takes one of the rows farthest from their
    /// centre (the lowest of equals), which leaves its cluster; where every row lies on its centre, it goes where the
    /// largest cluster is.
    fn means(&self, centers: &Array2<f64>) -> Array2<f64> {
        let width = self.rows.width;
        let (mut sums, mut counts) = (self.sums.clone(), self.counts.clone());
        if counts.contains(&0) {
            let distances = self.rows.own_distances(centers.as_slice().unwrap_or_default(), &self.labels);
            if distances.iter().sum::<f64>() != 0.0 {
                let mut far: Vec<(f64, usize)> = distances.into_iter().enumerate().map(|(row, d)| (d, row)).collect();
                far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                let empty: Vec<usize> = (0..counts.len()).filter(|&i| counts[i] == 0).collect();
                for (cluster, (_, row)) in empty.into_iter().zip(far) {
                    let from = self.labels[row] as usize;
                    for (column, &value) in self.rows.row(row).iter().enumerate() {
                        sums[from * width + column] -= value;
                        sums[cluster * width + column] = value;
                    }
                    counts[from] -= 1;
                    counts[cluster] = 1;
                }
            }
        }
        let mut largest = 0;
        for (cluster, &count) in counts.iter().enumerate() {
            if count > counts[largest] {
                largest = cluster;
            }
        }
        Array2::from_shape_fn(centers.dim(), |(cluster, column)| {
            let cluster = if counts[cluster] > 0 { cluster } else { largest };
            sums[cluster * width + column] / counts[cluster] as f64
        })
    }

    fn inertia(&self, centers: &Array2<f64>) -> f64 {
        let distances = self.rows.own_distances(centers.as_slice().unwrap_or_default(), &self.labels);
        distances.chunks(self.rows.block()).map(|block| block.iter().sum::<f64>()).sum()
    }
}

/// One block of rows.
struct Block<'a> {
    level: Level,
    x: &'a [f64],
    labels: &'a mut [u32],
    lanes: &'a Lanes,
}

impl Block<'_> {
    /// Measures every row.
    fn settle_all(mut self) -> Change {
        let all: Vec<u32> = (0..self.labels.len() as u32).collect();
        self.measure(&all, |_, _, _| ())
    }

    /// Measures the rows whose bounds say nothing, and renews these.
    fn settle(mut self, steps: &[[f32; LANES]], upper: &mut [f32], lower: &mut [[f32; LANES]]) -> Change {
        let (level, groups, count) = (self.level, self.lanes.groups(), self.lanes.count);
        let mut unsure = vec![0; self.labels.len()];
        let n = loosen(level, self.labels, steps, upper, lower, &mut unsure);
        self.measure(&unsure[..n], |rows, measured, nearest| {
            let mut renewed = [[0.0; LANES]; STRIP];
            for group in 0..groups {
                lower_bounds(level, measured, group, groups, &mut renewed);
                for (&row, renewed) in rows.iter().zip(&renewed) {
                    lower[row as usize * groups + group] = *renewed;
                }
            }
            for (&row, &(cluster, distance)) in rows.iter().zip(nearest) {
                let (row, cluster) = (row as usize, cluster as usize);
                upper[row] = (distance as f32).max(TINY).sqrt() * UP;
                let own = &mut lower[row * groups..][..groups];
                own[cluster / LANES][cluster % LANES] = f32::INFINITY;
                own.as_flattened_mut()[count..].fill(f32::INFINITY);
            }
        })
    }

    /// Measures these rows and moves those that have another nearest centre. `then` gets rows, distances and nearest
    /// centres strip by strip.
    fn measure(&mut self, rows: &[u32], mut then: impl FnMut(&[u32], &[[f64; LANES]], &[(u32, f64)])) -> Change {
        let (groups, count) = (self.lanes.groups(), self.lanes.count);
        let width = self.x.len() / self.labels.len();
        let mut change = Change { sums: vec![0.0; count * width], counts: vec![0; count], changed: false };
        let mut measured = vec![[0.0; LANES]; STRIP * groups];
        let mut nearest = [(0, 0.0); STRIP];
        for rows in rows.chunks(STRIP) {
            let measured = &mut measured[..rows.len() * groups];
            let nearest = &mut nearest[..rows.len()];
            self.lanes.measure(self.level, self.x, rows, measured);
            self.lanes.least(self.level, measured, nearest);
            for (&row, &(cluster, _)) in rows.iter().zip(nearest.iter()) {
                let (row, old) = (row as usize, self.labels[row as usize]);
                if old == cluster {
                    continue;
                }
                change.changed = true;
                self.labels[row] = cluster;
                let values = &self.x[row * width..][..width];
                let to = cluster as usize;
                change.counts[to] += 1;
                change.sums[to * width..][..width].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                if let Some(from) = change.counts.get_mut(old as usize) {
                    *from -= 1;
                    let sums = &mut change.sums[old as usize * width..][..width];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum -= value);
                }
            }
            then(rows, measured, nearest);
        }
        change
    }
}

leveled! {
    /// Loosens the bounds by what the centres have moved. Writes the rows to `unsure` that may have another centre
    /// nearer, and returns how many.
    fn loosen<S>(
        simd,
        labels: &[u32],
        steps: &[[f32; LANES]],
        upper: &mut [f32],
        lower: &mut [[f32; LANES]],
        unsure: &mut [u32],
    ) -> usize {
        let mut found = 0;
        let down = simd.splat_8(DOWN);
        let own = steps.as_flattened();
        let rows = labels.iter().zip(upper).zip(lower.chunks_exact_mut(steps.len()));
        for (row, ((&label, upper), lower)) in rows.enumerate() {
            *upper = (*upper + own.get(label as usize).copied().unwrap_or(0.0)) * UP;
            let bound = simd.splat_8(*upper);
            let mut sure = 0xff;
            for (lower, step) in lower.iter_mut().zip(steps) {
                let loose = simd.mul_8(simd.sub_8(simd.load_8(lower), simd.load_8(step)), down);
                simd.store_8(loose, lower);
                sure &= simd.less_8(bound, loose);
            }
            unsure[found.min(labels.len() - 1)] = row as u32;
            found += usize::from(sure != 0xff);
        }
        found
    }
}

leveled! {
    /// At most the distances, from one group of the squared ones of several rows.
    fn lower_bounds<S>(
        simd,
        measured: &[[f64; LANES]],
        group: usize,
        groups: usize,
        bounds: &mut [[f32; LANES]],
    ) {
        let (most, tiny) = (simd.splat_64(f64::from(f32::MAX)), simd.splat_64(f64::from(TINY)));
        let down = simd.splat_8(DOWN);
        for (vectors, bound) in measured.chunks_exact(groups).zip(bounds) {
            // A NaN becomes the least bound, as does what is too small to be told from 0.
            let square = simd.min_64(simd.max_64(simd.load_64(&vectors[group]), tiny), most);
            let square = simd.sub_64(square, tiny);
            simd.store_8(simd.mul_8(simd.sqrt_8(simd.narrow_64(square)), down), bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    /// Iterations that measure every row and add up all sums anew.
    fn plain(x: &Array2<f64>, mut centers: Array2<f64>, max_iter: usize) -> (Vec<u32>, Array2<f64>) {
        let nearest = |centers: &Array2<f64>, row: &[f64]| {
            let mut best = (0, f64::INFINITY);
            for (i, center) in centers.outer_iter().enumerate() {
                let distance = distance2(row, &center.to_vec());
                if distance < best.1 {
                    best = (i as u32, distance);
                }
            }
            best.0
        };
        let all =
            |centers: &Array2<f64>| -> Vec<u32> { x.outer_iter().map(|r| nearest(centers, &r.to_vec())).collect() };
        for _ in 0..max_iter {
            let labels = all(&centers);
            for (i, mut center) in centers.outer_iter_mut().enumerate() {
                let own: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == i as u32).collect();
                assert!(!own.is_empty());
                center.fill(0.0);
                own.iter().for_each(|&row| center += &x.row(row));
                center /= own.len() as f64;
            }
        }
        (all(&centers), centers)
    }

    /// With bounds (wide rows) and without (narrow ones), in several blocks, with scales that f32 can hardly hold.
    #[test]
    fn bounds_change_no_label_and_every_level_gives_the_same_bits() {
        let mut rng = Rng::new(Seed::new(9));
        for (rows, width, clusters, scale) in [
            (1500, 6, 5, 1.0),
            (1500, 6, 11, 1e-14),
            (700, 9, 17, 1e17),
            (1200, 2, 6, 1.0),
            (1, 4, 1, 1.0),
            (90, 30, 8, 1e-30),
        ] {
            let x = Array2::from_shape_fn((rows, width), |(i, j)| {
                scale * (rng.normal() + 2.0 * ((i * (j + 3)) % clusters) as f64)
            });
            let of = Rows::new(&x);
            let first = of.centers(&(0..clusters).collect::<Vec<_>>());
            for max_iter in [1, 2, 7] {
                let got = lloyd(Level::all()[0], &of, first.clone(), max_iter, 0.0);
                let (labels, centers) = plain(&x, first.clone(), got.n_iter);
                let gap = (&got.centers - &centers).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
                assert!(gap <= 1e-12 * scale, "{rows} x {width}, {clusters}: {gap}");
                let mut state = State::new(Level::all()[0], &of, clusters);
                state.assign(&got.centers, &vec![0.0; clusters]);
                assert_eq!(state.labels, labels);
                let inertia = labels.iter().zip(x.outer_iter());
                let inertia: f64 =
                    inertia.map(|(&l, row)| distance2(&row.to_vec(), &centers.row(l as usize).to_vec())).sum();
                assert!((got.inertia - inertia).abs() <= 1e-11 * inertia);
                for level in Level::all() {
                    let again = lloyd(level, &of, first.clone(), max_iter, 0.0);
                    assert_eq!(again.centers, got.centers, "{level:?}");
                    assert_eq!(again.inertia.to_bits(), got.inertia.to_bits(), "{level:?}");
                }
            }
        }
    }

    #[test]
    fn restarts_share_what_the_rows_take() {
        assert_eq!((restarts_at_once(8, 40), restarts_at_once(8, 2), restarts_at_once(100, 10)), (10, 4, 4));
    }
}
