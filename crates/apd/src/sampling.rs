//! One chain: a network is trained, and a sampler goes on from it.

use std::time::Instant;

use apd_bnn::NetworkPotential;
use apd_nn::Model;
use apd_nn::optim::{Adam, AdamState};
use apd_seed::{Minibatches, Seed};
use apd_sgmcmc::{
    Baoab, BaoabState, ChainConfig, ChainError, ChainState, Correction, FullBatch, HamiltonianChain, HamiltonianConfig,
    HamiltonianState, LangevinTuning, MicrocanonicalChain, MicrocanonicalConfig, MicrocanonicalState, Minibatch,
    Potential, Rescaled, Sample, Svrg,
};
use apd_store::checkpoint;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::{Context, Error};

/// Most of the temperature that minibatches may add to it.
const BIAS: f64 = 0.02;

/// How a chain goes on from its trained network; nothing is left to be tuned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FitSampler {
    /// Microcanonical Langevin dynamics: two gradients a step, and the most for them where networks are concerned.
    Microcanonical(MicrocanonicalConfig),
    /// HMC or NUTS: exact, and up to a thousand gradients a draw.
    Hamiltonian(HamiltonianConfig),
    /// Langevin dynamics (BAOAB) on minibatches, for more rows than a step can go over: three minibatch gradients a step, since a control
    /// variate that follows the chain ([`Svrg`]) takes most of their noise away. Units, step size and friction are measured at the trained network
    /// ([`LangevinTuning`]); what is left of the noise adds at most 2 % to the temperature there.
    Langevin(LangevinConfig),
}

/// The length of a chain on minibatches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LangevinConfig {
    /// Rows of a minibatch.
    pub batch: usize,
    /// First steps, of which nothing is kept.
    pub warmup: u64,
    /// Positions that are kept.
    pub draws: u64,
    /// Steps from one to the next.
    pub thinning: u64,
}

impl LangevinConfig {
    fn chain(&self) -> ChainConfig {
        let Self { batch: batch_size, warmup, draws, thinning } = *self;
        ChainConfig { steps: warmup + draws * thinning, burn_in: warmup, thinning, batch_size }
    }

    /// A center for each pass over the rows.
    fn svrg(&self, potential: NetworkPotential) -> Result<Svrg<NetworkPotential>, ChainError> {
        let period = potential.num_data() / self.batch.max(1);
        Svrg::new(potential, period.max(1) as u64)
    }
}

impl FitSampler {
    /// Microcanonical Langevin dynamics as networks take it: in the weights' own units, since variances say little while a chain still
    /// moves, and with an energy variance of 0.1 per dimension.
    pub fn microcanonical(warmup: u64, draws: u64, thinning: u64) -> Self {
        let correction = Correction::None { energy_variance: 0.1 };
        let config = MicrocanonicalConfig::langevin(warmup, draws, thinning);
        Self::Microcanonical(MicrocanonicalConfig { correction, precondition: false, ..config })
    }

    /// Positions of each chain that are kept.
    pub fn draws(&self) -> u64 {
        match self {
            Self::Microcanonical(config) => config.draws,
            Self::Hamiltonian(config) => config.draws,
            Self::Langevin(config) => config.draws,
        }
    }

    /// The same with so many draws.
    pub fn with_draws(mut self, draws: u64) -> Self {
        match &mut self {
            Self::Microcanonical(config) => config.draws = draws,
            Self::Hamiltonian(config) => config.draws = draws,
            Self::Langevin(config) => config.draws = draws,
        }
        self
    }

    /// Steps of each chain after its network is trained, those of the warm-up included.
    pub fn steps(&self) -> u64 {
        match self {
            Self::Microcanonical(config) => config.warmup + config.draws * config.thinning,
            Self::Hamiltonian(config) => config.warmup + config.draws,
            Self::Langevin(config) => config.chain().steps,
        }
    }

    /// Rows of a minibatch, `None` where every step goes over all of them.
    fn batch(&self) -> Option<usize> {
        match self {
            Self::Microcanonical(_) | Self::Hamiltonian(_) => None,
            Self::Langevin(config) => Some(config.batch),
        }
    }
}

/// What a chain leaves behind, and goes on from.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    /// What is sampled, and how: a checkpoint of something else is none of this chain.
    fingerprint: String,
    state: State,
    samples: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
enum State {
    Microcanonical(MicrocanonicalState),
    Hamiltonian(HamiltonianState),
    Langevin(LangevinTuning, ChainState<BaoabState>),
}

enum Chain {
    Microcanonical(Box<MicrocanonicalChain<FullBatch<NetworkPotential>>>),
    Hamiltonian(Box<HamiltonianChain<FullBatch<NetworkPotential>>>),
    Langevin(LangevinTuning, Box<apd_sgmcmc::Chain<Rescaled<Svrg<NetworkPotential>>, Baoab>>),
}

impl Chain {
    fn new(
        number: u32,
        potential: NetworkPotential,
        sampler: FitSampler,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<Self, ChainError> {
        Ok(match sampler {
            FitSampler::Microcanonical(config) => {
                let potential = FullBatch::new(potential);
                Self::Microcanonical(Box::new(MicrocanonicalChain::new(number, potential, config, seed, start)?))
            }
            FitSampler::Hamiltonian(config) => {
                let potential = FullBatch::new(potential);
                Self::Hamiltonian(Box::new(HamiltonianChain::new(number, potential, config, seed, start)?))
            }
            FitSampler::Langevin(config) => {
                config.chain().validate()?;
                let precision = potential.prior_precision().unwrap_or(1.0);
                let tuning_seed = seed.child("tuning").index(u64::from(number));
                let (tuning, potential) =
                    LangevinTuning::measure(potential, &start, precision, config.batch, BIAS, tuning_seed)?;
                let potential = Rescaled::new(config.svrg(potential)?, tuning.scale.clone());
                let z = potential.z_of(&start).into_owned();
                let (sampler, config) = (tuning.sampler(), config.chain());
                let chain = apd_sgmcmc::Chain::new(number, potential, sampler, config, seed, z)?;
                Self::Langevin(tuning, Box::new(chain))
            }
        })
    }

    /// `None` where the state is another sampler's.
    fn resume(
        potential: NetworkPotential,
        sampler: FitSampler,
        seed: Seed,
        state: State,
    ) -> Result<Option<Self>, ChainError> {
        Ok(match (sampler, state) {
            (FitSampler::Microcanonical(config), State::Microcanonical(state)) => {
                let potential = FullBatch::new(potential);
                Some(Self::Microcanonical(Box::new(MicrocanonicalChain::resume(potential, config, seed, state)?)))
            }
            (FitSampler::Hamiltonian(config), State::Hamiltonian(state)) => {
                let potential = FullBatch::new(potential);
                Some(Self::Hamiltonian(Box::new(HamiltonianChain::resume(potential, config, seed, state)?)))
            }
            (FitSampler::Langevin(config), State::Langevin(tuning, state)) => {
                let potential = Rescaled::new(config.svrg(potential)?, tuning.scale.clone());
                let chain = apd_sgmcmc::Chain::resume(potential, tuning.sampler(), config.chain(), seed, state)?;
                Some(Self::Langevin(tuning, Box::new(chain)))
            }
            _ => None,
        })
    }

    /// Makes a step; θ if it is to be kept.
    fn step(&mut self) -> Result<Option<Vec<f32>>, ChainError> {
        let rounded = |sample: Sample<'_, f64>| sample.position.iter().map(|&x| x as f32).collect();
        Ok(match self {
            Self::Microcanonical(chain) => chain.step()?.map(rounded),
            Self::Hamiltonian(chain) => chain.step()?.map(rounded),
            Self::Langevin(tuning, chain) => {
                chain.step()?.map(|sample| sample.position.iter().zip(&tuning.scale).map(|(z, s)| z * s).collect())
            }
        })
    }

    /// Steps made.
    fn steps(&self) -> u64 {
        match self {
            Self::Microcanonical(chain) => chain.progress().step,
            Self::Hamiltonian(chain) => chain.progress().step,
            Self::Langevin(_, chain) => chain.progress().step,
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Microcanonical(chain) => State::Microcanonical(chain.state()),
            Self::Hamiltonian(chain) => State::Hamiltonian(chain.state()),
            Self::Langevin(tuning, chain) => State::Langevin(tuning.clone(), chain.state()),
        }
    }
}

/// A chain on its way, and what of its positions is kept: of each what predictions need, and then the buffers that go with it (none without
/// batch normalization).
pub(crate) struct Sampling {
    number: u32,
    chain: Chain,
    sampler: FitSampler,
    model: Box<dyn Model>,
    /// Numbers of a position that predictions need.
    kept: usize,
    samples: Vec<f32>,
    saved: Instant,
}

impl Sampling {
    /// Trains a network, from which the chain goes on; or takes the chain up where its checkpoint says.
    pub(crate) fn begin(
        number: u32,
        mut potential: NetworkPotential,
        training_steps: u64,
        sampler: FitSampler,
        seed: Seed,
        fingerprint: &str,
        context: &Context<'_>,
    ) -> Result<Self, Error> {
        let path = context.checkpoint(number);
        let left: Option<Checkpoint> = match &path {
            Some(path) if path.exists() => Some(checkpoint::load(path, "chain").map_err(file)?.value),
            _ => None,
        };
        let (model, kept, saved) = (potential.model().clone_model(), potential.predictive_dim(), Instant::now());
        let other_fit = || Error::OtherFit { folder: context.checkpoints.map(Into::into).unwrap_or_default() };
        match left {
            Some(left) if left.fingerprint == fingerprint => {
                let chain = Chain::resume(potential, sampler, seed, left.state)?.ok_or_else(other_fit)?;
                context.progress.resume(training_steps + chain.steps());
                Ok(Self { number, chain, sampler, model, kept, samples: left.samples, saved })
            }
            Some(_) => Err(other_fit()),
            None => {
                let initial = potential.initialize(seed.child("initial").index(u64::from(number)));
                let batch = sampler.batch().unwrap_or(usize::MAX);
                let training = seed.child("training").index(u64::from(number));
                let minibatches = Minibatches::new(training, potential.num_data(), batch);
                let start = train(training_steps, &mut potential, initial, minibatches, context)?;
                let chain = Chain::new(number, potential, sampler, seed, start)?;
                let mut begun = Self { number, chain, sampler, model, kept, samples: Vec::new(), saved };
                begun.save(fingerprint, context)?;
                Ok(begun)
            }
        }
    }

    /// Goes on until there are so many draws.
    pub(crate) fn run_to(
        &mut self,
        draws: u64,
        calibration: ArrayView2<'_, f32>,
        fingerprint: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let enough = draws as usize * self.dim();
        while self.samples.len() < enough && self.chain.steps() < self.sampler.steps() {
            if let Some(mut position) = self.chain.step()? {
                position.truncate(self.kept);
                let buffers = self.model.calibrate(&position[..self.model.dim()], calibration);
                self.samples.extend(position.into_iter().chain(buffers));
            }
            context.progress.advance(1);
            let stop = context.progress.stop_requested();
            let is_last = self.chain.steps() == self.sampler.steps();
            if stop || is_last || self.saved.elapsed() >= context.checkpoint_every {
                self.save(fingerprint, context)?;
            }
            if stop {
                return Err(Error::Stopped);
            }
        }
        Ok(())
    }

    /// Leaves a checkpoint, where there is a folder for it.
    fn save(&mut self, fingerprint: &str, context: &Context<'_>) -> Result<(), Error> {
        if let Some(path) = &context.checkpoint(self.number) {
            let samples = std::mem::take(&mut self.samples);
            let left = Checkpoint { fingerprint: fingerprint.to_owned(), state: self.chain.state(), samples };
            checkpoint::save(path, "chain", &left).map_err(file)?;
            (self.samples, self.saved) = (left.samples, Instant::now());
        }
        Ok(())
    }

    /// The first draws, a row each. There may be more: a checkpoint may be that of a longer chain, which begins alike.
    ///
    /// **Panics** unless [`run_to`](Self::run_to) has made so many.
    pub(crate) fn draws(&self, draws: u64) -> ArrayView2<'_, f32> {
        let (draws, dim) = (draws as usize, self.dim());
        ArrayView2::from_shape((draws, dim), &self.samples[..draws * dim]).expect("so many draws")
    }

    fn dim(&self) -> usize {
        self.kept + self.model.buffers()
    }
}

fn file(error: apd_store::Error) -> Error {
    Error::Checkpoint(Box::new(error))
}

/// Descends U by Adam from `theta`, with a learning rate that falls to 0: a start in the posterior's bulk, not its mode to the last digit.
///
/// The layers' scales, if they are learned, stay where they are: U has no minimum worth having in them, since a layer that shrinks together
/// with its scale gains density without end. Only a chain, which pays for the room that it leaves, may move them.
///
/// **Errors**: a potential that fails; [`Error::Stopped`], and nothing is kept of it.
fn train(
    steps: u64,
    potential: &mut NetworkPotential,
    mut theta: Vec<f32>,
    mut minibatches: Minibatches,
    context: &Context<'_>,
) -> Result<Vec<f32>, Error> {
    const RATE: f64 = 0.01;
    let moved = potential.predictive_dim();
    let (mut state, mut gradient) = (AdamState::new(theta.len()), vec![0.0; theta.len()]);
    for step in 0..steps {
        if context.progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let minibatch = match minibatches.batch() == potential.num_data() {
            true => Minibatch::Full,
            false => Minibatch::Indices(minibatches.indices(step)),
        };
        potential.gradient(&theta, minibatch, &mut gradient).map_err(ChainError::from)?;
        gradient[moved..].fill(0.0);
        context.progress.advance(1);
        let left = 1.0 - step as f64 / steps as f64;
        Adam { lr: RATE * left, ..Adam::default() }.step(&mut state, &mut theta, &gradient);
    }
    Ok(theta)
}

#[cfg(test)]
mod tests;
