//! Class weights, and bootstrap draws with them.

use std::collections::BTreeMap;

use super::super::random::Rng;
use super::super::{Dataset, MlError};
use crate::param::closest;

/// rows / (classes * rows of the class) over the classes that occur, 0 for the others (scikit-learn's `balanced`).
/// `counts` has the rows of every class.
#[must_use]
pub fn balanced_weights(counts: &[usize]) -> Vec<f64> {
    let rows: usize = counts.iter().sum();
    let present = counts.iter().filter(|&&n| n > 0).count();
    counts.iter().map(|&n| if n > 0 { rows as f64 / (present as f64 * n as f64) } else { 0.0 }).collect()
}

/// The weight of every class of `data` by its name; 1 where a class is not named.
///
/// # Errors
/// [`MlError::Parameter`] for a name that is no class, a weight that is negative or not finite, or no weight above 0
/// on a class that occurs.
pub fn named_weights(named: &BTreeMap<String, f64>, data: &Dataset) -> Result<Vec<f64>, MlError> {
    let classes = data.classes();
    let mut weights = vec![1.0; classes.len()];
    for (name, &weight) in named {
        let Some(class) = classes.iter().position(|c| c == name) else {
            let next = match closest(name, classes.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("the classes are {}", classes.join(", ")),
            };
            return Err(MlError::parameter("class_weight", format!("unknown class {name:?}: {next}")));
        };
        if !weight.is_finite() || weight < 0.0 {
            return Err(MlError::parameter(
                "class_weight",
                format!("class {name:?}: expected a weight of at least 0, got {weight}"),
            ));
        }
        weights[class] = weight;
    }
    if data.class_counts().iter().zip(&weights).all(|(&n, &w)| n == 0 || w == 0.0) {
        return Err(MlError::parameter("class_weight", "every class of the training rows has weight 0"));
    }
    Ok(weights)
}

/// Draws rows with replacement, each with odds given by its class.
pub(super) struct Bootstrap {
    rows: usize,
    draws: usize,
    weighted: Option<Weighted>,
}

/// Rows with odds by class.
struct Weighted {
    /// The rows, class after class.
    rows: Vec<u32>,
    /// Where the rows of each class begin, and where the last ones end.
    starts: Vec<usize>,
    /// Running sum of the odds of the classes.
    running: Vec<f64>,
}

impl Bootstrap {
    /// `draws` rows out of those with classes `y`; `weights` by class, `None` for equal odds.
    pub fn new(y: &[u32], draws: usize, weights: Option<&[f64]>) -> Self {
        let weighted = weights.map(|weights| {
            let mut starts = vec![0; weights.len() + 1];
            y.iter().for_each(|&class| starts[class as usize + 1] += 1);
            let mut sum = 0.0;
            let running = weights
                .iter()
                .enumerate()
                .map(|(class, weight)| {
                    sum += starts[class + 1] as f64 * weight;
                    starts[class + 1] += starts[class];
                    sum
                })
                .collect();
            let (mut rows, mut next) = (vec![0; y.len()], starts.clone());
            for (&class, row) in y.iter().zip(0_u32..) {
                rows[next[class as usize]] = row;
                next[class as usize] += 1;
            }
            Weighted { rows, starts, running }
        });
        Self { rows: y.len(), draws, weighted }
    }

    /// How often each row was drawn.
    pub fn counts(&self, rng: &mut Rng) -> Vec<u32> {
        let mut counts = vec![0_u32; self.rows];
        match &self.weighted {
            None => (0..self.draws).for_each(|_| counts[rng.index(self.rows)] += 1),
            Some(Weighted { rows, starts, running }) => {
                let total = running.last().copied().unwrap_or(0.0);
                // Rounding could land on the very end: then the last class with any odds is meant.
                let last = running.iter().position(|&r| r >= total).unwrap_or(0);
                for _ in 0..self.draws {
                    let at = rng.uniform() * total;
                    // Counted, not searched: the processor could not foresee where a search ends.
                    let class = running.iter().map(|&r| usize::from(r <= at)).sum::<usize>().min(last);
                    let of_class = &rows[starts[class]..starts[class + 1]];
                    counts[of_class[rng.index(of_class.len())] as usize] += 1;
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Seed;

    #[test]
    fn balanced_is_scikit_learns() {
        // compute_class_weight("balanced", classes=[0, 1], y=[1, 1, 1, 1, 0, 0]) from its documentation
        assert_eq!(balanced_weights(&[2, 4, 0]), [1.5, 0.75, 0.0]);
    }

    #[test]
    fn weighted_draws_follow_the_odds() {
        let y: Vec<u32> = (0..1000)
            .map(|i| {
                if i < 900 {
                    0
                } else if i < 950 {
                    1
                } else {
                    2
                }
            })
            .collect();
        let weights = [1.0, 18.0, 0.0];
        let boot = Bootstrap::new(&y, 100_000, Some(&weights));
        let counts = boot.counts(&mut Rng::new(Seed::new(5)));
        let of = |r: std::ops::Range<usize>| counts[r].iter().sum::<u32>();
        assert_eq!(of(0..1000), 100_000);
        assert_eq!(of(950..1000), 0);
        assert!((of(0..900) as f64 - 50_000.0).abs() < 1_000.0, "{}", of(0..900));
    }
}
