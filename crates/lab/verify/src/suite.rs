//! The tests, a file per family.

mod calibration;
mod extrapolation;
mod gaussian;
mod hamiltonian;
mod joint;
mod lagged;
mod mclmc;
mod microcanonical;
mod minibatch;
mod noise;
mod order;
mod posteriors;
mod regression;
mod scaling;
mod schedules;
mod targets;
mod width;

use crate::{Half, Recipe, Test};

/// The tests of `half`, family by family.
pub fn suite(half: Half) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(calibration::tests());
    tests.extend(gaussian::tests());
    tests.extend(hamiltonian::tests());
    tests.extend(joint::tests());
    tests.extend(mclmc::tests());
    tests.extend(microcanonical::tests());
    tests.extend(minibatch::tests());
    tests.extend(noise::tests());
    tests.extend(posteriors::tests());
    tests.extend(regression::tests());
    tests.extend(targets::tests());
    tests.extend(schedules::tests());
    tests.extend(scaling::tests());
    tests.extend(order::tests());
    tests.extend(width::tests());
    tests.retain(|test| test.half <= half);
    tests
}

/// The tests that any sampler can take, one of yours too, with their negative controls: those that know nothing of it, and
/// where its [`affine`](Recipe::affine) law is given, those that compare with it.
///
/// The step ε of the tests is in the units of [`Sgld`](apd_sgmcmc::Sgld)'s: where yours is another, `build` must convert it.
pub fn tests_for(recipe: Recipe) -> Vec<Test> {
    let mut tests = joint::tests_of(recipe);
    tests.extend(calibration::tests_of(recipe));
    tests.extend(width::tests_of(recipe));
    if recipe.affine.is_some() {
        tests.extend(gaussian::tests_of(recipe));
    }
    tests
}
