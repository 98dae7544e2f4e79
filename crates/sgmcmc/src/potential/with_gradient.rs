//! A potential with another gradient.

use crate::potential::forward::forward;
use crate::{Minibatch, Potential, PotentialError};

/// A potential whose gradient and value are a function of another one's, which answers everything else.
///
/// The function gets the potential and the arguments of [`Potential::gradient`], and returns U.
///
/// **Where it fails**: the curvature stays that of the potential inside, so it is wrong for samplers that want it and another gradient.
///
/// ```
/// use apd_sgmcmc::{FromFn, Minibatch, Potential, WithGradient};
///
/// let normal = FromFn::new(1, 1, |x: &[f32], _, gradient: &mut [f32]| {
///     gradient[0] = x[0];
///     f64::from(0.5 * x[0] * x[0])
/// });
/// // No step sees a gradient of more than 1 in any coordinate.
/// let mut clipped = WithGradient::new(normal, |normal, position, minibatch, gradient| {
///     let value = normal.gradient(position, minibatch, gradient)?;
///     gradient.iter_mut().for_each(|g| *g = g.clamp(-1.0, 1.0));
///     Ok(value)
/// });
/// let mut gradient = [0.0];
/// assert_eq!(clipped.gradient(&[3.0], Minibatch::Full, &mut gradient)?, 4.5);
/// assert_eq!(gradient, [1.0]);
/// # Ok::<(), apd_sgmcmc::PotentialError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WithGradient<P, F> {
    potential: P,
    gradient: F,
}

impl<P, F> WithGradient<P, F>
where
    P: Potential,
    F: FnMut(&mut P, &[f32], Minibatch<'_>, &mut [f32]) -> Result<f64, PotentialError> + Send,
{
    /// `potential` with the gradient that `gradient` makes of its own.
    pub fn new(potential: P, gradient: F) -> Self {
        Self { potential, gradient }
    }
}

impl<P, F> Potential for WithGradient<P, F>
where
    P: Potential,
    F: FnMut(&mut P, &[f32], Minibatch<'_>, &mut [f32]) -> Result<f64, PotentialError> + Send,
{
    forward!(self, self.potential; dim num_data prior_precision curvature refresh save restore);

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        (self.gradient)(&mut self.potential, position, minibatch, gradient)
    }
}
