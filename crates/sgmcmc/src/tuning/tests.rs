use apd_seed::Seed;

use super::*;
use crate::{Chain, ChainConfig, ChainError, FromFn, Sample, Svrg};

const ROWS: usize = 4_000;
const DIM: usize = 6;
const TAU: f64 = 1.0;

/// y = x·θ + N(0, 1), inputs of very different spreads; the posterior is known.
struct Regression {
    x: Vec<[f64; DIM]>,
    y: Vec<f64>,
}

impl Regression {
    fn new() -> Self {
        let normals = Seed::root(1).child("data").normals();
        let mut z = vec![0.0; ROWS * (DIM + 1)];
        normals.fill(0, 0, &mut z);
        let row = |z: &[f32]| -> [f64; DIM] {
            std::array::from_fn(|i| 10_f64.powi(i as i32 - 2) * (f64::from(z[i]) + 0.5 * f64::from(z[0])))
        };
        let x: Vec<_> = z.chunks(DIM + 1).map(row).collect();
        let y = x.iter().zip(z.chunks(DIM + 1)).map(|(x, z)| x.iter().sum::<f64>() + f64::from(z[DIM])).collect();
        Self { x, y }
    }

    fn potential(&self) -> impl Potential + use<> {
        let (x, y) = (self.x.clone(), self.y.clone());
        FromFn::new(DIM, ROWS, move |theta: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
            let scale = minibatch.scale(ROWS);
            let mut g: [f64; DIM] = std::array::from_fn(|i| TAU * f64::from(theta[i]));
            let mut u = theta.iter().map(|&t| 0.5 * TAU * f64::from(t).powi(2)).sum::<f64>();
            for n in minibatch.indices(ROWS) {
                let residual = x[n].iter().zip(theta).map(|(x, &t)| x * f64::from(t)).sum::<f64>() - y[n];
                u += 0.5 * scale * residual * residual;
                g.iter_mut().zip(&x[n]).for_each(|(g, x)| *g += scale * residual * x);
            }
            gradient.iter_mut().zip(g).for_each(|(to, g)| *to = g as f32);
            u
        })
    }

    /// Σ xxᵀ + τ.
    fn precision(&self) -> [[f64; DIM]; DIM] {
        let entry =
            |i: usize, j: usize| self.x.iter().map(|x| x[i] * x[j]).sum::<f64>() + if i == j { TAU } else { 0.0 };
        std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)))
    }

    /// The solution of precision·θ = Σ x·y, by Gauss–Seidel in the unit of each coordinate.
    fn mean(&self) -> Vec<f32> {
        let precision = self.precision();
        let right: [f64; DIM] = std::array::from_fn(|i| self.x.iter().zip(&self.y).map(|(x, y)| x[i] * y).sum::<f64>());
        let mut mean = [0.0; DIM];
        for _ in 0..2_000 {
            for i in 0..DIM {
                let others: f64 = (0..DIM).filter(|&j| j != i).map(|j| precision[i][j] * mean[j]).sum();
                mean[i] = (right[i] - others) / precision[i][i];
            }
        }
        mean.map(|x| x as f32).to_vec()
    }
}

fn tuned(regression: &Regression) -> LangevinTuning {
    let mean = regression.mean();
    LangevinTuning::measure(regression.potential(), &mean, TAU, 200, 0.01, Seed::root(2)).unwrap().0
}

#[test]
fn units_and_curvature_are_those_of_the_posterior() {
    let regression = Regression::new();
    let (tuning, precision) = (tuned(&regression), regression.precision());
    // The variance of 32 minibatches has a relative error of √(2/31), its root half of that: five of them are allowed.
    for (i, &s) in tuning.scale.iter().enumerate() {
        let exact = 1.0 / precision[i][i].sqrt();
        assert!((f64::from(s) / exact).ln().abs() < 5.0 * 0.13, "coordinate {i}: {s} instead of {exact}");
    }
    let mut v = [1.0; DIM];
    let mut curvature = 0.0;
    for _ in 0..200 {
        let hv: [f64; DIM] = std::array::from_fn(|i| {
            (0..DIM).map(|j| f64::from(tuning.scale[i] * tuning.scale[j]) * precision[i][j] * v[j]).sum()
        });
        curvature = hv.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = hv.map(|x| x / curvature);
    }
    assert!((tuning.curvature / curvature).ln().abs() < 0.2, "{} instead of {curvature}", tuning.curvature);
    assert!(tuning.bias() <= 0.01 + 1e-12 && tuning.gradient_noise > 0.0, "{tuning:?}");
}

/// (θ − μ)ᵀ·Σ⁻¹·(θ − μ)/d, which is 1 on average, of a chain with these gradients.
fn spread(regression: &Regression, tuning: &LangevinTuning, is_controlled: bool) -> f64 {
    let (mean, precision) = (regression.mean(), regression.precision());
    let config = ChainConfig { steps: 60_000, burn_in: 2_000, thinning: 10, batch_size: 200 };
    let z: Vec<f32> = mean.iter().zip(&tuning.scale).map(|(x, s)| x / s).collect();
    let (mut sum, mut count) = (0.0, 0.0);
    let mut look = |sample: Sample<'_>| {
        let d: Vec<f64> =
            (0..DIM).map(|i| f64::from(sample.position[i]) * f64::from(tuning.scale[i]) - f64::from(mean[i])).collect();
        let product = |i: usize| (0..DIM).map(|j| precision[i][j] * d[j]).sum::<f64>();
        sum += (0..DIM).map(|i| d[i] * product(i)).sum::<f64>() / DIM as f64;
        count += 1.0;
        Ok::<(), ChainError>(())
    };
    let (plain, seed) = (regression.potential(), Seed::root(3));
    if is_controlled {
        let potential = Rescaled::new(Svrg::new(plain, 20).unwrap(), tuning.scale.clone());
        Chain::new(0, potential, tuning.sampler(), config, seed, z).unwrap().run(&mut look).unwrap();
    } else {
        let potential = Rescaled::new(plain, tuning.scale.clone());
        Chain::new(0, potential, tuning.sampler(), config, seed, z).unwrap().run(&mut look).unwrap();
    }
    sum / count
}

/// Of a normal posterior the chain has the spread, to what the noise budget allows; the same settings with plain minibatches do not.
///
/// The chain forgets within some tens of updates, so that 58 000 are worth 1 000 independent ones or more: the standard error of the mean of χ²/d
/// is then at most √(2/(6·1 000)) = .018, and four of them are allowed (α = 6·10⁻⁵) beside the budget of .01.
#[test]
fn a_tuned_chain_has_the_spread_of_the_posterior() {
    let regression = Regression::new();
    let tuning = tuned(&regression);
    let found = spread(&regression, &tuning, true);
    assert!((found - 1.0).abs() < 4.0 * 0.018 + 0.01, "{found} with {tuning:?}");
    let control = spread(&regression, &tuning, false);
    assert!(control > 1.3, "minibatches without a control variate are to be noticed, but the spread is {control}");
}

#[test]
fn steps_are_as_long_as_curvature_and_noise_allow() {
    // Without noise the curvature decides, and friction forgets within a unit.
    let (step_size, friction) = settings(2.0, 0.0, 0.02);
    assert_eq!(step_size, 0.25);
    assert!((friction - (1.0 - (-0.5_f64).exp())).abs() < 1e-12);
    // With much of it, friction is full and the step as long as the budget allows.
    let (step_size, friction) = settings(2.0, 100.0, 0.02);
    assert!((step_size - 0.0008).abs() < 1e-12 && (friction - 1.0).abs() < 1e-12);
    for noise in [0.01, 0.1, 1.0, 10.0] {
        let (step_size, friction) = settings(5.0, noise, 0.02);
        assert!(0.25 * step_size * noise * (2.0 - friction) / friction <= 0.02 + 1e-12, "{noise}");
        assert!(step_size <= 0.1 && friction <= 1.0);
    }
}
