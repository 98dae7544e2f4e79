//! The contract of samplers with chains, and the linear map that it is on a quadratic potential.

use apd_seed::{Normals, Seed};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::testing::{Kept, Terms, bits, keep};
use crate::{BaoabState, Chain, ChainConfig, ChainError, ChainState, Sampler, Schedule, Sgd, SgnhtState, Update};

pub(super) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() }
}

/// `len` standard normals, others for each `row`.
pub(super) fn vector(row: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::root(50).child("vector").normals().fill(row, 0, &mut values);
    values
}

/// A sampler under way.
#[derive(Clone)]
pub(super) struct Running<S: Sampler> {
    pub(super) sampler: S,
    pub(super) state: S::State,
    /// What the next update is told.
    pub(super) curvature: Vec<f32>,
}

impl<S: Sampler> Running<S> {
    pub(super) fn new(sampler: S, dim: usize) -> Self {
        Self { state: sampler.init(dim), curvature: vec![0.0; dim], sampler }
    }

    pub(super) fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        let update = Update { step, gradient, curvature: &self.curvature, noise };
        self.sampler.step(&mut self.state, position, update)
    }
}

/// Interrupted at several steps, through text, with minibatches: the same samples and the same end.
pub(super) fn resumes_to_the_bit<S: Sampler<State: Serialize + DeserializeOwned> + Clone>(sampler: &S) {
    let points = [(0.3, 1.1), (-1.2, 0.4), (2.0, 3.2), (0.7, 1.9), (-0.4, 0.6), (1.5, 2.2), (-2.0, -0.9)];
    let (model, seed) = (Terms::line(&points, 1.0, 0.5), Seed::root(51));
    let config = ChainConfig { steps: 60, burn_in: 5, thinning: 2, batch_size: 3 };
    let text = |chain: &Chain<Terms<2>, S>| serde_json::to_string(&chain.state()).unwrap();

    let start = || Chain::new(2, model.clone(), sampler.clone(), config, seed, vec![0.5, -0.5]).unwrap();
    let (mut whole, mut expected) = (start(), Vec::<Kept>::new());
    whole.run(&mut keep(&mut expected)).unwrap();
    assert!(!expected.is_empty() && whole.position() != [0.5, -0.5]);

    let (mut pieces, mut kept) = (start(), Vec::new());
    for cut in [0, 1, 2, 17, 30, 59, 60] {
        pieces.run_until(cut, &mut keep(&mut kept)).unwrap();
        let state: ChainState<S::State> = serde_json::from_str(&text(&pieces)).unwrap();
        pieces = Chain::resume(model.clone(), sampler.clone(), config, seed, state).unwrap();
    }
    assert_eq!((kept, text(&pieces)), (expected, text(&whole)));
}

/// One NaN or infinity, wherever it is, is seen; and finite gradients are not.
pub(super) fn sees_every_bad_gradient<S: Sampler + Clone>(sampler: &S) {
    let noise = Seed::root(52).normals();
    for len in [1, 17, 1023, 1024, 1025, 2500] {
        for place in [0, len / 2, len - 1] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut sampler = Running::new(sampler.clone(), len);
                let (mut theta, mut gradient) = (vector(0, len), vector(1, len));
                assert!(sampler.step(0, &mut theta, &gradient, &noise));
                gradient[place] = bad;
                assert!(!sampler.step(1, &mut theta, &gradient, &noise), "{bad} at {place} of {len}");
                assert!(!theta[place].is_finite(), "{bad} at {place} of {len}: {}", theta[place]);
            }
        }
    }
}

/// States of another length are refused, by the name of what is too long.
pub(super) fn guards_its_state<S: Sampler>(sampler: &S, name: &'static str) {
    assert_eq!(sampler.check(&sampler.init(9), 9), Ok(()));
    let error = ChainError::Buffer { name, expected: 9, found: Some(10) };
    assert_eq!(sampler.check(&sampler.init(10), 9), Err(error));
}

/// The error that `validate` must give.
pub(super) fn refused<S: Sampler>(sampler: &S) -> &'static str {
    match sampler.validate() {
        Err(ChainError::Setting { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

/// A step size, temperature or friction (called `friction`) out of range is refused by its name.
pub(super) fn refuses_bad_settings<S: Sampler>(new: impl Fn(Schedule, f64, f64) -> S, friction: &str) {
    let constant = Schedule::Constant(0.1);
    for temperature in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&new(constant, temperature, 0.5)), "temperature");
    }
    for bad in [0.0, -0.1, 1.1, f64::NAN] {
        assert_eq!(refused(&new(constant, 1.0, bad)), friction);
    }
    assert_eq!(refused(&new(Schedule::Constant(0.0), 1.0, 0.5)), "constant step size");
    assert_eq!(new(constant, 0.0, 1.0).validate(), Ok(()));
}

/// Ten updates are those of gradient descent with momentum, to the bit; the sampler after them.
pub(super) fn descends<S: Sampler>(sampler: S, descent: Sgd, len: usize, noise: &Normals) -> Running<S> {
    let (mut sampler, mut descent) = (Running::new(sampler, len), Running::new(descent, len));
    let (mut x, mut y) = (vector(0, len), vector(0, len));
    for t in 0..10 {
        let gradient = vector(t + 1, len);
        assert!(sampler.step(t, &mut x, &gradient, noise) && descent.step(t, &mut y, &gradient, noise));
        assert_eq!(bits(&x), bits(&y), "update {t}");
    }
    sampler
}

/// The sampler after its first update of one coordinate.
pub(super) fn running<S: Sampler + Clone>(sampler: &S) -> Running<S> {
    let mut sampler = Running::new(sampler.clone(), 1);
    sampler.step(0, &mut [0.0], &[0.0], &Seed::root(54).normals());
    sampler
}

/// A state with a momentum in it.
pub(super) trait Momentum {
    fn momentum(&mut self) -> &mut Vec<f32>;
}

impl Momentum for Vec<f32> {
    fn momentum(&mut self) -> &mut Vec<f32> {
        self
    }
}

impl Momentum for BaoabState {
    fn momentum(&mut self) -> &mut Vec<f32> {
        &mut self.momentum
    }
}

impl Momentum for SgnhtState {
    fn momentum(&mut self) -> &mut Vec<f32> {
        &mut self.momentum
    }
}

/// The stationary covariance of (θ, u) under `running`, a sampler with momentum, on U = ½λθ² with full batches.
///
/// An update is (θ, u) ← M·(θ, u) + n·z. M and n are read off the sampler itself, by one update from each of (0, 0), (1, 0) and
/// (0, 1) with known z; then Σ ← M·Σ·Mᵀ + n·nᵀ in double precision, 20 000 times.
pub(super) fn stationary<S: Sampler<State: Momentum> + Clone>(running: &Running<S>, lambda: f32) -> [[f64; 2]; 2] {
    let noise = Seed::root(54).normals();
    let from = |theta: f32, u: f32| -> [f64; 2] {
        let (mut sampler, mut position) = (running.clone(), [theta]);
        sampler.state.momentum()[0] = u;
        sampler.step(1, &mut position, &[lambda * theta], &noise);
        [position[0].into(), sampler.state.momentum()[0].into()]
    };
    let mut z = [0.0];
    noise.fill(1, 0, &mut z);
    let (still, moved, pushed) = (from(0.0, 0.0), from(1.0, 0.0), from(0.0, 1.0));
    let m: [[f64; 2]; 2] = std::array::from_fn(|i| [moved[i] - still[i], pushed[i] - still[i]]);
    let n = still.map(|x| x / f64::from(z[0]));

    let mut sigma = [[0.0; 2]; 2];
    for _ in 0..20_000 {
        sigma = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let moved: f64 = (0..4).map(|k| m[i][k / 2] * sigma[k / 2][k % 2] * m[j][k % 2]).sum();
                moved + n[i] * n[j]
            })
        });
    }
    sigma
}
