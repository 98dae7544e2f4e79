//! Settings of a chain on minibatches that nobody has to guess: measured where the chain starts.

use apd_seed::{Minibatches, Seed};
use serde::{Deserialize, Serialize};

use crate::adaptation::Variances;
use crate::{Baoab, ControlVariate, Minibatch, Potential, PotentialError, Rescaled, Sampler as _, Schedule};

/// Minibatches by which the noise of gradients is measured.
const NOISE_BATCHES: u64 = 32;
/// Products with the curvature, of as many rows as so many minibatches have.
const POWER_STEPS: u64 = 12;
const CURVATURE_BATCHES: usize = 4;
/// The largest ε·λ: BAOAB is stable below 4, and exact on a quadratic U wherever it is stable.
const STIFFEST: f64 = 0.5;

/// How a chain with minibatches and [`Svrg`](crate::Svrg) gradients moves from a trained position: what was measured there, and the settings
/// that follow from it.
///
/// * **Units**: sᵢ = 1/√(N·Fᵢ + τ), where N·Fᵢ is the variance of coordinate i of a minibatch's data gradient, ·B/(N·(1 − B/N)): the Fisher
///   information, which is the curvature where the model is right. In zᵢ = θᵢ/sᵢ the curvature's diagonal is about 1.
/// * **Curvature** λ: the largest eigenvalue of the Hessian in z, by power iterations on differences of gradients half a unit apart.
/// * **Noise** v: the mean over coordinates of the variance of the control variate's gradient in z, at a position a unit from its center in every
///   coordinate, where a chain is after a period.
/// * **Steps**: ε = ½/λ, or less where the noise asks for it: v makes the temperature higher by ε·v·(2 − α)/(4α), which `bias` bounds. The
///   friction is as little as that bound allows, and no less than 1 − exp(−√ε), which forgets within a unit of z.
///
/// **Where it fails**: Fisher information says nothing of coordinates that no datum moves: their unit is the prior's. Far from the
/// start curvature and noise may be other.
///
/// References: Smith et al., *SMILE*, arXiv 2602.06500 (units by gradient noise); Baker, Fearnhead, Fox & Nemeth, *Control variates for
/// stochastic gradient MCMC*, Statistics and Computing 29, 2019 (noise of the control variate).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LangevinTuning {
    /// s.
    pub scale: Vec<f32>,
    /// λ.
    pub curvature: f64,
    /// v.
    pub gradient_noise: f64,
    /// ε.
    pub step_size: f64,
    /// α.
    pub friction: f64,
}

impl LangevinTuning {
    /// Measures at `position`, by minibatches of `batch` terms, and bounds what their noise adds to the temperature by `bias`.
    ///
    /// `precision` is τ, that of the prior in the units of θ. Costs about 90 minibatch gradients and a full one.
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
        let mut minibatches = Minibatches::new(seed.child("minibatch"), n, batch);
        let of_terms = noise(&mut potential, position, &mut minibatches, 0)?;
        // Without replacement: minibatches of all rows have no noise.
        let per_term = batch.min(n) as f64 / (n.max(1) as f64 * (1.0 - batch.min(n) as f64 / (n + 1) as f64));
        let scale: Vec<f32> =
            of_terms.variances().map(|variance| (1.0 / (variance * per_term + precision).sqrt()) as f32).collect();
        let mut rescaled = Rescaled::new(potential, scale);
        let z: Vec<f32> = position.iter().zip(rescaled.scale()).map(|(x, s)| x / s).collect();

        let normals = seed.child("direction").normals();
        let mut direction = vec![0.0; z.len()];
        normals.fill(0, 0, &mut direction);
        let mut many = Minibatches::new(seed.child("curvature"), n, CURVATURE_BATCHES * batch);
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

        let mut moved = vec![0.0; z.len()];
        normals.fill(1, 0, &mut moved);
        moved.iter_mut().zip(&z).for_each(|(moved, z)| *moved += z);
        let mut controlled = ControlVariate::new(rescaled, z)?;
        let left = noise(&mut controlled, &moved, &mut minibatches, NOISE_BATCHES)?;
        let gradient_noise = left.variances().sum::<f64>() / moved.len().max(1) as f64;

        let rescaled = controlled.into_inner();
        let (step_size, friction) = settings(curvature, gradient_noise, bias);
        let tuning = Self { scale: rescaled.scale().to_vec(), curvature, gradient_noise, step_size, friction };
        Ok((tuning, rescaled.into_inner()))
    }

    /// The sampler of z at temperature 1.
    pub fn sampler(&self) -> Baoab {
        Baoab::new(Schedule::Constant(self.step_size), 1.0, self.friction)
    }

    /// What minibatches add to the temperature: ε·v·(2 − α)/(4α).
    pub fn bias(&self) -> f64 {
        self.sampler().noise_temperature(self.step_size, self.gradient_noise).expect("BAOAB has one")
    }
}

/// ε and α.
fn settings(curvature: f64, noise: f64, bias: f64) -> (f64, f64) {
    let mut step_size = STIFFEST / curvature;
    // ε·v·(2 − α)/(4α) ≤ bias, at α = 1 and then at the least α.
    if step_size * noise > 4.0 * bias {
        step_size = 4.0 * bias / noise;
    }
    let share = 0.25 * step_size * noise / bias;
    let least = 2.0 * share / (1.0 + share);
    (step_size, least.max(1.0 - (-step_size.sqrt()).exp()).min(1.0))
}

/// Of the gradient at one position, by minibatches from number `first` on, each coordinate's variance.
fn noise<P: Potential>(
    potential: &mut P,
    position: &[f32],
    minibatches: &mut Minibatches,
    first: u64,
) -> Result<Variances, PotentialError> {
    let (mut gradient, mut double) = (vec![0.0; position.len()], vec![0.0; position.len()]);
    let mut seen = Variances::new(position.len());
    for step in first..first + NOISE_BATCHES {
        potential.gradient(position, Minibatch::Indices(minibatches.indices(step)), &mut gradient)?;
        double.iter_mut().zip(&gradient).for_each(|(to, &g)| *to = g.into());
        seen.add(&double);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
