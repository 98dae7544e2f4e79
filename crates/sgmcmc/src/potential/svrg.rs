//! A control variate whose center follows the chain.

use crate::potential::forward::forward;
use crate::{Buffers, ChainError, ControlVariate, Minibatch, Potential, PotentialError};

/// Stochastic variance-reduced gradients: [`ControlVariate`] with the position of every `every`-th update as its center.
///
/// The center becomes c ← θ at updates 0, `every`, 2·`every`, …, where ∇U(c) is computed from all N terms; all updates use
/// ĝ(θ) = ∇U(c) + [∇Û_B(θ) − ∇Û_B(c)]. No optimized start is needed; the price is one full gradient per period, beside two minibatch
/// gradients per update. `every` ≈ N/B makes that about three times the cost of plain minibatches.
///
/// The center is part of the chain's state: a resumed chain goes on from it, to the bit, for one full gradient more. Before the
/// first center ([`refresh`](Potential::refresh) was never called) estimates are the potential's own.
///
/// **Units**: nats, full-data scale.
///
/// **Where it fails**: a period so long that the chain leaves the center's neighborhood (or a jump, as by
/// [`Chain::restart_from`](crate::Chain::restart_from), until the next center) has larger variance than plain minibatches, though no
/// bias.
///
/// Reference: Dubey, Reddi, Póczos, Smola, Xing & Williamson, *Variance reduction in stochastic gradient Langevin dynamics*, NIPS
/// 2016, algorithm 2 (SVRG-LD).
///
/// ```
/// use apd_sgmcmc::{FromFn, Minibatch, Potential, Svrg};
///
/// let squares = FromFn::new(1, 2, |x: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
///     let weights = minibatch.indices(2).map(|n| n as f32).sum::<f32>() * minibatch.scale(2) as f32;
///     gradient[0] = weights * x[0];
///     f64::from(0.5 * weights * x[0] * x[0])
/// });
/// let (mut squares, mut gradient) = (Svrg::new(squares, 10)?, [0.0]);
/// squares.gradient(&[4.0], Minibatch::Indices(&[0]), &mut gradient)?;
/// assert_eq!(gradient, [0.0]); // the first term alone knows nothing
/// squares.refresh(0, &[4.0])?;
/// squares.gradient(&[4.0], Minibatch::Indices(&[0]), &mut gradient)?;
/// assert_eq!(gradient, [4.0]);
/// # Ok::<(), apd_sgmcmc::ChainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Svrg<P> {
    estimator: ControlVariate<P>,
    every: u64,
    centered: bool,
}

const CENTER: &str = "svrg_centre";

impl<P: Potential> Svrg<P> {
    /// Takes a new center at every `every`-th update.
    ///
    /// **Errors**: [`ChainError::Setting`] if `every` is 0.
    pub fn new(potential: P, every: u64) -> Result<Self, ChainError> {
        if every == 0 {
            let (value, expected) = ("0".to_owned(), "at least 1");
            return Err(ChainError::Setting { field: "updates between centers", value, expected });
        }
        Ok(Self { estimator: ControlVariate::without_center(potential), every, centered: false })
    }

    /// c, if there is one yet.
    pub fn center(&self) -> Option<&[f32]> {
        self.centered.then(|| self.estimator.center())
    }

    /// The potential itself.
    pub fn into_inner(self) -> P {
        self.estimator.into_inner()
    }

    fn recenter(&mut self, center: &[f32]) -> Result<(), PotentialError> {
        self.centered = false;
        self.estimator.recenter(center)?;
        self.centered = true;
        Ok(())
    }
}

impl<P: Potential> Potential for Svrg<P> {
    forward!(self, self.estimator; dim num_data prior_precision curvature);

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        if self.centered {
            self.estimator.gradient(position, minibatch, gradient)
        } else {
            self.estimator.potential.gradient(position, minibatch, gradient)
        }
    }

    fn refresh(&mut self, step: u64, position: &[f32]) -> Result<(), PotentialError> {
        self.estimator.refresh(step, position)?;
        let due = step.is_multiple_of(self.every) && self.estimator.center != position;
        if due || !self.centered {
            self.recenter(position)?;
        }
        Ok(())
    }

    fn save(&self) -> Buffers {
        let mut buffers = self.estimator.save();
        buffers.insert(CENTER, self.center().unwrap_or_default());
        buffers
    }

    fn restore(&mut self, buffers: &Buffers) -> Result<(), ChainError> {
        self.estimator.restore(buffers)?;
        if buffers.get(CENTER, 0).is_ok() {
            // Saved before the first center.
            self.centered = false;
            return Ok(());
        }
        // The gradient there is a function of it: the same bits as before, for half the memory.
        Ok(self.recenter(buffers.get(CENTER, self.dim())?)?)
    }
}

#[cfg(test)]
mod tests;
