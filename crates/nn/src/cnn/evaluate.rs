//! Values alone: batch normalization folded into the weights, blocks of images that stay in cache.

use apd_tensor::kernel::pool;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::fold::Affine;
use super::{Cnn, Conv, Plan, Step, Work};
use crate::activation::finish;
use crate::{Activation, Threads};

/// Elements of a block's images between two layers, about: a share of the second-level cache.
const BLOCK: usize = 1 << 17;
/// Most images of a block, however small.
const IMAGES: usize = 256;

/// A layer's weight in the order of its products and its bias, with the normalization that follows in them.
struct Folded {
    packed: Vec<f32>,
    bias: Vec<f32>,
}

impl Folded {
    /// The weights that [`fold`](crate::Network::fold) makes, in the order of the products.
    fn new(conv: &Conv, theta: &[f32], buffers: &[f32]) -> Self {
        let mut packed = vec![0.0; conv.weight.len()];
        conv.computed.pack(&theta[conv.weight.clone()], &mut packed);
        let mut bias = theta[conv.bias.clone()].to_vec();
        if let Some(norm) = &conv.norm {
            let affine = Affine::new(norm, theta, buffers);
            for packed in packed.chunks_exact_mut(affine.gain.len()) {
                packed.iter_mut().zip(&affine.gain).for_each(|(w, &gain)| *w *= gain);
            }
            affine.fold_bias(&mut bias);
        }
        Self { packed, bias }
    }
}

/// A block's images before and after a layer, and work space.
struct Blocks {
    input: Vec<f32>,
    output: Vec<f32>,
    product: Vec<f32>,
    argmax: Vec<u8>,
}

impl Cnn {
    /// The logits of x, in blocks of images.
    pub(crate) fn evaluate(&self, row: &[f32], x: ArrayView2<'_, f32>, threads: Threads) -> Array2<f32> {
        let plan = self.plan();
        let (theta, buffers) = row.split_at(plan.dim);
        let folded: Vec<Folded> = plan.convs().map(|conv| Folded::new(conv, theta, buffers)).collect();
        let (outputs, block) = (plan.outputs(), (BLOCK / plan.largest_image()).clamp(1, IMAGES));
        let mut logits = Array2::zeros((x.nrows(), outputs));
        let out = logits.as_slice_mut().expect("a new array is in row-major order");
        out.par_chunks_mut(block * outputs).enumerate().with_min_len(threads.min_len()).for_each_init(
            || Blocks { input: Vec::new(), output: Vec::new(), product: Vec::new(), argmax: Vec::new() },
            |work, (number, logits)| {
                let rows = logits.len() / outputs;
                load(&plan, x, number * block, rows, &mut work.input);
                let mut folded = folded.iter();
                for step in &plan.steps {
                    work.output.resize(rows * step.output.len(), 0.0);
                    apply(step, self.activation, &mut folded, work);
                    std::mem::swap(&mut work.input, &mut work.output);
                }
                logits.copy_from_slice(&work.input[..rows * outputs]);
            },
        );
        logits
    }
}

/// `rows` input rows from `start` on, as the first layer reads them.
fn load(plan: &Plan, x: ArrayView2<'_, f32>, start: usize, rows: usize, images: &mut Vec<f32>) {
    let len = plan.steps[0].input.len();
    images.resize(rows * len, 0.0);
    for (image, row) in images.chunks_exact_mut(len).zip(start..start + rows) {
        let row = x.row(row);
        plan.load(row.as_standard_layout().as_slice().expect("standard layout"), image);
    }
}

fn apply<'a>(step: &Step, activation: Activation, folded: &mut impl Iterator<Item = &'a Folded>, work: &mut Blocks) {
    let Blocks { input, output, product, argmax } = work;
    let (input_len, output_len) = (step.input.len(), step.output.len());
    output.chunks_exact_mut(output_len).for_each(|image| step.output.clear_padding(image));
    match &step.work {
        Work::Conv(conv) => {
            let Folded { packed, bias } = folded.next().expect("one for each convolution");
            let activation = conv.activate.then_some(activation);
            conv.computed.correlate(input, packed, product, |n, i, row| {
                let out = &mut output[n * output_len..][step.output.row(i)];
                out.copy_from_slice(row);
                finish(activation, out, bias.len(), bias);
            });
        }
        Work::MaxPool(pool) => {
            argmax.resize(step.output.pixels(), 0);
            for (image, out) in input.chunks_exact(input_len).zip(output.chunks_exact_mut(output_len)) {
                pool.forward(image, out, argmax);
            }
        }
        Work::Average => {
            for (image, out) in input.chunks_exact(input_len).zip(output.chunks_exact_mut(output_len)) {
                pool::channel_means(step.input, image, &mut out[step.output.row(0)]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
