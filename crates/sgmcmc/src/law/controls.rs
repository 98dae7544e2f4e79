//! Negative controls: the usual mistakes, each of which the laws must reject.

use apd_seed::{Normals, Seed};

use super::gaussian;
use super::minibatch::{self, EPSILON};
use crate::testing::bits;
use crate::{ChainError, Sampler, Schedule, Sgld};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    /// The control of the controls.
    None,
    /// N(0, 2TεI) is added.
    NoiseDoubled,
    /// The noise is multiplied by Tε, its variance, instead of by its standard deviation.
    VarianceForDeviation,
    /// Nothing is added.
    NoNoise,
    /// θ − ε·∇U: the ½ is missing.
    HalfMissing,
    /// θ + (ε/2)·∇U.
    DriftSign,
    /// The gradient is that of the position before.
    StaleGradient,
    /// Every update adds row 0.
    SameRow,
    /// Every stretch of 1024 coordinates gets the noise of the first.
    SameBlock,
}

/// SGLD in scalar form, with a fault.
#[derive(Clone, Debug)]
struct Faulty {
    sgld: Sgld,
    fault: Fault,
    previous: Vec<f32>,
}

impl Faulty {
    fn new(sgld: Sgld, fault: Fault) -> Self {
        Self { sgld, fault, previous: Vec::new() }
    }
}

impl Sampler for Faulty {
    fn name(&self) -> &'static str {
        "faulty SGLD"
    }

    fn schedule(&self) -> &Schedule {
        self.sgld.schedule()
    }

    fn temperature(&self) -> f64 {
        self.sgld.temperature()
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.sgld.validate()
    }

    fn prepare(&mut self, dim: usize) {
        self.previous = vec![0.0; dim];
    }

    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        let epsilon = self.sgld.step_size.step_size(step);
        let variance = self.sgld.temperature * epsilon;
        let deviation = match self.fault {
            Fault::NoiseDoubled => (2.0 * variance).sqrt(),
            Fault::VarianceForDeviation => variance,
            Fault::NoNoise => 0.0,
            _ => variance.sqrt(),
        } as f32;
        let drift = match self.fault {
            Fault::HalfMissing => epsilon,
            Fault::DriftSign => -0.5 * epsilon,
            _ => 0.5 * epsilon,
        } as f32;
        let mut z = vec![0.0; position.len()];
        noise.fill(if self.fault == Fault::SameRow { 0 } else { step }, 0, &mut z);
        for i in 0..position.len() {
            let z = if self.fault == Fault::SameBlock { z[i % 1024] } else { z[i] };
            let g = if self.fault == Fault::StaleGradient { self.previous[i] } else { gradient[i] };
            position[i] += deviation * z - drift * g;
        }
        self.previous.copy_from_slice(gradient);
        position.iter().all(|x| x.is_finite())
    }
}

const FAULTS: [Fault; 6] = [
    Fault::NoiseDoubled,
    Fault::VarianceForDeviation,
    Fault::NoNoise,
    Fault::HalfMissing,
    Fault::DriftSign,
    Fault::StaleGradient,
];

#[test]
fn faulty_samplers_are_rejected_on_a_gaussian() {
    let sgld = Sgld::new(Schedule::Constant(0.3), 1.0);
    let law = |fault| gaussian::law(&Faulty::new(sgld, fault), &gaussian::plane(), Seed::root(2).child("plane"));
    law(Fault::None).accept("scalar SGLD on a Gaussian");
    for fault in FAULTS.into_iter().chain([Fault::SameRow, Fault::SameBlock]) {
        law(fault).refuse(&format!("{fault:?} on a Gaussian"));
    }
}

#[test]
fn faulty_samplers_are_rejected_with_minibatches() {
    let sgld = Sgld::new(Schedule::Constant(EPSILON), 1.0);
    let law = |fault| minibatch::conjugate_mean_law(&Faulty::new(sgld, fault), [1.0, 1.0]);
    law(Fault::None).accept("scalar SGLD with minibatches");
    for fault in FAULTS {
        law(fault).refuse(&format!("{fault:?} with minibatches"));
    }
}

#[test]
fn faulty_potentials_are_rejected() {
    let sgld = Sgld::new(Schedule::Constant(EPSILON), 1.0);
    for (name, factors) in [
        ("the gradient of the mean loss: N dropped", [minibatch::PER_DATUM, 1.0]),
        ("the minibatch's sum, not multiplied by N/B", [1.0 / minibatch::SCALE, 1.0]),
        ("the prior multiplied by N/B too", [1.0, minibatch::SCALE]),
        ("the prior's sign wrong", [1.0, -1.0]),
        ("the prior forgotten", [1.0, 0.0]),
        ("the data's sign wrong", [-1.0, 1.0]),
    ] {
        minibatch::conjugate_mean_law(&sgld, factors).refuse(name);
    }
}

/// The controls differ from the sampler in their faults only.
#[test]
fn without_a_fault_the_scalar_form_is_sgld() {
    let mut sgld = Sgld::new(Schedule::Polynomial { a: 0.1, b: 1.0, gamma: 0.5 }, 0.7);
    let mut faulty = Faulty::new(sgld, Fault::None);
    faulty.prepare(3000);
    let noise = Seed::root(8).normals();
    let (mut x, mut y) = (vec![1.0; 3000], vec![1.0; 3000]);
    for step in 0..5 {
        let gradient: Vec<f32> = x.iter().map(|x| 3.0 * x).collect();
        assert!(sgld.step(step, &mut x, &gradient, &noise) && faulty.step(step, &mut y, &gradient, &noise));
    }
    assert_eq!(bits(&x), bits(&y));
}
