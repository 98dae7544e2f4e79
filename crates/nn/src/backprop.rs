//! Value and gradient of a loss in one hand-fused pass.

use apd_seed::Stream;
use apd_tensor::{Scalar, kernel};
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::activation::add_bias;
use crate::dropout::Dropout;
use crate::evaluate::{matrix, matrix_mut};
use crate::{Mlp, Network};

/// Where matrix products run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// On the calling thread: for chains that have a thread each.
    #[default]
    Serial,
    /// On rayon's threads too.
    Rayon,
}

/// What to do with the gradient: gradient ← beta·gradient + scale·∂loss/∂θ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accumulate {
    /// Factor of the new gradient: N/B turns a minibatch's sum into the full data's scale.
    pub scale: f64,
    /// Factor of what the buffer holds: 0 ignores it, 1 adds to it (a prior's gradient, the blocks before).
    pub beta: f64,
}

impl Accumulate {
    /// gradient ← scale·∂loss/∂θ.
    pub const fn overwrite(scale: f64) -> Self {
        Self { scale, beta: 0.0 }
    }

    /// gradient ← gradient + scale·∂loss/∂θ.
    pub const fn add(scale: f64) -> Self {
        Self { scale, beta: 1.0 }
    }
}

/// Forward and reverse pass of a network over reused buffers; nothing is allocated once the largest batch has been seen
/// (but for what the matrix product itself may need).
///
/// The gradient is that of [`Network::forward`], to rounding. Its bits do not depend on the number of threads.
#[derive(Clone, Debug)]
pub struct Backprop<T: Scalar = f32> {
    mlp: Mlp,
    threads: Threads,
    layers: Vec<Layer<T>>,
    /// ∂loss/∂ of the current layer's output, and of its input.
    delta: Vec<T>,
    delta_input: Vec<T>,
}

/// What the reverse pass needs of one layer.
#[derive(Clone, Debug)]
struct Layer<T> {
    inputs: usize,
    outputs: usize,
    /// Where weight and bias begin in θ.
    offset: usize,
    /// After activation and dropout; of the last layer, the logits.
    output: Vec<T>,
    /// With dropout: mask ∘ activation′, by which the reverse pass multiplies.
    slope: Vec<T>,
}

impl<T: Scalar> Backprop<T> {
    /// For this network; the buffers are made by the first pass.
    pub fn new(network: &Network, threads: Threads) -> Self {
        let Network::Mlp(mlp) = network;
        let layer = |linear: crate::Linear| Layer {
            inputs: linear.inputs,
            outputs: linear.outputs,
            offset: linear.weight.start,
            output: Vec::new(),
            slope: Vec::new(),
        };
        let layers = mlp.linears().into_iter().map(layer).collect();
        Self { mlp: mlp.clone(), threads, layers, delta: Vec::new(), delta_input: Vec::new() }
    }

    /// The gradient of any loss of the logits; returns what `loss` returns.
    ///
    /// `loss` is handed the logits (N × outputs) and replaces them by ∂loss/∂logits. `dropout` as in [`Network::forward`]:
    /// from the same stream the same masks.
    ///
    /// **Shapes**: θ and gradient: d, x: N × inputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn run(
        &mut self,
        theta: &[T],
        x: ArrayView2<'_, T>,
        dropout: Option<&mut Stream>,
        loss: impl FnOnce(ArrayViewMut2<'_, T>) -> f64,
        accumulate: Accumulate,
        gradient: &mut [T],
    ) -> f64 {
        let dim = self.layers.last().map_or(0, |layer| layer.offset + layer.outputs * (layer.inputs + 1));
        assert!(
            theta.len() == dim && gradient.len() == dim,
            "θ has {}, its gradient {} of {dim} elements",
            theta.len(),
            gradient.len()
        );
        assert_eq!(x.ncols(), self.layers[0].inputs, "elements of an input row");

        self.forward(theta, x, dropout);
        let rows = x.nrows();
        let logits = self.layers.last_mut().expect("a network has a layer");
        let loss = loss(matrix_mut(&mut logits.output, rows, logits.outputs));
        self.reverse(theta, x, accumulate, gradient);
        loss
    }

    /// The gradient of the softmax cross-entropy −Σₙ ln softmax(zₙ)\[labelₙ\]; returns it (unscaled).
    ///
    /// **Units**: nats, **summed** over the rows.
    ///
    /// **Panics** as [`run`](Self::run), or if the labels are not one for each row and below the number of outputs.
    #[track_caller]
    pub fn cross_entropy(
        &mut self,
        theta: &[T],
        x: ArrayView2<'_, T>,
        labels: &[u32],
        dropout: Option<&mut Stream>,
        accumulate: Accumulate,
        gradient: &mut [T],
    ) -> f64 {
        assert_eq!(labels.len(), x.nrows(), "labels, one for each row");
        self.run(theta, x, dropout, |logits| cross_entropy(logits, labels), accumulate, gradient)
    }

    fn forward(&mut self, theta: &[T], x: ArrayView2<'_, T>, dropout: Option<&mut Stream>) {
        let rows = x.nrows();
        let mut dropout = Dropout::new(&self.mlp, dropout);
        for l in 0..self.layers.len() {
            let (before, rest) = self.layers.split_at_mut(l);
            let Layer { inputs, outputs, offset, output, slope } = &mut rest[0];
            let (weight, bias) = theta[*offset..][..*outputs * (*inputs + 1)].split_at(*outputs * *inputs);
            output.resize(rows * *outputs, T::zero());
            let input = before.last().map_or(x, |layer| matrix(&layer.output, rows, layer.outputs));
            let weight = matrix(weight, *outputs, *inputs);
            product(self.threads, input, weight.t(), T::zero(), matrix_mut(output, rows, *outputs));
            if l + 1 == self.mlp.widths.len() - 1 {
                add_bias(output, *outputs, bias);
                continue;
            }
            self.mlp.activation.apply(output, *outputs, bias);
            slope.clear();
            if let Some(dropout) = &mut dropout {
                self.delta.resize(output.len(), T::zero());
                dropout.fill(l, &mut self.delta);
                slope.extend_from_slice(&self.delta);
                self.mlp.activation.backward(output, slope);
                output.iter_mut().zip(&self.delta).for_each(|(a, &m)| *a *= m);
            }
        }
        if let Some(dropout) = dropout {
            dropout.finish(rows);
        }
    }

    /// From ∂loss/∂logits, which the last layer's output holds.
    fn reverse(&mut self, theta: &[T], x: ArrayView2<'_, T>, accumulate: Accumulate, gradient: &mut [T]) {
        let rows = x.nrows();
        let (scale, beta) = (T::from_f64(accumulate.scale), T::from_f64(accumulate.beta));
        let logits = &self.layers[self.layers.len() - 1].output;
        self.delta.clear();
        // Scaled once here, where there is least of it: everything further down is linear in it.
        self.delta.extend(logits.iter().map(|&d| scale * d));
        for l in (0..self.layers.len()).rev() {
            let Layer { inputs, outputs, offset, .. } = self.layers[l];
            let gradient = &mut gradient[offset..][..outputs * (inputs + 1)];
            let (d_weight, d_bias) = gradient.split_at_mut(outputs * inputs);
            let delta = matrix(&self.delta, rows, outputs);
            let input = if l == 0 { x } else { matrix(&self.layers[l - 1].output, rows, inputs) };
            product(self.threads, delta.t(), input, beta, matrix_mut(d_weight, outputs, inputs));
            if accumulate.beta == 0.0 {
                d_bias.fill(T::zero());
            } else {
                d_bias.iter_mut().for_each(|d| *d *= beta);
            }
            for row in self.delta.chunks_exact(outputs) {
                d_bias.iter_mut().zip(row).for_each(|(sum, &d)| *sum += d);
            }
            if l == 0 {
                break;
            }
            self.delta_input.resize(rows * inputs, T::zero());
            let weight = matrix(&theta[offset..][..outputs * inputs], outputs, inputs);
            product(self.threads, delta, weight, T::zero(), matrix_mut(&mut self.delta_input, rows, inputs));
            let below = &self.layers[l - 1];
            if below.slope.is_empty() {
                self.mlp.activation.backward(&below.output, &mut self.delta_input);
            } else {
                self.delta_input.iter_mut().zip(&below.slope).for_each(|(d, &s)| *d *= s);
            }
            std::mem::swap(&mut self.delta, &mut self.delta_input);
        }
    }
}

/// c ← a·b + beta·c.
fn product<T: Scalar>(threads: Threads, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: ArrayViewMut2<'_, T>) {
    match threads {
        Threads::Serial => kernel::gemm_serial(T::one(), a, b, beta, c),
        Threads::Rayon => kernel::gemm(T::one(), a, b, beta, c),
    }
}

/// Replaces logits by softmax − one-hot; returns −Σ ln softmax\[label\].
#[track_caller]
fn cross_entropy<T: Scalar>(mut logits: ArrayViewMut2<'_, T>, labels: &[u32]) -> f64 {
    let classes = logits.ncols();
    let mut loss = 0.0;
    for (mut row, &label) in logits.rows_mut().into_iter().zip(labels) {
        assert!((label as usize) < classes, "label {label} of {classes} classes");
        let row = row.as_slice_mut().expect("logits are row-major");
        let max = row.iter().fold(T::neg_infinity(), |max, &z| if z > max { z } else { max });
        let at_label = row[label as usize] - max;
        let mut sum = T::zero();
        for z in row.iter_mut() {
            *z = (*z - max).exp();
            sum += *z;
        }
        loss += (sum.ln() - at_label).as_f64();
        let inverse = T::one() / sum;
        row.iter_mut().for_each(|z| *z *= inverse);
        row[label as usize] -= T::one();
    }
    loss
}

#[cfg(test)]
mod tests;
