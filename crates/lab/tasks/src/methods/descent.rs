//! Gradient descent: what every network that is trained, not sampled, comes from.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_distill::Swag;
use apd_nn::{Model as _, Network, Threads};
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainState, Potential, Sample, Sampler, Sgd, from_mean_loss};

use crate::context::Context;
use crate::error::Result;

/// Steps between checks of the stop flag.
const STRIDE: u64 = 100;

/// SGD on minibatches, with momentum and weight decay.
#[derive(Clone, Copy)]
pub(crate) struct Descent<'a> {
    pub(crate) network: &'a Network,
    pub(crate) data: &'a Data,
    /// What its gradients are computed on.
    pub(crate) threads: Threads,
    /// Learning rate on the mean loss.
    pub(crate) lr: f64,
    pub(crate) momentum: f64,
    /// Weight decay on the mean loss.
    pub(crate) weight_decay: f64,
    pub(crate) batch: usize,
    pub(crate) steps: u64,
}

impl Descent<'_> {
    /// The path from a start, before its first step; it keeps a position every `thinning` steps after the first `burn_in`.
    pub(crate) fn path(
        &self,
        seed: Seed,
        start: Vec<f32>,
        burn_in: u64,
        thinning: u64,
    ) -> Result<Chain<NetworkPotential, Sgd>> {
        let length = self.length(burn_in, thinning);
        Ok(Chain::new(0, self.potential(seed)?, self.sampler(), length, seed, start)?)
    }

    /// The path where an interrupted run has left it; it keeps nothing.
    pub(crate) fn resume(
        &self,
        seed: Seed,
        state: ChainState<<Sgd as Sampler>::State>,
    ) -> Result<Chain<NetworkPotential, Sgd>> {
        Ok(Chain::resume(self.potential(seed)?, self.sampler(), self.length(self.steps, 1), seed, state)?)
    }

    fn length(&self, burn_in: u64, thinning: u64) -> ChainConfig {
        ChainConfig { steps: self.steps, burn_in, thinning, batch_size: self.batch.min(self.data.len()) }
    }

    /// U on the mean loss's scale of weight decay. The seed counts only where the network has dropout.
    fn potential(&self, seed: Seed) -> Result<NetworkPotential> {
        let (_, precision) = from_mean_loss(self.lr, self.weight_decay, self.data.len());
        let prior = Arc::new(prior::Gaussian::isotropic(precision));
        let potential = NetworkPotential::new(self.network, self.data.clone(), Arc::new(Categorical), prior)?;
        Ok(potential.with_threads(self.threads).with_dropout(seed.child("dropout")))
    }

    fn sampler(&self) -> Sgd {
        Sgd::from_mean_loss(self.lr, self.momentum, self.data.len())
    }

    /// Where it ends.
    pub(crate) fn end(&self, context: Context<'_>, seed: Seed, start: Vec<f32>) -> Result<Vec<f32>> {
        let mut path = self.path(seed, start, self.steps, 1)?;
        to_its_end(context, &mut path, |_| ())?;
        Ok(path.position().to_vec())
    }

    /// A Gaussian around the second half of the path, from a position every `thinning` steps; and where that ended.
    pub(crate) fn swag(
        &self,
        context: Context<'_>,
        rank: usize,
        thinning: u64,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<(Swag, Vec<f32>)> {
        let mut swag = Swag::new(self.network.row_len(), rank)?;
        let mut path = self.path(seed, start, self.steps / 2, thinning)?;
        to_its_end(context, &mut path, |sample| swag.collect(&self.row(sample.position)))?;
        Ok((swag, path.position().to_vec()))
    }

    /// θ as predictions read it: with the buffers of batch normalization, which are those of the data.
    pub(crate) fn row(&self, theta: &[f32]) -> Vec<f32> {
        [theta, &self.network.calibrate(theta, self.data.inputs.view())].concat()
    }
}

/// Takes a chain to its end, what it keeps to `keep`.
pub(crate) fn to_its_end<P: Potential, S: Sampler>(
    context: Context<'_>,
    chain: &mut Chain<P, S>,
    mut keep: impl FnMut(Sample<'_>),
) -> Result<()> {
    while chain.progress().step < chain.config().steps {
        if let Some(sample) = chain.step()? {
            keep(sample);
        }
        if chain.progress().step.is_multiple_of(STRIDE) {
            context.stop_if_asked()?;
        }
    }
    Ok(())
}

/// The same network with dropout after its hidden layers.
pub(crate) fn with_dropout(network: &Network, p: f32) -> Network {
    let mut network = network.clone();
    if let Network::Mlp(mlp) = &mut network {
        mlp.dropout = p;
    }
    network
}
