//! What is learned, and what chains that learn it are worth.

use apd_diagnostics::{Diagnosis, diagnose, mcse_mean, mcse_sd};
use apd_seed::Seed;

use super::super::window::Window;
use super::super::{HamiltonianChain, HamiltonianConfig, Trajectory};
use super::{Metric, Preconditioner};
use crate::phase_space::Point;
use crate::{ChainError, FromFn64, Potential64, Sample};

const METRICS: [Metric; 3] = [Metric::Diagonal, Metric::LowRank { rank: 1 }, Metric::Dense];

fn rules() -> [Trajectory; 2] {
    [Trajectory::Nuts { max_depth: 10 }, Trajectory::Hmc { length: 1.5, jitter: 0.3, max_steps: 1000 }]
}

/// N(center, diag(scales²)).
fn normals<const D: usize>(center: [f64; D], scales: [f64; D]) -> impl Potential64 {
    FromFn64::new(D, move |x: &[f64], gradient: &mut [f64]| {
        let mut value = 0.0;
        for i in 0..D {
            let z = (x[i] - center[i]) / scales[i];
            gradient[i] = z / scales[i];
            value += 0.5 * z * z;
        }
        value
    })
}

/// Two normals of variance 1 with correlation ρ, beside four others of other scales.
fn correlated(rho: f64) -> impl Potential64 {
    FromFn64::new(6, move |x: &[f64], gradient: &mut [f64]| {
        for i in 0..2 {
            gradient[i] = (x[i] - rho * x[1 - i]) / (1.0 - rho * rho);
        }
        for (i, scale) in [(2, 1e-3), (3, 1.0), (4, 30.0), (5, 1e4)] {
            gradient[i] = x[i] / (scale * scale);
        }
        0.5 * x.iter().zip(gradient).map(|(x, g)| x * *g).sum::<f64>()
    })
}

/// The draws of a chain, coordinate by coordinate, and its leapfrog steps per draw.
fn run<P: Potential64>(potential: P, config: HamiltonianConfig, start: &[f64]) -> (Vec<Vec<f64>>, f64) {
    let mut chain = HamiltonianChain::new(0, potential, config, Seed::root(2026), start.iter().copied()).unwrap();
    let mut draws = vec![Vec::new(); start.len()];
    let mut sink = |sample: Sample<'_, f64>| {
        draws.iter_mut().zip(sample.position).for_each(|(draws, &x)| draws.push(x));
        Ok::<(), ChainError>(())
    };
    chain.run(&mut sink).unwrap();
    assert_eq!(chain.statistics().divergences(), 0);
    (draws, chain.statistics().leapfrogs() as f64 / config.draws as f64)
}

/// Means and standard deviations within their Monte Carlo errors: |z| < 4.9 is α = 10⁻⁶ each, α = 10⁻⁴ over the fewer than 100
/// comparisons of this file. The errors are known to some per cent, by effective sizes of 1000 and more.
#[track_caller]
fn normal_law(draws: &[f64], mean: f64, sd: f64, least_ess: f64) {
    let chain = [draws];
    let Diagnosis { ess_bulk, ess_tail, .. } = diagnose(&chain).unwrap();
    let found = draws.iter().sum::<f64>() / draws.len() as f64;
    let deviation = (draws.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (draws.len() - 1) as f64).sqrt();
    let of_mean = (found - mean) / mcse_mean(&chain).unwrap();
    let of_sd = (deviation - sd) / mcse_sd(&chain).unwrap();
    println!("  ESS {ess_bulk:.0}, {ess_tail:.0}; z of the mean {of_mean:.2}, of the deviation {of_sd:.2}");
    assert!(ess_bulk > least_ess && ess_tail > 0.5 * least_ess, "ESS {ess_bulk}, {ess_tail}");
    assert!(of_mean.abs() < 4.9 && of_sd.abs() < 4.9, "z {of_mean}, {of_sd}");
}

/// Scales of 1 and 10⁻⁶, from a start that is two million deviations away.
#[test]
fn scales_may_differ_by_a_million() {
    for trajectory in rules() {
        for metric in METRICS {
            let config = HamiltonianConfig { metric, trajectory, ..HamiltonianConfig::nuts(300, 2_000) };
            let (draws, leapfrogs) = run(normals([0.0; 2], [1.0, 1e-6]), config, &[0.5, 2.0]);
            println!("{trajectory:?}, {metric:?}: {leapfrogs} leapfrogs a draw");
            assert!(leapfrogs < 8.0, "{leapfrogs} leapfrogs a draw");
            normal_law(&draws[0], 0.0, 1.0, 700.0);
            normal_law(&draws[1], 0.0, 1e-6, 700.0);
        }
    }
}

/// What a diagonal mass leaves at a condition of 2000 the others bring to 1.
#[test]
fn correlations_are_learned() {
    let steps = |metric| {
        let config = HamiltonianConfig { metric, ..HamiltonianConfig::nuts(300, 2_000) };
        let (draws, leapfrogs) = run(correlated(0.999), config, &[1.0, -1.0, 0.0, 0.0, 9.0, -9.0]);
        println!("{metric:?}: {leapfrogs} leapfrogs a draw");
        if metric != Metric::Diagonal {
            draws[..2].iter().for_each(|draws| normal_law(draws, 0.0, 1.0, 700.0));
        }
        leapfrogs
    };
    let diagonal = steps(Metric::Diagonal);
    for metric in [Metric::LowRank { rank: 2 }, Metric::LowRank { rank: 7 }, Metric::Dense] {
        let learned = steps(metric);
        assert!(
            learned < 8.0 && learned < 0.2 * diagonal,
            "{learned} leapfrogs a draw, {diagonal} with a diagonal mass"
        );
    }
}

/// Far from zero, beside which the posterior is narrow.
#[test]
fn the_place_does_not_matter() {
    for metric in METRICS {
        let config = HamiltonianConfig { metric, ..HamiltonianConfig::nuts(300, 2_000) };
        let (draws, leapfrogs) = run(normals([1e5, -1e5], [1e-3, 10.0]), config, &[1e5, 0.0]);
        assert!(leapfrogs < 8.0, "{leapfrogs} leapfrogs a draw");
        let centered: Vec<f64> = draws[0].iter().map(|x| x - 1e5).collect();
        normal_law(&centered, 0.0, 1e-3, 700.0);
        normal_law(&draws[1], -1e5, 10.0, 700.0);
    }
}

/// N(0, Σ) of D coordinates over six decades that are, in units of their scales, `stretches` wide in two directions.
fn stretched<const D: usize>(stretches: [f64; 2]) -> impl Potential64 {
    FromFn64::new(D, move |x: &[f64], gradient: &mut [f64]| {
        let z: Vec<f64> = (0..D).map(|i| x[i] / decades(i, D)).collect();
        let mut force = z.clone();
        for (k, stretch) in stretches.iter().enumerate() {
            let more = (1.0 / (stretch * stretch) - 1.0) * (0..D).map(|i| sign(k, i) * z[i]).sum::<f64>() / D as f64;
            (0..D).for_each(|i| force[i] += more * sign(k, i));
        }
        (0..D).for_each(|i| gradient[i] = force[i] / decades(i, D));
        0.5 * z.iter().zip(&force).map(|(z, f)| z * f).sum::<f64>()
    })
}

fn decades(i: usize, dim: usize) -> f64 {
    10.0_f64.powf(6.0 * i as f64 / (dim - 1) as f64 - 3.0)
}

/// Walsh functions: their directions are orthogonal where the dimension is a multiple of four, and no coordinate is special.
fn sign(k: usize, i: usize) -> f64 {
    if (i >> k) & 1 == 0 { 1.0 } else { -1.0 }
}

/// The law in both directions, and the leapfrog steps per draw.
#[track_caller]
fn stretched_law<const D: usize>(stretches: [f64; 2], config: HamiltonianConfig, least_ess: f64) -> f64 {
    let start: Vec<f64> = (0..D).map(|i| decades(i, D) * (i as f64).sin()).collect();
    let (draws, leapfrogs) = run(stretched::<D>(stretches), config, &start);
    println!("{D} coordinates, {:?}: {leapfrogs} leapfrogs a draw", config.metric);
    for (k, stretch) in stretches.iter().enumerate() {
        let along =
            |t: usize| (0..D).map(|i| sign(k, i) * draws[i][t] / decades(i, D)).sum::<f64>() / (D as f64).sqrt();
        let along: Vec<f64> = (0..config.draws as usize).map(along).collect();
        normal_law(&along, 0.0, *stretch, least_ess);
    }
    leapfrogs
}

/// A thousand coordinates, and a warm-up of 300 draws.
#[test]
fn a_thousand_coordinates() {
    let leapfrogs = stretched_law::<1000>([1.0, 1.0], HamiltonianConfig::nuts(300, 300), 100.0);
    assert!(leapfrogs < 16.0, "{leapfrogs} leapfrogs a draw");
}

/// Among a hundred coordinates two directions that are thirty times wider, and twenty times narrower, than their scales say.
#[test]
fn some_directions_among_a_hundred() {
    let config = |metric| HamiltonianConfig { metric, ..HamiltonianConfig::nuts(400, 1_000) };
    let leapfrogs = stretched_law::<100>([30.0, 0.05], config(Metric::LowRank { rank: 5 }), 300.0);
    assert!(leapfrogs < 16.0, "{leapfrogs} leapfrogs a draw");
}

/// In coordinates that are other powers of two the chain is the same, to the bit: nothing in it has a size of its own.
#[test]
fn chains_do_not_depend_on_units() {
    let positions = |trajectory, metric, units: [f64; 3]| {
        let target = FromFn64::new(3, move |x: &[f64], gradient: &mut [f64]| {
            let y: [f64; 3] = std::array::from_fn(|i| x[i] / units[i]);
            let mut value = 0.0;
            for i in 0..3 {
                let (next, before) = (y[(i + 1) % 3], y[(i + 2) % 3]);
                value += 0.25 * y[i].powi(4) + 0.5 * y[i] * y[i] + 0.4 * y[i] * next;
                gradient[i] = (y[i].powi(3) + y[i] + 0.4 * (next + before)) / units[i];
            }
            value
        });
        let config = HamiltonianConfig { trajectory, metric, ..HamiltonianConfig::nuts(120, 60) };
        let start = [3.0, -0.2, 0.7];
        let (draws, _) = run(target, config, &[0, 1, 2].map(|i| start[i] * units[i]));
        [0, 1, 2].map(|i| draws[i].iter().map(|x| (x / units[i]).to_bits()).collect::<Vec<u64>>())
    };
    let units = [2.0_f64.powi(-30), 8.0, 2.0_f64.powi(17)];
    for trajectory in rules() {
        for metric in METRICS {
            assert_eq!(positions(trajectory, metric, units), positions(trajectory, metric, [1.0; 3]), "{metric:?}");
        }
        let identity = |units| positions(trajectory, Metric::Identity, units);
        assert_ne!(identity([1.0, 1.0, 2.0]), identity([1.0; 3]), "a mass that is not learned has units");
    }
}

/// A window of `n` draws of x = L·z + 5 and ∇U = T·(L·Lᵀ)⁻¹(x − 5) in L = S·(I + V·(Λ − I)·Vᵀ), for orthonormal V.
fn window(truth: &Preconditioner, n: usize, temperature: f64, rank: usize) -> Window {
    let (dim, normals, mut window) = (truth.scales.len(), Seed::root(5).normals(), Window::new(truth.scales.len()));
    let inverse = Preconditioner { stretches: truth.stretches.iter().map(|s| 1.0 / s).collect(), ..truth.clone() };
    let mut point = Point::new(vec![0.0; dim]);
    for t in 0..n {
        let mut z = vec![0.0; dim];
        normals.fill_f64(t as u64, 0, &mut z);
        let mut force = z.clone();
        truth.stretch(&mut z);
        inverse.stretch(&mut force);
        for i in 0..dim {
            point.position[i] = 5.0 + truth.scales[i] * z[i];
            point.gradient[i] = temperature * force[i] / truth.scales[i];
        }
        window.add(&point, rank);
    }
    window
}

/// The columns of L·Lᵀ, in units of `scales`.
fn covariance(preconditioner: &Preconditioner, scales: &[f64]) -> Vec<Vec<f64>> {
    let dim = scales.len();
    let column = |k: usize| {
        let mut column: Vec<f64> =
            (0..dim).map(|i| if i == k { preconditioner.scales[k] / scales[k] } else { 0.0 }).collect();
        preconditioner.stretch(&mut column);
        preconditioner.stretch(&mut column);
        (0..dim).map(|i| column[i] * preconditioner.scales[i] / scales[i]).collect()
    };
    (0..dim).map(column).collect()
}

fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Of a Gaussian few more draws than coordinates give the covariance itself, up to the ridge; its square root whitens forces too.
#[test]
fn all_directions_give_the_covariance() {
    let (r, dim) = (0.5_f64.sqrt(), 5);
    let directions = [[r, r, 0.0, 0.0, 0.0], [0.5, -0.5, 0.5, 0.5, 0.0]].concat();
    let truth = Preconditioner { scales: vec![1e-6, 1e-3, 1.0, 1e3, 1e6], stretches: vec![30.0, 0.1], directions };
    for (metric, temperature) in [(Metric::Dense, 1.0), (Metric::Dense, 2.5), (Metric::LowRank { rank: 4 }, 1.0)] {
        let rank = metric.rank(dim);
        let mut learned = Preconditioner::identity(dim);
        learned.learn(&window(&truth, 30, temperature, rank), rank, temperature);
        let error = distance(&covariance(&learned, &truth.scales), &covariance(&truth, &truth.scales));
        println!("{metric:?}: off by {error:.1e} of 900");
        assert!(error < 1.0, "{metric:?}: off by {error}");
        learned.validate(dim).unwrap();
    }
}

/// Among many directions those that are unlike the others are found, and no more.
#[test]
fn few_directions_are_found_among_many() {
    const D: usize = 64;
    let sign = |k: usize, i: usize| if (i >> k) & 1 == 0 { 0.125 } else { -0.125 };
    let directions = (0..2).flat_map(|k| (0..D).map(move |i| sign(k, i))).collect();
    let scales = (0..D).map(|i| 2.0_f64.powi(i as i32 - 32)).collect();
    let truth = Preconditioner { scales, stretches: vec![20.0, 0.05], directions };
    let mut learned = Preconditioner::identity(D);
    learned.learn(&window(&truth, 400, 1.0, 3), 3, 1.0);
    println!("stretches {:?}", learned.stretches);
    let error = distance(&covariance(&learned, &truth.scales), &covariance(&truth, &truth.scales));
    println!("off by {error:.2} of {}", 400.0 / 64.0);
    assert!(error < 2.0 && learned.stretches.len() == 2, "off by {error}");
    learned.learn(&window(&truth, 40, 1.0, 0), 0, 1.0);
    assert!(learned.stretches.is_empty() && learned.directions.is_empty());
}

/// Of a posterior without directions none is learned, and of draws that are all the same nothing is.
#[test]
fn nothing_is_made_up() {
    let round = Preconditioner { scales: vec![1.0, 10.0, 0.1, 2.0], ..Preconditioner::identity(0) };
    let mut learned = Preconditioner::identity(4);
    learned.learn(&window(&round, 30, 1.0, 2), 2, 1.0);
    assert!(learned.stretches.is_empty(), "{:?}", learned.stretches);
    let (before, mut stuck) = (learned.clone(), Window::new(4));
    let point = Point { gradient: vec![1.0; 4], ..Point::new(vec![3.0; 4]) };
    (0..9).for_each(|_| stuck.add(&point, 2));
    learned.learn(&stuck, 2, 1.0);
    assert_eq!(learned, before);
}

/// Draws on the way from a start that is 10⁸ deviations away: all on a line, beside which the posterior's width is less than rounding. What was
/// not seen is left as it is.
#[test]
fn a_line_is_no_width() {
    let mut window = Window::new(3);
    for t in 0..10 {
        let (along, jitter) = (f64::from(t * t) * 250.0 - 1e5, [0.3, -0.7, 0.1].map(|x: f64| (x * f64::from(t)).sin()));
        let position: Vec<f64> = jitter.iter().map(|z| along + 1e-3 * z).collect();
        let gradient = position.iter().map(|x| 1e6 * x).collect();
        window.add(&Point { gradient, ..Point::new(position) }, 3);
    }
    for rank in [2, 3] {
        let mut learned = Preconditioner::identity(3);
        learned.learn(&window, rank, 1.0);
        println!("{learned:?}");
        assert!(learned.scales.iter().all(|scale| (scale / 1e-3 - 1.0).abs() < 0.01), "{:?}", learned.scales);
        assert!(learned.stretches.iter().all(|stretch| (0.5..2.0).contains(stretch)), "{:?}", learned.stretches);
    }
}

#[test]
fn first_scales_are_those_of_one_nat() {
    let first = Preconditioner::of_gradient(&[4.0, -0.5, 0.0, 1e-200], 2.0);
    assert_eq!(first.scales, [0.5, 4.0, 1.0, 1.0]);
}

/// L by hand: V = (0.6, 0.8), Λ = 3.
#[test]
fn stretching_is_the_equation() {
    let l = Preconditioner { scales: vec![1.0; 2], stretches: vec![3.0], directions: vec![0.6, 0.8] };
    let mut v = [1.0, 2.0];
    l.stretch(&mut v);
    // (1, 2) + 2·2.2·(0.6, 0.8).
    assert!((v[0] - 3.64).abs() < 1e-15 && (v[1] - 5.52).abs() < 1e-15, "{v:?}");
}
