//! A negative control: gradients that are old.

use apd_sgmcmc::{Buffers, ChainError, Minibatch, Potential, PotentialError};

/// A potential that returns the gradient of some calls ago; until there is one, the present one.
pub(super) struct Lagged<P> {
    potential: P,
    /// The last gradients, the oldest at `next`.
    past: Vec<Vec<f32>>,
    next: usize,
    lag: usize,
}

impl<P> Lagged<P> {
    /// Gradients are `lag` calls old.
    pub(super) fn new(potential: P, lag: usize) -> Self {
        Self { potential, past: Vec::new(), next: 0, lag }
    }
}

impl<P: Potential> Potential for Lagged<P> {
    fn dim(&self) -> usize {
        self.potential.dim()
    }

    fn num_data(&self) -> usize {
        self.potential.num_data()
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let value = self.potential.gradient(position, minibatch, gradient)?;
        if self.past.len() < self.lag {
            self.past.push(gradient.to_vec());
        } else if self.lag > 0 {
            self.past[self.next].swap_with_slice(gradient);
            self.next = (self.next + 1) % self.lag;
        }
        Ok(value)
    }

    fn curvature(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        diagonal: &mut [f32],
    ) -> Result<(), PotentialError> {
        self.potential.curvature(position, minibatch, diagonal)
    }

    fn refresh(&mut self, step: u64, position: &[f32]) -> Result<(), PotentialError> {
        self.potential.refresh(step, position)
    }

    fn save(&self) -> Buffers {
        self.potential.save()
    }

    fn restore(&mut self, buffers: &Buffers) -> Result<(), ChainError> {
        self.potential.restore(buffers)
    }
}
