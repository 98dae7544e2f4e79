//! The warm-up: a step size for the wanted acceptance, a mass for the posterior's scales.
//!
//! Both are frozen when the warm-up ends: a chain that adapts for ever need not have the right law.

use serde::{Deserialize, Serialize};

use super::dynamics::Hamiltonian;
use crate::adaptation::{DualAveraging, Variances};
use crate::phase_space::Point;

/// The draws, counted from 0, after which the mass is set anew: the ends of windows that double in length.
///
/// The first draws find the bulk of the posterior, the last fit the step size to the final mass; between them each window learns
/// from better draws than the one before. The first 75 and the last 50 of 150 draws or more are outside the windows of 25, 50, 100,
/// …; the first 15 % and the last 10 % of fewer draws are; and all of less than 20, so that the mass is left alone. A window that would leave
/// less than twice its length takes in the rest.
///
/// Reference: Stan Reference Manual, *HMC algorithm parameters*, "Automatic parameter tuning".
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Windows {
    start: u64,
    ends: Vec<u64>,
}

impl Windows {
    pub(super) fn new(warmup: u64) -> Self {
        let (start, last) = match warmup {
            0..20 => return Self { start: warmup, ends: Vec::new() },
            20..150 => (warmup * 15 / 100, warmup / 10),
            150.. => (75, 50),
        };
        let stop = warmup - last;
        let (mut ends, mut end, mut length) = (Vec::new(), start, 25);
        while end < stop {
            end += length;
            length *= 2;
            if end + length > stop {
                end = stop;
            }
            ends.push(end);
        }
        Self { start, ends }
    }

    fn contains(&self, draws: u64) -> bool {
        draws > self.start && self.ends.last().is_some_and(|&end| draws <= end)
    }
}

/// The state of the warm-up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adaptation {
    pub(super) averaging: DualAveraging,
    pub(super) variances: Variances,
}

impl Adaptation {
    pub(super) fn new(dim: usize, step_size: f64) -> Self {
        Self { averaging: DualAveraging::new(step_size), variances: Variances::new(dim) }
    }

    /// Learns from the position after `draws` draws; tells whether it has set `inverse_mass`.
    pub(super) fn learn_mass(
        &mut self,
        windows: &Windows,
        draws: u64,
        position: &[f64],
        inverse_mass: &mut [f64],
    ) -> bool {
        if windows.contains(draws) {
            self.variances.add(position);
        }
        let ends = windows.ends.contains(&draws);
        if ends {
            self.variances.take(inverse_mass);
        }
        ends
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
    moving: &mut Point,
    mut step: f64,
) -> Option<f64> {
    let energy = hamiltonian.energy(start);
    let mut accepts = |step| {
        moving.copy_from(start);
        hamiltonian.leapfrog(moving, step);
        energy - hamiltonian.energy(moving) > -std::f64::consts::LN_2
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
