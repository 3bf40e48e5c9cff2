//! Clusterings as classifiers: each cluster predicts the majority class of its voters.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Class counts of the voters of every cluster. Noise (-1) is one more cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    by_cluster: BTreeMap<i32, Vec<u64>>,
    overall: Vec<u64>,
}

impl Votes {
    /// Counts one vote per row.
    #[must_use]
    pub fn count(clusters: &[i32], classes: &[u32], n_classes: usize) -> Self {
        let mut by_cluster: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
        let mut overall = vec![0; n_classes];
        for (&cluster, &class) in clusters.iter().zip(classes) {
            by_cluster.entry(cluster).or_insert_with(|| vec![0; n_classes])[class as usize] += 1;
            overall[class as usize] += 1;
        }
        Self { by_cluster, overall }
    }

    fn voters(&self, cluster: i32) -> &[u64] {
        self.by_cluster.get(&cluster).unwrap_or(&self.overall)
    }

    /// The majority class of a cluster: the lowest class wins a tie, and a cluster without voters gets the overall
    /// majority.
    #[must_use]
    pub fn class_of(&self, cluster: i32) -> u32 {
        let votes = self.voters(cluster);
        let most = votes.iter().max().copied().unwrap_or(0);
        votes.iter().position(|&v| v == most).unwrap_or(0) as u32
    }

    /// The class of every voted cluster.
    #[must_use]
    pub fn map(&self) -> BTreeMap<i32, u32> {
        self.by_cluster.keys().map(|&c| (c, self.class_of(c))).collect()
    }

    /// The class shares among the voters of each row's cluster; shape (rows, classes). The argmax is
    /// [`Votes::class_of`].
    #[must_use]
    pub fn shares(&self, clusters: &[i32]) -> Array2<f64> {
        let mut out = Array2::zeros((clusters.len(), self.overall.len()));
        for (mut row, &cluster) in out.outer_iter_mut().zip(clusters) {
            let votes = self.voters(cluster);
            let total = votes.iter().sum::<u64>().max(1) as f64;
            for (cell, &v) in row.iter_mut().zip(votes) {
                *cell = v as f64 / total;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lowest_class_and_unvoted_clusters_to_the_overall_majority() {
        let votes = Votes::count(&[0, 0, 1, 1, 1, -1], &[2, 1, 2, 2, 0, 1], 3);
        assert_eq!(votes.class_of(0), 1);
        assert_eq!(votes.class_of(1), 2);
        assert_eq!(votes.class_of(-1), 1);
        assert_eq!(votes.class_of(9), 2);
        let shares = votes.shares(&[0, 9]);
        assert_eq!(shares.row(0).to_vec(), [0.0, 0.5, 0.5]);
        assert_eq!(shares.row(1).to_vec(), [1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0]);
    }
}
