//! Perceptrons: layer by layer, each one product for the whole batch.

use apd_seed::Stream;
use apd_tensor::{Scalar, kernel};
use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Accumulate, Threads};
use crate::activation::add_bias;
use crate::dropout::Dropout;
use crate::evaluate::{matrix, matrix_mut};
use crate::{Linear, Mlp};

/// Forward and reverse pass of a perceptron.
#[derive(Clone, Debug)]
pub(super) struct Pass<T: Scalar> {
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

impl<T: Scalar> Pass<T> {
    pub(super) fn new(mlp: &Mlp, threads: Threads) -> Self {
        let layer = |linear: Linear| Layer {
            inputs: linear.inputs,
            outputs: linear.outputs,
            offset: linear.weight.start,
            output: Vec::new(),
            slope: Vec::new(),
        };
        let layers = mlp.linears().into_iter().map(layer).collect();
        Self { mlp: mlp.clone(), threads, layers, delta: Vec::new(), delta_input: Vec::new() }
    }

    /// The logits of the rows that [`forward`](Self::forward) has seen.
    pub(super) fn logits(&mut self) -> &mut [T] {
        &mut self.layers.last_mut().expect("a network has a layer").output
    }

    pub(super) fn forward(&mut self, theta: &[T], x: ArrayView2<'_, T>, dropout: Option<&mut Stream>) {
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
    pub(super) fn reverse(&mut self, theta: &[T], x: ArrayView2<'_, T>, accumulate: Accumulate, gradient: &mut [T]) {
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
