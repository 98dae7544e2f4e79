//! Images of noise.

use crate::Images;
use apd_seed::Seed;
use ndarray::Array2;

/// Images of independent standard normal pixels, x ~ N(0, 1).
///
/// A third of the pixels lie outside [−1, 1]; nothing is clipped. Image i depends on `seed` and i only, not on `count`.
pub fn gaussian(seed: Seed, count: usize, height: usize, width: usize) -> Images {
    let normals = seed.child("gaussian").normals();
    let mut pixels = vec![0.0; count * height * width];
    for (i, image) in pixels.chunks_exact_mut((height * width).max(1)).enumerate() {
        normals.fill(i as u64, 0, image);
    }
    wrap("gaussian", pixels, count, height, width)
}

/// Images of independent uniform pixels, x ~ U[−1, 1).
///
/// The first images do not depend on `count`.
pub fn uniform(seed: Seed, count: usize, height: usize, width: usize) -> Images {
    let mut stream = seed.child("uniform").stream();
    let pixels = (0..count * height * width).map(|_| 2.0 * stream.uniform_f32() - 1.0).collect();
    wrap("uniform", pixels, count, height, width)
}

fn wrap(name: &str, pixels: Vec<f32>, count: usize, height: usize, width: usize) -> Images {
    let pixels = Array2::from_shape_vec((count, height * width), pixels).expect("count·height·width pixels");
    Images::new(name, pixels, height, width)
}

#[cfg(test)]
mod tests;
