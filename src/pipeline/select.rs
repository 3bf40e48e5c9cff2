//! `select`: only the columns that matter most.

use serde::{Deserialize, Serialize};

use super::choose::{Chosen, ColumnNames, Takes};
use super::table::Table;
use crate::digest::Seed;
use crate::ml::forest::{ClassWeight, ForestBalanced, RandomForest};
use crate::ml::{Dataset, Labels, MlError, Part, Progress, Role, Training, Warning};
use crate::param::{Range, record, words};

words! {
    /// What columns are judged by.
    pub enum SelectBy {
        /// The impurity-based importance in a random forest fitted on the training rows.
        ForestImportance = "forest_importance",
    }
}

record! {
    /// Keeps the columns that matter most, in the order of the table.
    pub struct Select [short top] {
        /// What columns are judged by.
        by: SelectBy = SelectBy::ForestImportance;
        /// How many to keep; of equally important columns the first in the table stay.
        top: usize, within Range::at_least(1.0);
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
    /// Its importance; all add up to 1.
    pub importance: f64,
    /// Whether it stays.
    pub selected: bool,
}

/// A fitted `select`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedSelect {
    /// What was judged, in the order of the table.
    pub importances: Vec<Importance>,
    /// Positions of the columns that go, in the table that the step gets, ascending.
    pub dropped: Vec<u32>,
}

impl Select {
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { step: "select", columns: self.columns.as_ref(), except: self.except.as_ref() }
    }

    pub(super) fn fit(
        &self,
        table: &Table<'_>,
        labels: &Labels,
        seed: Seed,
        progress: Progress,
    ) -> Result<(FittedSelect, Vec<Warning>), MlError> {
        let positions = self.chosen().positions(table, Takes::Any)?;
        if self.top > positions.len() {
            let problem =
                format!("select: expected at most the {} columns there are, got {}", positions.len(), self.top);
            return Err(MlError::parameter("top", problem));
        }
        table.check_numeric("before `select`", Some(&positions))?;
        let names: Vec<String> = positions.iter().map(|&p| table.columns[p as usize].name.to_string()).collect();
        let data = Dataset::new(
            table.matrix(&positions),
            labels.codes.clone(),
            labels.classes.clone(),
            names.clone(),
            (0..table.rows as u64).collect(),
        )?;
        let SelectBy::ForestImportance = self.by;
        let forest = RandomForest {
            n_estimators: self.n_estimators,
            class_weight: self.class_weight.clone(),
            ..RandomForest::default()
        };
        let train = Training::new(Part::first(Role::Train), data)?;
        let (fitted, warnings) = forest.fit(&train, self.random_state.map_or(seed, Seed::new), progress)?;
        let values = fitted.feature_importances();
        let chosen = most_important(&values, self.top);
        let dropped = positions.iter().zip(&chosen).filter(|(_, stays)| !**stays).map(|(&p, _)| p).collect();
        let importances = names
            .into_iter()
            .zip(values)
            .zip(chosen)
            .map(|((name, importance), selected)| Importance { name, importance, selected })
            .collect();
        Ok((FittedSelect { importances, dropped }, warnings))
    }
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
}
