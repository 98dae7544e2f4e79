//! One chain: a network is trained, and NUTS goes on from it.

use apd_bnn::NetworkPotential;
use apd_nn::optim::{Adam, AdamState};
use apd_seed::Seed;
use apd_sgmcmc::{
    ChainError, FullBatch, HamiltonianChain, HamiltonianConfig, Minibatch, Potential, PotentialError, RunError, Sample,
};
use ndarray::{Array2, ArrayView2};

/// Samples of one chain: of each, the position and then the buffers that go with it (none without batch normalization).
pub(crate) fn chain(
    number: u32,
    mut potential: NetworkPotential,
    calibration: ArrayView2<'_, f32>,
    training_steps: u64,
    config: HamiltonianConfig,
    seed: Seed,
) -> Result<Array2<f32>, ChainError> {
    let initial = potential.initialize(seed.child("initial").index(u64::from(number)));
    let start = train(training_steps, &mut potential, initial).map_err(ChainError::from)?;
    let model = potential.model().clone_model();
    let (dim, draws) = (start.len() + model.buffers(), config.draws as usize);
    let mut chain = HamiltonianChain::new(number, FullBatch::new(potential), config, seed, start)?;
    let mut samples = Vec::with_capacity(draws * dim);
    let keep = &mut |sample: Sample<'_, f64>| {
        let position: Vec<f32> = sample.position.iter().map(|&x| x as f32).collect();
        let buffers = model.calibrate(&position[..model.dim()], calibration);
        samples.extend(position.into_iter().chain(buffers));
        Ok::<(), std::convert::Infallible>(())
    };
    match chain.run(keep) {
        Ok(_) => Ok(Array2::from_shape_vec((draws, dim), samples).expect("all draws of a finished chain")),
        Err(RunError::Chain(error)) => Err(error),
        Err(RunError::Sink { source, .. }) => match source {},
    }
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
