//! The tests, a file per family.

mod extrapolation;
mod gaussian;
mod joint;
mod noise;
mod targets;

use crate::{Half, Test};

/// The tests of `half`, family by family.
pub fn suite(half: Half) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(gaussian::tests());
    tests.extend(joint::tests());
    tests.extend(noise::tests());
    tests.extend(targets::tests());
    tests.retain(|test| test.half <= half);
    tests
}
