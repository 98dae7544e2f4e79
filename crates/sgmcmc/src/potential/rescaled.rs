//! A potential in other units of its coordinates.

use std::borrow::Cow;

use crate::potential::forward::forward;
use crate::{Minibatch, Potential, PotentialError};

/// A potential in coordinates zᵢ = θᵢ/sᵢ: Ũ(z) = U(s∘z), whose gradient is s∘∇U and the diagonal of whose curvature is s²∘h.
///
/// A chain in z samples exp(−U/T) of θ = s∘z exactly as well as one in θ would, with the step size ε·sᵢ² and the noise that goes with it: a
/// preconditioner that does not change with the position needs no correction.
///
/// **Units**: s in those of θ; z and ε have none.
///
/// ```
/// use apd_sgmcmc::{FromFn, Minibatch, Potential, Rescaled};
///
/// let squares = FromFn::new(1, 1, |x: &[f32], _, gradient: &mut [f32]| {
///     gradient[0] = x[0];
///     f64::from(0.5 * x[0] * x[0])
/// });
/// let (mut hundredths, mut gradient) = (Rescaled::new(squares, vec![0.01]), [0.0]);
/// assert_eq!(hundredths.gradient(&[200.0], Minibatch::Full, &mut gradient)?, 2.0); // x = 2
/// assert_eq!(gradient, [0.02]);
/// # Ok::<(), apd_sgmcmc::PotentialError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rescaled<P> {
    potential: P,
    /// Nothing where every unit is 1.
    scale: Vec<f32>,
    /// θ, of the call that goes on.
    theta: Vec<f32>,
}

impl<P: Potential> Rescaled<P> {
    /// `potential` with coordinates in units of `scale`.
    ///
    /// **Panics** unless `scale` has a finite number above 0 for each coordinate.
    #[track_caller]
    pub fn new(potential: P, scale: Vec<f32>) -> Self {
        assert_eq!(scale.len(), potential.dim(), "scales, and coordinates");
        assert!(scale.iter().all(|&s| s > 0.0 && s.is_finite()), "scales are finite and above 0");
        Self { potential, theta: vec![0.0; scale.len()], scale }
    }

    /// `potential` in its own units, at no cost: θ = z.
    pub fn unscaled(potential: P) -> Self {
        Self { potential, scale: Vec::new(), theta: Vec::new() }
    }

    /// s; empty where every unit is 1.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// θ = s∘z.
    pub fn theta_of<'a>(&self, z: &'a [f32]) -> Cow<'a, [f32]> {
        match self.scale[..] {
            [] => z.into(),
            _ => z.iter().zip(&self.scale).map(|(z, s)| z * s).collect(),
        }
    }

    /// z = θ/s.
    pub fn z_of<'a>(&self, theta: &'a [f32]) -> Cow<'a, [f32]> {
        match self.scale[..] {
            [] => theta.into(),
            _ => theta.iter().zip(&self.scale).map(|(theta, s)| theta / s).collect(),
        }
    }

    /// The potential itself.
    pub fn into_inner(self) -> P {
        self.potential
    }
}

impl<P: Potential> Potential for Rescaled<P> {
    forward!(self, self.potential; dim num_data save restore);

    /// None in units of their own, where coordinates have other precisions.
    fn prior_precision(&self) -> Option<f64> {
        if self.scale.is_empty() { self.potential.prior_precision() } else { None }
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let value = self.potential.gradient(theta(&mut self.theta, &self.scale, position), minibatch, gradient)?;
        gradient.iter_mut().zip(&self.scale).for_each(|(g, &s)| *g *= s);
        Ok(value)
    }

    fn curvature(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        diagonal: &mut [f32],
    ) -> Result<(), PotentialError> {
        self.potential.curvature(theta(&mut self.theta, &self.scale, position), minibatch, diagonal)?;
        diagonal.iter_mut().zip(&self.scale).for_each(|(h, &s)| *h *= s * s);
        Ok(())
    }

    fn refresh(&mut self, step: u64, position: &[f32]) -> Result<(), PotentialError> {
        self.potential.refresh(step, theta(&mut self.theta, &self.scale, position))
    }
}

/// θ = s∘z, in `theta` where it is not z itself.
fn theta<'a>(theta: &'a mut [f32], scale: &[f32], z: &'a [f32]) -> &'a [f32] {
    if scale.is_empty() {
        return z;
    }
    theta.iter_mut().zip(z).zip(scale).for_each(|((theta, &z), &s)| *theta = s * z);
    theta
}

#[cfg(test)]
mod tests;
