//! The best split of one feature at one node: by class histogram, by counting sort or by sorting, whichever is least
//! work; all three see the same places and give the same answer.

use super::codes::{Code, Grid, Lane, Values};
use super::gini::{FastGini, Packed};
use super::rows::Item;
use super::score::Score;
use crate::ml::random::Rng;

/// The best split of a node so far.
#[derive(Clone, Debug)]
pub(super) struct Best {
    /// Its score; minus infinity where there is none yet.
    pub score: f64,
    /// Its feature.
    pub feature: usize,
    /// Codes up to this go left.
    pub cut: u32,
    /// The least code on the right, if it is known; then `cut` is the greatest on the left.
    pub next: Option<u32>,
    /// Where the values are cut, if that was drawn.
    pub drawn: Option<f64>,
    /// Rows on the left by class.
    pub left: Vec<u32>,
}

impl Best {
    /// None yet.
    pub fn none() -> Self {
        Self { score: f64::NEG_INFINITY, feature: 0, cut: 0, next: None, drawn: None, left: Vec::new() }
    }

    /// Takes the split that `score` stands at, where it is strictly better.
    #[inline]
    fn offer(&mut self, score: &impl Score, feature: usize, cut: u32, next: u32) {
        let value = score.value();
        if value > self.score {
            self.score = value;
            self.feature = feature;
            self.cut = cut;
            self.next = Some(next);
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
    /// The sum of these.
    pub draws: u64,
    /// The same sums packed, where they can be.
    pub packed: Option<Packed>,
    /// Fewest rows of a leaf.
    pub min_leaf: usize,
}

impl<'a> NodeRows<'a> {
    /// `total` has the draws of the items by class.
    pub fn new(items: &'a [Item], total: &'a [u32], min_leaf: usize) -> Self {
        let draws = total.iter().map(|&n| u64::from(n)).sum();
        Self { items, total, draws, packed: Packed::new(total, draws), min_leaf }
    }
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
    codes: Vec<u32>,
    left: Vec<u32>,
    gini: FastGini,
}

/// The coded matrix that splits are searched in; splits are told in `ranks`.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, F> {
    /// At most 256 bins of each feature.
    pub bins: &'a Grid<u8>,
    /// Ranks, or the bins again.
    pub ranks: &'a Grid<F>,
    /// What the ranks stand for.
    pub values: &'a [Values],
    /// Ranks of the feature that has most.
    pub most_ranks: usize,
}

impl<'a, F> Source<'a, F> {
    /// `ranks` are `bins` where `values` tells of bins.
    pub fn new(bins: &'a Grid<u8>, ranks: &'a Grid<F>, values: &'a [Values]) -> Self {
        Self { bins, ranks, values, most_ranks: values.iter().map(Values::len).max().unwrap_or(0) }
    }

    /// Bins of a feature.
    pub fn bins_of(&self, feature: usize) -> usize {
        let values = &self.values[feature];
        if values.last.is_empty() { values.len() } else { values.last.len() }
    }
}

impl Search {
    /// Offers the splits of `features` to `best`, and says of each whether it varies in this node.
    pub fn features<F: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        features: &[u32],
        score: &mut S,
        best: &mut Best,
        varies: &mut Vec<bool>,
    ) {
        if score.is_plain_gini() && self.gini.features(node, source, features, best, varies) {
            return;
        }
        varies.extend(features.iter().map(|&feature| {
            let feature = feature as usize;
            let lane = source.ranks.lane(feature, node.items.len());
            self.feature(node, lane, source.values[feature].len(), feature, score, best)
        }));
    }

    /// Offers one split of each of `features` to `best`, cut at a place drawn evenly between the least and the greatest
    /// value in this node (scikit-learn's `node_split_random`), and says of each whether it varies. Where codes are bins,
    /// all rows of a bin stay together: a cut inside a bin moves to its upper border.
    #[allow(clippy::too_many_arguments)]
    pub fn random<F: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        source: &Source<F>,
        features: &[u32],
        score: &mut S,
        rng: &mut Rng,
        best: &mut Best,
        varies: &mut Vec<bool>,
    ) {
        varies.extend(features.iter().map(|&feature| {
            let (lane, values) =
                (source.ranks.lane(feature as usize, node.items.len()), &source.values[feature as usize]);
            let (mut least, mut most) = (u32::MAX, 0);
            self.codes.clear();
            self.codes.extend(node.items.iter().map(|item| {
                let code = lane.code(item.row());
                (least, most) = (least.min(code), most.max(code));
                code
            }));
            if least >= most {
                return false;
            }
            let (low, high, way) = (values.low(least), values.high(most), rng.uniform());
            // Written so that the distance of two huge values does not overflow.
            let at = low * (1.0 - way) + high * way;
            let at = if at >= high { low } else { at };
            let cut = values.code_up_to(at).clamp(least, most - 1);
            self.left.clear();
            self.left.resize(node.total.len(), 0);
            let mut rows_left = 0;
            for (item, &code) in node.items.iter().zip(&self.codes) {
                self.left[item.class()] += item.drawn() * u32::from(code <= cut);
                rows_left += usize::from(code <= cut);
            }
            if rows_left.min(node.items.len() - rows_left) >= node.min_leaf {
                score.start(node.total);
                self.left.iter().enumerate().for_each(|(class, &n)| score.shift(class, n));
                let before = best.score;
                best.offer(score, feature as usize, cut, 0);
                if best.score > before {
                    (best.next, best.drawn) = (None, (at >= values.high(cut)).then_some(at));
                }
            }
            true
        }));
    }

    /// Any score, any limit.
    fn feature<C: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        lane: Lane<C>,
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
            return self.by_histogram(node, lane, n_codes, feature, score, best);
        }
        let (mut least, mut most) = (u32::MAX, 0);
        self.keys.clear();
        self.keys.extend(node.items.iter().map(|item| {
            let code = lane.code(item.row());
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
            self.keys.sort_unstable_by_key(|k| k.key());
        }
        score.start(node.total);
        scan(&self.keys, node.min_leaf, feature, score, best);
        true
    }

    /// Class counts per code, then one pass over the codes. A cell holds rows in its upper and draws in its lower half.
    fn by_histogram<C: Code, S: Score>(
        &mut self,
        node: &NodeRows,
        lane: Lane<C>,
        n_codes: usize,
        feature: usize,
        score: &mut S,
        best: &mut Best,
    ) -> bool {
        let classes = node.total.len();
        self.cells.clear();
        self.cells.resize(n_codes * classes, 0);
        for item in node.items {
            let cell = lane.code(item.row()) as usize * classes + item.class();
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
        self.sorted.resize(self.keys.len(), Item::new(0, 0, 0));
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
    use super::super::codes::{Coded, Ranks};
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
            let lane = Lane::column(&column);
            let items: Vec<Item> =
                (0..rows).map(|row| Item::new(row, rng.index(classes) as u32, 1 + rng.index(3) as u32)).collect();
            let mut total = vec![0; 3];
            items.iter().for_each(|i| total[i.class()] += i.drawn());
            let node = NodeRows::new(&items, &total, 1 + round % 3);
            let mut best = Best::none();
            let varies = search.feature(&node, lane, n_codes, 7, &mut score, &mut best);
            let first = column[0];
            assert_eq!(varies, column.iter().any(|&c| c != first));
            let mut all_ways = vec![best.clone()];
            if varies {
                let mut best = Best::none();
                assert!(search.by_histogram(&node, lane, n_codes, 7, &mut score, &mut best));
                all_ways.push(best);
            }
            for best in all_ways {
                match if varies { plain(&node, &column, &mut score) } else { None } {
                    // Where all rows are of one class every place is as good.
                    Some(_) if items.iter().all(|i| i.class() == items[0].class()) => {}
                    Some((value, cut)) => {
                        assert!((best.score - value).abs() <= 1e-12 * value.abs(), "{} {value}", best.score);
                        assert_eq!(best.cut, cut, "round {round}");
                        assert_eq!(best.next, column.iter().map(|c| c.get()).filter(|&c| c > cut).min());
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

    /// The quick ways of `gini` beside the general one, on matrices with and without ranks: values with many ties or
    /// none, few rows or many, few classes or many, all drawn once or some of them often.
    #[test]
    fn the_quick_ways_find_what_the_general_one_finds() {
        let mut rng = Rng::new(Seed::new(9));
        let mut search = Search::default();
        for round in 0..300 {
            let rows = [1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 400, 900][round % 16];
            let classes = 1 + rng.index([2, 3, 5, 8, 17][round % 5]);
            let distinct = [2, 9, 300, 5000][round % 4];
            // More rows than the node has, so that it reads by row or by column.
            let all = rows * [1, 3, 40][round % 3];
            let x = ndarray::Array2::from_shape_fn((all, 5), |(i, j)| match j {
                0 => 1.0,
                1 => (i % 7) as f64,
                _ => (rng.index(distinct) as f64 - 3.0).max(0.0),
            });
            let step = all / rows;
            let often = round % 7 == 0;
            let items: Vec<Item> = (0..rows)
                .map(|i| {
                    let class =
                        if rng.index(4) == 0 { rng.index(classes) } else { x[[i * step, 2]] as usize % classes };
                    let drawn = if often { 1 + rng.index(30_000) as u32 } else { 1 + rng.index(3) as u32 };
                    Item::new(i * step, class as u32, drawn)
                })
                .collect();
            let mut total = vec![0; classes];
            items.iter().for_each(|i| total[i.class()] += i.drawn());
            let node = NodeRows::new(&items, &total, 1);
            for coded in [Coded::exact(x.view()), Coded::histogram(x.view())] {
                let (bins, values) = (&coded.bins, &coded.values[..]);
                match &coded.ranks {
                    Ranks::AsBins => same_split(&mut search, &node, &Source::new(bins, bins, values)),
                    Ranks::U16(ranks) => same_split(&mut search, &node, &Source::new(bins, ranks, values)),
                    Ranks::U32(ranks) => same_split(&mut search, &node, &Source::new(bins, ranks, values)),
                }
            }
        }
    }

    fn same_split<F: Code>(search: &mut Search, node: &NodeRows, source: &Source<F>) {
        let (features, mut gini) = ([3, 0, 4, 1, 2], Gini::default());
        let lane = |feature: usize| source.ranks.lane(feature, node.items.len());
        let (mut general, mut varied) = (Best::none(), Vec::new());
        for feature in features.map(|f| f as usize) {
            let n_codes = source.values[feature].len();
            varied.push(search.feature(node, lane(feature), n_codes, feature, &mut gini, &mut general));
        }
        let (mut quick, mut varies) = (Best::none(), Vec::new());
        search.features(node, source, &features, &mut gini, &mut quick, &mut varies);
        assert_eq!(varies, varied);
        if node.total.iter().filter(|&&n| n > 0).count() < 2 {
            return; // every place is as good as another
        }
        assert_eq!((quick.score, quick.feature, &quick.left), (general.score, general.feature, &general.left));
        if general.score > f64::NEG_INFINITY {
            let lane = lane(general.feature);
            let beside = super::super::rows::beside(node.items, lane, quick.cut);
            assert_eq!((general.cut, general.next), (beside.0, Some(beside.1)));
            assert!(quick.next.is_none_or(|next| (quick.cut, next) == beside));
        }
    }
}
