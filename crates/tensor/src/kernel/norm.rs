//! Batch normalization in pieces: what is summed over one image, and what is done to each of its elements.
//!
//! The caller adds up the images' sums in their order, which keeps the bits independent of the threads.
//!
//! **Shapes**: images: pixels × channels, without padding; everything else: channels.

use pulp::{Arch, NullaryFnOnce};

use crate::Scalar;

/// Mean of each channel, and sum of the squared deviations from it: mean ← Σx/P, squares ← Σ(x − mean)².
///
/// Two passes, the second over what the first left in cache: without the cancellation of Σx² − (Σx)²/P.
///
/// **Panics** if the lengths do not fit.
#[track_caller]
pub fn moments<T: Scalar>(image: &[T], mean: &mut [T], squares: &mut [T]) {
    check(image.len(), &[mean.len(), squares.len()]);
    let pixels = T::from_f64((image.len() / mean.len().max(1)) as f64);
    mean.fill(T::zero());
    each_pixel(mean.len(), image.len(), |pixel| {
        mean.iter_mut().zip(&image[pixel]).for_each(|(sum, &x)| *sum += x);
    });
    mean.iter_mut().for_each(|sum| *sum /= pixels);
    squares.fill(T::zero());
    each_pixel(mean.len(), image.len(), |pixel| {
        for ((sum, &x), &mean) in squares.iter_mut().zip(&image[pixel]).zip(&*mean) {
            *sum += (x - mean) * (x - mean);
        }
    });
}

/// out ← (image − mean)·gain.
///
/// **Panics** if the lengths do not fit.
#[track_caller]
pub fn normalize<T: Scalar>(image: &[T], mean: &[T], gain: &[T], out: &mut [T]) {
    check(image.len(), &[mean.len(), gain.len()]);
    assert_eq!(out.len(), image.len(), "elements of the normalized image");
    each_pixel(mean.len(), image.len(), |pixel| {
        let constants = mean.iter().zip(gain);
        for ((out, &x), (&mean, &gain)) in out[pixel.clone()].iter_mut().zip(&image[pixel]).zip(constants) {
            *out = (x - mean) * gain;
        }
    });
}

/// sum ← Σ delta, product ← Σ delta·(image − mean).
///
/// **Panics** if the lengths do not fit.
#[track_caller]
pub fn delta_moments<T: Scalar>(image: &[T], mean: &[T], delta: &[T], sum: &mut [T], product: &mut [T]) {
    check(image.len(), &[mean.len(), sum.len(), product.len()]);
    assert_eq!(delta.len(), image.len(), "elements of the gradient");
    sum.fill(T::zero());
    product.fill(T::zero());
    each_pixel(mean.len(), image.len(), |pixel| {
        let sums = sum.iter_mut().zip(&mut *product).zip(mean);
        for (((sum, product), &mean), (&x, &d)) in sums.zip(image[pixel.clone()].iter().zip(&delta[pixel])) {
            *sum += d;
            *product += d * (x - mean);
        }
    });
}

/// delta ← gain·delta + slope·(image − mean) + shift: the gradient before the normalization, from that behind it.
///
/// **Panics** if the lengths do not fit.
#[track_caller]
pub fn normalize_backward<T: Scalar>(image: &[T], mean: &[T], [gain, slope, shift]: [&[T]; 3], delta: &mut [T]) {
    check(image.len(), &[mean.len(), gain.len(), slope.len(), shift.len()]);
    assert_eq!(delta.len(), image.len(), "elements of the gradient");
    each_pixel(mean.len(), image.len(), |pixel| {
        let constants = mean.iter().zip(gain).zip(slope.iter().zip(shift));
        let elements = delta[pixel.clone()].iter_mut().zip(&image[pixel]);
        for ((delta, &x), ((&mean, &gain), (&slope, &shift))) in elements.zip(constants) {
            *delta = gain * *delta + slope * (x - mean) + shift;
        }
    });
}

#[track_caller]
fn check(image: usize, channels: &[usize]) {
    let count = channels[0];
    assert!(channels.iter().all(|&channels| channels == count), "channels differ: {channels:?}");
    assert!(image == image / count.max(1) * count, "{image} elements are not whole pixels of {count} channels");
}

/// Calls `f` with the range of every pixel, in the vectors of the processor at hand.
fn each_pixel(channels: usize, len: usize, f: impl FnMut(std::ops::Range<usize>)) {
    Arch::new().dispatch(EachPixel { channels, len, f });
}

struct EachPixel<F> {
    channels: usize,
    len: usize,
    f: F,
}

impl<F: FnMut(std::ops::Range<usize>)> NullaryFnOnce for EachPixel<F> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        (0..self.len).step_by(self.channels.max(1)).for_each(|start| (self.f)(start..start + self.channels));
    }
}

#[cfg(test)]
mod tests;
