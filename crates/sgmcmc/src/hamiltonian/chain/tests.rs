//! What a chain learns, how it resumes, and how it fails.

use apd_seed::Seed;

use super::{HamiltonianChain, HamiltonianState};
use crate::testing::{Kept, Quadratic, Spy, bits, keep};
use crate::{
    ChainError, Change, Divergence, FromFn64, FullBatch, HamiltonianConfig, Metric, Outcome, Potential64,
    PotentialError, RunError, Sample, Trajectory, Warning, run_chains,
};

const SCALES: [f64; 3] = [0.1, 1.0, 10.0];

/// Independent normals with standard deviations [`SCALES`], and U times `factor`.
fn normals(factor: f64) -> impl Potential64 + Clone {
    FromFn64::new(3, move |x: &[f64], gradient: &mut [f64]| {
        let mut value = 0.0;
        for i in 0..3 {
            value += factor * 0.5 * (x[i] / SCALES[i]).powi(2);
            gradient[i] = factor * (x[i] / SCALES[i].powi(2));
        }
        value
    })
}

fn rules() -> [Trajectory; 2] {
    [Trajectory::Nuts { max_depth: 8 }, Trajectory::Hmc { length: 1.5, jitter: 0.3, max_steps: 50 }]
}

fn config(trajectory: Trajectory, warmup: u64, draws: u64) -> HamiltonianConfig {
    HamiltonianConfig { trajectory, ..HamiltonianConfig::nuts(warmup, draws) }
}

fn chain(number: u32, config: HamiltonianConfig) -> HamiltonianChain<impl Potential64> {
    HamiltonianChain::new(number, normals(1.0), config, Seed::root(61), vec![0.1, 1.0, 10.0]).unwrap()
}

fn samples<P: Potential64>(chain: &mut HamiltonianChain<P>) -> Vec<Kept> {
    let mut kept = Vec::new();
    assert_eq!(chain.run(&mut keep(&mut kept)), Ok(Outcome::Finished));
    kept
}

/// Interrupted after every few draws, and through text: the same samples and the same end.
#[test]
fn resumed_equals_uninterrupted() {
    for trajectory in rules() {
        // Windows end after 10 and 67 draws.
        let config = config(trajectory, 100, 40);
        let mut whole = chain(3, config);
        let expected = (samples(&mut whole), serde_json::to_string(&whole.state()).unwrap());
        for stride in [1, 10, 39, 103] {
            let (mut kept, mut text) = (Vec::new(), serde_json::to_string(&chain(3, config).state()).unwrap());
            for cut in (0..140).step_by(stride).chain([140]) {
                let state: HamiltonianState = serde_json::from_str(&text).unwrap();
                let mut piece = HamiltonianChain::resume(normals(1.0), config, Seed::root(61), state).unwrap();
                assert_eq!(piece.run_until(cut, &mut keep(&mut kept)), Ok(Outcome::Finished));
                assert_eq!(piece.progress().step, cut);
                text = serde_json::to_string(&piece.state()).unwrap();
            }
            assert_eq!((kept, text), expected, "{trajectory:?}, cut every {stride}");
        }
    }
}

#[test]
fn samples_say_what_they_are() {
    let mut chain = chain(5, config(rules()[0], 30, 20));
    for step in 1..=50 {
        let sample = chain.step().unwrap();
        let transition = sample.and_then(|sample| sample.transition);
        let sample = sample.map(|sample| (Kept::from(sample), sample.position.to_vec()));
        assert_eq!(transition.as_ref(), chain.last_transition().filter(|_| step > 30));
        assert_eq!(chain.progress().step, step);
        assert_eq!(sample.is_some(), step > 30);
        let Some((sample, position)) = sample else { continue };
        let value = normals(1.0).gradient(&position, &mut [0.0; 3]).unwrap();
        assert_eq!((sample.chain, sample.step, sample.weight), (5, step, 1.0_f64.to_bits()));
        assert_eq!((sample.position, sample.potential), (bits(chain.position()), value.to_bits()));
        assert!(chain.last_transition().unwrap().energy >= value, "the kinetic energy is not negative");
    }
    assert_eq!(chain.statistics().draws(), 20);
    assert_eq!(samples(&mut chain), [], "a finished chain went on");
}

/// exp(−U/T) knows U and T by their ratio only; powers of two are exact, so that it is equality to the bit.
#[test]
fn temperature_divides_the_potential() {
    for trajectory in rules() {
        let positions = |factor: f64, temperature: f64| {
            let config = HamiltonianConfig { temperature, ..config(trajectory, 60, 60) };
            let start = vec![0.1, 1.0, 10.0];
            let mut chain = HamiltonianChain::new(0, normals(factor), config, Seed::root(62), start).unwrap();
            samples(&mut chain).into_iter().map(|sample| sample.position).collect::<Vec<_>>()
        };
        assert_eq!(positions(1.0, 4.0), positions(0.25, 1.0));
        assert_ne!(positions(1.0, 1.0), positions(0.25, 1.0));
    }
}

/// In 50 dimensions, of scales from 0.1 to 10: the mass is what the posterior has, and the acceptance that which was asked for, though
/// after the last window only 100 draws are left for the step size.
#[test]
fn the_warm_up_learns_the_scales() {
    let scale = |i: usize| 10.0_f64.powf(i as f64 / 24.5 - 1.0);
    for trajectory in rules() {
        for target_acceptance in [0.65, 0.8, 0.9] {
            let target = FromFn64::new(50, move |x: &[f64], gradient: &mut [f64]| {
                let mut value = 0.0;
                for i in 0..50 {
                    value += 0.5 * (x[i] / scale(i)).powi(2);
                    gradient[i] = x[i] / scale(i).powi(2);
                }
                value
            });
            let config = HamiltonianConfig { target_acceptance, ..config(trajectory, 1000, 500) };
            let mut chain = HamiltonianChain::new(0, target, config, Seed::root(63), vec![0.5; 50]).unwrap();
            samples(&mut chain);
            let statistics = chain.statistics();
            let (acceptance, e_bfmi) = (statistics.mean_acceptance().unwrap(), statistics.e_bfmi().unwrap());
            let ratios: Vec<f64> = (0..50).map(|i| (chain.preconditioner().scales[i] / scale(i)).powi(2)).collect();
            let mean = ratios.iter().sum::<f64>() / 50.0;
            let (least, most) = ratios.iter().fold((f64::MAX, 0.0_f64), |(a, b), &r| (a.min(r), b.max(r)));
            println!(
                "{trajectory:?}, δ = {target_acceptance}: acceptance {acceptance:.3}, ε = {:.3}, mass {least:.2} … \
                 {mean:.3} … {most:.2}, {} leapfrogs, E-BFMI {e_bfmi:.2}",
                chain.step_size(),
                statistics.leapfrogs(),
            );
            // The acceptance of one draw has a deviation of 0.1 (NUTS: an average) and 0.3: three of some 60 draws' mean.
            let error = if matches!(trajectory, Trajectory::Nuts { .. }) { 0.04 } else { 0.12 };
            assert!((acceptance - target_acceptance).abs() < error, "{acceptance}, not {target_acceptance}");
            // The last window has 500 draws. If x² has the effective size 125, a variance is known to 13 %, the mean of fifty to
            // 1.8 %: four standard errors, α = 6·10⁻⁵ each.
            assert!(least > 0.5 && most < 1.5 && (mean - 1.0).abs() < 0.072, "mass {least} … {mean} … {most}");
            assert_eq!(statistics.divergences(), 0);
            assert!(e_bfmi > 0.5);
        }
    }
}

/// Where nothing but the step size is adapted, and for long, the acceptance is what was asked for.
#[test]
fn the_acceptance_reaches_its_target() {
    for trajectory in rules() {
        for target_acceptance in [0.65, 0.8, 0.9] {
            let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 50 };
            let config =
                HamiltonianConfig { target_acceptance, metric: Metric::Identity, ..config(trajectory, 3000, 2000) };
            let mut chain = HamiltonianChain::new(0, target, config, Seed::root(67), vec![0.5; 50]).unwrap();
            samples(&mut chain);
            let found = chain.statistics().mean_acceptance().unwrap();
            println!("{trajectory:?}: acceptance {found:.3} for {target_acceptance}, ε = {:.3}", chain.step_size());
            assert!((found - target_acceptance).abs() < 0.05, "{found} instead of {target_acceptance}");
        }
    }
}

#[test]
fn the_identity_is_left_alone() {
    let config = HamiltonianConfig { metric: Metric::Identity, ..config(rules()[0], 200, 1) };
    let mut chain = chain(0, config);
    samples(&mut chain);
    assert_eq!(chain.preconditioner().scales, [1.0; 3]);
    assert!(chain.step_size() < 0.2, "the smallest scale is 0.1");
}

/// Neal's funnel, x ~ N(0, e^v) with v ~ N(0, 9): no step size fits its neck, and the statistics say so.
#[test]
fn a_funnel_is_noticed() {
    let funnel = FromFn64::new(10, |x: &[f64], gradient: &mut [f64]| {
        let v = x[0];
        let squares: f64 = x[1..].iter().map(|x| x * x).sum();
        gradient[0] = v / 9.0 + 4.5 - 0.5 * squares * (-v).exp();
        for i in 1..10 {
            gradient[i] = x[i] * (-v).exp();
        }
        v * v / 18.0 + 4.5 * v + 0.5 * squares * (-v).exp()
    });
    let config = HamiltonianConfig::nuts(500, 1000);
    let mut chain = HamiltonianChain::new(0, funnel, config, Seed::root(64), vec![0.5; 10]).unwrap();
    samples(&mut chain);
    let (divergences, e_bfmi) = (chain.statistics().divergences(), chain.statistics().e_bfmi().unwrap());
    println!("funnel: {divergences} divergences, E-BFMI {e_bfmi:.3}");
    assert!(e_bfmi < 0.3);
    assert!(chain.warnings().contains(&Warning::Energy { e_bfmi }));
}

/// A step size that is far too large: every trajectory diverges, none is taken, and the chain goes on.
#[test]
fn divergences_are_counted_and_not_taken() {
    for trajectory in rules() {
        let config = config(trajectory, 0, 50);
        let mut state = chain(0, config).state();
        state.step_size = 1e3;
        let potential = normals(1.0);
        let mut wild = HamiltonianChain::resume(potential, config, Seed::root(61), state).unwrap();
        let kept = samples(&mut wild);
        assert!(kept.iter().all(|sample| sample.position == bits(&[0.1, 1.0, 10.0])));
        assert_eq!((wild.statistics().divergences(), wild.statistics().mean_acceptance()), (50, Some(0.0)));
        let stuck = [Warning::Stuck { draws: 50 }, Warning::Divergences { count: 50, draws: 50 }];
        assert_eq!(wild.warnings()[..2], stuck);
        assert!(wild.warnings().contains(&Warning::Acceptance { mean: 0.0, target: 0.8 }));
    }
}

#[test]
fn gradients_are_counted() {
    let mut chain = chain(0, config(rules()[0], 0, 30));
    let before = chain.gradients();
    assert!((2..40).contains(&before), "the search took {before}");
    samples(&mut chain);
    assert_eq!(chain.gradients(), before + chain.statistics().leapfrogs());
    assert_eq!(chain.statistics().depths().iter().sum::<u64>(), 30);
}

#[test]
fn only_full_batches_are_asked_for() {
    let config = config(rules()[1], 10, 10);
    let mut chain = HamiltonianChain::new(0, FullBatch::new(Spy::default()), config, Seed::root(65), [0.1; 3]).unwrap();
    samples(&mut chain);
    let gradients = chain.gradients();
    let asked = chain.into_potential().into_inner().asked;
    assert!(gradients == asked.len() as u64 && asked.iter().all(Option::is_none));
}

#[test]
fn a_bad_start_is_an_error() {
    let new = |spy: Spy, start: [f64; 3]| {
        let config = config(rules()[0], 0, 10);
        HamiltonianChain::new(4, FullBatch::new(spy), config, Seed::root(66), start).map(|_| ()).unwrap_err()
    };
    let value = Spy { value: Some((0, f64::INFINITY)), ..Spy::default() };
    let start = |what| ChainError::Start { chain: 4, step: 0, what };
    assert_eq!(new(value, [0.0; 3]), start(Divergence::Potential(f64::INFINITY)));
    let undefined = PotentialError::recoverable("a wall");
    let PotentialError::Recoverable(cause) = undefined.clone() else { unreachable!() };
    let outside = Spy { error: Some((0, undefined)), ..Spy::default() };
    assert_eq!(new(outside, [0.0; 3]), start(Divergence::Undefined(cause)));
    let gradient = || Spy { gradient: Some((0, f32::NAN)), ..Spy::default() };
    for (spy, position) in [(gradient(), [0.0; 3]), (Spy::default(), [0.0, f64::INFINITY, 0.0])] {
        assert_eq!(new(spy, position), start(Divergence::Position { coordinate: 1 }));
    }
}

#[test]
fn bad_settings_and_states_are_refused() {
    let config = config(rules()[0], 30, 10);
    let mut good = chain(0, config);
    good.run_until(25, &mut keep(&mut Vec::new())).unwrap();
    let refused = |change: fn(&mut HamiltonianState), message: &str| {
        let mut state = good.state();
        change(&mut state);
        let potential = normals(1.0);
        let error = HamiltonianChain::resume(potential, config, Seed::root(61), state).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    };
    refused(|state| state.position.push(0.0), "the saved chain has 4 coordinates, the potential 3");
    refused(|state| state.preconditioner.scales.truncate(2), "\"scales\" has 2 values; expected 3");
    refused(|state| state.preconditioner.scales[1] = -1.0, "scale is -1");
    refused(|state| state.preconditioner.stretches.push(2.0), "\"directions\" has 0 values; expected 3");
    refused(|state| state.window.positions.mean.clear(), "\"positions\" has 0 values");
    refused(|state| state.window.gradients.squares.push(0.0), "\"gradients\" has 4 values");
    refused(|state| state.window.recent.push_back((vec![0.0; 3], vec![])), "\"recent gradients\" has 0 values");
    refused(|state| state.step_size = f64::NAN, "the saved step size is NaN");
    refused(|state| state.config.temperature = 2.0, "the saved chain has the temperature 2; this one has 1");
    refused(|state| state.seed = Seed::root(0), "the saved chain has the seed ");
    refused(|state| state.config.trajectory = rules()[1], "the saved chain has the trajectory Hmc");
    refused(|state| state.config.metric = Metric::Dense, "the saved chain has the metric Dense; this one has Diagonal");
    refused(|state| state.config.warmup = 31, "the saved chain has the warm-up 31; this one has 30");
    refused(|state| state.config.target_acceptance = 0.5, "the saved chain has the target 0.5");
    refused(|state| state.potential *= 1.01, "the saved chain has the potential at its position ");
    refused(|state| state.position[2] = f64::NAN, "chain 0 cannot start at step 25: coordinate 2 is not finite");
    let none = HamiltonianConfig { target_acceptance: 0.0, ..config };
    let error = HamiltonianChain::resume(normals(1.0), none, Seed::root(61), good.state()).map(|_| ()).unwrap_err();
    assert!(matches!(error, ChainError::Setting { field: "target acceptance", .. }));
    let text = serde_json::to_string(&good.state()).unwrap();
    assert!(serde_json::from_str::<HamiltonianState>(&text.replace("preconditioner", "mass")).is_err());
}

/// A chain goes on with another seed, temperature, trajectory, target, warm-up, metric or potential only if that is named, and nothing else is.
#[test]
fn what_may_change_is_named() {
    let config = config(rules()[0], 30, 10);
    let mut begun = chain(0, config);
    begun.run_until(35, &mut keep(&mut Vec::new())).unwrap();
    let resume = |potential, config, seed, may_change: &[Change]| {
        let state = begun.state();
        HamiltonianChain::resume_with(normals(potential), config, Seed::root(seed), state, may_change).map(|_| ())
    };
    let changed = [
        (Change::Seed, 1.0, config, 62),
        (Change::Warmup, 1.0, HamiltonianConfig { warmup: 20, ..config }, 61),
        (Change::Trajectory, 1.0, HamiltonianConfig { trajectory: rules()[1], ..config }, 61),
        (Change::Target, 1.0, HamiltonianConfig { target_acceptance: 0.9, ..config }, 61),
        (Change::Temperature, 1.0, HamiltonianConfig { temperature: 1.5, ..config }, 61),
        (Change::Metric, 1.0, HamiltonianConfig { metric: Metric::Dense, ..config }, 61),
        (Change::Potential, 1.1, config, 61),
    ];
    let all = changed.map(|(change, ..)| change);
    for (change, potential, config, seed) in changed {
        let others: Vec<Change> = all.into_iter().filter(|&other| other != change).collect();
        for may_change in [&[][..], &others] {
            let error = resume(potential, config, seed, may_change).unwrap_err();
            assert!(matches!(error, ChainError::Origin { .. }), "{change:?}: {error}");
        }
        assert_eq!(resume(potential, config, seed, &[change]), Ok(()), "{change:?}");
    }
    assert_eq!(resume(1.0, HamiltonianConfig { draws: 1_000, ..config }, 61, &[]), Ok(()));
}

#[test]
#[should_panic(expected = "coordinates of the initial position")]
fn initial_positions_have_the_potentials_dimension() {
    let _ = HamiltonianChain::new(0, normals(1.0), config(rules()[0], 0, 1), Seed::root(0), vec![0.0; 2]);
}

#[test]
fn threads_do_not_matter_and_chains_differ() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut chains: Vec<_> = (0..5).map(|c| chain(c, config(rules()[0], 30, 20))).collect();
        let mut kept = vec![Vec::new(); 5];
        let mut sinks: Vec<_> = kept.iter_mut().map(keep).collect();
        let results = pool.install(|| run_chains(&mut chains, &mut sinks));
        drop(sinks);
        assert!(results.iter().all(|result| *result == Ok(Outcome::Finished)));
        kept
    };
    let one = run(1);
    assert_eq!(run(3), one);
    for c in 1..5 {
        assert_eq!(one[c].len(), 20);
        assert_ne!(one[c][0].position, one[c - 1][0].position);
    }
}

#[test]
fn a_sinks_error_ends_the_run_and_names_the_sample() {
    let mut full = |sample: Sample<'_, f64>| if sample.step < 14 { Ok(()) } else { Err("disk full") };
    let error = chain(2, config(rules()[0], 10, 10)).run(&mut full).unwrap_err();
    assert_eq!(error, RunError::Sink { chain: 2, step: 14, cause: "disk full" });
}

/// Nothing to sample is not an error.
#[test]
fn empty_problems_run() {
    for trajectory in rules() {
        let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 0 };
        let config = config(trajectory, 5, 5);
        let mut chain = HamiltonianChain::new(0, target, config, Seed::root(0), [0.0; 0]).unwrap();
        assert_eq!(samples(&mut chain).len(), 5);
    }
}

/// A thousandth around ten thousand: single precision has seven values there.
#[test]
fn positions_are_in_double_precision() {
    for trajectory in rules() {
        let target = FromFn64::new(1, |x: &[f64], gradient: &mut [f64]| {
            let z = (x[0] - 1e4) / 1e-3;
            gradient[0] = z / 1e-3;
            0.5 * z * z
        });
        let config = config(trajectory, 500, 2_000);
        let mut chain = HamiltonianChain::new(0, target, config, Seed::root(68), [1e4]).unwrap();
        let mut draws = Vec::new();
        let mut sink = |sample: Sample<'_, f64>| {
            draws.push((sample.position[0] - 1e4) / 1e-3);
            Ok::<(), ChainError>(())
        };
        chain.run(&mut sink).unwrap();
        let mean = draws.iter().sum::<f64>() / 2e3;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2e3;
        // 400 effective draws at least: four standard errors, α = 6·10⁻⁵ each.
        assert!(mean.abs() < 0.2 && (variance - 1.0).abs() < 0.29, "{mean}, {variance}");
        draws.sort_by(f64::total_cmp);
        draws.dedup();
        assert!(draws.len() > 1_500, "{} different values", draws.len());
    }
}

/// A direction that nothing holds: exp(−U) is no distribution, and a chain says so instead of wandering off to infinity.
#[test]
fn a_flat_potential_is_a_divergence() {
    for trajectory in rules() {
        for dim in [1, 5] {
            let flat = FromFn64::new(dim, |_: &[f64], gradient: &mut [f64]| {
                gradient.fill(0.0);
                0.0
            });
            let error = HamiltonianChain::new(7, flat, config(trajectory, 200, 200), Seed::root(69), vec![0.0; dim]);
            let ChainError::Diverged { chain: 7, step: 0, what: Divergence::Flat, .. } = error.map(|_| ()).unwrap_err()
            else {
                panic!("not a divergence")
            };
            // With a step size that is given, however large, nothing that is not finite is drawn.
            let wide = FromFn64::new(dim, |x: &[f64], gradient: &mut [f64]| {
                gradient.fill(0.0);
                if x.iter().all(|x| x.abs() < 1e300) { 0.0 } else { 1.0 }
            });
            let config = config(trajectory, 0, 200);
            let normal = Quadratic { precision: [[1.0]], center: [0.0], blocks: dim };
            let mut state = HamiltonianChain::new(0, normal, config, Seed::root(70), vec![0.0; dim]).unwrap().state();
            state.step_size = 1e308;
            let mut chain = HamiltonianChain::resume(wide, config, Seed::root(70), state).unwrap();
            let kept = samples(&mut chain);
            assert!(kept.iter().flat_map(|sample| &sample.position).all(|&x| f64::from_bits(x).is_finite()));
            assert!(chain.statistics().divergences() > 0);
        }
    }
}

/// A wall ends trajectories, which are no divergences; a failure ends the run, with the user's own error.
#[test]
fn errors_of_the_potential_are_told_apart() {
    /// A standard normal behind a wall, which fails at some call.
    struct Walled {
        calls: u64,
        fails_at: u64,
    }

    impl Potential64 for Walled {
        fn dim(&self) -> usize {
            1
        }

        fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
            self.calls += 1;
            if self.calls == self.fails_at {
                return Err(PotentialError::fatal(std::io::Error::other("the data are gone")));
            }
            if x[0] < -0.5 {
                return Err(PotentialError::recoverable("a wall"));
            }
            gradient[0] = x[0];
            Ok(0.5 * x[0] * x[0])
        }
    }

    for trajectory in rules() {
        let new = |fails_at| {
            let config = config(trajectory, 100, 500);
            HamiltonianChain::new(0, Walled { calls: 0, fails_at }, config, Seed::root(71), [1.0])
        };
        let mut chain = new(u64::MAX).unwrap();
        let kept = samples(&mut chain);
        assert!(kept.iter().all(|sample| f64::from_bits(sample.position[0]) >= -0.5));
        assert!(chain.statistics().walls() > 0 && chain.statistics().divergences() == 0);
        assert_eq!(chain.warnings(), []);
        let fatal = |error: &ChainError| {
            let ChainError::Potential(PotentialError::Fatal(cause)) = error else { panic!("{error}") };
            assert_eq!(cause.downcast_ref::<std::io::Error>().unwrap().to_string(), "the data are gone");
        };
        fatal(&new(1).map(|_| ()).unwrap_err());
        fatal(&new(2).map(|_| ()).unwrap_err());
        match new(200).unwrap().run(&mut keep::<f64>(&mut Vec::new())).unwrap_err() {
            RunError::Chain(error) => fatal(&error),
            RunError::Sink { cause, .. } => match cause {},
        }
    }
}
