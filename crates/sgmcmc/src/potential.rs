//! Potentials: a posterior as a sampler sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::potential::forward::forward;
use crate::{ChainError, PotentialError};

pub(crate) mod control_variate;
pub(crate) mod double;
pub(crate) mod forward;
pub(crate) mod rescaled;
pub(crate) mod svrg;
pub(crate) mod with_gradient;

/// The data terms that one gradient estimate uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Minibatch<'a> {
    /// All N terms.
    Full,
    /// These terms, each index below N, none twice.
    Indices(&'a [u32]),
}

impl<'a> Minibatch<'a> {
    /// Number of terms B, out of `num_data` = N.
    pub fn len(&self, num_data: usize) -> usize {
        match self {
            Self::Full => num_data,
            Self::Indices(indices) => indices.len(),
        }
    }

    /// N/B, the factor that makes a sum over the minibatch an unbiased estimate of the sum over all; 1 if there are no terms.
    pub fn scale(&self, num_data: usize) -> f64 {
        match self {
            Self::Indices(indices) if !indices.is_empty() => num_data as f64 / indices.len() as f64,
            _ => 1.0,
        }
    }

    /// The terms' indices.
    pub fn indices(&self, num_data: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (all, some): (_, &'a [u32]) = match *self {
            Self::Full => (0..num_data, &[]),
            Self::Indices(indices) => (0..0, indices),
        };
        all.chain(some.iter().map(|&n| n as usize))
    }
}

/// A posterior as the samplers see it: U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ) on R^d.
///
/// **Units**: nats, full-data scale: the sum over all N terms plus the prior's term *once*. An estimate from a minibatch of B
/// multiplies the data's part, and only it, by N/B.
pub trait Potential: Send {
    /// Dimension d of θ.
    fn dim(&self) -> usize;

    /// Number N of data terms.
    fn num_data(&self) -> usize;

    /// Writes an unbiased estimate of ∇U(`position`) to `gradient`, and returns that of U(`position`).
    ///
    /// Additive constants of U may be left out. The result must be a pure function of `position`, `minibatch` and what
    /// [`refresh`](Self::refresh) remembered: a chain may ask for the same gradient again when it is resumed. Non-finite results
    /// are allowed; the chain reports them as a divergence.
    ///
    /// **Shapes**: `position` and `gradient` have length d.
    /// **Errors**: the potential's own; [`PotentialError`] says what becomes of the chain.
    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError>;

    /// Precision τ of a prior N(0, I/τ), if the prior is one; only for the [`Summary`](crate::Summary).
    fn prior_precision(&self) -> Option<f64> {
        None
    }

    /// Writes the diagonal of ∇²Û(`position`); only samplers with a curvature term ask for it.
    ///
    /// The default takes central differences of the gradient: 2d gradients, and a relative error of about 10⁻³ in single precision, so
    /// for small d only. Potentials that know better override it.
    ///
    /// **Errors**: as [`gradient`](Self::gradient).
    fn curvature(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        diagonal: &mut [f32],
    ) -> Result<(), PotentialError> {
        let (mut moved, mut gradient) = (position.to_vec(), vec![0.0; position.len()]);
        for i in 0..position.len() {
            // The cube root of the precision balances rounding against the third derivative.
            let step = 5e-3 * position[i].abs().max(1.0);
            let (above, below) = (position[i] + step, position[i] - step);
            moved[i] = above;
            self.gradient(&moved, minibatch, &mut gradient)?;
            let slope = gradient[i];
            moved[i] = below;
            self.gradient(&moved, minibatch, &mut gradient)?;
            moved[i] = position[i];
            diagonal[i] = (slope - gradient[i]) / (above - below);
        }
        Ok(())
    }

    /// Called once before the gradient of update `step` (from 0): a gradient estimator with a memory looks at the position here.
    ///
    /// It must do nothing when it is called twice with equal arguments.
    ///
    /// **Errors**: as [`gradient`](Self::gradient).
    fn refresh(&mut self, _step: u64, _position: &[f32]) -> Result<(), PotentialError> {
        Ok(())
    }

    /// A copy of what [`refresh`](Self::refresh) remembered.
    fn save(&self) -> Buffers {
        Buffers::default()
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// **Errors**: [`ChainError::Buffer`] for a missing buffer, or one of the wrong length; [`ChainError::Potential`].
    fn restore(&mut self, _buffers: &Buffers) -> Result<(), ChainError> {
        Ok(())
    }
}

impl<P: Potential + ?Sized> Potential for Box<P> {
    forward!(self, (**self); dim num_data gradient prior_precision curvature refresh save restore);
}

/// A potential from a closure: `gradient(position, minibatch, gradient) -> U`, as [`Potential::gradient`]. One that can fail
/// implements [`Potential`] itself.
///
/// ```
/// use apd_sgmcmc::{FromFn, Potential};
///
/// // A standard normal in ten dimensions; no data, so that a minibatch is everything.
/// let normal = FromFn::new(10, 1, |x: &[f32], _, gradient: &mut [f32]| {
///     gradient.copy_from_slice(x);
///     x.iter().map(|&x| 0.5 * f64::from(x).powi(2)).sum()
/// });
/// assert_eq!(normal.dim(), 10);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F> {
    dim: usize,
    num_data: usize,
    gradient: F,
}

impl<F: FnMut(&[f32], Minibatch<'_>, &mut [f32]) -> f64 + Send> FromFn<F> {
    /// The potential that `gradient` computes, of `dim` coordinates and a sum over `num_data` data terms.
    pub fn new(dim: usize, num_data: usize, gradient: F) -> Self {
        Self { dim, num_data, gradient }
    }
}

impl<F: FnMut(&[f32], Minibatch<'_>, &mut [f32]) -> f64 + Send> Potential for FromFn<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn num_data(&self) -> usize {
        self.num_data
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        Ok((self.gradient)(position, minibatch, gradient))
    }
}

/// A gradient estimator's memory by name, as a checkpoint holds it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Buffers(BTreeMap<String, Vec<f32>>);

impl Buffers {
    /// Adds (or replaces) a buffer.
    pub fn insert(&mut self, name: &str, values: &[f32]) {
        self.0.insert(name.to_owned(), values.to_vec());
    }

    /// The buffer called `name`, which must have `len` values.
    ///
    /// **Errors**: [`ChainError::Buffer`].
    pub fn get(&self, name: &'static str, len: usize) -> Result<&[f32], ChainError> {
        match self.0.get(name) {
            Some(values) if values.len() == len => Ok(values),
            other => Err(ChainError::Buffer { name, expected: len, found: other.map(Vec::len) }),
        }
    }
}

#[cfg(test)]
mod tests;
