//! A potential in other units of its coordinates.

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

    /// s.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// The potential itself.
    pub fn into_inner(self) -> P {
        self.potential
    }

    fn set_theta(&mut self, z: &[f32]) {
        self.theta.iter_mut().zip(z).zip(&self.scale).for_each(|((theta, &z), &s)| *theta = s * z);
    }
}

impl<P: Potential> Potential for Rescaled<P> {
    forward!(self, self.potential; dim num_data save restore);

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        self.set_theta(position);
        let value = self.potential.gradient(&self.theta, minibatch, gradient)?;
        gradient.iter_mut().zip(&self.scale).for_each(|(g, &s)| *g *= s);
        Ok(value)
    }

    fn curvature(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        diagonal: &mut [f32],
    ) -> Result<(), PotentialError> {
        self.set_theta(position);
        self.potential.curvature(&self.theta, minibatch, diagonal)?;
        diagonal.iter_mut().zip(&self.scale).for_each(|(h, &s)| *h *= s * s);
        Ok(())
    }

    fn refresh(&mut self, step: u64, position: &[f32]) -> Result<(), PotentialError> {
        self.set_theta(position);
        self.potential.refresh(step, &self.theta)
    }
}

#[cfg(test)]
mod tests;
