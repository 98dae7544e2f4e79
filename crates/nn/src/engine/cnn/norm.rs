//! Batch normalization and its gradient.

use apd_tensor::kernel::{Convolution, PaddedImage, norm};
use rayon::prelude::*;

use super::piece::{Piece, Split, through_activation};
use crate::Activation;
use crate::activation::finish;
use crate::batch_norm::EPSILON;

/// y = weight·(z − mean)/√(variance + ε) + bias, with mean and biased variance of each channel over the batch.
///
/// Sums over the batch are made of one part per image, added up in double precision in the order of the images.
///
/// Reference: Ioffe & Szegedy, *Batch Normalization*, ICML 2015, algorithm 1 and the gradients in section 3.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    /// What is normalized: images without padding.
    z: Vec<f32>,
    /// Two numbers per image and channel.
    parts: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// What z − mean is multiplied by.
    gain: Vec<f32>,
    /// Multiples of z − mean, and of 1, that the reverse pass adds.
    slope: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    pub(super) fn new() -> Self {
        let [z, parts, mean, variance, gain, slope, shift] = [(); 7].map(|()| Vec::new());
        Self { z, parts, mean, variance, gain, slope, shift }
    }

    /// Means, then variances.
    pub(super) fn into_statistics(self) -> Vec<f32> {
        [self.mean, self.variance].concat()
    }

    /// z ← the convolution of the images; and its statistics.
    pub(super) fn measure(
        &mut self,
        conv: &Convolution,
        split: Split,
        images: &[f32],
        packed: &[f32],
        bias: &[f32],
        pieces: &mut [Piece],
    ) {
        let ([height, width], channels) = (conv.output_size(), conv.outputs);
        let pixels = height * width * channels;
        self.z.resize(split.rows * pixels, 0.0);
        self.parts.resize(split.rows * 2 * channels, 0.0);
        let parts = split.of_mut(&mut self.parts, 2 * channels);
        (split.of(images, conv.input().len()), split.of_mut(&mut self.z, pixels), parts, pieces)
            .into_par_iter()
            .with_min_len(split.min_len)
            .for_each(|(images, z, parts, piece)| {
                conv.correlate(images, packed, &mut piece.product, |n, i, row| {
                    let z = &mut z[n * pixels + i * row.len()..][..row.len()];
                    z.copy_from_slice(row);
                    finish(None, z, channels, bias);
                });
                for (z, parts) in z.chunks_exact(pixels).zip(parts.chunks_exact_mut(2 * channels)) {
                    let (mean, squares) = parts.split_at_mut(channels);
                    norm::moments(z, mean, squares);
                }
            });
        // Images are equally large: the mean is that of their means, and the squares about it those about theirs, and theirs about it.
        let (count, each) = (split.rows.max(1) as f64, (height * width) as f64);
        self.mean.resize(channels, 0.0);
        self.variance.resize(channels, 0.0);
        for c in 0..channels {
            let parts =
                |which: usize| self.parts.chunks_exact(2 * channels).map(move |p| f64::from(p[which * channels + c]));
            let mean = parts(0).sum::<f64>() / count;
            let squares: f64 =
                parts(0).zip(parts(1)).map(|(m, squares)| squares + each * (m - mean) * (m - mean)).sum();
            self.mean[c] = mean as f32;
            self.variance[c] = (squares / (count * each)) as f32;
        }
    }

    /// output ← activation(weight·(z − mean)/√(variance + ε) + bias), with the padding that the next layer needs.
    pub(super) fn apply(
        &mut self,
        weight: &[f32],
        bias: &[f32],
        activation: Option<Activation>,
        padded: PaddedImage,
        split: Split,
        output: &mut [f32],
    ) {
        let Self { z, mean, variance, gain, .. } = self;
        gain.clear();
        gain.extend(weight.iter().zip(&*variance).map(|(&weight, &variance)| weight * inverse(variance)));
        let row_len = padded.width * padded.channels;
        (z.par_chunks_exact(padded.pixels()), output.par_chunks_exact_mut(padded.len()))
            .into_par_iter()
            .with_min_len(split.min_len)
            .for_each(|(z, output)| {
                padded.clear_padding(output);
                for (y, z) in z.chunks_exact(row_len).enumerate() {
                    let output = &mut output[padded.row(y)];
                    norm::normalize(z, mean, gain, output);
                    finish(activation, output, padded.channels, bias);
                }
            });
    }

    /// Takes the gradient through the activation, and sums it.
    pub(super) fn delta_sums(
        &mut self,
        activation: Option<Activation>,
        padded: PaddedImage,
        output: &[f32],
        split: Split,
        delta: &mut [f32],
    ) {
        let (Self { z, parts, mean, .. }, channels) = (self, padded.channels);
        let outputs = output.par_chunks_exact(padded.len());
        let parts = parts.par_chunks_exact_mut(2 * channels);
        (delta.par_chunks_exact_mut(padded.pixels()), outputs, z.par_chunks_exact(padded.pixels()), parts)
            .into_par_iter()
            .with_min_len(split.min_len)
            .for_each(|(delta, output, z, parts)| {
                through_activation(activation, padded, output, delta);
                let (sum, product) = parts.split_at_mut(channels);
                norm::delta_moments(z, mean, delta, sum, product);
            });
    }

    /// Adds, from those sums, the gradients by weight and bias to `d_weight` and `d_bias`, and makes from the gradient at the output that at z.
    ///
    /// S is Σ delta, P is Σ delta·(z − mean) over the n elements of a channel, and s is 1/√(variance + ε):
    /// ∂/∂bias = S, ∂/∂weight = s·P, ∂/∂z = weight·s·(delta − S/n − (z − mean)·s²·P/n).
    pub(super) fn reverse(
        &mut self,
        weight: &[f32],
        split: Split,
        d_weight: &mut [f32],
        d_bias: &mut [f32],
        delta: &mut [f32],
    ) {
        let (Self { z, parts, mean, variance, gain, slope, shift }, channels) = (self, weight.len());
        let n = (z.len() / channels) as f32;
        slope.resize(channels, 0.0);
        shift.resize(channels, 0.0);
        for c in 0..channels {
            let sum = |which: usize| {
                let parts = parts.chunks_exact(2 * channels).map(|parts| f64::from(parts[which * channels + c]));
                parts.sum::<f64>() as f32
            };
            let (sum, product, inverse) = (sum(0), sum(1), inverse(variance[c]));
            d_weight[c] += inverse * product;
            d_bias[c] += sum;
            slope[c] = -gain[c] * inverse * inverse * product / n;
            shift[c] = -gain[c] * sum / n;
        }
        let pixels = z.len() / split.rows;
        (delta.par_chunks_exact_mut(pixels), z.par_chunks_exact(pixels))
            .into_par_iter()
            .with_min_len(split.min_len)
            .for_each(|(delta, z)| norm::normalize_backward(z, mean, [gain, slope, shift], delta));
    }
}

/// 1/√(variance + ε).
fn inverse(variance: f32) -> f32 {
    1.0 / (variance + EPSILON as f32).sqrt()
}
