//! The network in tensor operations.

use apd_tensor::{Scalar, Tensor};

use super::{Cnn, Work};

/// Added to variances before their root is taken: PyTorch's.
pub(crate) const EPSILON: f64 = 1e-5;

impl Cnn {
    /// [`Network::forward`](crate::Network::forward).
    #[track_caller]
    pub(crate) fn forward<T: Scalar>(&self, params: &[Tensor<T>], x: &Tensor<T>) -> Tensor<T> {
        let plan = self.plan();
        let entries: usize = plan.convs().map(|conv| if conv.norm.is_some() { 4 } else { 2 }).sum();
        assert_eq!(params.len(), entries, "number of parameters");
        let mut params = params.iter();
        let mut next = || params.next().expect("counted above");
        let rows = x.shape()[0];
        let mut images = x.reshape(&[rows, self.channels, self.height, self.width]).permute(&[0, 2, 3, 1]);
        for step in &plan.steps {
            images = match &step.work {
                Work::Conv(conv) => {
                    let shape = conv.described;
                    let weight = next().reshape(&[shape.outputs, shape.inputs, shape.kernel[0], shape.kernel[1]]);
                    let mut z = images.conv2d(&weight, shape.padding).add(next());
                    if conv.norm.is_some() {
                        z = batch_norm(&z).mul(next()).add(next());
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

/// (z − mean)/√(variance + ε) of each channel over all images and pixels; the variance is the biased one.
fn batch_norm<T: Scalar>(z: &Tensor<T>) -> Tensor<T> {
    let channels = z.shape()[3];
    let flat = z.reshape(&[z.len() / channels, channels]);
    let centred = flat.sub(&flat.mean_axis(0));
    let deviation = centred.square().mean_axis(0).add_scalar(T::from_f64(EPSILON)).sqrt();
    centred.div(&deviation).reshape(z.shape())
}
