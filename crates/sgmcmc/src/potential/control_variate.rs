//! Minibatch gradients relative to a center where the full gradient is known.

use crate::potential::forward::forward;
use crate::{Minibatch, Potential, PotentialError};

/// A potential whose minibatch estimates are corrected by a control variate: what the same minibatch says at a fixed center c.
///
/// ĝ(θ) = ∇U(c) + [∇Û_B(θ) − ∇Û_B(c)], and the same for U. Both estimates contain the prior's term, so it enters once. Unbiased
/// for every c, without noise at θ = c, and with a variance of order ‖θ − c‖² nearby: the noise of an ordinary estimate stays the
/// same there and scales with N², which is what makes the step sizes of large data sets small.
///
/// An estimate costs two minibatch gradients, [`new`](Self::new) one of all N terms. Full batches pass through unchanged.
///
/// **Units**: nats, full-data scale.
///
/// **Where it fails**: far from the center, for instance in another mode or before an optimizer has found one, the variance can
/// be *larger* than without; take a converged optimizer's position as the center, or
/// let it follow the chain with [`Svrg`](crate::Svrg). Potentials whose gradients depend on more than (θ, minibatch), such as
/// dropout masks, do not cancel at all.
///
/// Reference: Baker, Fearnhead, Fox & Nemeth, *Control variates for stochastic gradient MCMC*, Statistics and Computing 29, 2019,
/// §3 (SGLD-CV).
///
/// ```
/// use apd_sgmcmc::{ControlVariate, FromFn, Minibatch, Potential};
///
/// // Σₙ ½(θ − xₙ)²: near the center every single term tells what all of them would.
/// let data = [1.0_f32, 2.0, 6.0];
/// let mean = FromFn::new(1, 3, move |x: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
///     let residuals = || minibatch.indices(3).map(|n| x[0] - data[n]);
///     gradient[0] = minibatch.scale(3) as f32 * residuals().sum::<f32>();
///     minibatch.scale(3) * residuals().map(|r| 0.5 * f64::from(r * r)).sum::<f64>()
/// });
/// let mut mean = ControlVariate::new(mean, vec![3.0])?;
/// let mut gradient = [0.0];
/// mean.gradient(&[3.5], Minibatch::Indices(&[0]), &mut gradient)?;
/// assert_eq!(gradient, [1.5]); // 3·3.5 − (1 + 2 + 6), though the first term alone says 7.5
/// # Ok::<(), apd_sgmcmc::PotentialError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ControlVariate<P> {
    pub(super) potential: P,
    pub(super) center: Vec<f32>,
    /// ∇U(c).
    full: Vec<f32>,
    /// U(c).
    full_value: f64,
    /// ∇Û_B(c).
    at_center: Vec<f32>,
}

impl<P: Potential> ControlVariate<P> {
    /// Corrects `potential`'s estimates around `center`; computes the full gradient there.
    ///
    /// **Errors**: the potential's own.
    /// **Panics** if `center` does not have the potential's dimension.
    #[track_caller]
    pub fn new(potential: P, center: Vec<f32>) -> Result<Self, PotentialError> {
        assert_eq!(center.len(), potential.dim(), "coordinates of the center, and of the potential");
        let mut estimator = Self::without_center(potential);
        estimator.recenter(&center)?;
        Ok(estimator)
    }

    /// c.
    pub fn center(&self) -> &[f32] {
        &self.center
    }

    /// ∇U(c).
    pub(crate) fn full_gradient(&self) -> &[f32] {
        &self.full
    }

    /// The potential itself.
    pub fn into_inner(self) -> P {
        self.potential
    }

    /// The buffers, of no use before [`recenter`](Self::recenter).
    pub(super) fn without_center(potential: P) -> Self {
        let zeros = vec![0.0; potential.dim()];
        Self { potential, center: zeros.clone(), full: zeros.clone(), full_value: 0.0, at_center: zeros }
    }

    pub(super) fn recenter(&mut self, center: &[f32]) -> Result<(), PotentialError> {
        self.center.copy_from_slice(center);
        self.full_value = self.potential.gradient(center, Minibatch::Full, &mut self.full)?;
        Ok(())
    }
}

impl<P: Potential> Potential for ControlVariate<P> {
    // The curvature too: the correction does not depend on θ.
    forward!(self, self.potential; dim num_data prior_precision curvature refresh save restore);

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let value = self.potential.gradient(position, minibatch, gradient)?;
        if minibatch == Minibatch::Full {
            return Ok(value);
        }
        let at_center = self.potential.gradient(&self.center, minibatch, &mut self.at_center)?;
        // The difference first: at the center it is zero to the bit.
        for ((g, &center), &full) in gradient.iter_mut().zip(&self.at_center).zip(&self.full) {
            *g = (*g - center) + full;
        }
        Ok((value - at_center) + self.full_value)
    }
}

#[cfg(test)]
pub(super) mod tests;
