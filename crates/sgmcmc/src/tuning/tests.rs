use apd_seed::Seed;

use super::*;
use crate::{Chain, ChainConfig, ChainError, FromFn, Sample, Svrg};

mod settings;

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

const BATCH: usize = 200;
const BUDGET: f64 = 0.01;

fn measured(regression: &Regression) -> LangevinTuning {
    let mean = regression.mean();
    LangevinTuning::measure(regression.potential(), &mean, TAU, BATCH, BUDGET, Seed::root(2)).unwrap().0
}

/// The mean of a symmetric matrix's eigenvalues, the largest, and their standard deviation.
fn eigenvalues(matrix: &[[f64; DIM]; DIM]) -> [f64; 3] {
    let (mut v, mut largest) = ([1.0; DIM], 0.0);
    for _ in 0..500 {
        let hv: [f64; DIM] = std::array::from_fn(|i| (0..DIM).map(|j| matrix[i][j] * v[j]).sum());
        largest = hv.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = hv.map(|x| x / largest);
    }
    let mean = (0..DIM).map(|i| matrix[i][i]).sum::<f64>() / DIM as f64;
    let square = matrix.iter().flatten().map(|x| x * x).sum::<f64>() / DIM as f64;
    [mean, largest, (square - mean * mean).sqrt()]
}

#[test]
fn units_and_curvature_are_those_of_the_posterior() {
    let regression = Regression::new();
    let (tuning, precision) = (measured(&regression), regression.precision());
    // The variance of 32 minibatches has a relative error of √(2/31), its root half of that: five of them are allowed.
    for (i, &s) in tuning.scale.iter().enumerate() {
        let exact = 1.0 / precision[i][i].sqrt();
        assert!((f64::from(s) / exact).ln().abs() < 5.0 * 0.13, "coordinate {i}: {s} instead of {exact}");
    }
    let in_units: [[f64; DIM]; DIM] = std::array::from_fn(|i| {
        std::array::from_fn(|j| f64::from(tuning.scale[i] * tuning.scale[j]) * precision[i][j])
    });
    let [mean, largest, spread] = eigenvalues(&in_units);
    assert!((tuning.curvature / largest).ln().abs() < 0.2, "{} instead of {largest}", tuning.curvature);
    // Of one random direction: √(2/(d + 2)) of the eigenvalues' deviation, four times.
    let error = 4.0 * spread * (2.0 / (DIM as f64 + 2.0)).sqrt();
    assert!((tuning.mean_curvature - mean).abs() < error, "{} instead of {mean} ± {error}", tuning.mean_curvature);
    assert!(tuning.bias() <= BUDGET + 1e-12 && tuning.gradient_noise > 0.0, "{tuning:?}");
}

/// The covariance of all possible minibatches where it was measured: N²/B·(1 − B/N) times that of the terms.
#[test]
fn noise_is_that_of_all_minibatches() {
    let regression = Regression::new();
    let (tuning, mean) = (measured(&regression), regression.mean());
    let mut moved = vec![0.0; DIM];
    Seed::root(2).child("direction").normals().fill(1, 0, &mut moved);
    let scale: Vec<f64> = tuning.scale.iter().map(|&s| s.into()).collect();
    let covariance = |of_term: &dyn Fn(usize) -> [f64; DIM]| -> [[f64; DIM]; DIM] {
        let terms: Vec<[f64; DIM]> = (0..ROWS).map(of_term).collect();
        let average: [f64; DIM] = std::array::from_fn(|i| terms.iter().map(|g| g[i]).sum::<f64>() / ROWS as f64);
        let factor = ROWS as f64 * (ROWS as f64 / BATCH as f64 - 1.0) / (ROWS - 1) as f64;
        let entry = |i: usize, j: usize| terms.iter().map(|g| (g[i] - average[i]) * (g[j] - average[j])).sum::<f64>();
        std::array::from_fn(|i| std::array::from_fn(|j| factor * entry(i, j)))
    };
    let [controlled, _, spread] = eigenvalues(&covariance(&|n| {
        let along: f64 = (0..DIM).map(|i| regression.x[n][i] * scale[i] * f64::from(moved[i])).sum();
        std::array::from_fn(|i| scale[i] * regression.x[n][i] * along)
    }));
    let [plain, ..] = eigenvalues(&covariance(&|n| {
        let residual = (0..DIM).map(|i| regression.x[n][i] * f64::from(mean[i])).sum::<f64>() - regression.y[n];
        std::array::from_fn(|i| scale[i] * regression.x[n][i] * residual)
    }));
    // Of 32 minibatches, and 15 products of differences: the mean of noise that is all in one direction has the error √(2/31), and the
    // spread is allowed half as much again.
    for (what, found, exact, error) in [
        ("noise", tuning.gradient_noise, controlled, 0.25),
        ("spread", tuning.noise_spread, spread, 0.38),
        ("plain noise", tuning.plain_noise, plain, 0.25),
    ] {
        assert!((found / exact - 1.0).abs() < 3.0 * error, "{what}: {found} instead of {exact}");
        assert!(found > 0.0, "{what}: {found}");
    }
    assert!(tuning.plain_noise > 100.0 * tuning.gradient_noise, "{tuning:?}");
}

/// Half of the data in a minibatch, more coordinates than data, and a third of them without any.
///
/// The log of a unit has the error ½·√(2/31), and its mean over 200 coordinates, which share minibatches of 30 terms, a sixth of that.
#[test]
fn units_know_large_minibatches_and_the_prior() {
    const TERMS: usize = 30;
    let normals = Seed::root(4).child("data").normals();
    let mut x = vec![0.0; 200 * TERMS];
    normals.fill(0, 0, &mut x);
    for (i, x) in x.chunks_mut(TERMS).enumerate() {
        let mean = x.iter().sum::<f32>() / TERMS as f32;
        let square = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / (TERMS - 1) as f32;
        x.iter_mut().for_each(|x| *x = (*x - mean) / square.sqrt() * (1.0 + (i % 5) as f32));
    }
    let potential = FromFn::new(300, TERMS, move |theta: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
        for (i, (g, &theta)) in gradient.iter_mut().zip(theta).enumerate() {
            let sum: f32 = minibatch.indices(TERMS).map(|n| x.get(i * TERMS + n).copied().unwrap_or(0.0)).sum();
            *g = 4.0 * theta + minibatch.scale(TERMS) as f32 * sum;
        }
        0.0
    });
    let (tuning, _) = LangevinTuning::measure(potential, &[0.0; 300], 4.0, 15, 0.02, Seed::root(5)).unwrap();
    let exact = |i: usize| if i < 200 { (TERMS as f64 * (1.0 + (i % 5) as f64).powi(2) + 4.0).sqrt() } else { 2.0 };
    let logs: Vec<f64> = tuning.scale.iter().enumerate().map(|(i, &s)| (f64::from(s) * exact(i)).ln()).collect();
    let mean = logs[..200].iter().sum::<f64>() / 200.0;
    assert!(mean.abs() < 5.0 * 0.13 / 6.0, "units are too large by a factor of e^{mean}");
    assert!(logs[200..].iter().all(|log| log.abs() < 1e-6), "{:?}", &logs[200..]);
}

/// Negative control for units by gradient noise: they make the noise of plain minibatches alike in all coordinates, but not in all directions. At
/// equal cost (three gradients an update with SVRG, one without) MCLMC on plain minibatches heats the stiffest direction of the
/// correlated posterior, for which BAOAB with SVRG has the right variance.
#[test]
fn noise_units_are_not_enough_where_coordinates_are_correlated() {
    let regression = Regression::new();
    let (tuning, precision) = (measured(&regression), regression.precision());
    let scale: Vec<f64> = tuning.scale.iter().map(|&s| s.into()).collect();
    let (mut w, mut lambda) = ([1.0; DIM], 0.0);
    for _ in 0..500 {
        let hw: [f64; DIM] =
            std::array::from_fn(|i| (0..DIM).map(|j| scale[i] * scale[j] * precision[i][j] * w[j]).sum());
        lambda = hw.iter().map(|x| x * x).sum::<f64>().sqrt();
        w = hw.map(|x| x / lambda);
    }
    let of_stiffest = move |z: &[f64; DIM]| lambda * (0..DIM).map(|i| w[i] * z[i]).sum::<f64>().powi(2);
    let controlled = average(&regression, &tuning.scale, tuning.sampler().into(), 20_000, true, &of_stiffest);
    let sampler = tuning.tuned(SamplerKind::Mclmc).sampler;
    let plain = average(&regression, &tuning.scale, sampler, 60_000, false, &of_stiffest);
    // 20 000 updates that forget in ten are worth 1 000 independent ones: √(2/1 000) = .045, four times, and the budget.
    assert!((controlled - 1.0).abs() < 0.19, "{controlled}");
    assert!(plain > 1.5, "{plain}");
}

/// The average over a chain of a function of z − E z.
fn average(
    regression: &Regression,
    scale: &[f32],
    sampler: SamplerConfig,
    steps: u64,
    is_controlled: bool,
    of: &(dyn Fn(&[f64; DIM]) -> f64 + Sync),
) -> f64 {
    let config = ChainConfig { steps, burn_in: steps / 30, thinning: 10, batch_size: BATCH };
    let z: Vec<f32> = regression.mean().iter().zip(scale).map(|(x, s)| x / s).collect();
    let (center, mut sum, mut count) = (z.clone(), 0.0, 0.0);
    let mut look = |sample: Sample<'_>| {
        sum += of(&std::array::from_fn(|i| f64::from(sample.position[i]) - f64::from(center[i])));
        count += 1.0;
        Ok::<(), ChainError>(())
    };
    let (plain, seed) = (regression.potential(), Seed::root(3));
    if is_controlled {
        let potential = Rescaled::new(Svrg::new(plain, 20).unwrap(), scale.to_vec());
        Chain::new(0, potential, sampler, config, seed, z).unwrap().run(&mut look).unwrap();
    } else {
        let potential = Rescaled::new(plain, scale.to_vec());
        Chain::new(0, potential, sampler, config, seed, z).unwrap().run(&mut look).unwrap();
    }
    sum / count
}

/// (θ − μ)ᵀ·Σ⁻¹·(θ − μ)/d, which is 1 on average, of a chain with these gradients.
fn spread(regression: &Regression, scale: &[f32], sampler: SamplerConfig, steps: u64, is_controlled: bool) -> f64 {
    let precision = regression.precision();
    average(regression, scale, sampler, steps, is_controlled, &|z| {
        let d: [f64; DIM] = std::array::from_fn(|i| z[i] * f64::from(scale[i]));
        let product = |i: usize| (0..DIM).map(|j| precision[i][j] * d[j]).sum::<f64>();
        (0..DIM).map(|i| d[i] * product(i)).sum::<f64>() / DIM as f64
    })
}

/// Of a normal posterior every sampler has the spread, to what the budget allows; the same settings with plain minibatches do not.
///
/// The curvatures in z are 0.1 to 3.5, so that the slowest direction of SGLD at ε = 0.01 takes 2/(0.1·ε) = 2 000 updates to forget: 600 000 are
/// worth 300 independent ones there, and 10 times as many in the mean over directions. BAOAB and MCLMC forget within some tens of
/// updates, and take a tenth of that. The standard error of the mean of χ²/d is at most √(2/(6·1 000)) = .018, and four of them are
/// allowed (α = 6·10⁻⁵) beside the two parts of the budget.
#[test]
fn every_tuned_chain_has_the_spread_of_the_posterior() {
    let regression = Regression::new();
    let tuning = measured(&regression);
    for kind in SamplerKind::ALL {
        let TunedSampler { sampler, bias, .. } = tuning.tuned(kind);
        let steps = if matches!(kind, SamplerKind::Baoab | SamplerKind::Mclmc) { 60_000 } else { 600_000 };
        let found = spread(&regression, &tuning.scale, sampler, steps, true);
        let allowed = 4.0 * 0.018 + bias.discretization + bias.minibatches;
        assert!((found - 1.0).abs() < allowed, "{kind:?}: {found} with {sampler:?}");
    }
    let control = spread(&regression, &tuning.scale, tuning.sampler().into(), 60_000, false);
    assert!(control > 1.3, "minibatches without a control variate are to be noticed, but the spread is {control}");
}

/// The same arguments give the same bits, also through text; another place other figures, in the same units.
#[test]
fn a_measurement_can_be_repeated_and_kept() {
    let regression = Regression::new();
    let tuning = measured(&regression);
    assert_eq!(tuning, measured(&regression));
    let text = serde_json::to_string(&tuning).unwrap();
    assert_eq!(serde_json::from_str::<LangevinTuning>(&text).unwrap(), tuning);
    let (there, _) = tuning.again(regression.potential(), &[1.0; DIM], BATCH, Seed::root(2)).unwrap();
    assert_eq!((&there.scale, there.budget, there.num_data), (&tuning.scale, tuning.budget, ROWS));
    assert!(there.plain_noise != tuning.plain_noise);
    let (same, _) = tuning.again(regression.potential(), &regression.mean(), BATCH, Seed::root(2)).unwrap();
    assert_eq!(same, tuning);
}

#[test]
fn decisions_are_printed() {
    let scale = vec![0.5, 0.1, 0.02];
    let tuning = LangevinTuning {
        scale,
        num_data: 100,
        curvature: 2.0,
        mean_curvature: 1.0,
        gradient_noise: 0.4,
        noise_spread: 0.2,
        plain_noise: 20.0,
        budget: 0.02,
    };
    assert_eq!(
        tuning.to_string(),
        "units 2.00e-2 to 5.00e-1, half of them below 1.00e-1; curvature λ = 2.000, 1.000 in the mean; \
         gradient noise v = 0.400 ± 0.200 over directions (20.000 without control variate)"
    );
    // ε = ½/λ; α = 2·share/(1 + share) with share = ¼·ε·v/b = 1.25 is more than 1, so that ε·v = 4·b.
    assert_eq!(
        tuning.tuned(SamplerKind::Baoab).to_string(),
        "BAOAB: ε = 2.000e-1, friction 1.000; variances too large by 0.00 % by the step, 2.00 % by minibatches (budget 2.0 % each)"
    );
}
