//! Out-of-distribution images made from in-distribution ones.
//!
//! Each keeps something of the original: [`inverted`] the shapes, [`shuffled`] the histogram of every image, [`rotated`] the strokes,
//! [`mosaic`] the local texture. That makes them harder, and more telling, than noise.

use crate::Images;
use apd_seed::Seed;

/// Intensities inverted, x ↦ −x: dark ink on a bright ground.
pub fn inverted(images: &Images) -> Images {
    images.scaled(-1.0).named("inverted")
}

/// Pixels of each image in a random order, drawn anew for every image.
pub fn shuffled(images: &Images, seed: Seed) -> Images {
    let mut result = images.clone().named("shuffled");
    for (i, mut image) in result.pixels.rows_mut().into_iter().enumerate() {
        let mut pixels = image.to_vec();
        seed.child("shuffled").index(i as u64).stream().shuffle(&mut pixels);
        image.iter_mut().zip(pixels).for_each(|(to, from)| *to = from);
    }
    result
}

/// Images turned by 90° clockwise.
///
/// Where it fails: some digits stay digits (0, 8, and nearly 1 turned into a dash), so that no detector can reach an AUROC of 1.
///
/// **Panics** unless the images are square.
#[track_caller]
pub fn rotated(images: &Images) -> Images {
    let side = images.height;
    assert_eq!(side, images.width, "turning {side}×{} images would change their size", images.width);
    let mut result = images.clone().named("rotated");
    for (from, mut to) in images.pixels.rows().into_iter().zip(result.pixels.rows_mut()) {
        for i in 0..side {
            for j in 0..side {
                to[i * side + j] = from[(side - 1 - j) * side + i];
            }
        }
    }
    result
}

/// Mosaics: each quadrant comes from another image, drawn at random and kept at its place.
///
/// Quadrant q of image i is that of image π_q(i) for four independent random permutations π_q, so every quadrant is used once.
/// Where it fails: in about one of n images two quadrants may come from the same original.
pub fn mosaic(images: &Images, seed: Seed) -> Images {
    let orders: Vec<_> = (0..4).map(|q| seed.child("mosaic").index(q).stream().permutation(images.len())).collect();
    let mut result = images.clone().named("mosaic");
    for (i, mut to) in result.pixels.rows_mut().into_iter().enumerate() {
        for y in 0..images.height {
            for x in 0..images.width {
                let quadrant = 2 * usize::from(2 * y >= images.height) + usize::from(2 * x >= images.width);
                let pixel = y * images.width + x;
                to[pixel] = images.pixels[[orders[quadrant][i] as usize, pixel]];
            }
        }
    }
    result
}

#[cfg(test)]
mod tests;
