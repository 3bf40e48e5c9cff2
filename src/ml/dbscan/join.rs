//! Which core rows are joined: pairs of tree nodes, from the whole down.
//!
//! A pair of nodes is done without looking at rows where it is too far apart, so near that all rows are in reach, or
//! where both nodes are known to be one component already. The last is the rule: nodes are joined within before they are
//! joined with others, so in a dense region most pairs end high up in the tree.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::ml::neighbors::KdTree;
use crate::ml::simd::Level;

/// Rows of two nodes from which on their parts are joined side by side.
const APART: usize = 2048;

/// The components of the rows of `tree` that are joined by steps of at most `radius2` (squared), numbered by their
/// lowest row.
pub(super) fn components(level: Level, tree: &KdTree, radius2: f64) -> Vec<i32> {
    let joined = Joined::new(tree.rows());
    let whole: Vec<AtomicBool> = (0..tree.nodes().len()).map(|_| AtomicBool::new(false)).collect();
    if tree.rows() > 0 {
        Join { level, tree, joined: &joined, whole: &whole, radius2 }.within(0);
    }
    let mut labels = vec![0; tree.rows()];
    let mut next = 0;
    for row in 0..tree.rows() {
        let root = joined.root(row);
        labels[row] = if root == row {
            next += 1;
            next - 1
        } else {
            labels[root] // a root is the lowest row of its component
        };
    }
    labels
}

#[derive(Clone, Copy)]
struct Join<'a> {
    level: Level,
    tree: &'a KdTree,
    joined: &'a Joined,
    /// Nodes whose rows are known to be one component (once true, always true).
    whole: &'a [AtomicBool],
    radius2: f64,
}

impl Join<'_> {
    /// Joins the rows of a node with each other.
    fn within(self, node: usize) {
        if self.tree.across(self.level, node, node) <= self.radius2 {
            self.join_all(node);
            return;
        }
        match self.children(node) {
            Some([left, right]) => {
                self.both(self.rows(node), || self.within(left), || self.within(right));
                self.between(left, right);
            }
            None => self.leaves(node, node),
        }
        self.look_whole(node);
    }

    /// Joins the rows of one node with those of another.
    fn between(self, a: usize, b: usize) {
        if self.is_whole(a) && self.is_whole(b) && self.joined.same(self.any(a), self.any(b)) {
            return;
        }
        if self.tree.apart(self.level, a, b) > self.radius2 {
            return;
        }
        if self.tree.across(self.level, a, b) <= self.radius2 {
            self.join_all(a);
            self.join_all(b);
            self.joined.join(self.any(a), self.any(b));
            return;
        }
        let (large, small) = if self.rows(a) >= self.rows(b) { (a, b) } else { (b, a) };
        match self.children(large).map(|halves| (halves, small)).or(self.children(small).map(|halves| (halves, large)))
        {
            Some(([left, right], other)) => {
                let rows = self.rows(a) + self.rows(b);
                self.both(rows, || self.between(left, other), || self.between(right, other));
            }
            None => self.leaves(a, b),
        }
        self.look_whole(a);
        self.look_whole(b);
    }

    /// Joins the rows of two leaves, which may be one.
    fn leaves(self, a: usize, b: usize) {
        let (tree, joined) = (self.tree, self.joined);
        let (a_whole, b_whole) = (self.is_whole(a), self.is_whole(b));
        let first = tree.nodes()[b].positions().start;
        let mut point = vec![0.0; tree.width()];
        for position in tree.nodes()[a].positions() {
            let row = tree.row_at(position);
            if b_whole && joined.same(row, self.any(b)) {
                continue;
            }
            tree.point_at(position, &mut point);
            let blocks = tree.within(self.level, b, &point, self.radius2);
            let mut hits = blocks.iter().rev().fold(0_u32, |all, &hits| all << 8 | u32::from(hits));
            if b_whole && hits != 0 {
                joined.join(row, self.any(b));
                if a_whole {
                    return;
                }
                continue;
            }
            while hits != 0 {
                joined.join(row, tree.row_at(first + hits.trailing_zeros() as usize));
                hits &= hits - 1;
            }
        }
    }

    /// All rows of a node are within reach of each other, or of all rows of another node.
    fn join_all(self, node: usize) {
        if self.is_whole(node) {
            return;
        }
        let any = self.any(node);
        self.tree.nodes()[node].positions().for_each(|position| self.joined.join(any, self.tree.row_at(position)));
        self.mark(node);
    }

    /// Marks a node and all below it.
    fn mark(self, node: usize) {
        self.whole[node].store(true, Ordering::Relaxed);
        if let Some(halves) = self.children(node) {
            halves.into_iter().for_each(|half| self.mark(half));
        }
    }

    /// Marks a node, if it has become one component.
    fn look_whole(self, node: usize) {
        if self.is_whole(node) {
            return;
        }
        let any = self.any(node);
        let one = match self.children(node) {
            Some([left, right]) => {
                self.is_whole(left) && self.is_whole(right) && self.joined.same(any, self.any(right))
            }
            None => {
                self.tree.nodes()[node].positions().all(|position| self.joined.same(any, self.tree.row_at(position)))
            }
        };
        if one {
            self.whole[node].store(true, Ordering::Relaxed);
        }
    }

    fn both(self, rows: usize, one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
        if rows >= APART {
            rayon::join(one, other);
        } else {
            one();
            other();
        }
    }

    fn is_whole(self, node: usize) -> bool {
        self.whole[node].load(Ordering::Relaxed)
    }

    fn children(self, node: usize) -> Option<[usize; 2]> {
        self.tree.nodes()[node].children(node)
    }

    fn rows(self, node: usize) -> usize {
        self.tree.nodes()[node].positions().len()
    }

    /// A row of a node.
    fn any(self, node: usize) -> usize {
        self.tree.row_at(self.tree.nodes()[node].positions().start)
    }
}

/// A union-find that many threads may join in at once. A row only ever points to a lower one, so the root of a
/// component is its lowest row and the outcome does not depend on the order of the joins (Anderson and Woll 1991).
///
/// All accesses are relaxed: every update is one compare-and-swap of one cell, and what a thread does not see yet can
/// only make it join what is joined already.
struct Joined(Vec<AtomicU32>);

impl Joined {
    fn new(rows: usize) -> Self {
        Self((0..rows as u32).map(AtomicU32::new).collect())
    }

    fn root(&self, row: usize) -> usize {
        let mut row = row as u32;
        loop {
            let parent = self.0[row as usize].load(Ordering::Relaxed);
            if parent == row {
                return row as usize;
            }
            let above = self.0[parent as usize].load(Ordering::Relaxed);
            if above != parent {
                // Halves the path; losing a race is harmless.
                let cell = &self.0[row as usize];
                let _ = cell.compare_exchange(parent, above, Ordering::Relaxed, Ordering::Relaxed);
            }
            row = above;
        }
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    fn join(&self, a: usize, b: usize) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (low, high) = (a.min(b) as u32, a.max(b) as u32);
            let cell = &self.0[high as usize];
            if cell.compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }
}
