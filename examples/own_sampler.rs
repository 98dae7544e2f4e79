//! A sampler of one's own through the tests of `apd-verify`: Langevin dynamics by hand, right and with too much noise.

use std::error::Error;

use apd_sgmcmc::{ChainError, Sampler, Schedule, Update};
use apd_verify::{AnySampler, Expect, Half, Recipe, run, tests_for};

struct Langevin(Schedule, f64);

#[rustfmt::skip] // a line each
impl Sampler for Langevin {
    type State = ();
    fn name(&self) -> &'static str { "Langevin" }
    fn schedule(&self) -> &Schedule { &self.0 }
    fn temperature(&self) -> f64 { self.1 }
    fn validate(&self) -> Result<(), ChainError> { self.0.validate() }
    fn init(&self, _dim: usize) {}
    fn check(&self, (): &(), _dim: usize) -> Result<(), ChainError> { Ok(()) }
    fn step(&self, (): &mut (), position: &mut [f32], update: Update<'_>) -> bool {
        let (epsilon, t) = (self.0.step_size(update.step) as f32, self.1 as f32);
        let mut z = vec![0.0; position.len()];
        update.noise.fill(update.step, 0, &mut z);
        for ((x, g), z) in position.iter_mut().zip(update.gradient).zip(z) {
            *x += (t * epsilon).sqrt() * z - 0.5 * epsilon * g;
        }
        position.iter().all(|x| x.is_finite())
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let right = Recipe::new("by hand", |schedule, t| AnySampler::new(Langevin(schedule, t)));
    let wrong = Recipe::new("its noise × √2", |schedule, t| AnySampler::new(Langevin(schedule, 2.0 * t)));
    for (recipe, is_right) in [(right, true), (wrong, false)] {
        let mut tests = tests_for(recipe); // here is a second of the minutes that all of them take
        tests.retain(|it| it.family == "calibration" && it.half == Half::Quick && it.expect == Expect::Accept);
        let outcomes = run(&tests, |it| println!("{:<16} {:<36} passed: {}", it.sampler, it.case, it.passed()));
        assert!(!outcomes.is_empty() && outcomes.iter().all(|it| it.passed() == is_right));
    }
    Ok(())
}
