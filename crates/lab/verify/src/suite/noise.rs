//! The random numbers themselves: normals, streams, minibatches.
//!
//! A sampler is as right as its noise. Every check is run on the real thing and on generators with one mutation each.
//!
//! * [`normals`]: the law of one number, independence of two, and what an address means.
//! * [`minibatches`]: uniform numbers, names that must not collide, permutations and their parts.

mod minibatches;
mod normals;

use crate::Test;

/// The tests of the family.
pub(super) fn tests() -> Vec<Test> {
    let mut tests = normals::tests();
    tests.extend(minibatches::tests());
    tests
}
