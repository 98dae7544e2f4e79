use std::convert::Infallible;
use std::ops::ControlFlow;

use apd_seed::Seed;

use super::{Exchange, ReplicaExchange, ReplicaState, log_acceptance};
use crate::testing::{Kept, Spy, Terms, keep};
use crate::{
    Chain, ChainConfig, ChainError, FromFn, Minibatch, Outcome, Potential, PotentialError, Progress, RunError, Sample,
    Sampler, Schedule, Sgd, Sgld, Sink, Svrg, Update,
};

/// Half the distance of the modes, and the weight of the left one: a barrier of 12.5 nats.
const M: f64 = 5.0;
const LEFT: f64 = 0.3;

/// LEFT·N(−M, 1) + (1 − LEFT)·N(M, 1).
fn mixture() -> impl Potential {
    FromFn::new(1, 1, |x: &[f32], _, gradient: &mut [f32]| {
        let x = f64::from(x[0]);
        let right = 1.0 / (1.0 + ((LEFT / (1.0 - LEFT)).ln() - 2.0 * M * x).exp());
        gradient[0] = (x + M - 2.0 * M * right) as f32;
        let (a, b) = (LEFT.ln() - 0.5 * (x + M).powi(2), (1.0 - LEFT).ln() - 0.5 * (x - M).powi(2));
        -(a.max(b) + (-(a - b).abs()).exp().ln_1p())
    })
}

/// The states −1 and 1 with weights LEFT and 1 − LEFT. A minibatch's energies of the two differ by 2·(N/B)·Σ_B ±`noise` too much.
fn two_states(terms: usize, noise: f64) -> impl Potential {
    FromFn::new(1, terms, move |x: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
        let sign = |n: usize| if n.is_multiple_of(2) { 1.0 } else { -1.0 };
        let error = noise * minibatch.scale(terms) * minibatch.indices(terms).map(sign).sum::<f64>();
        gradient[0] = 0.0;
        f64::from(x[0]) * error - if x[0] < 0.0 { LEFT } else { 1.0 - LEFT }.ln()
    })
}

/// The hottest draws one of the two states from their law at its temperature, independent of where it was; the others stay where they
/// are, so that the exchanges alone decide where they are found.
#[derive(Clone)]
struct Gibbs {
    schedule: Schedule,
    /// What it says its temperature is.
    temperature: f64,
    /// What it is.
    actual: f64,
    hottest: bool,
}

impl Gibbs {
    /// Replicas at these temperatures, each of which declares its `exponent`-th power.
    fn ladder(temperatures: &[f64], exponent: f64) -> Vec<Self> {
        let sampler = |&actual: &f64| Self {
            schedule: Schedule::Constant(1.0),
            temperature: actual.powf(exponent),
            actual,
            hottest: temperatures.last() == Some(&actual),
        };
        temperatures.iter().map(sampler).collect()
    }
}

impl Sampler for Gibbs {
    type State = ();

    fn name(&self) -> &'static str {
        "two states"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    fn validate(&self) -> Result<(), ChainError> {
        Ok(())
    }

    fn init(&self, _dim: usize) {}

    fn check(&self, (): &(), _dim: usize) -> Result<(), ChainError> {
        Ok(())
    }

    fn step(&self, (): &mut (), position: &mut [f32], update: Update<'_>) -> bool {
        if self.hottest {
            let mut z = [0.0; 2];
            update.noise.fill_f64(update.step, 0, &mut z);
            let uniform = (-0.5 * (z[0] * z[0] + z[1] * z[1])).exp();
            let right = 1.0 / (1.0 + (LEFT / (1.0 - LEFT)).powf(1.0 / self.actual));
            position[0] = if uniform < right { 1.0 } else { -1.0 };
        }
        true
    }
}

/// α = 10⁻⁴ two-sided, Student's t with 49 degrees of freedom.
const THRESHOLD: f64 = 4.23;

/// (x̄ − LEFT)/(standard error), x̄ the share of `left`, from the means of 50 stretches of the chain, which are far longer than its
/// memory; NaN if all are the same.
fn z_of(left: &[bool]) -> f64 {
    let share = |stretch: &[bool]| stretch.iter().filter(|&&left| left).count() as f64 / stretch.len() as f64;
    let shares: Vec<f64> = left.chunks_exact(left.len() / 50).map(share).collect();
    let n = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / n;
    let variance = shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let z = (mean - LEFT) / (variance / n).sqrt();
    println!("{mean:.4} ± {:.4}, z = {z:.2}", (variance / n).sqrt());
    z
}

/// Whether each sample of the cold replica is left of 0, and the acceptance rates.
fn lefts<P: Potential, S: Sampler>(
    replicas: Vec<(P, S)>,
    exchange: Exchange,
    config: ChainConfig,
    seed: Seed,
) -> (Vec<bool>, Vec<f64>) {
    let mut chains = ReplicaExchange::new(0, replicas, exchange, config, seed, vec![1.0]).unwrap();
    let mut left = Vec::new();
    let mut sink = |sample: Sample<'_>| {
        left.push(sample.position[0] < 0.0);
        Ok::<(), Infallible>(())
    };
    assert_eq!(chains.run(&mut sink), Ok(Outcome::Finished));
    (left, chains.acceptance())
}

const LADDER: [f64; 4] = [1.0, 2.2, 5.0, 11.0];

/// SGLD on the mixture: alone it stays where it began; with hotter replicas the modes get their weights. The discretization's bias of
/// the weights at ε = 0.05 is well below the standard error (six runs of twice the length had 0.294 ± 0.005 between them).
#[test]
fn modes_get_their_weights() {
    let config = ChainConfig { steps: 200_000, burn_in: 10_000, thinning: 5, batch_size: 1 };
    let exchange = Exchange { every: 5, energy_batches: 2 };
    let sgld = |temperature| Sgld::new(Schedule::Constant(0.05), temperature);
    let ladder = || LADDER.map(|temperature| (mixture(), sgld(temperature))).into();
    let (left, acceptance) = lefts(ladder(), exchange, config, Seed::root(101));
    assert!(z_of(&left).abs() < THRESHOLD);
    assert!(acceptance.iter().all(|rate| (0.5..0.95).contains(rate)), "{acceptance:?}");
    let (alone, _) = lefts(ladder(), Exchange { every: u64::MAX, ..exchange }, config, Seed::root(101));
    assert!(alone.iter().all(|&left| !left), "the cold chain crossed the barrier by itself");
}

/// The exchange by itself, for 2, 3 and 4 replicas, with exact energies and with those of minibatches of 8 of 40 terms.
#[test]
fn exchanges_leave_the_cold_law_alone() {
    let config = ChainConfig { steps: 40_000, burn_in: 100, thinning: 1, batch_size: 8 };
    let z = |noise, energy_batches, temperatures: &[f64], exponent, seed| {
        let samplers = Gibbs::ladder(temperatures, exponent);
        let replicas = samplers.into_iter().map(|sampler| (two_states(40, noise), sampler)).collect();
        z_of(&lefts(replicas, Exchange { every: 1, energy_batches }, config, seed).0)
    };
    for (i, temperatures) in [&LADDER[..2], &LADDER[..3], &LADDER].into_iter().enumerate() {
        for (j, noise) in [0.0, 0.2].into_iter().enumerate() {
            // The noise makes χ² = 1 between the coldest two.
            let z = z(noise, 8, temperatures, 1.0, Seed::root(102).index(i as u64).index(j as u64));
            assert!(z.abs() < THRESHOLD, "{temperatures:?}, noise {noise}: z = {z}");
        }
    }
    // Temperatures that are not those of the rule; and so much noise for so few minibatches that the penalty is known to be too small.
    let seed = Seed::root(103);
    assert!(z(0.0, 8, &LADDER, 0.5, seed.index(0)).abs() > THRESHOLD);
    assert!(z(0.2, 2, &LADDER, 1.0, seed.index(1)).abs() > THRESHOLD);
}

/// E a(x)/E a(−x) = eˣ for normal noise whose variance χ² is estimated: what detailed balance asks of the rule.
#[test]
fn the_rule_keeps_detailed_balance() {
    let draws = 200_000;
    let rates = |rule: fn(&[f64]) -> f64, x: f64, chi2: f64, seed: Seed| -> [f64; 2] {
        let noise = seed.normals();
        let mut estimates = [0.0; 8];
        let (mut sum, mut squares) = (0.0, 0.0);
        for t in 0..draws {
            noise.fill_f64(t, 0, &mut estimates);
            estimates.iter_mut().for_each(|z| *z = x + (8.0 * chi2).sqrt() * *z);
            let rate = rule(&estimates).exp().min(1.0);
            (sum, squares) = (sum + rate, squares + rate * rate);
        }
        let mean = sum / draws as f64;
        [mean, (squares / draws as f64 - mean * mean) / draws as f64]
    };
    let z = |rule, x: f64, chi2, seed: Seed| {
        let [forth, back] = [rates(rule, x, chi2, seed.index(0)), rates(rule, -x, chi2, seed.index(1))];
        (forth[0] - x.exp() * back[0]) / (forth[1] + (2.0 * x).exp() * back[1]).sqrt()
    };
    let no_penalty = |estimates: &[f64]| estimates.iter().sum::<f64>() / 8.0;
    let first_term = |estimates: &[f64]| {
        let mean = estimates.iter().sum::<f64>() / 8.0;
        mean - 0.5 * estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 56.0
    };
    for (i, (x, chi2)) in [(0.5, 0.25), (2.0, 0.25), (0.5, 1.0), (2.0, 1.0)].into_iter().enumerate() {
        let seed = Seed::root(104).index(i as u64);
        let value = z(log_acceptance, x, chi2, seed);
        // α = 10⁻⁴ over four comparisons.
        assert!(value.abs() < 4.21, "x = {x}, χ² = {chi2}: z = {value}");
        assert!(z(no_penalty, x, chi2, seed).abs() > 4.21, "x = {x}, χ² = {chi2}");
        assert!(chi2 < 1.0 || z(first_term, x, chi2, seed).abs() > 4.21, "x = {x}, χ² = {chi2}");
    }
}

#[test]
fn the_rule_by_hand() {
    assert_eq!(log_acceptance(&[-1.25]), -1.25);
    // Mean 2, s² = 2, χ² = 1, n = 2.
    assert!((log_acceptance(&[1.0, 3.0]) - (2.0 - 0.5 - 1.0 / 12.0 - 1.0 / 45.0)).abs() < 1e-15);
    assert_eq!(log_acceptance(&[0.5; 4]), 0.5);
    assert!(log_acceptance(&[1.0, f64::INFINITY]).is_nan(), "rejected");
}

fn line() -> Terms<2> {
    Terms::line(&[(-1.0, 0.2), (0.0, 0.9), (0.5, 1.0), (1.0, 2.1), (2.0, 3.2)], 2.0, 0.5)
}

const CONFIG: ChainConfig = ChainConfig { steps: 61, burn_in: 4, thinning: 3, batch_size: 2 };
const EXCHANGE: Exchange = Exchange { every: 5, energy_batches: 3 };

type Ladder = Vec<(Svrg<Terms<2>>, Sgld)>;

/// Replicas whose estimators remember something too.
fn ladder() -> Ladder {
    let sampler = |temperature| Sgld::new(Schedule::Polynomial { a: 0.02, b: 1.0, gamma: 0.2 }, temperature);
    [1.0, 1.5, 2.0].map(|temperature| (Svrg::new(line(), 7).unwrap(), sampler(temperature))).into()
}

fn fresh(exchange: Exchange) -> ReplicaExchange<Svrg<Terms<2>>, Sgld> {
    ReplicaExchange::new(3, ladder(), exchange, CONFIG, Seed::root(105), vec![0.2, 0.7]).unwrap()
}

fn through_text(state: &ReplicaState) -> ReplicaState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Interrupted after every single step, sweeps included, and through text: the same samples, the same swaps, the same end.
#[test]
fn resumed_equals_uninterrupted() {
    let (mut whole, mut expected) = (fresh(EXCHANGE), Vec::new());
    whole.run(&mut keep(&mut expected)).unwrap();
    assert_eq!((whole.sweeps(), expected.len()), (12, CONFIG.kept() as usize));
    assert!(whole.acceptance().iter().all(|rate| *rate > 0.0), "no swap was put to the test: {:?}", whole.acceptance());

    let (mut pieces, mut kept) = (fresh(EXCHANGE), Vec::new());
    for cut in 0..=61 {
        assert_eq!(pieces.run_until(cut, &mut keep(&mut kept)), Ok(Outcome::Finished));
        assert!(pieces.chains().iter().all(|chain| chain.progress().step == cut));
        let state = through_text(&pieces.state());
        pieces = ReplicaExchange::resume(ladder(), EXCHANGE, CONFIG, Seed::root(105), state).unwrap();
    }
    assert_eq!(kept, expected);
    assert_eq!(pieces.state(), whole.state());
}

/// Stops at every step at which it is asked to.
struct Stopper(Vec<u64>, Vec<Kept>);

impl Sink for Stopper {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), Infallible> {
        self.1.push(sample.into());
        Ok(())
    }

    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        if self.0.contains(&progress.step) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A stop leaves the cold replica behind the others, or at a sweep that has not been made: nothing is lost, or made twice.
#[test]
fn a_stopped_run_goes_on() {
    let (mut whole, mut expected) = (fresh(EXCHANGE), Vec::new());
    whole.run(&mut keep(&mut expected)).unwrap();
    let (mut stopped, mut sink) = (fresh(EXCHANGE), Stopper(vec![3, 10, 25, 26], Vec::new()));
    for at in [3, 10, 25, 26] {
        assert_eq!(stopped.run(&mut sink), Ok(Outcome::Stopped));
        assert_eq!(stopped.chains()[0].progress().step, at);
        let state = through_text(&stopped.state());
        stopped = ReplicaExchange::resume(ladder(), EXCHANGE, CONFIG, Seed::root(105), state).unwrap();
    }
    assert_eq!(stopped.run(&mut sink), Ok(Outcome::Finished));
    assert_eq!(sink.1, expected);
    assert_eq!(stopped.state(), whole.state());
}

#[test]
fn threads_do_not_matter() {
    let run = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let mut replicas = fresh(EXCHANGE);
            replicas.run(&mut keep(&mut Vec::new())).unwrap();
            replicas.state()
        })
    };
    let one = run(1);
    assert_eq!(run(2), one);
    assert_eq!(run(7), one);
}

/// Without exchanges the cold replica is the chain of its number, and the others are chains of their own.
#[test]
fn replicas_are_independent_chains() {
    let (mut replicas, mut kept) = (fresh(Exchange { every: 1_000, ..EXCHANGE }), Vec::new());
    replicas.run(&mut keep(&mut kept)).unwrap();
    let (potential, sampler) = ladder().remove(0);
    let mut chain = Chain::new(3, potential, sampler, CONFIG, Seed::root(105), vec![0.2, 0.7]).unwrap();
    let mut expected = Vec::new();
    chain.run(&mut keep(&mut expected)).unwrap();
    assert_eq!(kept, expected);
    assert!(replicas.acceptance().iter().all(|rate| rate.is_nan()));

    // Of equal temperature they would still differ: (almost) equal ones do.
    let sampler = |temperature| (line(), Sgld::new(Schedule::Constant(0.02), temperature));
    let almost = vec![sampler(1.0), sampler(1.0 + 1e-12), sampler(1.0 + 2e-12)];
    let never = Exchange { every: 1_000, energy_batches: 2 };
    let mut replicas = ReplicaExchange::new(0, almost, never, CONFIG, Seed::root(106), vec![0.0; 2]).unwrap();
    replicas.run(&mut keep(&mut Vec::new())).unwrap();
    let ends: Vec<&[f32]> = replicas.chains().iter().map(Chain::position).collect();
    assert!((0..3).all(|i| (0..i).all(|j| (ends[i][0] - ends[j][0]).abs() > 1e-3)), "{ends:?}");
}

/// A flat potential accepts every swap: positions travel one pair per sweep, even pairs first, and steps and velocities stay.
#[test]
fn swaps_trade_positions_only() {
    /// Moves by nothing, but counts its updates.
    #[derive(Clone)]
    struct Counter(Schedule, f64);
    impl Sampler for Counter {
        type State = u64;
        fn name(&self) -> &'static str {
            "counter"
        }
        fn schedule(&self) -> &Schedule {
            &self.0
        }
        fn temperature(&self) -> f64 {
            self.1
        }
        fn validate(&self) -> Result<(), ChainError> {
            Ok(())
        }
        fn init(&self, _dim: usize) -> u64 {
            0
        }
        fn check(&self, _: &u64, _dim: usize) -> Result<(), ChainError> {
            Ok(())
        }
        fn step(&self, count: &mut u64, position: &mut [f32], update: Update<'_>) -> bool {
            assert_eq!(*count, update.step, "what it remembers was reset");
            *count += 1;
            if update.step == 0 {
                position[0] = self.1 as f32;
            }
            true
        }
    }
    let flat = || {
        FromFn::new(1, 1, |_: &[f32], _, gradient: &mut [f32]| {
            gradient[0] = 0.0;
            0.0
        })
    };
    let replicas = (1..=4).map(|t| (flat(), Counter(Schedule::Constant(1.0), f64::from(t)))).collect();
    let config = ChainConfig { steps: 4, burn_in: 0, thinning: 1, batch_size: 1 };
    let exchange = Exchange { every: 1, energy_batches: 2 };
    let mut replicas = ReplicaExchange::new(0, replicas, exchange, config, Seed::root(107), vec![0.0]).unwrap();
    for (until, expected) in [(1, [2.0, 1.0, 4.0, 3.0]), (2, [2.0, 4.0, 1.0, 3.0]), (3, [4.0, 2.0, 3.0, 1.0])] {
        replicas.run_until(until, &mut keep(&mut Vec::new())).unwrap();
        let positions: Vec<f32> = replicas.chains().iter().map(|chain| chain.position()[0]).collect();
        assert_eq!(positions, expected, "after {until} sweeps");
    }
    assert_eq!((replicas.sweeps(), replicas.acceptance()), (3, vec![1.0; 3]));
    assert_eq!(replicas.state().accepted, [2, 1, 2]);
}

#[test]
fn failures_name_the_replica() {
    let spy = |value| Spy { value, ..Spy::default() };
    let sampler = |temperature| Sgld::new(Schedule::Constant(0.01), temperature);
    let replicas =
        vec![(spy(None), sampler(1.0)), (spy(Some((9, f64::NAN))), sampler(2.5)), (spy(Some((2, 0.0))), sampler(4.0))];
    let config = ChainConfig { batch_size: 5, ..CONFIG };
    let never = Exchange { every: 1_000, energy_batches: 2 };
    let mut replicas = ReplicaExchange::new(0, replicas, never, config, Seed::root(108), vec![0.0; 3]).unwrap();
    let error = replicas.run(&mut keep(&mut Vec::new())).unwrap_err();
    assert_eq!((error.replica, error.temperature), (1, 2.5));
    let text = error.to_string();
    assert!(
        text.starts_with("replica 1, at temperature 2.5: chain 0 diverged at step 9: the potential is NaN"),
        "{text}"
    );

    let mut full = |sample: Sample<'_>| if sample.step < 9 { Ok(()) } else { Err("disk full") };
    let error = fresh(EXCHANGE).run(&mut full).unwrap_err();
    assert_eq!(
        error.to_string(),
        "replica 0, at temperature 1: chain 3, step 10: the sample could not be stored: disk full"
    );
}

/// A potential that fails while energies are compared fails the run; one that is not defined there refuses the swap.
#[test]
fn errors_of_the_potential_are_told_apart() {
    let config = ChainConfig { batch_size: 5, ..CONFIG };
    let exchange = Exchange { every: 1, energy_batches: 2 };
    let run = |error| {
        // The third call is the first of the sweep after the first update.
        let spies = [Some((2, error)), None].map(|error| Spy { error, ..Spy::default() });
        let sampler = |temperature| Sgld::new(Schedule::Constant(0.01), temperature);
        let replicas = spies.into_iter().zip([1.0, 2.0].map(sampler)).collect();
        let mut replicas = ReplicaExchange::new(0, replicas, exchange, config, Seed::root(109), vec![0.0; 3]).unwrap();
        let error = replicas.run_until(1, &mut keep(&mut Vec::new())).map(|_| ());
        (error, replicas.acceptance()[0])
    };
    let (error, _) = run(PotentialError::fatal("no disk"));
    let error = error.unwrap_err();
    assert!(matches!(error.cause, RunError::Chain(ChainError::Potential(PotentialError::Fatal(_)))), "{error}");
    assert_eq!(error.to_string(), "replica 0, at temperature 1: the potential could not be computed: no disk");
    assert_eq!(run(PotentialError::recoverable("a wall")), (Ok(()), 0.0));
}

#[test]
fn bad_settings_and_states_are_refused() {
    let refused = |replicas: Vec<(Terms<2>, Sgld)>, exchange| {
        ReplicaExchange::new(0, replicas, exchange, CONFIG, Seed::root(0), vec![0.0; 2]).unwrap_err().to_string()
    };
    let replica = |temperature, step_size| (line(), Sgld::new(Schedule::Constant(step_size), temperature));
    for temperatures in [&[1.0][..], &[], &[1.0, 1.0], &[2.0, 1.0], &[0.0, 1.0]] {
        let text = refused(temperatures.iter().map(|&t| replica(t, 0.1)).collect(), EXCHANGE);
        assert!(text.starts_with("temperatures of the replicas is ["), "{text}");
    }
    let text = refused(vec![replica(1.0, 0.1), replica(2.0, 0.1), replica(3.0, 0.2)], EXCHANGE);
    assert!(text.starts_with("step sizes of the replicas is Constant(0.1) and Constant(0.2)"), "{text}");
    let good = || vec![replica(1.0, 0.1), replica(2.0, 0.1)];
    let text = refused(good(), Exchange { every: 0, ..EXCHANGE });
    assert_eq!(text, "updates between exchanges is 0; expected at least 1");
    let text = refused(good(), Exchange { energy_batches: 1, ..EXCHANGE });
    assert_eq!(text, "minibatches per exchange is 1; expected at least 2");
    let momentum = (line(), Sgd::new(Schedule::Constant(0.1), 0.9));
    let cold = ReplicaExchange::new(0, vec![momentum], EXCHANGE, CONFIG, Seed::root(0), vec![0.0; 2]);
    assert!(cold.unwrap_err().to_string().contains("all above 0"), "an optimizer has no temperature");

    let mut state = fresh(EXCHANGE).state();
    state.chains.pop();
    let error = ReplicaExchange::resume(ladder(), EXCHANGE, CONFIG, Seed::root(105), state).unwrap_err();
    assert_eq!(error.to_string(), "number of saved replicas is 2; expected as many as are resumed");
    let mut state = fresh(EXCHANGE).state();
    state.chains[1].position.pop();
    let error = ReplicaExchange::resume(ladder(), EXCHANGE, CONFIG, Seed::root(105), state).unwrap_err();
    assert_eq!(error, ChainError::Dimension { expected: 2, found: 1 });
}

#[test]
#[should_panic(expected = "terms of the replicas' potentials differ")]
fn potentials_have_equally_many_terms() {
    let replica = |terms, temperature| (two_states(terms, 0.0), Sgld::new(Schedule::Constant(0.1), temperature));
    let _ = ReplicaExchange::new(0, vec![replica(4, 1.0), replica(5, 2.0)], EXCHANGE, CONFIG, Seed::root(0), vec![1.0]);
}
