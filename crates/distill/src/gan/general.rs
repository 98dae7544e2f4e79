//! Updates by the definition: B × d arrays, reverse mode, and reverse mode through reverse mode.
//!
//! Slow and hungry, but with nothing to get wrong: the reference for the structured engine.

use apd_tensor::{Tensor, grad, grad_graph};

use crate::gan::batch::{Batch, StandardizedPoints, convert};
use crate::gan::loss::{self, CriticLoss, Objective};
use crate::gan::model::{Block, Critic, GeneratorNet, Widths, constants, flatten, matrix, variables};
use crate::gan::optimizer::Rule;
use crate::kernel::Element;
use apd_points::Points;

/// One critic update, number `t` from 1. Leaves everything as it was if the loss is not finite.
pub(crate) fn critic_step<T: Element, R: Points>(
    widths: Widths,
    critic: &mut Critic<T>,
    generator: &GeneratorNet<T>,
    points: &StandardizedPoints<'_, R>,
    batch: &Batch,
    objective: Objective,
    rule: &impl Rule<T>,
    t: u64,
) -> CriticLoss {
    let Widths { dim, hidden, .. } = widths;
    let size = batch.rows.len();
    let mut real = vec![T::zero(); size * dim];
    points.gather(&batch.rows, 0..dim, &mut real);
    let real = matrix(&real, &[size, dim]);
    let trunk = constants(&generator.trunk.value, &widths.trunk());
    let [weight, bias] = [matrix(&generator.weight.value, &[dim, hidden]), matrix(&generator.bias.value, &[dim])];
    let fake = generate(widths, batch, &trunk, &weight, &bias);

    let first = matrix(&critic.first.value, &[dim, hidden]).into_variable();
    let head = variables(&critic.head.value, &widths.head());
    let score = |x: &Tensor<T>| loss::head(&x.matmul(&first), &head);
    let squared_norms = || {
        let mix = matrix(&convert(&batch.mix), &[size, 1]);
        let between = real.add(&mix.mul(&fake.sub(&real))).into_variable();
        grad_graph(&score(&between).sum(), &[&between]).remove(0).square().sum_axis(1)
    };
    let (total, losses) = objective.critic(&score(&real), &score(&fake), squared_norms);

    if losses.loss.is_finite() {
        let parameters: Vec<&Tensor<T>> = std::iter::once(&first).chain(&head).collect();
        let gradients = grad(&total, &parameters);
        update(rule, t, &mut critic.first, gradients[0].as_slice());
        update(rule, t, &mut critic.head, &flatten(&gradients[1..]));
    }
    losses
}

/// One generator update, number `t` from 1; returns its loss. Leaves everything as it was if that is not finite.
pub(crate) fn generator_step<T: Element>(
    widths: Widths,
    critic: &Critic<T>,
    generator: &mut GeneratorNet<T>,
    batch: &Batch,
    objective: Objective,
    rule: &impl Rule<T>,
    t: u64,
) -> f64 {
    let Widths { dim, hidden, .. } = widths;
    let trunk = variables(&generator.trunk.value, &widths.trunk());
    let weight = matrix(&generator.weight.value, &[dim, hidden]).into_variable();
    let bias = matrix(&generator.bias.value, &[dim]).into_variable();
    let fake = generate(widths, batch, &trunk, &weight, &bias);
    let head = constants(&critic.head.value, &widths.head());
    let first = matrix(&critic.first.value, &[dim, hidden]);
    let total = objective.generator(&loss::head(&fake.matmul(&first), &head));
    let value = total.item().as_f64();
    if value.is_finite() {
        let parameters: Vec<&Tensor<T>> = [&weight, &bias].into_iter().chain(&trunk).collect();
        let gradients = grad(&total, &parameters);
        update(rule, t, &mut generator.weight, gradients[0].as_slice());
        update(rule, t, &mut generator.bias, gradients[1].as_slice());
        update(rule, t, &mut generator.trunk, &flatten(&gradients[2..]));
    }
    value
}

/// Generated points, B × d.
fn generate<T: Element>(
    widths: Widths,
    batch: &Batch,
    trunk: &[Tensor<T>],
    weight: &Tensor<T>,
    bias: &Tensor<T>,
) -> Tensor<T> {
    let latent = convert(&batch.latent);
    let latent = matrix(&latent, &[latent.len() / widths.latent, widths.latent]);
    loss::trunk(&latent, trunk).matmul_nt(weight).add(bias)
}

fn update<T: Element>(rule: &impl Rule<T>, t: u64, block: &mut Block<T>, gradient: &[T]) {
    rule.apply(t, &mut block.value, gradient, &mut block.first, &mut block.second);
}
