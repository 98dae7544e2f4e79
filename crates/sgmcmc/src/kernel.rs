//! The fused update: one pass over θ, noise included.

use apd_seed::Normals;
use pulp::{Arch, NullaryFnOnce};

/// Coordinates whose noise is drawn at a time: with position and gradient 12 KiB, which stay in L1.
const BLOCK: usize = 1024;

/// The source of an update's standard normals, and whether they are wanted: zeros do where they would be multiplied by 0.
pub(crate) struct Noise<'a> {
    pub(crate) wanted: bool,
    pub(crate) normals: &'a Normals,
    pub(crate) step: u64,
}

/// The numbers of each coordinate, all slices as long as θ. `M` is what is remembered, `X` what is given besides the gradient;
/// lists of `()` take no memory and no time.
pub(crate) struct Coordinates<'a, M, X> {
    pub(crate) position: &'a mut [f32],
    pub(crate) memory: &'a mut [M],
    pub(crate) gradient: &'a [f32],
    pub(crate) extra: &'a [X],
}

/// Calls `rule(θ, memory, g, extra, z)` for every coordinate; whether all of θ is finite.
///
/// `seen` is given the new memory block by block, in order, while it is in L1.
pub(crate) fn update<M, X: Copy>(
    noise: &Noise<'_>,
    coordinates: Coordinates<'_, M, X>,
    rule: impl Fn(&mut f32, &mut M, f32, X, f32) + Copy,
    mut seen: impl FnMut(&[M]),
) -> bool {
    let Coordinates { position, memory, gradient, extra } = coordinates;
    let (arch, mut normals, mut finite) = (Arch::new(), [0.0; BLOCK], true);
    let blocks = position.chunks_mut(BLOCK).zip(memory.chunks_mut(BLOCK)).zip(gradient.chunks(BLOCK));
    for (b, (((position, memory), gradient), extra)) in blocks.zip(extra.chunks(BLOCK)).enumerate() {
        let z = &mut normals[..position.len()];
        if noise.wanted {
            noise.normals.fill(noise.step, b * BLOCK, z);
        }
        let coordinates = Coordinates { position, memory: &mut *memory, gradient, extra };
        finite &= arch.dispatch(Block { coordinates, z, rule });
        seen(memory);
    }
    finite
}

struct Block<'a, M, X, F> {
    coordinates: Coordinates<'a, M, X>,
    z: &'a [f32],
    rule: F,
}

impl<M, X: Copy, F: Fn(&mut f32, &mut M, f32, X, f32)> NullaryFnOnce for Block<'_, M, X, F> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { coordinates: Coordinates { position, memory, gradient, extra }, z, rule } = self;
        let (n, mut worst) = (position.len(), 0);
        // Equal lengths, said once: then nothing is checked in the loop, which vectorizes. A zip of five with lists of `()` does not.
        let (memory, gradient, extra, z) = (&mut memory[..n], &gradient[..n], &extra[..n], &z[..n]);
        for i in 0..n {
            rule(&mut position[i], &mut memory[i], gradient[i], extra[i], z[i]);
            // The bits of |x| are ordered as the numbers are, with ∞ and then NaN on top, and an integer maximum (unlike a chain of
            // float comparisons) vectorizes.
            worst = worst.max(position[i].to_bits() & 0x7fff_ffff);
        }
        worst < f32::INFINITY.to_bits()
    }
}

/// Σ x² in double precision, in an order that depends on the length only.
pub(crate) fn squares(values: &[f32]) -> f64 {
    product(values, values)
}

/// Σ x·y in double precision, in an order that depends on the length only.
pub(crate) fn product(x: &[f32], y: &[f32]) -> f64 {
    Arch::new().dispatch(Product(x, y))
}

struct Product<'a>(&'a [f32], &'a [f32]);

impl NullaryFnOnce for Product<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Many independent sums: one would be a chain of additions, and a few are unrolled into scalar code.
        let mut sums = [0.0_f64; 64];
        for (x, y) in self.0.chunks(64).zip(self.1.chunks(64)) {
            for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
                *sum += f64::from(x) * f64::from(y);
            }
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests;
