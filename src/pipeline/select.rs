//! `select`: only the columns that matter most.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::pca::dot;
use super::standardize::moments;
use super::table::{Table, each};
use crate::digest::Seed;
use crate::ml::forest::{ClassWeight, ForestBalanced, RandomForest};
use crate::ml::{Dataset, Labels, MlError, Part, Progress, Role, Training, Warning};
use crate::param::{Range, record, words};

words! {
    /// What columns are judged by.
    pub enum SelectBy {
        /// The impurity-based importance in a random forest fitted on the training rows.
        ForestImportance = "forest_importance",
        /// The mutual information (in nats) of the column, cut into `n_bins` bins, and the class in the training rows.
        MutualInformation = "mutual_information",
        /// The variance (of the population) in the training rows: columns above `threshold` stay, as scikit-learn's
        /// `VarianceThreshold` keeps them.
        Variance = "variance",
        /// The Pearson correlation with any earlier column in the training rows: columns with one over `above` go. The
        /// form of `drop_correlated` that sees no held-out row.
        Correlation = "correlation",
    }
}

record! {
    /// Keeps the columns that matter most, in the order of the table. `top` belongs to `forest_importance` and
    /// `mutual_information`, `above` and `absolute` to `correlation`, `threshold` to `variance`.
    pub struct Select [short top] {
        /// What columns are judged by.
        by: SelectBy = SelectBy::ForestImportance;
        /// How many to keep; of equally important columns the first in the table stay.
        top: Option<usize> = None, within Range::at_least(1.0);
        /// The greatest variance of a column that goes; left out, 0: only constant columns go.
        threshold: Option<f64> = None, within Range::at_least(0.0);
        /// The correlation above which the later of two columns goes.
        above: Option<f64> = None, within Range::between(0.0, 1.0);
        /// Compare the absolute value of the correlation; left out, true.
        absolute: Option<bool> = None;
        /// Bins of a column for its mutual information; left out, 10.
        n_bins: Option<usize> = None, within Range::at_least(2.0);
        /// Number of trees of the forest.
        n_estimators: usize = 100, within Range::at_least(1.0);
        /// How much a row of each class counts in the forest, as in the model `random_forest`.
        class_weight: ClassWeight<ForestBalanced> = ClassWeight::None;
        /// Seed of the forest; left out, it is derived from the experiment's seed.
        random_state: Option<u64> = None;
        /// Columns to choose among, all others stay; left out, all.
        columns: Option<ColumnNames> = None;
        /// Columns that stay in any case and are not judged, instead of `columns`.
        except: Option<ColumnNames> = None;
    }
}

/// One judged column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Its name.
    pub name: String,
    /// Its importance in the forest (all add up to 1), its mutual information in nats, its variance, or its greatest
    /// correlation with an earlier column (0 where there is none).
    pub importance: f64,
    /// Whether it stays.
    pub selected: bool,
}

/// A fitted `select`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedSelect {
    /// What the columns were judged by.
    pub by: SelectBy,
    /// What was judged, in the order of the table.
    pub importances: Vec<Importance>,
    /// Positions of the columns that go, in the table that the step gets, ascending.
    pub dropped: Vec<u32>,
}

impl Select {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "select", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    /// What is wrong before there is data: a parameter that is missing for `by`, or that belongs to another one.
    pub(super) fn check(&self) -> Result<(), MlError> {
        use SelectBy::{Correlation, ForestImportance, MutualInformation, Variance};
        let by = self.by;
        let given = [
            ("top", self.top.is_some(), by == ForestImportance || by == MutualInformation),
            ("threshold", self.threshold.is_some(), by == Variance),
            ("above", self.above.is_some(), by == Correlation),
            ("absolute", self.absolute.is_some(), by == Correlation),
            ("n_bins", self.n_bins.is_some(), by == MutualInformation),
            ("n_estimators", self.n_estimators != 100, by == ForestImportance),
            ("class_weight", self.class_weight != ClassWeight::None, by == ForestImportance),
            ("random_state", self.random_state.is_some(), by == ForestImportance),
        ];
        if let Some((name, ..)) = given.iter().find(|(_, given, belongs)| *given && !belongs) {
            return Err(MlError::parameter(name, format!("select: it does not go with `by: {}`", by.word())));
        }
        let needs = |name, problem: &str| Err(MlError::parameter(name, format!("select: {problem}")));
        match by {
            ForestImportance | MutualInformation if self.top.is_none_or(|n| n == 0) => {
                needs("top", "say how many columns to keep, at least 1")
            }
            Correlation if self.above.is_none() => needs("above", "say above which correlation a column goes"),
            _ => self.chosen().check(),
        }
    }

    pub(super) fn fit(
        &self,
        table: &Table<'_>,
        labels: &Labels,
        seed: Seed,
        progress: Progress,
    ) -> Result<(FittedSelect, Vec<Warning>), MlError> {
        self.check()?;
        let takes = match self.by {
            SelectBy::ForestImportance | SelectBy::MutualInformation => Takes::Any,
            SelectBy::Variance | SelectBy::Correlation => Takes::Numbers,
        };
        let positions = self.chosen().positions(table, takes)?;
        if let Some(top) = self.top.filter(|&n| n > positions.len()) {
            let problem = format!("select: expected at most the {} columns there are, got {top}", positions.len());
            return Err(MlError::parameter("top", problem));
        }
        table.check_numeric("before `select`", Some(&positions))?;
        let names: Vec<String> = positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect();
        let columns: Vec<&[f64]> =
            positions.iter().map(|&p| table.columns[p as usize].numbers().unwrap_or_default()).collect();
        let mut warnings = Vec::new();
        let top = self.top.unwrap_or(columns.len());
        let (values, chosen) = match self.by {
            SelectBy::ForestImportance => {
                let (values, heard) = self.importances(table, &positions, labels, seed, progress)?;
                warnings = heard;
                let chosen = most_important(&values, top);
                (values, chosen)
            }
            SelectBy::MutualInformation => {
                let bins = self.n_bins.unwrap_or(10).max(2);
                let values = each(table.rows, &columns, |c| mutual_information(c, labels, bins));
                let chosen = most_important(&values, top);
                (values, chosen)
            }
            SelectBy::Variance => {
                let values = each(table.rows, &columns, |c| moments(c).map_or(0.0, |m| m.variance));
                let chosen = values.iter().map(|v| *v > self.threshold.unwrap_or(0.0)).collect();
                (values, chosen)
            }
            SelectBy::Correlation => {
                let values = greatest_correlations(table.rows, &columns, self.absolute.unwrap_or(true));
                let above = self.above.unwrap_or(1.0);
                // The first column, and one of undefined correlation, stays.
                let chosen = values.iter().map(|r| r.is_none_or(|r| r <= above)).collect();
                (values.into_iter().map(|r| r.unwrap_or(0.0)).collect(), chosen)
            }
        };
        let dropped = positions.iter().zip(&chosen).filter(|(_, stays)| !**stays).map(|(&p, _)| p).collect();
        let importances = names
            .into_iter()
            .zip(values)
            .zip(chosen)
            .map(|((name, importance), selected)| Importance { name, importance, selected })
            .collect();
        Ok((FittedSelect { by: self.by, importances, dropped }, warnings))
    }

    fn importances(
        &self,
        table: &Table<'_>,
        positions: &[u32],
        labels: &Labels,
        seed: Seed,
        progress: Progress,
    ) -> Result<(Vec<f64>, Vec<Warning>), MlError> {
        let data = Dataset::new(
            table.matrix(positions),
            labels.codes.clone(),
            labels.classes.clone(),
            positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect(),
            (0..table.rows as u64).collect(),
        )?;
        let forest = RandomForest {
            n_estimators: self.n_estimators,
            class_weight: self.class_weight.clone(),
            ..RandomForest::default()
        };
        let train = Training::new(Part::first(Role::Train), data)?;
        let (fitted, warnings) = forest.fit(&train, self.random_state.map_or(seed, Seed::new), progress)?;
        Ok((fitted.feature_importances().to_vec(), warnings))
    }
}

/// The bin of every value: one per distinct value where these are no more than `bins`; else bins are filled in
/// ascending order, each until it holds its share of the rows that are left, equal values always together.
fn binned(values: &[f64], bins: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    #[allow(clippy::float_cmp)] // the same value is meant
    let runs: Vec<&[usize]> = order.chunk_by(|&a, &b| values[a] == values[b]).collect();
    let mut out = vec![0; values.len()];
    let (mut bin, mut held, mut left) = (0, 0, values.len());
    for run in &runs {
        run.iter().for_each(|&row| out[row] = bin);
        held += run.len();
        if runs.len() <= bins || (bin + 1 < bins && held * (bins - bin) >= left) {
            left -= held;
            held = 0;
            bin += 1;
        }
    }
    out
}

/// The mutual information of the binned column and the class, in nats: the sum over bins b and classes c of
/// `n(b, c) / n * ln(n * n(b, c) / (n(b) * n(c)))` (Cover, Thomas, "Elements of Information Theory", equation 2.28;
/// scikit-learn's `mutual_info_score`). It needs no draws, and ties, the rule in flow tables, do it no harm.
fn mutual_information(values: &[f64], labels: &Labels, bins: usize) -> f64 {
    let classes = labels.classes.len();
    let mut joint = vec![0_u64; bins * classes];
    for (bin, &class) in binned(values, bins).into_iter().zip(&labels.codes) {
        joint[bin * classes + class as usize] += 1;
    }
    let n = values.len() as f64;
    let of_class: Vec<u64> = (0..classes).map(|c| joint.iter().skip(c).step_by(classes).sum()).collect();
    let term = |row: &[u64]| {
        let of_bin: u64 = row.iter().sum();
        let cell = |(&both, &class): (&u64, &u64)| {
            let both = both as f64;
            if both == 0.0 { 0.0 } else { both / n * (n * both / (of_bin as f64 * class as f64)).ln() }
        };
        row.iter().zip(&of_class).map(cell).sum::<f64>()
    };
    joint.chunks(classes.max(1)).map(term).sum::<f64>().max(0.0)
}

/// The greatest Pearson correlation of each column with any earlier one, itself dropped or not (pandas' rule); `None`
/// where there is no earlier column or none is defined, a column being constant.
fn greatest_correlations(rows: usize, columns: &[&[f64]], absolute: bool) -> Vec<Option<f64>> {
    // Each less its mean, in units of its range, so that no square overflows.
    let centred: Vec<Vec<f64>> = each(rows, columns, |values| {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        if low >= high {
            return vec![0.0; values.len()];
        }
        let (middle, half) = (low / 2.0 + high / 2.0, high / 2.0 - low / 2.0);
        let mut out: Vec<f64> = values.iter().map(|v| (v / 2.0 - middle / 2.0) / half).collect();
        let mean = out.iter().sum::<f64>() / out.len().max(1) as f64;
        out.iter_mut().for_each(|v| *v -= mean);
        out
    });
    let squares: Vec<f64> = each(rows, &centred, |c| dot(c, c));
    let later: Vec<usize> = (0..columns.len()).collect();
    each(rows, &later, |&j| {
        let defined = (0..j).filter(|&i| squares[i] > 0.0 && squares[j] > 0.0);
        defined
            .map(|i| (dot(&centred[i], &centred[j]) / (squares[i].sqrt() * squares[j].sqrt())).clamp(-1.0, 1.0))
            .map(|r| if absolute { r.abs() } else { r })
            .reduce(f64::max)
    })
}

/// Marks the `top` largest values; of equal ones the first.
fn most_important(values: &[f64], top: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    let mut out = vec![false; values.len()];
    for &i in order.iter().take(top) {
        out[i] = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_columns_stays() {
        assert_eq!(most_important(&[0.1, 0.3, 0.1, 0.5, 0.0], 3), [true, true, false, true, false]);
        assert_eq!(most_important(&[0.0, 0.0], 1), [true, false]);
    }

    #[test]
    fn bins_keep_equal_values_together_and_share_the_rest() {
        assert_eq!(binned(&[5.0, 1.0, 5.0, 9.0], 3), [1, 0, 1, 2]);
        // 90 zeros fill the first bin; the ten others share the other four.
        let values: Vec<f64> = (0..100).map(|i| f64::from((i - 89).max(0))).collect();
        let bins = binned(&values, 5);
        assert_eq!((bins[89], bins[90], bins[99]), (0, 1, 4));
        assert!(bins.is_sorted() && (1..5).all(|b| bins.iter().filter(|x| **x == b).count() >= 2));
    }

    /// scikit-learn 1.9.1, `mutual_info_score([0, 0, 1, 1, 2, 2, 2, 0], [0, 0, 1, 1, 0, 1, 1, 1])`: 0.1841776119368722.
    #[test]
    fn mutual_information_equals_scikit_learn() {
        let labels = Labels { codes: vec![0, 0, 1, 1, 0, 1, 1, 1], classes: vec!["a".into(), "b".into()] };
        let values = [0.5, 0.5, 1.0, 1.0, 7.0, 7.0, 7.0, 0.5];
        assert!((mutual_information(&values, &labels, 10) - 0.1841776119368722).abs() < 1e-12);
        assert_eq!(mutual_information(&[3.0; 8], &labels, 10), 0.0);
    }

    /// pandas' `DataFrame.corr()`: x = 1..4 and y = 1, 3, 2, 4 have r = 0.8 (4 / 5 by hand).
    #[test]
    fn correlations_are_with_every_earlier_column() {
        let (x, y, z) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0], [-1.0, -2.0, -3.0, -4.0]);
        let flat = [0.1; 4];
        let columns: [&[f64]; 4] = [&x, &flat, &y, &z];
        let near = |got: Vec<Option<f64>>, want: [Option<f64>; 4]| {
            got.iter().zip(want).all(|(g, w)| match (g, w) {
                (Some(g), Some(w)) => (g - w).abs() < 1e-15,
                (g, w) => g.is_none() && w.is_none(),
            })
        };
        assert!(near(greatest_correlations(4, &columns, true), [None, None, Some(0.8), Some(1.0)]));
        assert!(near(greatest_correlations(4, &columns, false), [None, None, Some(0.8), Some(-0.8)]));
    }
}
