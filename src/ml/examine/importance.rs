//! Permutation importance on held-out rows.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::digest::Seed;
use crate::ml::metrics::ConfusionMatrix;
use crate::ml::random::Rng;
use crate::ml::{Dataset, FittedModel, MlError};

/// What shuffling one feature at a time costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Permuted {
    /// Held-out rows that were used, evenly spread over the part.
    pub rows: u64,
    /// Shuffles of every feature.
    pub repeats: u64,
    /// Macro F1 of these rows as they are.
    pub score: f64,
    /// The greatest mean first.
    pub features: Vec<PermutedFeature>,
    /// Features of the model that were left out, those with the least impurity importance or the last ones.
    pub left_out: u64,
}

/// One shuffled feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermutedFeature {
    /// Its name.
    pub feature: String,
    /// Mean loss of macro F1 over the shuffles.
    pub mean: f64,
    /// Half the width of the 95 % interval of that mean over the shuffles (Student's t); the rows stay the same.
    pub half: f64,
}

const REPEATS: usize = 5;
/// The 97.5 % quantile of Student's t with `REPEATS - 1` degrees of freedom.
const T: f64 = 2.776_445_105_197_79;
/// Rows to predict in all, most features, most and least rows.
const BUDGET: usize = 24_000;
const FEATURES: usize = 30;
const ROWS: (usize, usize) = (100, 1_000);

/// Permutation importance (Breiman 2001; `sklearn.inspection.permutation_importance`) by macro F1, five shuffles, on a
/// bounded number of rows. Of more than 30 features those with the greatest impurity importance are taken, else the first.
/// None where there are fewer than two rows.
///
/// # Errors
/// [`MlError`] where the model cannot predict.
pub fn permutation_importance(
    model: &FittedModel,
    part: &Dataset,
    impurity: &[(String, f64)],
    seed: Seed,
) -> Result<Option<Permuted>, MlError> {
    let mut columns: Vec<usize> = (0..part.width()).collect();
    if columns.len() > FEATURES && !impurity.is_empty() {
        let rank = |column: usize| impurity.iter().position(|(name, _)| *name == part.features()[column]);
        columns.sort_by_key(|&c| (rank(c).unwrap_or(usize::MAX), c));
    }
    columns.truncate(FEATURES);
    let most = (BUDGET / (columns.len() * REPEATS).max(1)).clamp(ROWS.0, ROWS.1);
    let rows = super::spread(part.rows(), most);
    if rows.len() < 2 {
        return Ok(None);
    }
    let sample = part.take(&rows)?;
    let score = |x: ndarray::ArrayView2<f64>| -> Result<f64, MlError> {
        let said = model.predict(x)?;
        Ok(ConfusionMatrix::new(sample.y(), &said, sample.n_classes())?.classification().macro_average.f1)
    };
    let base = score(sample.x().view())?;
    let mut features: Vec<PermutedFeature> = columns
        .par_iter()
        .map(|&column| {
            let mut losses = [0.0; REPEATS];
            let original = sample.x().column(column).to_vec();
            let constant = original.windows(2).all(|w| w[0] == w[1]);
            let mut x = sample.x().clone();
            for (repeat, loss) in losses.iter_mut().enumerate().filter(|_| !constant) {
                let mut shuffled = original.clone();
                Rng::new(seed.index(column as u64).index(repeat as u64)).shuffle(&mut shuffled);
                x.column_mut(column).iter_mut().zip(shuffled).for_each(|(to, from)| *to = from);
                *loss = base - score(x.view())?;
            }
            let mean = losses.iter().sum::<f64>() / REPEATS as f64;
            let variance = losses.iter().map(|l| (l - mean) * (l - mean)).sum::<f64>() / (REPEATS - 1) as f64;
            let half = T * (variance / REPEATS as f64).sqrt();
            Ok(PermutedFeature { feature: part.features()[column].clone(), mean, half })
        })
        .collect::<Result<_, MlError>>()?;
    features.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    Ok(Some(Permuted {
        rows: rows.len() as u64,
        repeats: REPEATS as u64,
        score: base,
        features,
        left_out: (part.width() - columns.len()) as u64,
    }))
}
