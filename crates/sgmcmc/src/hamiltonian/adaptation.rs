//! The warm-up: a step size for the wanted acceptance, a mass for the posterior's scales.
//!
//! Both are frozen when the warm-up ends: a chain that adapts for ever need not have the right law.

use super::dynamics::Hamiltonian;
use crate::phase_space::Point;

/// The draws, counted from 1, after which the mass is set anew: the ends of windows that double in length.
///
/// Each window learns from better draws than the one before, and forgets those. The first has 10 draws; a window that would leave less
/// than its double takes in the rest. The last 10 % of the draws, and at least 50 or a third of them, are outside the windows, to fit the
/// step size to the final mass; and all of less than 20 are, so that the mass is left alone. After each window but the last of
/// several, whose mass is nearly the one before, the step size is searched anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Windows {
    ends: Vec<u64>,
}

impl Windows {
    pub(super) fn new(warmup: u64) -> Self {
        let stop = if warmup < 20 { 0 } else { warmup - (warmup / 10).max(50.min(warmup / 3)) };
        let (mut ends, mut end, mut length) = (Vec::new(), 0, 10);
        while end < stop {
            end += length;
            length *= 2;
            if end + length > stop {
                end = stop;
            }
            ends.push(end);
        }
        Self { ends }
    }

    /// Whether the mass is ever set.
    pub(super) fn exist(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Whether draw number `draw` is in the first window, before any mass is learned.
    pub(super) fn in_first(&self, draw: u64) -> bool {
        self.ends.first().is_some_and(|&end| draw <= end)
    }

    /// Whether the mass is learned from draw number `draw`.
    pub(super) fn contain(&self, draw: u64) -> bool {
        self.ends.last().is_some_and(|&end| draw <= end)
    }

    /// Whether a window ends with draw number `draw`.
    pub(super) fn end_with(&self, draw: u64) -> bool {
        self.ends.contains(&draw)
    }
}

/// A step size at which one leapfrog from `start` is accepted with a probability near ½, by doubling or halving `step`.
///
/// `None` if a hundred doublings are all accepted: U is flat. (A hundred halvings are enough: so small a step is as good as none.)
///
/// Reference: Hoffman & Gelman, *The No-U-Turn sampler*, JMLR 15, 2014, algorithm 4.
pub(super) fn reasonable_step<H: Hamiltonian>(
    hamiltonian: &mut H,
    start: &Point,
    next: &mut Point,
    mut step: f64,
) -> Option<f64> {
    let energy = hamiltonian.energy(start);
    let mut accepts = |step| {
        hamiltonian.leapfrog(start, next, step);
        energy - hamiltonian.energy(next) > -std::f64::consts::LN_2
    };
    let grows = accepts(step);
    for _ in 0..100 {
        step *= if grows { 2.0 } else { 0.5 };
        if accepts(step) != grows {
            return Some(step);
        }
    }
    (!grows).then_some(step)
}

#[cfg(test)]
mod tests;
