//! Adam and stochastic gradient descent, as scikit-learn's `_stochastic_optimizers`.

use super::math;
use super::network::Layer;
use super::{LearningRate, Mlp, Solver};

/// The state of a solver: per weight one or two running numbers.
#[derive(Debug)]
pub struct Optimizer<'p> {
    parameters: &'p Mlp,
    /// Adam's first moments, or SGD's velocities.
    first: Vec<Layer>,
    /// Adam's second moments.
    second: Vec<Layer>,
    /// SGD's present learning rate.
    learning_rate: f64,
    beta_1_power: f64,
    beta_2_power: f64,
}

impl<'p> Optimizer<'p> {
    /// The start for weights of these shapes.
    pub fn new(parameters: &'p Mlp, layers: &[Layer]) -> Self {
        Self {
            parameters,
            first: Layer::zeros_like(layers),
            second: if parameters.solver == Solver::Adam { Layer::zeros_like(layers) } else { Vec::new() },
            learning_rate: parameters.learning_rate_init,
            beta_1_power: 1.0,
            beta_2_power: 1.0,
        }
    }

    /// One step against the gradient `(gradient + alpha * coefs) / rows`; intercepts have no penalty.
    pub fn update(&mut self, layers: &mut [Layer], gradients: &[Layer], rows: usize) {
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
                        let [b1, b2] = [p.beta_1 as f32, p.beta_2 as f32];
                        let [c1, c2] = [(1.0 - p.beta_1) as f32, (1.0 - p.beta_2) as f32];
                        let (rate, epsilon) = (adam_rate as f32, p.epsilon as f32);
                        let second = &mut *self.second[l].parts_mut()[part];
                        for (((w, g), m), v) in values.iter_mut().zip(gradients).zip(first).zip(second) {
                            let g = (g + decay * *w) * share;
                            *m = b1 * *m + c1 * g;
                            *v = b2 * *v + c2 * (g * g);
                            *w -= rate * *m / (v.sqrt() + epsilon);
                        }
                    }
                    Solver::Sgd => {
                        let (rate, momentum) = (self.learning_rate as f32, p.momentum as f32);
                        let nesterov = p.nesterovs_momentum;
                        for ((w, g), velocity) in values.iter_mut().zip(gradients).zip(first) {
                            let g = (g + decay * *w) * share;
                            *velocity = momentum * *velocity - rate * g;
                            *w += if nesterov { momentum * *velocity - rate * g } else { *velocity };
                        }
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
