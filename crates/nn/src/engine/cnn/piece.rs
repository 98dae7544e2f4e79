//! A batch in pieces.

use apd_tensor::kernel::{Convolution, PaddedImage};
use rayon::prelude::*;
use rayon::slice::{Chunks, ChunksMut};

use crate::Activation;
use crate::Threads;

/// How a batch is cut: a function of the number of images alone, so that sums over the pieces in their order have the
/// same bits under any number of threads.
#[derive(Clone, Copy)]
pub(super) struct Split {
    /// Images of the batch.
    pub(super) rows: usize,
    /// Images of a piece; the last one may have fewer.
    pub(super) images: usize,
    pub(super) pieces: usize,
    /// Rayon's [`Threads::min_len`].
    pub(super) min_len: usize,
}

impl Split {
    /// Most pieces: enough for many threads, few enough that their weight gradients are quickly added up.
    pub(super) const PIECES: usize = 20;

    pub(super) fn new(rows: usize, threads: Threads) -> Self {
        let images = rows.div_ceil(Self::PIECES).max(1);
        Self { rows, images, pieces: rows.div_ceil(images), min_len: threads.min_len() }
    }

    /// The pieces of something that has `len` elements for each image.
    pub(super) fn of<T: Sync>(self, data: &[T], len: usize) -> Chunks<'_, T> {
        data.par_chunks(self.images * len)
    }

    /// The pieces of something to write to that has `len` elements for each image.
    pub(super) fn of_mut<T: Send>(self, data: &mut [T], len: usize) -> ChunksMut<'_, T> {
        data.par_chunks_mut(self.images * len)
    }
}

/// Work space of one piece.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) product: Vec<f32>,
    /// The gradients at its images, with padding.
    pub(super) deltas: Vec<f32>,
    /// Its part of the gradient by the weight, in the order of the products, and by the bias.
    gradient: Vec<f32>,
}

impl Piece {
    pub(super) fn new() -> Self {
        Self { product: Vec::new(), deltas: Vec::new(), gradient: Vec::new() }
    }

    /// This piece's part of the gradient by the weight and the bias, from the gradient at its output (without padding), which
    /// is left in `deltas`.
    pub(super) fn weight_gradient(&mut self, conv: &Convolution, images: &[f32], delta: &[f32]) {
        let (padded, outputs) = (conv.delta(), conv.outputs);
        self.deltas.resize(delta.len() / padded.pixels() * padded.len(), 0.0);
        self.gradient.resize(conv.weights() + outputs, 0.0);
        let (weight, bias) = self.gradient.split_at_mut(conv.weights());
        let row_len = padded.width * outputs;
        for (with_padding, delta) in self.deltas.chunks_exact_mut(padded.len()).zip(delta.chunks_exact(padded.pixels()))
        {
            padded.clear_padding(with_padding);
            for (y, row) in delta.chunks_exact(row_len).enumerate() {
                with_padding[padded.row(y)].copy_from_slice(row);
            }
        }
        conv.weight_gradient(images, &self.deltas, weight);
        bias.fill(0.0);
        for pixel in delta.chunks_exact(outputs) {
            bias.iter_mut().zip(pixel).for_each(|(sum, &d)| *sum += d);
        }
    }
}

/// The sum of the pieces' gradients, in their order; the first one's becomes it. Without pieces there is nothing.
pub(super) fn add_up(pieces: &mut [Piece], split: Split) -> &[f32] {
    /// Elements that one thread adds up at a time.
    const STRETCH: usize = 1 << 13;
    let Some((first, rest)) = pieces.split_first_mut() else { return &[] };
    first.gradient.par_chunks_mut(STRETCH).with_min_len(split.min_len).enumerate().for_each(|(i, sum)| {
        for piece in &*rest {
            sum.iter_mut().zip(&piece.gradient[i * STRETCH..]).for_each(|(sum, &part)| *sum += part);
        }
    });
    &first.gradient
}

/// delta ← delta ∘ activation′, from the activation's output in padded images and the gradient without padding.
pub(super) fn through_activation(
    activation: Option<Activation>,
    padded: PaddedImage,
    output: &[f32],
    delta: &mut [f32],
) {
    let Some(activation) = activation else { return };
    let row_len = padded.width * padded.channels;
    for (output, delta) in output.chunks_exact(padded.len()).zip(delta.chunks_exact_mut(padded.pixels())) {
        for (y, delta) in delta.chunks_exact_mut(row_len).enumerate() {
            activation.backward(&output[padded.row(y)], delta);
        }
    }
}
