//! The samplers, each with its own automatic tuning.

use std::convert::Infallible;
use std::time::Instant;

use anyhow::Result;
use apd::sgmcmc::{
    Bias, Chain, ChainConfig, ChainError, FullBatch, HamiltonianChain, HamiltonianConfig, LangevinTuning, MarkovChain,
    MicrocanonicalChain, Potential, Rescaled, RunError, Sample, SamplerConfig, SamplerKind, Sink, Svrg,
};
use apd::{FitSampler, Seed};
use ndarray::Array2;
use rayon::prelude::*;

use crate::problem::Problem;

/// Positions of each chain that are kept.
const KEPT: u64 = 200;
/// Fewest draws of a chain of NUTS, after as many of a warm-up.
const FEWEST_DRAWS: u64 = 20;
/// What each part of the bias may add to a variance, relative to it.
const BUDGET: f64 = 0.02;

/// A way to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    /// NUTS with a learned diagonal metric.
    Nuts,
    /// Microcanonical Langevin dynamics on all data, tuned by the variance of the energy; what `apd fit` takes.
    Microcanonical,
    /// A sampler that may take minibatches, by what is measured at the chain's start.
    Stochastic(SamplerKind),
}

/// What a run of all chains gives.
pub(crate) struct Run {
    /// The kept positions of each chain.
    pub(crate) chains: Vec<Array2<f32>>,
    /// Gradients over all data that a chain took.
    pub(crate) passes: f64,
    pub(crate) seconds: f64,
    /// By how much variances are expected to be too large: before the run, and by what is measured where chain 0 ended.
    pub(crate) bias: Option<[Bias; 2]>,
}

impl Method {
    pub(crate) const ALL: [Self; 8] = [
        Self::Nuts,
        Self::Microcanonical,
        Self::Stochastic(SamplerKind::Mclmc),
        Self::Stochastic(SamplerKind::Baoab),
        Self::Stochastic(SamplerKind::Sghmc),
        Self::Stochastic(SamplerKind::Sgnht),
        Self::Stochastic(SamplerKind::Sgld),
        Self::Stochastic(SamplerKind::Psgld),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nuts => "nuts",
            Self::Microcanonical => "microcanonical",
            Self::Stochastic(SamplerKind::Mclmc) => "mclmc",
            Self::Stochastic(SamplerKind::Baoab) => "baoab",
            Self::Stochastic(SamplerKind::Sghmc) => "sghmc",
            Self::Stochastic(SamplerKind::Sgnht) => "sgnht",
            Self::Stochastic(SamplerKind::Sgld) => "sgld",
            Self::Stochastic(SamplerKind::Psgld) => "psgld",
        }
    }

    /// Gradients over all data of a step.
    fn passes_per_step(self, problem: &Problem) -> f64 {
        match self {
            Self::Nuts => f64::NAN,
            Self::Microcanonical => 2.0,
            Self::Stochastic(_) => passes_per_step(problem.batch, problem.potential().num_data()),
        }
    }

    /// Runs all chains from `starts`, for `share` of the problem's longest run; `None` where that is too short, or NUTS takes too long.
    ///
    /// **Errors**: a chain that diverges.
    pub(crate) fn run(self, problem: &Problem, starts: &[Vec<f32>], share: f64, seed: Seed) -> Result<Option<Run>> {
        let steps = share * problem.longest as f64 / self.passes_per_step(problem);
        let draws = (share * problem.nuts_draws as f64) as u64;
        let is_possible = if self == Self::Nuts { draws >= FEWEST_DRAWS } else { steps >= (2 * KEPT) as f64 };
        if !is_possible {
            return Ok(None);
        }
        let begun = Instant::now();
        let chains: Vec<_> = starts.iter().map(|start| (start, [problem.potential(), problem.potential()])).collect();
        let settings =
            Settings { batch: problem.batch, precision: problem.precision, steps, seed: seed.child(self.name()) };
        let one = |(number, (start, potentials)): (usize, (&Vec<f32>, _))| {
            self.chain(number as u32, start, potentials, draws, &settings)
        };
        let chains = chains.into_par_iter().enumerate().with_max_len(1).map(one).collect::<Result<Vec<_>>>()?;
        Ok(Some(Run {
            seconds: begun.elapsed().as_secs_f64(),
            passes: chains.iter().map(|chain| chain.passes).sum::<f64>() / chains.len() as f64,
            bias: chains[0].bias,
            chains: chains.into_iter().map(|chain| chain.kept).collect(),
        }))
    }

    fn chain(
        self,
        number: u32,
        start: &[f32],
        [potential, potential_at_end]: [Box<dyn Potential>; 2],
        draws: u64,
        settings: &Settings,
    ) -> Result<OneChain> {
        let Settings { batch, precision, steps, seed } = *settings;
        let double = || start.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        match self {
            Self::Nuts => {
                let config = HamiltonianConfig::nuts(draws, draws);
                let mut chain = HamiltonianChain::new(number, FullBatch::new(potential), config, seed, double())?;
                let kept = collect(&mut chain)?;
                Ok(OneChain { kept, passes: chain.gradients() as f64, bias: None })
            }
            Self::Microcanonical => {
                let [warmup, thinning] = lengths(steps);
                let FitSampler::Microcanonical(config) = FitSampler::microcanonical(warmup, KEPT, thinning) else {
                    unreachable!("the settings of microcanonical dynamics")
                };
                let mut chain = MicrocanonicalChain::new(number, FullBatch::new(potential), config, seed, double())?;
                let kept = collect(&mut chain)?;
                Ok(OneChain { kept, passes: chain.gradients() as f64, bias: None })
            }
            Self::Stochastic(kind) => {
                let terms = potential.num_data();
                let (batch, tuning_seed) = (batch.min(terms), seed.child("tuning").index(number.into()));
                let (tuning, potential) =
                    LangevinTuning::measure(potential, start, precision, batch, BUDGET, tuning_seed)?;
                let sampler = tuning.tuned(kind).sampler;
                let [burn_in, thinning] = lengths(steps);
                let config = ChainConfig { steps: burn_in + KEPT * thinning, burn_in, thinning, batch_size: batch };
                let (kept, end) = if batch < terms {
                    let potential = Svrg::new(potential, (terms / batch) as u64)?;
                    langevin(number, potential, &tuning, sampler, config, seed, start)?
                } else {
                    langevin(number, potential, &tuning, sampler, config, seed, start)?
                };
                let (after, _) = tuning.again(potential_at_end, &end, batch, tuning_seed.child("again"))?;
                let bias = Some([tuning.bias_of(&sampler), after.bias_of(&sampler)]);
                Ok(OneChain { kept, passes: config.steps as f64 * passes_per_step(batch, terms), bias })
            }
        }
    }
}

/// What the chains of a run share.
struct Settings {
    batch: usize,
    precision: f64,
    /// Of a chain, nearly.
    steps: f64,
    seed: Seed,
}

struct OneChain {
    kept: Array2<f32>,
    passes: f64,
    bias: Option<[Bias; 2]>,
}

/// With the control variate, two gradients of a minibatch and, once in a pass over the data, one of all.
fn passes_per_step(batch: usize, terms: usize) -> f64 {
    if batch < terms { 3.0 * batch as f64 / terms as f64 } else { 1.0 }
}

/// Steps of the warm-up, a quarter of all, and from one kept position to the next.
fn lengths(steps: f64) -> [u64; 2] {
    [0.25 * steps, 0.75 * steps / KEPT as f64].map(|length| (length as u64).max(1))
}

/// The kept positions and the last one, in the units of θ.
fn langevin<P: Potential>(
    number: u32,
    potential: P,
    tuning: &LangevinTuning,
    sampler: SamplerConfig,
    config: ChainConfig,
    seed: Seed,
    start: &[f32],
) -> Result<(Array2<f32>, Vec<f32>)> {
    let potential = Rescaled::new(potential, tuning.scale.clone());
    let z = potential.z_of(start).into_owned();
    let mut chain = Chain::new(number, potential, sampler, config, seed, z)?;
    let mut kept = collect(&mut chain)?;
    kept.rows_mut().into_iter().for_each(|mut row| row.iter_mut().zip(&tuning.scale).for_each(|(z, s)| *z *= s));
    let end = chain.position().iter().zip(&tuning.scale).map(|(z, s)| z * s).collect();
    Ok((kept, end))
}

/// Runs a chain to its end; its kept positions, a row each.
fn collect(chain: &mut impl MarkovChain<Scalar: Copy + Into<f64>>) -> Result<Array2<f32>> {
    let mut kept = Kept::default();
    match chain.run(&mut kept) {
        Ok(_) => Ok(Array2::from_shape_vec((kept.rows, kept.values.len() / kept.rows.max(1)), kept.values)?),
        Err(RunError::Chain(error)) => Err(error.into()),
        Err(RunError::Sink { cause, .. }) => match cause {},
    }
}

#[derive(Default)]
struct Kept {
    rows: usize,
    values: Vec<f32>,
}

impl<T: Copy + Into<f64>> Sink<T> for Kept {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_, T>) -> Result<(), Infallible> {
        self.values.extend(sample.position.iter().map(|&x| x.into() as f32));
        self.rows += 1;
        Ok(())
    }
}

/// Whether it is a chain that went to infinity, rather than a fault.
pub(crate) fn is_divergence(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ChainError::Diverged { .. }))
}
