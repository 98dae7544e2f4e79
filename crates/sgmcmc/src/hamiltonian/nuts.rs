//! The No-U-Turn sampler with multinomial weights.
//!
//! A trajectory is doubled, forwards or backwards by the toss of a coin, until its ends begin to approach each other. Each half of
//! a doubling is doubled in the same way, so that the trajectory is a binary tree in which every subtree has been checked:
//! from whichever of its points one starts, the same trajectory is built with the same probability. A point may then be drawn from
//! it by its weight exp(−H) alone.
//!
//! Reference: Betancourt, *A conceptual introduction to Hamiltonian Monte Carlo*, arXiv 1701.02434, 2017, appendix A.

use apd_seed::Stream;
use pulp::NullaryFnOnce;

use super::dynamics::Hamiltonian;
use super::{DIVERGENCE, Transition};
use crate::lanes::{LANES, dot, update, vectorized};
use crate::phase_space::Point;

/// A stretch of trajectory: its ends, the sum over its points, and the point drawn from it.
#[derive(Clone, Debug)]
struct Tree {
    /// How many points.
    points: u32,
    /// Whitened momenta at the two ends, in the order of integration; of one point the first only.
    first: Vec<f64>,
    last: Vec<f64>,
    /// ρ: the sum of the points' momenta, which points from one end to the other; of more than one point.
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
            points: 0,
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
        self.first.copy_from_slice(&point.momentum);
        self.draw.copy_place(point);
        (self.points, self.energy, self.log_weight) = (1, energy, log_weight);
    }

    /// Continues with `next`, from which the draw is taken if `take`; tells whether the whole has not turned back.
    ///
    /// It has if an end's momentum, whitened, points against ρ. That is checked across the joint too, where either half is joined by the
    /// nearest point of the other: a period may otherwise fit between the checked ends.
    fn append(&mut self, next: &mut Self, take: bool) -> bool {
        let goes_on = if self.points > 1 {
            let goes_on = vectorized(self.rho.len(), Ahead { before: self, after: next });
            update(&mut self.rho, &next.rho, |rho, next| *rho += next);
            std::mem::swap(&mut self.last, &mut next.last);
            goes_on
        } else {
            std::mem::swap(&mut self.last, &mut next.first);
            let (first, last) = (&self.first, &self.last);
            self.rho.iter_mut().zip(first).zip(last).for_each(|((rho, first), last)| *rho = first + last);
            dot(first, &self.rho) > 0.0 && dot(last, &self.rho) > 0.0
        };
        self.points += next.points;
        self.log_weight = log_add_exp(self.log_weight, next.log_weight);
        if take {
            self.draw.swap_place(&mut next.draw);
            self.energy = next.energy;
        }
        goes_on
    }

    /// The same stretch, run through the other way.
    fn reverse(&mut self) {
        if self.points > 1 {
            std::mem::swap(&mut self.first, &mut self.last);
        }
    }
}

/// Whether two stretches, one after the other, have not turned back on themselves: no end's momentum points against ρ, neither that of the
/// whole nor across the joint.
struct Ahead<'a> {
    before: &'a Tree,
    after: &'a Tree,
}

impl NullaryFnOnce for Ahead<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let vectors = [self.before, self.after].map(|tree| [&tree.rho, &tree.first, &tree.last]);
        let [[rho, first, last], [next_rho, next_first, next_last]] =
            vectors.map(|vectors| vectors.map(|vector| vector.as_chunks::<LANES>()));
        let mut products = [[0.0; LANES]; 6];
        let before = rho.0.iter().zip(first.0).zip(last.0);
        let after = next_rho.0.iter().zip(next_first.0).zip(next_last.0);
        for (((rho, first), last), ((next_rho, next_first), next_last)) in before.zip(after) {
            add(&mut products, [rho, first, last], [next_rho, next_first, next_last]);
        }
        let before = rho.1.iter().zip(first.1).zip(last.1);
        let after = next_rho.1.iter().zip(next_first.1).zip(next_last.1);
        for (((&rho, &first), &last), ((&next_rho, &next_first), &next_last)) in before.zip(after) {
            add(&mut products, [&[rho], &[first], &[last]], [&[next_rho], &[next_first], &[next_last]]);
        }
        products.iter().all(|lanes| lanes.iter().sum::<f64>() > 0.0)
    }
}

/// Adds the products of `N` coordinates' ρ and momenta at the ends, each into a lane.
#[inline(always)]
fn add<const N: usize>(
    products: &mut [[f64; LANES]; 6],
    [rho, first, last]: [&[f64; N]; 3],
    [next_rho, next_first, next_last]: [&[f64; N]; 3],
) {
    let sum = |a: &[f64; N], b: &[f64; N]| -> [f64; N] { std::array::from_fn(|i| a[i] + b[i]) };
    let (whole, left, right) = (sum(rho, next_rho), sum(rho, next_first), sum(next_rho, last));
    let factors = [
        (first, &whole),
        (next_last, &whole),
        (first, &left),
        (next_first, &left),
        (last, &right),
        (next_last, &right),
    ];
    for (product, (a, b)) in products.iter_mut().zip(factors) {
        for i in 0..N {
            product[i] += a[i] * b[i];
        }
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
