//! The network in tensor operations.

use apd_tensor::{Scalar, Tensor};

use super::{Cnn, Work};
use crate::batch_norm::batch_norm;

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
                        z = batch_norm(&z, buffers.next(), None).mul(next()).add(next());
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
