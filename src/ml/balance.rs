//! Balancing of training rows: a closed choice.

use super::adasyn::Adasyn;
use super::borderline_smote::BorderlineSmote;
use super::resample::{RandomOver, RandomUnder};
use super::smote::Smote;
use super::{Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{choice, parameters};

parameters! {
    /// Leaves the training rows as they are.
    pub struct NoBalance {
    }
}

parameters! {
    /// Takes the balanced training rows that came with the data: `X_train` of an npz file that has
    /// `X_train_unSMOTE` too.
    pub struct GivenBalance {
    }
}

choice! {
    /// How the training rows of the supervised models are balanced. Never touches a held-out row.
    pub enum Balance {
        None(NoBalance) = "none",
        Smote(Smote) = "smote",
        BorderlineSmote(BorderlineSmote) = "borderline_smote",
        Adasyn(Adasyn) = "adasyn",
        Given(GivenBalance) = "given",
        RandomOver(RandomOver) = "random_over",
        RandomUnder(RandomUnder) = "random_under",
    }
}

impl Default for Balance {
    fn default() -> Self {
        Self::None(NoBalance::default())
    }
}

impl Balance {
    /// Whether it makes rows that lie between others, so that a column needs an order for them to mean something.
    #[must_use]
    pub fn interpolates(&self) -> bool {
        match self {
            Self::Smote(_) | Self::BorderlineSmote(_) | Self::Adasyn(_) => true,
            Self::None(_) | Self::Given(_) | Self::RandomOver(_) | Self::RandomUnder(_) => false,
        }
    }

    /// Whether it adds rows to small classes.
    #[must_use]
    pub fn oversamples(&self) -> bool {
        self.interpolates() || matches!(self, Self::RandomOver(_))
    }

    /// The seed that the experiment fixes, if it does.
    #[must_use]
    pub fn random_state(&self) -> Option<u64> {
        match self {
            Self::None(_) | Self::Given(_) => None,
            Self::Smote(p) => p.random_state,
            Self::BorderlineSmote(p) => p.random_state,
            Self::Adasyn(p) => p.random_state,
            Self::RandomOver(p) => p.random_state,
            Self::RandomUnder(p) => p.random_state,
        }
    }

    /// The balanced training rows, the original ones (those that stay) first and untouched.
    ///
    /// # Errors
    /// [`MlError`] where the data does not allow it.
    pub fn resample(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(Training<Dataset>, Vec<Warning>), MlError> {
        match self {
            Self::None(_) => Ok((train.clone(), Vec::new())),
            Self::Given(_) => Err(MlError::data("balance: given takes rows of an npz file, there are none here")),
            Self::Smote(p) => p.resample(train, seed, progress),
            Self::BorderlineSmote(p) => p.resample(train, seed, progress),
            Self::Adasyn(p) => p.resample(train, seed, progress),
            Self::RandomOver(p) => Ok((p.resample(train, seed)?, Vec::new())),
            Self::RandomUnder(p) => Ok((p.resample(train, seed)?, Vec::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_rows_between_others_needs_an_order_and_adds_rows() {
        let all = [
            (Balance::None(NoBalance::default()), false, false),
            (Balance::Given(GivenBalance::default()), false, false),
            (Balance::Smote(Smote::default()), true, true),
            (Balance::BorderlineSmote(BorderlineSmote::default()), true, true),
            (Balance::Adasyn(Adasyn::default()), true, true),
            (Balance::RandomOver(RandomOver::default()), false, true),
            (Balance::RandomUnder(RandomUnder::default()), false, false),
        ];
        for (balance, interpolates, oversamples) in all {
            let word = balance.word();
            assert_eq!((balance.interpolates(), balance.oversamples()), (interpolates, oversamples), "{word}");
        }
    }
}
