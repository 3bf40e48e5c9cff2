//! The mean silhouette coefficient in O(rows) memory, every distance computed once.
//!
//! The rows are put in the order of their clusters and cut into at most [`CHUNKS`] chunks. The distances between two
//! chunks count for the rows of both. Pairs of chunks are taken in rounds in which no chunk occurs twice, like the games
//! of a tournament, so what a row adds up has one order, whatever the number of threads. Distances are roots of sums of
//! squared differences over the columns in order: nothing cancels, and every SIMD level gives the same bits.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::ml::simd::{Level, leveled};

/// Rows of a block: their values lie side by side, column by column.
const LANES: usize = 8;
/// Rows compared with one block at a time.
const SIDE: usize = 4;
/// Blocks that meet all blocks of another chunk before the next ones do: few enough for the first cache.
const GROUP: usize = 4;
/// Most chunks, and so most sums that a row has to keep.
const CHUNKS: usize = 64;
/// Least rows of a chunk; a multiple of [`LANES`].
const CHUNK: usize = 256;

/// The mean over the rows of `x`. `codes` are their cluster numbers from 0, `sizes` the rows of every cluster; there are
/// at least two, and none is empty.
pub(super) fn mean_coefficient(level: Level, x: ArrayView2<f64>, codes: &[usize], sizes: &[usize]) -> f64 {
    let sorted = Sorted::new(x, codes, sizes);
    let mut chunks: Vec<Option<Chunk>> = sorted.chunks().into_iter().map(Some).collect();
    chunks.par_iter_mut().flatten().for_each(|chunk| sorted.within(level, chunk));
    for round in rounds(chunks.len()) {
        let mut games: Vec<(Chunk, Chunk)> =
            round.iter().filter_map(|&(a, b)| chunks[a].take().zip(chunks[b].take())).collect();
        games.par_iter_mut().for_each(|(a, b)| sorted.between(level, a, b));
        for ((a, b), (left, right)) in round.into_iter().zip(games) {
            (chunks[a], chunks[b]) = (Some(left), Some(right));
        }
    }
    chunks.iter().flatten().map(|chunk| sorted.coefficients(chunk)).sum::<f64>() / codes.len() as f64
}

/// Every pair of `players` once, in rounds in which nobody plays twice (the circle method).
fn rounds(players: usize) -> Vec<Vec<(usize, usize)>> {
    if players < 2 {
        return Vec::new();
    }
    let turning = players.next_multiple_of(2) - 1; // the last seat stays, and is empty where the number is odd
    let round = |round: usize| {
        let seat = |i: usize| (round + i) % turning;
        std::iter::once((seat(0), turning))
            .chain((1..=turning / 2).map(|i| (seat(i), seat(turning - i))))
            .filter(|&(a, b)| a.max(b) < players)
            .collect()
    };
    (0..turning).map(round).collect()
}

/// The rows in the order of their clusters.
struct Sorted<'a> {
    width: usize,
    sizes: &'a [usize],
    /// First row of every cluster, and the end.
    starts: Vec<usize>,
    /// Cluster of every row.
    codes: Vec<usize>,
    /// Values by block, then column, then lane. Lanes past the last row hold zeros.
    values: Vec<[f64; LANES]>,
    /// Rows of a chunk.
    chunk: usize,
    /// For a cluster that lies in several chunks, its place among the sums of a row.
    slots: Vec<Option<usize>>,
}

/// What the rows of one chunk have added up.
struct Chunk {
    rows: Range<usize>,
    /// Sums of the distances from the clusters that have a slot, (slots x rows).
    sums: Vec<f64>,
    /// Sum of the distances from the own cluster, where that has no slot.
    own: Vec<f64>,
    /// Least mean distance from another cluster that has no slot.
    nearest: Vec<f64>,
}

impl<'a> Sorted<'a> {
    fn new(x: ArrayView2<f64>, of: &[usize], sizes: &'a [usize]) -> Self {
        let (rows, width) = x.dim();
        let mut starts = vec![0; sizes.len() + 1];
        for (code, size) in sizes.iter().enumerate() {
            starts[code + 1] = starts[code] + size;
        }
        let codes = sizes.iter().enumerate().flat_map(|(code, &size)| std::iter::repeat_n(code, size)).collect();
        let mut values = vec![[0.0; LANES]; rows.div_ceil(LANES) * width];
        let mut next = starts.clone();
        for (row, &code) in x.outer_iter().zip(of) {
            let place = next[code];
            next[code] += 1;
            for (column, value) in values[place / LANES * width..].iter_mut().zip(row) {
                column[place % LANES] = *value;
            }
        }
        let chunk = rows.div_ceil(CHUNKS).max(CHUNK).next_multiple_of(LANES);
        let mut slots = vec![None; sizes.len()];
        let several = |code: &usize| starts[*code] / chunk != (starts[*code + 1] - 1) / chunk;
        for (slot, code) in (0..sizes.len()).filter(several).enumerate() {
            slots[code] = Some(slot);
        }
        Self { width, sizes, starts, codes, values, chunk, slots }
    }

    fn chunks(&self) -> Vec<Chunk> {
        let rows = self.codes.len();
        let slots = self.slots.iter().flatten().count();
        let chunk = |start: usize| {
            let rows = start..rows.min(start + self.chunk);
            let n = rows.len();
            Chunk { rows, sums: vec![0.0; slots * n], own: vec![0.0; n], nearest: vec![f64::INFINITY; n] }
        };
        (0..rows).step_by(self.chunk).map(chunk).collect()
    }

    /// The clusters in a range of rows, each with its rows there.
    fn segments(&self, rows: &Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let (start, end) = (rows.start, rows.end);
        let codes = self.codes[start]..=self.codes[end - 1];
        codes.map(move |code| (code, self.starts[code].max(start)..self.starts[code + 1].min(end)))
    }

    /// The values of the blocks that a range of rows is in.
    fn values(&self, blocks: &Range<usize>) -> &[[f64; LANES]] {
        &self.values[blocks.start * self.width..blocks.end * self.width]
    }

    /// The distances among the rows of one chunk.
    fn within(&self, level: Level, chunk: &mut Chunk) {
        let right = blocks(&chunk.rows);
        let keep_right = masks(&right, &chunk.rows);
        for (code, segment) in self.segments(&chunk.rows.clone()) {
            let mut toward = vec![[0.0; LANES]; right.len()];
            for left in groups(&segment) {
                let mut unused = [[0.0; LANES]; GROUP * LANES];
                let (left, keep) = (self.values(&left), masks(&left, &segment));
                meet(level, self.width, left, &keep, self.values(&right), &keep_right, &mut unused, &mut toward);
            }
            self.take_toward(chunk, code, &toward);
        }
    }

    /// The distances between the rows of two chunks.
    fn between(&self, level: Level, left: &mut Chunk, right: &mut Chunk) {
        let across = blocks(&right.rows);
        let parts: Vec<(usize, Range<usize>, Vec<[u64; LANES]>)> = self
            .segments(&right.rows)
            .map(|(code, segment)| {
                let blocks = blocks(&segment);
                let masks = masks(&blocks, &segment);
                (code, blocks, masks)
            })
            .collect();
        for (code, segment) in self.segments(&left.rows.clone()) {
            let mut toward = vec![[0.0; LANES]; across.len()];
            for group in groups(&segment) {
                let keep = masks(&group, &segment);
                for (other, blocks, masks) in &parts {
                    let mut from = [[0.0; LANES]; GROUP * LANES];
                    let toward = &mut toward[blocks.start - across.start..blocks.end - across.start];
                    meet(level, self.width, self.values(&group), &keep, self.values(blocks), masks, &mut from, toward);
                    for (row, lanes) in (group.start * LANES..).zip(&from).filter(|(row, _)| segment.contains(row)) {
                        self.take(left, row - left.rows.start, *other, lanes.iter().sum());
                    }
                }
            }
            self.take_toward(right, code, &toward);
        }
    }

    /// Takes the sums of the distances of all rows of a chunk, by block, from rows of cluster `code`.
    fn take_toward(&self, chunk: &mut Chunk, code: usize, sums: &[[f64; LANES]]) {
        let skipped = chunk.rows.start % LANES;
        for (row, &sum) in sums.as_flattened()[skipped..][..chunk.rows.len()].iter().enumerate() {
            self.take(chunk, row, code, sum);
        }
    }

    /// Takes a sum of distances from rows of cluster `code`: from all of them, if it has no slot.
    fn take(&self, chunk: &mut Chunk, row: usize, code: usize, sum: f64) {
        if let Some(slot) = self.slots[code] {
            chunk.sums[slot * chunk.rows.len() + row] += sum;
        } else if self.codes[chunk.rows.start + row] == code {
            chunk.own[row] = sum;
        } else {
            chunk.nearest[row] = chunk.nearest[row].min(sum / self.sizes[code] as f64);
        }
    }

    /// Sum of the coefficients of the rows of a chunk.
    fn coefficients(&self, chunk: &Chunk) -> f64 {
        let n = chunk.rows.len();
        let coefficient = |row: usize| {
            let code = self.codes[chunk.rows.start + row];
            let (mut inside, mut nearest) = (chunk.own[row], chunk.nearest[row]);
            for (other, slot) in self.slots.iter().enumerate() {
                let Some(slot) = slot else { continue };
                let sum = chunk.sums[slot * n + row];
                if other == code {
                    inside = sum;
                } else {
                    nearest = nearest.min(sum / self.sizes[other] as f64);
                }
            }
            let inside = inside / (self.sizes[code] - 1) as f64; // NaN for the only row
            let coefficient = if inside.is_nan() { 0.0 } else { (nearest - inside) / inside.max(nearest) };
            if coefficient.is_nan() { 0.0 } else { coefficient } // both 0: the rows are equal
        };
        (0..n).map(coefficient).sum()
    }
}

/// The blocks that a range of rows is in.
fn blocks(rows: &Range<usize>) -> Range<usize> {
    rows.start / LANES..rows.end.div_ceil(LANES)
}

/// The blocks of `rows`, [`GROUP`] at a time.
fn groups(rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = blocks(rows);
    (start..end).step_by(GROUP).map(move |first| first..end.min(first + GROUP))
}

/// By lane of `blocks`: all bits, where its row is in `rows`; else none.
fn masks(blocks: &Range<usize>, rows: &Range<usize>) -> Vec<[u64; LANES]> {
    let mask =
        |block: usize| std::array::from_fn(|lane| if rows.contains(&(block * LANES + lane)) { u64::MAX } else { 0 });
    blocks.clone().map(mask).collect()
}

leveled! {
    /// Adds the distances of all rows in `left` from all rows in `right` (both by block and column) to the sums of
    /// either side. `keep_left`, by block and lane, and `keep_right` mask what does not count.
    #[allow(clippy::too_many_arguments)]
    fn meet<S>(
        simd,
        width: usize,
        left: &[[f64; LANES]],
        keep_left: &[[u64; LANES]],
        right: &[[f64; LANES]],
        keep_right: &[[u64; LANES]],
        from_left: &mut [[f64; LANES]],
        toward_left: &mut [[f64; LANES]],
    ) {
        for ((right, keep_right), toward) in right.chunks_exact(width).zip(keep_right).zip(toward_left) {
            let mut total = simd.load_64(toward);
            let blocks = left.chunks_exact(width).zip(keep_left).zip(from_left.chunks_exact_mut(LANES));
            for ((left, keep_left), from_left) in blocks {
                for half in [0, SIDE] {
                    let mut sums = [simd.splat_64(0.0); SIDE];
                    for (mine, other) in left.iter().zip(right) {
                        let other = simd.load_64(other);
                        for row in 0..SIDE {
                            let gap = simd.sub_64(simd.splat_64(mine[half + row]), other);
                            sums[row] = simd.add_64(sums[row], simd.mul_64(gap, gap));
                        }
                    }
                    for row in 0..SIDE {
                        let keep = [keep_left[half + row]; LANES];
                        let distance = simd.and_64(simd.and_64(simd.sqrt_64(sums[row]), keep_right), &keep);
                        let from = &mut from_left[half + row];
                        simd.store_64(simd.add_64(simd.load_64(from), distance), from);
                        total = simd.add_64(total, distance);
                    }
                }
            }
            simd.store_64(total, toward);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::digest::Seed;
    use crate::ml::random::Rng;

    /// The definition, written out.
    fn plain(x: &Array2<f64>, codes: &[usize], sizes: &[usize]) -> f64 {
        let distance =
            |a: usize, b: usize| x.row(a).iter().zip(x.row(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let coefficient = |row: usize| {
            let mut sums = vec![0.0; sizes.len()];
            (0..x.nrows()).for_each(|other| sums[codes[other]] += distance(row, other));
            if sizes[codes[row]] == 1 {
                return 0.0;
            }
            let a = sums[codes[row]] / (sizes[codes[row]] - 1) as f64;
            let others = (0..sizes.len()).filter(|&c| c != codes[row]);
            let b = others.map(|c| sums[c] / sizes[c] as f64).fold(f64::INFINITY, f64::min);
            if a.max(b) == 0.0 { 0.0 } else { (b - a) / a.max(b) }
        };
        (0..x.nrows()).map(coefficient).sum::<f64>() / x.nrows() as f64
    }

    /// Clusters that lie in one chunk, in two, in all; that share a block; of one row; and odd numbers of everything.
    #[test]
    fn agrees_with_the_definition_and_every_level_gives_the_same_bits() {
        let mut rng = Rng::new(Seed::new(1));
        for (rows, width, clusters) in
            [(3, 1, 2), (8, 2, 2), (17, 3, 5), (255, 5, 3), (256, 1, 40), (257, 4, 2), (900, 7, 2), (1500, 3, 400)]
        {
            let x = Array2::from_shape_fn((rows, width), |_| rng.below(9) as f64 * 0.25 + rng.uniform());
            let mut codes: Vec<usize> = (0..rows)
                .map(|i| if i < clusters { i } else { rng.index(clusters).min(rng.index(clusters)) })
                .collect();
            rng.shuffle(&mut codes);
            let mut sizes = vec![0; clusters];
            codes.iter().for_each(|&code| sizes[code] += 1);
            let got = mean_coefficient(Level::all()[0], x.view(), &codes, &sizes);
            let want = plain(&x, &codes, &sizes);
            assert!((got - want).abs() < 1e-13, "{rows} x {width}, {clusters}: {got} {want}");
            for level in Level::all() {
                let turned = x.t().as_standard_layout().into_owned();
                for view in [x.view(), turned.t()] {
                    assert_eq!(mean_coefficient(level, view, &codes, &sizes).to_bits(), got.to_bits(), "{level:?}");
                }
            }
        }
    }

    #[test]
    fn everybody_plays_everybody_once_and_once_a_round() {
        for players in 0..9 {
            let rounds = rounds(players);
            for round in &rounds {
                let mut seen: Vec<usize> = round.iter().flat_map(|&(a, b)| [a, b]).collect();
                seen.sort_unstable();
                assert!(seen.windows(2).all(|w| w[0] < w[1]));
            }
            let mut all: Vec<_> = rounds.concat().into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            all.sort_unstable();
            let want: Vec<_> = (0..players).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
            let mut want = want;
            want.sort_unstable();
            assert_eq!(all, want);
        }
    }

    #[test]
    fn the_same_bits_on_any_number_of_threads() {
        let mut rng = Rng::new(Seed::new(2));
        let x = Array2::from_shape_fn((1300, 3), |_| rng.normal());
        let codes: Vec<usize> = (0..1300).map(|i| (i * i) % 3).collect();
        let mut sizes = vec![0; 2];
        let codes: Vec<usize> = codes.into_iter().map(|c| c.min(1)).collect();
        codes.iter().for_each(|&code| sizes[code] += 1);
        crate::ml::made_up::on_any_threads(|| mean_coefficient(Level::best(), x.view(), &codes, &sizes).to_bits());
    }
}
