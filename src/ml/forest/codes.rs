//! Features as small integers, column by column: rank codes (exact) or quantile bins (histogram).

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::super::random::Rng;
use crate::digest::Seed;

/// Most bins of a feature in histogram codes.
const BINS: usize = 256;
/// Bin borders are chosen from at most this many rows.
const SAMPLE: usize = 200_000;

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
pub(super) struct Bins {
    low: Vec<f64>,
    /// Empty where each code is a single value.
    high: Vec<f64>,
}

impl Bins {
    /// Number of codes.
    pub fn len(&self) -> usize {
        self.low.len()
    }

    /// The threshold that sends values of codes up to `left` left (`x <= threshold`) and from `right` on right: the
    /// midpoint between them.
    pub fn threshold(&self, left: u32, right: u32) -> f64 {
        let a = if self.high.is_empty() { self.low[left as usize] } else { self.high[left as usize] };
        midpoint(a, self.low[right as usize])
    }
}

/// A number in `[a, b)` for `a < b`: the midpoint, or `a` where rounding takes the midpoint out of the interval.
pub(super) fn midpoint(a: f64, b: f64) -> f64 {
    let middle = a / 2.0 + b / 2.0;
    if middle >= a && middle < b { middle } else { a }
}

/// A coded matrix, column-major.
pub(super) struct Codes<C> {
    rows: usize,
    codes: Vec<C>,
    bins: Vec<Bins>,
}

impl<C: Code> Codes<C> {
    /// Number of features.
    pub fn width(&self) -> usize {
        self.bins.len()
    }

    /// The codes of a feature, one per row.
    pub fn column(&self, feature: usize) -> &[C] {
        &self.codes[feature * self.rows..(feature + 1) * self.rows]
    }

    /// What the codes of a feature stand for.
    pub fn bins(&self, feature: usize) -> &Bins {
        &self.bins[feature]
    }

    fn gather(rows: usize, columns: Vec<(Vec<u32>, Bins)>) -> Self {
        let mut codes = Vec::with_capacity(rows * columns.len());
        let mut bins = Vec::with_capacity(columns.len());
        for (column, of) in columns {
            codes.extend(column.into_iter().map(C::pack));
            bins.push(of);
        }
        Self { rows, codes, bins }
    }
}

/// A coded matrix in the smallest integer that holds its codes.
pub(super) enum Coded {
    /// At most 256 codes per feature.
    U8(Codes<u8>),
    /// At most 65,536 codes per feature.
    U16(Codes<u16>),
    /// More.
    U32(Codes<u32>),
}

impl Coded {
    /// One code per distinct value.
    pub fn exact(x: ArrayView2<f64>) -> Self {
        let columns: Vec<_> = (0..x.ncols()).into_par_iter().map(|j| ranks(x, j)).collect();
        match columns.iter().map(|(_, bins)| bins.len()).max().unwrap_or(0) {
            0..=0x100 => Self::U8(Codes::gather(x.nrows(), columns)),
            0x101..=0x1_0000 => Self::U16(Codes::gather(x.nrows(), columns)),
            _ => Self::U32(Codes::gather(x.nrows(), columns)),
        }
    }

    /// At most 256 quantile bins per feature.
    pub fn histogram(x: ArrayView2<f64>) -> Self {
        let sample = sample(x.nrows());
        let columns: Vec<(Vec<u8>, Bins)> = (0..x.ncols()).into_par_iter().map(|j| quantiles(x, j, &sample)).collect();
        let mut codes = Vec::with_capacity(x.len());
        let mut bins = Vec::with_capacity(x.ncols());
        for (column, of) in columns {
            codes.extend_from_slice(&column);
            bins.push(of);
        }
        Self::U8(Codes { rows: x.nrows(), codes, bins })
    }
}

fn ranks(x: ArrayView2<f64>, j: usize) -> (Vec<u32>, Bins) {
    // Adding 0 turns -0 into +0, so that equal values have equal bits.
    let mut pairs: Vec<(f64, u32)> = x.column(j).iter().zip(0_u32..).map(|(&v, row)| (v + 0.0, row)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut codes = vec![0; pairs.len()];
    let mut low: Vec<f64> = Vec::new();
    for (value, row) in pairs {
        if low.last() != Some(&value) {
            low.push(value);
        }
        codes[row as usize] = low.len() as u32 - 1;
    }
    (codes, Bins { low, high: Vec::new() })
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

fn quantiles(x: ArrayView2<f64>, j: usize, sample: &[usize]) -> (Vec<u8>, Bins) {
    let column: Vec<f64> = x.column(j).iter().map(|&v| v + 0.0).collect();
    let mut values: Vec<f64> = sample.iter().map(|&row| column[row]).collect();
    values.sort_unstable_by(f64::total_cmp);
    let borders = borders(&values);
    let mut low = vec![f64::INFINITY; borders.len() + 1];
    let mut high = vec![f64::NEG_INFINITY; borders.len() + 1];
    let mut codes = vec![0_u8; column.len()];
    encode(&column, &borders, &mut codes);
    for (&v, &code) in column.iter().zip(&codes) {
        let code = code as usize;
        low[code] = low[code].min(v);
        high[code] = high[code].max(v);
    }
    (codes, Bins { low, high })
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

/// At most `BINS - 1` borders between the sorted `values`: values up to a border belong below it. A value that fills a
/// bin alone gets its own; the others share the remaining bins evenly.
fn borders(values: &[f64]) -> Vec<f64> {
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for &v in values {
        match distinct.last_mut() {
            Some((last, n)) if *last == v => *n += 1,
            _ => distinct.push((v, 1)),
        }
    }
    let between = |i: usize| midpoint(distinct[i].0, distinct[i + 1].0);
    if distinct.len() <= BINS {
        return (0..distinct.len() - 1).map(between).collect();
    }
    let heavy = |n: usize| n * BINS >= values.len();
    let heavies = distinct.iter().filter(|(_, n)| heavy(*n)).count();
    let mut bins_left = BINS - heavies;
    let mut rows_left: usize = distinct.iter().filter(|(_, n)| !heavy(*n)).map(|(_, n)| n).sum();
    let mut out = Vec::with_capacity(BINS - 1);
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
        if close && out.len() < BINS - 1 {
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
        let Coded::U8(codes) = Coded::exact(x.view()) else { unreachable!() };
        assert_eq!(codes.column(0), [2, 0, 2, 1]);
        assert_eq!(codes.column(1), [0, 0, 1, 0]);
        assert_eq!(codes.bins(0).threshold(0, 2), 1.0);
    }

    #[test]
    fn bins_are_even_and_heavy_values_stand_alone() {
        let mut values: Vec<f64> = (0..30_000).map(f64::from).collect();
        values.extend(std::iter::repeat_n(100.5, 70_000));
        let x = Array2::from_shape_vec((100_000, 1), values).unwrap();
        let Coded::U8(codes) = Coded::histogram(x.view()) else { unreachable!() };
        let bins = codes.bins(0);
        let mut count = vec![0; bins.len()];
        codes.column(0).iter().for_each(|&c| count[c as usize] += 1);
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
        let Coded::U8(codes) = Coded::histogram(x.view()) else { unreachable!() };
        assert_eq!(codes.bins(0).len(), 200);
        assert_eq!(codes.bins(0).threshold(3, 5), 4.0);
    }

    #[test]
    fn a_large_table_is_sampled_the_same_way_each_time() {
        let rows = sample(500_000);
        assert_eq!(rows.len(), SAMPLE);
        assert_eq!(rows, sample(500_000));
        assert!(rows.windows(2).all(|w| w[0] < w[1]) && rows[SAMPLE - 1] < 500_000);
    }
}
