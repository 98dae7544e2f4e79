//! A summary, in figures, of a chain before it runs.

use std::fmt;

use apd_seed::Minibatches;

use crate::chain::minibatch;
use crate::{Chain, ChainError, Potential, Sampler, Update};

/// Independent minibatches from which the gradient's noise is estimated, and updates that are tried.
const BATCHES: u64 = 8;

/// The figures that tell which distribution a chain will draw from; `Display` prints them.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The sampler.
    pub sampler: &'static str,
    /// ε of the next update: θ² per nat, full-data scale.
    pub step_size: f64,
    /// T of the injected noise.
    pub temperature: f64,
    /// T and what the minibatches' noise adds to it ([`Sampler::noise_temperature`]; for SGLD ε·v/4), where v is the variance of a coordinate
    /// of ∇Û over minibatches, averaged over the coordinates; `None` where it is not one number.
    ///
    /// v is estimated from eight independent minibatches at the present position. An upper bound in the long run: minibatches
    /// without replacement cancel in part over an epoch. Estimators with a center have no noise while the chain is there.
    pub effective_temperature: Option<f64>,
    /// τ of the prior N(0, I/τ), if the prior is one.
    pub prior_precision: Option<f64>,
    /// 2/(ε·τ): updates in which a direction that the data leave free forgets its start by a factor e.
    pub relaxation: Option<f64>,
    /// ‖noise‖/‖drift‖ of the next update: √(T·ε·d)/‖(ε/2)·∇Û‖.
    pub noise_to_drift: f64,
    /// d.
    pub dim: usize,
    /// N.
    pub num_data: usize,
    /// Coordinates that eight updates from the present position leave as they are to the bit, though there is noise or a gradient:
    /// steps below half an ulp of θ, which single precision swallows. 0 is well.
    pub unmoved: usize,
    /// B.
    pub batch: usize,
    /// Updates in all.
    pub steps: u64,
}

impl<P: Potential, S: Sampler> Chain<P, S> {
    /// The summary of this chain, with the noise-to-drift ratio at the present position; costs at most eight gradient estimates.
    ///
    /// **Errors**: [`ChainError::Potential`], also where the potential is not defined at the present position.
    pub fn summary(&mut self) -> Result<Summary, ChainError> {
        Summary::of(self)
    }
}

impl Summary {
    fn of<P: Potential, S: Sampler>(chain: &mut Chain<P, S>) -> Result<Self, ChainError> {
        let (dim, num_data) = (chain.potential.dim(), chain.potential.num_data());
        let step_size = chain.sampler.schedule().step_size(chain.progress().step);
        let temperature = chain.sampler.temperature();
        let mut minibatches = Minibatches::new(chain.seed.child("summary"), num_data, chain.config.batch_size);
        let batch = minibatches.batch();

        // Welford's recursion per coordinate; a full batch has no noise to estimate.
        let batches = if batch == num_data { 1 } else { BATCHES };
        let mut gradient = vec![0.0; dim];
        // As the next update will: a gradient estimator's noise depends on where it was last refreshed.
        chain.potential.refresh(chain.progress().step, &chain.position)?;
        let (mut mean, mut spread, mut norm) = (vec![0.0; dim], 0.0, 0.0);
        for i in 0..batches {
            // The first minibatch of each epoch: unlike neighbors in one epoch, these are independent.
            let step = i * minibatches.per_epoch();
            let minibatch = minibatch(&mut minibatches, step, num_data);
            chain.potential.gradient(&chain.position, minibatch, &mut gradient)?;
            for (mean, &g) in mean.iter_mut().zip(&gradient) {
                let g = f64::from(g);
                let delta = g - *mean;
                *mean += delta / (i + 1) as f64;
                spread += delta * (g - *mean);
                if i == 0 {
                    norm += g * g;
                }
            }
        }
        let variance = if batches > 1 && dim > 0 { spread / ((batches - 1) as f64 * dim as f64) } else { 0.0 };
        let (noise, drift) = ((temperature * step_size * dim as f64).sqrt(), 0.5 * step_size * norm.sqrt());
        let prior_precision = chain.potential.prior_precision();
        Ok(Self {
            sampler: chain.sampler.name(),
            step_size,
            temperature,
            effective_temperature: chain.sampler.noise_temperature(step_size, variance).map(|heat| temperature + heat),
            prior_precision,
            relaxation: prior_precision.filter(|&tau| tau > 0.0).map(|tau| 2.0 / (step_size * tau)),
            noise_to_drift: if temperature > 0.0 { noise / drift } else { 0.0 },
            dim,
            num_data,
            unmoved: unmoved(chain, &gradient),
            batch,
            steps: chain.config.steps,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sampler, dim, num_data, batch, steps, .. } = self;
        writeln!(f, "{sampler}: d = {dim}, N = {num_data}, B = {batch}, {steps} steps (nats, full-data scale)")?;
        writeln!(f, "  step size ε = {:.3e}", self.step_size)?;
        write!(f, "  temperature T = {} injected", self.temperature)?;
        match self.effective_temperature {
            Some(effective) => writeln!(f, ", {effective:.4} with the minibatches' noise at the start")?,
            None => writeln!(f, "; the minibatches' noise adds to it")?,
        }
        match (self.prior_precision, self.relaxation) {
            (Some(tau), Some(relaxation)) => {
                writeln!(f, "  prior precision τ = {tau}")?;
                let times = *steps as f64 / relaxation;
                writeln!(f, "  relaxation time 2/(ετ) = {relaxation:.4e} steps; this run has {times:.2} of them")?;
            }
            (Some(tau), None) => writeln!(f, "  prior precision τ = {tau} (flat: free directions never relax)")?,
            (None, _) => writeln!(f, "  prior precision not stated")?,
        }
        write!(f, "  ‖noise‖/‖drift‖ = {:.4} at the start", self.noise_to_drift)?;
        match self.unmoved {
            0 => Ok(()),
            n => write!(f, "\n  warning: {n} of {dim} coordinates do not move, steps are below half an ulp of them"),
        }
    }
}

/// Coordinates that would move in real numbers, and do not in single precision: eight updates are tried on a copy, with `gradient`.
fn unmoved<P: Potential, S: Sampler>(chain: &Chain<P, S>, gradient: &[f32]) -> usize {
    let (mut position, mut memory) = (chain.position.clone(), chain.memory.clone());
    let (first, curvature, noise) = (chain.progress().step, vec![0.0; position.len()], &chain.noise);
    let mut noisy = false;
    for step in first..first.saturating_add(BATCHES) {
        noisy |= chain.sampler.temperature() > 0.0 && chain.sampler.schedule().samples(step);
        chain.sampler.step(&mut memory, &mut position, Update { step, gradient, curvature: &curvature, noise });
    }
    let moves = position.iter().zip(&chain.position).map(|(now, before)| now.to_bits() != before.to_bits());
    moves.zip(gradient).filter(|&(moved, &g)| !moved && (noisy || g != 0.0)).count()
}

#[cfg(test)]
mod tests;
