//! Batch normalization in tensor operations.

use apd_tensor::{Scalar, Tensor};

/// Added to variances before their root is taken: PyTorch's.
pub(crate) const EPSILON: f64 = 1e-5;

/// (x − mean)/√(variance + ε) of each channel, the last axis of x.
///
/// `buffers` holds a mean and a variance; without them they are taken over all other axes, the variance biased, and pushed onto `statistics`.
/// A variance below 0, as a model of rows may draw it, counts as 0.
pub(crate) fn batch_norm<T: Scalar>(
    x: &Tensor<T>,
    buffers: Option<&[Tensor<T>]>,
    statistics: Option<&mut Vec<Tensor<T>>>,
) -> Tensor<T> {
    let channels = x.shape()[x.ndim() - 1];
    let flat = x.reshape(&[x.len() / channels, channels]);
    let (centered, variance) = match buffers {
        Some(buffers) => (flat.sub(&buffers[0]), buffers[1].relu()),
        None => {
            let mean = flat.mean_axis(0);
            let centered = flat.sub(&mean);
            let variance = centered.square().mean_axis(0);
            if let Some(statistics) = statistics {
                statistics.extend([mean, variance.clone()]);
            }
            (centered, variance)
        }
    };
    centered.div(&deviation(&variance, EPSILON)).reshape(x.shape())
}

/// √(variance + ε).
pub(crate) fn deviation<T: Scalar>(variance: &Tensor<T>, epsilon: f64) -> Tensor<T> {
    variance.add_scalar(T::from_f64(epsilon)).sqrt()
}
