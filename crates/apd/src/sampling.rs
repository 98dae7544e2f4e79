//! One chain: a network is trained, and a sampler goes on from it.

use std::time::Instant;

use apd_bnn::NetworkPotential;
use apd_nn::optim::{Adam, AdamState};
use apd_seed::Seed;
use apd_sgmcmc::{
    ChainError, Correction, FullBatch, HamiltonianChain, HamiltonianConfig, HamiltonianState, MicrocanonicalChain,
    MicrocanonicalConfig, MicrocanonicalState, Minibatch, Potential, Sample,
};
use apd_store::checkpoint;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::{Context, Error};

/// How a chain goes on from its trained network: on all rows at every step, with a warm-up that learns what can be learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitSampler {
    /// Microcanonical Langevin dynamics: two gradients a step, and the most for them where networks are concerned.
    Microcanonical(MicrocanonicalConfig),
    /// HMC or NUTS: exact, and up to a thousand gradients a draw.
    Hamiltonian(HamiltonianConfig),
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
        }
    }

    /// Steps of each chain after its network is trained, those of the warm-up included.
    pub fn steps(&self) -> u64 {
        match self {
            Self::Microcanonical(config) => config.warmup + config.draws * config.thinning,
            Self::Hamiltonian(config) => config.warmup + config.draws,
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
}

enum Chain {
    Microcanonical(Box<MicrocanonicalChain<FullBatch<NetworkPotential>>>),
    Hamiltonian(Box<HamiltonianChain<FullBatch<NetworkPotential>>>),
}

impl Chain {
    fn new(
        number: u32,
        potential: NetworkPotential,
        sampler: FitSampler,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<Self, ChainError> {
        let potential = FullBatch::new(potential);
        Ok(match sampler {
            FitSampler::Microcanonical(config) => {
                Self::Microcanonical(Box::new(MicrocanonicalChain::new(number, potential, config, seed, start)?))
            }
            FitSampler::Hamiltonian(config) => {
                Self::Hamiltonian(Box::new(HamiltonianChain::new(number, potential, config, seed, start)?))
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
        let potential = FullBatch::new(potential);
        Ok(match (sampler, state) {
            (FitSampler::Microcanonical(config), State::Microcanonical(state)) => {
                Some(Self::Microcanonical(Box::new(MicrocanonicalChain::resume(potential, config, seed, state)?)))
            }
            (FitSampler::Hamiltonian(config), State::Hamiltonian(state)) => {
                Some(Self::Hamiltonian(Box::new(HamiltonianChain::resume(potential, config, seed, state)?)))
            }
            _ => None,
        })
    }

    fn step(&mut self) -> Result<Option<Sample<'_, f64>>, ChainError> {
        match self {
            Self::Microcanonical(chain) => chain.step(),
            Self::Hamiltonian(chain) => chain.step(),
        }
    }

    /// Steps made.
    fn steps(&self) -> u64 {
        match self {
            Self::Microcanonical(chain) => chain.progress().step,
            Self::Hamiltonian(chain) => chain.progress().step,
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Microcanonical(chain) => State::Microcanonical(chain.state()),
            Self::Hamiltonian(chain) => State::Hamiltonian(chain.state()),
        }
    }
}

/// Samples of one chain: of each, what of the position predictions need, and then the buffers that go with it (none without batch
/// normalization).
pub(crate) fn chain(
    number: u32,
    mut potential: NetworkPotential,
    calibration: ArrayView2<'_, f32>,
    training_steps: u64,
    sampler: FitSampler,
    seed: Seed,
    fingerprint: &str,
    context: &Context<'_>,
) -> Result<Array2<f32>, Error> {
    let path = context.checkpoint(number);
    let file = |error: apd_store::Error| Error::Checkpoint(Box::new(error));
    let left: Option<Checkpoint> = match &path {
        Some(path) if path.exists() => Some(checkpoint::load(path, "chain").map_err(file)?.value),
        _ => None,
    };
    let (model, kept) = (potential.model().clone_model(), potential.predictive_dim());
    let other_fit = || Error::OtherFit { folder: context.checkpoints.map(Into::into).unwrap_or_default() };
    let (mut chain, mut samples) = match left {
        Some(left) if left.fingerprint == fingerprint => {
            let chain = Chain::resume(potential, sampler, seed, left.state)?.ok_or_else(other_fit)?;
            context.progress.resume(training_steps + chain.steps());
            (chain, left.samples)
        }
        Some(_) => return Err(other_fit()),
        None => {
            let initial = potential.initialize(seed.child("initial").index(u64::from(number)));
            let start = train(training_steps, &mut potential, initial, context)?;
            (Chain::new(number, potential, sampler, seed, start)?, Vec::new())
        }
    };
    let mut saved = Instant::now();
    while chain.steps() < sampler.steps() {
        if let Some(sample) = chain.step()? {
            let position: Vec<f32> = sample.position[..kept].iter().map(|&x| x as f32).collect();
            let buffers = model.calibrate(&position[..model.dim()], calibration);
            samples.extend(position.into_iter().chain(buffers));
        }
        context.progress.advance(1);
        let stop = context.progress.stop_requested();
        if let Some(path) = &path
            && (stop || saved.elapsed() >= context.checkpoint_every || chain.steps() == sampler.steps())
        {
            let left = Checkpoint { fingerprint: fingerprint.to_owned(), state: chain.state(), samples };
            checkpoint::save(path, "chain", &left).map_err(file)?;
            (samples, saved) = (left.samples, Instant::now());
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    let draws = sampler.draws() as usize;
    let dim = samples.len() / draws;
    Ok(Array2::from_shape_vec((draws, dim), samples).expect("all draws of a finished chain"))
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
    context: &Context<'_>,
) -> Result<Vec<f32>, Error> {
    const RATE: f64 = 0.01;
    let moved = potential.predictive_dim();
    let (mut state, mut gradient) = (AdamState::new(theta.len()), vec![0.0; theta.len()]);
    for step in 0..steps {
        if context.progress.stop_requested() {
            return Err(Error::Stopped);
        }
        potential.gradient(&theta, Minibatch::Full, &mut gradient).map_err(ChainError::from)?;
        gradient[moved..].fill(0.0);
        context.progress.advance(1);
        let left = 1.0 - step as f64 / steps as f64;
        Adam { lr: RATE * left, ..Adam::default() }.step(&mut state, &mut theta, &gradient);
    }
    Ok(theta)
}
