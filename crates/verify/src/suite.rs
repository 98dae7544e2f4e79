//! The tests, a file per family.

mod calibration;
mod extrapolation;
mod gaussian;
mod hamiltonian;
mod joint;
mod lagged;
mod minibatch;
mod noise;
mod regression;
mod schedules;
mod targets;

use crate::{Half, Test};

/// The tests of `half`, family by family.
pub fn suite(half: Half) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(calibration::tests());
    tests.extend(gaussian::tests());
    tests.extend(hamiltonian::tests());
    tests.extend(joint::tests());
    tests.extend(minibatch::tests());
    tests.extend(noise::tests());
    tests.extend(regression::tests());
    tests.extend(targets::tests());
    tests.extend(schedules::tests());
    tests.retain(|test| test.half <= half);
    tests
}
