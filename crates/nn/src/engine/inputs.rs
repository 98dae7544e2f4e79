//! The gradient of a loss with respect to what a perceptron is shown: a product per layer and direction, and no gradient of a weight.

use apd_tensor::kernel;
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Mlp;
use crate::activation::add_bias;
use crate::evaluate::{matrix, matrix_mut};

/// Forward and reverse pass of a perceptron down to its inputs.
#[derive(Clone, Debug)]
pub(super) struct InputPass {
    mlp: Mlp,
    /// Each layer's output after its activation; the last one is the logits.
    outputs: Vec<Vec<f32>>,
    /// ∂loss/∂ of the current layer's output, and of its input.
    delta: Vec<f32>,
    delta_input: Vec<f32>,
}

impl InputPass {
    pub(super) fn new(mlp: &Mlp) -> Self {
        let outputs = vec![Vec::new(); mlp.widths.len() - 1];
        Self { mlp: mlp.clone(), outputs, delta: Vec::new(), delta_input: Vec::new() }
    }

    pub(super) fn logits(&mut self) -> &mut [f32] {
        self.outputs.last_mut().expect("a network has a layer")
    }

    pub(super) fn forward(&mut self, theta: &[f32], x: ArrayView2<'_, f32>) {
        let rows = x.nrows();
        let linears = self.mlp.linears();
        for (l, linear) in linears.iter().enumerate() {
            let (before, rest) = self.outputs.split_at_mut(l);
            let output = &mut rest[0];
            output.resize(rows * linear.outputs, 0.0);
            let input = before.last().map_or(x, |output| matrix(output, rows, linear.inputs));
            let weight = matrix(&theta[linear.weight.clone()], linear.outputs, linear.inputs);
            let product = matrix_mut(output, rows, linear.outputs);
            kernel::gemm_serial(1.0, input, weight.t(), 0.0, product);
            let bias = &theta[linear.bias.clone()];
            if l + 1 == linears.len() {
                add_bias(output, linear.outputs, bias);
            } else {
                self.mlp.activation.apply(output, linear.outputs, bias);
            }
        }
    }

    pub(super) fn reverse(&mut self, theta: &[f32], gradient: ArrayViewMut2<'_, f32>) {
        let rows = gradient.nrows();
        let linears = self.mlp.linears();
        self.delta.clear();
        self.delta.extend_from_slice(self.outputs.last().expect("a network has a layer"));
        for (l, linear) in linears.iter().enumerate().skip(1).rev() {
            self.delta_input.resize(rows * linear.inputs, 0.0);
            let weight = matrix(&theta[linear.weight.clone()], linear.outputs, linear.inputs);
            let delta = matrix(&self.delta, rows, linear.outputs);
            let product = matrix_mut(&mut self.delta_input, rows, linear.inputs);
            kernel::gemm_serial(1.0, delta, weight, 0.0, product);
            self.mlp.activation.backward(&self.outputs[l - 1], &mut self.delta_input);
            std::mem::swap(&mut self.delta, &mut self.delta_input);
        }
        let first = &linears[0];
        let weight = matrix(&theta[first.weight.clone()], first.outputs, first.inputs);
        kernel::gemm_serial(1.0, matrix(&self.delta, rows, first.outputs), weight, 1.0, gradient);
    }
}
