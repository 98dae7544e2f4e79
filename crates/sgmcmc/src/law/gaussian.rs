//! Full-batch SGLD on Gaussians.
//!
//! With U = ½(x − c)ᵀΛ(x − c) and A = I − εΛ/2 an update is x − c ← A(x − c) + √(Tε)·ξ. Its stationary law is N(c, Σ) with
//! Σ = AΣA + TεI; A and Σ commute, so Σ = T·[Λ(I − εΛ/4)]⁻¹: per eigenvalue T/(λ(1 − ελ/4)). Neighbours in time have covariance AΣ.

use std::convert::Infallible;

use apd_seed::Seed;

use super::verdict::Law;
use super::{apply, distance, identity, multiply, plus, transpose};
use crate::testing::{Matrix, Quadratic, Vector};
use crate::{Chain, ChainConfig, Sample, Sampler, Schedule, Sgld, Sink, run_chains};

/// Replicates of the target in one position, in two chains.
const BLOCKS: usize = 4096;
/// Positions, one after another, over which each replicate averages.
const KEPT: u64 = 60;

/// Eigenvectors (columns) and eigenvalues of a precision matrix.
pub(super) struct Spectrum<const P: usize> {
    pub(super) vectors: Matrix<P>,
    pub(super) values: Vector<P>,
}

impl<const P: usize> Spectrum<P> {
    /// The matrix with the same eigenvectors, and f(λ) for each eigenvalue λ.
    fn map(&self, f: impl Fn(f64) -> f64) -> Matrix<P> {
        let diagonal: Matrix<P> =
            std::array::from_fn(|i| std::array::from_fn(|j| if i == j { f(self.values[i]) } else { 0.0 }));
        multiply(&multiply(&self.vectors, &diagonal), &transpose(&self.vectors))
    }

    pub(super) fn covariance(&self, epsilon: f64, temperature: f64) -> Matrix<P> {
        self.map(|lambda| temperature / (lambda * (1.0 - 0.25 * epsilon * lambda)))
    }
}

/// Time averages over one replicate of the target: x − c, (x − c)(x − c)ᵀ, and (xₜ − c)ᵢ(xₜ₊₁ − c)ᵢ.
#[derive(Clone)]
struct Moments<const P: usize> {
    first: Vector<P>,
    second: Matrix<P>,
    lagged: Vector<P>,
}

struct Averages<const P: usize> {
    centre: Vector<P>,
    moments: Vec<Moments<P>>,
    last: Option<Vec<f32>>,
}

impl<const P: usize> Averages<P> {
    fn new(target: &Quadratic<P>) -> Self {
        let zero = Moments { first: [0.0; P], second: [[0.0; P]; P], lagged: [0.0; P] };
        Self { centre: target.centre, moments: vec![zero; target.blocks], last: None }
    }
}

impl<const P: usize> Sink for Averages<P> {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), Infallible> {
        let centred = |x: &[f32; P]| -> Vector<P> { std::array::from_fn(|i| f64::from(x[i]) - self.centre[i]) };
        for (r, x) in sample.position.as_chunks::<P>().0.iter().enumerate() {
            let (x, moments) = (centred(x), &mut self.moments[r]);
            for i in 0..P {
                moments.first[i] += x[i] / KEPT as f64;
                for j in 0..P {
                    moments.second[i][j] += x[i] * x[j] / KEPT as f64;
                }
            }
            if let Some(last) = &self.last {
                let last = centred(&last.as_chunks::<P>().0[r]);
                for i in 0..P {
                    moments.lagged[i] += last[i] * x[i] / (KEPT - 1) as f64;
                }
            }
        }
        self.last = Some(sample.position.to_vec());
        Ok(())
    }
}

/// Runs `sampler`, and checks the moments that SGLD with its step size and temperature must have.
pub(super) fn law<const P: usize, S: Sampler + Clone>(sampler: &S, spectrum: &Spectrum<P>, seed: Seed) -> Law {
    let (epsilon, temperature) = (sampler.schedule().step_size(0), sampler.temperature());
    let covariance = spectrum.covariance(epsilon, temperature);
    let lagged = multiply(&plus(&identity(), -0.5 * epsilon, &spectrum.map(|lambda| lambda)), &covariance);

    let centre = std::array::from_fn(|i| 0.5 - 0.3 * i as f64);
    let target = Quadratic { precision: spectrum.map(|lambda| lambda), centre, blocks: BLOCKS };
    let forgets = spectrum.values.iter().map(|lambda| (1.0 - 0.5 * epsilon * lambda).abs()).fold(0.0, f64::max);
    // The start's trace in the mean falls to 10⁻⁵, far below the standard errors.
    let burn_in = if forgets > 0.0 { (1e-5_f64.ln() / forgets.ln()).ceil() as u64 } else { 1 };
    let config = ChainConfig { steps: burn_in + KEPT, burn_in, thinning: 1, batch_size: 1 };
    let chain = |c| Chain::new(c, target.clone(), sampler.clone(), config, seed, vec![0.0; P * BLOCKS]);
    let mut chains = [chain(0).unwrap(), chain(1).unwrap()];
    let mut sinks = [Averages::new(&target), Averages::new(&target)];

    let mut law = Law::default();
    for result in run_chains(&mut chains, &mut sinks) {
        if let Err(error) = result {
            law.reject(error);
        }
    }
    let collect =
        |f: &dyn Fn(&Moments<P>) -> f64| -> Vec<f64> { sinks.iter().flat_map(|sink| &sink.moments).map(f).collect() };
    for i in 0..P {
        law.expect(format!("mean {i}"), 0.0, &collect(&|m| m.first[i]));
        law.expect(format!("neighbours in time {i}"), lagged[i][i], &collect(&|m| m.lagged[i]));
        for j in i..P {
            law.expect(format!("covariance {i} {j}"), covariance[i][j], &collect(&|m| m.second[i][j]));
        }
    }
    // Replicates must be independent, for the standard errors above and for their own sake.
    let ends: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| chain.position().iter().zip(centre.iter().cycle()).map(|(&x, c)| f64::from(x) - c).collect())
        .collect();
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).step_by(P).map(|(a, b)| a * b).collect() };
    law.expect("between chains", 0.0, &product(&ends[0], &ends[1]));
    law.expect("between neighbours in space", 0.0, &product(&ends[0], &ends[0][P..]));
    law.expect("between coordinates 1024 apart", 0.0, &product(&ends[0], &ends[0][1024..]));
    law
}

/// A rotation of the plane (i, j) by `angle`.
fn rotation<const P: usize>(i: usize, j: usize, angle: f64) -> Matrix<P> {
    let mut q = identity();
    (q[i][i], q[i][j], q[j][i], q[j][j]) = (angle.cos(), -angle.sin(), angle.sin(), angle.cos());
    q
}

/// Correlated coordinates, ελ = 0.3 and 1.2 at ε = 0.3: the target of the negative controls.
pub(super) fn plane() -> Spectrum<2> {
    Spectrum { vectors: rotation(0, 1, 0.6), values: [1.0, 4.0] }
}

#[test]
fn closed_form_solves_the_lyapunov_equation() {
    let spectrum = Spectrum { vectors: multiply(&rotation(0, 1, 0.4), &rotation(1, 2, 1.1)), values: [0.5, 2.0, 6.0] };
    let precision = spectrum.map(|lambda| lambda);
    for i in 0..3 {
        let v: Vector<3> = std::array::from_fn(|k| spectrum.vectors[k][i]);
        let image = apply(&precision, &v);
        assert!((0..3).all(|k| (image[k] - spectrum.values[i] * v[k]).abs() < 1e-12), "eigenvector {i}");
    }
    let (epsilon, temperature) = (0.3, 0.7);
    let a = plus(&identity(), -0.5 * epsilon, &precision);
    let mut sigma = [[0.0; 3]; 3];
    for _ in 0..1000 {
        sigma = plus(&multiply(&multiply(&a, &sigma), &transpose(&a)), temperature * epsilon, &identity());
    }
    assert!(distance(&sigma, &spectrum.covariance(epsilon, temperature)) < 1e-12);
}

#[test]
fn diagonal_gaussian() {
    // ελ = 0.05, 0.25, 1, 2 (independent draws), 3 (overshooting; 4 would diverge).
    let (epsilon, values) = (0.2, [0.25, 1.25, 5.0, 10.0, 15.0]);
    for temperature in [0.5, 1.0, 2.0] {
        let sampler = Sgld::new(Schedule::Constant(epsilon), temperature);
        let seed = Seed::root(1).child("diagonal").index(temperature.to_bits());
        law(&sampler, &Spectrum { vectors: identity(), values }, seed).accept(&format!("diagonal, T = {temperature}"));
    }
}

#[test]
fn correlated_gaussian() {
    for temperature in [0.5, 1.0, 2.0] {
        let sampler = Sgld::new(Schedule::Constant(0.3), temperature);
        let seed = Seed::root(2).child("plane").index(temperature.to_bits());
        law(&sampler, &plane(), seed).accept(&format!("plane, T = {temperature}"));
    }
    let vectors = multiply(&rotation(0, 1, 0.4), &multiply(&rotation(1, 2, 1.1), &rotation(0, 2, -0.7)));
    let space = Spectrum { vectors, values: [0.5, 2.0, 6.0] };
    law(&Sgld::new(Schedule::Constant(0.3), 1.0), &space, Seed::root(3).child("space")).accept("space");
}
