//! What SGD alone fits: one network, one with dropout, an ensemble, a Gaussian around its path.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_distill::Swag;
use apd_nn::{Model as _, Network};
use apd_points::{Ensemble, Posterior};
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Potential, Sample, Sampler, Sgd, from_mean_loss};

use crate::context::Context;
use crate::error::Result;
use crate::methods::dropout;

/// Steps between looks at the stop flag.
const STRIDE: u64 = 100;

/// SGD from a given start to a fixed number of steps.
pub(crate) struct Descent<'a> {
    pub(crate) network: &'a Network,
    pub(crate) data: &'a Data,
    /// Learning rate on the mean loss.
    pub(crate) lr: f64,
    pub(crate) momentum: f64,
    /// Weight decay on the mean loss.
    pub(crate) weight_decay: f64,
    pub(crate) batch: usize,
    pub(crate) steps: u64,
    /// Steps between the positions that SWAG collects, on the second half of the path.
    pub(crate) thinning: u64,
}

impl Descent<'_> {
    /// Where it ends.
    pub(crate) fn end(&self, context: Context<'_>, seed: Seed, start: Vec<f32>) -> Result<Vec<f32>> {
        self.run(context, self.network, seed, start, |_| ())
    }

    /// The network with dropout of probability `p`, trained with it; and where it ended.
    pub(crate) fn dropout(
        &self,
        context: Context<'_>,
        p: f32,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<(Box<dyn Posterior>, Vec<f32>)> {
        let network = with_dropout(self.network, p);
        let end = self.run(context, &network, seed, start, |_| ())?;
        Ok((dropout::posterior(&network, self.row(&end)), end))
    }

    /// A network from each start; and where they ended.
    pub(crate) fn ensemble(
        &self,
        context: Context<'_>,
        starts: impl Iterator<Item = (Seed, Vec<f32>)>,
    ) -> Result<(Ensemble, Vec<Vec<f32>>)> {
        let ends = starts.map(|(seed, start)| self.end(context, seed, start)).collect::<Result<Vec<_>>>()?;
        Ok((Ensemble::of(ends.iter().map(|end| self.row(end))), ends))
    }

    /// A Gaussian around the second half of the path, and where that ended.
    pub(crate) fn swag(
        &self,
        context: Context<'_>,
        rank: usize,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<(Swag, Vec<f32>)> {
        let mut swag = Swag::new(self.network.row_len(), rank)?;
        let end = self.run(context, self.network, seed, start, |sample| swag.collect(&self.row(sample.position)))?;
        Ok((swag, end))
    }

    /// θ as predictions read it: with the buffers of batch normalization, which are those of the data.
    pub(crate) fn row(&self, theta: &[f32]) -> Vec<f32> {
        [theta, &self.network.calibrate(theta, self.data.inputs.view())].concat()
    }

    fn run(
        &self,
        context: Context<'_>,
        network: &Network,
        seed: Seed,
        start: Vec<f32>,
        keep: impl FnMut(Sample<'_>),
    ) -> Result<Vec<f32>> {
        let (n, steps) = (self.data.len(), self.steps);
        let (_, precision) = from_mean_loss(self.lr, self.weight_decay, n);
        // The seed counts only where the network has dropout.
        let potential = NetworkPotential::new(
            network,
            self.data.clone(),
            Arc::new(Categorical),
            Arc::new(prior::Gaussian::isotropic(precision)),
        )?
        .with_dropout(seed.child("dropout"));
        let length = ChainConfig { steps, burn_in: steps / 2, thinning: self.thinning, batch_size: self.batch.min(n) };
        let sampler = Sgd::from_mean_loss(self.lr, self.momentum, n);
        let mut chain = Chain::new(0, potential, sampler, length, seed, start)?;
        to_its_end(context, &mut chain, keep)?;
        Ok(chain.position().to_vec())
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
