use apd_seed::Seed;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::control_variate::tests::{exact, line, moments};
use super::Svrg;
use crate::testing::{Kept, Spy, Terms, bits, keep};
use crate::{
    Buffers, Chain, ChainConfig, ChainError, ChainState, ControlVariate, Minibatch, Outcome, Potential, Sampler,
    Schedule, Sgd, Sgld,
};

fn svrg(every: u64) -> Svrg<Terms<2>> {
    Svrg::new(line(), every).unwrap()
}

fn config(batch_size: usize) -> ChainConfig {
    ChainConfig { steps: 60, burn_in: 4, thinning: 2, batch_size }
}

fn sgld() -> Sgld {
    Sgld::new(Schedule::Polynomial { a: 0.03, b: 1.0, gamma: 0.3 }, 1.0)
}

fn chain<P: Potential, S: Sampler>(potential: P, sampler: S, batch_size: usize) -> Chain<P, S> {
    Chain::new(2, potential, sampler, config(batch_size), Seed::root(81), vec![0.2, -0.4]).unwrap()
}

fn samples<P: Potential, S: Sampler>(chain: &mut Chain<P, S>) -> Vec<Kept> {
    let mut kept = Vec::new();
    assert_eq!(chain.run(&mut keep(&mut kept)), Ok(Outcome::Finished));
    kept
}

#[test]
fn unbiased_before_and_after_a_center() {
    let (mut estimator, position) = (svrg(10), [0.5, 0.6]);
    let near = |mean: [f64; 3]| mean.iter().zip(exact(&position)).all(|(a, b)| (a - b).abs() < 1e-5);
    let (mean, plain) = moments(&mut estimator, &position, 2);
    assert!(near(mean) && estimator.center().is_none());
    estimator.refresh(0, &[0.4, 0.7]).unwrap();
    let (mean, variance) = moments(&mut estimator, &position, 2);
    assert!(near(mean) && variance < 0.2 * plain, "{variance} against {plain}");
    // Between centers it is the control variate around the last one.
    let mut fixed = ControlVariate::new(line(), vec![0.4, 0.7]).unwrap();
    let mut g = [[0.0; 2]; 2];
    estimator.refresh(3, &[9.0, 9.0]).unwrap();
    let values = [
        estimator.gradient(&position, Minibatch::Indices(&[1, 4]), &mut g[0]).unwrap(),
        fixed.gradient(&position, Minibatch::Indices(&[1, 4]), &mut g[1]).unwrap(),
    ];
    assert_eq!((bits(&g[0]), values[0].to_bits()), (bits(&g[1]), values[1].to_bits()));
}

#[test]
fn the_center_moves_at_every_multiple() {
    let mut estimator = svrg(4);
    let mut seen = Vec::new();
    for step in 0..10 {
        estimator.refresh(step, &[step as f32, 0.0]).unwrap();
        seen.push(estimator.center().unwrap()[0]);
    }
    assert_eq!(seen, [0.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0, 4.0, 8.0, 8.0]);
    // A chain that was moved at a multiple, after the center was taken there.
    estimator.refresh(8, &[-1.0, 0.0]).unwrap();
    assert_eq!(estimator.center(), Some(&[-1.0, 0.0][..]));
    // A first center at once, wherever a chain begins.
    let mut late = svrg(4);
    late.refresh(6, &[3.0, 0.0]).unwrap();
    assert_eq!(late.center(), Some(&[3.0, 0.0][..]));
    late.refresh(7, &[5.0, 0.0]).unwrap();
    assert_eq!(late.center(), Some(&[3.0, 0.0][..]));
}

/// With a center at every update each estimate is the full gradient, to the bit, and so is the chain.
#[test]
fn a_center_at_every_update_is_the_full_gradient() {
    let full = samples(&mut chain(line(), sgld(), 6));
    assert_eq!(samples(&mut chain(svrg(1), sgld(), 2)), full);
    assert_ne!(samples(&mut chain(svrg(2), sgld(), 2)), full);
    assert_ne!(samples(&mut chain(line(), sgld(), 2)), full);
}

/// Sixty steps in a row, and the same interrupted (through text) after each single step.
fn both_ways<S: Sampler<State: Serialize + DeserializeOwned> + Clone>(
    sampler: &S,
    every: u64,
) -> (Vec<Kept>, Vec<Kept>) {
    let whole = samples(&mut chain(svrg(every), sampler.clone(), 2));
    let (mut kept, mut pieces) = (Vec::new(), chain(svrg(every), sampler.clone(), 2));
    for cut in 0..=60 {
        pieces.run_until(cut, &mut keep(&mut kept)).unwrap();
        let text = serde_json::to_string(&pieces.state()).unwrap();
        let state: ChainState<S::State> = serde_json::from_str(&text).unwrap();
        pieces = Chain::resume(svrg(every), sampler.clone(), config(2), Seed::root(81), state).unwrap();
    }
    (whole, kept)
}

#[test]
fn resumed_equals_uninterrupted() {
    for every in [1, 7, 15, 100] {
        let (whole, pieces) = both_ways(&sgld(), every);
        assert_eq!(whole, pieces, "SGLD, every {every}");
        let (whole, pieces) = both_ways(&Sgd::new(Schedule::Constant(0.02), 0.9), every);
        assert_eq!(whole, pieces, "SGD, every {every}");
    }
    // What it rests on: a chain that takes a new center where it was interrupted goes elsewhere.
    let mut forgetful = chain(svrg(7), sgld(), 2);
    forgetful.run_until(10, &mut keep(&mut Vec::new())).unwrap();
    let mut state = forgetful.state();
    state.estimator.insert("svrg_centre", &[]);
    let mut resumed = Chain::resume(svrg(7), sgld(), config(2), Seed::root(81), state).unwrap();
    assert_ne!(samples(&mut resumed), samples(&mut forgetful));
}

/// One full gradient per period, one more for a resume, none for a summary; two minibatch gradients per update.
#[test]
fn full_gradients_are_few() {
    let config = ChainConfig { steps: 20, burn_in: 0, thinning: 1, batch_size: 3 };
    let sampler = Sgld::new(Schedule::Constant(0.01), 1.0);
    let fresh = || Svrg::new(Spy::default(), 5).unwrap();
    let mut chain = Chain::new(0, fresh(), sampler, config, Seed::root(82), vec![1.0; 3]).unwrap();
    chain.run_until(13, &mut keep(&mut Vec::new())).unwrap();
    let state = chain.state();
    chain.run(&mut keep(&mut Vec::new())).unwrap();
    let full = |asked: &[Option<Vec<u32>>]| asked.iter().filter(|asked| asked.is_none()).count();
    let asked = chain.into_potential().into_inner().asked;
    assert_eq!((full(&asked), asked.len()), (5, 5 + 2 * 21), "at 0, 5, 10, 15, 20");

    let mut resumed = Chain::resume(fresh(), sampler, config, Seed::root(82), state).unwrap();
    resumed.summary().unwrap();
    resumed.run(&mut keep(&mut Vec::new())).unwrap();
    assert_eq!(full(&resumed.into_potential().into_inner().asked), 3, "the saved center's, and those of 15 and 20");
}

/// A summary before the first update tells the noise of that update, and changes nothing.
#[test]
fn a_summary_sees_the_estimator_as_the_next_update_will() {
    let mut looked = chain(svrg(7), sgld(), 2);
    let summary = looked.summary().unwrap();
    assert_eq!(summary.effective_temperature, Some(1.0), "no noise at the center");
    assert!(chain(line(), sgld(), 2).summary().unwrap().effective_temperature > Some(1.05));
    let mut kept = Vec::new();
    looked.run_until(11, &mut keep(&mut kept)).unwrap();
    assert!(looked.summary().unwrap().effective_temperature > Some(1.0));
    looked.run(&mut keep(&mut kept)).unwrap();
    assert_eq!(kept, samples(&mut chain(svrg(7), sgld(), 2)));
}

#[test]
fn bad_settings_and_states_are_refused() {
    let error = Svrg::new(line(), 0).unwrap_err();
    assert_eq!(error.to_string(), "updates between centers is 0; expected at least 1");
    // Saved without the estimator, or with one of another dimension.
    let missing = svrg(3).restore(&Buffers::default()).unwrap_err();
    assert_eq!(missing, ChainError::Buffer { name: "svrg_centre", expected: 2, found: None });
    let mut long = Buffers::default();
    long.insert("svrg_centre", &[0.0; 3]);
    let mut estimator = svrg(3);
    assert_eq!(
        estimator.restore(&long).unwrap_err(),
        ChainError::Buffer { name: "svrg_centre", expected: 2, found: Some(3) }
    );
    assert!(estimator.center().is_none(), "a refused state leaves nothing behind");
    // Saved before the first center.
    assert_eq!(estimator.restore(&svrg(3).save()), Ok(()));
    assert!(estimator.center().is_none());
}

#[test]
fn the_rest_is_the_potentials_own() {
    let mut estimator = svrg(5);
    assert_eq!((estimator.dim(), estimator.num_data(), estimator.prior_precision()), (2, 6, Some(0.8)));
    let (mut own, mut through) = ([0.0; 2], [0.0; 2]);
    line().curvature(&[0.1, 0.2], Minibatch::Indices(&[0, 5]), &mut own).unwrap();
    estimator.curvature(&[0.1, 0.2], Minibatch::Indices(&[0, 5]), &mut through).unwrap();
    assert_eq!(bits(&through), bits(&own));
}
