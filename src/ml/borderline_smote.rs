//! Borderline-SMOTE (Han, Wang, Mao 2005), with the order and the arithmetic of imbalanced-learn: SMOTE that starts from
//! the rows of a class that are in danger, those with many neighbours of other classes.

use ndarray::Axis;

use super::neighbors::Neighbors;
use super::random::Rng;
use super::resample::{Raise, Target, raised, synthetic};
use super::smote::{draw, few_neighbours, synthesise, with_made};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{Range, parameters, words};

words! {
    /// Where the rows that Borderline-SMOTE makes lie.
    pub enum BorderlineKind {
        /// Between a row in danger and one of its nearest neighbours of the same class.
        Borderline1 = "borderline-1",
        /// Between a row in danger and one of its nearest neighbours of any class; less than half way to one of another
        /// class.
        Borderline2 = "borderline-2",
    }
}

parameters! {
    /// Borderline-SMOTE: as `smote`, but new rows start only from rows in danger: at least half of their `m_neighbors`
    /// nearest rows, but not all, are of other classes. Training rows only.
    pub struct BorderlineSmote [short k_neighbors] {
        /// Nearest neighbours to choose from. A class with no more rows than that uses all its other rows, with a
        /// warning (R01).
        k_neighbors: usize = 5, within Range::at_least(1.0);
        /// Nearest rows of any class that decide whether a row is in danger.
        m_neighbors: usize = 10, within Range::at_least(1.0);
        /// Where the new rows lie.
        kind: BorderlineKind = BorderlineKind::Borderline1;
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
        /// Rows per class instead of those of the largest: a number for all, or a map from class to number.
        target: Option<Target> = None;
    }
}

impl BorderlineSmote {
    /// The training rows, untouched and in order, followed by the synthetic rows, class by class, with ids from
    /// [`super::smote::FIRST_SYNTHETIC_ID`].
    ///
    /// Warns (R01) for each class that has no row in danger and stays as it is, or is raised with fewer neighbours than
    /// `k_neighbors`.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for no neighbours, or a target that names an unknown class or fewer rows than there are.
    pub fn resample(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(Training<Dataset>, Vec<Warning>), MlError> {
        let neighbours = [("k_neighbors", self.k_neighbors), ("m_neighbors", self.m_neighbors)];
        synthetic(train, &neighbours, self.random_state, seed, |data, seed, warnings| {
            self.balance(data, seed, progress, warnings)
        })
    }

    fn balance(
        &self,
        data: &Dataset,
        seed: Seed,
        progress: Progress<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Dataset, MlError> {
        let raised = raised(data, self.target.as_ref())?;
        let all = Neighbors::new(data.x().view());
        let mut made = Vec::new();
        for (done, &Raise { class, ref rows, missing }) in raised.iter().enumerate() {
            progress.report(done, raised.len());
            let danger = in_danger(data, &all, rows, self.m_neighbors);
            if danger.is_empty() {
                warnings.push(Warning::new(
                    Code::R01,
                    format!(
                        "class {:?}: none of its {} rows is in danger (at least half of its m_neighbors = {}, but not \
                         all, of other classes): it stays as it is",
                        data.classes()[class],
                        rows.len(),
                        self.m_neighbors
                    ),
                ));
                continue;
            }
            let own = data.x().select(Axis(0), rows);
            let from = own.select(Axis(0), &danger);
            let second = self.kind == BorderlineKind::Borderline2;
            let (neighbours, k) = if second {
                let of_all: Vec<usize> = danger.iter().map(|&at| rows[at]).collect();
                all.k_nearest_of_some(from.view(), &of_all, self.k_neighbors)
            } else {
                Neighbors::new(own.view()).k_nearest_of_some(from.view(), &danger, self.k_neighbors)
            };
            if k < self.k_neighbors {
                warnings.push(few_neighbours(data, class, "k_neighbors", self.k_neighbors, k));
            }
            let mut rng = Rng::new(seed.index(class as u64));
            let mut draws = draw(danger.len(), k, missing, &mut rng);
            if second {
                for draw in &mut draws {
                    let neighbour = neighbours[draw.row * k + draw.neighbour] as usize;
                    if data.y()[neighbour] as usize != class {
                        draw.shrink = 0.5 * rng.uniform();
                    }
                }
            }
            let to = if second { data.x().view() } else { own.view() };
            made.push((class, synthesise(from.view(), to, &neighbours, k, &draws)));
        }
        with_made(data, &made)
    }
}

/// Places within `rows`, all of one class, of those in danger: of their `m` nearest rows (all others, where there are
/// fewer) at least half, but not all, are of other classes. `index` is that of the rows of `data`.
#[must_use]
pub fn in_danger(data: &Dataset, index: &Neighbors, rows: &[usize], m: usize) -> Vec<usize> {
    let (foreign, m) = foreign(data, index, rows, m);
    (0..rows.len()).filter(|&i| 2 * foreign[i] >= m && foreign[i] < m).collect()
}

/// How many of the `m` nearest rows of each of `rows`, all of one class, are of other classes; and `m`, cut to the number
/// of other rows.
pub(super) fn foreign(data: &Dataset, index: &Neighbors, rows: &[usize], m: usize) -> (Vec<usize>, usize) {
    let (neighbours, m) = index.k_nearest_of_some(data.x().select(Axis(0), rows).view(), rows, m);
    let count = |(i, &row): (usize, &usize)| {
        let near = &neighbours[i * m..(i + 1) * m];
        near.iter().filter(|&&other| data.y()[other as usize] != data.y()[row]).count()
    };
    (rows.iter().enumerate().map(count).collect(), m)
}

#[cfg(test)]
mod tests;
