//! WGAN-GP in tensor operations: what both engines share.
//!
//! Reference: Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, *Improved training of Wasserstein GANs*, NeurIPS 2017,
//! eq. 3 and algorithm 1.

use apd_tensor::Tensor;

use crate::kernel::Element;

/// Added to squared gradient norms: the square root has no derivative at 0.
pub(crate) const EPSILON: f64 = 1e-12;

/// What one critic update reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticLoss {
    /// λ·penalty − W, which the update lowered.
    pub loss: f64,
    /// W = mean D(points) − mean D(generated points).
    pub wasserstein: f64,
    /// mean (‖∇D‖ − 1)², without λ.
    pub penalty: f64,
}

impl CriticLoss {
    pub(crate) fn of<T: Element>(loss: &Tensor<T>, wasserstein: &Tensor<T>, penalty: &Tensor<T>) -> Self {
        let [loss, wasserstein, penalty] = [loss, wasserstein, penalty].map(|tensor| tensor.item().as_f64());
        Self { loss, wasserstein, penalty }
    }
}

/// relu(x·Wᵀ + b).
fn layer<T: Element>(x: &Tensor<T>, weight: &Tensor<T>, bias: &Tensor<T>) -> Tensor<T> {
    linear(x, weight, bias).relu()
}

fn linear<T: Element>(x: &Tensor<T>, weight: &Tensor<T>, bias: &Tensor<T>) -> Tensor<T> {
    x.matmul_nt(weight).add(bias)
}

/// The critic from the first layer's pre-activations without bias, N × h → N × 1; `head` as in `Widths::head`.
pub(crate) fn head<T: Element>(first: &Tensor<T>, head: &[Tensor<T>]) -> Tensor<T> {
    head_biased(&first.add(&head[0]), head)
}

/// As [`head`], from pre-activations that hold the first bias already.
pub(crate) fn head_biased<T: Element>(first: &Tensor<T>, head: &[Tensor<T>]) -> Tensor<T> {
    let second = layer(&first.relu(), &head[1], &head[2]);
    linear(&layer(&second, &head[3], &head[4]), &head[5], &head[6])
}

/// The generator without its last layer, N × z → N × h; `trunk` as in `Widths::trunk`.
pub(crate) fn trunk<T: Element>(latent: &Tensor<T>, trunk: &[Tensor<T>]) -> Tensor<T> {
    let first = layer(latent, &trunk[0], &trunk[1]);
    layer(&layer(&first, &trunk[2], &trunk[3]), &trunk[4], &trunk[5])
}

/// (loss, W, penalty) with W = mean D(x) − mean D(x̃), penalty = mean (√(‖∇D(x̂)‖² + ε) − 1)², loss = λ·penalty − W.
pub(crate) fn critic<T: Element>(
    real: &Tensor<T>,
    fake: &Tensor<T>,
    squared_norms: &Tensor<T>,
    penalty_weight: f64,
) -> [Tensor<T>; 3] {
    let wasserstein = real.mean().sub(&fake.mean());
    let norms = squared_norms.add_scalar(T::from_f64(EPSILON)).sqrt();
    let penalty = norms.add_scalar(-T::one()).square().mean();
    [penalty.scale(T::from_f64(penalty_weight)).sub(&wasserstein), wasserstein, penalty]
}

/// −mean D(x̃).
pub(crate) fn generator<T: Element>(fake: &Tensor<T>) -> Tensor<T> {
    fake.mean().neg()
}
