//! The tests, a file per family.

mod noise;

use crate::{Half, Test};

/// The tests of `half`, family by family.
pub fn suite(half: Half) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(noise::tests());
    tests.retain(|test| test.half <= half);
    tests
}
