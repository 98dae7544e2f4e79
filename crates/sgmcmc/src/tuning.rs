//! Settings of a chain on minibatches that nobody has to guess: measured where the chain starts.

use std::fmt;

use apd_seed::{Minibatches, Seed};
use serde::{Deserialize, Serialize};

use crate::adaptation::Variances;
use crate::{Baoab, ControlVariate, Minibatch, Potential, PotentialError, Rescaled, SamplerConfig};

mod settings;

pub use settings::{Bias, SamplerKind, TunedSampler};

/// Minibatches by which the noise of gradients is measured.
const NOISE_BATCHES: u64 = 32;
/// Products with the curvature, of as many rows as so many minibatches have.
const POWER_STEPS: u64 = 12;
const CURVATURE_BATCHES: usize = 4;

/// How a chain with minibatches and [`Svrg`](crate::Svrg) gradients moves from a trained position: what was measured there, from which the
/// settings of every sampler follow ([`tuned`](Self::tuned)).
///
/// * **Units**: sᵢ = 1/√(N·Fᵢ + τ), where N·Fᵢ is the variance of coordinate i of a minibatch's data gradient, ·B/(N·(1 − B/N)): the Fisher
///   information, which is the curvature where the model is right. In zᵢ = θᵢ/sᵢ the curvature's diagonal is about 1, and so is, up to a factor, that
///   of the noise of plain minibatches: units of gradient noise.
/// * **Curvature**: λ, the largest eigenvalue of the Hessian in z, by power iterations on differences of gradients half a unit apart, and λ̄,
///   their mean, by the change of the gradient over a random step r of a unit in every coordinate: r·(∇U(z + r) − ∇U(z))/|r|².
/// * **Noise** of the control variate's gradient in z, at a position a unit from its center in every coordinate, where a chain is after a period:
///   v, the mean of its covariance's eigenvalues, and their standard deviation, from tr V² = E(ξ·ξ′)² of independent gradients ξ, ξ′. Beside it
///   that of a plain minibatch, for what the control variate is worth.
///
/// **Where it fails**: Fisher information says nothing of coordinates that no datum moves: their unit is the prior's. Far from the
/// start curvature and noise may be other: [`again`](Self::again) measures them where the chain has ended.
///
/// References: Sommer et al., *SMILE*, arXiv 2602.06500 (units by gradient noise); Baker, Fearnhead, Fox & Nemeth, *Control variates for
/// stochastic gradient MCMC*, Statistics and Computing 29, 2019 (noise of the control variate); Hutchinson, Commun. Stat. 19, 1990 (the mean
/// of the eigenvalues).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LangevinTuning {
    /// s.
    pub scale: Vec<f32>,
    /// N.
    pub num_data: usize,
    /// λ.
    pub curvature: f64,
    /// λ̄.
    pub mean_curvature: f64,
    /// v.
    pub gradient_noise: f64,
    /// The standard deviation of the eigenvalues of the noise's covariance, of which v is the mean.
    pub noise_spread: f64,
    /// v of a plain minibatch.
    pub plain_noise: f64,
    /// The budget: the most that discretization and minibatches may each add to a variance, relative to it.
    pub budget: f64,
}

impl LangevinTuning {
    /// Measures at `position`, by minibatches of `batch` terms; settings will keep to the `bias` budget.
    ///
    /// `precision` is τ, that of the prior in the units of θ. Costs about 200 minibatch gradients and a full one, and is the same for the same
    /// arguments.
    ///
    /// **Errors**: those of the potential.
    pub fn measure<P: Potential>(
        mut potential: P,
        position: &[f32],
        precision: f64,
        batch: usize,
        bias: f64,
        seed: Seed,
    ) -> Result<(Self, P), PotentialError> {
        let n = potential.num_data();
        let of_terms = Noise::measure(&mut potential, position, batch, 0, seed)?;
        // Without replacement: minibatches of all rows have no noise.
        let per_term = batch.min(n) as f64 / (n.max(1) as f64 * (1.0 - batch.min(n) as f64 / (n + 1) as f64));
        let scale: Vec<f32> =
            of_terms.variances.variances().map(|v| (1.0 / (v * per_term + precision).sqrt()) as f32).collect();
        Self::measure_in(scale, &of_terms, potential, position, batch, bias, seed)
    }

    /// Measures at another position, in the same units: what [`bias`](Self::bias) says then is that of the same settings there.
    ///
    /// At the end of a run it says whether what the settings counted on was true all along.
    ///
    /// **Errors**: those of the potential.
    pub fn again<P: Potential>(
        &self,
        mut potential: P,
        position: &[f32],
        batch: usize,
        seed: Seed,
    ) -> Result<(Self, P), PotentialError> {
        let of_terms = Noise::measure(&mut potential, position, batch, 0, seed)?;
        Self::measure_in(self.scale.clone(), &of_terms, potential, position, batch, self.budget, seed)
    }

    fn measure_in<P: Potential>(
        scale: Vec<f32>,
        of_terms: &Noise,
        potential: P,
        position: &[f32],
        batch: usize,
        budget: f64,
        seed: Seed,
    ) -> Result<(Self, P), PotentialError> {
        let num_data = potential.num_data();
        let mut rescaled = Rescaled::new(potential, scale);
        let z = rescaled.z_of(position).into_owned();
        let squares = of_terms.variances.variances().zip(rescaled.scale()).map(|(v, &s)| v * f64::from(s).powi(2));
        let plain_noise = squares.sum::<f64>() / z.len().max(1) as f64;

        let normals = seed.child("direction").normals();
        let mut direction = vec![0.0; z.len()];
        normals.fill(0, 0, &mut direction);
        let mut many = Minibatches::new(seed.child("curvature"), num_data, CURVATURE_BATCHES * batch);
        let rows = Minibatch::Indices(many.indices(0));
        let (mut curvature, mut above, mut below) = (0.0, vec![0.0; z.len()], vec![0.0; z.len()]);
        for _ in 0..POWER_STEPS {
            let length = direction.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
            direction.iter_mut().for_each(|x| *x *= (0.5 / length) as f32);
            let at = |sign: f32| z.iter().zip(&direction).map(|(z, d)| z + sign * d).collect::<Vec<f32>>();
            rescaled.gradient(&at(1.0), rows, &mut above)?;
            rescaled.gradient(&at(-1.0), rows, &mut below)?;
            direction.iter_mut().zip(above.iter().zip(&below)).for_each(|(d, (above, below))| *d = above - below);
            curvature = direction.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        }
        let curvature = curvature.max(1.0);

        let (mut step, mut moved) = (vec![0.0; z.len()], z.clone());
        normals.fill(1, 0, &mut step);
        moved.iter_mut().zip(&step).for_each(|(moved, r)| *moved += r);
        let mut controlled = ControlVariate::new(rescaled, z)?;
        let left = Noise::measure(&mut controlled, &moved, batch, NOISE_BATCHES, seed)?;
        let changes = left.variances.mean.iter().zip(controlled.full_gradient());
        let along: f64 =
            step.iter().zip(changes).map(|(&r, (there, &here))| f64::from(r) * (there - f64::from(here))).sum();
        let square = step.iter().map(|&r| f64::from(r).powi(2)).sum::<f64>().max(f64::MIN_POSITIVE);
        // Where U is not convex the mean says little; it is no more than the largest.
        let mean_curvature = (along / square).clamp(0.0, curvature);

        let rescaled = controlled.into_inner();
        let tuning = Self {
            scale: rescaled.scale().to_vec(),
            num_data,
            curvature,
            mean_curvature,
            gradient_noise: left.mean(),
            noise_spread: left.spread(),
            plain_noise,
            budget,
        };
        Ok((tuning, rescaled.into_inner()))
    }

    /// The BAOAB of z at temperature 1: of the samplers with minibatches that whose steps may be longest where posteriors are nearly normal.
    pub fn sampler(&self) -> Baoab {
        match self.tuned(SamplerKind::Baoab).sampler {
            SamplerConfig::Baoab(sampler) => sampler,
            other => unreachable!("BAOAB's settings are those of {other:?}"),
        }
    }
}

impl fmt::Display for LangevinTuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.scale.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |part: f64| {
            sorted.get((part * sorted.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(f32::NAN)
        };
        write!(f, "units {:.2e} to {:.2e}, half of them below {:.2e}; ", at(0.0), at(1.0), at(0.5))?;
        write!(f, "curvature λ = {:.3}, {:.3} in the mean; ", self.curvature, self.mean_curvature)?;
        write!(f, "gradient noise v = {:.3} ± {:.3} over directions ", self.gradient_noise, self.noise_spread)?;
        write!(f, "({:.3} without control variate)", self.plain_noise)
    }
}

/// The noise of the gradient at one position.
struct Noise {
    variances: Variances,
    /// The mean of (ξ·ξ′)² over pairs of independent ones.
    square_trace: f64,
}

impl Noise {
    /// By minibatches from number `first` on.
    fn measure<P: Potential>(
        potential: &mut P,
        position: &[f32],
        batch: usize,
        first: u64,
        seed: Seed,
    ) -> Result<Self, PotentialError> {
        let dim = position.len();
        let mut minibatches = Minibatches::new(seed.child("minibatch"), potential.num_data(), batch);
        let (mut gradient, mut double, mut before) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
        // Differences of two gradients, which do not know the mean, each with the one before it.
        let (mut difference, mut last) = (vec![0.0; dim], vec![0.0; dim]);
        let (mut variances, mut square_trace) = (Variances::new(dim), 0.0);
        for i in 0..NOISE_BATCHES {
            potential.gradient(position, Minibatch::Indices(minibatches.indices(first + i)), &mut gradient)?;
            double.iter_mut().zip(&gradient).for_each(|(to, &g)| *to = g.into());
            variances.add(&double);
            if i % 2 == 1 {
                std::mem::swap(&mut difference, &mut last);
                difference.iter_mut().zip(double.iter().zip(&before)).for_each(|(d, (now, before))| *d = now - before);
                let product: f64 = difference.iter().zip(&last).map(|(x, y)| x * y).sum();
                // The covariance of a difference is twice V.
                square_trace += (0.5 * product).powi(2) / (NOISE_BATCHES / 2 - 1) as f64;
            }
            std::mem::swap(&mut before, &mut double);
        }
        Ok(Self { variances, square_trace })
    }

    /// tr V/d.
    fn mean(&self) -> f64 {
        self.variances.variances().sum::<f64>() / self.dim()
    }

    /// The standard deviation of V's eigenvalues, √(tr V²/d − (tr V/d)²).
    fn spread(&self) -> f64 {
        (self.square_trace / self.dim() - self.mean().powi(2)).max(0.0).sqrt()
    }

    fn dim(&self) -> f64 {
        self.variances.mean.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests;
