//! Many chains with minibatches, and what each averages to at every phase of the epoch.

use std::convert::Infallible;

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Potential, RunError, Sample, Sink, run_chains};

use crate::Trial;
use crate::any::AnySampler;
use crate::minibatch_law::MinibatchLaw;

/// How many chains run, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Independent chains.
    pub(crate) chains: u32,
    /// Epochs before any is kept.
    pub(crate) burn_in: u64,
    /// Epochs over which each chain averages.
    pub(crate) epochs: u64,
    /// Data in each minibatch.
    pub(crate) batch: usize,
}

/// Averages over the epochs of one chain.
#[derive(Clone)]
pub(crate) struct Averages {
    /// E xᵢ, by phase and coordinate.
    first: Vec<Vec<f64>>,
    /// E xᵢxⱼ, by phase, i and j.
    second: Vec<Vec<Vec<f64>>>,
    epochs: u64,
}

impl Sink for Averages {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), Infallible> {
        let phase = (sample.step % self.first.len() as u64) as usize;
        let part = 1.0 / self.epochs as f64;
        for (i, &x) in sample.position.iter().enumerate() {
            self.first[phase][i] += part * f64::from(x);
            for (j, &y) in sample.position.iter().enumerate() {
                self.second[phase][i][j] += part * f64::from(x) * f64::from(y);
            }
        }
        Ok(())
    }
}

/// Runs chains on copies of `potential`; each starts at 0.
///
/// **Errors** with the words of a chain that failed.
pub(crate) fn observe<P: Potential + Clone>(
    potential: &P,
    sampler: &dyn Fn() -> AnySampler,
    plan: Plan,
    seed: Seed,
) -> Result<Vec<Averages>, String> {
    let Plan { chains, burn_in, epochs, batch } = plan;
    let (p, m) = (potential.dim(), (potential.num_data() / batch) as u64);
    let config = ChainConfig { steps: (burn_in + epochs) * m, burn_in: burn_in * m, thinning: 1, batch_size: batch };
    let chain = |c| Chain::new(c, potential.clone(), sampler(), config, seed, vec![0.0; p]);
    let mut chains = (0..chains).map(chain).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let m = m as usize;
    let nothing = Averages { first: vec![vec![0.0; p]; m], second: vec![vec![vec![0.0; p]; p]; m], epochs };
    let mut sinks = vec![nothing; chains.len()];
    for result in run_chains(&mut chains, &mut sinks) {
        result.map_err(|error: RunError<Infallible>| error.to_string())?;
    }
    Ok(sinks)
}

/// Cov(xᵢ, xⱼ) of each chain about the means `mu` and `nu`: far narrower than the raw moment, where they are far from 0.
pub(crate) fn products(chains: &[Averages], phase: usize, (i, mu): (usize, f64), (j, nu): (usize, f64)) -> Vec<f64> {
    let product = |chain: &Averages| {
        let (first, second) = (&chain.first[phase], &chain.second[phase]);
        second[i][j] - mu * first[j] - nu * first[i] + mu * nu
    };
    chains.iter().map(product).collect()
}

/// Checks means and covariances of the position at every phase of the epoch.
pub(crate) fn check(trial: &mut Trial, chains: &[Averages], theory: &MinibatchLaw) {
    for (phase, moments) in theory.phases.iter().enumerate() {
        for i in 0..chains[0].first[phase].len() {
            let means: Vec<f64> = chains.iter().map(|chain| chain.first[phase][i]).collect();
            trial.mean(format!("phase {phase}, mean {i}"), moments.mean(i), &means);
            for j in 0..=i {
                let products = products(chains, phase, (i, moments.mean(i)), (j, moments.mean(j)));
                trial.mean(format!("phase {phase}, covariance {i} {j}"), moments.covariance(i, j), &products);
            }
        }
    }
}
