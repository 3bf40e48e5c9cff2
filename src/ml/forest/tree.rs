//! A grown tree: flat nodes, and the class shares of leaves that are not pure.

use serde::{Deserialize, Serialize};

/// The `feature` of a leaf of one class; its `child` is the class.
const PURE: u32 = u32::MAX;
/// The `feature` of a leaf of several classes; its `child` is the row of its shares.
const MIXED: u32 = u32::MAX - 1;

/// A node of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    threshold: f64,
    feature: u32,
    /// Of a split: the left child; the right one follows it.
    child: u32,
}

/// A decision tree. A row goes left where its value is `<= threshold`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Class shares of mixed leaves, one after another.
    shares: Vec<f64>,
}

/// One node of a tree, to look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TreeNode<'a> {
    /// A question: is the value of `feature` at most `threshold`?
    Split {
        /// Column, from 0.
        feature: usize,
        /// Rows up to this go left.
        threshold: f64,
        /// Index of the left child.
        left: usize,
        /// Index of the right child.
        right: usize,
    },
    /// A leaf whose training rows are all of this class.
    Pure(usize),
    /// A leaf with the weighted share of each class among its training rows.
    Mixed(&'a [f64]),
}

impl Tree {
    /// Number of nodes, leaves included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The node of an index below [`Tree::node_count`]; 0 is the root. `n_classes` is the forest's.
    #[must_use]
    pub fn node(&self, index: usize, n_classes: usize) -> TreeNode<'_> {
        let node = self.nodes[index];
        let child = node.child as usize;
        match node.feature {
            PURE => TreeNode::Pure(child),
            MIXED => TreeNode::Mixed(&self.shares[child * n_classes..(child + 1) * n_classes]),
            feature => {
                TreeNode::Split { feature: feature as usize, threshold: node.threshold, left: child, right: child + 1 }
            }
        }
    }

    /// Number of splits from the root to the deepest leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        let mut depths = vec![0_usize; self.nodes.len()];
        let mut deepest = 0;
        for (i, node) in self.nodes.iter().enumerate() {
            deepest = deepest.max(depths[i]);
            if node.feature < MIXED {
                let child = node.child as usize;
                depths[child] = depths[i] + 1;
                depths[child + 1] = depths[i] + 1;
            }
        }
        deepest
    }

    /// Adds an empty place and returns its index.
    pub(super) fn grow(&mut self) -> usize {
        self.nodes.push(Node { threshold: 0.0, feature: PURE, child: 0 });
        self.nodes.len() - 1
    }

    /// Makes a place a split and adds places for its children; the left one's index is returned.
    pub(super) fn split(&mut self, at: usize, feature: usize, threshold: f64) -> usize {
        let left = self.grow();
        self.grow();
        self.nodes[at] = Node { threshold, feature: feature as u32, child: left as u32 };
        left
    }

    /// Makes a place a leaf of one class.
    pub(super) fn pure(&mut self, at: usize, class: usize) {
        self.nodes[at] = Node { threshold: 0.0, feature: PURE, child: class as u32 };
    }

    /// Makes a place a leaf with these shares, one per class.
    pub(super) fn mixed(&mut self, at: usize, shares: impl ExactSizeIterator<Item = f64>) {
        let child = (self.shares.len() / shares.len()) as u32;
        self.shares.extend(shares);
        self.nodes[at] = Node { threshold: 0.0, feature: MIXED, child };
    }

    /// Gives the memory back that growing held in reserve.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.shares.shrink_to_fit();
    }

    /// The leaf that a row ends in.
    fn leaf(&self, row: &[f64]) -> Node {
        let mut node = self.nodes[0];
        while node.feature < MIXED {
            // Written so that what cannot be compared goes right.
            let left = row[node.feature as usize] <= node.threshold;
            node = self.nodes[node.child as usize + usize::from(!left)];
        }
        node
    }

    fn add_leaf(&self, leaf: Node, sums: &mut [f64]) {
        let child = leaf.child as usize;
        if leaf.feature == PURE {
            sums[child] += 1.0;
        } else {
            let shares = &self.shares[child * sums.len()..(child + 1) * sums.len()];
            sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
        }
    }

    /// Adds the class shares of one row's leaf to `sums`.
    pub(super) fn add(&self, row: &[f64], sums: &mut [f64]) {
        self.add_leaf(self.leaf(row), sums);
    }

    /// Adds the class shares of one row's leaves of all `trees` to `sums`, tree after tree. Several trees are walked side by
    /// side, as in [`Tree::add_all`].
    pub(super) fn add_row(trees: &[Self], row: &[f64], sums: &mut [f64]) {
        const LANES: usize = 8;
        let (chunks, rest) = trees.as_chunks::<LANES>();
        for trees in chunks {
            let mut nodes: [Node; LANES] = std::array::from_fn(|lane| trees[lane].nodes[0]);
            let mut walking = true;
            while walking {
                walking = false;
                for (node, tree) in nodes.iter_mut().zip(trees) {
                    if node.feature < MIXED {
                        let left = row[node.feature as usize] <= node.threshold;
                        *node = tree.nodes[node.child as usize + usize::from(!left)];
                        walking = true;
                    }
                }
            }
            nodes.iter().zip(trees).for_each(|(&leaf, tree)| tree.add_leaf(leaf, sums));
        }
        rest.iter().for_each(|tree| tree.add(row, sums));
    }

    /// Adds the class shares of each row's leaf to its sums: `rows` are rows of `width` values, `sums` of `n_classes`.
    /// Several rows walk side by side, so that the processor has several memory reads to wait for instead of one; where
    /// one has arrived, the next takes its place.
    pub(super) fn add_all(&self, rows: &[f64], width: usize, sums: &mut [f64], n_classes: usize) {
        const LANES: usize = 8;
        let n = rows.len() / width;
        let (mut row, mut at, mut next) = ([0_usize; LANES], [0_usize; LANES], LANES);
        if n >= LANES {
            row = std::array::from_fn(|lane| lane);
            'walk: loop {
                for (row, at) in row.iter_mut().zip(&mut at) {
                    let node = self.nodes[*at];
                    if node.feature < MIXED {
                        let left = rows[*row * width + node.feature as usize] <= node.threshold;
                        *at = node.child as usize + usize::from(!left);
                        continue;
                    }
                    self.add_leaf(node, &mut sums[*row * n_classes..][..n_classes]);
                    *at = 0;
                    *row = next;
                    next += 1;
                    if next > n {
                        break 'walk;
                    }
                }
            }
        }
        let waiting = if n >= LANES { &row[..] } else { &[] };
        let rest = if n >= LANES { n..n } else { 0..n };
        for row in waiting.iter().copied().filter(|&row| row < n).chain(rest) {
            self.add(&rows[row * width..][..width], &mut sums[row * n_classes..][..n_classes]);
        }
    }

    /// Whether every index in it points somewhere, forwards: a walk over rows of `width` values ends in a leaf of
    /// `n_classes` classes.
    pub(super) fn is_sound(&self, width: usize, n_classes: usize) -> bool {
        let nodes = self.nodes.len();
        let mixed = self.shares.len().checked_div(n_classes).unwrap_or(0);
        nodes > 0
            && self.shares.len() == mixed * n_classes
            && self.nodes.iter().enumerate().all(|(i, node)| {
                let child = node.child as usize;
                match node.feature {
                    PURE => child < n_classes,
                    MIXED => child < mixed,
                    feature => (feature as usize) < width && child > i && child + 1 < nodes,
                }
            })
    }
}
