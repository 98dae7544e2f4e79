//! The No-U-Turn sampler with multinomial weights.
//!
//! A trajectory is doubled, forwards or backwards by the toss of a coin, until its ends begin to approach each other. Each half of
//! a doubling is doubled in the same way, so that the trajectory is a binary tree in which every subtree has been checked:
//! from whichever of its points one starts, the same trajectory is built with the same probability. A point may then be drawn from
//! it by its weight exp(−H) alone.
//!
//! Reference: Betancourt, *A conceptual introduction to Hamiltonian Monte Carlo*, arXiv 1701.02434, 2017, appendix A.

use apd_seed::Stream;

use super::dynamics::Hamiltonian;
use super::{DIVERGENCE, Transition};
use crate::phase_space::Point;

/// A stretch of trajectory: its ends, the sum over its points, and the point drawn from it.
#[derive(Clone, Debug)]
struct Tree {
    /// Whitened momenta at the two ends, in the order of integration.
    first: Vec<f64>,
    last: Vec<f64>,
    /// ρ: the sum of the points' momenta, which points from one end to the other.
    rho: Vec<f64>,
    /// log Σ exp(H₀ − H) over the points.
    log_weight: f64,
    /// The draw; its momentum is not kept.
    draw: Point,
    /// H of the draw.
    energy: f64,
}

impl Tree {
    fn new(dim: usize) -> Self {
        Self {
            first: vec![0.0; dim],
            last: vec![0.0; dim],
            rho: vec![0.0; dim],
            log_weight: f64::NEG_INFINITY,
            draw: Point::new(vec![0.0; dim]),
            energy: f64::INFINITY,
        }
    }

    /// Becomes the tree of one point.
    fn plant(&mut self, point: &Point, energy: f64, log_weight: f64) {
        for momentum in [&mut self.first, &mut self.last, &mut self.rho] {
            momentum.copy_from_slice(&point.momentum);
        }
        self.draw.copy_from(point);
        (self.energy, self.log_weight) = (energy, log_weight);
    }

    /// Continues with `next`, from which the draw is taken if `take`; tells whether the whole has not turned back.
    ///
    /// It has if an end's momentum, whitened, points against ρ. That is checked across the joint too, where either half is joined by the
    /// nearest point of the other: a period may otherwise fit between the checked ends.
    fn append(&mut self, next: &mut Self, take: bool) -> bool {
        let (mut whole, mut left, mut right) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        for i in 0..self.rho.len() {
            let rho = self.rho[i] + next.rho[i];
            whole = [whole[0] + self.first[i] * rho, whole[1] + next.last[i] * rho];
            let rho = self.rho[i] + next.first[i];
            left = [left[0] + self.first[i] * rho, left[1] + next.first[i] * rho];
            let rho = next.rho[i] + self.last[i];
            right = [right[0] + self.last[i] * rho, right[1] + next.last[i] * rho];
            self.rho[i] += next.rho[i];
        }
        std::mem::swap(&mut self.last, &mut next.last);
        self.log_weight = log_add_exp(self.log_weight, next.log_weight);
        if take {
            self.draw.swap_place(&mut next.draw);
            self.energy = next.energy;
        }
        [whole, left, right].as_flattened().iter().all(|&product| product > 0.0)
    }

    /// The same stretch, run through the other way.
    fn reverse(&mut self) {
        std::mem::swap(&mut self.first, &mut self.last);
    }
}

/// Working space of the sampler: nothing in it outlives a transition.
#[derive(Debug)]
pub(super) struct Nuts {
    forward: Point,
    backward: Point,
    whole: Tree,
    doubling: Tree,
    /// One tree per level of a doubling's recursion; as many as have been needed.
    spare: Vec<Tree>,
}

impl Nuts {
    pub(super) fn new(dim: usize) -> Self {
        let (point, tree) = (Point::new(vec![0.0; dim]), Tree::new(dim));
        Self { forward: point.clone(), backward: point, whole: tree.clone(), doubling: tree, spare: Vec::new() }
    }

    /// Moves `current`, whose momentum is fresh, to a point of a trajectory through it.
    pub(super) fn transition<H: Hamiltonian>(
        &mut self,
        hamiltonian: &mut H,
        current: &mut Point,
        step: f64,
        max_depth: u32,
        choices: &mut Stream,
    ) -> Transition {
        let start = hamiltonian.energy(current);
        self.whole.plant(current, start, 0.0);
        self.forward.copy_from(current);
        self.backward.copy_from(current);
        let mut growth =
            Growth { hamiltonian, start, choices, leapfrogs: 0, acceptance: 0.0, divergent: false, wall: false };
        let (mut depth, mut moved) = (0, false);
        while depth < max_depth {
            let forwards = growth.choices.uniform() < 0.5;
            let (end, step) = if forwards { (&mut self.forward, step) } else { (&mut self.backward, -step) };
            if self.spare.len() < depth as usize {
                self.spare.push(Tree::new(current.position.len()));
            }
            if !growth.grow(end, step, &mut self.doubling, &mut self.spare[..depth as usize]) {
                break;
            }
            depth += 1;
            // Later doublings are preferred: it moves farther, and leaves the weights invariant.
            let take = growth.choose(self.doubling.log_weight - self.whole.log_weight);
            moved |= take;
            if !forwards {
                self.whole.reverse();
            }
            let goes_on = self.whole.append(&mut self.doubling, take);
            if !forwards {
                self.whole.reverse();
            }
            if !goes_on {
                break;
            }
        }
        let Growth { leapfrogs, acceptance, divergent, wall, .. } = growth;
        current.swap_place(&mut self.whole.draw);
        Transition {
            acceptance: acceptance / f64::from(leapfrogs),
            energy: self.whole.energy,
            leapfrogs,
            depth: Some(depth),
            moved,
            divergent,
            wall,
        }
    }
}

/// The parameters that all the subtrees of one transition share.
struct Growth<'a, H> {
    hamiltonian: &'a mut H,
    /// H₀.
    start: f64,
    choices: &'a mut Stream,
    leapfrogs: u32,
    /// Σ min(1, exp(H₀ − H)) over the points.
    acceptance: f64,
    divergent: bool,
    wall: bool,
}

impl<H: Hamiltonian> Growth<'_, H> {
    /// Grows `tree` from the 2^`spare.len()` points after `end`; tells whether it may be part of the trajectory: it has not turned
    /// back anywhere inside, nor diverged or come to a wall.
    fn grow(&mut self, end: &mut Point, step: f64, tree: &mut Tree, spare: &mut [Tree]) -> bool {
        let Some((second, spare)) = spare.split_last_mut() else { return self.advance(end, step, tree) };
        if !(self.grow(end, step, tree, spare) && self.grow(end, step, second, spare)) {
            return false;
        }
        // Inside a doubling every point has its weight's share, no more.
        let take = self.choose(second.log_weight - log_add_exp(tree.log_weight, second.log_weight));
        tree.append(second, take)
    }

    fn advance(&mut self, end: &mut Point, step: f64, tree: &mut Tree) -> bool {
        self.hamiltonian.leapfrog(end, step);
        let energy = self.hamiltonian.energy(end);
        let log_weight = self.start - energy;
        self.leapfrogs += 1;
        self.acceptance += log_weight.exp().min(1.0);
        self.wall = end.potential == f64::INFINITY;
        self.divergent = !self.wall && -log_weight > DIVERGENCE;
        tree.plant(end, energy, log_weight);
        !(self.wall || self.divergent)
    }

    /// True with probability min(1, exp(`log_probability`)).
    fn choose(&mut self, log_probability: f64) -> bool {
        self.choices.uniform() < log_probability.exp()
    }
}

/// log(eᵃ + eᵇ).
fn log_add_exp(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests;
