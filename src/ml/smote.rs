//! SMOTE (Chawla, Bowyer, Hall, Kegelmeyer 2002), with the order and the arithmetic of imbalanced-learn: every class is
//! raised to the size of the largest by points between a row and one of its nearest neighbours in the class.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::neighbors::Neighbors;
use super::random::Rng;
use super::resample::{Raise, Target, raised, synthetic};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{Range, parameters};

/// Ids of synthetic rows start here; a row of a source never has one of these.
pub const FIRST_SYNTHETIC_ID: u64 = 1 << 63;

/// Rows that one parallel task makes.
const BLOCK: usize = 1024;

parameters! {
    /// SMOTE: raises every class to the size of the largest with synthetic rows, each between a row and one of its
    /// nearest neighbours of the same class. Training rows only.
    pub struct Smote [short k_neighbors] {
        /// Nearest neighbours to choose from. A class with no more rows than that uses all its other rows, with a
        /// warning (R01).
        k_neighbors: usize = 5, within Range::at_least(1.0);
        /// The seed of the draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
        /// Rows per class instead of those of the largest: a number for all, or a map from class to number.
        target: Option<Target> = None;
    }
}

/// How one synthetic row is made: `from + step * (shrink * (to - from))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// The row to start from, among those that have neighbours.
    pub row: usize,
    /// Which of its nearest neighbours, from 0 (the nearest).
    pub neighbour: usize,
    /// How far to go, in `[0, 1)`.
    pub step: f64,
    /// What the way is shortened by first; 1 but where [`super::borderline_smote`] says otherwise.
    pub shrink: f64,
}

/// The rows of `data`, untouched and in order, followed by the `made` ones: of each item, row-major values of a class.
/// They have ids from [`FIRST_SYNTHETIC_ID`].
pub(super) fn with_made(data: &Dataset, made: &[(usize, Vec<f64>)]) -> Result<Dataset, MlError> {
    let width = data.width();
    let more = made.iter().map(|(_, values)| values.len() / width).sum::<usize>();
    let total = data.rows() + more;
    let mut values = Vec::with_capacity(total * width);
    values.extend(data.x());
    let mut y = data.y().to_vec();
    for (class, new) in made {
        values.extend_from_slice(new);
        y.extend(std::iter::repeat_n(*class as u32, new.len() / width));
    }
    let x = Array2::from_shape_vec((total, width), values)
        .map_err(|error| MlError::data(format!("{total} balanced rows: {error}")))?;
    let ids = data.row_ids().iter().copied().chain(FIRST_SYNTHETIC_ID..FIRST_SYNTHETIC_ID + more as u64);
    Dataset::new(x, y, data.classes().to_vec(), data.features().to_vec(), ids.collect())
}

/// The warning that a class has fewer neighbours than were asked for.
pub(super) fn few_neighbours(data: &Dataset, class: usize, name: &str, asked: usize, got: usize) -> Warning {
    let rows = data.class_counts()[class];
    let class = &data.classes()[class];
    let how = if got == 0 { "its only row is repeated".to_owned() } else { format!("{name} = {got}") };
    Warning::new(Code::R01, format!("class {class:?} has {rows} training rows, too few for {name} = {asked}: {how}"))
}

impl Smote {
    /// The training rows, untouched and in order, followed by the synthetic rows, class by class. A class without a row
    /// stays without; a class of one row gets copies of it. Synthetic rows have ids from [`FIRST_SYNTHETIC_ID`].
    ///
    /// Warns (R01) for each class that is raised with fewer neighbours than `k_neighbors`.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for `k_neighbors` = 0, or a target that names an unknown class or fewer rows than there
    /// are.
    pub fn resample(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(Training<Dataset>, Vec<Warning>), MlError> {
        let neighbours = [("k_neighbors", self.k_neighbors)];
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
        let mut made = Vec::with_capacity(raised.len());
        for (done, &Raise { class, ref rows, missing }) in raised.iter().enumerate() {
            let own = data.x().select(Axis(0), rows);
            let (neighbours, k) = Neighbors::new(own.view()).k_nearest_of_own(self.k_neighbors);
            if k < self.k_neighbors {
                warnings.push(few_neighbours(data, class, "k_neighbors", self.k_neighbors, k));
            }
            let mut rng = Rng::new(seed.index(class as u64));
            let draws = draw(rows.len(), k, missing, &mut rng);
            made.push((class, synthesise(own.view(), own.view(), &neighbours, k, &draws)));
            progress.report(done + 1, raised.len());
        }
        with_made(data, &made)
    }
}

/// `count` draws for `rows` rows with `k` neighbours each: first all pairs of row and neighbour (one whole
/// number below `rows * k` each), then all steps.
pub(super) fn draw(rows: usize, k: usize, count: usize, rng: &mut Rng) -> Vec<Draw> {
    let k = k.max(1);
    let mut draws: Vec<Draw> = (0..count)
        .map(|_| {
            let pair = rng.index(rows * k);
            Draw { row: pair / k, neighbour: pair % k, step: 0.0, shrink: 1.0 }
        })
        .collect();
    draws.iter_mut().for_each(|draw| draw.step = rng.uniform());
    draws
}

/// The rows that `draws` make, row-major. A draw starts from a row of `from`; row `i` of it has the neighbours
/// `neighbours[i * k .. (i + 1) * k]`, which are rows of `to`. With `k` = 0 rows are copied.
#[must_use]
pub fn synthesise(
    from: ArrayView2<f64>,
    to: ArrayView2<f64>,
    neighbours: &[u32],
    k: usize,
    draws: &[Draw],
) -> Vec<f64> {
    let width = from.ncols();
    let mut out = vec![0.0; draws.len() * width];
    if width > 0 {
        out.par_chunks_mut(BLOCK * width).zip(draws.par_chunks(BLOCK)).for_each(|(out, draws)| {
            for (out, draw) in out.chunks_exact_mut(width).zip(draws) {
                let from = from.row(draw.row);
                if k == 0 {
                    out.iter_mut().zip(from).for_each(|(out, from)| *out = *from);
                } else {
                    let to = to.row(neighbours[draw.row * k + draw.neighbour] as usize);
                    for ((out, from), to) in out.iter_mut().zip(from).zip(to) {
                        *out = from + draw.step * (draw.shrink * (to - from));
                    }
                }
            }
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::ml::{Part, Role};

    fn training(x: Array2<f64>, y: Vec<u32>, classes: usize) -> Training<Dataset> {
        let (rows, width) = x.dim();
        let names = |letter: &str, n: usize| (0..n).map(|i| format!("{letter}{i}")).collect::<Vec<_>>();
        let ids = (0..rows as u64).map(|i| i * 3).collect();
        let data = Dataset::new(x, y, names("class ", classes), names("f", width), ids).unwrap();
        Training::new(Part::first(Role::Train), data).unwrap()
    }

    fn resampled(train: &Training<Dataset>, k: usize, seed: u64) -> (Dataset, Vec<Warning>) {
        let smote = Smote { k_neighbors: k, ..Smote::default() };
        let (balanced, warnings) = smote.resample(train, Seed::new(seed), Progress::none()).unwrap();
        (balanced.into_inner(), warnings)
    }

    /// imbalanced-learn 0.14.2, `SMOTE(k_neighbors=2, random_state=7).fit_resample`, with the draws of NumPy's
    /// `RandomState(7)`: `randint(0, rows * 2, count)`, then `uniform(count)`, for each class anew.
    #[test]
    fn equals_imbalanced_learn_with_the_same_draws() {
        let draw = |row, neighbour, step| Draw { row, neighbour, step, shrink: 1.0 };
        let four = array![[5.1, 5.3], [6.2, 4.4], [4.7, 6.6], [7.9, 5.2]];
        let three = array![[-3.3, -2.1], [-2.4, -3.9], [-4.6, -1.2]];
        let made = |x: Array2<f64>, draws: &[Draw]| {
            let (neighbours, k) = Neighbors::new(x.view()).k_nearest_of_own(2);
            assert_eq!(k, 2);
            synthesise(x.view(), x.view(), &neighbours, k, draws)
        };
        assert_eq!(
            made(four, &[draw(3, 1, 0.779_918_792_240_114_6), draw(2, 0, 0.438_409_231_440_893_5)]),
            [5.716227381727679, 5.277991879224011, 4.875363692576357, 6.030067999126838]
        );
        let draws = [
            draw(2, 0, 0.978_222_897_078_582_5),
            draw(0, 1, 0.455_584_913_328_211_8),
            draw(1, 1, 0.308_012_765_187_739_35),
        ];
        assert_eq!(
            made(three, &draws),
            [
                -3.3283102337978425,
                -2.0804006073707244,
                -2.8899735780046094,
                -2.9200528439907814,
                -3.0776280834130265,
                -3.0683655339931035
            ]
        );
    }

    #[test]
    fn small_classes_shrink_k_and_single_rows_are_copied_with_warnings() {
        let x = array![[0.0], [1.0], [2.0], [3.0], [10.0], [12.0], [50.0]];
        let (data, warnings) = resampled(&training(x, vec![0, 0, 0, 0, 1, 1, 3], 4), 3, 1);
        assert_eq!(data.class_counts(), [4, 4, 0, 4]);
        let said: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
        assert_eq!(
            said,
            [
                "class \"class 1\" has 2 training rows, too few for k_neighbors = 3: k_neighbors = 1",
                "class \"class 3\" has 1 training rows, too few for k_neighbors = 3: its only row is repeated",
            ]
        );
        assert!(warnings.iter().all(|w| w.code == Code::R01));
        assert_eq!(data.x().slice(ndarray::s![9.., 0]).to_vec(), [50.0, 50.0, 50.0]);
        assert!(data.x().slice(ndarray::s![7..9, 0]).iter().all(|v| (10.0..=12.0).contains(v)));
    }

    #[test]
    fn a_target_says_how_many_rows_a_class_gets() {
        let train = training(array![[0.0], [1.0], [2.0], [3.0], [9.0], [8.0]], vec![0, 0, 0, 0, 1, 1], 2);
        let counts = |target| {
            let smote = Smote { k_neighbors: 1, target: Some(target), ..Smote::default() };
            smote.resample(&train, Seed::new(1), Progress::none()).map(|(data, _)| data.get().class_counts())
        };
        assert_eq!(counts(Target::Every(3)).unwrap(), [4, 3]);
        assert_eq!(counts(Target::Every(6)).unwrap(), [6, 6]);
        assert_eq!(counts(Target::ByClass([("class 1".to_owned(), 9)].into())).unwrap(), [4, 9]);
        assert!(counts(Target::ByClass([("class 0".to_owned(), 3)].into())).is_err());
    }

    #[test]
    fn no_neighbours_are_refused_and_a_stated_seed_wins() {
        let train = training(array![[0.0], [1.0], [2.0], [3.0], [9.0], [8.0]], vec![0, 0, 0, 0, 1, 1], 2);
        let smote = |k, state| Smote { k_neighbors: k, random_state: state, target: None };
        let none = Progress::none();
        assert!(smote(0, None).resample(&train, Seed::new(0), none).unwrap_err().to_string().contains("k_neighbors"));
        let a = smote(1, Some(5)).resample(&train, Seed::new(1), none).unwrap().0;
        let b = smote(1, None).resample(&train, Seed::new(5), none).unwrap().0;
        assert_eq!(a, b);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

        #[test]
        fn counts_are_equal_originals_untouched_and_new_rows_between_neighbours(
            seed in 0_u64..1000, sizes in proptest::collection::vec(0_usize..40, 1..5), k in 1_usize..8, width in 1_usize..5
        ) {
            let rows: usize = sizes.iter().sum();
            proptest::prop_assume!(rows > 0);
            let mut y: Vec<u32> = sizes.iter().enumerate().flat_map(|(c, &n)| vec![c as u32; n]).collect();
            let mut rng = Rng::new(Seed::new(seed));
            rng.shuffle(&mut y);
            let x = Array2::from_shape_fn((rows, width), |_| rng.below(30) as f64 / 3.0);
            let train = training(x.clone(), y.clone(), sizes.len());
            let (data, _) = resampled(&train, k, seed);
            let largest = sizes.iter().copied().max().unwrap_or(0);
            let expected: Vec<usize> = sizes.iter().map(|&n| if n == 0 { 0 } else { largest }).collect();
            proptest::prop_assert_eq!(data.class_counts(), expected);
            proptest::prop_assert_eq!(data.x().slice(ndarray::s![..rows, ..]), x.view());
            proptest::prop_assert_eq!(&data.y()[..rows], &y[..]);
            proptest::prop_assert_eq!(&data.row_ids()[..rows], train.get().row_ids());
            for (i, &id) in data.row_ids()[rows..].iter().enumerate() {
                proptest::prop_assert_eq!(id, FIRST_SYNTHETIC_ID + i as u64);
            }
            proptest::prop_assert!(data.y()[rows..].is_sorted());
            for i in rows..data.rows() {
                let (new, class) = (data.x().row(i), data.y()[i]);
                let of_class: Vec<usize> = (0..rows).filter(|&r| y[r] == class).collect();
                let near = |v: f64, w: f64| (v - w).abs() < 1e-9;
                let found = of_class.iter().any(|&a| {
                    let gap = |b: usize| (&x.row(a) - &x.row(b)).mapv(|v| v * v).sum();
                    let mut others: Vec<usize> = of_class.iter().copied().filter(|&b| b != a).collect();
                    others.sort_by(|&b, &c| gap(b).total_cmp(&gap(c)).then(b.cmp(&c)));
                    others.truncate(k);
                    if others.is_empty() { others.push(a); }
                    others.iter().any(|&b| {
                        let (from, way) = (x.row(a), &x.row(b) - &x.row(a));
                        let longest = (0..width).max_by(|&i, &j| way[i].abs().total_cmp(&way[j].abs())).unwrap_or(0);
                        let step = if way[longest] == 0.0 { 0.0 } else { (new[longest] - from[longest]) / way[longest] };
                        (-1e-9..1.0 + 1e-9).contains(&step) && (0..width).all(|j| near(new[j], from[j] + step * way[j]))
                    })
                });
                proptest::prop_assert!(found, "row {} of class {}: {}", i, class, new);
            }
        }
    }
}
