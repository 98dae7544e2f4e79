//! A network: a residual perceptron with layer normalization, x ↦ W₃·h + b₃ with h = a + tanh(W₂·norm(a) + b₂), a = W₁·x + b₁.

use apd::Model;
use apd::points::Layout;
use apd::seed::Stream;
use apd::tensor::{Scalar, Tensor};

#[derive(Clone, Debug)]
pub(crate) struct Residual {
    pub(crate) inputs: usize,
    pub(crate) hidden: usize,
    pub(crate) outputs: usize,
}

impl Residual {
    fn forward<T: Scalar>(params: &[Tensor<T>], x: &Tensor<T>) -> Tensor<T> {
        let linear = |x: &Tensor<T>, first: usize| x.matmul_nt(&params[first]).add(&params[first + 1]);
        let a = linear(x, 0);
        // Each row has mean 0 and variance 1.
        let centered = a.sub(&a.mean_axis(1));
        let norm = centered.div(&centered.square().mean_axis(1).add_scalar(T::from_f64(1e-5)).sqrt());
        linear(&a.add(&linear(&norm, 2).tanh()), 4)
    }
}

impl Model for Residual {
    fn layout(&self) -> Layout {
        let layers = [
            ("embed", self.hidden, self.inputs),
            ("block", self.hidden, self.hidden),
            ("head", self.outputs, self.hidden),
        ];
        Layout::new(layers.into_iter().flat_map(|(name, outputs, inputs)| {
            [(format!("{name}.weight"), vec![outputs, inputs]), (format!("{name}.bias"), vec![outputs])]
        }))
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, _: Option<&mut Stream>) -> Tensor<f32> {
        Self::forward(params, x)
    }
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, _: Option<&mut Stream>) -> Tensor<f64> {
        Self::forward(params, x)
    }
}
