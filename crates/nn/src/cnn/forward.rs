//! The network in tensor operations.

use apd_tensor::{Scalar, Tensor};

use super::{Cnn, Work};

/// Added to variances before their root is taken: PyTorch's.
pub(crate) const EPSILON: f64 = 1e-5;

impl Cnn {
    /// The network in tensor operations; with the buffers behind the parameters, it divides by them.
    #[track_caller]
    pub(crate) fn forward<T: Scalar>(&self, params: &[Tensor<T>], x: &Tensor<T>) -> Tensor<T> {
        let plan = self.plan();
        let (convs, norms) = (plan.convs().count(), plan.convs().filter(|conv| conv.norm.is_some()).count());
        let entries = 2 * convs + 2 * norms;
        let all = [entries, entries + 2 * norms];
        assert!(all.contains(&params.len()), "{} parameters, not {} (with buffers, {})", params.len(), all[0], all[1]);
        let (params, buffers) = params.split_at(entries);
        let (mut params, mut buffers) = (params.iter(), buffers.chunks_exact(2));
        let mut next = || params.next().expect("counted above");
        let rows = x.shape()[0];
        let mut images = x.reshape(&[rows, self.channels, self.height, self.width]).permute(&[0, 2, 3, 1]);
        for step in &plan.steps {
            images = match &step.work {
                Work::Conv(conv) => {
                    let shape = conv.described;
                    let weight = next().reshape(&[shape.outputs, shape.inputs, shape.kernel[0], shape.kernel[1]]);
                    let mut z = images.conv2d(&weight, 1, shape.padding).add(next());
                    if conv.norm.is_some() {
                        z = batch_norm(&z, buffers.next()).mul(next()).add(next());
                    }
                    if conv.activate { self.activation.forward(&z) } else { z }
                }
                Work::MaxPool(pool) => images.max_pool(pool.size),
                Work::Average => {
                    let pixels = step.input.height * step.input.width;
                    let channels = step.input.channels;
                    images.reshape(&[rows, pixels, channels]).mean_axis(1).reshape(&[rows, 1, 1, channels])
                }
            };
        }
        images.reshape(&[rows, plan.outputs()])
    }
}

/// (z − mean)/√(variance + ε) of each channel: those of these buffers, or else the mean and the biased variance over all images and pixels.
/// A variance below 0, as a model of rows may draw it, counts as 0.
fn batch_norm<T: Scalar>(z: &Tensor<T>, buffers: Option<&[Tensor<T>]>) -> Tensor<T> {
    let channels = z.shape()[3];
    let flat = z.reshape(&[z.len() / channels, channels]);
    let (centered, variance) = match buffers {
        Some(buffers) => (flat.sub(&buffers[0]), buffers[1].relu()),
        None => {
            let centered = flat.sub(&flat.mean_axis(0));
            let variance = centered.square().mean_axis(0);
            (centered, variance)
        }
    };
    centered.div(&variance.add_scalar(T::from_f64(EPSILON)).sqrt()).reshape(z.shape())
}
