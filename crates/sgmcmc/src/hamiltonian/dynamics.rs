//! The energy, and the leapfrog that nearly keeps it.

use apd_seed::Normals;

use crate::Potential64;
use crate::phase_space::{Evaluator, Point};

/// The system that a trajectory belongs to.
pub(super) trait Hamiltonian {
    /// Moves the point by the time `step`, backwards if it is negative.
    fn leapfrog(&mut self, point: &mut Point, step: f64);

    /// H of the point, in nats; +∞ if it is not a finite number, so that no such point is ever drawn.
    fn energy(&self, point: &Point) -> f64;

    /// The diagonal of M⁻¹.
    fn inverse_mass(&self) -> &[f64];
}

/// H(θ, p) = U(θ)/T + ½·Σ pᵢ²/mᵢ.
#[derive(Debug)]
pub(super) struct Dynamics<P> {
    pub(super) evaluator: Evaluator<P>,
    pub(super) temperature: f64,
    pub(super) inverse_mass: Vec<f64>,
}

impl<P: Potential64> Dynamics<P> {
    pub(super) fn new(potential: P, temperature: f64) -> Self {
        let dim = potential.dim();
        Self { evaluator: Evaluator::new(potential), temperature, inverse_mass: vec![1.0; dim] }
    }

    /// p ~ N(0, M), from row `row` of the normals.
    pub(super) fn refresh_momentum(&self, point: &mut Point, normals: &Normals, row: u64) {
        normals.fill_f64(row, 0, &mut point.momentum);
        for (p, inverse_mass) in point.momentum.iter_mut().zip(&self.inverse_mass) {
            *p /= inverse_mass.sqrt();
        }
    }

    fn kick(&self, point: &mut Point, step: f64) {
        let scale = step / self.temperature;
        for (p, &g) in point.momentum.iter_mut().zip(&point.gradient) {
            *p -= scale * g;
        }
    }
}

impl<P: Potential64> Hamiltonian for Dynamics<P> {
    /// p ← p − (ε/2)·∇U(θ)/T, θ ← θ + ε·M⁻¹p, p ← p − (ε/2)·∇U(θ)/T.
    ///
    /// Its error per trajectory is O(ε²); it is stable while ε is below twice the smallest standard deviation (in units of M).
    ///
    /// Reference: Neal, *MCMC using Hamiltonian dynamics*, in: Handbook of Markov Chain Monte Carlo, 2011, eqs 5.18–5.20.
    fn leapfrog(&mut self, point: &mut Point, step: f64) {
        self.kick(point, 0.5 * step);
        for ((x, p), inverse_mass) in point.position.iter_mut().zip(&point.momentum).zip(&self.inverse_mass) {
            *x += step * inverse_mass * p;
        }
        self.evaluator.evaluate(point);
        self.kick(point, 0.5 * step);
    }

    fn energy(&self, point: &Point) -> f64 {
        let twice_kinetic: f64 = point.momentum.iter().zip(&self.inverse_mass).map(|(p, w)| w * p * p).sum();
        let energy = point.potential / self.temperature + 0.5 * twice_kinetic;
        if energy.is_finite() { energy } else { f64::INFINITY }
    }

    fn inverse_mass(&self) -> &[f64] {
        &self.inverse_mass
    }
}

#[cfg(test)]
mod tests;
