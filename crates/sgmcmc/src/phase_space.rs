//! A point of phase space and its potential: what the chains on the full data share.

use crate::lanes::are_finite;
use crate::{Cause, ChainError, Divergence, Potential64, PotentialError};

/// A position with its momentum, and U with its gradient there.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// θ.
    pub(crate) position: Vec<f64>,
    /// The momentum, whitened; of microcanonical dynamics the direction u, of length 1.
    pub(crate) momentum: Vec<f64>,
    /// ∇U(θ).
    pub(crate) gradient: Vec<f64>,
    /// U(θ).
    pub(crate) potential: f64,
}

impl Point {
    pub(crate) fn new(position: Vec<f64>) -> Self {
        let dim = position.len();
        Self { position, momentum: vec![0.0; dim], gradient: vec![0.0; dim], potential: f64::NAN }
    }

    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.copy_place(other);
        self.momentum.copy_from_slice(&other.momentum);
    }

    /// Takes the other's place without its momentum.
    pub(crate) fn copy_place(&mut self, other: &Self) {
        self.position.copy_from_slice(&other.position);
        self.gradient.copy_from_slice(&other.gradient);
        self.potential = other.potential;
    }

    /// Takes the other's place without its momentum; what was here is left there.
    pub(crate) fn swap_place(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.position, &mut other.position);
        std::mem::swap(&mut self.gradient, &mut other.gradient);
        std::mem::swap(&mut self.potential, &mut other.potential);
    }

    /// What is not finite of position, gradient and potential.
    fn not_finite(&self) -> Option<Divergence> {
        let finite = |&i: &usize| self.position[i].is_finite() && self.gradient[i].is_finite();
        if let Some(coordinate) = (0..self.position.len()).find(|i| !finite(i)) {
            return Some(Divergence::Position { coordinate });
        }
        (!self.potential.is_finite()).then_some(Divergence::Potential(self.potential))
    }
}

/// A potential whose fatal errors wait until a step is over.
#[derive(Debug)]
pub(crate) struct Evaluator<P> {
    pub(crate) potential: P,
    /// Gradients computed so far.
    pub(crate) gradients: u64,
    /// The potential's fatal error: the end of the run, though the present trajectory is only refused.
    failure: Option<PotentialError>,
    /// Why the potential had no value where it was last without one.
    refusal: Option<Cause>,
}

impl<P: Potential64> Evaluator<P> {
    pub(crate) fn new(potential: P) -> Self {
        Self { potential, gradients: 0, failure: None, refusal: None }
    }

    /// Computes U and ∇U at the point; U = ∞ where it has no value, and NaN where the point is nowhere: no such point is ever drawn.
    pub(crate) fn evaluate(&mut self, point: &mut Point) {
        point.potential = f64::NAN;
        if !are_finite(&point.position) {
            return;
        }
        self.gradients += 1;
        match self.potential.gradient(&point.position, &mut point.gradient) {
            Ok(value) => point.potential = value,
            Err(PotentialError::Recoverable(cause)) => {
                point.potential = f64::INFINITY;
                self.refusal = Some(cause);
            }
            Err(fatal) => self.failure = Some(fatal),
        }
    }

    /// Computes U and ∇U where the chain starts, or goes on, at this step.
    ///
    /// **Errors**: [`ChainError::Start`] where one of them is not finite, [`ChainError::Potential`].
    pub(crate) fn start(&mut self, point: &mut Point, chain: u32, step: u64) -> Result<(), ChainError> {
        self.refusal = None;
        self.evaluate(point);
        self.check()?;
        let refusal = self.refusal.take().map(Divergence::Undefined);
        match refusal.or_else(|| point.not_finite()) {
            Some(what) => Err(ChainError::Start { chain, step, what }),
            None => Ok(()),
        }
    }

    /// **Errors**: the fatal error that was met since this was last asked.
    pub(crate) fn check(&mut self) -> Result<(), ChainError> {
        self.failure.take().map_or(Ok(()), |failure| Err(failure.into()))
    }
}
