//! The models as closed enums: what can be asked for, and what comes out of a fit.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::dbscan::{Dbscan, DbscanModel};
use super::forest::{DecisionTree, ExtraTrees, Forest, RandomForest};
use super::gaussian_mixture::{GaussianMixture, GaussianMixtureModel};
use super::gaussian_nb::{GaussianNb, GaussianNbModel};
use super::kmeans::{KMeans, KMeansModel};
use super::knn::{Knn, KnnModel};
use super::logistic_regression::{LogisticRegression, LogisticRegressionModel};
use super::majority::{Majority, MajorityModel};
use super::mlp::{Mlp, MlpModel};
use super::{Dataset, MlError, Numerics, Progress, Training, Votes, Warning};
use crate::digest::Seed;
use crate::param::choice;

choice! {
    /// A model with its parameters.
    pub enum ModelSpec {
        RandomForest(RandomForest) = "random_forest",
        ExtraTrees(ExtraTrees) = "extra_trees",
        DecisionTree(DecisionTree) = "decision_tree",
        Mlp(Mlp) = "mlp",
        KMeans(KMeans) = "kmeans",
        Dbscan(Dbscan) = "dbscan",
        Majority(Majority) = "majority",
        GaussianNb(GaussianNb) = "gaussian_nb",
        Knn(Knn) = "knn",
        LogisticRegression(LogisticRegression) = "logistic_regression",
        GaussianMixture(GaussianMixture) = "gaussian_mixture",
    }
}

impl ModelSpec {
    /// Whether it finds clusters without looking at the classes.
    #[must_use]
    pub fn is_clustering(&self) -> bool {
        matches!(self, Self::KMeans(_) | Self::Dbscan(_) | Self::GaussianMixture(_))
    }

    /// Whether it learns from the balanced rows (supervised models) or from the raw training rows (clusterings and
    /// the baseline).
    #[must_use]
    pub fn learns_balanced(&self) -> bool {
        !self.is_clustering() && !matches!(self, Self::Majority(_))
    }

    /// Whether the bytes of its fit depend on the SIMD level of the CPU. None does: every kernel gives the same bits at
    /// every level.
    #[must_use]
    pub fn depends_on_numerics(&self) -> bool {
        false
    }

    /// The seed that the experiment fixes for this model, if it does.
    #[must_use]
    pub fn random_state(&self) -> Option<u64> {
        match self {
            Self::RandomForest(p) => p.random_state,
            Self::ExtraTrees(p) => p.random_state,
            Self::DecisionTree(p) => p.random_state,
            Self::Mlp(p) => p.random_state,
            Self::KMeans(p) => p.random_state,
            Self::GaussianMixture(p) => p.random_state,
            Self::Dbscan(_) | Self::Majority(_) | Self::GaussianNb(_) | Self::Knn(_) | Self::LogisticRegression(_) => {
                None
            }
        }
    }

    /// Fits the model. A clustering also counts the votes of its training rows.
    ///
    /// # Errors
    /// [`MlError`] where the data or a parameter does not allow it.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        numerics: Numerics,
        progress: Progress<'_>,
    ) -> Result<(FittedModel, Vec<Warning>), MlError> {
        let data = train.get();
        let (state, warnings) = match self {
            Self::RandomForest(p) => {
                let (model, warnings) = p.fit(train, seed, progress)?;
                (State::Forest(model), warnings)
            }
            Self::ExtraTrees(p) => {
                let (model, warnings) = p.fit(train, seed, progress)?;
                (State::Forest(model), warnings)
            }
            Self::DecisionTree(p) => {
                let (model, warnings) = p.fit(train, seed, progress)?;
                (State::Forest(model), warnings)
            }
            Self::Mlp(p) => {
                let (model, warnings) = p.fit(train, seed, numerics, progress)?;
                (State::Mlp(model), warnings)
            }
            Self::KMeans(p) => {
                let (model, warnings) = p.fit(train, seed, progress)?;
                let votes = Votes::count(&model.assign(data.x().view()), data.y(), data.n_classes());
                (State::KMeans(model, votes), warnings)
            }
            Self::Dbscan(p) => {
                let (model, warnings) = p.fit(train, progress)?;
                let votes = Votes::count(model.labels(), data.y(), data.n_classes());
                (State::Dbscan(model, votes), warnings)
            }
            Self::Majority(p) => (State::Majority(p.fit(train)), Vec::new()),
            Self::GaussianNb(p) => (State::GaussianNb(p.fit(train)?), Vec::new()),
            Self::Knn(p) => (State::Knn(p.fit(train)?), Vec::new()),
            Self::LogisticRegression(p) => {
                let (model, warnings) = p.fit(train, progress)?;
                (State::LogisticRegression(model), warnings)
            }
            Self::GaussianMixture(p) => {
                let (model, warnings) = p.fit(train, seed, progress)?;
                let votes = Votes::count(&model.assign(data.x().view()), data.y(), data.n_classes());
                (State::GaussianMixture(model, votes), warnings)
            }
        };
        Ok((FittedModel { width: data.width(), classes: data.classes().to_vec(), state }, warnings))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    Forest(Forest),
    Mlp(MlpModel),
    KMeans(KMeansModel, Votes),
    Dbscan(DbscanModel, Votes),
    Majority(MajorityModel),
    GaussianNb(GaussianNbModel),
    Knn(KnnModel),
    LogisticRegression(LogisticRegressionModel),
    GaussianMixture(GaussianMixtureModel, Votes),
}

/// A fitted model. It knows its width and its classes and refuses rows that it cannot take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedModel {
    width: usize,
    classes: Vec<String>,
    state: State,
}

impl FittedModel {
    /// Columns that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Class names by index.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    fn guard(&self, x: ArrayView2<'_, f64>) -> Result<(), MlError> {
        if x.ncols() != self.width {
            return Err(MlError::Width { expected: self.width, got: x.ncols() });
        }
        for (row, values) in x.outer_iter().enumerate() {
            if let Some(column) = values.iter().position(|v| !v.is_finite()) {
                return Err(MlError::NotFinite { row, column, value: values[column].to_string() });
            }
        }
        Ok(())
    }

    /// Class probabilities, shape (rows, classes), each row summing to 1. A clustering gives the class shares among
    /// the voters of the row's cluster.
    ///
    /// # Errors
    /// [`MlError::Width`] or [`MlError::NotFinite`].
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>, MlError> {
        self.guard(x)?;
        Ok(match &self.state {
            State::Forest(model) => model.predict_proba(x),
            State::Mlp(model) => model.predict_proba(x)?,
            State::KMeans(model, votes) => votes.shares(&model.assign(x)),
            State::Dbscan(model, votes) => votes.shares(&model.assign(x)),
            State::Majority(model) => model.predict_proba(x),
            State::GaussianNb(model) => model.predict_proba(x),
            State::Knn(model) => model.predict_proba(x),
            State::LogisticRegression(model) => model.predict_proba(x),
            State::GaussianMixture(model, votes) => votes.shares(&model.assign(x)),
        })
    }

    /// The most probable class of every row; the lowest class wins a tie.
    ///
    /// # Errors
    /// As [`FittedModel::predict_proba`].
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Vec<u32>, MlError> {
        Ok(argmax(&self.predict_proba(x)?))
    }

    /// The cluster of every row (-1 is noise), if this is a clustering.
    ///
    /// # Errors
    /// As [`FittedModel::predict_proba`].
    pub fn clusters(&self, x: ArrayView2<'_, f64>) -> Result<Option<Vec<i32>>, MlError> {
        self.guard(x)?;
        Ok(match &self.state {
            State::KMeans(model, _) => Some(model.assign(x)),
            State::Dbscan(model, _) => Some(model.assign(x)),
            State::GaussianMixture(model, _) => Some(model.assign(x)),
            _ => None,
        })
    }

    /// The votes of the training rows, if this is a clustering.
    #[must_use]
    pub fn votes(&self) -> Option<&Votes> {
        match &self.state {
            State::KMeans(_, votes) | State::Dbscan(_, votes) | State::GaussianMixture(_, votes) => Some(votes),
            _ => None,
        }
    }

    /// The sum of squared distances of the training rows to their centres, for k-means.
    #[must_use]
    pub fn training_inertia(&self) -> Option<f64> {
        match &self.state {
            State::KMeans(model, _) => Some(model.inertia()),
            _ => None,
        }
    }

    /// Cluster of each training row, for DBSCAN.
    #[must_use]
    pub fn training_clusters(&self) -> Option<&[i32]> {
        match &self.state {
            State::Dbscan(model, _) => Some(model.labels()),
            _ => None,
        }
    }

    /// Mean decrease of impurity by feature, for trees and forests.
    #[must_use]
    pub fn feature_importances(&self) -> Option<Vec<f64>> {
        match &self.state {
            State::Forest(model) => Some(model.feature_importances().to_vec()),
            _ => None,
        }
    }

    /// Out-of-bag accuracy, for a forest that was asked for it.
    #[must_use]
    pub fn oob_score(&self) -> Option<f64> {
        match &self.state {
            State::Forest(model) => model.oob_score(),
            _ => None,
        }
    }

    /// The network, for an MLP.
    #[must_use]
    pub fn network(&self) -> Option<&MlpModel> {
        if let State::Mlp(model) = &self.state { Some(model) } else { None }
    }

    /// Training loss by epoch, for an MLP.
    #[must_use]
    pub fn loss_curve(&self) -> Option<&[f64]> {
        match &self.state {
            State::Mlp(model) => Some(&model.loss_curve),
            _ => None,
        }
    }
}

/// The index of the greatest value of every row; the lowest index wins a tie.
#[must_use]
pub fn argmax(values: &Array2<f64>) -> Vec<u32> {
    values
        .outer_iter()
        .map(|row| {
            let mut best = 0;
            for (i, &v) in row.iter().enumerate() {
                if v > row[best] {
                    best = i;
                }
            }
            best as u32
        })
        .collect()
}
