//! The tests, a file per family.

use crate::{Half, Test};

/// The tests of `half`, family by family.
pub fn suite(half: Half) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.retain(|test| test.half <= half);
    tests
}
