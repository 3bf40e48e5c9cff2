//! Grows one tree: a stack of nodes, features drawn per split, rows partitioned in place.

use super::super::random::Rng;
use super::codes::Code;
use super::rows::{Item, beside, partition};
use super::score::Score;
use super::split::{Best, NodeRows, Search, Source};
use super::tree::Tree;
use crate::digest::Seed;

/// When growing stops, how many features a split looks at, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Deepest level of a leaf.
    pub max_depth: usize,
    /// Fewest rows of a node that is split.
    pub min_split: usize,
    /// Fewest rows of a leaf.
    pub min_leaf: usize,
    /// Features per split.
    pub max_features: usize,
    /// Cut each feature at a random place instead of its best.
    pub random: bool,
}

/// A node that waits to be grown; its rows by class wait on a second stack.
struct Waiting {
    at: usize,
    start: usize,
    end: usize,
    depth: usize,
    constants: usize,
}

/// The features of a tree: in which order they were drawn last, and those that are known to be constant.
///
/// As in scikit-learn, drawing goes on past `max_features` while only constant features have been drawn, and a feature
/// found constant in a node is not looked at again below it.
struct Features {
    order: Vec<u32>,
    /// Constant in this node, those known longest first: what a node knows is the beginning of what those below know.
    constant: Vec<u32>,
    /// Place of a feature in `constant`, where it is there.
    place: Vec<u32>,
    /// Drawn, and not known to be constant.
    candidates: Vec<u32>,
    /// Which of the candidates vary.
    varies: Vec<bool>,
}

/// Grows a tree on `items` (in the order of their rows, none empty of draws) and returns it with the impurity decrease
/// of each feature, summed over the splits and divided by the weight of all rows.
pub(super) fn grow<C: Code, S: Score>(
    source: &Source<C>,
    mut items: Vec<Item>,
    n_classes: usize,
    limits: &Limits,
    mut score: S,
    mut rng: Rng,
) -> (Tree, Vec<f64>) {
    let mut tree = Tree::default();
    let mut decrease = vec![0.0; source.values.len()];
    let mut features = Features::new(source.values.len());
    let mut places = limits.random.then(|| Rng::new(Seed::new(rng.bits())));
    let mut spare = vec![Item::new(0, 0, 0); items.len()];
    let mut search = Search::default();
    // Rows by class of every waiting node, in the order of the stack.
    let mut counts = vec![0_u32; n_classes];
    for item in &items {
        counts[item.class()] += item.drawn();
    }
    let weight: f64 = counts.iter().enumerate().map(|(class, &n)| f64::from(n) * score.weight(class)).sum();
    let mut total = vec![0_u32; n_classes];
    let mut stack = vec![Waiting { at: tree.grow(), start: 0, end: items.len(), depth: 0, constants: 0 }];
    while let Some(node) = stack.pop() {
        let below = counts.len() - n_classes;
        total.copy_from_slice(&counts[below..]);
        counts.truncate(below);
        let rows = node.end - node.start;
        let first = total.iter().position(|&n| n > 0).unwrap_or(0);
        if total[first + 1..].iter().all(|&n| n == 0) {
            tree.pure(node.at, first);
            continue;
        }
        let mut found = Best::none();
        features.constant.truncate(node.constants);
        if node.depth < limits.max_depth && rows >= limits.min_split && rows >= 2 * limits.min_leaf {
            let of = NodeRows::new(&items[node.start..node.end], &total, limits.min_leaf);
            features.draw(limits.max_features, &mut rng, |candidates, varies| match &mut places {
                None => search.features(&of, source, candidates, &mut score, &mut found, varies),
                Some(places) => search.random(&of, source, candidates, &mut score, places, &mut found, varies),
            });
        }
        if found.score == f64::NEG_INFINITY {
            let weights = || total.iter().enumerate().map(|(class, &n)| f64::from(n) * score.weight(class));
            let sum: f64 = weights().sum();
            let shares: Vec<f64> = weights().map(|w| w / sum).collect();
            tree.mixed(node.at, shares.into_iter());
            continue;
        }
        let lane = source.ranks.lane(found.feature, rows);
        let here = &mut items[node.start..node.end];
        let (most, least) = match found.next {
            Some(next) => (found.cut, next),
            None => beside(here, lane, found.cut),
        };
        let middle = node.start + partition(here, &mut spare, lane, found.cut);
        let threshold = found.drawn.unwrap_or_else(|| source.values[found.feature].threshold(most, least));
        let left = tree.split(node.at, found.feature, threshold);
        let before = score.impurity(&total);
        total.iter_mut().zip(&found.left).for_each(|(n, l)| *n -= l);
        decrease[found.feature] += before - score.impurity(&found.left) - score.impurity(&total);
        let (depth, constants) = (node.depth + 1, features.constant.len());
        counts.extend_from_slice(&total);
        stack.push(Waiting { at: left + 1, start: middle, end: node.end, depth, constants });
        counts.extend_from_slice(&found.left);
        stack.push(Waiting { at: left, start: node.start, end: middle, depth, constants });
    }
    tree.shrink();
    decrease.iter_mut().for_each(|d| *d /= weight);
    (tree, decrease)
}

impl Features {
    fn new(width: usize) -> Self {
        let order: Vec<u32> = (0..width as u32).collect();
        Self {
            place: vec![0; width],
            constant: Vec::with_capacity(width),
            candidates: Vec::new(),
            varies: Vec::new(),
            order,
        }
    }

    /// Draws features without replacement, at most `max` at a time and later one, until some vary or all are drawn. `look`
    /// is shown those not known to be constant and says of each whether it varies; those that do not are known from then
    /// on.
    fn draw(&mut self, max: usize, rng: &mut Rng, mut look: impl FnMut(&[u32], &mut Vec<bool>)) {
        let (mut drawn, mut found, width) = (0, false, self.order.len());
        while drawn < width && (drawn < max || !found) {
            self.candidates.clear();
            let end = (drawn + 1).max(max.min(width));
            for at in drawn..end {
                self.order.swap(at, at + rng.index(width - at));
                let feature = self.order[at];
                if self.constant.get(self.place[feature as usize] as usize) != Some(&feature) {
                    self.candidates.push(feature);
                }
            }
            drawn = end;
            if self.candidates.is_empty() {
                continue;
            }
            self.varies.clear();
            look(&self.candidates, &mut self.varies);
            for (&feature, varies) in self.candidates.iter().zip(&self.varies) {
                if *varies {
                    found = true;
                } else {
                    self.place[feature as usize] = self.constant.len() as u32;
                    self.constant.push(feature);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_goes_on_past_constant_features() {
        let mut features = Features::new(10);
        let mut rng = Rng::new(Seed::new(3));
        for _ in 0..50 {
            features.constant.clear();
            let mut seen = Vec::new();
            features.draw(2, &mut rng, |shown, varies| {
                seen.extend_from_slice(shown);
                varies.extend(shown.iter().map(|f| *f == 4));
            });
            // Only feature 4 varies: it is found each time, however late.
            assert!(seen.contains(&4));
            assert!(seen.len() == 2 || seen.last() == Some(&4));
            assert_eq!(features.constant.len(), seen.len() - 1);
            let known = features.constant.clone();
            let mut below = Vec::new();
            features.draw(2, &mut rng, |shown, varies| {
                below.extend_from_slice(shown);
                varies.resize(shown.len(), true);
            });
            assert!(!below.is_empty() && below.iter().all(|f| !known.contains(f)), "{known:?} {below:?}");
            let mut order = features.order.clone();
            order.sort_unstable();
            assert_eq!(order, (0..10).collect::<Vec<_>>());
        }
        // All constant: ends without a find.
        features.constant.clear();
        features.draw(3, &mut rng, |shown, varies| varies.resize(shown.len(), false));
        assert_eq!(features.constant.len(), 10);
    }
}
