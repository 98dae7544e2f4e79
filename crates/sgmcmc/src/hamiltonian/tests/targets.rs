//! Laws with exact draws and known expectations.

use std::sync::Arc;

use apd_seed::Seed;

use crate::{Potential64, PotentialError};

type Value = Arc<dyn Fn(&[f64]) -> f64 + Send + Sync>;

/// A function of the position with a known expectation.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) expectation: f64,
    value: Value,
}

/// A target: U with its gradient, exact draws, and functions.
#[derive(Clone)]
pub(super) struct Target {
    kind: Kind,
    functions: Vec<Function>,
    /// Factor of the reported gradient: 1, unless the force is to be wrong.
    pub(super) force: f64,
}

#[derive(Clone)]
enum Kind {
    Gaussian(Gaussian),
    Line(Arc<Line>),
}

impl Target {
    /// A Gaussian whose temperature is `temperature` when its draws are made, and 1 in U.
    pub(super) fn gaussian(scales: &[f64], rho: f64, temperature: f64) -> Self {
        let mut functions = Vec::new();
        let mut add = |name: String, expectation, value: Value| {
            functions.push(Function { name, expectation, value });
        };
        for (i, s) in scales.iter().copied().enumerate() {
            add(format!("x{i}"), 0.0, Arc::new(move |x| x[i] / s));
            add(format!("x{i}²"), temperature, Arc::new(move |x| (x[i] / s).powi(2)));
            if i > 0 {
                let product = s * scales[i - 1];
                add(format!("x{}·x{i}", i - 1), temperature * rho, Arc::new(move |x| x[i - 1] * x[i] / product));
            }
        }
        let gaussian = Gaussian { scales: scales.to_vec(), rho, temperature };
        Self { kind: Kind::Gaussian(gaussian), functions, force: 1.0 }
    }

    /// The law exp(−u) on [`least`, `most`], u with its derivative, by quadrature.
    pub(super) fn line(u: fn(f64) -> (f64, f64), least: f64, most: f64) -> Self {
        let line = Line::new(u, least, most);
        let mean = line.expect(|x| x);
        let mut functions = Vec::new();
        let mut add = |name: &str, value: Arc<dyn Fn(f64) -> f64 + Send + Sync>| {
            let expectation = line.expect(|x| value(x));
            functions.push(Function { name: name.to_owned(), expectation, value: Arc::new(move |x| value(x[0])) });
        };
        add("x", Arc::new(|x| x));
        add("x²", Arc::new(|x| x * x));
        add("tanh 2x", Arc::new(|x| (2.0 * x).tanh()));
        // Between cells of the quadrature, so that it is exact for the jump too.
        let threshold = line.boundary_near(mean);
        add("x > mean", Arc::new(move |x| f64::from(u8::from(x > threshold))));
        Self { kind: Kind::Line(Arc::new(line)), functions, force: 1.0 }
    }

    pub(super) fn functions(&self) -> &[Function] {
        &self.functions
    }

    pub(super) fn draw(&self, seed: Seed) -> Vec<f64> {
        match &self.kind {
            Kind::Gaussian(gaussian) => gaussian.draw(seed),
            Kind::Line(line) => vec![line.draw(seed)],
        }
    }

    /// The functions' means over positions.
    pub(super) fn averages(&self, positions: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
        let (mut sums, mut count) = (vec![0.0; self.functions.len()], 0.0);
        for position in positions {
            for (sum, function) in sums.iter_mut().zip(&self.functions) {
                *sum += (function.value)(&position);
            }
            count += 1.0;
        }
        sums.iter().map(|sum| sum / count).collect()
    }
}

impl Potential64 for Target {
    fn dim(&self) -> usize {
        match &self.kind {
            Kind::Gaussian(gaussian) => gaussian.scales.len(),
            Kind::Line(_) => 1,
        }
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        let value = match &self.kind {
            Kind::Gaussian(gaussian) => gaussian.gradient(position, gradient),
            Kind::Line(line) => {
                let (value, slope) = (line.u)(position[0]);
                gradient[0] = slope;
                value
            }
        };
        for g in gradient {
            *g *= self.force;
        }
        Ok(value)
    }
}

/// xᵢ = sᵢ·yᵢ with y a stationary autoregression: cov(xᵢ, xⱼ) = sᵢsⱼρ^|i−j|.
#[derive(Clone)]
struct Gaussian {
    scales: Vec<f64>,
    rho: f64,
    temperature: f64,
}

impl Gaussian {
    fn draw(&self, seed: Seed) -> Vec<f64> {
        let mut x = vec![0.0; self.scales.len()];
        seed.normals().fill_f64(0, 0, &mut x);
        for i in 1..x.len() {
            x[i] = self.rho * x[i - 1] + (1.0 - self.rho * self.rho).sqrt() * x[i];
        }
        x.iter().zip(&self.scales).map(|(y, s)| y * s * self.temperature.sqrt()).collect()
    }

    /// U = ½·y₁² + ½·Σ (yᵢ₊₁ − ρyᵢ)²/(1 − ρ²).
    fn gradient(&self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let y = |i: usize| position[i] / self.scales[i];
        let (innovation, mut value) = (1.0 - self.rho * self.rho, 0.0);
        for i in 0..position.len() {
            let residual = if i == 0 { y(0) } else { (y(i) - self.rho * y(i - 1)) / innovation };
            let next = if i + 1 < position.len() { (y(i + 1) - self.rho * y(i)) / innovation } else { 0.0 };
            value += 0.5 * residual * residual * if i == 0 { 1.0 } else { innovation };
            gradient[i] = (residual - self.rho * next) / self.scales[i];
        }
        value
    }
}

/// A law on the line, tabulated.
struct Line {
    u: fn(f64) -> (f64, f64),
    least: f64,
    width: f64,
    /// Probabilities of the cells, whose midpoints are the nodes of the quadrature.
    masses: Vec<f64>,
}

impl Line {
    const CELLS: usize = 40_000;

    fn new(u: fn(f64) -> (f64, f64), least: f64, most: f64) -> Self {
        let width = (most - least) / Self::CELLS as f64;
        let mut masses: Vec<f64> = (0..Self::CELLS).map(|i| (-u(least + (i as f64 + 0.5) * width).0).exp()).collect();
        let total: f64 = masses.iter().sum();
        masses.iter_mut().for_each(|mass| *mass /= total);
        Self { u, least, width, masses }
    }

    fn expect(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.masses.iter().enumerate().map(|(i, mass)| mass * f(self.least + (i as f64 + 0.5) * self.width)).sum()
    }

    /// The boundary of cells nearest to x.
    fn boundary_near(&self, x: f64) -> f64 {
        self.least + ((x - self.least) / self.width).round() * self.width
    }

    /// By inversion: uniform within a cell.
    fn draw(&self, seed: Seed) -> f64 {
        let mut u = seed.stream().uniform();
        for (i, mass) in self.masses.iter().enumerate() {
            if u < *mass {
                return self.least + (i as f64 + u / mass) * self.width;
            }
            u -= mass;
        }
        self.least + 0.5 * Self::CELLS as f64 * self.width
    }
}

/// U = eˣ − x: minus the logarithm of an exponential variable.
pub(super) fn log_exponential() -> Target {
    Target::line(|x| (x.exp() - x, x.exp() - 1.0), -40.0, 6.0)
}

/// 0.6·N(−1.2, 0.8²) + 0.4·N(1.5, 0.5²): two modes that a trajectory crosses.
pub(super) fn two_modes() -> Target {
    fn u(x: f64) -> (f64, f64) {
        let (a, b) = ((x + 1.2) / 0.8, (x - 1.5) / 0.5);
        // In logarithms: far out both densities underflow.
        let (log_a, log_b) = ((0.6_f64 / 0.8).ln() - 0.5 * a * a, (0.4_f64 / 0.5).ln() - 0.5 * b * b);
        let most = log_a.max(log_b);
        let (p, q) = ((log_a - most).exp(), (log_b - most).exp());
        (-most - (p + q).ln(), (p * a / 0.8 + q * b / 0.5) / (p + q))
    }
    Target::line(u, -10.0, 8.0)
}

/// The normal law on x > 0; beyond the wall U is not a number.
pub(super) fn half_normal() -> Target {
    Target::line(|x| if x > 0.0 { (0.5 * x * x, x) } else { (f64::NAN, f64::NAN) }, 0.0, 10.0)
}

#[test]
fn quadrature_agrees_with_what_is_known() {
    let within = |error: f64, target: &Target, i: usize, known: f64| {
        let found = target.functions()[i].expectation;
        assert!((found - known).abs() < error, "{found} is not {known}");
    };
    let close = |target: &Target, i: usize, known: f64| within(1e-6, target, i, known);
    let euler = 0.577_215_664_901_532_9;
    close(&log_exponential(), 0, -euler);
    close(&log_exponential(), 1, std::f64::consts::PI.powi(2) / 6.0 + euler * euler);
    // P(X > −γ) = P(E > e^−γ), up to half a cell of width 1.15·10⁻³ times the density 0.32.
    within(2e-4, &log_exponential(), 3, (-(-euler).exp()).exp());
    close(&two_modes(), 0, 0.6 * -1.2 + 0.4 * 1.5);
    close(&two_modes(), 1, 0.6 * (1.44 + 0.64) + 0.4 * (2.25 + 0.25));
    close(&half_normal(), 0, (2.0 / std::f64::consts::PI).sqrt());
    close(&half_normal(), 1, 1.0);
}

/// The exact draws are exact, by the same comparison that chains must pass; and it rejects draws that are not.
#[test]
fn exact_draws_pass() {
    let seed = Seed::root(70);
    for (name, target) in [
        ("Gaussian", Target::gaussian(&[0.01, 1.0, 100.0], 0.7, 2.5)),
        ("log-exponential", log_exponential()),
        ("two modes", two_modes()),
        ("half-normal", half_normal()),
    ] {
        let draws = |shrink: f64| {
            let target = &target;
            move |chain: u32| {
                let seed = seed.child(name).index(chain.into());
                target.averages((0..40).map(|i| target.draw(seed.index(i)).iter().map(|x| shrink * x).collect()))
            }
        };
        super::accept(name, &target, draws(1.0));
        super::refuse(name, &target, draws(0.9));
    }
}

/// The gradients are those of U: central differences.
#[test]
fn gradients_are_right() {
    for mut target in [Target::gaussian(&[0.5, 1.0, 2.0], 0.7, 1.0), log_exponential(), two_modes()] {
        let x: Vec<f64> = [0.3, -0.8, 1.4][..target.dim()].to_vec();
        let mut gradient = vec![0.0; x.len()];
        target.gradient(&x, &mut gradient).unwrap();
        for i in 0..x.len() {
            let mut at = |step: f64| {
                let mut moved = x.clone();
                moved[i] += step;
                let u = target.gradient(&moved, &mut vec![0.0; x.len()]).unwrap();
                (moved[i], u)
            };
            let ((above, u), (below, v)) = (at(1e-3), at(-1e-3));
            let slope = (u - v) / (above - below);
            assert!((slope - gradient[i]).abs() < 1e-5, "{slope} is not {}", gradient[i]);
        }
    }
}
