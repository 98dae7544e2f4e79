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
use crate::lanes::{dot, update, vectorized};
use crate::phase_space::Point;

/// The points of a trajectory that any tree still holds, each in a place of its own: nothing is copied.
#[derive(Debug)]
struct Points {
    points: Vec<Point>,
    /// How many hold each.
    holders: Vec<u32>,
    free: Vec<usize>,
    dim: usize,
}

impl Points {
    fn new(dim: usize) -> Self {
        Self { points: Vec::new(), holders: Vec::new(), free: Vec::new(), dim }
    }

    /// Nobody holds any.
    fn clear(&mut self) {
        self.holders.fill(0);
        self.free.clear();
        self.free.extend(0..self.points.len());
    }

    /// A place that nobody holds, for the first, last and drawn point of a new tree.
    fn place(&mut self) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.points.push(Point::new(vec![0.0; self.dim]));
            self.holders.push(0);
            self.points.len() - 1
        });
        self.holders[place] = 3;
        place
    }

    /// One holder lets go.
    fn release(&mut self, place: usize) {
        self.holders[place] -= 1;
        if self.holders[place] == 0 {
            self.free.push(place);
        }
    }

    fn momentum(&self, place: usize) -> &[f64] {
        &self.points[place].momentum
    }
}

/// A stretch of trajectory: its ends, the sum over its points, and the point drawn from it.
#[derive(Clone, Debug)]
struct Tree {
    /// How many points.
    points: u32,
    /// The two ends, in the order of integration.
    first: usize,
    last: usize,
    /// ρ: the sum of the points' whitened momenta, which points from one end to the other; of more than one point.
    rho: Vec<f64>,
    /// log Σ exp(H₀ − H) over the points.
    log_weight: f64,
    draw: usize,
    /// H of the draw.
    energy: f64,
}

impl Tree {
    fn new(dim: usize) -> Self {
        let (first, last, draw) = (usize::MAX, usize::MAX, usize::MAX);
        Self { points: 0, first, last, rho: vec![0.0; dim], log_weight: f64::NEG_INFINITY, draw, energy: f64::INFINITY }
    }

    /// Becomes the tree of one point.
    fn plant(&mut self, point: usize, energy: f64, log_weight: f64) {
        (self.first, self.last, self.draw) = (point, point, point);
        (self.points, self.energy, self.log_weight) = (1, energy, log_weight);
    }

    /// Continues with `next`, from which the draw is taken if `take`, to a whole of `log_weight`; tells whether it has not turned back.
    ///
    /// It has if an end's momentum, whitened, points against ρ. That is checked across the joint too, where either half is joined by the
    /// nearest point of the other: a period may otherwise fit between the checked ends.
    fn append(&mut self, next: &Self, take: bool, log_weight: f64, points: &mut Points) -> bool {
        let goes_on = if self.points > 1 {
            let goes_on = are_ahead(self.vectors(points), next.vectors(points));
            update(&mut self.rho, &next.rho, |rho, next| *rho += next);
            goes_on
        } else {
            let (first, last) = (points.momentum(self.first), points.momentum(next.last));
            self.rho.iter_mut().zip(first).zip(last).for_each(|((rho, first), last)| *rho = first + last);
            dot(first, &self.rho) > 0.0 && dot(last, &self.rho) > 0.0
        };
        points.release(self.last);
        points.release(next.first);
        self.last = next.last;
        points.release(if take { self.draw } else { next.draw });
        if take {
            (self.draw, self.energy) = (next.draw, next.energy);
        }
        self.points += next.points;
        self.log_weight = log_weight;
        goes_on
    }

    /// ρ, and the momenta at the first and the last point.
    fn vectors<'a>(&'a self, points: &'a Points) -> [&'a [f64]; 3] {
        [&self.rho, points.momentum(self.first), points.momentum(self.last)]
    }

    /// The same stretch, run through the other way.
    fn reverse(&mut self) {
        std::mem::swap(&mut self.first, &mut self.last);
    }
}

/// Whether two stretches, one after the other, have not turned back on themselves: no end's momentum points against ρ, neither that of the
/// whole nor across the joint. Of each: ρ, and the momenta at its first and last point.
fn are_ahead([rho, first, last]: [&[f64]; 3], [next_rho, next_first, next_last]: [&[f64]; 3]) -> bool {
    [(rho, next_rho, first, next_last), (rho, next_first, first, next_first), (last, next_rho, last, next_last)]
        .into_iter()
        .all(|(a, b, x, y)| vectorized(a.len(), Along(a, b, x, y)).iter().all(|&product| product > 0.0))
}

/// (a + b)ᵀx and (a + b)ᵀy. Only their signs matter.
struct Along<'a>(&'a [f64], &'a [f64], &'a [f64], &'a [f64]);

impl NullaryFnOnce for Along<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn call(self) -> [f64; 2] {
        /// Sums made side by side: two registers of AVX-512, or four of AVX2, for each product.
        const WIDE: usize = 16;
        let [a, b, x, y] = [self.0, self.1, self.2, self.3].map(|vector| vector.as_chunks::<WIDE>());
        let (mut along_x, mut along_y) = ([0.0; WIDE], [0.0; WIDE]);
        for (((a, b), x), y) in a.0.iter().zip(b.0).zip(x.0).zip(y.0) {
            for i in 0..WIDE {
                let sum = a[i] + b[i];
                along_x[i] += sum * x[i];
                along_y[i] += sum * y[i];
            }
        }
        for (i, (((a, b), x), y)) in a.1.iter().zip(b.1).zip(x.1).zip(y.1).enumerate() {
            along_x[i] += (a + b) * x;
            along_y[i] += (a + b) * y;
        }
        [along_x, along_y].map(|mut sums| {
            for half in [8, 4, 2, 1] {
                for i in 0..half {
                    sums[i] += sums[i + half];
                }
            }
            sums[0]
        })
    }
}

/// Working space of the sampler: nothing in it outlives a transition.
#[derive(Debug)]
pub(super) struct Nuts {
    points: Points,
    whole: Tree,
    doubling: Tree,
    /// One tree per level of a doubling's recursion; as many as have been needed.
    spare: Vec<Tree>,
}

impl Nuts {
    pub(super) fn new(dim: usize) -> Self {
        let tree = Tree::new(dim);
        Self { points: Points::new(dim), whole: tree.clone(), doubling: tree, spare: Vec::new() }
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
        let Self { points, whole, doubling, spare } = self;
        let start = hamiltonian.energy(current);
        points.clear();
        let first = points.place();
        std::mem::swap(current, &mut points.points[first]);
        whole.plant(first, start, 0.0);
        let mut growth = Growth {
            hamiltonian,
            points,
            start,
            choices,
            leapfrogs: 0,
            acceptance: 0.0,
            divergent: false,
            wall: false,
        };
        let (mut depth, mut moved) = (0, false);
        while depth < max_depth {
            let forwards = growth.choices.uniform() < 0.5;
            let (end, step) = if forwards { (whole.last, step) } else { (whole.first, -step) };
            if spare.len() < depth as usize {
                spare.push(Tree::new(whole.rho.len()));
            }
            if !growth.grow(end, step, doubling, &mut spare[..depth as usize]) {
                break;
            }
            depth += 1;
            // Later doublings are preferred: it moves farther, and leaves the weights invariant.
            let joint = Joint::new(whole.log_weight, doubling.log_weight);
            let take = growth.choose(joint.odds);
            moved |= take;
            if !forwards {
                whole.reverse();
            }
            let goes_on = whole.append(doubling, take, joint.log_weight, growth.points);
            if !forwards {
                whole.reverse();
            }
            if !goes_on {
                break;
            }
        }
        let Growth { leapfrogs, acceptance, divergent, wall, .. } = growth;
        std::mem::swap(current, &mut points.points[whole.draw]);
        Transition {
            acceptance: acceptance / f64::from(leapfrogs),
            energy: whole.energy,
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
    points: &'a mut Points,
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
    fn grow(&mut self, end: usize, step: f64, tree: &mut Tree, spare: &mut [Tree]) -> bool {
        let Some((second, spare)) = spare.split_last_mut() else { return self.advance(end, step, tree) };
        if !(self.grow(end, step, tree, spare) && self.grow(tree.last, step, second, spare)) {
            return false;
        }
        // Inside a doubling every point has its weight's share, no more.
        let joint = Joint::new(tree.log_weight, second.log_weight);
        let take = self.choose(joint.share);
        tree.append(second, take, joint.log_weight, self.points)
    }

    fn advance(&mut self, end: usize, step: f64, tree: &mut Tree) -> bool {
        let place = self.points.place();
        let [from, point] = self.points.points.get_disjoint_mut([end, place]).expect("the end is held");
        self.hamiltonian.leapfrog(from, point, step);
        let energy = self.hamiltonian.energy(point);
        let log_weight = self.start - energy;
        self.leapfrogs += 1;
        self.acceptance += probability(log_weight);
        self.wall = point.potential == f64::INFINITY;
        self.divergent = !self.wall && -log_weight > DIVERGENCE;
        tree.plant(place, energy, log_weight);
        !(self.wall || self.divergent)
    }

    fn choose(&mut self, probability: f64) -> bool {
        self.choices.uniform() < probability
    }
}

/// min(1, exp(`log`)); half of them need no exponential.
fn probability(log: f64) -> f64 {
    if log >= 0.0 { 1.0 } else { log.exp() }
}

/// Two weights joined, by one exponential: each costs as much as a gradient of few coordinates.
struct Joint {
    /// log(eᵃ + eᵇ).
    log_weight: f64,
    /// eᵇ/(eᵃ + eᵇ).
    share: f64,
    /// min(1, eᵇ/eᵃ).
    odds: f64,
}

impl Joint {
    fn new(a: f64, b: f64) -> Self {
        let ratio = (-(a - b).abs()).exp();
        let odds = if b >= a { 1.0 } else { ratio };
        Self { log_weight: a.max(b) + ratio.ln_1p(), share: odds / (1.0 + ratio), odds }
    }
}

#[cfg(test)]
mod tests;
