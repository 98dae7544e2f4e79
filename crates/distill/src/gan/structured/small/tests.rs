//! The hand-written derivatives are those of the tape.

use apd_nn::optim::Adam;
use apd_seed::Seed;
use apd_tensor::{Tensor, grad, grad_graph};
use proptest::prelude::*;

use super::*;
use crate::Optimizer;
use crate::gan::batch::convert;
use crate::gan::loss::{self, Loss};
use crate::gan::model::{constants, flatten, matrix, variables};
use crate::gan::structured::products::Shapes;

/// Loss and derivatives of the critic as the module `structured` defines them, by double backward on the tape.
fn critic_by_tape(
    widths: Widths,
    objective: Objective,
    critic: &Critic<f64>,
    generator: &GeneratorNet<f64>,
    batch: &Batch,
    products: &Products<'_, f64>,
) -> (CriticLoss, CriticGradient<f64>) {
    let (h, size) = (widths.hidden, batch.rows.len());
    let hidden = loss::trunk(&latent(widths, batch), &constants(&generator.trunk.value, &widths.trunk()));
    let real = matrix(products.real, &[size, h]).into_variable();
    let cross = matrix(products.cross, &[h, h]).into_variable();
    let shift = matrix(products.shift, &[h]).into_variable();
    let gram = objective.penalty.map(|_| matrix(products.gram, &[h, h]).into_variable());
    let head = variables(&critic.head.value, &widths.head());

    let fake = hidden.matmul(&cross).add(&shift);
    let squared_norms = || {
        let mix = matrix(&convert(&batch.mix), &[size, 1]);
        let between = real.add(&mix.mul(&fake.sub(&real)));
        let slope = grad_graph(&loss::head(&between, &head).sum(), &[&between]).remove(0);
        slope.matmul(gram.as_ref().unwrap()).mul(&slope).sum_axis(1).relu()
    };
    let (total, report) = objective.critic(&loss::head(&real, &head), &loss::head(&fake, &head), squared_norms);
    let inputs: Vec<&Tensor<f64>> = [&real, &cross, &shift].into_iter().chain(&head).chain(&gram).collect();
    let gradients = grad(&total, &inputs);
    let gram = gradients.get(3 + head.len()).map(|gram| gram.add(&gram.t()).as_slice().to_vec());
    let gradient = CriticGradient {
        real: gradients[0].as_slice().to_vec(),
        cross: gradients[1].as_slice().to_vec(),
        shift: gradients[2].as_slice().to_vec(),
        gram: gram.unwrap_or_default(),
        head: flatten(&gradients[3..3 + head.len()]),
    };
    (report, gradient)
}

fn generator_by_tape(
    widths: Widths,
    objective: Objective,
    critic: &Critic<f64>,
    generator: &GeneratorNet<f64>,
    batch: &Batch,
    products: &Products<'_, f64>,
) -> (f64, GeneratorGradient<f64>) {
    let h = widths.hidden;
    let trunk = variables(&generator.trunk.value, &widths.trunk());
    let cross = matrix(products.cross, &[h, h]).into_variable();
    let shift = matrix(products.shift, &[h]).into_variable();
    let fake = loss::trunk(&latent(widths, batch), &trunk).matmul(&cross).add(&shift);
    let total = objective.generator(&loss::head(&fake, &constants(&critic.head.value, &widths.head())));
    let inputs: Vec<&Tensor<f64>> = [&cross, &shift].into_iter().chain(&trunk).collect();
    let gradients = grad(&total, &inputs);
    let gradient = GeneratorGradient {
        cross: gradients[0].t().as_slice().to_vec(),
        shift: gradients[1].as_slice().to_vec(),
        trunk: flatten(&gradients[2..]),
    };
    (total.item(), gradient)
}

fn latent(widths: Widths, batch: &Batch) -> Tensor<f64> {
    matrix(&convert(&batch.latent), &[batch.latent.len() / widths.latent, widths.latent])
}

fn close(what: &str, fast: &[f64], slow: &[f64]) {
    assert_eq!(fast.len(), slow.len(), "{what}");
    let scale = 1.0 + slow.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    for (i, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert!((fast - slow).abs() <= 1e-11 * scale, "{what}, {i}: {fast}, not {slow}");
    }
}

/// Random networks, a random batch, and the products of random points; K is a Gram matrix, as it must be.
fn compare(loss: Loss, [hidden, latent, size]: [usize; 3], seed: u64) {
    let seed = Seed::root(seed);
    let widths = Widths { dim: 2, latent, hidden };
    let objective = Objective { loss, penalty: (loss == Loss::WganGp).then_some(3.0) };
    let adam = Optimizer::Adam(Adam::default());
    let mut critic = Critic::<f64>::new(widths, adam, seed.child("critic"));
    let mut generator = GeneratorNet::<f64>::new(widths, adam, seed.child("generator"));
    let mut stream = seed.child("rest").stream();
    critic.head.value.iter_mut().chain(&mut generator.trunk.value).for_each(|x| *x += 0.4 * stream.uniform() - 0.2);
    let mut batch = Batch::default();
    batch.critic(seed, 0, 5, size, latent);

    let shapes = Shapes { hidden, batch: size, gram: objective.penalty.is_some() };
    let mut sums: Vec<f64> = (0..shapes.len()).map(|_| 2.0 * stream.uniform() - 1.0).collect();
    if shapes.gram {
        let root: Vec<f64> = (0..hidden * hidden).map(|_| 2.0 * stream.uniform() - 1.0).collect();
        let gram = &mut sums[hidden * size..][..hidden * hidden];
        product([hidden; 3], Left::transposed(&root, hidden), &root, gram);
    }
    let products = shapes.split(&sums);
    let mut small = Small::new(widths, size, objective);
    // The second time in used buffers.
    for _ in 0..2 {
        let report = small.critic(&critic, &generator, &batch, &products);
        let (expected, gradient) = critic_by_tape(widths, objective, &critic, &generator, &batch, &products);
        let numbers = |report: CriticLoss| [report.loss, report.wasserstein, report.penalty];
        close("critic's losses", &numbers(report), &numbers(expected));
        close("∂A", &small.critic.real, &gradient.real);
        close("∂K", &small.critic.gram, &gradient.gram);
        close("∂G", &small.critic.cross, &gradient.cross);
        close("∂w", &small.critic.shift, &gradient.shift);
        close("∂head", &small.critic.head, &gradient.head);

        let value = small.generator(&critic, &generator, &batch, &products);
        let (expected, gradient) = generator_by_tape(widths, objective, &critic, &generator, &batch, &products);
        close("generator's loss", &[value], &[expected]);
        close("∂Gᵀ", &small.generator.cross, &gradient.cross);
        close("∂w of the generator", &small.generator.shift, &gradient.shift);
        close("∂trunk", &small.generator.trunk, &gradient.trunk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn derivatives_are_those_of_the_tape(
        loss in prop::sample::select(&Loss::ALL[..]), hidden in 1..20_usize, latent in 1..8_usize, size in 1..12_usize, seed: u64,
    ) {
        compare(loss, [hidden, latent, size], seed);
    }
}

/// Wide enough for products to be shared out.
#[test]
fn derivatives_are_those_of_the_tape_on_several_threads_too() {
    for loss in Loss::ALL {
        compare(loss, [100, 32, 70], 1);
    }
}

/// ℓ far from 0, where e⁻ˢ overflows or vanishes.
#[test]
fn logistic_losses_stay_finite() {
    for (score, real, value, slope) in [
        (-1000.0, true, 1000.0, -1.0),
        (1000.0, true, 0.0, 0.0),
        (1000.0, false, 1000.0, 1.0),
        (-1000.0, false, 0.0, 0.0),
    ] {
        assert_eq!(Loss::Dcgan.term(score, real), (value, slope));
        assert_eq!(Loss::Dcgan.term(score as f32, real), (value as f32, slope as f32));
    }
    let (value, slope) = Loss::Dcgan.term(0.0_f64, true);
    assert!((value - 2.0_f64.ln()).abs() < 1e-15 && slope == -0.5);
}
