//! Correct chains have the target's law, whatever the step size.

use apd_seed::Seed;

use super::super::{HamiltonianChain, HamiltonianConfig, Metric, Trajectory};
use super::targets::{Target, half_normal, log_exponential, two_modes};
use super::{DRAWS, Rule, accept, averages, rules};

const SEED: Seed = Seed::root(71);

/// Under both rules, with a step size of the order of the target's own scale.
fn holds(name: &str, target: &Target, step_size: f64, adjust: impl Fn(&mut Rule)) {
    for trajectory in rules() {
        let mut rule = Rule::new(trajectory, step_size, target);
        adjust(&mut rule);
        accept(&format!("{name}, {trajectory:?}"), target, |chain| averages(target, &rule, chain, SEED.child(name)));
    }
}

#[test]
fn scales_from_a_hundredth_to_a_hundred() {
    let scales = [1e-2, 1e-1, 1.0, 10.0, 1e2];
    let target = Target::gaussian(&scales, 0.0, 1.0);
    holds("diagonal Gaussian", &target, 1.1, |rule| {
        rule.scales = scales.to_vec();
    });
}

#[test]
fn correlated_coordinates() {
    holds("correlated Gaussian", &Target::gaussian(&[1.0, 0.5, 2.0], 0.9, 1.0), 0.2, |_| ());
}

/// A mass that does not fit costs time, not truth.
#[test]
fn a_mass_that_does_not_fit() {
    let target = Target::gaussian(&[1.0, 0.5, 2.0], 0.5, 1.0);
    holds("any mass", &target, 0.5, |rule| rule.scales = vec![0.6, 0.5, 1.4]);
}

#[test]
fn temperature_scales_the_variance() {
    holds("hot Gaussian", &Target::gaussian(&[1.0, 2.0], 0.6, 2.5), 1.1, |rule| rule.temperature = 2.5);
    holds("cold Gaussian", &Target::gaussian(&[1.0, 2.0], 0.6, 0.1), 0.25, |rule| rule.temperature = 0.1);
}

/// The correction is exact for U, so a force that is 20 % too strong costs acceptance only.
#[test]
fn a_wrong_force_does_not_change_the_law() {
    let mut target = Target::gaussian(&[1.0, 2.0], 0.6, 1.0);
    target.force = 1.2;
    holds("wrong force", &target, 0.6, |_| ());
}

#[test]
fn beyond_gaussians() {
    holds("log-exponential", &log_exponential(), 0.9, |_| ());
    holds("two modes", &two_modes(), 0.6, |_| ());
}

/// Beyond the wall every trajectory diverges, which is no reason to have another law before it.
#[test]
fn a_wall_of_nan() {
    holds("half-normal", &half_normal(), 0.4, |_| ());
}

/// The whole of it, warm-up included, from a bad start.
#[test]
fn adapted_chains() {
    let target = Target::gaussian(&[0.1, 1.0, 10.0], 0.5, 1.0);
    for (trajectory, metric) in rules().into_iter().zip([Metric::LowRank { rank: 1 }, Metric::Diagonal]) {
        let config = HamiltonianConfig { trajectory, metric, ..HamiltonianConfig::nuts(300, DRAWS) };
        accept(&format!("adapted, {trajectory:?}, {metric:?}"), &target, |chain| {
            let start = vec![-0.3, 2.0, 30.0];
            let mut chain = HamiltonianChain::new(chain, target.clone(), config, SEED.child("adapted"), start).unwrap();
            target.averages(std::iter::from_fn(|| {
                while chain.progress().step < 300 {
                    assert!(chain.step().unwrap().is_none(), "a draw of the warm-up was kept");
                }
                let more = chain.progress().step < 300 + DRAWS;
                more.then(|| chain.step().unwrap().unwrap().position.to_vec())
            }))
        });
    }
}

/// A depth that is too small cuts trajectories off, with the same law.
#[test]
fn shallow_trees() {
    for max_depth in [1, 2, 3] {
        let target = Target::gaussian(&[1.0, 0.5], 0.5, 1.0);
        let rule = Rule::new(Trajectory::Nuts { max_depth }, 0.3, &target);
        let name = format!("depth {max_depth}");
        accept(&name, &target, |chain| averages(&target, &rule, chain, SEED.child("shallow")));
    }
}
