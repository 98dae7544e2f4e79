//! Pooling over windows and over whole images, one image at a time.

use pulp::{Arch, NullaryFnOnce};

use super::PaddedImage;
use crate::Scalar;

/// The largest of each channel in windows of size × size that touch but do not overlap; rows and columns that fill no window
/// are left out.
///
/// The first of equal values wins, and what is not a number wins over everything, so that a diverged network shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// How an input image lies in memory.
    pub input: PaddedImage,
    /// How an output image lies in memory: (height / size) × (width / size) × channels, rounded down.
    pub output: PaddedImage,
    /// Rows and columns of a window; at most [`MaxPool::LARGEST`].
    pub size: usize,
}

impl MaxPool {
    /// A place in a window must fit into a byte.
    pub const LARGEST: usize = 16;

    /// Writes the output image without its padding, and for each of its elements the place in the window that won
    /// (row · size + column).
    ///
    /// **Shapes**: argmax: output.pixels().
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn forward<T: Scalar>(&self, image: &[T], out: &mut [T], argmax: &mut [u8]) {
        self.check(argmax.len());
        if argmax.is_empty() {
            return;
        }
        let channels = self.input.channels;
        for (i, argmax) in argmax.chunks_exact_mut(self.output.width * channels).enumerate() {
            let out = &mut out[self.output.row(i)];
            for (j, (out, argmax)) in out.chunks_exact_mut(channels).zip(argmax.chunks_exact_mut(channels)).enumerate()
            {
                Arch::new().dispatch(Largest { pool: self, image, window: [i, j], out, argmax });
            }
        }
    }

    /// The gradient at the input, from that at the output; overwrites it.
    ///
    /// **Shapes**: delta: output.pixels(), delta_input: input.pixels(), both without padding.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn backward<T: Scalar>(&self, argmax: &[u8], delta: &[T], delta_input: &mut [T]) {
        self.check(argmax.len());
        assert!(delta.len() == argmax.len() && delta_input.len() == self.input.pixels(), "gradients of other images");
        let (channels, size, width) = (self.input.channels, self.size, self.output.width * self.input.channels);
        let row = self.input.width * channels;
        delta_input.fill(T::zero());
        if argmax.is_empty() {
            return;
        }
        for (i, (argmax, delta)) in argmax.chunks_exact(width).zip(delta.chunks_exact(width)).enumerate() {
            for (j, (argmax, delta)) in argmax.chunks_exact(channels).zip(delta.chunks_exact(channels)).enumerate() {
                for place in 0..size * size {
                    let at = (i * size + place / size) * row + (j * size + place % size) * channels;
                    let to = &mut delta_input[at..at + channels];
                    for ((to, &at), &d) in to.iter_mut().zip(argmax).zip(delta) {
                        *to = if usize::from(at) == place { d } else { T::zero() };
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check(&self, argmax: usize) {
        let Self { input, output, size } = *self;
        assert!((1..=Self::LARGEST).contains(&size), "a window of {size} pixels");
        let expected = [input.height / size, input.width / size, input.channels];
        assert_eq!([output.height, output.width, output.channels], expected, "the pooled image");
        assert_eq!(argmax, output.pixels(), "argmax, one for each element of the output");
    }
}

/// One pixel of the output.
struct Largest<'a, T> {
    pool: &'a MaxPool,
    image: &'a [T],
    window: [usize; 2],
    out: &'a mut [T],
    argmax: &'a mut [u8],
}

impl<T: Scalar> NullaryFnOnce for Largest<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, image, window: [i, j], out, argmax } = self;
        let (size, channels) = (pool.size, out.len());
        for place in 0..size * size {
            let at = pool.input.row(i * size + place / size).start + (j * size + place % size) * channels;
            let candidates = &image[at..at + channels];
            if place == 0 {
                out.copy_from_slice(candidates);
                argmax.fill(0);
                continue;
            }
            for ((best, at), &x) in out.iter_mut().zip(&mut *argmax).zip(candidates) {
                let wins = x > *best || x.is_nan();
                *best = if wins { x } else { *best };
                *at = if wins { place as u8 } else { *at };
            }
        }
    }
}

/// out ← the mean of each channel over an image.
///
/// **Panics** if the lengths do not fit.
#[track_caller]
pub fn channel_means<T: Scalar>(padded: PaddedImage, image: &[T], out: &mut [T]) {
    assert_eq!(out.len(), padded.channels, "means, one for each channel");
    out.fill(T::zero());
    for y in 0..padded.height {
        for pixel in image[padded.row(y)].chunks_exact(padded.channels) {
            out.iter_mut().zip(pixel).for_each(|(sum, &x)| *sum += x);
        }
    }
    let count = T::from_f64((padded.height * padded.width) as f64);
    out.iter_mut().for_each(|sum| *sum /= count);
}

#[cfg(test)]
mod tests;
