//! Features as small integers: at most 256 bins of each (histogram), and beside them the ranks of its values (exact).

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::super::random::Rng;
use crate::digest::Seed;

/// Most bins of a feature.
pub(super) const BINS: usize = 256;
/// Most bins of a feature that has ranks.
// 96 is quickest at 6,400 and 16,000 rows; any number gives the same trees.
const RANK_BINS: usize = 96;
/// Bin borders are chosen from at most this many rows.
const SAMPLE: usize = 200_000;
/// Columns that one task codes: as many as the values of a row in one line of the cache.
const COLUMNS: usize = 8;
/// Rows that are copied or turned round at a time.
const BLOCK: usize = 256;

/// An integer that a code is stored in.
pub(super) trait Code: Copy + Send + Sync {
    /// Stores a code that is known to fit.
    fn pack(code: u32) -> Self;
    /// The code.
    fn get(self) -> u32;
}

macro_rules! code {
    ($($ty:ty),*) => { $(impl Code for $ty {
        #[allow(clippy::cast_possible_truncation)]
        fn pack(code: u32) -> Self { code as Self }
        #[allow(clippy::cast_lossless)]
        fn get(self) -> u32 { self as u32 }
    })* };
}
code!(u8, u16, u32);

/// What the codes of one feature stand for: code `i` covers the training values from `low[i]` to `high[i]`, and
/// codes are in the order of the values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    low: Vec<f64>,
    /// Empty where each code is a single value.
    high: Vec<f64>,
    /// The last rank of each bin, where a bin holds several ranks.
    pub last: Vec<u32>,
}

impl Values {
    /// Number of codes.
    pub fn len(&self) -> usize {
        self.low.len()
    }

    /// The greatest value of a code.
    pub fn high(&self, code: u32) -> f64 {
        if self.high.is_empty() { self.low[code as usize] } else { self.high[code as usize] }
    }

    /// The least value of a code.
    pub fn low(&self, code: u32) -> f64 {
        self.low[code as usize]
    }

    /// The last code that holds a value up to `most`; the first one where none does.
    pub fn code_up_to(&self, most: f64) -> u32 {
        self.low.partition_point(|&v| v <= most).saturating_sub(1) as u32
    }

    /// The threshold that sends values of codes up to `left` left (`x <= threshold`) and from `right` on right: the
    /// midpoint between them.
    pub fn threshold(&self, left: u32, right: u32) -> f64 {
        midpoint(self.high(left), self.low(right))
    }
}

/// A number in `[a, b)` for `a < b`: the midpoint, or `a` where rounding takes the midpoint out of the interval.
pub(super) fn midpoint(a: f64, b: f64) -> f64 {
    let middle = a / 2.0 + b / 2.0;
    if middle >= a && middle < b { middle } else { a }
}

/// The codes of one feature, somewhere in memory.
#[derive(Clone, Copy)]
pub(super) struct Lane<'a, C> {
    codes: &'a [C],
    step: usize,
    offset: usize,
}

impl<'a, C: Code> Lane<'a, C> {
    /// One code after the other.
    #[cfg(test)]
    pub fn column(codes: &'a [C]) -> Self {
        Self { codes, step: 1, offset: 0 }
    }

    /// The code of a row.
    #[inline]
    pub fn code(self, row: usize) -> u32 {
        self.codes[row * self.step + self.offset].get()
    }
}

/// A matrix of codes, stored twice: by column for nodes with so many rows that they read most of a column, by row for
/// those with few, which then find all features of a row in one line of the cache.
pub(super) struct Grid<C> {
    rows: usize,
    width: usize,
    by_column: Vec<C>,
    by_row: Vec<C>,
}

impl<C: Code> Grid<C> {
    fn new(rows: usize, by_column: Vec<C>) -> Self {
        let width = by_column.len() / rows;
        let mut by_row = vec![C::pack(0); by_column.len()];
        by_row.par_chunks_mut(width * BLOCK).enumerate().for_each(|(block, out)| {
            for (feature, column) in by_column.chunks(rows).enumerate() {
                let codes = &column[block * BLOCK..];
                out.chunks_mut(width).zip(codes).for_each(|(row, &code)| row[feature] = code);
            }
        });
        Self { rows, width, by_column, by_row }
    }

    /// The codes of a feature, to be read by a node of so many rows.
    pub fn lane(&self, feature: usize, of_rows: usize) -> Lane<'_, C> {
        match self.by_row(of_rows) {
            Some((codes, step)) => Lane { codes, step, offset: feature },
            None => Lane { codes: self.column(feature), step: 1, offset: 0 },
        }
    }

    /// The codes row after row, and how many each row has, if that is the quicker way for a node of so many rows.
    pub fn by_row(&self, of_rows: usize) -> Option<(&[C], usize)> {
        (of_rows * 16 < self.rows * size_of::<C>()).then_some((&self.by_row, self.width))
    }

    /// The codes of a feature, one per row.
    pub fn column(&self, feature: usize) -> &[C] {
        &self.by_column[feature * self.rows..(feature + 1) * self.rows]
    }
}

/// Ranks in the smallest integer that holds them.
pub(super) enum Ranks {
    /// There are none, or they are the same as the bins.
    AsBins,
    /// At most 65,536 ranks per feature.
    U16(Grid<u16>),
    /// More.
    U32(Grid<u32>),
}

/// A coded matrix. Splits are told in ranks where there are any, else in bins.
pub(super) struct Coded {
    /// At most [`BINS`] bins of each feature.
    pub bins: Grid<u8>,
    /// The ranks of the distinct values, for exact splits.
    pub ranks: Ranks,
    /// What the ranks (or bins) of each feature stand for.
    pub values: Vec<Values>,
}

impl Coded {
    /// A rank for each distinct value, and bins of ranks.
    pub fn exact(x: ArrayView2<f64>) -> Self {
        let columns: Vec<_> = (0..x.ncols()).into_par_iter().map(|j| ranks(x, j)).collect();
        let most = columns.iter().map(|(_, _, values)| values.len()).max().unwrap_or(0);
        let (mut bins, mut all, mut values) = (Vec::with_capacity(x.len()), Vec::with_capacity(x.len()), Vec::new());
        for (of_bins, of_ranks, of) in columns {
            bins.extend_from_slice(&of_bins);
            all.extend_from_slice(&of_ranks);
            values.push(of);
        }
        let ranks = match most {
            0..=BINS => Ranks::AsBins,
            257..=0x1_0000 => Ranks::U16(Grid::new(x.nrows(), all.into_iter().map(u16::pack).collect())),
            _ => Ranks::U32(Grid::new(x.nrows(), all)),
        };
        Self { bins: Grid::new(x.nrows(), bins), ranks, values }
    }

    /// At most [`BINS`] quantile bins per feature.
    pub fn histogram(x: ArrayView2<f64>) -> Self {
        let sample = sample(x.nrows());
        let mut bins = vec![0_u8; x.len()];
        let values: Vec<Values> = bins
            .par_chunks_mut(x.nrows() * COLUMNS)
            .enumerate()
            .flat_map_iter(|(i, bins)| {
                let first = i * COLUMNS;
                let columns = x.slice(s![.., first..(first + COLUMNS).min(x.ncols())]);
                quantiles(columns, &sample, bins)
            })
            .collect();
        Self { bins: Grid::new(x.nrows(), bins), ranks: Ranks::AsBins, values }
    }
}

/// Bins, ranks, and the values of the ranks.
fn ranks(x: ArrayView2<f64>, j: usize) -> (Vec<u8>, Vec<u32>, Values) {
    // Adding 0 turns -0 into +0, so that equal values have equal bits.
    let mut pairs: Vec<(f64, u32)> = x.column(j).iter().zip(0_u32..).map(|(&v, row)| (v + 0.0, row)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0; pairs.len()];
    let mut low: Vec<f64> = Vec::new();
    for &(value, row) in &pairs {
        if low.last() != Some(&value) {
            low.push(value);
        }
        ranks[row as usize] = low.len() as u32 - 1;
    }
    let (mut bin_of_rank, mut last) = (Vec::with_capacity(low.len()), Vec::new());
    if low.len() <= BINS {
        bin_of_rank.extend((0..low.len()).map(|rank| rank as u8));
    } else {
        let sorted: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
        let borders = borders(&sorted, RANK_BINS);
        for (&value, rank) in low.iter().zip(0_u32..) {
            while borders.get(last.len()).is_some_and(|border| value > *border) {
                last.push(rank - 1);
            }
            bin_of_rank.push(last.len() as u8);
        }
        last.push(low.len() as u32 - 1);
    }
    let bins = ranks.iter().map(|&rank| bin_of_rank[rank as usize]).collect();
    (bins, ranks, Values { low, high: Vec::new(), last })
}

/// The rows that bin borders are chosen from: all, or one of each of [`SAMPLE`] equal stretches, always the same.
fn sample(rows: usize) -> Vec<usize> {
    if rows <= SAMPLE {
        return (0..rows).collect();
    }
    let mut rng = Rng::new(Seed::new(0));
    let start = |i: usize| (i as u128 * rows as u128 / SAMPLE as u128) as usize;
    (0..SAMPLE).map(|i| start(i) + rng.index(start(i + 1) - start(i))).collect()
}

/// Bins of at most [`COLUMNS`] columns, written to `bins` one column after the other, and the values of the bins.
fn quantiles(x: ArrayView2<f64>, sample: &[usize], bins: &mut [u8]) -> Vec<Values> {
    let (rows, width) = x.dim();
    let mut sorted = vec![0.0; sample.len()];
    let mut tables = Vec::with_capacity(width);
    for j in 0..width {
        sorted.iter_mut().zip(sample).for_each(|(v, &row)| *v = x[[row, j]] + 0.0);
        sorted.sort_unstable_by(f64::total_cmp);
        tables.push(borders(&sorted, BINS));
    }
    let mut values: Vec<Values> = tables
        .iter()
        .map(|borders| Values {
            low: vec![f64::INFINITY; borders.len() + 1],
            high: vec![f64::NEG_INFINITY; borders.len() + 1],
            last: Vec::new(),
        })
        .collect();
    let mut block = [[0.0; BLOCK]; COLUMNS];
    for start in (0..rows).step_by(BLOCK) {
        let n = BLOCK.min(rows - start);
        for (i, row) in x.slice(s![start..start + n, ..]).outer_iter().enumerate() {
            block.iter_mut().zip(row).for_each(|(column, &v)| column[i] = v + 0.0);
        }
        for (((column, bins), borders), values) in block.iter().zip(bins.chunks_mut(rows)).zip(&tables).zip(&mut values)
        {
            let bins = &mut bins[start..start + n];
            encode(&column[..n], borders, bins);
            for (&v, &bin) in column.iter().zip(&*bins) {
                let (low, high) = (&mut values.low[bin as usize], &mut values.high[bin as usize]);
                *low = low.min(v);
                *high = high.max(v);
            }
        }
    }
    values
}

/// The number of borders below each value. Eight searches run side by side, each taking the same steps without a
/// branch, because the processor could not foresee the branches of an ordinary binary search.
fn encode(column: &[f64], borders: &[f64], codes: &mut [u8]) {
    const LANES: usize = 8;
    let mut table = [f64::INFINITY; BINS];
    table[..borders.len()].copy_from_slice(borders);
    for (values, codes) in column.chunks(LANES).zip(codes.chunks_mut(LANES)) {
        let mut lanes = [0.0; LANES];
        lanes[..values.len()].copy_from_slice(values);
        let mut found = [0_u8; LANES];
        let mut step = BINS / 2;
        while step > 0 {
            for (found, &v) in found.iter_mut().zip(&lanes) {
                let below = table[*found as usize + step - 1] < v;
                *found += step as u8 * u8::from(below);
            }
            step /= 2;
        }
        codes.copy_from_slice(&found[..codes.len()]);
    }
}

/// At most `bins - 1` borders between the sorted `values`: values up to a border belong below it. A value that fills a
/// bin alone gets its own; the others share the remaining bins evenly.
fn borders(values: &[f64], bins: usize) -> Vec<f64> {
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for &v in values {
        match distinct.last_mut() {
            Some((last, n)) if *last == v => *n += 1,
            _ => distinct.push((v, 1)),
        }
    }
    let between = |i: usize| midpoint(distinct[i].0, distinct[i + 1].0);
    if distinct.len() <= bins {
        return (0..distinct.len() - 1).map(between).collect();
    }
    let heavy = |n: usize| n * bins >= values.len();
    let heavies = distinct.iter().filter(|(_, n)| heavy(*n)).count();
    let mut bins_left = bins - heavies;
    let mut rows_left: usize = distinct.iter().filter(|(_, n)| !heavy(*n)).map(|(_, n)| n).sum();
    let mut out = Vec::with_capacity(bins - 1);
    let mut inside = 0;
    for i in 0..distinct.len() - 1 {
        let n = distinct[i].1;
        let next_heavy = heavy(distinct[i + 1].1);
        let close = if heavy(n) {
            true
        } else {
            inside += n;
            // Close a bin that has its even share, or half of it before a heavy value (which starts its own).
            inside * bins_left.max(1) >= rows_left || (next_heavy && 2 * inside * bins_left.max(1) >= rows_left)
        };
        if close && out.len() < bins - 1 {
            out.push(between(i));
            if !heavy(n) {
                rows_left -= inside;
                bins_left = bins_left.saturating_sub(1);
            }
            inside = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn thresholds_separate_even_neighbouring_floats() {
        for (a, b) in [
            (1.0, 1.0 + f64::EPSILON),
            (-f64::MAX, f64::MAX),
            (f64::MAX / 1.5, f64::MAX),
            (0.0, f64::from_bits(1)),
            (-f64::from_bits(1), 0.0),
            (-3.0, -1.0),
        ] {
            let t = midpoint(a, b);
            assert!(a <= t && t < b, "{a} {t} {b}");
        }
        assert_eq!(midpoint(1.0, 2.0), 1.5);
    }

    #[test]
    fn exact_codes_are_ranks_of_distinct_values() {
        let x = array![[3.0, 0.0], [-1.0, -0.0], [3.0, 5.0], [2.0, 0.0]];
        let coded = Coded::exact(x.view());
        assert!(matches!(coded.ranks, Ranks::AsBins));
        assert_eq!(coded.bins.by_column, [2, 0, 2, 1, 0, 0, 1, 0]);
        assert_eq!(coded.bins.by_row, [2, 0, 0, 0, 2, 1, 1, 0]);
        assert_eq!(coded.values[0].threshold(0, 2), 1.0);
    }

    #[test]
    fn bins_of_ranks_are_stretches_of_them() {
        let x =
            Array2::from_shape_fn((3000, 2), |(i, j)| if j == 0 { ((i * 7) % 1500) as f64 } else { (i % 9) as f64 });
        let coded = Coded::exact(x.view());
        let Ranks::U16(ranks) = &coded.ranks else { unreachable!() };
        let last = &coded.values[0].last;
        assert!(last.windows(2).all(|w| w[0] < w[1]) && last.last() == Some(&1499) && last.len() > 80);
        for (row, (&bin, &rank)) in coded.bins.column(0).iter().zip(ranks.column(0)).enumerate() {
            assert_eq!(coded.values[0].low(rank.into()), x[[row, 0]]);
            assert!(u32::from(rank) <= last[bin as usize] && (bin == 0 || u32::from(rank) > last[bin as usize - 1]));
        }
        assert!(
            coded.values[1].last.is_empty()
                && coded.bins.column(1).iter().zip(ranks.column(1)).all(|(&b, &r)| u16::from(b) == r)
        );
        let few = ranks.lane(0, 10);
        let many = ranks.lane(0, 3000);
        assert!((0..3000).all(|row| few.code(row) == many.code(row)));
        assert_eq!(
            (coded.values[1].code_up_to(4.5), coded.values[1].code_up_to(-1.0), coded.values[1].code_up_to(99.0)),
            (4, 0, 8)
        );
    }

    #[test]
    fn bins_are_even_and_heavy_values_stand_alone() {
        let mut values: Vec<f64> = (0..30_000).map(f64::from).collect();
        values.extend(std::iter::repeat_n(100.5, 70_000));
        let x = Array2::from_shape_vec((100_000, 1), values).unwrap();
        let coded = Coded::histogram(x.view());
        let bins = &coded.values[0];
        let mut count = vec![0; bins.len()];
        coded.bins.by_column.iter().for_each(|&c| count[c as usize] += 1);
        assert!(bins.len() > 200 && bins.len() <= 256, "{}", bins.len());
        let heavy = bins.low.iter().position(|&v| v == 100.5).unwrap();
        assert_eq!((count[heavy], bins.high[heavy]), (70_000, 100.5));
        assert!(count.iter().filter(|&&n| n > 200).count() == 1, "{count:?}");
        assert!(bins.high.iter().zip(&bins.low[1..]).all(|(a, b)| a < b));
    }

    #[test]
    fn encoding_counts_the_borders_below() {
        for n in [0, 1, 7, 100, 255] {
            let borders: Vec<f64> = (0..n).map(|i| f64::from(i) * 2.0).collect();
            let column: Vec<f64> = (-3..530).map(f64::from).collect();
            let mut codes = vec![0; column.len()];
            encode(&column, &borders, &mut codes);
            for (v, code) in column.iter().zip(codes) {
                assert_eq!(code as usize, borders.iter().filter(|b| *b < v).count(), "{n} {v}");
            }
        }
    }

    #[test]
    fn few_distinct_values_are_binned_exactly() {
        let x = Array2::from_shape_fn((1000, 1), |(i, _)| (i % 200) as f64);
        let coded = Coded::histogram(x.view());
        assert_eq!(coded.values[0].len(), 200);
        assert_eq!(coded.values[0].threshold(3, 5), 4.0);
    }

    #[test]
    fn a_large_table_is_sampled_the_same_way_each_time() {
        let rows = sample(500_000);
        assert_eq!(rows.len(), SAMPLE);
        assert_eq!(rows, sample(500_000));
        assert!(rows.windows(2).all(|w| w[0] < w[1]) && rows[SAMPLE - 1] < 500_000);
    }
}
