//! What a chain keeps, how it resumes, and how it fails.

use std::ops::ControlFlow;

use apd_seed::{Minibatches, Seed};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Chain, ChainConfig, ChainState, Outcome, Progress, Sample, Sink};
use crate::testing::{Kept, Quadratic, Spy, Terms, bits, keep};
use crate::{
    Buffers, ChainError, Divergence, Minibatch, Potential, PotentialError, RunError, Sampler, Schedule, Sgd, Sgld,
};

const DATA: [f64; 11] = [0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7, 2.2, 1.1, 5.0, -2.1];

fn model() -> Terms<1> {
    Terms::mean(&DATA, 1.0)
}

fn sgld() -> Sgld {
    Sgld::new(Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 }, 1.0)
}

fn config(steps: u64, burn_in: u64, thinning: u64) -> ChainConfig {
    ChainConfig { steps, burn_in, thinning, batch_size: 4 }
}

fn chain<S: Sampler>(number: u32, sampler: S, config: ChainConfig) -> Chain<Terms<1>, S> {
    Chain::new(number, model(), sampler, config, Seed::root(41), vec![0.5]).unwrap()
}

fn samples<P: Potential, S: Sampler>(chain: &mut Chain<P, S>) -> Vec<Kept> {
    let mut kept = Vec::new();
    assert_eq!(chain.run(&mut keep(&mut kept)), Ok(Outcome::Finished));
    kept
}

fn spy(spy: Spy, config: ChainConfig) -> Chain<Spy, Sgld> {
    Chain::new(0, spy, Sgld::new(Schedule::Constant(0.1), 1.0), config, Seed::root(42), vec![0.0; 3]).unwrap()
}

#[test]
fn keeps_the_promised_steps() {
    for (steps, burn_in, thinning, expected) in [
        (10, 0, 1, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (10, 4, 3, vec![7, 10]),
        (11, 4, 3, vec![7, 10]),
        (10, 9, 1, vec![10]),
        (10, 10, 1, vec![]),
        (10, 99, 1, vec![]),
        (10, 0, 11, vec![]),
        (0, 0, 1, vec![]),
    ] {
        let config = config(steps, burn_in, thinning);
        let kept: Vec<u64> = samples(&mut chain(0, sgld(), config)).iter().map(|sample| sample.step).collect();
        assert_eq!(kept, expected, "{config:?}");
        assert_eq!(config.kept(), expected.len() as u64, "{config:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() })]

    #[test]
    fn keeps_as_many_as_promised(
        steps in 0_u64..80, burn_in in 0_u64..90, thinning in 1_u64..90, batch_size in 1_usize..14,
    ) {
        let config = ChainConfig { steps, burn_in, thinning, batch_size };
        let mut chain = chain(0, sgld(), config);
        let kept: Vec<u64> = samples(&mut chain).iter().map(|sample| sample.step).collect();
        let expected: Vec<u64> = (1..=steps).filter(|t| *t > burn_in && (t - burn_in) % thinning == 0).collect();
        prop_assert_eq!(config.kept(), expected.len() as u64);
        prop_assert_eq!(kept, expected);
        prop_assert_eq!(chain.progress().step, steps);
    }

    /// Interrupted anywhere, any number of times, and through text: the same samples and the same end.
    #[test]
    fn resumed_equals_uninterrupted(
        cuts in proptest::collection::vec(0_u64..60, 0..4), heavy in any::<bool>(), cyclical in any::<bool>(),
    ) {
        let schedule = if cyclical {
            Schedule::Cyclical { initial: 0.05, length: 13, sampling: 0.6 }
        } else {
            Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 }
        };
        let (whole, pieces) = if heavy {
            both_ways(&Sgd::new(schedule, 0.9), &cuts)
        } else {
            both_ways(&Sgld::new(schedule, 1.0), &cuts)
        };
        prop_assert_eq!(whole, pieces);
    }
}

/// Samples and final state of a run of 60 steps without, and with, interruptions.
fn both_ways<S: Sampler<State: Serialize + DeserializeOwned> + Clone>(
    sampler: &S,
    cuts: &[u64],
) -> ((Vec<Kept>, String), (Vec<Kept>, String)) {
    let text = |chain: &Chain<Terms<1>, S>| serde_json::to_string(&chain.state()).unwrap();
    let config = config(60, 7, 2);
    let mut whole = chain(3, sampler.clone(), config);
    let expected = samples(&mut whole);

    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    let (mut kept, mut pieces) = (Vec::new(), chain(3, sampler.clone(), config));
    for cut in cuts {
        assert_eq!(pieces.run_until(cut, &mut keep(&mut kept)), Ok(Outcome::Finished));
        assert_eq!(pieces.progress().step, cut);
        let state: ChainState<S::State> = serde_json::from_str(&text(&pieces)).unwrap();
        pieces = Chain::resume(model(), sampler.clone(), config, Seed::root(41), state).unwrap();
    }
    pieces.run(&mut keep(&mut kept)).unwrap();
    ((expected, text(&whole)), (kept, text(&pieces)))
}

#[test]
fn a_finished_chain_can_be_extended() {
    let mut short = chain(0, sgld(), config(20, 5, 2));
    let mut kept = samples(&mut short);
    let mut longer = Chain::resume(model(), sgld(), config(50, 5, 2), Seed::root(41), short.state()).unwrap();
    kept.extend(samples(&mut longer));
    assert_eq!(kept, samples(&mut chain(0, sgld(), config(50, 5, 2))));
    assert_eq!(samples(&mut longer), [], "a finished chain went on");
}

/// The sample is the position after the update, with Û there, and the update's weight.
#[test]
fn samples_say_what_they_are() {
    let mut chain = chain(5, sgld(), config(30, 3, 4));
    let mut minibatches = Minibatches::new(Seed::root(41).child("chain").index(5).child("minibatch"), DATA.len(), 4);
    let mut count = 0;
    for step in 1..=30 {
        let sample = chain.step().unwrap().map(|sample| (Kept::from(sample), sample.position[0]));
        let Some((sample, x)) = sample else { continue };
        count += 1;
        assert_eq!((sample.chain, sample.step), (5, step));
        assert_eq!(sample.position, bits(chain.position()));
        let value = model().gradient(&[x], Minibatch::Indices(minibatches.indices(step)), &mut [0.0]).unwrap();
        assert_eq!(f64::from_bits(sample.potential), value);
        let weight = sgld().step_size.step_size(step - 1) / sgld().step_size.step_size(0);
        assert_eq!(f64::from_bits(sample.weight), weight);
        let progress = chain.progress();
        assert_eq!(progress, Progress { chain: 5, step, steps: 30, potential: value });
    }
    assert_eq!(count, 6);
}

#[test]
fn exploring_steps_are_not_kept() {
    let schedule = Schedule::Cyclical { initial: 0.05, length: 10, sampling: 0.4 };
    let kept = samples(&mut chain(0, Sgld::new(schedule, 1.0), config(40, 10, 1)));
    let steps: Vec<u64> = kept.iter().map(|sample| sample.step).collect();
    // Update t makes step t + 1: updates 6 to 9 of each cycle sample.
    assert_eq!(steps, [17, 18, 19, 20, 27, 28, 29, 30, 37, 38, 39, 40]);
    for sample in kept {
        let expected = schedule.step_size(sample.step - 1) / 0.05;
        assert!((f64::from_bits(sample.weight) - expected).abs() < 1e-15 && expected > 0.0);
    }
}

#[test]
fn each_position_costs_one_gradient_on_its_own_minibatch() {
    let config = ChainConfig { steps: 25, burn_in: 0, thinning: 1, batch_size: 3 };
    let mut chain = spy(Spy::default(), config);
    samples(&mut chain);
    let asked = chain.into_potential().asked;
    assert_eq!(asked.len(), 26, "one per update, and one for the last sample's potential");
    let mut minibatches = Minibatches::new(Seed::root(42).child("chain").index(0).child("minibatch"), 10, 3);
    for (step, minibatch) in asked.iter().enumerate() {
        assert_eq!(minibatch.as_deref(), Some(minibatches.indices(step as u64)), "step {step}");
    }
    for epoch in asked[..24].chunks(3) {
        let mut seen: Vec<u32> = epoch.iter().flatten().flatten().copied().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9, "an item came twice in an epoch");
    }
}

#[test]
fn a_minibatch_of_all_is_the_full_batch() {
    let of = |batch_size| {
        let config = ChainConfig { steps: 20, burn_in: 0, thinning: 1, batch_size };
        let mut spied = spy(Spy::default(), config);
        samples(&mut spied);
        assert!(spied.into_potential().asked.iter().all(|asked| asked.is_none() == (batch_size >= 10)), "{batch_size}");
        samples(&mut Chain::new(0, model(), sgld(), config, Seed::root(41), vec![0.5]).unwrap())
    };
    of(9);
    let full = of(11);
    assert_eq!(of(12), full);
    assert_eq!(of(usize::MAX), full);
    assert_ne!(of(10), full);
}

#[test]
fn chains_of_one_seed_differ_and_repeat() {
    let run = |number, seed| {
        let mut chain = Chain::new(number, model(), sgld(), config(20, 0, 1), Seed::root(seed), vec![0.5]).unwrap();
        samples(&mut chain);
        bits(chain.position())
    };
    assert_eq!(run(0, 1), run(0, 1));
    let ends = [run(0, 1), run(1, 1), run(2, 1), run(0, 2), run(1, 2)];
    for i in 0..ends.len() {
        for j in 0..i {
            assert_ne!(ends[i], ends[j], "{i} and {j}");
        }
    }
    // Minibatches differ too: without noise the chains still part.
    let descend = |number| {
        let mut chain = chain(number, Sgd::new(Schedule::Constant(0.05), 0.0), config(20, 0, 1));
        samples(&mut chain);
        bits(chain.position())
    };
    assert_ne!(descend(0), descend(1));
}

/// ε = 8/λ: the position triples each step until f32 ends.
#[test]
fn divergence_names_chain_step_and_last_good_sample() {
    let target = Quadratic { precision: [[4.0]], center: [0.0], blocks: 5 };
    let config = ChainConfig { steps: 10_000, burn_in: 10, thinning: 7, batch_size: 1 };
    let sampler = Sgld::new(Schedule::Constant(2.0), 1.0);
    let mut chain = Chain::new(9, target, sampler, config, Seed::root(43), vec![0.0; 5]).unwrap();
    let mut kept = Vec::new();
    let error = chain.run(&mut keep(&mut kept)).unwrap_err();
    let text = error.to_string();
    let last = kept.last().expect("some were kept before").step;
    let RunError::Chain(ChainError::Diverged { chain: 9, step, what, last_good_sample: Some(good), step_size }) = error
    else {
        panic!("{error}")
    };
    assert_eq!((good, step_size), (last, 2.0));
    assert!(step > last && step <= last + 7 && matches!(what, Divergence::Position { .. }));
    for sample in &kept {
        assert!(sample.position.iter().all(|&x| f64::from_bits(x).is_finite()));
        assert!(f64::from_bits(sample.potential).is_finite());
    }
    for part in ["chain 9", &format!("step {step}"), &format!("sample is that of step {last}"), "warm start"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_first_bad_number_ends_the_chain() {
    let config = ChainConfig { steps: 100, burn_in: 2, thinning: 3, batch_size: 5 };
    // Call 12 belongs to the position after 12 updates: that of step 11 is the last good sample.
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut chain = spy(Spy { value: Some((11, bad)), ..Spy::default() }, config);
        let mut kept = Vec::new();
        match chain.run(&mut keep(&mut kept)).unwrap_err() {
            RunError::Chain(ChainError::Diverged {
                step: 11,
                what: Divergence::Potential(x),
                last_good_sample,
                ..
            }) => {
                assert_eq!((x.to_bits(), last_good_sample), (bad.to_bits(), Some(8)), "step 11 must not be kept");
            }
            other => panic!("{other}"),
        }
        assert_eq!(kept.iter().map(|sample| sample.step).collect::<Vec<_>>(), [5, 8]);
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut chain = spy(Spy { gradient: Some((11, bad)), ..Spy::default() }, config);
        match chain.run(&mut keep(&mut Vec::new())).unwrap_err() {
            RunError::Chain(ChainError::Diverged { step: 12, what, last_good_sample: Some(11), .. }) => {
                assert_eq!(what, Divergence::Position { coordinate: 1 });
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_bad_start_is_a_divergence_at_step_0() {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 1, batch_size: 5 };
    let mut chain = spy(Spy { value: Some((0, f64::NAN)), ..Spy::default() }, config);
    let error = chain.step().unwrap_err();
    assert!(matches!(error, ChainError::Diverged { step: 0, last_good_sample: None, .. }), "{error}");
    assert!(
        error.to_string().contains("the potential is NaN") && error.to_string().contains("no sample had been kept")
    );
}

/// A failure stays one: the chain does not go on from a gradient whose potential was bad.
#[test]
fn a_failed_chain_fails_again() {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 1, batch_size: 5 };
    let mut chain = spy(Spy { value: Some((4, f64::NAN)), ..Spy::default() }, config);
    let first = chain.run(&mut keep(&mut Vec::new())).unwrap_err();
    let position = bits(chain.position());
    for _ in 0..3 {
        let again = chain.run(&mut keep(&mut Vec::new())).unwrap_err();
        assert_eq!(again.to_string(), first.to_string());
        assert_eq!(bits(chain.position()), position);
    }
    // Elsewhere it may be good again.
    chain.potential.value = None;
    chain.restart_from(&[0.0; 3]);
    assert_eq!(chain.run(&mut keep(&mut Vec::new())), Ok(Outcome::Finished));
}

/// The last good sample is known across an interruption too.
#[test]
fn the_last_good_sample_survives_a_resume() {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 10, batch_size: 5 };
    let mut first = spy(Spy::default(), config);
    first.run_until(15, &mut keep(&mut Vec::new())).unwrap();
    let bad = Spy { value: Some((3, f64::NAN)), ..Spy::default() };
    let sampler = Sgld::new(Schedule::Constant(0.1), 1.0);
    let mut second = Chain::resume(bad, sampler, config, Seed::root(42), first.state()).unwrap();
    let error = second.run(&mut keep(&mut Vec::new())).unwrap_err();
    let RunError::Chain(ChainError::Diverged { step, last_good_sample, .. }) = error else { panic!("{error}") };
    assert_eq!((step, last_good_sample), (18, Some(10)));
}

#[test]
fn bad_settings_and_states_are_refused() {
    let new = |config| Chain::new(0, model(), sgld(), config, Seed::root(0), vec![0.0]).map(|_| ()).unwrap_err();
    assert_eq!(new(config(10, 0, 0)).to_string(), "thinning is 0; expected at least 1");
    let no_batch = ChainConfig { batch_size: 0, ..config(10, 0, 1) };
    assert_eq!(new(no_batch).to_string(), "batch size is 0; expected at least 1");
    let cold = Sgld::new(Schedule::Constant(0.1), -1.0);
    let error = Chain::new(0, model(), cold, config(10, 0, 1), Seed::root(0), vec![0.0]).unwrap_err();
    assert!(matches!(error, ChainError::Setting { field: "temperature", .. }));

    let state = chain(0, sgld(), config(10, 0, 1)).state();
    let resume = |state| Chain::resume(model(), sgld(), config(10, 0, 1), Seed::root(41), state).map(|_| ());
    let long = ChainState { position: vec![0.0; 2], ..state.clone() };
    assert_eq!(resume(long), Err(ChainError::Dimension { expected: 1, found: 2 }));
    assert_eq!(resume(state.clone()), Ok(()));
    let heavy = Sgd::new(Schedule::Constant(0.1), 0.9);
    let other = ChainState { memory: vec![0.0; 2], sampler: "SGD".into(), temperature: 0.0, ..with(&state, vec![]) };
    let error = Chain::resume(model(), heavy, config(10, 0, 1), Seed::root(41), other).unwrap_err();
    assert_eq!(error, ChainError::Buffer { name: "velocity", expected: 1, found: Some(2) });
    assert!(serde_json::from_str::<ChainConfig>(r#"{"steps":1,"burn_in":0,"thinning":1,"batch":2}"#).is_err());
}

fn with<T>(state: &ChainState, memory: T) -> ChainState<T> {
    let ChainState { chain, seed, sampler, temperature, step, last_sample, position, memory: (), estimator } =
        state.clone();
    ChainState { chain, seed, sampler, temperature, step, last_sample, position, memory, estimator }
}

/// What was made with another seed, sampler or temperature is no beginning of this chain; other step sizes are no other chain.
#[test]
fn foreign_states_are_named() {
    let mut begun = chain(3, sgld(), config(10, 0, 1));
    begun.run_until(5, &mut keep(&mut Vec::new())).unwrap();
    let refused = |seed, sampler| {
        let resumed = Chain::resume(model(), sampler, config(10, 0, 1), Seed::root(seed), begun.state());
        resumed.map(|_| ()).map_err(|error| error.to_string())
    };
    let error = refused(42, sgld()).unwrap_err();
    assert!(error.starts_with("the saved chain has the seed "), "{error}");
    let error = refused(41, Sgld { temperature: 0.5, ..sgld() }).unwrap_err();
    assert_eq!(error, "the saved chain has the temperature 1.0; this one has 0.5");
    let foreign = ChainState { sampler: "SGHMC".into(), ..begun.state() };
    let error = Chain::resume(model(), sgld(), config(10, 0, 1), Seed::root(41), foreign).unwrap_err();
    assert_eq!(error.to_string(), "the saved chain has the sampler \"SGHMC\"; this one has \"SGLD\"");
    assert_eq!(refused(41, Sgld { step_size: Schedule::Constant(1e-3), ..sgld() }), Ok(()));
}

/// Of a potential's own errors the one that another position might mend is a divergence, the other stops the chain.
#[test]
fn errors_of_the_potential_are_told_apart() {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 1, batch_size: 5 };
    let run = |error| {
        let mut chain = spy(Spy { error: Some((4, error)), ..Spy::default() }, config);
        let first = chain.run(&mut keep(&mut Vec::new())).unwrap_err();
        assert_eq!(chain.run(&mut keep(&mut Vec::new())).unwrap_err(), first, "a failure stays one");
        first
    };
    let RunError::Chain(ChainError::Diverged { step: 4, what: Divergence::Undefined(cause), .. }) =
        run(PotentialError::recoverable("a wall"))
    else {
        panic!("not a divergence")
    };
    assert_eq!(cause.to_string(), "a wall");
    let RunError::Chain(ChainError::Potential(PotentialError::Fatal(cause))) =
        run(PotentialError::fatal(std::io::Error::other("the data are gone")))
    else {
        panic!("not fatal")
    };
    assert_eq!(cause.downcast_ref::<std::io::Error>().unwrap().to_string(), "the data are gone");
}

#[test]
#[should_panic(expected = "coordinates of the initial position")]
fn initial_positions_have_the_potentials_dimension() {
    let _ = Chain::new(0, model(), sgld(), config(1, 0, 1), Seed::root(0), vec![0.0; 2]);
}

/// Stops at every step at which it is asked to.
struct Stopper {
    at: u64,
    kept: Vec<Kept>,
    seen: Vec<u64>,
}

impl Sink for Stopper {
    type Error = String;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), String> {
        self.kept.push(sample.into());
        Ok(())
    }

    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        self.seen.push(progress.step);
        if progress.step == self.at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_sink_can_stop_the_run_at_a_step_boundary() {
    let mut chain = chain(0, sgld(), config(30, 0, 3));
    let mut sink = Stopper { at: 12, kept: Vec::new(), seen: Vec::new() };
    assert_eq!(chain.run(&mut sink), Ok(Outcome::Stopped));
    assert_eq!(chain.progress().step, 12);
    assert_eq!(sink.kept.last().map(|sample| sample.step), Some(12), "the sample of the last step is not lost");
    assert_eq!(chain.run(&mut sink), Ok(Outcome::Finished));
    assert_eq!(sink.seen, (1..=30).collect::<Vec<u64>>());
    assert_eq!(sink.kept, samples(&mut self::chain(0, sgld(), config(30, 0, 3))));
}

#[test]
fn a_sinks_error_ends_the_run_and_names_the_sample() {
    let mut chain = chain(2, sgld(), config(30, 0, 3));
    let mut full = |sample: Sample<'_>| if sample.step < 9 { Ok(()) } else { Err("disk full") };
    let error = chain.run(&mut full).unwrap_err();
    assert_eq!(error, RunError::Sink { chain: 2, step: 9, cause: "disk full" });
    assert_eq!(error.to_string(), "chain 2, step 9: the sample could not be stored: disk full");
}

#[test]
fn a_restart_forgets_the_velocity_but_not_the_step() {
    let heavy = || Sgd::new(Schedule::Constant(0.02), 0.9);
    let mut moved = chain(0, heavy(), config(40, 0, 1));
    moved.run_until(20, &mut keep(&mut Vec::new())).unwrap();
    moved.restart_from(&[1.5]);
    assert_eq!((moved.progress().step, moved.position()), (20, &[1.5][..]));

    let state = ChainState {
        chain: 0,
        seed: Seed::root(41).child("chain").index(0),
        sampler: "SGD".into(),
        temperature: 0.0,
        step: 20,
        last_sample: Some(20),
        position: vec![1.5],
        memory: vec![0.0],
        estimator: Buffers::default(),
    };
    let mut fresh = Chain::resume(model(), heavy(), config(40, 0, 1), Seed::root(41), state).unwrap();
    assert_eq!(samples(&mut moved), samples(&mut fresh));
}

/// `step` alone, `run`, and `run_until` in pieces are one and the same; so are boxed potentials.
#[test]
fn ways_to_run_agree() {
    let expected = samples(&mut chain(0, sgld(), config(40, 4, 3)));
    let (mut stepped, mut kept) = (chain(0, sgld(), config(40, 4, 3)), Vec::new());
    for _ in 0..40 {
        kept.extend(stepped.step().unwrap().map(Kept::from));
    }
    assert_eq!(kept, expected);
    let boxed: Box<dyn Potential> = Box::new(model());
    let mut boxed = Chain::new(0, boxed, sgld(), config(40, 4, 3), Seed::root(41), vec![0.5]).unwrap();
    assert_eq!(samples(&mut boxed), expected);
}

/// Nothing to sample is not an error: a potential without coordinates, or without data.
#[test]
fn empty_problems_run() {
    let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 0 };
    let mut chain = Chain::new(0, target, sgld(), config(5, 0, 1), Seed::root(0), Vec::new()).unwrap();
    assert_eq!(samples(&mut chain).len(), 5);
    let mut prior = Chain::new(0, Terms::mean(&[], 1.0), sgld(), config(5, 0, 1), Seed::root(0), vec![0.0]).unwrap();
    assert_eq!(samples(&mut prior).len(), 5);
    assert_eq!(samples(&mut prior), [], "the chain was finished");
}
