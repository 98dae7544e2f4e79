//! What is about to be sampled, in figures.

use std::fmt;

use apd_seed::Minibatches;

use crate::chain::minibatch;
use crate::{Chain, Potential, Sampler};

/// Independent minibatches from which the gradient's noise is estimated.
const PROBES: u64 = 8;

/// The figures that tell which distribution a chain will draw from; `Display` prints them.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// The sampler.
    pub sampler: &'static str,
    /// ε of the next update: θ² per nat, full-data scale.
    pub step_size: f64,
    /// T of the injected noise.
    pub temperature: f64,
    /// T and what the minibatches' noise adds to it ([`Sampler::heating`]; for SGLD ε·v/4), where v is the variance of a coordinate
    /// of ∇Û over minibatches, averaged over the coordinates; `None` where it is not one number.
    ///
    /// v is estimated from eight independent minibatches at the present position. An upper bound in the long run: minibatches
    /// without replacement cancel in part over an epoch. Estimators with a centre have no noise while the chain is there.
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
    pub terms: usize,
    /// B.
    pub batch: usize,
    /// Updates in all.
    pub steps: u64,
}

impl Summary {
    pub(crate) fn of<P: Potential, S: Sampler>(chain: &mut Chain<P, S>) -> Self {
        let (dim, terms) = (chain.potential.dim(), chain.potential.terms());
        let step_size = chain.sampler.schedule().step_size(chain.progress().step);
        let temperature = chain.sampler.temperature();
        let mut minibatches = Minibatches::new(chain.seed.child("summary"), terms, chain.config.batch_size);
        let batch = minibatches.batch();

        // Welford's recursion per coordinate; a full batch has no noise to estimate.
        let probes = if batch == terms { 1 } else { PROBES };
        let mut gradient = vec![0.0; dim];
        // As the next update will: a gradient estimator's noise depends on where it was last refreshed.
        chain.potential.refresh(chain.progress().step, &chain.position);
        let (mut mean, mut spread, mut norm) = (vec![0.0; dim], 0.0, 0.0);
        for probe in 0..probes {
            // The first minibatch of each epoch: unlike neighbours in one epoch, these are independent.
            let step = probe * minibatches.per_epoch();
            let minibatch = minibatch(&mut minibatches, step, terms);
            chain.potential.gradient(&chain.position, minibatch, &mut gradient);
            for (mean, &g) in mean.iter_mut().zip(&gradient) {
                let g = f64::from(g);
                let delta = g - *mean;
                *mean += delta / (probe + 1) as f64;
                spread += delta * (g - *mean);
                if probe == 0 {
                    norm += g * g;
                }
            }
        }
        let variance = if probes > 1 && dim > 0 { spread / ((probes - 1) as f64 * dim as f64) } else { 0.0 };
        let (noise, drift) = ((temperature * step_size * dim as f64).sqrt(), 0.5 * step_size * norm.sqrt());
        let prior_precision = chain.potential.prior_precision();
        Self {
            sampler: chain.sampler.name(),
            step_size,
            temperature,
            effective_temperature: chain.sampler.heating(step_size, variance).map(|heat| temperature + heat),
            prior_precision,
            relaxation: prior_precision.filter(|&tau| tau > 0.0).map(|tau| 2.0 / (step_size * tau)),
            noise_to_drift: if temperature > 0.0 { noise / drift } else { 0.0 },
            dim,
            terms,
            batch,
            steps: chain.config.steps,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sampler, dim, terms, batch, steps, .. } = self;
        writeln!(f, "{sampler}: d = {dim}, N = {terms}, B = {batch}, {steps} steps (nats, full-data scale)")?;
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
        write!(f, "  ‖noise‖/‖drift‖ = {:.4} at the start", self.noise_to_drift)
    }
}

#[cfg(test)]
mod tests;
