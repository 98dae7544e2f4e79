//! Mutated samplers, which the checks of correct ones must reject.

use apd_seed::Seed;

use super::super::dynamics::{Dynamics, Hamiltonian};
use super::super::nuts::Nuts;
use super::super::{Trajectory, metropolis};
use super::targets::{Target, log_exponential};
use super::{DRAWS, Rule, accept, refuse, rules};
use crate::Potential64;
use crate::phase_space::Point;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Mutation {
    None,
    /// Every point has the same energy: no Metropolis correction, and uniform instead of multinomial weights.
    FlatEnergy,
    /// The kinetic energy belongs to another mass than the momenta.
    WrongMass,
    /// The energy leaves the kinetic part out.
    NoKineticEnergy,
    /// The energy forgets the temperature.
    NoTemperature,
    /// The leapfrog's last half step is missing: it is no longer reversible.
    HalfKick,
    /// One momentum for ever, and for all chains.
    StaleMomentum,
}

struct Mutated {
    dynamics: Dynamics<Target>,
    mutation: Mutation,
}

impl Hamiltonian for Mutated {
    fn leapfrog(&mut self, from: &Point, to: &mut Point, step: f64) {
        self.dynamics.leapfrog(from, to, step);
        if self.mutation == Mutation::HalfKick {
            for (p, g) in to.momentum.iter_mut().zip(&to.gradient) {
                *p += 0.5 * step / self.dynamics.temperature * g;
            }
        }
    }

    fn energy(&self, point: &Point) -> f64 {
        match self.mutation {
            Mutation::FlatEnergy => 0.0,
            Mutation::NoKineticEnergy => point.potential / self.dynamics.temperature,
            Mutation::NoTemperature => {
                self.dynamics.energy(point) + point.potential * (1.0 - 1.0 / self.dynamics.temperature)
            }
            _ => self.dynamics.energy(point),
        }
    }
}

/// As [`super::averages`], with a mutation.
fn averages(target: &Target, rule: &Rule, mutation: Mutation, chain: u32, seed: Seed) -> Vec<f64> {
    let momenta = seed.child("momentum");
    let (momenta, row) = match mutation {
        Mutation::StaleMomentum => (momenta, 0),
        _ => (momenta.index(chain.into()), 1),
    };
    let (momenta, seed) = (momenta.normals(), seed.index(chain.into()));
    let mut hamiltonian = Mutated { dynamics: Dynamics::new(target.clone(), rule.temperature), mutation };
    hamiltonian.dynamics.preconditioner.scales.clone_from(&rule.scales);
    let (mut current, mut nuts) = (Point::new(target.draw(seed.child("start"))), Nuts::new(target.dim()));
    hamiltonian.dynamics.evaluator.evaluate(&mut current);
    let mut spare = [current.clone(), current.clone()];
    let (step, mut choices) = (rule.step_size, seed.child("choices").stream());
    target.averages((0..DRAWS).map(|draw| {
        momenta.fill_f64(row * draw, 0, &mut current.momentum);
        if mutation == Mutation::WrongMass {
            current.momentum.iter_mut().for_each(|p| *p *= 1.1);
        }
        match rule.trajectory {
            Trajectory::Hmc { length, jitter, max_steps } => {
                let leapfrogs = metropolis::leapfrogs(length, jitter, max_steps, step, &mut choices);
                metropolis::transition(&mut hamiltonian, &mut current, &mut spare, step, leapfrogs, &mut choices);
            }
            Trajectory::Nuts { max_depth } => {
                nuts.transition(&mut hamiltonian, &mut current, step, max_depth, &mut choices);
            }
        }
        current.position.clone()
    }))
}

#[test]
fn every_mutation_is_seen_under_both_rules() {
    let seed = Seed::root(72);
    let target = Target::gaussian(&[1.0, 2.0], 0.6, 2.5);
    for trajectory in rules() {
        let mut rule = Rule::new(trajectory, 1.1, &target);
        rule.temperature = 2.5;
        accept(&format!("right, {trajectory:?}"), &target, |c| averages(&target, &rule, Mutation::None, c, seed));
        for mutation in [
            Mutation::FlatEnergy,
            Mutation::WrongMass,
            Mutation::NoKineticEnergy,
            Mutation::NoTemperature,
            Mutation::HalfKick,
            Mutation::StaleMomentum,
        ] {
            refuse(&format!("{mutation:?}, {trajectory:?}"), &target, |c| averages(&target, &rule, mutation, c, seed));
        }
    }
}

/// Beyond Gaussians too, where a check of moments alone might be passed by symmetry.
#[test]
fn uncorrected_trajectories_miss_a_skewed_law() {
    let (seed, target) = (Seed::root(73), log_exponential());
    for trajectory in rules() {
        let rule = Rule::new(trajectory, 0.9, &target);
        accept(&format!("right, {trajectory:?}"), &target, |c| averages(&target, &rule, Mutation::None, c, seed));
        let name = format!("flat energy, {trajectory:?}");
        refuse(&name, &target, |c| averages(&target, &rule, Mutation::FlatEnergy, c, seed));
    }
}
