//! Grows one tree: a stack of nodes, features drawn per split, rows partitioned in place.

use super::super::random::Rng;
use super::codes::{Code, Codes};
use super::score::Score;
use super::split::{Best, Item, NodeRows, Search};
use super::tree::Tree;

/// When growing stops, and how many features a split looks at.
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
}

/// A node that waits to be grown; its rows by class wait on a second stack.
struct Waiting {
    at: usize,
    start: usize,
    end: usize,
    depth: usize,
    constants: usize,
}

/// The features of a tree in the order they are drawn from, with those known to be constant in front.
///
/// The walk is scikit-learn's (`node_split_best`): drawing goes on past `max_features` while only constant features
/// have been drawn, and a feature found constant in a node is not looked at again below it.
struct Features {
    order: Vec<u32>,
    constant: Vec<u32>,
}

/// Grows a tree on `items` (in the order of their rows, none empty of draws) and returns it with the impurity decrease
/// of each feature, summed over the splits and divided by the weight of all rows.
pub(super) fn grow<C: Code, S: Score>(
    codes: &Codes<C>,
    mut items: Vec<Item>,
    n_classes: usize,
    limits: &Limits,
    mut score: S,
    mut rng: Rng,
) -> (Tree, Vec<f64>) {
    let mut tree = Tree::default();
    let mut decrease = vec![0.0; codes.width()];
    let mut features = Features { order: (0..codes.width() as u32).collect(), constant: vec![0; codes.width()] };
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
        let mut constants = node.constants;
        if node.depth < limits.max_depth && rows >= limits.min_split && rows >= 2 * limits.min_leaf {
            let of = NodeRows { items: &items[node.start..node.end], total: &total, min_leaf: limits.min_leaf };
            constants = features.draw(node.constants, limits.max_features, &mut rng, |feature| {
                let n_codes = codes.bins(feature).len();
                search.feature(&of, codes.column(feature), n_codes, feature, &mut score, &mut found)
            });
        }
        if found.score == f64::NEG_INFINITY {
            let weights = || total.iter().enumerate().map(|(class, &n)| f64::from(n) * score.weight(class));
            let sum: f64 = weights().sum();
            let shares: Vec<f64> = weights().map(|w| w / sum).collect();
            tree.mixed(node.at, shares.into_iter());
            continue;
        }
        let middle = node.start
            + partition(&mut items[node.start..node.end], &mut spare, codes.column(found.feature), found.cut);
        let threshold = codes.bins(found.feature).threshold(found.cut, found.next);
        let left = tree.split(node.at, found.feature, threshold);
        let before = score.impurity(&total);
        total.iter_mut().zip(&found.left).for_each(|(n, l)| *n -= l);
        decrease[found.feature] += before - score.impurity(&found.left) - score.impurity(&total);
        let depth = node.depth + 1;
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
    /// Draws features without replacement and shows each that is not known to be constant to `look`, which says
    /// whether it varies. Of the features, the first `known` in order are known to be constant; returns how many are
    /// known afterwards.
    fn draw(&mut self, known: usize, max: usize, rng: &mut Rng, mut look: impl FnMut(usize) -> bool) -> usize {
        let order = &mut self.order;
        let (mut drawn, mut found, mut visited, mut end) = (0, 0, 0, order.len());
        while end > known + found && (visited < max || visited <= found + drawn) {
            visited += 1;
            let mut at = drawn + rng.index(end - found - drawn);
            if at < known {
                order.swap(drawn, at);
                drawn += 1;
                continue;
            }
            at += found;
            if look(order[at] as usize) {
                end -= 1;
                order.swap(end, at);
            } else {
                order.swap(at, known + found);
                found += 1;
            }
        }
        // Siblings and children rely on the order of the known ones.
        order[..known].copy_from_slice(&self.constant[..known]);
        self.constant[known..known + found].copy_from_slice(&order[known..known + found]);
        known + found
    }
}

/// Puts the rows with codes up to `cut` in front, keeping the order on both sides; returns how many these are.
fn partition<C: Code>(items: &mut [Item], spare: &mut [Item], column: &[C], cut: u32) -> usize {
    let (mut left, mut right) = (0, 0);
    for at in 0..items.len() {
        let item = items[at];
        let goes_left = column[item.row()].get() <= cut;
        items[left] = item;
        spare[right] = item;
        left += usize::from(goes_left);
        right += usize::from(!goes_left);
    }
    items[left..].copy_from_slice(&spare[..right]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Seed;

    #[test]
    fn partition_keeps_the_order() {
        let column: Vec<u8> = vec![3, 1, 2, 9, 1, 5];
        let mut items: Vec<Item> = (0..6).map(|row| Item::new(row, 0, 1)).collect();
        let mut spare = items.clone();
        assert_eq!(partition(&mut items, &mut spare, &column, 2), 3);
        assert_eq!(items.iter().map(|i| i.row()).collect::<Vec<_>>(), [1, 2, 4, 0, 3, 5]);
    }

    #[test]
    fn drawing_goes_on_past_constant_features() {
        let mut features = Features { order: (0..10).collect(), constant: vec![0; 10] };
        let mut rng = Rng::new(Seed::new(3));
        for _ in 0..50 {
            let mut seen = Vec::new();
            let known = features.draw(0, 2, &mut rng, |f| {
                seen.push(f);
                f == 4
            });
            // Only feature 4 varies: it is found each time, however late.
            assert!(seen.contains(&4) || seen.len() >= 2);
            assert!(seen.contains(&4));
            assert!(known <= 9);
            let mut below = Vec::new();
            features.draw(known, 2, &mut rng, |f| {
                below.push(f);
                f == 4
            });
            assert!(below.iter().all(|f| *f == 4 || !seen.contains(f)), "{seen:?} {below:?}");
            let mut order = features.order.clone();
            order.sort_unstable();
            assert_eq!(order, (0..10).collect::<Vec<_>>());
        }
        // All constant: ends without a find.
        assert_eq!(features.draw(0, 3, &mut rng, |_| false), 10);
    }
}
