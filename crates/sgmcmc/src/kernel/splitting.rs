//! Kick, drift, friction and noise, drift: the update of BAOAB.

use apd_seed::Normals;
use pulp::{Arch, NullaryFnOnce};

use super::{BLOCK, INFINITE, Noise, magnitude};

/// u ← u − `kick`·g, θ ← θ + u/2, u ← `keep`·u + `noise`·z, θ ← θ + u/2 with z from row `step`; whether all of θ is finite.
pub(crate) fn baoab(
    kick: f32,
    keep: f32,
    noise: f32,
    normals: &Normals,
    step: u64,
    momentum: &mut [f32],
    position: &mut [f32],
    gradient: &[f32],
) -> bool {
    let arch = Arch::new();
    let mut normals = Noise::new(noise, normals, step);
    let mut finite = true;
    let blocks = position.chunks_mut(BLOCK).zip(momentum.chunks_mut(BLOCK)).zip(gradient.chunks(BLOCK));
    for (b, ((position, momentum), gradient)) in blocks.enumerate() {
        let z = normals.block(b, position.len());
        finite &= arch.dispatch(Baoab { kick, keep, noise, position, momentum, gradient, z });
    }
    finite
}

struct Baoab<'a> {
    kick: f32,
    keep: f32,
    noise: f32,
    position: &'a mut [f32],
    momentum: &'a mut [f32],
    gradient: &'a [f32],
    z: &'a [f32],
}

impl NullaryFnOnce for Baoab<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { kick, keep, noise, position, momentum, gradient, z } = self;
        let mut worst = 0;
        for (((theta, u), &g), &z) in position.iter_mut().zip(momentum).zip(gradient).zip(z) {
            let before = *u - kick * g;
            let after = keep * before + noise * z;
            // One rounding of θ instead of two.
            *theta += 0.5 * (before + after);
            *u = after;
            worst = worst.max(magnitude(*theta));
        }
        worst < INFINITE
    }
}
