//! The best split by Gini impurity where every row counts by its draws alone: the one that forests nearly always ask
//! for, so it has ways of its own that are several times faster than the general ones of `split` and give the same
//! answer.
//!
//! - Few rows are sorted, those of up to [`SMALL`] by counting for each how many are below it, without a branch.
//! - Else the draws are counted by bin and class, for some features in one pass over the rows, and each bin's border is
//!   valued with the classes side by side. Where bins hold several ranks (`exact`), bins that cannot hold a better place
//!   than the best border are passed over; the rows of the others are sorted.

use super::codes::{BINS, Code};
use super::refine::{flag, refine};
use super::rows::Item;
use super::split::{Best, NodeRows, Source};

/// Most rows of a node that are sorted by counting.
const SMALL: usize = 64;
/// Most rows of a node that are sorted by comparing, where there are ranks.
const SORTED: usize = 128;
/// Fewest rows that are counted by bin and class.
const COUNTED: usize = 33;
/// Features that are counted in one pass.
const GROUP: usize = 3;
/// Most classes that a cell has a place for.
pub(super) const MOST_CLASSES: usize = 16;

/// What the search knows of a node with few classes before it looks at a feature.
#[derive(Clone, Copy, Default)]
pub(super) struct Packed {
    /// By class, the bits that its count is shifted by.
    shift: [u8; MOST_CLASSES],
    /// Draws by class, 16 bits each.
    total: u64,
}

impl Packed {
    /// `None` where more than four classes occur, or more draws than 16 bits hold.
    pub fn new(total: &[u32], draws: u64) -> Option<Self> {
        if draws > 0xffff || total.len() > MOST_CLASSES {
            return None;
        }
        let (mut packed, mut bits) = (Self::default(), 0_u8);
        for (class, &n) in total.iter().enumerate() {
            if n > 0 {
                if bits == 64 {
                    return None;
                }
                packed.shift[class] = bits;
                packed.total |= u64::from(n) << bits;
                bits += 16;
            }
        }
        Some(packed)
    }
}

/// A place in one feature: codes up to `cut` go left.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub value: f64,
    pub cut: u32,
    /// The least code on the right, if it is known.
    pub next: Option<u32>,
}

impl Place {
    const NONE: Self = Self { value: f64::NEG_INFINITY, cut: 0, next: None };

    /// Whether it is better; of equal ones the lower is.
    pub fn beats(self, other: Self) -> bool {
        self.value > other.value || (self.value == other.value && self.cut < other.cut)
    }
}

/// The value of a split: rows and summed squares of the counts on both sides.
#[inline]
pub(super) fn value(rows: [u64; 2], squares: [u64; 2]) -> f64 {
    // From i64 the processor converts in one instruction; fewer than 2^31 draws have a smaller sum of squares.
    let [wl, wr] = rows.map(|n| n as i64 as f64);
    let [sl, sr] = squares.map(|n| n as i64 as f64);
    (sl * wr + sr * wl) / (wl * wr)
}

pub(super) fn squares(counts: &[u32]) -> u64 {
    counts.iter().map(|&n| u64::from(n) * u64::from(n)).sum()
}

/// The search, with memory that is used again and again.
#[derive(Default)]
pub(super) struct FastGini {
    cells: Vec<u32>,
    keys: Vec<u32>,
    items: Vec<Item>,
}

impl FastGini {
    /// As `Search::features`. False where this node is one for the general ways.
    pub fn features<F: Code>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        features: &[u32],
        best: &mut Best,
        varies: &mut Vec<bool>,
    ) -> bool {
        let rows = node.items.len();
        if node.min_leaf > 1 || node.total.len() > MOST_CLASSES || node.draws >= 1 << 31 {
            return false;
        }
        if let Some(packed) = &node.packed
            && rows <= SMALL
            && source.most_ranks <= 1 << 25
        {
            varies.extend(features.iter().map(|&f| self.small(node, packed, source, f as usize, best)));
            return true;
        }
        if rows < COUNTED {
            return false;
        }
        match node.total.len() {
            0..=2 => self.larger::<F, 2>(node, source, features, best, varies),
            3..=4 => self.larger::<F, 4>(node, source, features, best, varies),
            5..=8 => self.larger::<F, 8>(node, source, features, best, varies),
            _ => self.larger::<F, MOST_CLASSES>(node, source, features, best, varies),
        }
        true
    }

    fn larger<F: Code, const K: usize>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        features: &[u32],
        best: &mut Best,
        varies: &mut Vec<bool>,
    ) {
        let mut list = features;
        while let [feature, rest @ ..] = list {
            let feature = *feature as usize;
            if let Some(packed) = &node.packed
                && node.items.len() <= SORTED
                && source.most_ranks <= 1 << 25
                && !source.values[feature].last.is_empty()
            {
                varies.push(self.sorted(node, packed, source, feature, best));
                list = rest;
                continue;
            }
            let taken = match list {
                [a, b, c, ..] if node.items.len() > SORTED => {
                    self.counted::<F, K, GROUP>(node, source, [*a, *b, *c], best, varies)
                }
                [a, b] if node.items.len() > SORTED => self.counted::<F, K, 2>(node, source, [*a, *b], best, varies),
                _ => self.counted::<F, K, 1>(node, source, [feature as u32], best, varies),
            };
            list = &list[taken..];
        }
    }

    /// Few rows. False where the feature is constant.
    fn small<F: Code>(
        &mut self,
        node: &NodeRows,
        packed: &Packed,
        source: &Source<F>,
        feature: usize,
        best: &mut Best,
    ) -> bool {
        const BITS: u32 = SMALL.trailing_zeros();
        let (n, lane) = (node.items.len(), source.ranks.lane(feature, node.items.len()));
        let mut keys = [i32::MAX; SMALL];
        let (mut least, mut most) = (u32::MAX, 0);
        for ((key, item), i) in keys.iter_mut().zip(node.items).zip(0_i32..) {
            let code = lane.code(item.row());
            least = least.min(code);
            most = most.max(code);
            *key = (code << BITS) as i32 | i;
        }
        if least >= most {
            return false;
        }
        let mut sorted = [0_u32; SMALL];
        rank_sort(&keys, n, &mut sorted);
        scan::<BITS>(&sorted[..n], node, packed, feature, best);
        true
    }

    /// More rows, but still worth sorting. False where the feature is constant.
    fn sorted<F: Code>(
        &mut self,
        node: &NodeRows,
        packed: &Packed,
        source: &Source<F>,
        feature: usize,
        best: &mut Best,
    ) -> bool {
        const BITS: u32 = SORTED.trailing_zeros();
        let lane = source.ranks.lane(feature, node.items.len());
        self.keys.clear();
        self.keys.extend(node.items.iter().zip(0_u32..).map(|(item, i)| lane.code(item.row()) << BITS | i));
        self.keys.sort_unstable();
        if self.keys.first().map(|key| key >> BITS) == self.keys.last().map(|key| key >> BITS) {
            return false;
        }
        scan::<BITS>(&self.keys, node, packed, feature, best);
        true
    }

    /// Counts some features by bin and class, and takes their best places; how many these were.
    fn counted<F: Code, const K: usize, const G: usize>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        features: [u32; G],
        best: &mut Best,
        varies: &mut Vec<bool>,
    ) -> usize {
        let features = features.map(|f| f as usize);
        let mut memory = std::mem::take(&mut self.cells);
        memory.resize(GROUP * BINS * MOST_CLASSES, 0);
        if let Some(cells) = memory.as_chunks_mut::<K>().0.as_chunks_mut::<BINS>().0.first_chunk_mut::<G>() {
            for (cells, &feature) in cells.iter_mut().zip(&features) {
                cells[..source.bins_of(feature)].fill([0; K]);
            }
            match source.bins.by_row(node.items.len()) {
                Some((codes, width)) => {
                    for item in node.items {
                        let codes = &codes[item.row() * width..][..width];
                        for (cells, &feature) in cells.iter_mut().zip(&features) {
                            cells[codes[feature] as usize][item.class() % K] += item.drawn();
                        }
                    }
                }
                None => {
                    let columns = features.map(|feature| source.bins.column(feature));
                    for item in node.items {
                        for (cells, column) in cells.iter_mut().zip(&columns) {
                            cells[column[item.row()] as usize][item.class() % K] += item.drawn();
                        }
                    }
                }
            }
            for (cells, &feature) in cells.iter().zip(&features) {
                varies.push(self.judge(node, source, feature, &cells[..source.bins_of(feature)], best));
            }
        }
        self.cells = memory;
        G
    }

    /// Takes the best place of a feature, if it is better. False where the feature is constant.
    fn judge<F: Code, const K: usize>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        feature: usize,
        cells: &[[u32; K]],
        best: &mut Best,
    ) -> bool {
        let last = &source.values[feature].last;
        let bins = source.bins.lane(feature, node.items.len());
        let of_first = &cells[bins.code(node.items[0].row()) as usize];
        let in_one_bin = of_first.iter().map(|&n| u64::from(n)).sum::<u64>() == node.draws;
        if in_one_bin && last.is_empty() {
            return false;
        }
        let mut total = [0; K];
        total[..node.total.len()].copy_from_slice(node.total);
        let mut borders = [Border::default(); BINS + 1];
        let borders = list(cells, &mut borders);
        let (mut found, mut left) = sweep(cells, &total, node.draws, borders);
        let mut varies = true;
        if last.is_empty() {
            found.next = borders.iter().map(|border| u32::from(border.bin)).find(|&bin| bin > found.cut);
        } else {
            found.cut = last[found.cut as usize];
            let lane = source.ranks.lane(feature, node.items.len());
            let mut flags = [0; BINS];
            if flag(cells, &total, borders, found.value.max(best.score), last, &mut flags) {
                if self.items.len() < node.items.len() {
                    self.items.resize(node.items.len(), Item::new(0, 0, 0));
                }
                let mut end = 0;
                for item in node.items {
                    self.items[end] = item.keyed(lane.code(item.row()));
                    end += usize::from(flags[bins.code(item.row()) as usize]);
                }
                let items = &mut self.items[..end];
                items.sort_unstable_by_key(|item| item.key());
                refine(items, cells, &total, node.draws, last, &mut found, &mut left);
            }
            if in_one_bin {
                let first = lane.code(node.items[0].row());
                varies = node.items.iter().any(|item| lane.code(item.row()) != first);
            }
        }
        if found.value > best.score {
            best.score = found.value;
            best.feature = feature;
            best.cut = found.cut;
            best.next = found.next;
            best.next = found.next;
            best.left.clear();
            best.left.extend_from_slice(&left[..node.total.len()]);
        }
        varies
    }
}

/// A bin that has a row: its number, its draws, and the value of a split after it.
#[derive(Clone, Copy, Default)]
pub(super) struct Border {
    pub bin: u8,
    pub draws: u32,
    pub value: f64,
}

/// The bins that have a row. Each is written and kept by moving on only where it has one: no branch.
fn list<'a, const K: usize>(cells: &[[u32; K]], borders: &'a mut [Border; BINS + 1]) -> &'a mut [Border] {
    let mut n = 0;
    for (cell, bin) in cells.iter().take(BINS).zip(0..=u8::MAX) {
        let draws = cell.iter().sum();
        borders[n] = Border { bin, draws, value: 0.0 };
        n += usize::from(draws > 0);
    }
    &mut borders[..n]
}

/// The best place after a bin, and the counts on its left.
fn sweep<const K: usize>(
    cells: &[[u32; K]],
    total: &[u32; K],
    draws: u64,
    borders: &mut [Border],
) -> (Place, [u32; K]) {
    let all = squares(total);
    let (mut left, mut rows, mut cross) = ([0_u32; K], 0_u64, 0_u64);
    let (mut best, mut kept) = (Place::NONE, [0; K]);
    for border in borders {
        let cell = &cells[border.bin as usize];
        rows += u64::from(border.draws);
        cross += cell.iter().zip(total).map(|(&n, &t)| u64::from(n) * u64::from(t)).sum::<u64>();
        left.iter_mut().zip(cell).for_each(|(l, n)| *l += n);
        let squares = squares(&left);
        // The sum of (t - l)^2 over the classes. After the last bin the value is 0 / 0, which is greater than nothing.
        border.value = value([rows, draws - rows], [squares, all + squares - 2 * cross]);
        if border.value > best.value {
            best = Place { value: border.value, cut: border.bin.into(), next: None };
            kept = left;
        }
    }
    (best, kept)
}

/// Puts the first `n` of `keys`, all different, in order: each goes to as many places from the start as there are
/// smaller ones.
fn rank_sort(keys: &[i32; SMALL], n: usize, sorted: &mut [u32; SMALL]) {
    const LANES: usize = 8;
    let (blocks, _) = keys.as_chunks::<LANES>();
    for (b, block) in blocks.iter().enumerate().take(n.div_ceil(LANES)) {
        let mut ranks = [0_i32; LANES];
        for key in &keys[..n] {
            for (rank, other) in ranks.iter_mut().zip(block) {
                *rank += i32::from(other > key);
            }
        }
        let here = (n - b * LANES).min(LANES);
        for (&key, &rank) in block.iter().zip(&ranks).take(here) {
            sorted[rank as usize % SMALL] = key as u32;
        }
    }
}

/// Takes the best place between two different codes of sorted `keys`, if it is better; a key is a code above `BITS` bits
/// of the item's number.
fn scan<const BITS: u32>(keys: &[u32], node: &NodeRows, packed: &Packed, feature: usize, best: &mut Best) {
    let (mut left, mut right) = (0_u64, packed.total);
    let mut rows = [0, node.draws];
    let mut squares = [0, squares(node.total)];
    let (mut found, mut kept) = (Place { value: best.score, ..Place::NONE }, None);
    for pair in keys.windows(2) {
        let item = node.items[pair[0] as usize & ((1 << BITS) - 1)];
        let (k, shift) = (u64::from(item.drawn()), packed.shift[item.class() % MOST_CLASSES]);
        let (l, r) = ((left >> shift) & 0xffff, (right >> shift) & 0xffff);
        squares[0] += k * (2 * l + k);
        squares[1] -= k * (2 * r - k);
        left += k << shift;
        right -= k << shift;
        rows[0] += k;
        rows[1] -= k;
        let value = value(rows, squares);
        let value = if pair[0] >> BITS == pair[1] >> BITS { f64::NEG_INFINITY } else { value };
        if value > found.value {
            found = Place { value, cut: pair[0] >> BITS, next: Some(pair[1] >> BITS) };
            kept = Some(left);
        }
    }
    if let Some(left) = kept {
        best.score = found.value;
        best.feature = feature;
        best.cut = found.cut;
        best.next = found.next;
        best.left.clear();
        let of = |(&n, &shift): (&u32, &u8)| if n > 0 { (left >> shift) as u32 & 0xffff } else { 0 };
        best.left.extend(node.total.iter().zip(&packed.shift).map(of));
    }
}
