//! The traits of linfa, so that trees and forests fit into any linfa program. Targets are class indices.

use linfa::dataset::{AsSingleTargets, DatasetBase};
use linfa::error::Error;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};

use super::{DecisionTree, ExtraTrees, Forest, RandomForest};
use crate::digest::Seed;
use crate::ml::{Dataset, MlError, Part, Progress, Role, Training, Warning};

/// The rows of a linfa data set as a training part; classes and features are named by their index.
fn training<D, T>(data: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Training<Dataset>, MlError>
where
    D: Data<Elem = f64>,
    T: AsSingleTargets<Elem = usize>,
{
    let x = data.records().to_owned();
    let targets = data.targets().as_single_targets();
    let y = targets
        .iter()
        .map(|&class| u32::try_from(class).map_err(|_| MlError::data(format!("class {class} is too large"))))
        .collect::<Result<Vec<u32>, MlError>>()?;
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
    let classes = targets.iter().max().map_or(0, |&most| most + 1);
    if classes > 1 << 16 {
        return Err(MlError::data(format!("expected at most 65536 classes, got {classes}")));
    }
    let features = names(x.ncols());
    let row_ids = (0..x.nrows() as u64).collect();
    Training::new(Part::first(Role::Train), Dataset::new(x, y, names(classes), features, row_ids)?)
}

fn told<T>(fitted: Result<(T, Vec<Warning>), MlError>) -> Result<T, Error> {
    fitted.map(|(model, _)| model).map_err(|e| Error::Parameters(e.to_string()))
}

macro_rules! fit {
    ($($model:ty),*) => { $(
        /// Without `random_state` the seed is 0.
        impl<D, T> Fit<ArrayBase<D, Ix2>, T, Error> for $model
        where
            D: Data<Elem = f64>,
            T: AsSingleTargets<Elem = usize>,
        {
            type Object = Forest;

            fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Forest, Error> {
                told(training(dataset).and_then(|train| <$model>::fit(self, &train, Seed::new(0), Progress::none())))
            }
        }
    )* };
}
fit!(RandomForest, ExtraTrees, DecisionTree);

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for Forest {
    /// The most probable class of each row; the lowest of several.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<usize>) {
        assert_eq!(x.nrows(), y.len(), "the number of rows must match the number of output targets");
        assert_eq!(x.ncols(), self.width(), "the number of columns must be that of the training rows");
        for (shares, class) in self.predict_proba(x.view()).outer_iter().zip(y.iter_mut()) {
            *class = (1..shares.len()).fold(0, |best, i| if shares[i] > shares[best] { i } else { best });
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(x.nrows())
    }
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;
    use linfa_trees::SplitQuality;
    use ndarray::{Array2, array};

    use super::*;
    use crate::ml::random::Rng;

    #[test]
    fn fits_and_predicts_in_a_linfa_program() {
        let x = array![[0.0, 5.0], [1.0, 4.0], [2.0, 6.0], [10.0, 5.0], [11.0, 4.0], [12.0, 6.0]];
        let data = linfa::Dataset::new(x.clone(), array![0_usize, 0, 0, 2, 2, 2]);
        let model = Fit::fit(&RandomForest { n_estimators: 30, ..RandomForest::default() }, &data).unwrap();
        assert_eq!(model.predict(&x), array![0, 0, 0, 2, 2, 2]);
        assert_eq!(model.n_classes(), 3);
        let bad = linfa::Dataset::new(array![[f64::NAN]], array![0_usize]);
        let error = Fit::fit(&DecisionTree::default(), &bad).unwrap_err();
        assert!(error.to_string().contains("NaN"), "{error}");
    }

    #[test]
    fn agrees_with_linfa_trees_on_separated_data_without_ties() {
        let mut rng = Rng::new(Seed::new(11));
        let y: Array1<usize> = (0..120).map(|i| i % 3).collect();
        let x = Array2::from_shape_fn((120, 4), |(i, j)| (y[i] * (j + 1)) as f64 * 3.0 + rng.uniform());
        let data = linfa::Dataset::new(x.clone(), y.clone());
        for (ours, theirs) in [
            (super::super::Criterion::Gini, SplitQuality::Gini),
            (super::super::Criterion::Entropy, SplitQuality::Entropy),
        ] {
            let tree = DecisionTree { criterion: ours, ..DecisionTree::default() };
            let ours = Fit::fit(&tree, &data).unwrap().predict(&x);
            let theirs = linfa_trees::DecisionTree::params().split_quality(theirs).fit(&data).unwrap().predict(&x);
            assert_eq!(ours, theirs);
            assert_eq!(ours, y);
        }
    }
}
