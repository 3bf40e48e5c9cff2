//! Out-of-bag accuracy: each training row predicted by the trees that did not draw it (Breiman 1996, "Out-of-bag
//! estimation").

use ndarray::Axis;
use rayon::prelude::*;

use super::super::{Code, Dataset, Warning};
use super::BLOCK;
use super::tree::Tree;

/// Which training rows a tree did not draw: one bit per row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OutOfBag(Vec<u64>);

impl OutOfBag {
    /// From how often each row was drawn.
    pub fn new(counts: &[u32]) -> Self {
        let word = |rows: &[u32]| rows.iter().enumerate().fold(0, |bits, (i, &n)| bits | (u64::from(n == 0) << i));
        Self(counts.chunks(64).map(word).collect())
    }

    /// Whether the tree did not draw this row.
    pub fn has(&self, row: usize) -> bool {
        (self.0[row / 64] >> (row % 64)) & 1 == 1
    }
}

/// Rows with an out-of-bag prediction, and those of them that it gets right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    judged: usize,
    right: usize,
}

/// The share of the training rows whose out-of-bag prediction is right, and a warning where some rows have none
/// because every tree drew them; `None` where no row has one.
///
/// The prediction of a row is the class with the greatest sum of leaf shares over the trees that did not draw it
/// (the lowest of several), as in scikit-learn's `oob_decision_function_`. Rows that every tree drew are left out of
/// the share; scikit-learn takes their class for the first one.
///
/// Blocks of rows run in parallel; within a row the trees add up in their order, and the counts are whole numbers, so
/// the number of threads changes nothing. Beside one bit per row and tree, memory is one block of shares per thread.
pub(super) fn accuracy(data: &Dataset, trees: &[Tree], out: &[OutOfBag]) -> (Option<f64>, Option<Warning>) {
    let n_classes = data.n_classes();
    let counted = data
        .x()
        .axis_chunks_iter(Axis(0), BLOCK)
        .into_par_iter()
        .zip(data.y().par_chunks(BLOCK))
        .enumerate()
        .map(|(block, (rows, classes))| {
            let mut sums = vec![0.0; classes.len() * n_classes];
            let mut votes = vec![0_u32; classes.len()];
            for (tree, out) in trees.iter().zip(out) {
                let rows = rows.outer_iter().zip(sums.chunks_mut(n_classes)).zip(&mut votes);
                for (i, ((row, sums), votes)) in rows.enumerate() {
                    if let Some(row) = row.as_slice().filter(|_| out.has(block * BLOCK + i)) {
                        tree.add(row, sums);
                        *votes += 1;
                    }
                }
            }
            let mut counted = Counted::default();
            for ((shares, &class), _) in sums.chunks(n_classes).zip(classes).zip(&votes).filter(|(_, n)| **n > 0) {
                let best = (1..n_classes).fold(0, |best, c| if shares[c] > shares[best] { c } else { best });
                counted.judged += 1;
                counted.right += usize::from(best == class as usize);
            }
            counted
        })
        .reduce(Counted::default, |a, b| Counted { judged: a.judged + b.judged, right: a.right + b.right });
    let left_out = data.rows() - counted.judged;
    let warning = (left_out > 0).then(|| {
        let message = format!(
            "every tree drew {left_out} of {} rows: they have no out-of-bag prediction and are not in oob_score; more \
             trees make that rarer",
            data.rows()
        );
        Warning::new(Code::R03, message)
    });
    ((counted.judged > 0).then(|| counted.right as f64 / counted.judged as f64), warning)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::tests::{scrambled, training};
    use super::super::{Bootstrap, ClassWeight, DecisionTree, Forest, ForestBalanced, MaxSamples, RandomForest, Rng};
    use super::*;
    use crate::digest::Seed;
    use crate::ml::{Code, MlError, Progress, Training};

    fn asked(n_estimators: usize) -> RandomForest {
        RandomForest { n_estimators, oob_score: true, ..RandomForest::default() }
    }

    /// The out-of-bag accuracy and the rows without a prediction, row by row: draws are repeated from the seeds, and
    /// each tree is a forest of one.
    fn by_the_book(train: &Training<Dataset>, forest: &Forest, seed: Seed, draws: usize) -> (Option<f64>, usize) {
        let data = train.get();
        let bootstrap = Bootstrap::new(data.y(), draws, None);
        let mut sums = Array2::<f64>::zeros((data.rows(), data.n_classes()));
        let mut votes = vec![0; data.rows()];
        for (i, tree) in forest.trees().iter().enumerate() {
            let drawn = bootstrap.counts(&mut Rng::new(seed.index(i as u64)));
            let one = Forest { trees: vec![tree.clone()], ..forest.clone() };
            let shares = one.predict_proba(data.x().view());
            for row in (0..data.rows()).filter(|&row| drawn[row] == 0) {
                votes[row] += 1;
                sums.row_mut(row).scaled_add(1.0, &shares.row(row));
            }
        }
        let predicted = crate::ml::argmax(&sums);
        let judged: Vec<usize> = (0..data.rows()).filter(|&row| votes[row] > 0).collect();
        let right = judged.iter().filter(|&&row| predicted[row] == data.y()[row]).count();
        let share = (!judged.is_empty()).then(|| right as f64 / judged.len() as f64);
        (share, data.rows() - judged.len())
    }

    /// `RandomForestClassifier(200, oob_score=True, random_state=s)` of scikit-learn 1.9.1 on these rows: for `s` 0 to
    /// 19, mean .825, standard deviation .0085, from .807 to .843. The means of ten each differ by less than .015.
    #[test]
    fn the_score_is_near_scikit_learns() {
        let train = scrambled();
        let score = |seed| {
            let (forest, warnings) = asked(200).fit(&train, Seed::new(seed), Progress::none()).unwrap();
            assert!(warnings.is_empty());
            forest.oob_score().unwrap()
        };
        let mean = (0..10).map(score).sum::<f64>() / 10.0;
        assert!((mean - 0.825).abs() < 0.015, "{mean}");
    }

    #[test]
    fn asking_for_it_changes_no_tree_and_is_off_by_default() {
        let train = scrambled();
        let (with, _) = asked(20).fit(&train, Seed::new(3), Progress::none()).unwrap();
        let plain = RandomForest { n_estimators: 20, ..RandomForest::default() };
        let (without, warnings) = plain.fit(&train, Seed::new(3), Progress::none()).unwrap();
        assert_eq!(without.oob_score(), None);
        assert!(warnings.is_empty() && with.oob_score().is_some());
        assert_eq!((with.trees(), with.feature_importances()), (without.trees(), without.feature_importances()));
        let stored = postcard::to_stdvec(&with).unwrap();
        assert_eq!(postcard::from_bytes::<Forest>(&stored).unwrap(), with);
        let damaged = postcard::to_stdvec(&Forest { oob_score: Some(1.5), ..with }).unwrap();
        assert!(postcard::from_bytes::<Forest>(&damaged).is_err());
        let tree = DecisionTree::default().fit(&train, Seed::new(3), Progress::none()).unwrap().0;
        assert_eq!(tree.oob_score(), None);
    }

    #[test]
    fn rows_that_every_tree_drew_are_counted_and_left_out() {
        let train = scrambled();
        let (forest, warnings) = asked(2).fit(&train, Seed::new(8), Progress::none()).unwrap();
        let (score, left_out) = by_the_book(&train, &forest, Seed::new(8), 300);
        assert_eq!(forest.oob_score(), score);
        assert!(left_out > 80 && left_out < 160, "{left_out}"); // (1 - 1/e)^2 of 300 is 120
        assert_eq!((warnings.len(), warnings[0].code), (1, Code::R03));
        assert!(warnings[0].message.contains(&format!("every tree drew {left_out} of 300 rows")), "{warnings:?}");
        // One row is always drawn: there is no score.
        let single = training(Array2::zeros((1, 2)), vec![1], 2);
        let (forest, warnings) = asked(5).fit(&single, Seed::new(8), Progress::none()).unwrap();
        assert_eq!((forest.oob_score(), warnings.len()), (None, 1));
    }

    #[test]
    fn it_needs_a_bootstrap() {
        let forest = RandomForest { bootstrap: false, ..asked(5) };
        let error = forest.fit(&scrambled(), Seed::new(0), Progress::none()).unwrap_err();
        assert!(matches!(&error, MlError::Parameter { .. }) && error.to_string().contains("oob_score"), "{error}");
    }

    #[test]
    fn the_same_on_any_number_of_threads() {
        let x = Array2::from_shape_fn((3000, 5), |(i, j)| ((i * (7 + j * 4) + i * i * (j + 1)) % 997) as f64);
        let y = (0..3000).map(|i| u32::from(x[[i, 0]] > 400.0) + u32::from(x[[i, 1]] > 600.0 && i % 7 > 0)).collect();
        let train = training(x, y, 3);
        let balanced = ClassWeight::Rule(ForestBalanced::BalancedSubsample);
        let forest = RandomForest { class_weight: balanced, max_depth: Some(6), ..asked(12) };
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let fitted = pool.install(|| forest.fit(&train, Seed::new(5), Progress::none())).unwrap();
            postcard::to_stdvec(&fitted.0).unwrap()
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(8));
        let (fitted, _) = forest.fit(&train, Seed::new(5), Progress::none()).unwrap();
        assert_eq!(fitted.oob_score(), by_the_book(&train, &fitted, Seed::new(5), 3000).0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_score_is_that_of_the_rows_left_out(
            rows in 1_usize..90, trees in 1_usize..12, draws in 1_usize..120, depth in 1_usize..5, seed in 0_u64..1000,
        ) {
            let x = Array2::from_shape_fn((rows, 3), |(i, j)| ((i * 37 + j * 11 + i * i * (j + 2)) % 41) as f64);
            let y = (0..rows).map(|i| u32::from(x[[i, 0]] > 20.0) + u32::from(i % 5 == 0)).collect();
            let train = training(x, y, 4);
            let forest = RandomForest {
                max_samples: MaxSamples::Count(draws), max_depth: Some(depth), ..asked(trees)
            };
            let (fitted, warnings) = forest.fit(&train, Seed::new(seed), Progress::none()).unwrap();
            let (score, left_out) = by_the_book(&train, &fitted, Seed::new(seed), draws);
            prop_assert_eq!(fitted.oob_score(), score);
            prop_assert_eq!(warnings.len(), usize::from(left_out > 0));
        }

        #[test]
        fn bits_say_which_rows_were_not_drawn(counts in prop::collection::vec(0_u32..3, 1..200)) {
            let out = OutOfBag::new(&counts);
            prop_assert!(counts.iter().enumerate().all(|(row, &n)| out.has(row) == (n == 0)));
        }
    }
}
