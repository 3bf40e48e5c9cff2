//! First centres: different rows at random, or greedy k-means++.

use rayon::prelude::*;

use super::lanes::{LANES, Lanes};
use super::rows::{Rows, STRIP, distance2};
use crate::ml::random::Rng;
use crate::ml::simd::Level;

/// Margin over rounding of what the triangle inequality proves.
const MARGIN: f64 = 1.0 + 1e-9;

/// `count` different rows.
pub(super) fn random(rows: &Rows<'_>, count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut all: Vec<usize> = (0..rows.len()).collect();
    for i in 0..count {
        all.swap(i, i + rng.index(rows.len() - i));
    }
    all.truncate(count);
    all
}

/// `count` rows as first centres: each the best of `2 + ln(count)` candidates drawn with a chance proportional to the
/// squared distance from the nearest centre so far (Arthur and Vassilvitskii 2007, greedy as scikit-learn has it).
///
/// A candidate more than twice as far from a row's centre as the row is cannot be nearer to the row (triangle
/// inequality): such rows are not measured.
pub(super) fn plus_plus(level: Level, rows: &Rows<'_>, count: usize, rng: &mut Rng) -> Vec<usize> {
    let trials = 2 + (count as f64).ln() as usize;
    let mut seeding = Seeding {
        level,
        rows,
        chosen: Vec::with_capacity(count),
        center: vec![0; rows.len()],
        nearest: vec![f64::INFINITY; rows.len()],
        sums: Vec::new(),
    };
    seeding.choose(rng.index(rows.len()));
    while seeding.chosen.len() < count {
        let total: f64 = seeding.sums.iter().sum();
        let draws: Vec<f64> = (0..trials).map(|_| rng.uniform() * total).collect();
        let candidates: Vec<usize> = draws.iter().map(|&draw| seeding.pick(draw)).collect();
        let mut best = (candidates[0], f64::INFINITY);
        for group in candidates.chunks(LANES) {
            for (&candidate, potential) in group.iter().zip(seeding.potentials(group)) {
                if potential < best.1 {
                    best = (candidate, potential);
                }
            }
        }
        seeding.choose(best.0);
    }
    seeding.chosen
}

/// The centres so far and where that leaves the rows.
struct Seeding<'a> {
    level: Level,
    rows: &'a Rows<'a>,
    chosen: Vec<usize>,
    /// Place of the nearest of the chosen, by row.
    center: Vec<u32>,
    /// Squared distance from it.
    nearest: Vec<f64>,
    /// Sums of `nearest` by block.
    sums: Vec<f64>,
}

impl Seeding<'_> {
    /// Squared distances that a row must be within of its centre to be safe from each of `candidates`, by centre.
    fn reach(&self, candidates: &[usize]) -> Vec<f64> {
        let least = |&chosen: &usize| {
            let own = self.rows.row(chosen);
            candidates.iter().map(|&row| distance2(self.rows.row(row), own)).fold(f64::INFINITY, f64::min)
        };
        self.chosen.iter().map(|chosen| least(chosen) / (4.0 * MARGIN)).collect()
    }

    /// The row that `draw`, in `[0, total)`, falls on where every row is as long as its `nearest`.
    fn pick(&self, draw: f64) -> usize {
        let (mut before, mut block) = (0.0, 0);
        while block + 1 < self.sums.len() && before + self.sums[block] < draw {
            before += self.sums[block];
            block += 1;
        }
        let start = block * self.rows.block();
        let of_block = &self.nearest[start..self.nearest.len().min(start + self.rows.block())];
        let mut row = 0;
        let mut end = before + of_block[0];
        while row + 1 < of_block.len() && end < draw {
            row += 1;
            end += of_block[row];
        }
        start + row
    }

    /// What `nearest` would add up to with each of at most [`LANES`] candidates as one more centre.
    fn potentials(&self, candidates: &[usize]) -> [f64; LANES] {
        let width = self.rows.width;
        let lanes = Lanes::of(width, candidates.len(), |i, column| self.rows.row(candidates[i])[column]);
        let reach = self.reach(candidates);
        let size = self.rows.block();
        let sums: Vec<[f64; LANES]> = self
            .nearest
            .par_chunks(size)
            .zip(self.center.par_chunks(size))
            .zip(self.rows.values.par_chunks(size * width))
            .map(|((nearest, center), x)| {
                let (near, safe) = in_reach(nearest, center, &reach);
                let (mut sums, mut distances) = ([safe; LANES], [[0.0; LANES]; STRIP]);
                for near in near.chunks(STRIP) {
                    lanes.measure(self.level, x, near, &mut distances);
                    for (&row, distances) in near.iter().zip(&distances) {
                        let nearest = nearest[row as usize];
                        for (sum, &distance) in sums.iter_mut().zip(distances) {
                            *sum += if distance < nearest { distance } else { nearest };
                        }
                    }
                }
                sums
            })
            .collect();
        let mut total = [0.0; LANES];
        for sums in sums {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    }

    /// Makes this row a centre.
    fn choose(&mut self, row: usize) {
        let (level, width, size) = (self.level, self.rows.width, self.rows.block());
        let place = self.chosen.len() as u32;
        let reach = if place == 0 { vec![f64::NEG_INFINITY] } else { self.reach(&[row]) };
        self.chosen.push(row);
        let lanes = Lanes::of(width, 1, |_, column| self.rows.row(row)[column]);
        self.sums = self
            .nearest
            .par_chunks_mut(size)
            .zip(self.center.par_chunks_mut(size))
            .zip(self.rows.values.par_chunks(size * width))
            .map(|((nearest, center), x)| {
                let mut distances = [[0.0; LANES]; STRIP];
                for near in in_reach(nearest, center, &reach).0.chunks(STRIP) {
                    lanes.measure(level, x, near, &mut distances);
                    for (&row, distances) in near.iter().zip(&distances) {
                        if distances[0] < nearest[row as usize] {
                            (nearest[row as usize], center[row as usize]) = (distances[0], place);
                        }
                    }
                }
                nearest.iter().sum()
            })
            .collect();
    }
}

/// The rows that are not safe from a further centre, and the sum of `nearest` over those that are.
fn in_reach(nearest: &[f64], center: &[u32], reach: &[f64]) -> (Vec<u32>, f64) {
    let (mut near, mut safe) = (Vec::new(), 0.0);
    for (row, (&nearest, &center)) in nearest.iter().zip(center).enumerate() {
        if nearest < reach[center as usize] {
            safe += nearest;
        } else {
            near.push(row as u32);
        }
    }
    (near, safe)
}
