use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use apd_seed::Seed;

use crate::testing::Quadratic;
use crate::{
    Baoab, ChainConfig, ChainError, Divergence, FromFn, FromFn64, GradientError, HamiltonianConfig,
    MicrocanonicalConfig, Outcome, Progress, RunError, Sample, Schedule, Sgld, Sink, Streamed, Warning, sample,
};

fn normal() -> Quadratic<2> {
    Quadratic { precision: [[1.0, 0.5], [0.5, 4.0]], center: [3.0, -1.0], blocks: 1 }
}

/// All samplers, by the same few words: the same draws on any number of threads, as those of the chain itself, and the right law.
#[test]
fn every_sampler_is_sampled() {
    let baoab = (
        Baoab::new(Schedule::Constant(0.05), 1.0, 0.3),
        ChainConfig { steps: 30_000, burn_in: 1_000, thinning: 20, batch_size: 1 },
    );
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let sampling = || sample(3, normal()).seed(Seed::root(90)).parameters([("a", vec![]), ("b", vec![1])]);
            [
                sampling().run().unwrap(),
                sampling().with(MicrocanonicalConfig::adjusted(500, 1_000)).run().unwrap(),
                sampling().with(baoab).run().unwrap(),
            ]
        })
    };
    let all = run(3);
    assert_eq!(run(1), all);
    for draws in &all {
        let summary = draws.summary();
        println!("{summary}");
        assert_eq!(draws.outcome, Outcome::Finished);
        for (row, (name, mean)) in summary.rows.iter().zip([("a", 3.0), ("b[0]", -1.0)]) {
            let diagnosis = row.diagnosis.as_ref().unwrap();
            // |z| < 4.5 of six comparisons: α = 4·10⁻⁵. BAOAB's mean has no bias.
            let z = (diagnosis.mean - mean) / diagnosis.mcse_mean;
            assert!(row.name == name && z.abs() < 4.5 && diagnosis.rhat < 1.02, "{name}: z = {z}");
        }
    }
    assert_eq!([all[0].transitions(0).len(), all[1].transitions(0).len()], [1_000, 0]);
    assert_eq!(all[0].warnings(), []);
    assert!(all[0].positions(0).next() != all[0].positions(1).next());
    // A run of its own has the same chain.
    let last = sample(1, normal()).first(2).seed(Seed::root(90)).run().unwrap();
    assert!(last.positions(0).eq(all[0].positions(2)));
}

/// Cancelled when some chain is at step 40 or later: all have as many draws, which are those of a run that was not.
#[test]
fn cancelled_chains_are_equally_long() {
    let (cancel, config) = (AtomicBool::new(false), HamiltonianConfig::nuts(20, 200_000));
    let mut steps = Vec::new();
    let progress = |progress: &[crate::Progress]| {
        steps.push(progress.iter().map(|progress| progress.step).collect::<Vec<_>>());
        cancel.store(progress[0].step >= 40, Ordering::Relaxed);
    };
    let sampling = || sample(4, normal()).with(config).init(|chain| vec![f64::from(chain), 0.0]);
    let stopped = sampling().progress(progress).cancel(&cancel).run().unwrap();
    let last = steps.last().unwrap()[0];
    assert!(steps.iter().flatten().all(|&step| step <= last) && (40..200_000).contains(&last), "{steps:?}");
    assert_eq!((steps.last().unwrap(), stopped.outcome), (&vec![last; 4], Outcome::Stopped));
    let whole = sampling().with(HamiltonianConfig::nuts(20, last - 20)).run().unwrap();
    for chain in 0..4 {
        assert_eq!(stopped.positions(chain).len() as u64, last - 20);
        assert!(stopped.positions(chain).eq(whole.positions(chain)));
    }
}

/// Draws that are given to sinks are those that are collected; a sink's error ends the run and names the draw, and one that has had enough stops all.
#[test]
fn draws_may_be_streamed() {
    let config = HamiltonianConfig::nuts(50, 100);
    let draws = sample(2, normal()).with(config).run().unwrap();
    let mut streamed = [Vec::new(), Vec::new()];
    let mut sinks = streamed.each_mut().map(|kept| {
        |sample: Sample<'_, f64>| {
            kept.push((sample.position.to_vec(), sample.transition.unwrap()));
            Ok::<(), String>(())
        }
    });
    let ended = sample(2, normal()).with(config).run_into(&mut sinks).unwrap();
    assert_eq!(ended, Streamed { outcome: Outcome::Finished, warnings: vec![vec![]; 2] });
    for (chain, kept) in streamed.iter().enumerate() {
        assert!(kept.iter().map(|(position, _)| &position[..]).eq(draws.positions(chain)));
        assert!(kept.iter().map(|(_, transition)| transition).eq(draws.transitions(chain)));
    }
    let mut full = [|sample: Sample<'_, f64>| if sample.step < 70 { Ok(()) } else { Err("full") }; 2];
    let error = sample(2, normal()).with(config).run_into(&mut full).unwrap_err();
    assert_eq!(error, RunError::Sink { chain: 0, step: 70, cause: "full" });

    struct Enough(u64);
    impl Sink<f64> for Enough {
        type Error = ();

        fn sample(&mut self, _: Sample<'_, f64>) -> Result<(), ()> {
            self.0 += 1;
            Ok(())
        }

        fn progress(&mut self, _: Progress) -> ControlFlow<()> {
            if self.0 < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    }
    let mut sinks = [Enough(0), Enough(10)];
    let long = HamiltonianConfig::nuts(50, 1_000_000);
    assert_eq!(sample(2, normal()).with(long).run_into(&mut sinks).unwrap().outcome, Outcome::Stopped);
    assert!(sinks[1].0 == 20 && sinks[0].0 <= 20, "{}", sinks[0].0);
}

#[test]
fn errors_are_the_chains_own() {
    let outside = FromFn64::new(3, |_: &[f64], _: &mut [f64]| f64::INFINITY);
    let what = Divergence::Potential(f64::INFINITY);
    let error = sample(2, outside).init(|_| vec![0.0; 3]).run().unwrap_err();
    assert_eq!(error, ChainError::Start { chain: 0, step: 0, what });
    assert_eq!(sample(0, normal()).run().unwrap().chains(), 0);
}

/// A gradient that was not written, or lacks a term, is an error before the first draw, of every sampler, unless it is meant; one that is
/// right is none at any scale, at a wall, at a kink or in single precision.
#[test]
fn gradients_are_checked_where_chains_start() {
    let gradient = |factors: [f64; 2]| {
        FromFn64::new(2, move |x: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(&[factors[0] * x[0], factors[1] * 1e12 * x[1]]);
            0.5 * (x[0] * x[0] + 1e12 * x[1] * x[1])
        })
    };
    let config = HamiltonianConfig::nuts(20, 5);
    let run = |factors| sample(2, gradient(factors)).with(config).init(|_| vec![1.0, 3e-6]).run().map(|_| ());
    assert_eq!(run([1.0, 1.0]), Ok(()));
    for (factors, coordinate) in [([0.0, 0.0], 0), ([0.0, 1.0], 0), ([1.0, 0.0], 1), ([1.0, -1.0], 1), ([1.0, 1.1], 1)]
    {
        let error = run(factors).unwrap_err();
        let ChainError::Gradient { chain: 0, cause: GradientError::Differs { coordinate: found, .. } } = error else {
            panic!("{factors:?}: {error}")
        };
        assert_eq!(found, coordinate, "{factors:?}");
    }
    let microcanonical = sample(1, gradient([1.0, 0.0])).with(MicrocanonicalConfig::adjusted(20, 5));
    assert!(matches!(microcanonical.run(), Err(ChainError::Gradient { .. })));
    assert!(sample(1, gradient([1.0, 1.1])).with(config).without_gradient_check().run().is_ok());

    let single = |factor: f32| {
        let potential = FromFn::new(3, 1, move |x: &[f32], _, gradient: &mut [f32]| {
            gradient.iter_mut().zip(x).for_each(|(g, x)| *g = factor * 1e4 * x);
            f64::from(x.iter().map(|x| 0.5e4 * x * x).sum::<f32>() + 1e3)
        });
        let chain = ChainConfig { steps: 10, burn_in: 0, thinning: 1, batch_size: 1 };
        sample(2, potential).with((Sgld::new(Schedule::Constant(1e-6), 1.0), chain)).run().map(|_| ())
    };
    assert_eq!(single(1.0), Ok(()));
    assert!(matches!(single(0.5), Err(ChainError::Gradient { .. })));

    let wall = FromFn64::new(1, |x: &[f64], gradient: &mut [f64]| {
        gradient[0] = 1.0 + x[0].signum();
        if x[0] < 0.0 { f64::INFINITY } else { 2.0 * x[0] }
    });
    assert!(sample(1, wall).with(config).init(|_| vec![1e-9]).run().is_ok());
}

#[test]
#[should_panic(expected = "coordinates of the parameters")]
fn parameters_have_the_potentials_dimension() {
    let _ = sample(1, normal()).parameters([("x", vec![3])]).run();
}

/// A chain that starts a thousand deviations away in a narrow direction is on its way for longer than this warm-up.
#[test]
fn chains_that_are_still_on_their_way_say_so() {
    let narrow = FromFn64::new(3, |x: &[f64], gradient: &mut [f64]| {
        let precision = [1.0, 1e6, 1.0];
        gradient.iter_mut().zip(x).zip(precision).for_each(|((g, x), precision)| *g = precision * x);
        0.5 * x.iter().zip(gradient).map(|(x, g)| x * *g).sum::<f64>()
    });
    let run = |start: f64| {
        let config = MicrocanonicalConfig::langevin(1_000, 1_000, 1);
        let draws = sample(2, narrow).with(config).seed(Seed::root(3)).init(|_| vec![0.5, start, -0.3]).run().unwrap();
        (draws.positions(0).map(|x| x[1].abs()).sum::<f64>() / 1e3, draws.warnings())
    };
    let (far, warnings) = run(0.8);
    assert!(far > 0.1, "{far}");
    for chain in 0..2 {
        let of_chain: Vec<_> = warnings.iter().filter(|(number, _)| *number == chain).collect();
        assert!(of_chain.iter().any(|(_, warning)| matches!(warning, Warning::EnergyVariance { .. })), "{of_chain:?}");
        assert!(of_chain.iter().any(|(_, warning)| matches!(warning, Warning::Drift { .. })), "{of_chain:?}");
    }
    let (near, warnings) = run(0.001);
    assert!(near < 0.002 && warnings.is_empty(), "{near}, {warnings:?}");
}
