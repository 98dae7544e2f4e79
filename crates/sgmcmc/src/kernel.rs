//! The fused updates: one pass over θ, noise included.

use apd_seed::Normals;
use pulp::{Arch, NullaryFnOnce};

mod preconditioned;
mod splitting;
mod underdamped;

pub(crate) use preconditioned::{Correction, Preconditioner, preconditioned};
pub(crate) use splitting::baoab;
pub(crate) use underdamped::{squares, underdamped};

/// Coordinates whose noise is drawn at a time: with position and gradient 12 KiB, which stay in L1.
const BLOCK: usize = 1024;

/// The normals of one update, drawn block by block.
struct Noise<'a> {
    /// Zeros do where the normals would be multiplied by 0.
    wanted: bool,
    normals: &'a Normals,
    step: u64,
    z: [f32; BLOCK],
}

impl<'a> Noise<'a> {
    fn new(deviation: f32, normals: &'a Normals, step: u64) -> Self {
        Self { wanted: deviation != 0.0, normals, step, z: [0.0; BLOCK] }
    }

    /// z of the `len` coordinates of block `b`.
    fn block(&mut self, b: usize, len: usize) -> &[f32] {
        let z = &mut self.z[..len];
        if self.wanted {
            self.normals.fill(self.step, b * BLOCK, z);
        }
        z
    }
}

/// θ ← θ − `drift`·g + `noise`·z with z from row `step`; whether all of θ is finite.
pub(crate) fn langevin(
    drift: f32,
    noise: f32,
    normals: &Normals,
    step: u64,
    position: &mut [f32],
    gradient: &[f32],
) -> bool {
    let arch = Arch::new();
    let mut normals = Noise::new(noise, normals, step);
    let mut finite = true;
    for (b, (position, gradient)) in position.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK)).enumerate() {
        let z = normals.block(b, position.len());
        finite &= arch.dispatch(Langevin { drift, noise, position, gradient, z });
    }
    finite
}

struct Langevin<'a> {
    drift: f32,
    noise: f32,
    position: &'a mut [f32],
    gradient: &'a [f32],
    z: &'a [f32],
}

impl NullaryFnOnce for Langevin<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { drift, noise, position, gradient, z } = self;
        let mut worst = 0;
        for ((theta, &g), &z) in position.iter_mut().zip(gradient).zip(z) {
            *theta += noise * z - drift * g;
            worst = worst.max(magnitude(*theta));
        }
        worst < INFINITE
    }
}

/// v ← `momentum`·v − `drift`·g, θ ← θ + v; whether all of θ is finite.
pub(crate) fn heavy_ball(
    momentum: f32,
    drift: f32,
    velocity: &mut [f32],
    position: &mut [f32],
    gradient: &[f32],
) -> bool {
    Arch::new().dispatch(HeavyBall { momentum, drift, velocity, position, gradient })
}

struct HeavyBall<'a> {
    momentum: f32,
    drift: f32,
    velocity: &'a mut [f32],
    position: &'a mut [f32],
    gradient: &'a [f32],
}

impl NullaryFnOnce for HeavyBall<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { momentum, drift, velocity, position, gradient } = self;
        let mut worst = 0;
        for ((theta, v), &g) in position.iter_mut().zip(velocity).zip(gradient) {
            *v = momentum * *v - drift * g;
            *theta += *v;
            worst = worst.max(magnitude(*theta));
        }
        worst < INFINITE
    }
}

/// Bits of |x|: they are ordered as the numbers are, with ∞ and then NaN on top, and an integer maximum (unlike a chain of
/// float comparisons) vectorises.
#[inline(always)]
fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

const INFINITE: u32 = 0x7f80_0000;

#[cfg(test)]
mod tests;
