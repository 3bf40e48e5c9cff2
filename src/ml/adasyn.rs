//! ADASYN (He, Bai, Garcia, Li 2008), with the order and the arithmetic of imbalanced-learn: SMOTE that makes more new
//! rows from rows with more neighbours of other classes.

use ndarray::Axis;

use super::borderline_smote::foreign;
use super::neighbors::Neighbors;
use super::random::Rng;
use super::resample::{Raise, Target, raised, synthetic};
use super::smote::{Draw, few_neighbours, synthesise, with_made};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{Range, parameters};

parameters! {
    /// ADASYN: as `smote`, but a row gets new rows in proportion to its neighbours of other classes. As shares are
    /// rounded row by row, classes come out about as large as the largest, not exactly. Training rows only.
    pub struct Adasyn [short n_neighbors] {
        /// Nearest rows of any class that decide how many new rows a row gets, and nearest neighbours of the class to
        /// choose from. A class with no more rows than that uses all its other rows, with a warning (R01).
        n_neighbors: usize = 5, within Range::at_least(1.0);
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
        /// Rows per class instead of those of the largest: a number for all, or a map from class to number.
        target: Option<Target> = None;
    }
}

impl Adasyn {
    /// The training rows, untouched and in order, followed by the synthetic rows, class by class, with ids from
    /// [`super::smote::FIRST_SYNTHETIC_ID`].
    ///
    /// Warns (R01) for each class that stays as it is because no row of it has a neighbour of another class or all
    /// shares round to 0, and for each that is raised with fewer neighbours than `n_neighbors`. (imbalanced-learn refuses
    /// the first two.)
    ///
    /// # Errors
    /// [`MlError::Parameter`] for no neighbours, or a target that names an unknown class or fewer rows than there are.
    pub fn resample(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(Training<Dataset>, Vec<Warning>), MlError> {
        let neighbours = [("n_neighbors", self.n_neighbors)];
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
            let amounts = amounts(data, &all, rows, self.n_neighbors, missing);
            let total = amounts.iter().sum();
            if total == 0 {
                warnings.push(Warning::new(
                    Code::R01,
                    format!(
                        "class {:?}: ADASYN makes no rows, since too few of its {} rows have a neighbour of another \
                         class among n_neighbors = {}: it stays as it is; `smote` would raise it",
                        data.classes()[class],
                        rows.len(),
                        self.n_neighbors
                    ),
                ));
                continue;
            }
            let own = data.x().select(Axis(0), rows);
            let (neighbours, k) = Neighbors::new(own.view()).k_nearest_of_own(self.n_neighbors);
            if k < self.n_neighbors {
                warnings.push(few_neighbours(data, class, "n_neighbors", self.n_neighbors, k));
            }
            let mut rng = Rng::new(seed.index(class as u64));
            let columns: Vec<usize> = (0..total).map(|_| rng.index(k.max(1))).collect();
            let steps: Vec<f64> = (0..total).map(|_| rng.uniform()).collect();
            let draws = draws(&amounts, &columns, &steps);
            made.push((class, synthesise(own.view(), own.view(), &neighbours, k, &draws)));
        }
        with_made(data, &made)
    }
}

/// How many new rows each of `rows`, all of one class, gets of `missing`: its share of the neighbours of other classes
/// among the `n` nearest of all these rows, rounded (halves to even). `index` is that of the rows of `data`.
#[must_use]
pub fn amounts(data: &Dataset, index: &Neighbors, rows: &[usize], n: usize, missing: usize) -> Vec<usize> {
    let (foreign, _) = foreign(data, index, rows, n);
    let total = foreign.iter().sum::<usize>().max(1) as f64;
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // at most `missing`
    let amount = |&count: &usize| (count as f64 / total * missing as f64).round_ties_even() as usize;
    foreign.iter().map(amount).collect()
}

/// One draw for every new row: `amounts` says how many start from each row, then come neighbour and step of each.
#[must_use]
pub fn draws(amounts: &[usize], columns: &[usize], steps: &[f64]) -> Vec<Draw> {
    let rows = amounts.iter().enumerate().flat_map(|(row, &amount)| std::iter::repeat_n(row, amount));
    let pairs = columns.iter().zip(steps);
    rows.zip(pairs).map(|(row, (&neighbour, &step))| Draw { row, neighbour, step, shrink: 1.0 }).collect()
}

#[cfg(test)]
mod tests;
