//! One chain: a network is trained, and NUTS goes on from it.

use std::time::Instant;

use apd_bnn::NetworkPotential;
use apd_nn::optim::{Adam, AdamState};
use apd_seed::Seed;
use apd_sgmcmc::{
    FullBatch, HamiltonianChain, HamiltonianConfig, HamiltonianState, Minibatch, Potential, PotentialError,
};
use apd_store::checkpoint;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::{Context, Error};

/// What a chain leaves behind, and goes on from.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    /// What is sampled, and how: a checkpoint of something else is none of this chain.
    fingerprint: String,
    state: HamiltonianState,
    samples: Vec<f32>,
}

/// Steps of one chain, as its progress counts them.
pub(crate) fn steps(config: &HamiltonianConfig) -> u64 {
    config.warmup + config.draws
}

/// Samples of one chain: of each, the position and then the buffers that go with it (none without batch normalization).
pub(crate) fn chain(
    number: u32,
    mut potential: NetworkPotential,
    calibration: ArrayView2<'_, f32>,
    training_steps: u64,
    config: HamiltonianConfig,
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
    let model = potential.model().clone_model();
    let (mut chain, mut samples) = match left {
        Some(left) if left.fingerprint == fingerprint => {
            context.progress.advance(left.state.step);
            (HamiltonianChain::resume(FullBatch::new(potential), config, seed, left.state)?, left.samples)
        }
        Some(_) => return Err(Error::OtherFit { folder: context.checkpoints.map(Into::into).unwrap_or_default() }),
        None => {
            let initial = potential.initialize(seed.child("initial").index(u64::from(number)));
            let start = train(training_steps, &mut potential, initial).map_err(apd_sgmcmc::ChainError::from)?;
            (HamiltonianChain::new(number, FullBatch::new(potential), config, seed, start)?, Vec::new())
        }
    };
    let mut saved = Instant::now();
    while chain.progress().step < steps(&config) {
        if let Some(sample) = chain.step()? {
            let position: Vec<f32> = sample.position.iter().map(|&x| x as f32).collect();
            let buffers = model.calibrate(&position[..model.dim()], calibration);
            samples.extend(position.into_iter().chain(buffers));
        }
        context.progress.advance(1);
        let stop = context.progress.stop_requested();
        if let Some(path) = &path
            && (stop || saved.elapsed() >= context.checkpoint_every || chain.progress().step == steps(&config))
        {
            let left = Checkpoint { fingerprint: fingerprint.to_owned(), state: chain.state(), samples };
            checkpoint::save(path, "chain", &left).map_err(file)?;
            (samples, saved) = (left.samples, Instant::now());
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    let dim = samples.len() / config.draws as usize;
    Ok(Array2::from_shape_vec((config.draws as usize, dim), samples).expect("all draws of a finished chain"))
}

/// Descends U by Adam from `theta`, with a learning rate that falls to 0: a start in the posterior's bulk, not its mode to the last digit.
fn train(steps: u64, potential: &mut NetworkPotential, mut theta: Vec<f32>) -> Result<Vec<f32>, PotentialError> {
    const RATE: f64 = 0.01;
    let (mut state, mut gradient) = (AdamState::new(theta.len()), vec![0.0; theta.len()]);
    for step in 0..steps {
        potential.gradient(&theta, Minibatch::Full, &mut gradient)?;
        let left = 1.0 - step as f64 / steps as f64;
        Adam { lr: RATE * left, ..Adam::default() }.step(&mut state, &mut theta, &gradient);
    }
    Ok(theta)
}
