//! Momentum with friction and noise: the update of SGHMC and of its thermostatted relative.

use apd_seed::Normals;
use pulp::{Arch, NullaryFnOnce};

use super::{BLOCK, INFINITE, Noise, magnitude};

/// u ← `keep`·u + (`noise`·z − `drift`·g), θ ← θ + u with z from row `step`; whether all of θ is finite.
///
/// `seen` is given the new momentum block by block, in order, while it is in L1.
pub(crate) fn underdamped(
    keep: f32,
    drift: f32,
    noise: f32,
    normals: &Normals,
    step: u64,
    momentum: &mut [f32],
    position: &mut [f32],
    gradient: &[f32],
    mut seen: impl FnMut(&[f32]),
) -> bool {
    let arch = Arch::new();
    let mut normals = Noise::new(noise, normals, step);
    let mut finite = true;
    let blocks = position.chunks_mut(BLOCK).zip(momentum.chunks_mut(BLOCK)).zip(gradient.chunks(BLOCK));
    for (b, ((position, momentum), gradient)) in blocks.enumerate() {
        let z = normals.block(b, position.len());
        let update = Underdamped { keep, drift, noise, position, momentum: &mut *momentum, gradient, z };
        finite &= arch.dispatch(update);
        seen(momentum);
    }
    finite
}

struct Underdamped<'a> {
    keep: f32,
    drift: f32,
    noise: f32,
    position: &'a mut [f32],
    momentum: &'a mut [f32],
    gradient: &'a [f32],
    z: &'a [f32],
}

impl NullaryFnOnce for Underdamped<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { keep, drift, noise, position, momentum, gradient, z } = self;
        let mut worst = 0;
        for (((theta, u), &g), &z) in position.iter_mut().zip(momentum).zip(gradient).zip(z) {
            // In brackets what SGLD adds to θ: without momentum (`keep` = 0) it is SGLD to the bit.
            *u = keep * *u + (noise * z - drift * g);
            *theta += *u;
            worst = worst.max(magnitude(*theta));
        }
        worst < INFINITE
    }
}

/// Σ x² in double precision, in an order that depends on the length only.
pub(crate) fn squares(values: &[f32]) -> f64 {
    Arch::new().dispatch(Squares(values))
}

struct Squares<'a>(&'a [f32]);

impl NullaryFnOnce for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Many independent sums: one would be a chain of additions, and a few are unrolled into scalar code.
        let mut sums = [0.0_f64; 64];
        for chunk in self.0.chunks(64) {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        sums.iter().sum()
    }
}
