//! Trajectories of a given length, with a Metropolis correction.

use apd_seed::Stream;

use super::dynamics::Hamiltonian;
use super::{DIVERGENCE, Transition};
use crate::phase_space::Point;

/// The number of leapfrog steps of size `step` for an integration time uniform in `length`·[1 − jitter, 1 + jitter].
pub(super) fn leapfrogs(length: f64, jitter: f64, max_steps: u32, step: f64, choices: &mut Stream) -> u32 {
    let time = length * (1.0 + jitter * (2.0 * choices.uniform() - 1.0));
    (time / step).round().clamp(1.0, max_steps.into()) as u32
}

/// Moves `current`, whose momentum is fresh, by `leapfrogs` steps or not at all. The pair of points is working space.
///
/// The end is judged by its own energy only. (To give up at a high energy on the way would not be reversible: from the other end
/// the same point may not look as high. A point whose energy is not finite is so from both ends.)
pub(super) fn transition<H: Hamiltonian>(
    hamiltonian: &mut H,
    current: &mut Point,
    [moving, next]: &mut [Point; 2],
    step: f64,
    leapfrogs: u32,
    choices: &mut Stream,
) -> Transition {
    let start = hamiltonian.energy(current);
    moving.copy_from(current);
    let (mut end, mut made) = (start, 0);
    while made < leapfrogs && end.is_finite() {
        hamiltonian.leapfrog(moving, next, step);
        std::mem::swap(moving, next);
        end = hamiltonian.energy(moving);
        made += 1;
    }
    let wall = moving.potential == f64::INFINITY;
    let acceptance = (start - end).exp().min(1.0);
    let accepted = choices.uniform() < acceptance;
    if accepted {
        current.swap_place(moving);
    }
    Transition {
        acceptance,
        energy: if accepted { end } else { start },
        leapfrogs: made,
        depth: None,
        moved: accepted,
        divergent: !wall && end - start > DIVERGENCE,
        wall,
    }
}
