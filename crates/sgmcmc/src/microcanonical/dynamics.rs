//! The isokinetic flow and its integrator.

use apd_seed::Normals;

use crate::Potential64;
use crate::phase_space::{Evaluator, Point};

/// The flow of exp(−U/T) in coordinates of scales Σ^½.
#[derive(Debug)]
pub(super) struct Dynamics<P> {
    pub(super) evaluator: Evaluator<P>,
    pub(super) temperature: f64,
    /// The diagonal of Σ^½.
    pub(super) scales: Vec<f64>,
    /// Σ^½∇U/|Σ^½∇U|, or normals: working space.
    work: Vec<f64>,
}

impl<P: Potential64> Dynamics<P> {
    /// λ of the minimal-norm integrator, which needs two gradients a step, and whose error is a tenth of the leapfrog's with two.
    ///
    /// Reference: McLachlan, *On the numerical integration of ordinary differential equations by symmetric composition methods*, SIAM
    /// J. Sci. Comput. 16, 1995; Omelyan, Mryglod & Folk, Comput. Phys. Commun. 151, 2003.
    const LAMBDA: f64 = 0.193_183_327_503_783_6;

    pub(super) fn new(potential: P, temperature: f64) -> Self {
        let dim = potential.dim();
        Self { evaluator: Evaluator::new(potential), temperature, scales: vec![1.0; dim], work: vec![0.0; dim] }
    }

    /// One step of size ε, which takes as much energy from U/T as it gives to K, but for the error: that error, in nats.
    ///
    /// B(λε)·A(ε/2)·B((1 − 2λ)ε)·A(ε/2)·B(λε), symmetric and so of second order; A moves the position, B turns the direction.
    pub(super) fn integrate(&mut self, point: &mut Point, step: f64) -> f64 {
        let before = point.potential;
        let mut kinetic = self.turn(point, Self::LAMBDA * step);
        for part in [1.0 - 2.0 * Self::LAMBDA, Self::LAMBDA] {
            self.advance(point, 0.5 * step);
            self.evaluator.evaluate(point);
            if !point.potential.is_finite() {
                return f64::INFINITY;
            }
            kinetic += self.turn(point, part * step);
        }
        kinetic + (point.potential - before) / self.temperature
    }

    /// A: θ ← θ + ε·Σ^½u.
    fn advance(&self, point: &mut Point, step: f64) {
        for ((x, u), scale) in point.position.iter_mut().zip(&point.momentum).zip(&self.scales) {
            *x += step * scale * u;
        }
    }

    /// B, the exact flow of du = −P(u)g·dt/(d − 1), g = Σ^½∇U/T: with e = −g/|g|, δ = ε|g|/(d − 1),
    ///
    /// u ← (u + e·(sinh δ + (e·u)(cosh δ − 1)))/(cosh δ + (e·u) sinh δ), ΔK = (d − 1)·ln(cosh δ + (e·u) sinh δ);
    ///
    /// returns ΔK. All is written in ζ = e^(−δ), which does not overflow.
    ///
    /// Reference: Robnik & Seljak, arXiv 2303.18221, 2023, appendix; Ver Steeg & Galstyan, *Hamiltonian dynamics with non-Newtonian
    /// momentum for rapid sampling*, NeurIPS 2021.
    fn turn(&mut self, point: &mut Point, step: f64) -> f64 {
        let (mut square, mut along) = (0.0, 0.0);
        for (((g, of_u), scale), u) in self.work.iter_mut().zip(&point.gradient).zip(&self.scales).zip(&point.momentum)
        {
            *g = of_u * scale / self.temperature;
            square += *g * *g;
            along -= *g * u;
        }
        let norm = f64::sqrt(square);
        if norm == 0.0 {
            return 0.0;
        }
        let (along, freedom) = (along / norm, self.work.len() as f64 - 1.0);
        let delta = step * norm / freedom;
        let zeta = (-delta).exp();
        let stretch = 1.0 + along + (1.0 - along) * zeta * zeta;
        let toward = (1.0 - zeta) * (1.0 + zeta + along * (1.0 - zeta));
        for (u, g) in point.momentum.iter_mut().zip(&self.work) {
            *u = 2.0 * zeta * *u - toward * g / norm;
        }
        normalize(&mut point.momentum);
        freedom * (delta - std::f64::consts::LN_2 + stretch.ln())
    }

    /// u ← (u + νz)/|u + νz|, ν² = (e^(2ε/L) − 1)/d, which forgets the direction as e^(−ε/L).
    ///
    /// Reference: Robnik & Seljak, arXiv 2303.18221, 2023, eq. 16.
    pub(super) fn refresh_direction(&mut self, point: &mut Point, step: f64, length: f64, normals: &Normals, row: u64) {
        normals.fill_f64(row, 0, &mut self.work);
        let nu = ((2.0 * step / length).exp_m1() / self.work.len() as f64).sqrt();
        for (u, z) in point.momentum.iter_mut().zip(&self.work) {
            *u += nu * z;
        }
        normalize(&mut point.momentum);
    }
}

/// u ← z/|z|: uniform on the sphere, from row `row` of the normals.
pub(super) fn draw_direction(point: &mut Point, normals: &Normals, row: u64) {
    normals.fill_f64(row, 0, &mut point.momentum);
    normalize(&mut point.momentum);
}

fn normalize(direction: &mut [f64]) {
    let norm = direction.iter().map(|u| u * u).sum::<f64>().sqrt();
    direction.iter_mut().for_each(|u| *u /= norm);
}

#[cfg(test)]
mod tests;
