//! Adam and stochastic gradient descent, as scikit-learn's `_stochastic_optimizers`.

use super::math;
use super::network::Weights;
use super::pointwise::{AdamStep, SgdStep, adam, sgd};
use super::{LearningRate, Mlp, Solver};
use crate::ml::simd::Level;

/// The state of a solver: per weight one or two running numbers.
#[derive(Debug)]
pub struct Optimizer<'p> {
    level: Level,
    parameters: &'p Mlp,
    /// Adam's first moments, or SGD's velocities.
    first: Vec<Weights>,
    /// Adam's second moments.
    second: Vec<Weights>,
    /// SGD's present learning rate.
    learning_rate: f64,
    beta_1_power: f64,
    beta_2_power: f64,
}

impl<'p> Optimizer<'p> {
    /// The start for weights of these shapes.
    pub fn new(level: Level, parameters: &'p Mlp, layers: &[Weights]) -> Self {
        let zeros = || layers.iter().map(Weights::zeros_like).collect();
        Self {
            level,
            parameters,
            first: zeros(),
            second: if parameters.solver == Solver::Adam { zeros() } else { Vec::new() },
            learning_rate: parameters.learning_rate_init,
            beta_1_power: 1.0,
            beta_2_power: 1.0,
        }
    }

    /// One step against the gradient `(gradient + alpha * coefs) / rows`; intercepts have no penalty.
    pub fn update(&mut self, layers: &mut [Weights], gradients: &[Weights], rows: usize) {
        let p = self.parameters;
        let share = (1.0 / rows as f64) as f32;
        self.beta_1_power *= p.beta_1;
        self.beta_2_power *= p.beta_2;
        let adam_rate = p.learning_rate_init * (1.0 - self.beta_2_power).sqrt() / (1.0 - self.beta_1_power);
        for (l, layer) in layers.iter_mut().enumerate() {
            for (part, values) in layer.parts_mut().into_iter().enumerate() {
                let decay = if part == 0 { p.alpha as f32 } else { 0.0 };
                let gradients = gradients[l].parts()[part];
                let first = &mut *self.first[l].parts_mut()[part];
                match p.solver {
                    Solver::Adam => {
                        let step = AdamStep {
                            decay,
                            share,
                            beta_1: p.beta_1 as f32,
                            beta_2: p.beta_2 as f32,
                            rest_1: (1.0 - p.beta_1) as f32,
                            rest_2: (1.0 - p.beta_2) as f32,
                            rate: adam_rate as f32,
                            epsilon: p.epsilon as f32,
                        };
                        adam(self.level, step, values, gradients, first, self.second[l].parts_mut()[part]);
                    }
                    Solver::Sgd => {
                        let step = SgdStep {
                            decay,
                            share,
                            rate: self.learning_rate as f32,
                            momentum: p.momentum as f32,
                            nesterov: p.nesterovs_momentum,
                        };
                        sgd(self.level, step, values, gradients, first);
                    }
                }
            }
        }
    }

    /// After an epoch: `rows_seen` training rows so far, all epochs together.
    pub fn epoch_ends(&mut self, rows_seen: usize) {
        let p = self.parameters;
        if p.solver == Solver::Sgd && p.learning_rate == LearningRate::Invscaling {
            // The power by our own functions: the C library's differ between machines.
            self.learning_rate = p.learning_rate_init * math::exp64(-p.power_t * math::ln(rows_seen as f64 + 1.0));
        }
    }

    /// No more improvement: whether to stop. With the adaptive rate, a rate above 1e-6 is divided by 5 instead.
    pub fn stops(&mut self) -> bool {
        let p = self.parameters;
        if p.solver != Solver::Sgd || p.learning_rate != LearningRate::Adaptive || self.learning_rate <= 1e-6 {
            return true;
        }
        self.learning_rate /= 5.0;
        false
    }
}
