//! Training: epochs, batches, early stopping.

use super::network::{Forward, Layer, Weights, Workspace, initial_layers};
use super::optimizer::Optimizer;
use super::padded::Padded;
use super::{BatchSize, Mlp, MlpModel, narrowed};
use crate::digest::Seed;
use crate::ml::random::Rng;
use crate::ml::simd::Level;
use crate::ml::{Code, Dataset, MlError, Numerics, Progress, Training, Warning};

/// Rows to train on and rows to hold back, both in ascending order.
fn hold_back(y: &[u32], outputs: usize, fraction: f64, seed: Seed) -> Result<(Vec<usize>, Vec<usize>), MlError> {
    let wanted = (y.len() as f64 * fraction).ceil() as usize;
    let mut of_class = vec![Vec::new(); outputs];
    for (row, &class) in y.iter().enumerate() {
        of_class[class as usize].push(row);
    }
    // Shares by largest remainder, ties to the lower class; every class keeps a row for training.
    let exact = |c: usize| of_class[c].len() as f64 * wanted as f64 / y.len() as f64;
    let most = |c: usize| of_class[c].len() - 1;
    let mut take: Vec<usize> = (0..outputs).map(|c| (exact(c) as usize).min(most(c))).collect();
    let mut order: Vec<usize> = (0..outputs).collect();
    order.sort_by(|&a, &b| (exact(b) - exact(b).floor()).total_cmp(&(exact(a) - exact(a).floor())).then(a.cmp(&b)));
    let mut missing = wanted.saturating_sub(take.iter().sum());
    while missing > 0 && order.iter().any(|&c| take[c] < most(c)) {
        for &c in &order {
            if missing > 0 && take[c] < most(c) {
                take[c] += 1;
                missing -= 1;
            }
        }
    }
    let mut rng = Rng::new(seed);
    let (mut train, mut held) = (Vec::new(), Vec::new());
    for (rows, take) in of_class.iter_mut().zip(take) {
        rng.shuffle(rows);
        held.extend_from_slice(&rows[..take]);
        train.extend_from_slice(&rows[take..]);
    }
    if held.len() < 2 {
        return Err(MlError::parameter(
            "validation_fraction",
            format!(
                "{fraction} of {} training rows holds back {}, expected at least 2: raise it, or set early_stopping to \
                 false",
                y.len(),
                held.len()
            ),
        ));
    }
    train.sort_unstable();
    held.sort_unstable();
    Ok((train, held))
}

/// Share of `rows` whose largest logit is their class's; ties go to the lowest output.
fn accuracy(forward: &mut Forward, layers: &[Weights], x: &Padded, y: &[u32], rows: &[usize], batch: usize) -> f64 {
    let mut right = 0_usize;
    for block in rows.chunks(batch) {
        forward.gather(x, block);
        let logits = forward.run(layers, block.len());
        for (i, &row) in block.iter().enumerate() {
            let z = logits.row(i);
            let mut best = 0;
            for (c, v) in z.iter().enumerate() {
                if *v > z[best] {
                    best = c;
                }
            }
            right += usize::from(best == y[row] as usize);
        }
    }
    right as f64 / rows.len() as f64
}

/// What training leaves behind.
struct Trained {
    layers: Vec<Layer>,
    loss_curve: Vec<f64>,
    validation_scores: Vec<f64>,
    best_iter: usize,
    converged: bool,
}

impl Mlp {
    /// Fits the network on the classes that have rows. Weights start, rows are held back and shuffled by draws from
    /// children of `random_state`, or of `seed` where that is not set. The bytes of the model are fixed by the data,
    /// the parameters and the seed; `numerics` only says how fast they come.
    ///
    /// # Errors
    /// [`MlError`] where this processor does not have `numerics`, a value is beyond f32, the validation part would
    /// have fewer than 2 rows, or the weights grow beyond all bounds.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        numerics: Numerics,
        progress: Progress,
    ) -> Result<(MlpModel, Vec<Warning>), MlError> {
        let Some(level) = numerics.level() else {
            return Err(MlError::parameter(
                "numerics",
                format!("this processor cannot do {}: its best is {}", numerics.word(), Numerics::detect().word()),
            ));
        };
        let data = train.get();
        let seed = self.random_state.map_or(seed, Seed::new);
        let counts = data.class_counts();
        let classes: Vec<u32> = (0..counts.len()).filter(|&c| counts[c] > 0).map(|c| c as u32).collect();
        let mut output_of = vec![0_u32; counts.len()];
        for (output, &class) in classes.iter().enumerate() {
            output_of[class as usize] = output as u32;
        }
        let y: Vec<u32> = data.y().iter().map(|&c| output_of[c as usize]).collect();
        let x = narrowed(data.x().view())?;
        let mut units = vec![data.width()];
        units.extend_from_slice(&self.hidden_layer_sizes.0);
        units.push(classes.len());
        let layers = initial_layers(&units, self.activation, seed.child("init"));
        let trained = self.train(&x, &y, &layers, seed, level, progress)?;
        if trained.layers.iter().any(|l| l.coefs.iter().chain(&l.intercepts).any(|w| !w.is_finite())) {
            return Err(MlError::data(
                "the weights of the network grew beyond all bounds: standardize the features or lower \
                 learning_rate_init",
            ));
        }
        let n_iter = trained.loss_curve.len();
        let mut warnings = Vec::new();
        if !trained.converged {
            let loss = trained.loss_curve.last().copied().unwrap_or(0.0);
            warnings.push(Warning::new(
                Code::R02,
                format!("the network stopped after max_iter = {n_iter} passes and had not converged (loss {loss:.4})"),
            ));
        }
        let model = MlpModel {
            activation: self.activation,
            layers: trained.layers,
            classes,
            n_classes: counts.len(),
            n_iter,
            loss_curve: trained.loss_curve,
            validation_scores: trained.validation_scores,
            best_iter: trained.best_iter,
        };
        Ok((model, warnings))
    }

    fn train(
        &self,
        x: &Padded,
        y: &[u32],
        layers: &[Layer],
        seed: Seed,
        level: Level,
        progress: Progress,
    ) -> Result<Trained, MlError> {
        let outputs = layers.last().map_or(0, |l| l.coefs.ncols());
        let mut layers: Vec<Weights> = layers.iter().map(Weights::of).collect();
        let (mut rows, held) = if self.early_stopping {
            hold_back(y, outputs, self.validation_fraction, seed.child("validation"))?
        } else {
            ((0..y.len()).collect(), Vec::new())
        };
        let batch = match self.batch_size {
            BatchSize::Auto(_) => 200.min(rows.len()),
            BatchSize::Rows(n) => n.clamp(1, rows.len()),
        };
        let mut work = Workspace::new(level, self.activation, &layers, batch);
        let mut optimizer = Optimizer::new(level, self, &layers);
        let mut rng = Rng::new(seed.child("shuffle"));
        let mut targets = Vec::with_capacity(batch);
        let mut best_layers = layers.clone();
        let (mut best_score, mut best_loss, mut best_iter) = (f64::NEG_INFINITY, f64::INFINITY, 0);
        let (mut loss_curve, mut validation_scores) = (Vec::new(), Vec::new());
        let (mut unimproved, mut converged) = (0, false);
        for iter in 0..self.max_iter {
            if self.shuffle {
                rng.shuffle(&mut rows);
            }
            let mut total = 0.0;
            for block in rows.chunks(batch) {
                work.forward.gather(x, block);
                targets.clear();
                targets.extend(block.iter().map(|&row| y[row]));
                total += work.backward(&layers, &targets, self.alpha) * block.len() as f64;
                optimizer.update(&mut layers, &work.gradients, block.len());
            }
            let loss = total / rows.len() as f64;
            loss_curve.push(loss);
            let improved = if self.early_stopping {
                let score = accuracy(&mut work.forward, &layers, x, y, &held, batch);
                validation_scores.push(score);
                let improved = score >= best_score + self.tol;
                if score > best_score {
                    (best_score, best_iter) = (score, iter);
                    best_layers.clone_from(&layers);
                }
                improved
            } else {
                let improved = loss <= best_loss - self.tol;
                best_loss = best_loss.min(loss);
                best_iter = iter;
                improved
            };
            unimproved = if improved { 0 } else { unimproved + 1 };
            optimizer.epoch_ends((iter + 1) * rows.len());
            progress.report(iter + 1, self.max_iter);
            if !loss.is_finite() {
                break; // the caller finds the weights beyond all bounds
            }
            if unimproved > self.n_iter_no_change {
                if optimizer.stops() {
                    converged = true;
                    break;
                }
                unimproved = 0;
            }
        }
        if self.early_stopping && loss_curve.last().is_some_and(|l| l.is_finite()) {
            layers = best_layers;
        }
        let layers = layers.iter().map(Weights::layer).collect();
        Ok(Trained { layers, loss_curve, validation_scores, best_iter, converged })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::super::{Activation, HiddenLayers, LearningRate, Solver};
    use super::*;
    use crate::ml::{Part, Role};

    /// Rows of class `i % 3` around a point of their class; two classes touch.
    fn easy(rows: usize, n_classes: usize) -> Result<Training<Dataset>, MlError> {
        let mut rng = Rng::new(Seed::new(9));
        let x =
            Array2::from_shape_fn((rows, 4), |(i, j)| ((i % 3) as f64 - 1.0) * (1.0 + j as f64) + 0.7 * rng.normal());
        let y = (0..rows).map(|i| (i % 3) as u32).collect();
        let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect();
        Training::new(
            Part::first(Role::Train),
            Dataset::new(x, y, names(n_classes), names(4), (0..rows as u64).collect())?,
        )
    }

    fn same_start(units: &[usize], activation: Activation) -> Vec<Layer> {
        let factor = if activation == Activation::Logistic { 2.0 } else { 6.0 };
        let wave = |n: usize| (n % 101) as f64 / 50.0 - 1.0;
        (1..units.len())
            .map(|k| {
                let bound = (factor / (units[k - 1] + units[k]) as f64).sqrt();
                let (coefs, intercepts) = (Array2::zeros((units[k - 1], units[k])), Array1::zeros(units[k]));
                let mut layer = Layer { coefs, intercepts };
                for ((r, c), w) in layer.coefs.indexed_iter_mut() {
                    *w = (bound * wave(r * 31 + c * 17 + k * 7)) as f32;
                }
                for (c, w) in layer.intercepts.iter_mut().enumerate() {
                    *w = (bound * wave(c * 17 + k * 5)) as f32;
                }
                layer
            })
            .collect()
    }

    fn waves() -> (Padded, Vec<u32>) {
        let x =
            Array2::from_shape_fn((50, 4), |(i, j)| ((i * 5 + j * 3 + (i % 3) * (j + 1) * 4) % 23) as f32 / 8.0 - 1.4);
        (Padded::of(x.view()), (0..50).map(|i| i % 3).collect())
    }

    /// The figures are `loss_curve_` of scikit-learn 1.9.1's `MLPClassifier` (f64) on the same rows from the same start,
    /// unshuffled, with `_init_coef` replaced by the formula in `same_start`.
    #[test]
    fn loss_curves_are_those_of_scikit_learn() -> Result<(), MlError> {
        let base = Mlp {
            hidden_layer_sizes: HiddenLayers(vec![6, 5]),
            alpha: 0.5,
            batch_size: BatchSize::Rows(16),
            max_iter: 8,
            shuffle: false,
            ..Mlp::default()
        };
        let sgd = Mlp { solver: Solver::Sgd, ..base.clone() };
        let cases = [
            (
                base.clone(),
                [
                    1.430_521_62,
                    1.423_118_08,
                    1.416_635_38,
                    1.410_346_04,
                    1.404_243_52,
                    1.398_309_86,
                    1.392_571_26,
                    1.387_090_28,
                ],
            ),
            (
                Mlp { activation: Activation::Tanh, learning_rate_init: 0.1, ..sgd.clone() },
                [
                    1.417_275_03,
                    1.308_214_32,
                    1.260_037_39,
                    1.188_061_13,
                    1.143_835_74,
                    1.124_302_01,
                    1.118_013_61,
                    1.117_431_76,
                ],
            ),
            (
                Mlp {
                    activation: Activation::Logistic,
                    learning_rate_init: 0.5,
                    nesterovs_momentum: false,
                    learning_rate: LearningRate::Invscaling,
                    ..sgd
                },
                [
                    1.205_292_54,
                    1.313_299_91,
                    1.561_441_5,
                    1.567_187_72,
                    1.463_861_65,
                    1.331_775_52,
                    1.218_630_22,
                    1.154_932_73,
                ],
            ),
            (
                Mlp { activation: Activation::Identity, learning_rate_init: 0.02, ..base },
                [
                    1.492_199_29,
                    1.346_493_07,
                    1.322_019_57,
                    1.281_845_32,
                    1.243_479_31,
                    1.214_998_63,
                    1.193_989_09,
                    1.177_932_5,
                ],
            ),
        ];
        let (x, y) = waves();
        for level in Level::all() {
            for (parameters, want) in &cases {
                let start = same_start(&[4, 6, 5, 3], parameters.activation);
                let trained = parameters.train(&x, &y, &start, Seed::new(0), level, Progress::none())?;
                for (got, want) in trained.loss_curve.iter().zip(want) {
                    assert!((got - want).abs() < 2e-5, "{:?} {got} {want}", parameters.activation);
                }
            }
        }
        Ok(())
    }

    /// Passes until training stops and the last loss, from scikit-learn 1.9.1 in the same way.
    #[test]
    fn training_stops_where_scikit_learn_stops() -> Result<(), MlError> {
        let plain = Mlp {
            hidden_layer_sizes: HiddenLayers(vec![6]),
            batch_size: BatchSize::Rows(50),
            max_iter: 500,
            shuffle: false,
            tol: 1e-3,
            n_iter_no_change: 3,
            learning_rate_init: 0.02,
            ..Mlp::default()
        };
        let adaptive = Mlp {
            solver: Solver::Sgd,
            learning_rate: LearningRate::Adaptive,
            learning_rate_init: 0.2,
            ..plain.clone()
        };
        let (x, y) = waves();
        for (parameters, passes, loss) in [(plain, 123, 0.108_484_465), (adaptive, 104, 0.060_434_575)] {
            let start = same_start(&[4, 6, 3], Activation::Relu);
            let trained = parameters.train(&x, &y, &start, Seed::new(0), Level::best(), Progress::none())?;
            assert!(trained.converged);
            assert_eq!(trained.loss_curve.len(), passes);
            assert!((trained.loss_curve[passes - 1] - loss).abs() < 1e-4, "{:?}", trained.loss_curve.last());
        }
        Ok(())
    }

    #[test]
    fn learns_and_predicts_the_same_bits_alone_and_together() -> Result<(), MlError> {
        let train = easy(300, 4)?;
        let parameters = Mlp { early_stopping: true, learning_rate_init: 0.01, ..Mlp::default() };
        let (model, _) = parameters.fit(&train, Seed::new(3), Numerics::Portable, Progress::none())?;
        let (again, _) = parameters.fit(&train, Seed::new(3), Numerics::detect(), Progress::none())?;
        assert_eq!(model, again);
        let best = model.validation_scores.iter().copied().fold(0.0, f64::max);
        assert_eq!(model.validation_scores[model.best_iter], best);
        let all = model.predict_proba(train.get().x().view())?;
        let mut right = 0;
        for (row, p) in all.outer_iter().enumerate() {
            assert!((p.sum() - 1.0).abs() < 1e-12);
            assert_eq!(p[3], 0.0, "a class without training rows");
            let one = model.predict_proba(train.get().x().slice(ndarray::s![row..=row, ..]))?;
            assert_eq!(one.row(0), p);
            right += usize::from((0..3).all(|c| p[c] <= p[row % 3]));
        }
        assert!(right > 270, "{right} of 300");
        // Another memory layout is the same matrix.
        let turned = train.get().x().t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(model.predict_proba(turned.view())?, all);
        assert!(matches!(
            model.predict_proba(Array2::zeros((1, 3)).view()),
            Err(MlError::Width { expected: 4, got: 3 })
        ));
        assert!(model.predict_proba(Array2::from_elem((1, 4), f64::NAN).view()).is_err());
        assert!(model.predict_proba(Array2::from_elem((1, 4), 1e300).view()).is_err());
        Ok(())
    }

    #[test]
    fn says_so_when_it_has_not_converged() -> Result<(), MlError> {
        let short = Mlp { max_iter: 2, ..Mlp::default() };
        let (model, warnings) = short.fit(&easy(60, 3)?, Seed::new(1), Numerics::detect(), Progress::none())?;
        assert_eq!((model.n_iter, warnings[0].code), (2, Code::R02));
        Ok(())
    }

    #[test]
    fn random_state_overrides_the_seed() -> Result<(), MlError> {
        let fit = |random_state, seed| {
            let parameters = Mlp { max_iter: 2, random_state, ..Mlp::default() };
            Ok::<_, MlError>(parameters.fit(&easy(60, 3)?, Seed::new(seed), Numerics::Portable, Progress::none())?.0)
        };
        assert_eq!(fit(Some(5), 1)?, fit(Some(5), 2)?);
        assert_ne!(fit(None, 1)?, fit(None, 2)?);
        Ok(())
    }

    #[test]
    fn one_class_and_one_row_are_certain() -> Result<(), MlError> {
        let data = |rows: usize| {
            let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect();
            let set =
                Dataset::new(Array2::ones((rows, 2)), vec![1; rows], names(2), names(2), (0..rows as u64).collect())?;
            Training::new(Part::first(Role::Train), set)
        };
        for rows in [1, 5] {
            let (model, _) = Mlp::default().fit(&data(rows)?, Seed::new(1), Numerics::Portable, Progress::none())?;
            assert_eq!(model.predict_proba(Array2::zeros((1, 2)).view())?, ndarray::array![[0.0, 1.0]]);
        }
        let early = Mlp { early_stopping: true, ..Mlp::default() };
        let error = early.fit(&data(5)?, Seed::new(1), Numerics::Portable, Progress::none()).map(|_| ());
        assert!(error.is_err_and(|e| e.to_string().contains("validation_fraction")));
        Ok(())
    }

    #[test]
    fn rows_are_held_back_by_class_and_a_lone_row_stays() -> Result<(), MlError> {
        let mut y = vec![0; 50];
        y.extend([1; 30]);
        y.extend([2; 1]);
        let (train, held) = hold_back(&y, 3, 0.1, Seed::new(4))?;
        let of = |rows: &[usize], c| rows.iter().filter(|&&r| y[r] == c).count();
        assert_eq!((of(&held, 0), of(&held, 1), of(&held, 2)), (6, 3, 0));
        let mut all = [train, held].concat();
        all.sort_unstable();
        assert_eq!(all, (0..81).collect::<Vec<_>>());
        Ok(())
    }

    #[test]
    fn weights_that_explode_are_an_error() -> Result<(), MlError> {
        let wild =
            Mlp { solver: Solver::Sgd, activation: Activation::Identity, learning_rate_init: 1e30, ..Mlp::default() };
        let error = wild.fit(&easy(60, 3)?, Seed::new(1), Numerics::Portable, Progress::none()).map(|_| ());
        assert!(error.is_err_and(|e| e.to_string().contains("standardize")));
        Ok(())
    }
}
