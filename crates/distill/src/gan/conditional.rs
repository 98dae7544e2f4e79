//! A GAN whose networks are told a condition, on what a regression on that condition leaves.

use apd_nn::optim::Adam;
use apd_seed::Seed;
use apd_tensor::{Tensor, grad, grad_graph};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::gan::batch::{Batch, convert};
use crate::gan::loss::{self, CriticLoss, Objective};
use crate::gan::model::{Block, Critic, GeneratorNet, Widths, constants, flatten, matrix, variables};
use crate::gan::optimizer::{Optimizer, Rule};
use crate::kernel::Element;
use crate::standardize::Affine;
use crate::{Error, Generator, Loss, Standardization};

/// Settings of the adversary of a [`Conditional`](crate::Conditional): WGAN-GP in units in which two points lie about 1 apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdversaryConfig {
    /// Width of the generator's three hidden layers; its weights are kept.
    pub hidden: usize,
    /// Width of the critic's.
    pub critic_hidden: usize,
    /// Points per update, B.
    pub batch: usize,
    /// Generator updates.
    pub iterations: u64,
    /// Critic updates per generator update.
    pub critic_steps: usize,
    /// Weight λ of the penalty on the critic's slope.
    pub penalty: f64,
    /// Adam's learning rate at the start; it falls to 0 linearly.
    pub lr: f64,
    /// What an update leaves of the average of the generator's weights, which is what is kept.
    pub averaging: f64,
}

impl Default for AdversaryConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            critic_hidden: 100,
            batch: 100,
            iterations: 1_500,
            critic_steps: 5,
            penalty: 10.0,
            lr: 1e-3,
            averaging: 0.99,
        }
    }
}

impl AdversaryConfig {
    /// **Errors**: names the first setting outside its range.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let width = |name, x: usize| (name, x.to_string(), (1..=1 << 16).contains(&x), "from 1 to 65536");
        let checks = [
            width("adversary.hidden", self.hidden),
            width("adversary.critic-hidden", self.critic_hidden),
            width("adversary.batch", self.batch),
            width("adversary.critic-steps", self.critic_steps),
            (
                "adversary.penalty",
                self.penalty.to_string(),
                self.penalty >= 0.0 && self.penalty.is_finite(),
                "finite, at least 0",
            ),
            (
                "adversary.averaging",
                self.averaging.to_string(),
                (0.0..1.0).contains(&self.averaging),
                "from 0 to below 1",
            ),
        ];
        match checks.into_iter().find(|check| !check.2) {
            Some((name, value, _, expected)) => Err(Error::Config { name, value, expected }),
            None => self.rule(0).validate(),
        }
    }

    fn rule(&self, iteration: u64) -> Optimizer {
        let left = 1.0 - iteration as f64 / self.iterations.max(1) as f64;
        Optimizer::Adam(Adam { lr: self.lr * left, beta1: 0.5, beta2: 0.9, ..Adam::default() })
    }
}

/// Residuals of unit covariance, n × K, and the condition of each, n × q.
pub(crate) struct Residuals {
    pub(crate) values: Array2<f32>,
    pub(crate) conditions: Array2<f32>,
}

impl Residuals {
    /// The generator's inputs are noise and a condition, its outputs what is added to the noise.
    pub(crate) fn widths(rank: usize, conditions: usize, hidden: usize) -> Widths {
        Widths { dim: rank, latent: rank + conditions, hidden }
    }

    fn of<T: Element>(array: &Array2<f32>, rows: &[u32]) -> Tensor<T> {
        let values: Vec<f32> = rows.iter().flat_map(|&row| array.row(row as usize)).copied().collect();
        matrix(&convert(&values), &[rows.len(), array.ncols()])
    }
}

/// One batch as both networks see it: conditions of rows of the bank, and noise.
struct Conditioned<T: Element> {
    conditions: Tensor<T>,
    noise: Tensor<T>,
    /// The generator's: noise, then the condition.
    inputs: Tensor<T>,
}

impl<T: Element> Conditioned<T> {
    fn new(residuals: &Residuals, rows: &[u32], latent: &[f32]) -> Self {
        let rank = residuals.values.ncols();
        let mut inputs = Vec::with_capacity(latent.len() + rows.len() * residuals.conditions.ncols());
        for (&row, noise) in rows.iter().zip(latent.chunks_exact(rank)) {
            inputs.extend_from_slice(noise);
            inputs.extend(residuals.conditions.row(row as usize));
        }
        Self {
            conditions: Residuals::of(&residuals.conditions, rows),
            noise: matrix(&convert(latent), &[rows.len(), rank]),
            inputs: matrix(&convert(&inputs), &[rows.len(), inputs.len() / rows.len()]),
        }
    }

    /// ε + G(ε, condition), B × K.
    fn generate(&self, trunk: &[Tensor<T>], weight: &Tensor<T>, bias: &Tensor<T>) -> Tensor<T> {
        self.noise.add(&loss::trunk(&self.inputs, trunk).matmul_nt(weight).add(bias))
    }

    /// D(x/√(2K), condition): two points of unit covariance lie √(2K) apart. `first` has the weights of points and of conditions.
    fn score(&self, x: &Tensor<T>, first: &[Tensor<T>], head: &[Tensor<T>]) -> Tensor<T> {
        let units = T::from_f64((2.0 * x.shape()[1] as f64).sqrt().recip());
        loss::head(&x.scale(units).matmul(&first[0]).add(&self.conditions.matmul(&first[1])), head)
    }
}

/// The critic's loss on a batch; `first` and `head` are its parameters. The penalty is on its slope in the points, in the same units.
fn critic_loss<T: Element>(
    batch: &Conditioned<T>,
    [real, fake]: [&Tensor<T>; 2],
    mix: &Tensor<T>,
    [first, head]: [&[Tensor<T>]; 2],
    objective: Objective,
) -> (Tensor<T>, CriticLoss) {
    let squared_norms = || {
        let between = real.add(&mix.mul(&fake.sub(real))).into_variable();
        let slope = grad_graph(&batch.score(&between, first, head).sum(), &[&between]).remove(0);
        slope.square().sum_axis(1).scale(T::from_f64(2.0 * real.shape()[1] as f64))
    };
    objective.critic(&batch.score(real, first, head), &batch.score(fake, first, head), squared_norms)
}

/// G such that ε + G(ε, condition), ε ~ N(0, I), has the law of the residuals of that condition, as far as a critic that is told it can tell.
///
/// Before training G is 0: residuals that are Gaussian already are right from the start. Everything random is a function of the seed.
///
/// **Errors**: a loss that is not finite.
pub(crate) fn learn(residuals: &Residuals, config: &AdversaryConfig, seed: Seed) -> Result<Generator, Error> {
    let ((n, rank), conditions) = (residuals.values.dim(), residuals.conditions.ncols());
    let widths = Residuals::widths(rank, conditions, config.hidden);
    let critic_widths = Widths { dim: rank + conditions, latent: 0, hidden: config.critic_hidden };
    let shapes = [vec![rank, config.critic_hidden], vec![conditions, config.critic_hidden]];
    let rule = config.rule(0);
    let mut critic = Critic::<f32>::new(critic_widths, rule, seed.child("initial-critic"));
    let mut generator = GeneratorNet::<f32>::new(widths, rule, seed.child("initial-generator"));
    generator.weight.value.fill(0.0);
    let parts = |net: &GeneratorNet<f32>| [&net.trunk, &net.weight, &net.bias].map(|block| block.value.clone());
    let mut average = parts(&generator);
    let objective = Objective { loss: Loss::WganGp, penalty: Some(config.penalty) };
    let (size, mut batch) = (config.batch, Batch::default());
    for iteration in 0..config.iterations {
        let rule = config.rule(iteration);
        let diverged = |network, loss| Err(Error::Diverged { network, iteration, loss });
        for step in 0..config.critic_steps as u64 {
            let update = iteration * config.critic_steps as u64 + step;
            batch.critic(seed, update, n as u32, size, rank);
            let told = Conditioned::<f32>::new(residuals, &batch.rows, &batch.latent);
            let trunk = constants(&generator.trunk.value, &widths.trunk());
            let [weight, bias] = output(&generator, widths);
            let (real, fake) = (Residuals::of(&residuals.values, &batch.rows), told.generate(&trunk, &weight, &bias));
            let mix = matrix(&batch.mix, &[size, 1]);
            let [first, head] =
                [variables(&critic.first.value, &shapes), variables(&critic.head.value, &critic_widths.head())];
            let (total, losses) = critic_loss(&told, [&real, &fake], &mix, [&first, &head], objective);
            if !losses.loss.is_finite() {
                return diverged("critic", losses.loss);
            }
            let gradients = grad(&total, &first.iter().chain(&head).collect::<Vec<_>>());
            follow(rule, update + 1, &mut critic.first, &gradients[..2]);
            follow(rule, update + 1, &mut critic.head, &gradients[2..]);
        }
        batch.generator(seed, iteration, size, rank);
        Batch::rows(&mut batch.rows, seed.child("generator"), iteration, n as u32, size);
        let told = Conditioned::<f32>::new(residuals, &batch.rows, &batch.latent);
        let trunk = variables(&generator.trunk.value, &widths.trunk());
        let [weight, bias] = output(&generator, widths).map(Tensor::into_variable);
        let fake = told.generate(&trunk, &weight, &bias);
        let [first, head] =
            [constants(&critic.first.value, &shapes), constants(&critic.head.value, &critic_widths.head())];
        let total = objective.generator(&told.score(&fake, &first, &head));
        if !total.item().is_finite() {
            return diverged("generator", f64::from(total.item()));
        }
        let gradients = grad(&total, &[&weight, &bias].into_iter().chain(&trunk).collect::<Vec<_>>());
        follow(rule, iteration + 1, &mut generator.weight, &gradients[..1]);
        follow(rule, iteration + 1, &mut generator.bias, &gradients[1..2]);
        follow(rule, iteration + 1, &mut generator.trunk, &gradients[2..]);
        // The first ones are forgotten sooner: there is no more to average than there was.
        let kept = config.averaging.min(iteration as f64 / (iteration + 1) as f64) as f32;
        for (average, now) in average.iter_mut().zip([&generator.trunk, &generator.weight, &generator.bias]) {
            average.iter_mut().zip(&now.value).for_each(|(average, &now)| *average += (1.0 - kept) * (now - *average));
        }
    }
    Ok(Generator::new(widths, Standardization::None, Affine::default(), average))
}

/// The generator's last layer.
fn output<T: Element>(generator: &GeneratorNet<T>, widths: Widths) -> [Tensor<T>; 2] {
    let Widths { dim, hidden, .. } = widths;
    [matrix(&generator.weight.value, &[dim, hidden]), matrix(&generator.bias.value, &[dim])]
}

fn follow<T: Element>(rule: Optimizer, t: u64, block: &mut Block<T>, gradients: &[Tensor<T>]) {
    rule.apply(t, &mut block.value, &flatten(gradients), &mut block.first, &mut block.second);
}

#[cfg(test)]
mod tests;
