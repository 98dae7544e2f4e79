//! The gradient of a loss with respect to what a network is shown.

use apd_tensor::{Scalar, Tensor, grad, kernel};
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::TensorLayout as _;
use crate::activation::add_bias;
use crate::evaluate::{matrix, matrix_mut};
use crate::{Mlp, Network};

/// Forward and reverse pass down to the inputs, on the calling thread and over reused buffers.
///
/// A perceptron's is fused by hand: a product per layer and direction, and no gradient of a weight. Any other network is
/// recorded and differentiated by the tensor engine.
///
/// ```
/// use apd_nn::{InputBackprop, Network};
/// use ndarray::{Array2, array};
///
/// // The logit is x₀ − 2·x₁, and the loss is the logit.
/// let network = Network::mlp(&[2, 1]);
/// let (theta, x) = ([1.0, -2.0, 0.5], array![[3.0, 1.0]]);
/// let mut backprop = InputBackprop::new(&network);
/// let mut gradient = Array2::zeros((1, 2));
/// let mut pass = backprop.forward(&theta, x.view());
/// assert_eq!(pass.logits(), array![[1.5]]);
/// pass.logits().fill(1.0);
/// pass.add_to(gradient.view_mut());
/// assert_eq!(gradient, array![[1.0, -2.0]]);
/// ```
#[derive(Clone, Debug)]
pub struct InputBackprop<T: Scalar = f32> {
    network: Network,
    engine: Engine<T>,
}

#[derive(Clone, Debug)]
enum Engine<T: Scalar> {
    Fused(Fused<T>),
    Recorded(Recorded<T>),
}

/// A network's logits, on their way back to the inputs.
#[derive(Debug)]
pub struct InputPass<'a, T: Scalar = f32> {
    backprop: &'a mut InputBackprop<T>,
    theta: &'a [T],
    rows: usize,
}

impl<T: Scalar> InputBackprop<T> {
    /// For this network; the buffers are made by the first pass.
    pub fn new(network: &Network) -> Self {
        let engine = match network {
            Network::Mlp(mlp) => Engine::Fused(Fused::new(mlp)),
            Network::Cnn(_) => Engine::Recorded(Recorded { record: None, logits: Vec::new() }),
        };
        Self { network: network.clone(), engine }
    }

    /// The logits of x, without dropout.
    ///
    /// **Shapes**: θ: d, x: N × inputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn forward<'a>(&'a mut self, theta: &'a [T], x: ArrayView2<'_, T>) -> InputPass<'a, T> {
        assert_eq!(theta.len(), self.network.dim(), "elements of θ");
        assert_eq!(x.ncols(), self.network.inputs(), "elements of an input row");
        match &mut self.engine {
            Engine::Fused(fused) => fused.forward(theta, x),
            Engine::Recorded(recorded) => recorded.forward(&self.network, theta, x),
        }
        InputPass { backprop: self, theta, rows: x.nrows() }
    }
}

impl<T: Scalar> InputPass<'_, T> {
    /// The logits, N × outputs, to be replaced by ∂loss/∂logits.
    pub fn logits(&mut self) -> ArrayViewMut2<'_, T> {
        let outputs = self.backprop.network.outputs();
        match &mut self.backprop.engine {
            Engine::Fused(fused) => matrix_mut(fused.logits(), self.rows, outputs),
            Engine::Recorded(recorded) => matrix_mut(&mut recorded.logits, self.rows, outputs),
        }
    }

    /// gradient ← gradient + ∂loss/∂x, where [`logits`](Self::logits) now holds ∂loss/∂logits.
    ///
    /// **Shapes**: gradient: N × inputs.
    ///
    /// **Panics** if the shape does not fit.
    #[track_caller]
    pub fn add_to(self, gradient: ArrayViewMut2<'_, T>) {
        let Self { backprop: InputBackprop { network, engine }, theta, rows } = self;
        assert_eq!(gradient.dim(), (rows, network.inputs()), "shape of the gradient");
        match engine {
            Engine::Fused(fused) => fused.reverse(theta, gradient),
            Engine::Recorded(recorded) => recorded.reverse(network.outputs(), gradient),
        }
    }
}

/// A perceptron, layer by layer.
#[derive(Clone, Debug)]
struct Fused<T> {
    mlp: Mlp,
    /// Of each layer, after its activation; of the last one, the logits.
    outputs: Vec<Vec<T>>,
    /// ∂loss/∂ of the current layer's output, and of its input.
    delta: Vec<T>,
    delta_input: Vec<T>,
}

impl<T: Scalar> Fused<T> {
    fn new(mlp: &Mlp) -> Self {
        let outputs = vec![Vec::new(); mlp.widths.len() - 1];
        Self { mlp: mlp.clone(), outputs, delta: Vec::new(), delta_input: Vec::new() }
    }

    fn logits(&mut self) -> &mut [T] {
        self.outputs.last_mut().expect("a network has a layer")
    }

    fn forward(&mut self, theta: &[T], x: ArrayView2<'_, T>) {
        let rows = x.nrows();
        let linears = self.mlp.linears();
        for (l, linear) in linears.iter().enumerate() {
            let (before, rest) = self.outputs.split_at_mut(l);
            let output = &mut rest[0];
            output.resize(rows * linear.outputs, T::zero());
            let input = before.last().map_or(x, |output| matrix(output, rows, linear.inputs));
            let weight = matrix(&theta[linear.weight.clone()], linear.outputs, linear.inputs);
            let product = matrix_mut(output, rows, linear.outputs);
            kernel::gemm_serial(T::one(), input, weight.t(), T::zero(), product);
            let bias = &theta[linear.bias.clone()];
            if l + 1 == linears.len() {
                add_bias(output, linear.outputs, bias);
            } else {
                self.mlp.activation.apply(output, linear.outputs, bias);
            }
        }
    }

    fn reverse(&mut self, theta: &[T], gradient: ArrayViewMut2<'_, T>) {
        let rows = gradient.nrows();
        let linears = self.mlp.linears();
        self.delta.clear();
        self.delta.extend_from_slice(self.outputs.last().expect("a network has a layer"));
        for (l, linear) in linears.iter().enumerate().skip(1).rev() {
            self.delta_input.resize(rows * linear.inputs, T::zero());
            let weight = matrix(&theta[linear.weight.clone()], linear.outputs, linear.inputs);
            let delta = matrix(&self.delta, rows, linear.outputs);
            let product = matrix_mut(&mut self.delta_input, rows, linear.inputs);
            kernel::gemm_serial(T::one(), delta, weight, T::zero(), product);
            self.mlp.activation.backward(&self.outputs[l - 1], &mut self.delta_input);
            std::mem::swap(&mut self.delta, &mut self.delta_input);
        }
        let first = &linears[0];
        let weight = matrix(&theta[first.weight.clone()], first.outputs, first.inputs);
        kernel::gemm_serial(T::one(), matrix(&self.delta, rows, first.outputs), weight, T::one(), gradient);
    }
}

/// Any network, in tensor operations.
#[derive(Clone, Debug)]
struct Recorded<T: Scalar> {
    /// Inputs and what became of them.
    record: Option<(Tensor<T>, Tensor<T>)>,
    logits: Vec<T>,
}

impl<T: Scalar> Recorded<T> {
    fn forward(&mut self, network: &Network, theta: &[T], x: ArrayView2<'_, T>) {
        let params = network.layout().tensors(theta);
        let x = Tensor::constant(x.to_owned().into_dyn()).into_variable();
        let logits = network.forward(&params, &x, None);
        self.logits.clear();
        self.logits.extend_from_slice(logits.as_slice());
        self.record = Some((x, logits));
    }

    fn reverse(&mut self, outputs: usize, mut gradient: ArrayViewMut2<'_, T>) {
        let (x, logits) = self.record.take().expect("a pass begins with forward");
        let delta = Tensor::from_vec(&[gradient.nrows(), outputs], self.logits.clone());
        let found = &grad(&logits.mul(&delta).sum(), &[&x])[0];
        gradient += &matrix(found.as_slice(), gradient.nrows(), gradient.ncols());
    }
}

#[cfg(test)]
mod tests;
