//! The energy, and the leapfrog that nearly keeps it.

use super::metric::Preconditioner;
use crate::Potential64;
use crate::lanes::{dot, update};
use crate::phase_space::{Evaluator, Point};

/// The system that a trajectory belongs to.
pub(super) trait Hamiltonian {
    /// Makes `to` the point that the time `step` leads to, backwards if it is negative.
    ///
    /// Two points, since whoever keeps the first would otherwise copy it: a tenth of the time of a thousand coordinates.
    fn leapfrog(&mut self, from: &Point, to: &mut Point, step: f64);

    /// H of the point, in nats; +∞ if it is not a finite number, so that no such point is ever drawn.
    fn energy(&self, point: &Point) -> f64;
}

/// H(θ, q) = U(θ)/T + ½·|q|², of the whitened momentum q = Lᵀp with M⁻¹ = L·Lᵀ.
#[derive(Debug)]
pub(super) struct Dynamics<P> {
    pub(super) evaluator: Evaluator<P>,
    pub(super) temperature: f64,
    pub(super) preconditioner: Preconditioner,
    /// Working space.
    work: Vec<f64>,
}

impl<P: Potential64> Dynamics<P> {
    pub(super) fn new(potential: P, temperature: f64) -> Self {
        let dim = potential.dim();
        let (evaluator, preconditioner) = (Evaluator::new(potential), Preconditioner::identity(dim));
        Self { evaluator, temperature, preconditioner, work: vec![0.0; dim] }
    }

    /// q ← q − ε·Lᵀg.
    fn kick(&mut self, momentum: &mut [f64], gradient: &[f64], step: f64) {
        let Self { preconditioner, work, .. } = self;
        let scaled = gradient.iter().zip(&preconditioner.scales);
        if preconditioner.is_diagonal() {
            return update(momentum, scaled, |q, (g, scale)| *q -= step * (g * scale));
        }
        work.iter_mut().zip(scaled).for_each(|(w, (g, scale))| *w = g * scale);
        preconditioner.stretch(work);
        momentum.iter_mut().zip(work).for_each(|(q, force)| *q -= step * *force);
    }

    /// θ + ε·L·q.
    fn drift(&mut self, from: &Point, to: &mut Point, step: f64) {
        let Self { preconditioner, work, .. } = self;
        let mut velocity = &to.momentum;
        if !preconditioner.is_diagonal() {
            work.copy_from_slice(velocity);
            preconditioner.stretch(work);
            velocity = work;
        }
        let all = from.position.iter().zip(velocity.iter().zip(&preconditioner.scales));
        update(&mut to.position, all, |to, (x, (v, scale))| *to = x + step * scale * v);
    }
}

impl<P: Potential64> Hamiltonian for Dynamics<P> {
    /// q ← q − (ε/2)·Lᵀ∇U(θ)/T, θ ← θ + ε·L·q, q ← q − (ε/2)·Lᵀ∇U(θ)/T.
    ///
    /// Its error per trajectory is O(ε²); it is stable while ε is below twice the smallest standard deviation (in units of L).
    ///
    /// Reference: Neal, *MCMC using Hamiltonian dynamics*, in: Handbook of Markov Chain Monte Carlo, 2011, eqs 5.18–5.20, §5.4.1.
    fn leapfrog(&mut self, from: &Point, to: &mut Point, step: f64) {
        let half = 0.5 * step / self.temperature;
        to.momentum.copy_from_slice(&from.momentum);
        self.kick(&mut to.momentum, &from.gradient, half);
        self.drift(from, to, step);
        self.evaluator.evaluate(to);
        self.kick(&mut to.momentum, &to.gradient, half);
    }

    fn energy(&self, point: &Point) -> f64 {
        let twice_kinetic = dot(&point.momentum, &point.momentum);
        let energy = point.potential / self.temperature + 0.5 * twice_kinetic;
        if energy.is_finite() { energy } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests;
