//! Chains against the laws that they are exact for, at any step size.
//!
//! A replicate is one chain; it starts from an exact draw, so that every later draw has the target's law and its time averages
//! have the target's expectations, without a burn-in to argue about. Many independent replicates then give a mean and its own
//! standard error.
//!
//! * [`targets`]: laws with exact draws and expectations.
//! * [`laws`]: correct chains on them.
//! * [`controls`]: faulty ones, that the very same checks must reject.

use apd_seed::Seed;
use rayon::prelude::*;

use super::{HamiltonianChain, HamiltonianConfig, Trajectory};
use crate::Potential64;
use targets::Target;

mod controls;
mod laws;
mod targets;

/// Replicates per law.
const CHAINS: u32 = 800;
/// Draws per replicate.
const DRAWS: u64 = 250;
/// Bound on |z| for α = 10⁻³ over all laws and both rules, of at most 200 comparisons: p = 5·10⁻⁶ two-sided is 4.565 for a normal,
/// and 4.60 for Student's t with 799 degrees of freedom.
const THRESHOLD: f64 = 4.6;

/// With NUTS' usual depth, and a length of about a quarter of a period with much jitter.
fn rules() -> [Trajectory; 2] {
    [Trajectory::Nuts { max_depth: 10 }, Trajectory::Hmc { length: 1.5, jitter: 0.5, max_steps: 64 }]
}

/// A rule of motion whose step size and mass are given, not learned.
#[derive(Clone)]
struct Rule {
    trajectory: Trajectory,
    step_size: f64,
    scales: Vec<f64>,
    temperature: f64,
}

impl Rule {
    fn new(trajectory: Trajectory, step_size: f64, target: &Target) -> Self {
        Self { trajectory, step_size, scales: vec![1.0; target.dim()], temperature: 1.0 }
    }

    fn config(&self, draws: u64) -> HamiltonianConfig {
        let Self { trajectory, temperature, .. } = *self;
        HamiltonianConfig { trajectory, temperature, ..HamiltonianConfig::nuts(0, draws) }
    }
}

/// The time averages of the target's functions over one chain.
fn averages(target: &Target, rule: &Rule, chain: u32, seed: Seed) -> Vec<f64> {
    let (config, start) = (rule.config(DRAWS), target.draw(seed.child("start").index(chain.into())));
    let mut state = HamiltonianChain::new(chain, target.clone(), config, seed, start).unwrap().state();
    (state.step_size, state.preconditioner.scales) = (rule.step_size, rule.scales.clone());
    let mut chain = HamiltonianChain::resume(target.clone(), config, seed, state).unwrap();
    target.averages((0..DRAWS).map(|_| chain.step().unwrap().unwrap().position.to_vec()))
}

/// Compares the replicates' means with the target's expectations; the greatest |z|, or what was rejected.
fn verdict(target: &Target, replicates: impl Fn(u32) -> Vec<f64> + Sync) -> Result<f64, String> {
    let replicates: Vec<Vec<f64>> = (0..CHAINS).into_par_iter().map(&replicates).collect();
    let (mut worst, mut rejected) = (0.0_f64, Vec::new());
    for (i, function) in target.functions().iter().enumerate() {
        let n = f64::from(CHAINS);
        let mean = replicates.iter().map(|averages| averages[i]).sum::<f64>() / n;
        let variance = replicates.iter().map(|averages| (averages[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let z = (mean - function.expectation) / (variance / n).sqrt();
        worst = worst.max(z.abs());
        // A NaN is rejected too.
        if z.abs().partial_cmp(&THRESHOLD) != Some(std::cmp::Ordering::Less) {
            rejected.push(format!("{}: {mean:.5}, in theory {:.5}, z = {z:.1}", function.name, function.expectation));
        }
    }
    if rejected.is_empty() { Ok(worst) } else { Err(rejected.join("\n")) }
}

#[track_caller]
fn accept(name: &str, target: &Target, replicates: impl Fn(u32) -> Vec<f64> + Sync) {
    match verdict(target, replicates) {
        Ok(worst) => println!("{name}: {} comparisons, greatest |z| {worst:.2}", target.functions().len()),
        Err(why) => panic!("{name} was rejected:\n{why}"),
    }
}

#[track_caller]
fn refuse(name: &str, target: &Target, replicates: impl Fn(u32) -> Vec<f64> + Sync) {
    match verdict(target, replicates) {
        Ok(worst) => panic!("{name} should have been rejected; greatest |z| {worst:.2}"),
        Err(why) => println!("{name}: rejected, {}", why.lines().next().unwrap_or_default()),
    }
}

#[test]
fn settings_are_checked() {
    let good = HamiltonianConfig::nuts(10, 10);
    assert_eq!(good.validate(), Ok(()));
    let hmc = |length, jitter, max_steps| Trajectory::Hmc { length, jitter, max_steps };
    for (config, message) in [
        (HamiltonianConfig { temperature: 0.0, ..good }, "temperature is 0; expected a finite number above 0"),
        (HamiltonianConfig { target_acceptance: 1.0, ..good }, "target acceptance is 1; expected"),
        (HamiltonianConfig { target_acceptance: f64::NAN, ..good }, "target acceptance is NaN; expected"),
        (HamiltonianConfig { trajectory: Trajectory::Nuts { max_depth: 0 }, ..good }, "maximal depth is 0; expected"),
        (HamiltonianConfig { trajectory: Trajectory::Nuts { max_depth: 21 }, ..good }, "maximal depth is 21; expected"),
        (HamiltonianConfig { trajectory: hmc(0.0, 0.1, 9), ..good }, "trajectory length is 0; expected"),
        (HamiltonianConfig { trajectory: hmc(1.0, 1.1, 9), ..good }, "trajectory jitter is 1.1; expected"),
        (HamiltonianConfig { trajectory: hmc(1.0, 0.1, 0), ..good }, "maximal leapfrog steps is 0; expected"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<HamiltonianConfig>(&text).unwrap(), good);
    assert!(serde_json::from_str::<HamiltonianConfig>(&text.replace("draws", "samples")).is_err());
}
