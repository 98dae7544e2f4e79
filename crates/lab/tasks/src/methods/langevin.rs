//! What SGLD fits: samples of a posterior, kept in memory.

use apd_bnn::NetworkPotential;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Sgld};

use crate::context::Context;
use crate::error::Result;
use crate::methods::descent::to_its_end;

/// Chains of SGLD, one after the other.
pub(crate) struct Langevin {
    pub(crate) potential: NetworkPotential,
    pub(crate) sampler: Sgld,
    pub(crate) length: ChainConfig,
}

impl Langevin {
    /// The positions that chain `number` keeps, in order, and where it ended.
    pub(crate) fn sample(
        &self,
        context: Context<'_>,
        number: u32,
        seed: Seed,
        start: Vec<f32>,
    ) -> Result<(Vec<Vec<f32>>, Vec<f32>)> {
        let mut chain = Chain::new(number, self.potential.clone(), self.sampler, self.length, seed, start)?;
        let mut kept = Vec::new();
        to_its_end(context, &mut chain, |sample| kept.push(sample.position.to_vec()))?;
        Ok((kept, chain.position().to_vec()))
    }
}
