use std::convert::Infallible;

use apd_seed::Seed;

use super::{MicrocanonicalChain, MicrocanonicalState};
use crate::{
    ChainError, Divergence, FromFn64, MicrocanonicalConfig, Outcome, Potential64, PotentialError, Sample, Warning,
};

/// Independent normals with standard deviations 0.1, …, 10, times `factor` in U.
struct Normals {
    dim: usize,
    factor: f64,
}

impl Potential64 for Normals {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        let mut value = 0.0;
        for (i, (g, x)) in gradient.iter_mut().zip(x).enumerate() {
            *g = self.factor * x / scale(i, self.dim).powi(2);
            value += 0.5 * x * *g;
        }
        Ok(value)
    }
}

fn normals(dim: usize, factor: f64) -> Normals {
    Normals { dim, factor }
}

fn scale(i: usize, dim: usize) -> f64 {
    10.0_f64.powf(2.0 * i as f64 / (dim - 1) as f64 - 1.0)
}

fn configs() -> [MicrocanonicalConfig; 2] {
    [MicrocanonicalConfig::langevin(150, 60, 2), MicrocanonicalConfig::adjusted(90, 40)]
}

fn chain(config: MicrocanonicalConfig) -> MicrocanonicalChain<Normals> {
    MicrocanonicalChain::new(3, normals(6, 1.0), config, Seed::root(60), [0.5; 6]).unwrap()
}

fn bits(sample: &Sample<'_, f64>) -> (u64, u64, Vec<u64>) {
    (sample.step, sample.potential.to_bits(), sample.position.iter().map(|x| x.to_bits()).collect())
}

fn run<P: Potential64>(chain: &mut MicrocanonicalChain<P>, until: u64) -> Vec<(u64, u64, Vec<u64>)> {
    let mut samples = Vec::new();
    let ended = chain.run_until(until, &mut |sample: Sample<'_, f64>| {
        samples.push(bits(&sample));
        Ok::<(), Infallible>(())
    });
    assert_eq!(ended, Ok(Outcome::Finished));
    samples
}

#[test]
fn a_resumed_chain_equals_an_uninterrupted_one() {
    for config in configs() {
        let mut whole = chain(config);
        let expected = run(&mut whole, u64::MAX);
        assert_eq!(expected.len() as u64, config.draws);
        assert_eq!(expected[0].0, config.warmup + config.thinning);
        for stride in [1, 7, 64] {
            let (mut part, mut samples) = (chain(config), Vec::new());
            for until in (stride..).step_by(stride) {
                samples.extend(run(&mut part, until as u64));
                if part.progress().step == part.progress().steps {
                    break;
                }
                let text = serde_json::to_string(&part.state()).unwrap();
                let state: MicrocanonicalState = serde_json::from_str(&text).unwrap();
                part = MicrocanonicalChain::resume(normals(6, 1.0), config, Seed::root(60), state).unwrap();
            }
            assert_eq!(samples, expected, "{:?}, cut every {stride}", config.correction);
            // An evaluation at each resumption is none of the chain's.
            assert_eq!(part.state(), whole.state());
        }
    }
}

/// exp(−U/T) knows U and T by their ratio only; powers of two are exact, so that it is equality to the bit.
#[test]
fn temperature_divides_the_potential() {
    for config in configs() {
        let positions = |factor: f64, temperature: f64| {
            let config = MicrocanonicalConfig { temperature, ..config };
            let mut chain = MicrocanonicalChain::new(0, normals(6, factor), config, Seed::root(62), [0.5; 6]).unwrap();
            run(&mut chain, u64::MAX).into_iter().map(|(_, _, position)| position).collect::<Vec<_>>()
        };
        assert_eq!(positions(1.0, 4.0), positions(0.25, 1.0));
        assert_ne!(positions(1.0, 1.0), positions(0.25, 1.0));
    }
}

/// Scales over two decades: they are learned, the error that was asked for is made, and the length is of the order of the radius.
#[test]
fn the_warm_up_learns() {
    const DIM: usize = 100;
    for config in [MicrocanonicalConfig::langevin(6_000, 1_000, 1), MicrocanonicalConfig::adjusted(1_500, 200)] {
        let start = (0..DIM).map(|i| scale(i, DIM));
        let mut chain = MicrocanonicalChain::new(0, normals(DIM, 1.0), config, Seed::root(63), start).unwrap();
        run(&mut chain, u64::MAX);
        let mean = (0..DIM).map(|i| chain.scales()[i] / scale(i, DIM)).sum::<f64>() / DIM as f64;
        let (statistics, dim) = (*chain.statistics(), DIM as f64);
        let (acceptance, error) = (statistics.mean_acceptance().unwrap(), statistics.energy_variance().unwrap() / dim);
        println!("{:?}: scales {mean:.3}, ε {:.2}, L {:.1}", config.correction, chain.step_size(), chain.length());
        println!("acceptance {acceptance:.3}, energy variance {error:.2e} per dimension");
        assert_eq!(statistics.divergences(), 0);
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        match config.correction {
            super::Correction::None { energy_variance } => assert!((0.3..3.0).contains(&(error / energy_variance))),
            super::Correction::Metropolis { target_acceptance } => {
                assert!((-0.06..0.09).contains(&(acceptance - target_acceptance)), "{acceptance}");
            }
        }
        assert!((0.1..10.0).contains(&(chain.length() / dim.sqrt())), "{}", chain.length());
    }
}

/// Half of the scales are a millionth of the others: nothing draws them together.
#[test]
fn scales_may_differ_by_a_million() {
    let deviation = |i: usize| -> f64 { if i < 20 { 1.0 } else { 1e-6 } };
    for config in [MicrocanonicalConfig::langevin(3_000, 2_000, 2), MicrocanonicalConfig::adjusted(900, 300)] {
        let target = FromFn64::new(40, |x: &[f64], gradient: &mut [f64]| {
            gradient.iter_mut().enumerate().for_each(|(i, g)| *g = x[i] / deviation(i).powi(2));
            0.5 * x.iter().zip(gradient).map(|(x, g)| x * *g).sum::<f64>()
        });
        let start = (0..40).map(deviation);
        let mut chain = MicrocanonicalChain::new(0, target, config, Seed::root(66), start).unwrap();
        let mut squares = [0.0; 2];
        for (_, _, position) in run(&mut chain, u64::MAX) {
            for (i, x) in position.into_iter().enumerate() {
                squares[i / 20] += (f64::from_bits(x) / deviation(i)).powi(2) / (20 * config.draws) as f64;
            }
        }
        println!("{:?}: mean squares {squares:?}, ε {}", config.correction, chain.step_size());
        assert!((0..40).all(|i| (chain.scales()[i] / deviation(i) - 1.0).abs() < 1e-6), "{:?}", chain.scales());
        // 400 effective draws of each coordinate at least: √(2/8000) is 1.6 %, and the step's bias is about as much.
        assert!(squares.iter().all(|square| (square - 1.0).abs() < 0.1), "{squares:?}");
    }
}

/// A wall that no step may cross: the chain stays inside, and says how often it did not.
#[test]
fn steps_to_nowhere_are_not_taken() {
    struct Walled;
    impl Potential64 for Walled {
        fn dim(&self) -> usize {
            2
        }
        fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
            if x[0] < 0.0 {
                return Err(PotentialError::recoverable("below zero"));
            }
            gradient.copy_from_slice(x);
            Ok(0.5 * (x[0] * x[0] + x[1] * x[1]))
        }
    }
    for config in configs() {
        let mut chain = MicrocanonicalChain::new(0, Walled, config, Seed::root(64), [1.0, 1.0]).unwrap();
        for (_, _, position) in run(&mut chain, u64::MAX) {
            assert!(f64::from_bits(position[0]) >= 0.0);
        }
        assert!(chain.statistics().walls() > 0 && chain.statistics().divergences() == 0);
        assert_eq!(chain.warnings(), []);
    }
}

/// Where no step can be taken the chain stays, and says so.
#[test]
fn a_chain_that_is_stuck_says_so() {
    for config in configs() {
        let mut state = chain(config).state();
        (state.step, state.step_size) = (config.warmup, f64::MAX);
        let mut stuck = MicrocanonicalChain::resume(normals(6, 1.0), config, Seed::root(60), state).unwrap();
        run(&mut stuck, u64::MAX);
        let draws = config.draws * config.thinning;
        assert_eq!(stuck.warnings()[0], Warning::Stuck { draws });
        let (mut well, target) = (chain(config), 0.9);
        run(&mut well, u64::MAX);
        assert!(
            well.warnings().iter().all(|warning| !matches!(warning, Warning::Stuck { .. })),
            "{:?}",
            well.warnings()
        );
        let adjusted = matches!(config.correction, super::Correction::Metropolis { .. });
        assert_eq!(stuck.warnings().contains(&Warning::Acceptance { mean: 0.0, target }), adjusted);
    }
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let config = configs()[0];
    let mut chain = chain(config);
    run(&mut chain, 100);
    let resume = |config, seed, change: &dyn Fn(&mut MicrocanonicalState)| {
        let mut state = chain.state();
        change(&mut state);
        MicrocanonicalChain::resume(normals(6, 1.0), config, seed, state).map(|_| ()).unwrap_err().to_string()
    };
    let seed = Seed::root(60);
    for (found, expected) in [
        (resume(config, Seed::root(1), &|_| ()), "the saved chain has the seed"),
        (
            resume(MicrocanonicalConfig { temperature: 2.0, ..config }, seed, &|_| ()),
            "the saved chain has the temperature",
        ),
        (
            resume(MicrocanonicalConfig { correction: configs()[1].correction, ..config }, seed, &|_| ()),
            "the saved chain has the target",
        ),
        (resume(config, seed, &|state| state.position.truncate(2)), "the saved chain has 2 coordinates"),
        (resume(config, seed, &|state| state.scales.clear()), "the saved buffer \"scales\" has 0 values"),
        (resume(config, seed, &|state| state.direction.push(0.0)), "the saved buffer \"direction\" has 7 values"),
        (resume(config, seed, &|state| state.warmup.positions.squares.clear()), "the saved buffer \"squares\" has 0"),
        (resume(config, seed, &|state| state.step_size = 0.0), "the saved step size is 0"),
        (resume(config, seed, &|state| state.length = f64::NAN), "the saved length is NaN"),
        (resume(config, seed, &|state| state.scales[0] = -1.0), "a saved scale is -1"),
        (resume(config, seed, &|state| state.direction[0] = 7.0), "a saved direction is 7"),
        (resume(config, seed, &|state| state.position[0] = f64::NAN), "chain 3 cannot start at step 100"),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
    let line = FromFn64::new(1, |x: &[f64], g: &mut [f64]| {
        g[0] = x[0];
        0.5 * x[0] * x[0]
    });
    let error = MicrocanonicalChain::new(0, line, config, seed, [0.0]).map(|_| ()).unwrap_err();
    assert!(matches!(error, ChainError::Setting { field: "the number of coordinates", .. }), "{error}");
}

/// Without a force no step is too long, and without a wall nothing holds the chain: it says so. A box holds it.
#[test]
fn a_flat_potential_is_a_divergence_and_a_box_is_none() {
    struct Flat {
        side: f64,
    }
    impl Potential64 for Flat {
        fn dim(&self) -> usize {
            3
        }
        fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
            gradient.fill(0.0);
            if x.iter().all(|x| x.abs() < self.side) { Ok(0.0) } else { Err(PotentialError::recoverable("outside")) }
        }
    }
    let new = |config, side| MicrocanonicalChain::new(0, Flat { side }, config, Seed::root(65), [0.5; 3]);
    for config in configs() {
        let error = new(config, f64::INFINITY).map(|_| ()).unwrap_err();
        assert!(matches!(error, ChainError::Diverged { what: Divergence::Flat, .. }), "{error}");
        let samples = run(&mut new(config, 10.0).unwrap(), u64::MAX);
        assert!(samples.iter().flat_map(|(_, _, position)| position).all(|&x| f64::from_bits(x).abs() < 10.0));
    }
}
