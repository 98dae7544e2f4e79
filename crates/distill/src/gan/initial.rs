//! An output layer that starts with the bank's moments.

use apd_seed::Seed;
use rayon::prelude::*;

use crate::Standardization;
use crate::gan::loss;
use crate::gan::model::{GeneratorNet, Widths, constants, matrix};
use crate::kernel::{Left, accumulate};
use crate::standardize::Moments;

/// Latent vectors that moments of the last hidden layer are taken over.
const SAMPLES: usize = 1024;

/// Coordinates per task.
const TILE: usize = 256;

/// Scales each row w of W_g, and sets its bias, such that the generated coordinate has the bank's mean and `spread` times its
/// standard deviation: with H̄ and C the mean and covariance of the last hidden layer, w ← w·spread·sd/√(wᵀCw), b = mean − wᵀH̄.
pub(crate) fn match_moments(
    net: &mut GeneratorNet<f32>,
    widths: Widths,
    moments: &Moments,
    standardization: Standardization,
    spread: f32,
    seed: Seed,
) {
    let h = widths.hidden;
    let mut latent = vec![0.0; SAMPLES * widths.latent];
    seed.normals().fill(0, 0, &mut latent);
    let trunk = constants(&net.trunk.value, &widths.trunk());
    let hidden = loss::trunk(&matrix(&latent, &[SAMPLES, widths.latent]), &trunk);
    let mean = hidden.mean_axis(0);
    let centered = hidden.sub(&mean);
    let covariance = centered.matmul_tn(&centered).scale(1.0 / SAMPLES as f32);

    let target = |j: usize| match standardization {
        Standardization::None => (moments.mean[j] as f32, moments.sd[j] as f32),
        Standardization::Center => (0.0, moments.sd[j] as f32),
        Standardization::Standardize => (0.0, 1.0),
    };
    let tiles = net.weight.value.par_chunks_mut(TILE * h).zip(net.bias.value.par_chunks_mut(TILE));
    tiles.enumerate().for_each(|(i, (weight, bias))| {
        let t = bias.len();
        let mut product = vec![0.0; t * h];
        accumulate([t, h, h], Left::rows(weight, h), covariance.as_slice(), h, &mut product, h);
        for (j, (row, bias)) in weight.chunks_exact_mut(h).zip(bias).enumerate() {
            let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
            let variance = dot(row, &product[j * h..(j + 1) * h]);
            let (to_mean, to_sd) = target(i * TILE + j);
            // A row that sees only dead units cannot be scaled to vary.
            let factor = if variance > 0.0 { spread * to_sd / variance.sqrt() as f32 } else { 1.0 };
            row.iter_mut().for_each(|w| *w *= factor);
            *bias = to_mean - dot(row, mean.as_slice()) as f32;
        }
    });
}
