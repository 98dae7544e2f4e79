//! Convolutional networks: layer by layer, in pieces of a few images each.
//!
//! The pieces depend on the number of images alone, and what they add up is added in their order.

mod norm;
mod piece;

use apd_points::Layout;
use apd_seed::Stream;
use apd_tensor::Tensor;
use apd_tensor::kernel::pool;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use self::norm::Norm;
use self::piece::{Piece, Split, add_up, through_activation};
use super::{Batch, Engine, GradientTarget, Shape, Threads};
use crate::activation::finish;
use crate::cnn::{Conv, Plan, Step, Work};
use crate::evaluate::matrix_mut;
use crate::model::{Autodiff, CloneModel as _};
use crate::{Activation, Cnn, Model, NetworkError};

impl Model for Cnn {
    fn layout(&self) -> Layout {
        Layout::new(self.plan().convs().flat_map(Conv::entries).collect::<Vec<_>>())
    }

    fn inputs(&self) -> usize {
        self.height * self.width * self.channels
    }

    fn outputs(&self) -> usize {
        self.plan().outputs()
    }

    #[track_caller]
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, _dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.forward(params, x)
    }

    #[track_caller]
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, _dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.forward(params, x)
    }

    fn check(&self) -> Result<(), NetworkError> {
        Plan::new(self)?;
        self.activation.check()
    }

    fn dim(&self) -> usize {
        self.plan().dim
    }

    /// A mean and a variance for each batch normalization in order, named as in PyTorch.
    fn buffer_layout(&self) -> Layout {
        Layout::new(self.plan().convs().flat_map(Conv::buffer_entries).collect::<Vec<_>>())
    }

    /// Mean and biased variance of each normalized channel over these inputs, layer by layer, each layer's input being normalized
    /// by those before. A few hundred inputs will do; every one takes the memory of the two largest images inside the network.
    #[track_caller]
    fn calibrate(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        assert_eq!(theta.len(), self.dim(), "elements of θ");
        assert_eq!(x.ncols(), self.inputs(), "elements of an input row");
        assert!(self.buffers() == 0 || x.nrows() > 0, "statistics of no inputs");
        Pass::new(self, Threads::Rayon).statistics(theta, x)
    }

    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        Box::new(CnnEngine::new(self, threads))
    }

    fn multiplications(&self) -> usize {
        let normalization = |conv: &Conv| conv.norm.as_ref().map_or(0, |norm| norm.weight.len() + norm.bias.len());
        let parameters = |conv: &Conv| conv.weight.len() + conv.bias.len() + normalization(conv);
        let pixels = |conv: &Conv| conv.described.output_size().iter().product::<usize>();
        self.plan().convs().map(|conv| parameters(conv) * pixels(conv)).sum()
    }

    /// Images take a thousand times the memory of their logits.
    fn rows_per_pass(&self) -> usize {
        128
    }
}

/// The fused engine of a convolutional network; gradients with respect to inputs are [`Autodiff`]'s.
#[derive(Clone, Debug)]
pub(crate) struct CnnEngine {
    cnn: Cnn,
    threads: Threads,
    shape: Shape,
    pass: Pass,
    inputs: Autodiff,
}

impl CnnEngine {
    pub(crate) fn new(cnn: &Cnn, threads: Threads) -> Self {
        let pass = Pass::new(cnn, threads);
        let (dim, buffers, outputs) = (pass.plan.dim, pass.plan.buffers, pass.plan.outputs());
        let shape = Shape { dim, row_len: dim + buffers, inputs: cnn.inputs(), outputs };
        Self { cnn: cnn.clone(), threads, shape, pass, inputs: Autodiff::new(cnn.clone_model(), threads) }
    }
}

impl Engine for CnnEngine {
    #[track_caller]
    fn gradient(
        &mut self,
        theta: &[f32],
        batch: Batch<'_>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>) -> f64,
        target: &mut dyn GradientTarget,
        gradient: &mut [f32],
    ) -> f64 {
        self.shape.check_gradient(theta, &batch.x, gradient);
        let rows = batch.x.nrows();
        self.pass.forward(theta, batch.x);
        let loss = loss(matrix_mut(self.pass.logits(), rows, self.shape.outputs));
        target.initialize(0..self.shape.dim, gradient);
        self.pass.reverse(theta, rows, target.scale() as f32, gradient);
        loss
    }

    #[track_caller]
    fn input_gradient(
        &mut self,
        row: &[f32],
        x: ArrayView2<'_, f32>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>, ArrayViewMut2<'_, f32>),
        gradient: ArrayViewMut2<'_, f32>,
    ) {
        self.inputs.input_gradient(row, x, loss, gradient);
    }

    #[track_caller]
    fn evaluate(&mut self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32> {
        self.shape.check_row(row, &x);
        self.cnn.evaluate(row, x, self.threads)
    }
}

/// Forward and reverse pass of a convolutional network.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    plan: Plan,
    activation: Activation,
    threads: Threads,
    /// The batch as the first layer reads it.
    input: Vec<f32>,
    layers: Vec<Layer>,
    pieces: Vec<Piece>,
    /// The current layer's weight in the order of its products.
    packed: Vec<f32>,
    /// ∂loss/∂ of the current layer's output, and of its input; without padding.
    delta: Vec<f32>,
    delta_input: Vec<f32>,
}

/// What the reverse pass needs of one layer.
#[derive(Clone, Debug)]
struct Layer {
    /// Images, with the padding that the next layer needs.
    output: Vec<f32>,
    /// A pooling layer's places in the windows that were largest.
    argmax: Vec<u8>,
    /// A convolution's batch normalization.
    norm: Norm,
}

impl Pass {
    pub(crate) fn new(cnn: &Cnn, threads: Threads) -> Self {
        let plan = cnn.plan();
        let layer = || Layer { output: Vec::new(), argmax: Vec::new(), norm: Norm::new() };
        Self {
            activation: cnn.activation,
            threads,
            input: Vec::new(),
            layers: plan.steps.iter().map(|_| layer()).collect(),
            pieces: (0..Split::PIECES).map(|_| Piece::new()).collect(),
            packed: Vec::new(),
            delta: Vec::new(),
            delta_input: Vec::new(),
            plan,
        }
    }

    /// The logits of the rows that [`forward`](Self::forward) has seen.
    fn logits(&mut self) -> &mut [f32] {
        &mut self.layers.last_mut().expect("a network has a layer").output
    }

    fn forward(&mut self, theta: &[f32], x: ArrayView2<'_, f32>) {
        self.load(x);
        for i in 0..self.layers.len() {
            self.step(i, theta, x.nrows());
        }
    }

    /// Mean and variance of each normalized channel over x.
    pub(crate) fn statistics(mut self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        self.load(x);
        let mut buffers = Vec::with_capacity(self.plan.buffers);
        for i in 0..self.layers.len() {
            self.step(i, theta, x.nrows());
            // Nothing is going to be differentiated: what the layer before has left can go.
            buffers.extend(std::mem::replace(&mut self.layers[i].norm, Norm::new()).into_statistics());
            match i.checked_sub(1) {
                Some(before) => self.layers[before].output = Vec::new(),
                None => self.input = Vec::new(),
            }
        }
        buffers
    }

    fn load(&mut self, x: ArrayView2<'_, f32>) {
        let (plan, len) = (&self.plan, self.plan.steps[0].input.len());
        self.input.resize(x.nrows() * len, 0.0);
        let images = self.input.par_chunks_exact_mut(len).enumerate().with_min_len(self.threads.min_len());
        images.for_each(|(n, image)| {
            let row = x.row(n);
            plan.load(row.as_standard_layout().as_slice().expect("standard layout"), image);
        });
    }

    fn step(&mut self, i: usize, theta: &[f32], rows: usize) {
        let Self { plan, layers, input, pieces, packed, activation, threads, .. } = self;
        let (before, rest) = layers.split_at_mut(i);
        let (input, layer) = (before.last().map_or(&*input, |layer| &layer.output), &mut rest[0]);
        let Step { work, input: from, output: to } = &plan.steps[i];
        let split = Split::new(rows, *threads);
        layer.output.resize(rows * to.len(), 0.0);
        match work {
            Work::Conv(conv) => {
                packed.resize(conv.weight.len(), 0.0);
                conv.computed.pack(&theta[conv.weight.clone()], packed);
                let bias = &theta[conv.bias.clone()];
                let activation = conv.activate.then_some(*activation);
                if let Some(places) = &conv.norm {
                    layer.norm.measure(&conv.computed, split, input, packed, bias, pieces);
                    let (gain, shift) = (&theta[places.weight.clone()], &theta[places.bias.clone()]);
                    layer.norm.apply(gain, shift, activation, *to, split, &mut layer.output);
                    return;
                }
                (split.of(input, from.len()), split.of_mut(&mut layer.output, to.len()), pieces)
                    .into_par_iter()
                    .with_min_len(split.min_len)
                    .for_each(|(images, out, piece)| {
                        out.chunks_exact_mut(to.len()).for_each(|image| to.clear_padding(image));
                        conv.computed.correlate(images, packed, &mut piece.product, |n, i, row| {
                            let out = &mut out[n * to.len()..][to.row(i)];
                            out.copy_from_slice(row);
                            finish(activation, out, bias.len(), bias);
                        });
                    });
            }
            Work::MaxPool(pool) => {
                layer.argmax.resize(rows * to.pixels(), 0);
                let argmax = layer.argmax.par_chunks_exact_mut(to.pixels());
                (input.par_chunks_exact(from.len()), layer.output.par_chunks_exact_mut(to.len()), argmax)
                    .into_par_iter()
                    .with_min_len(split.min_len)
                    .for_each(|(image, out, argmax)| {
                        to.clear_padding(out);
                        pool.forward(image, out, argmax);
                    });
            }
            Work::Average => {
                (input.par_chunks_exact(from.len()), layer.output.par_chunks_exact_mut(to.len()))
                    .into_par_iter()
                    .with_min_len(split.min_len)
                    .for_each(|(image, out)| {
                        to.clear_padding(out);
                        pool::channel_means(*from, image, &mut out[to.row(0)]);
                    });
            }
        }
    }

    /// The reverse pass from ∂loss/∂logits, which the last layer's output holds.
    fn reverse(&mut self, theta: &[f32], rows: usize, scale: f32, gradient: &mut [f32]) {
        if rows == 0 {
            return;
        }
        let logits = &self.layers[self.layers.len() - 1].output;
        self.delta.clear();
        // Scaled once here, where there is least of it: everything further down is linear in it.
        self.delta.extend(logits.iter().map(|&d| scale * d));
        for i in (0..self.layers.len()).rev() {
            self.reverse_step(i, theta, rows, gradient);
            std::mem::swap(&mut self.delta, &mut self.delta_input);
        }
    }

    fn reverse_step(&mut self, i: usize, theta: &[f32], rows: usize, gradient: &mut [f32]) {
        let Self { plan, layers, input, pieces, packed, delta, delta_input, activation, threads } = self;
        let (before, rest) = layers.split_at_mut(i);
        let (input, layer) = (before.last().map_or(&*input, |layer| &layer.output), &mut rest[0]);
        let Step { work, input: from, output: to } = &plan.steps[i];
        let split = Split::new(rows, *threads);
        // Nobody asks for the gradient at the network's input.
        let inner = i > 0;
        delta_input.resize(if inner { rows * from.pixels() } else { 0 }, 0.0);
        match work {
            Work::Conv(conv) => {
                let mut activation = conv.activate.then_some(*activation);
                if let Some(places) = &conv.norm {
                    // It lies before the activation, which is then done with.
                    layer.norm.delta_sums(activation.take(), *to, &layer.output, split, delta);
                    let [gain, shift] = [&places.weight, &places.bias].map(|range| range.clone());
                    let (d_gain, d_shift) = gradient[gain.start..shift.end].split_at_mut(gain.len());
                    layer.norm.reverse(&theta[gain], split, d_gain, d_shift, delta);
                }
                let outputs = split.of(&layer.output, to.len());
                (split.of_mut(delta, to.pixels()), outputs, split.of(input, from.len()), &mut *pieces)
                    .into_par_iter()
                    .with_min_len(split.min_len)
                    .for_each(|(delta, output, images, piece)| {
                        through_activation(activation, *to, output, delta);
                        piece.weight_gradient(&conv.computed, images, delta);
                    });
                let (d_weight, d_bias) = gradient[conv.weight.start..conv.bias.end].split_at_mut(conv.weight.len());
                let (weight, bias) = add_up(&mut pieces[..split.pieces], split).split_at(d_weight.len());
                conv.computed.unpack(weight, 1.0, d_weight);
                add(bias, d_bias);
                if inner {
                    packed.resize(d_weight.len(), 0.0);
                    conv.computed.pack_adjoint(&theta[conv.weight.clone()], packed);
                    let (adjoint, row_len) = (conv.computed.adjoint(), from.width * from.channels);
                    (split.of_mut(delta_input, from.pixels()), pieces)
                        .into_par_iter()
                        .with_min_len(split.min_len)
                        .for_each(|(delta, piece)| {
                            adjoint.correlate(&piece.deltas, packed, &mut piece.product, |n, i, row| {
                                delta[n * from.pixels() + i * row_len..][..row_len].copy_from_slice(row);
                            });
                        });
                }
            }
            Work::MaxPool(pool) => {
                let argmax = layer.argmax.par_chunks_exact(to.pixels());
                (delta_input.par_chunks_exact_mut(from.pixels()), delta.par_chunks_exact(to.pixels()), argmax)
                    .into_par_iter()
                    .with_min_len(split.min_len)
                    .for_each(|(delta_input, delta, argmax)| pool.backward(argmax, delta, delta_input));
            }
            Work::Average => {
                let share = 1.0 / (from.height * from.width) as f32;
                for (image, delta) in delta_input.chunks_exact_mut(from.pixels()).zip(delta.chunks_exact(from.channels))
                {
                    for pixel in image.chunks_exact_mut(from.channels) {
                        pixel.iter_mut().zip(delta).for_each(|(to, &d)| *to = share * d);
                    }
                }
            }
        }
    }
}

/// gradient ← gradient + new.
fn add(new: &[f32], gradient: &mut [f32]) {
    gradient.iter_mut().zip(new).for_each(|(gradient, &new)| *gradient += new);
}

#[cfg(test)]
mod tests;
