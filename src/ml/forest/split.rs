//! The best split of one feature at one node: by class histogram, by counting sort or by sorting, whichever is least
//! work; all three see the same places and give the same answer.

use super::codes::Code;
use super::score::Score;

/// A row of a node: row number (32 bits), class (16), times drawn (16).
#[derive(Clone, Copy)]
pub(super) struct Item(u64);

impl Item {
    /// Packs the parts; `class` and `drawn` must be below 65,536.
    pub fn new(row: usize, class: u32, drawn: u32) -> Self {
        Self((row as u64) << 32 | u64::from(class) << 16 | u64::from(drawn))
    }

    /// The rows that were drawn, in order. Every row is written and kept by moving on only where it was drawn, which
    /// spares the processor a branch that it could not foresee.
    pub fn list(classes: &[u32], drawn: impl Iterator<Item = u32>) -> Vec<Self> {
        let mut out = vec![Self(0); classes.len()];
        let mut end = 0;
        for (row, (&class, n)) in classes.iter().zip(drawn).enumerate() {
            out[end] = Self::new(row, class, n);
            end += usize::from(n > 0);
        }
        out.truncate(end);
        out
    }

    /// The row number.
    pub fn row(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The class.
    pub fn class(self) -> usize {
        (self.0 >> 16) as usize & 0xffff
    }

    /// How often it was drawn.
    pub fn drawn(self) -> u32 {
        self.0 as u32 & 0xffff
    }

    /// The same with a code in place of the row number: what is sorted.
    fn keyed(self, code: u32) -> Self {
        Self(u64::from(code) << 32 | self.0 & 0xffff_ffff)
    }

    fn code(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The best split of a node so far.
#[derive(Clone, Debug)]
pub(super) struct Best {
    /// Its score; minus infinity where there is none yet.
    pub score: f64,
    /// Its feature.
    pub feature: usize,
    /// Codes up to this go left.
    pub cut: u32,
    /// The lowest code on the right.
    pub next: u32,
    /// Rows on the left by class.
    pub left: Vec<u32>,
}

impl Best {
    /// None yet.
    pub fn none() -> Self {
        Self { score: f64::NEG_INFINITY, feature: 0, cut: 0, next: 0, left: Vec::new() }
    }

    /// Takes the split that `score` stands at, where it is strictly better.
    #[inline]
    fn offer(&mut self, score: &impl Score, feature: usize, cut: u32, next: u32) {
        let value = score.value();
        if value > self.score {
            self.score = value;
            self.feature = feature;
            self.cut = cut;
            self.next = next;
            self.left.clear();
            self.left.extend_from_slice(score.left());
        }
    }
}

/// A node as the search sees it.
pub(super) struct NodeRows<'a> {
    /// Its rows.
    pub items: &'a [Item],
    /// Times drawn, summed by class.
    pub total: &'a [u32],
    /// Fewest rows of a leaf.
    pub min_leaf: usize,
}

/// Stands for "rows of several classes" in a block of one code.
const MANY: usize = usize::MAX;

/// Memory that the search uses again and again.
#[derive(Default)]
pub(super) struct Search {
    keys: Vec<Item>,
    sorted: Vec<Item>,
    starts: Vec<u32>,
    cells: Vec<u64>,
}

impl Search {
    /// Offers the splits of `feature` to `best`. `column` has the codes of all rows, below `n_codes`. False where the
    /// feature is constant in this node.
    pub fn feature<C: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        column: &[C],
        n_codes: usize,
        feature: usize,
        score: &mut S,
        best: &mut Best,
    ) -> bool {
        if n_codes < 2 {
            return false;
        }
        let budget = 4 * node.items.len();
        if n_codes * node.total.len() <= budget {
            return self.by_histogram(node, column, n_codes, feature, score, best);
        }
        let (mut least, mut most) = (u32::MAX, 0);
        self.keys.clear();
        self.keys.extend(node.items.iter().map(|item| {
            let code = column[item.row()].get();
            least = least.min(code);
            most = most.max(code);
            item.keyed(code)
        }));
        if least >= most {
            return false;
        }
        let range = (most - least) as usize + 1;
        if self.keys.len() > 48 && range <= budget {
            self.counting_sort(least, range);
        } else {
            self.keys.sort_unstable_by_key(|k| k.0);
        }
        score.start(node.total);
        scan(&self.keys, node.min_leaf, feature, score, best);
        true
    }

    /// Class counts per code, then one pass over the codes. A cell holds rows in its upper and draws in its lower half.
    fn by_histogram<C: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        column: &[C],
        n_codes: usize,
        feature: usize,
        score: &mut S,
        best: &mut Best,
    ) -> bool {
        let classes = node.total.len();
        self.cells.clear();
        self.cells.resize(n_codes * classes, 0);
        for item in node.items {
            let cell = column[item.row()].get() as usize * classes + item.class();
            self.cells[cell] += 1 << 32 | u64::from(item.drawn());
        }
        score.start(node.total);
        let (mut rows_left, rows) = (0_usize, node.items.len());
        let mut previous = None;
        let mut blocks = 0;
        for (code, cells) in self.cells.chunks_exact(classes).enumerate() {
            let here: u64 = cells.iter().sum();
            if here == 0 {
                continue;
            }
            let code = code as u32;
            let class = cells.iter().position(|&cell| cell == here).unwrap_or(MANY);
            if let Some((before, class_before)) = previous
                && worth(class_before, class, rows_left, rows, node.min_leaf)
            {
                best.offer(score, feature, before, code);
            }
            for (class, &cell) in cells.iter().enumerate() {
                if cell > 0 {
                    score.shift(class, cell as u32);
                }
            }
            previous = Some((code, class));
            blocks += 1;
            rows_left += (here >> 32) as usize;
            if rows_left == rows {
                break;
            }
        }
        blocks > 1
    }

    /// Sorts `keys` by code, all of which lie in `least .. least + range`.
    fn counting_sort(&mut self, least: u32, range: usize) {
        self.starts.clear();
        self.starts.resize(range + 1, 0);
        for key in &self.keys {
            self.starts[(key.code() - least) as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.sorted.clear();
        self.sorted.resize(self.keys.len(), Item(0));
        for &key in &self.keys {
            let start = &mut self.starts[(key.code() - least) as usize];
            self.sorted[*start as usize] = key;
            *start += 1;
        }
        std::mem::swap(&mut self.keys, &mut self.sorted);
    }
}

/// Whether a place between two blocks of equal codes can be the best one. Between two blocks of one and the same class
/// it never is (Fayyad and Irani 1992), as long as the leaf limit does not forbid the places around it.
fn worth(class_before: usize, class: usize, rows_left: usize, rows: usize, min_leaf: usize) -> bool {
    if min_leaf > 1 {
        rows_left >= min_leaf && rows - rows_left >= min_leaf
    } else {
        class_before != class || class == MANY
    }
}

/// Offers the splits between blocks of equal codes of the sorted `keys`.
fn scan<S: Score>(keys: &[Item], min_leaf: usize, feature: usize, score: &mut S, best: &mut Best) {
    let (mut at, mut before, mut class_before) = (0, 0, MANY);
    while at < keys.len() {
        let (code, mut class) = (keys[at].code(), keys[at].class());
        let mut end = at + 1;
        while end < keys.len() && keys[end].code() == code {
            if keys[end].class() != class {
                class = MANY;
            }
            end += 1;
        }
        if at > 0 && worth(class_before, class, at, keys.len(), min_leaf) {
            best.offer(score, feature, before, code);
        }
        for key in &keys[at..end] {
            score.shift(key.class(), key.drawn());
        }
        (at, before, class_before) = (end, code, class);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Rng;
    use super::super::score::{Entropy, Gini, WeightedGini};
    use super::*;
    use crate::digest::Seed;

    /// Every place, scored from scratch.
    fn plain<S: Score>(node: &NodeRows, column: &[u16], score: &mut S) -> Option<(f64, u32)> {
        let mut codes: Vec<u32> = node.items.iter().map(|i| column[i.row()].get()).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut best: Option<(f64, u32)> = None;
        for &cut in &codes[..codes.len() - 1] {
            score.start(node.total);
            let left: Vec<_> = node.items.iter().filter(|i| column[i.row()].get() <= cut).collect();
            left.iter().for_each(|i| score.shift(i.class(), i.drawn()));
            if left.len() < node.min_leaf || node.items.len() - left.len() < node.min_leaf {
                continue;
            }
            if best.is_none_or(|(value, _)| score.value() > value) {
                best = Some((score.value(), cut));
            }
        }
        best
    }

    fn agree<S: Score>(mut score: S, seed: u64) {
        let mut rng = Rng::new(Seed::new(seed));
        let mut search = Search::default();
        for round in 0..400 {
            let (rows, classes) = (2 + rng.index(120), 1 + rng.index(3));
            let n_codes = [2, 5, 60, 3000][round % 4];
            let column: Vec<u16> = (0..rows).map(|_| rng.index(n_codes) as u16).collect();
            let items: Vec<Item> =
                (0..rows).map(|row| Item::new(row, rng.index(classes) as u32, 1 + rng.index(3) as u32)).collect();
            let mut total = vec![0; 3];
            items.iter().for_each(|i| total[i.class()] += i.drawn());
            let node = NodeRows { items: &items, total: &total, min_leaf: 1 + round % 3 };
            let mut best = Best::none();
            let varies = search.feature(&node, &column, n_codes, 7, &mut score, &mut best);
            let first = column[0];
            assert_eq!(varies, column.iter().any(|&c| c != first));
            let mut all_ways = vec![best.clone()];
            if varies {
                let mut best = Best::none();
                assert!(search.by_histogram(&node, &column, n_codes, 7, &mut score, &mut best));
                all_ways.push(best);
            }
            for best in all_ways {
                match if varies { plain(&node, &column, &mut score) } else { None } {
                    // Where all rows are of one class every place is as good.
                    Some(_) if items.iter().all(|i| i.class() == items[0].class()) => {}
                    Some((value, cut)) => {
                        assert!((best.score - value).abs() <= 1e-12 * value.abs(), "{} {value}", best.score);
                        assert_eq!(best.cut, cut, "round {round}");
                        assert!(best.next > cut && !column.iter().any(|&c| (cut + 1..best.next).contains(&c.get())));
                    }
                    None => assert_eq!(best.score, f64::NEG_INFINITY),
                }
            }
        }
    }

    #[test]
    fn every_way_finds_the_best_place() {
        agree(Gini::default(), 1);
        agree(WeightedGini::new(vec![0.5, 1.0, 2.0]), 2);
        agree(Entropy::new(None, 1000), 3);
    }

    #[test]
    fn items_keep_their_parts() {
        let item = Item::new(4_000_000_000, 65_535, 65_534);
        assert_eq!((item.row(), item.class(), item.drawn()), (4_000_000_000, 65_535, 65_534));
        let list = Item::list(&[5, 6, 7, 8], [0, 2, 0, 0].into_iter());
        assert_eq!(list.iter().map(|i| (i.row(), i.class(), i.drawn())).collect::<Vec<_>>(), [(1, 6, 2)]);
        let list = Item::list(&[5, 6], [3, 1].into_iter());
        assert_eq!(list.iter().map(|i| i.row()).collect::<Vec<_>>(), [0, 1]);
    }
}
