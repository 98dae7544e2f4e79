//! The loop of updates, and its state.

use std::borrow::Cow;

use apd_seed::Seed;
use serde::{Deserialize, Serialize};

use super::general;
use crate::gan::batch::{Batch, StandardizedPoints};
use crate::gan::config::{Engine, InitialOutput};
use crate::gan::initial::match_moments;
use crate::gan::model::{Block, Critic, GeneratorNet, Widths, glorot_outputs};
use crate::gan::structured::Structured;
use crate::standardize::{Affine, Moments};
use crate::{Config, CriticLoss, Error, Generator, Standardization};
use apd_points::Points;

/// The report of one iteration (critic updates, then a generator update).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// Iterations done, this one included.
    pub iteration: u64,
    /// The critic's loss in its last update.
    pub critic_loss: f64,
    /// W = mean D(points) − mean D(generated points): for the Wasserstein losses an estimate of the Wasserstein-1 distance of
    /// standardized points, up to a factor.
    pub wasserstein: f64,
    /// mean (‖∇D‖ − 1)², without λ; 0 where the loss has no penalty.
    pub penalty: f64,
    /// The generator's loss.
    pub generator_loss: f64,
}

/// A GAN on the rows of a bank: the critic's and the generator's parameters, and the updates on them.
///
/// mean ℓ(D(x), real) + mean ℓ(D(x̃), generated) is minimized over the critic D, mean ℓ(D(x̃), real) over the generator, where x are
/// points, x̃ generated ones and ℓ is that of the [`Loss`](crate::Loss). WGAN-GP adds λ·mean (√(‖∇D(x̂)‖² + 10⁻¹²) − 1)² to the
/// critic's, where x̂ = x + e(x̃ − x) with e ~ U(0, 1) for each pair; the constant in the root makes it differentiable at 0; both
/// engines have it.
///
/// Everything random is a pure function of the seed and the number of the update. So the state is the parameters, their optimizer's
/// moments, and two counters, and a run continued from a [`State`] has the bits of one that was never interrupted. Results do not
/// depend on the number of threads.
///
/// **Fails** to cover a posterior with fewer effective samples than modes, and reproduces its spread only after long training:
/// measure before relying on it.
///
/// Reference: Wang et al., *Adversarial distillation of Bayesian neural network posteriors*, ICML 2018; the loss: Gulrajani et al.,
/// *Improved training of Wasserstein GANs*, NeurIPS 2017, algorithm 1; others at [`Loss`](crate::Loss).
pub struct Trainer<R> {
    rows: R,
    config: Config,
    seed: Seed,
    affine: Affine<'static>,
    critic: Critic<f32>,
    generator: GeneratorNet<f32>,
    critic_updates: u64,
    generator_updates: u64,
    structured: Structured<f32>,
    /// Buffers of a step.
    batch: Batch,
    next: Vec<u32>,
}

/// All that a run needs to go on, borrowed from a [`Trainer`] or read from a file.
///
/// Its size is that of three times all parameters. Borrowing spares a second copy of them while it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State<'a> {
    /// The run's settings.
    pub config: Config,
    /// The run's seed.
    pub seed: Seed,
    points: usize,
    dim: usize,
    critic_updates: u64,
    generator_updates: u64,
    affine: Affine<'a>,
    /// Critic: first layer, head. Generator: trunk, output weight, output bias. Each: value, first and second moments.
    blocks: Vec<[Cow<'a, [f32]>; 3]>,
}

impl State<'_> {
    /// The same, to outlive its trainer.
    pub fn into_owned(self) -> State<'static> {
        let Self { config, seed, points, dim, critic_updates, generator_updates, affine, blocks } = self;
        let owned = |part: Cow<'_, [f32]>| Cow::Owned(part.into_owned());
        State {
            affine: Affine { mean: owned(affine.mean), scale: owned(affine.scale) },
            blocks: blocks.into_iter().map(|block| block.map(owned)).collect(),
            config,
            seed,
            points,
            dim,
            critic_updates,
            generator_updates,
        }
    }
}

impl<R: Points> Trainer<R> {
    /// Fresh networks for these points.
    ///
    /// **Errors**: settings outside their range; no points, or too many (2³²); with a standardization, points that are
    /// not finite.
    pub fn new(rows: R, config: Config, seed: Seed) -> Result<Self, Error> {
        config.validate()?;
        let widths = check(&rows, &config)?;
        let needed = config.standardization != Standardization::None || config.initial_output == InitialOutput::Moments;
        let moments = if needed { Some(Moments::of(&rows)?) } else { None };
        let affine = Affine::new(config.standardization, moments.as_ref());
        let mut critic = Critic::new(widths, config.optimizer, seed.child("initial-critic"));
        let mut generator = GeneratorNet::new(widths, config.optimizer, seed.child("initial-generator"));
        match (config.initial_output, &moments) {
            (InitialOutput::Glorot, _) => glorot_outputs(&mut critic, &mut generator, widths),
            (InitialOutput::Moments, Some(moments)) => {
                let latents = seed.child("initial-latent");
                let spread = config.initial_spread as f32;
                match_moments(&mut generator, widths, moments, config.standardization, spread, latents);
            }
            _ => {}
        }
        Ok(Self::of_parts(rows, widths, config, seed, affine, (critic, generator), [0; 2]))
    }

    /// Goes on where `state` was taken, on the same points.
    ///
    /// The settings are those of the state; change [`State::config`] before to go on with others (the widths must stay).
    ///
    /// **Errors**: settings outside their range; a state of other points, or whose parts do not fit together.
    pub fn resume(rows: R, state: State<'_>) -> Result<Self, Error> {
        let State { config, seed, points, dim, critic_updates, generator_updates, affine, blocks } = state;
        config.validate()?;
        let wrong = |what, found: usize, expected: usize| {
            let (found, expected) = (found.to_string(), expected.to_string());
            Err(Error::State { what, found, expected })
        };
        if points != rows.len() {
            return wrong("the number of points", rows.len(), points);
        }
        if dim != rows.dim() {
            return wrong("the points' dimension", rows.dim(), dim);
        }
        let widths = check(&rows, &config)?;
        if !affine.fits(config.standardization, dim) {
            let (found, expected) = ("another one".to_owned(), config.standardization.to_string());
            return Err(Error::State { what: "the standardization", found, expected });
        }
        let (head, trunk): (usize, usize) = (widths.head_lengths().iter().sum(), widths.trunk_lengths().iter().sum());
        let lengths = [dim * widths.hidden, head, trunk, dim * widths.hidden, dim];
        if blocks.len() != lengths.len() {
            return wrong("the number of blocks of parameters", blocks.len(), lengths.len());
        }
        let mut owned = Vec::with_capacity(blocks.len());
        for (block, len) in blocks.into_iter().zip(lengths) {
            let first = if config.optimizer.has_first_moments() { len } else { 0 };
            for (part, len) in block.iter().zip([len, first, len]) {
                if part.len() != len {
                    return wrong("the length of a block of parameters", part.len(), len);
                }
            }
            let [value, first, second] = block.map(Cow::into_owned);
            owned.push(Block { value, first, second });
        }
        let Ok([first, head, trunk, weight, bias]) = <[Block<f32>; 5]>::try_from(owned) else {
            unreachable!("the number of blocks has been checked");
        };
        let affine = Affine { mean: affine.mean.into_owned().into(), scale: affine.scale.into_owned().into() };
        let networks = (Critic { first, head }, GeneratorNet { trunk, weight, bias });
        Ok(Self::of_parts(rows, widths, config, seed, affine, networks, [critic_updates, generator_updates]))
    }

    fn of_parts(
        rows: R,
        widths: Widths,
        config: Config,
        seed: Seed,
        affine: Affine<'static>,
        (critic, generator): (Critic<f32>, GeneratorNet<f32>),
        [critic_updates, generator_updates]: [u64; 2],
    ) -> Self {
        Self {
            structured: Structured::new(widths, config.batch, config.objective()),
            batch: Batch::default(),
            next: Vec::new(),
            rows,
            config,
            seed,
            affine,
            critic,
            generator,
            critic_updates,
            generator_updates,
        }
    }

    /// The state to [`resume`](Self::resume) from.
    pub fn state(&self) -> State<'_> {
        let GeneratorNet { trunk, weight, bias } = &self.generator;
        let blocks = [&self.critic.first, &self.critic.head, trunk, weight, bias];
        State {
            config: self.config.clone(),
            seed: self.seed,
            points: self.rows.len(),
            dim: self.rows.dim(),
            critic_updates: self.critic_updates,
            generator_updates: self.generator_updates,
            affine: self.affine.borrowed(),
            blocks: blocks
                .map(|block| [&block.value, &block.first, &block.second].map(|part| (&part[..]).into()))
                .into(),
        }
    }

    /// One iteration: [`Config::critic_steps`] critic updates and one generator update.
    ///
    /// **Errors**: a loss that is not finite, see [`critic_step`](Self::critic_step).
    pub fn step(&mut self) -> Result<Progress, Error> {
        let mut last = self.critic_step()?;
        for _ in 1..self.config.critic_steps {
            last = self.critic_step()?;
        }
        let generator_loss = self.generator_step()?;
        let CriticLoss { loss, wasserstein, penalty } = last;
        Ok(Progress { iteration: self.generator_updates, critic_loss: loss, wasserstein, penalty, generator_loss })
    }

    /// One critic update. It allocates nothing after the first ones if the engine is [`Engine::Structured`].
    ///
    /// **Errors**: a loss that is not finite; the parameters are then left as they were.
    pub fn critic_step(&mut self) -> Result<CriticLoss, Error> {
        let (number, count) = (self.critic_updates, self.rows.len() as u32);
        let (widths, rule) = (widths(&self.rows, &self.config), self.config.critic_rule());
        let Config { batch: size, latent, engine, .. } = self.config;
        let Self { rows, affine, seed, critic, generator, batch, next, structured, .. } = self;
        let points = &StandardizedPoints { rows: &*rows, affine };
        batch.critic(*seed, number, count, size, latent);
        let loss = match engine {
            Engine::Structured => {
                Batch::rows(next, *seed, number + 1, count, size);
                structured.critic_step(critic, generator, points, batch, next, &rule, number)
            }
            Engine::General => {
                let objective = self.config.objective();
                general::critic_step(widths, critic, generator, points, batch, objective, &rule, number + 1)
            }
        };
        self.check("critic", loss.loss)?;
        self.critic_updates += 1;
        Ok(loss)
    }

    /// One generator update; returns its loss, mean ℓ(D(x̃), real). It allocates nothing after the first ones if the engine is
    /// [`Engine::Structured`].
    ///
    /// **Errors**: a loss that is not finite; the parameters are then left as they were.
    pub fn generator_step(&mut self) -> Result<f64, Error> {
        let (number, count, critic_number) = (self.generator_updates, self.rows.len() as u32, self.critic_updates);
        let (widths, rule) = (widths(&self.rows, &self.config), self.config.optimizer);
        let Config { batch: size, latent, engine, .. } = self.config;
        let Self { rows, affine, seed, critic, generator, batch, next, structured, .. } = self;
        let points = &StandardizedPoints { rows: &*rows, affine };
        batch.generator(*seed, number, size, latent);
        let loss = match engine {
            Engine::Structured => {
                Batch::rows(next, *seed, critic_number, count, size);
                structured.generator_step(critic, generator, points, batch, (critic_number, next), &rule, number)
            }
            Engine::General => {
                let objective = self.config.objective();
                general::generator_step(widths, critic, generator, batch, objective, &rule, number + 1)
            }
        };
        self.check("generator", loss)?;
        self.generator_updates += 1;
        Ok(loss)
    }

    /// The generator as it is now (a copy of its parameters).
    pub fn generator(&self) -> Generator {
        let widths = widths(&self.rows, &self.config);
        let GeneratorNet { trunk, weight, bias } = &self.generator;
        let values = [trunk, weight, bias].map(|block| block.value.clone());
        Generator::new(widths, self.config.standardization, self.affine.clone(), values)
    }

    /// The generator as it is now, without a copy: the end of training.
    pub fn into_generator(self) -> Generator {
        let widths = widths(&self.rows, &self.config);
        let GeneratorNet { trunk, weight, bias } = self.generator;
        let values = [trunk, weight, bias].map(|block| block.value);
        Generator::new(widths, self.config.standardization, self.affine, values)
    }

    /// Iterations done: generator updates.
    pub fn iteration(&self) -> u64 {
        self.generator_updates
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The points.
    pub fn rows(&self) -> &R {
        &self.rows
    }

    /// Lets `change` put other points in the place of some, or add some; the affine map, which comes from the first points, stays.
    ///
    /// **Panics** if there are then points of another dimension, none, or too many (2³²).
    #[track_caller]
    pub fn change_rows(&mut self, change: impl FnOnce(&mut R)) {
        let dim = self.rows.dim();
        change(&mut self.rows);
        assert!(self.rows.dim() == dim, "points of dimension {dim} became points of dimension {}", self.rows.dim());
        assert!(self.rows.len() > 0 && u32::try_from(self.rows.len()).is_ok(), "{} points", self.rows.len());
        self.structured.forget();
    }

    fn check(&self, network: &'static str, loss: f64) -> Result<(), Error> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(Error::Diverged { network, iteration: self.generator_updates, loss })
    }
}

fn widths(rows: &impl Points, config: &Config) -> Widths {
    Widths { dim: rows.dim(), latent: config.latent, hidden: config.hidden }
}

fn check(rows: &impl Points, config: &Config) -> Result<Widths, Error> {
    let refuse = |reason: &str| Err(Error::Points { rows: rows.len(), dim: rows.dim(), reason: reason.to_owned() });
    if rows.len() == 0 || rows.dim() == 0 {
        return refuse("there is nothing to learn from");
    }
    if u32::try_from(rows.len()).is_err() {
        return refuse("at most 2³² − 1 can be distinguished");
    }
    Ok(widths(rows, config))
}

#[cfg(test)]
mod tests;
