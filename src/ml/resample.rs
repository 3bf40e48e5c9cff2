//! How many rows of each class balancing aims at, and the two ways that only repeat or leave out rows. The rules are
//! those of imbalanced-learn's `sampling_strategy`, `RandomOverSampler` and `RandomUnderSampler`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::random::Rng;
use super::smote::FIRST_SYNTHETIC_ID;
use super::{Dataset, MlError, Training, Warning};
use crate::digest::Seed;
use crate::param::{Parameter, Range, Shape, closest, parameters};

/// Rows per class to aim at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// The same number for every class; a class that is past it already stays as it is.
    Every(usize),
    /// Rows by class name; the other classes stay as they are.
    ByClass(BTreeMap<String, usize>),
}

impl Parameter for Target {
    fn shape() -> Shape {
        Shape::Either(vec![usize::shape(), BTreeMap::<String, usize>::shape()]).within(Range::at_least(1.0))
    }
}

/// Which way balancing changes a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// More rows; without a target, as many as the largest class has.
    Over,
    /// Fewer rows; without a target, as many as the smallest class has.
    Under,
}

impl Way {
    /// Rows of every class after balancing. A class without a row stays without.
    pub(super) fn sizes(self, target: Option<&Target>, data: &Dataset) -> Result<Vec<usize>, MlError> {
        let counts = data.class_counts();
        let there = || counts.iter().copied().filter(|&n| n > 0);
        let every = match (target, self) {
            (Some(Target::ByClass(named)), _) => return self.named(named, data, counts),
            (Some(Target::Every(0)), _) => {
                return Err(MlError::parameter("target", "expected a whole number of at least 1, got 0"));
            }
            (Some(Target::Every(n)), _) => *n,
            (None, Self::Over) => there().max().unwrap_or(0),
            (None, Self::Under) => there().min().unwrap_or(0),
        };
        let size = |n: usize| match self {
            _ if n == 0 => 0,
            Self::Over => n.max(every),
            Self::Under => n.min(every),
        };
        Ok(counts.into_iter().map(size).collect())
    }

    fn named(
        self,
        named: &BTreeMap<String, usize>,
        data: &Dataset,
        mut sizes: Vec<usize>,
    ) -> Result<Vec<usize>, MlError> {
        let classes = data.classes();
        for (name, &wanted) in named {
            let fault = |problem: String| Err(MlError::parameter("target", problem));
            let Some(class) = classes.iter().position(|c| c == name) else {
                return fault(match closest(name, classes.iter().map(String::as_str)) {
                    Some(near) => format!("no class {name:?}: did you mean {near:?}?"),
                    None => format!("no class {name:?}: expected one of {}", classes.join(", ")),
                });
            };
            let got = sizes[class];
            match self {
                _ if got == 0 => return fault(format!("class {name:?} has no training row to start from")),
                Self::Over if wanted < got => {
                    return fault(format!(
                        "class {name:?} has {got} training rows: expected at least that, got {wanted}"
                    ));
                }
                Self::Under if wanted > got || wanted == 0 => {
                    return fault(format!("class {name:?} has {got} training rows: expected 1 to {got}, got {wanted}"));
                }
                _ => sizes[class] = wanted,
            }
        }
        Ok(sizes)
    }
}

/// The rows of every class, ascending.
fn members(data: &Dataset) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); data.n_classes()];
    for (row, &class) in data.y().iter().enumerate() {
        members[class as usize].push(row);
    }
    members
}

/// A class that is raised.
pub(super) struct Raise {
    pub class: usize,
    /// Its rows, ascending.
    pub rows: Vec<usize>,
    /// How many rows it is short of.
    pub missing: usize,
}

/// The classes that are raised to the target, or to the size of the largest, in order.
pub(super) fn raised(data: &Dataset, target: Option<&Target>) -> Result<Vec<Raise>, MlError> {
    let sizes = Way::Over.sizes(target, data)?;
    let raise = |(class, rows): (usize, Vec<usize>)| Raise { class, missing: sizes[class] - rows.len(), rows };
    Ok(members(data).into_iter().enumerate().map(raise).filter(|r| r.missing > 0).collect())
}

/// What all ways of making synthetic rows share: `neighbours` are the parameters, by name, that have to be at least 1;
/// `random_state` takes the place of the seed.
pub(super) fn synthetic(
    train: &Training<Dataset>,
    neighbours: &[(&'static str, usize)],
    random_state: Option<u64>,
    seed: Seed,
    balance: impl FnOnce(&Dataset, Seed, &mut Vec<Warning>) -> Result<Dataset, MlError>,
) -> Result<(Training<Dataset>, Vec<Warning>), MlError> {
    if let Some((name, _)) = neighbours.iter().find(|(_, value)| *value == 0) {
        return Err(MlError::parameter(name, "expected a whole number of at least 1, got 0"));
    }
    let seed = random_state.map_or(seed, Seed::new);
    let mut warnings = Vec::new();
    let balanced = train.try_map(|data| balance(data, seed, &mut warnings))?;
    Ok((balanced, warnings))
}

parameters! {
    /// Raises classes to the size of the largest by repeating randomly drawn rows of theirs. Training rows only.
    pub struct RandomOver {
        /// Rows per class instead of those of the largest: a number for all, or a map from class to number.
        target: Option<Target> = None;
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
    }
}

parameters! {
    /// Lowers classes to the size of the smallest by leaving out randomly drawn rows of theirs. Training rows only.
    pub struct RandomUnder {
        /// Rows per class instead of those of the smallest: a number for all, or a map from class to number.
        target: Option<Target> = None;
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
    }
}

impl RandomOver {
    /// The training rows, untouched and in order, followed by the repeated ones, class by class, each drawn with
    /// replacement. Repeated rows have ids from [`FIRST_SYNTHETIC_ID`].
    ///
    /// # Errors
    /// [`MlError::Parameter`] for a target that names an unknown class, or fewer rows than there are.
    pub fn resample(&self, train: &Training<Dataset>, seed: Seed) -> Result<Training<Dataset>, MlError> {
        let seed = self.random_state.map_or(seed, Seed::new);
        train.try_map(|data| {
            let sizes = Way::Over.sizes(self.target.as_ref(), data)?;
            let mut rows: Vec<usize> = (0..data.rows()).collect();
            for (class, own) in members(data).iter().enumerate() {
                let mut rng = Rng::new(seed.index(class as u64));
                rows.extend((own.len()..sizes[class]).map(|_| own[rng.index(own.len())]));
            }
            let all = data.take(&rows)?;
            let made = (rows.len() - data.rows()) as u64;
            let ids = data.row_ids().iter().copied().chain(FIRST_SYNTHETIC_ID..FIRST_SYNTHETIC_ID + made).collect();
            Dataset::new(all.x().clone(), all.y().to_vec(), all.classes().to_vec(), all.features().to_vec(), ids)
        })
    }
}

impl RandomUnder {
    /// The rows that stay, in their order and with their ids; those of a lowered class are drawn without replacement.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for a target that names an unknown class, or more rows than there are.
    pub fn resample(&self, train: &Training<Dataset>, seed: Seed) -> Result<Training<Dataset>, MlError> {
        let seed = self.random_state.map_or(seed, Seed::new);
        train.try_map(|data| {
            let sizes = Way::Under.sizes(self.target.as_ref(), data)?;
            let mut rows = Vec::with_capacity(sizes.iter().sum());
            for (class, mut own) in members(data).into_iter().enumerate() {
                if sizes[class] < own.len() {
                    Rng::new(seed.index(class as u64)).shuffle(&mut own);
                    own.truncate(sizes[class]);
                }
                rows.extend(own);
            }
            rows.sort_unstable();
            data.take(&rows)
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::ml::{Part, Role};

    /// 4 rows of `a`, 2 of `b`, none of `c`, 7 of `d`, mixed.
    fn train() -> Training<Dataset> {
        let y = vec![3, 0, 3, 1, 0, 3, 3, 0, 3, 1, 3, 0, 3];
        let x = Array2::from_shape_fn((13, 2), |(i, j)| (i * 2 + j) as f64);
        let classes = ["a", "b", "c", "d"].map(String::from).to_vec();
        let data = Dataset::new(x, y, classes, vec!["x".into(), "y".into()], (100..113).collect()).unwrap();
        Training::new(Part::first(Role::Train), data).unwrap()
    }

    fn target(value: serde_json::Value) -> Option<Target> {
        serde_json::from_value(Option::<Target>::shape().read(&value).unwrap()).unwrap()
    }

    fn over(value: serde_json::Value) -> Result<Dataset, MlError> {
        let over = RandomOver { target: target(value), random_state: None };
        over.resample(&train(), Seed::new(1)).map(Training::into_inner)
    }

    fn under(value: serde_json::Value) -> Result<Dataset, MlError> {
        let under = RandomUnder { target: target(value), random_state: None };
        under.resample(&train(), Seed::new(1)).map(Training::into_inner)
    }

    /// Counts as imbalanced-learn's `RandomOverSampler` and `RandomUnderSampler` have them: the largest, the smallest
    /// class, or the dict of `sampling_strategy`.
    #[test]
    fn sizes_are_those_asked_for() {
        use serde_json::json;
        assert_eq!(over(json!(null)).unwrap().class_counts(), [7, 7, 0, 7]);
        assert_eq!(over(json!(5)).unwrap().class_counts(), [5, 5, 0, 7]);
        assert_eq!(over(json!({"b": 9, "a": 4})).unwrap().class_counts(), [4, 9, 0, 7]);
        assert_eq!(under(json!(null)).unwrap().class_counts(), [2, 2, 0, 2]);
        assert_eq!(under(json!(3)).unwrap().class_counts(), [3, 2, 0, 3]);
        assert_eq!(under(json!({"d": 1})).unwrap().class_counts(), [4, 2, 0, 1]);
    }

    #[test]
    fn rows_are_repeated_or_left_out_and_nothing_else() {
        let (train, more) = (train(), over(serde_json::Value::Null).unwrap());
        let data = train.get();
        assert_eq!(more.x().slice(ndarray::s![..13, ..]), data.x());
        assert_eq!((&more.row_ids()[..13], &more.y()[..13]), (data.row_ids(), data.y()));
        assert!((13..more.rows()).all(|i| more.row_ids()[i] == FIRST_SYNTHETIC_ID + i as u64 - 13));
        assert!(
            (13..more.rows())
                .all(|i| (0..13).any(|r| data.x().row(r) == more.x().row(i) && data.y()[r] == more.y()[i]))
        );
        let fewer = under(serde_json::Value::Null).unwrap();
        assert!(fewer.row_ids().is_sorted());
        for (i, id) in fewer.row_ids().iter().enumerate() {
            let row = (id - 100) as usize;
            assert_eq!((fewer.x().row(i), fewer.y()[i]), (data.x().row(row), data.y()[row]));
        }
        let stated = RandomUnder { random_state: Some(1), ..RandomUnder::default() };
        assert_eq!(stated.resample(&train, Seed::new(9)).unwrap().get(), &fewer);
    }

    #[test]
    fn a_target_that_cannot_be_met_is_an_error() {
        use serde_json::json;
        let text = |out: Result<Dataset, MlError>| out.unwrap_err().to_string();
        assert_eq!(
            text(over(json!({"d": 3}))),
            "target: class \"d\" has 7 training rows: expected at least that, got 3"
        );
        assert_eq!(text(under(json!({"a": 5}))), "target: class \"a\" has 4 training rows: expected 1 to 4, got 5");
        assert_eq!(text(over(json!({"A": 5}))), "target: no class \"A\": did you mean \"a\"?");
        assert_eq!(text(over(json!({"c": 5}))), "target: class \"c\" has no training row to start from");
        assert!(Option::<Target>::shape().read(&json!(0)).is_err());
        assert!(Option::<Target>::shape().read(&json!({"a": 0})).is_err());
    }
}
