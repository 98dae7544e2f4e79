//! Losses and derivatives on matrices of B or h rows.

use apd_tensor::{Tensor, grad, grad_graph};

use super::Products;
use crate::batch::{Batch, convert};
use crate::kernel::Element;
use crate::loss::{self, CriticLoss};
use crate::model::{Critic, GeneratorNet, Widths, constants, flatten, matrix, variables};

/// Derivatives of the critic's loss.
pub(super) struct CriticGradient<T> {
    /// ∂A, B × h.
    pub(super) real: Vec<T>,
    /// ∂G, h × h.
    pub(super) cross: Vec<T>,
    /// ∂K + ∂Kᵀ, h × h.
    pub(super) gram: Vec<T>,
    /// ∂w, h.
    pub(super) shift: Vec<T>,
    pub(super) head: Vec<T>,
}

/// Derivatives of the generator's loss.
pub(super) struct GeneratorGradient<T> {
    /// ∂Gᵀ, h × h.
    pub(super) cross: Vec<T>,
    /// ∂w, h.
    pub(super) shift: Vec<T>,
    pub(super) trunk: Vec<T>,
}

pub(super) fn critic<T: Element>(
    widths: Widths,
    critic: &Critic<T>,
    generator: &GeneratorNet<T>,
    batch: &Batch,
    products: &Products<T>,
    penalty: f64,
) -> (CriticLoss, CriticGradient<T>) {
    let (h, size) = (widths.hidden, batch.rows.len());
    let hidden = loss::trunk(&latent(widths, batch), &constants(&generator.trunk.value, &widths.trunk()));
    let real = matrix(&products.real, &[size, h]).into_variable();
    let cross = matrix(&products.cross, &[h, h]).into_variable();
    let gram = matrix(&products.gram, &[h, h]).into_variable();
    let shift = matrix(&products.shift, &[h]).into_variable();
    let head = variables(&critic.head.value, &widths.head());

    let fake = hidden.matmul(&cross).add(&shift);
    let mix = matrix(&convert(&batch.mix), &[size, 1]);
    let between = real.add(&mix.mul(&fake.sub(&real))).add(&head[0]);
    let slope = grad_graph(&loss::head_biased(&between, &head).sum(), &[&between]).remove(0);
    // K is a Gram matrix, but rounding can take a norm near 0 below it.
    let squared_norms = slope.matmul(&gram).mul(&slope).sum_axis(1).relu();
    let scores = [loss::head(&real, &head), loss::head(&fake, &head)];
    let [total, wasserstein, penalty] = loss::critic(&scores[0], &scores[1], &squared_norms, penalty);

    let inputs: Vec<&Tensor<T>> = [&real, &cross, &gram, &shift].into_iter().chain(&head).collect();
    let gradients = grad(&total, &inputs);
    let gram = gradients[2].add(&gradients[2].t());
    let gradient = CriticGradient {
        real: gradients[0].as_slice().to_vec(),
        cross: gradients[1].as_slice().to_vec(),
        gram: gram.as_slice().to_vec(),
        shift: gradients[3].as_slice().to_vec(),
        head: flatten(&gradients[4..]),
    };
    (CriticLoss::of(&total, &wasserstein, &penalty), gradient)
}

pub(super) fn generator<T: Element>(
    widths: Widths,
    critic: &Critic<T>,
    generator: &GeneratorNet<T>,
    batch: &Batch,
    products: &Products<T>,
) -> (f64, GeneratorGradient<T>) {
    let h = widths.hidden;
    let trunk = variables(&generator.trunk.value, &widths.trunk());
    let cross = matrix(&products.cross, &[h, h]).into_variable();
    let shift = matrix(&products.shift, &[h]).into_variable();
    let fake = loss::trunk(&latent(widths, batch), &trunk).matmul(&cross).add(&shift);
    let total = loss::generator(&loss::head(&fake, &constants(&critic.head.value, &widths.head())));
    let inputs: Vec<&Tensor<T>> = [&cross, &shift].into_iter().chain(&trunk).collect();
    let gradients = grad(&total, &inputs);
    let gradient = GeneratorGradient {
        cross: gradients[0].t().as_slice().to_vec(),
        shift: gradients[1].as_slice().to_vec(),
        trunk: flatten(&gradients[2..]),
    };
    (total.item().as_f64(), gradient)
}

fn latent<T: Element>(widths: Widths, batch: &Batch) -> Tensor<T> {
    let latent = convert(&batch.latent);
    matrix(&latent, &[latent.len() / widths.latent, widths.latent])
}
