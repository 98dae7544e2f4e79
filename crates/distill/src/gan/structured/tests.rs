//! Both engines compute the same numbers.

use std::iter::zip;

use apd_nn::optim::{Adam, RmsProp};
use apd_seed::Seed;
use ndarray::Array2;
use proptest::prelude::*;

use super::{PARTS, Structured, TILE};
use crate::gan::batch::{Batch, StandardizedPoints};
use crate::gan::general;
use crate::gan::loss::Objective;
use crate::gan::model::{Block, Critic, GeneratorNet, Widths};
use crate::gan::optimizer::{Clipped, Rule};
use crate::standardize::{Affine, Moments};
use crate::{Loss, Optimizer, Standardization};

const POINTS: u32 = 7;

fn objective(loss: Loss) -> Objective {
    Objective { loss, penalty: (loss == Loss::WganGp).then_some(10.0) }
}

/// Leaves the parameters and puts the gradient where Adam has its first moments.
struct Keep;

impl Rule<f64> for Keep {
    fn apply(&self, _: u64, _: &mut [f64], gradient: &[f64], first: &mut [f64], _: &mut [f64]) {
        first.copy_from_slice(gradient);
    }
}

/// A large ε: where a gradient is 0 but for rounding, Adam would blow the rounding up to a whole step.
const ADAM: Optimizer = Optimizer::Adam(Adam { lr: 1e-2, beta1: 0.5, beta2: 0.9, eps: 1e-3 });
const RMS_PROP: Optimizer = Optimizer::RmsProp(RmsProp { lr: 1e-2, alpha: 0.9, eps: 1e-3 });

struct Case {
    widths: Widths,
    batch: usize,
    rows: Array2<f32>,
    affine: Affine<'static>,
    seed: Seed,
}

impl Case {
    fn new(dim: usize, hidden: usize, latent: usize, batch: usize, kind: Standardization, seed: u64) -> Self {
        let seed = Seed::root(seed);
        let mut rows = Array2::zeros((POINTS as usize, dim));
        seed.child("points").normals().fill(0, 0, rows.as_slice_mut().unwrap());
        rows.mapv_inplace(|x| 0.5 + 2.0 * x);
        let affine = Affine::new(kind, Some(&Moments::of(&rows).unwrap()));
        Self { widths: Widths { dim, latent, hidden }, batch, rows, affine, seed }
    }

    /// Networks with all parameters, biases too, away from 0.
    fn networks(&self, optimizer: Optimizer) -> (Critic<f64>, GeneratorNet<f64>) {
        let mut critic = Critic::new(self.widths, optimizer, self.seed.child("critic"));
        let mut generator = GeneratorNet::new(self.widths, optimizer, self.seed.child("generator"));
        let mut stream = self.seed.child("perturb").stream();
        for block in [&mut critic.head, &mut generator.trunk, &mut generator.bias] {
            block.value.iter_mut().for_each(|x| *x += 0.4 * stream.uniform() - 0.2);
        }
        (critic, generator)
    }

    fn points(&self) -> StandardizedPoints<'_, Array2<f32>> {
        StandardizedPoints { rows: &self.rows, affine: &self.affine }
    }

    fn critic_batch(&self, number: u64) -> Batch {
        let mut batch = Batch::default();
        batch.critic(self.seed, number, POINTS, self.batch, self.widths.latent);
        batch
    }

    fn generator_batch(&self, number: u64) -> Batch {
        let mut batch = Batch::default();
        batch.generator(self.seed, number, self.batch, self.widths.latent);
        batch
    }

    /// Iterations of two critic updates and one generator update by both engines; compares losses and parameters after each.
    fn compare(&self, loss: Loss, iterations: u64, rules: &Rules<impl Rule<f64>, impl Rule<f64>>, tolerance: f64) {
        let Self { widths, .. } = *self;
        let objective = objective(loss);
        let (mut critic, mut generator) = self.networks(rules.optimizer);
        let (mut general_critic, mut general_generator) = (critic.clone(), generator.clone());
        let mut engine = Structured::new(widths, self.batch, objective);
        let close = |what: &str, fast: f64, slow: f64| {
            assert!((fast - slow).abs() <= tolerance * (1.0 + slow.abs()), "{loss}, {what}: {fast}, not {slow}");
        };
        for i in 0..iterations {
            for number in [2 * i, 2 * i + 1] {
                let (batch, next, points) =
                    (self.critic_batch(number), self.critic_batch(number + 1).rows, self.points());
                let rule = &rules.critic;
                let fast = engine.critic_step(&mut critic, &generator, &points, &batch, &next, rule, number);
                let (slow_critic, t) = (&mut general_critic, number + 1);
                let slow =
                    general::critic_step(widths, slow_critic, &general_generator, &points, &batch, objective, rule, t);
                close("critic's loss", fast.loss, slow.loss);
                close("W", fast.wasserstein, slow.wasserstein);
                close("penalty", fast.penalty, slow.penalty);
                same("critic's first layer", &critic.first, &general_critic.first, tolerance);
                same("critic's head", &critic.head, &general_critic.head, tolerance);
            }
            let batch = self.generator_batch(i);
            let next = 2 * i + 2;
            let next = (next, &self.critic_batch(next).rows[..]);
            let rule = &rules.generator;
            let fast = engine.generator_step(&critic, &mut generator, &self.points(), &batch, next, rule, i);
            let slow_generator = &mut general_generator;
            let slow = general::generator_step(widths, &general_critic, slow_generator, &batch, objective, rule, i + 1);
            close("generator's loss", fast, slow);
            same("generator's trunk", &generator.trunk, &general_generator.trunk, tolerance);
            same("generator's weight", &generator.weight, &general_generator.weight, tolerance);
            same("generator's bias", &generator.bias, &general_generator.bias, tolerance);
        }
    }
}

/// The rules of both networks, and the optimizer that says which moments they have.
struct Rules<C, G> {
    optimizer: Optimizer,
    critic: C,
    generator: G,
}

const KEEP: Rules<Keep, Keep> = Rules { optimizer: ADAM, critic: Keep, generator: Keep };

fn rules(optimizer: Optimizer, bound: Option<f64>) -> Rules<Clipped<Optimizer>, Optimizer> {
    Rules { optimizer, critic: Clipped { rule: optimizer, bound }, generator: optimizer }
}

fn loss() -> impl Strategy<Value = Loss> {
    prop::sample::select(&Loss::ALL[..])
}

fn same(what: &str, fast: &Block<f64>, slow: &Block<f64>, tolerance: f64) {
    for (part, fast, slow) in [
        ("values", &fast.value, &slow.value),
        ("first moments", &fast.first, &slow.first),
        ("second moments", &fast.second, &slow.second),
    ] {
        let scale = 1.0 + slow.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        for (i, (fast, slow)) in zip(fast, slow).enumerate() {
            assert!((fast - slow).abs() <= tolerance * scale, "{what}, {part}, {i}: {fast}, not {slow}");
        }
    }
}

fn standardization() -> impl Strategy<Value = Standardization> {
    prop_oneof![Just(Standardization::None), Just(Standardization::Center), Just(Standardization::Standardize)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn gradients_are_equal(
        dim in prop_oneof![1..6_usize, TILE - 2..TILE + 3, 2 * TILE..2 * TILE + 50],
        hidden in 1..18_usize, latent in 1..6_usize, batch in 1..9_usize, kind in standardization(), loss in loss(), seed: u64,
    ) {
        Case::new(dim, hidden, latent, batch, kind, seed).compare(loss, 1, &KEEP, 1e-10);
    }

    #[test]
    fn trajectories_are_equal(
        dim in 1..2 * TILE, hidden in 1..12_usize, latent in 1..4_usize, batch in 1..6_usize, kind in standardization(),
        loss in loss(), optimizer in prop::sample::select(&[ADAM, RMS_PROP][..]), clipped: bool, seed: u64,
    ) {
        let rules = rules(optimizer, clipped.then_some(0.1));
        Case::new(dim, hidden, latent, batch, kind, seed).compare(loss, 4, &rules, 1e-10);
    }
}

#[test]
fn several_tiles_per_part_are_equal_too() {
    let dim = PARTS * TILE + TILE + 5;
    for loss in Loss::ALL {
        Case::new(dim, 5, 3, 4, Standardization::Standardize, 1).compare(loss, 1, &KEEP, 1e-10);
        for optimizer in [ADAM, RMS_PROP] {
            Case::new(dim, 5, 3, 4, Standardization::None, 2).compare(loss, 2, &rules(optimizer, Some(0.1)), 1e-10);
        }
    }
}

#[test]
fn a_different_gradient_is_noticed() {
    let case = Case::new(5, 4, 2, 3, Standardization::None, 3);
    let (critic, _) = case.networks(ADAM);
    let mut other = critic.clone();
    other.first.value[7] += 1e-8;
    assert!(std::panic::catch_unwind(|| same("first layer", &critic.first, &other.first, 1e-10)).is_err());
}

/// The general engine is the reference, so its gradients are held against finite differences of its own losses.
#[test]
fn the_reference_agrees_with_finite_differences() {
    let case = Case::new(6, 5, 3, 4, Standardization::Center, 4);
    let (widths, step) = (case.widths, 1e-6);
    let close = |loss: Loss, i: usize, shifted: &dyn Fn(f64) -> f64, got: f64| {
        let expected = (shifted(step) - shifted(-step)) / (2.0 * step);
        assert!((expected - got).abs() < 1e-6 * (1.0 + expected.abs()), "{loss}, {i}: {got}, not {expected}");
    };
    for loss in Loss::ALL {
        let (critic, generator) = case.networks(ADAM);
        let (batch, objective) = (case.critic_batch(0), objective(loss));
        let run = |critic: &mut Critic<f64>| {
            general::critic_step(widths, critic, &generator, &case.points(), &batch, objective, &Keep, 1).loss
        };
        let mut graded = critic.clone();
        run(&mut graded);
        type Part = fn(&mut Critic<f64>) -> &mut Block<f64>;
        let blocks: [Part; 2] = [|critic| &mut critic.first, |critic| &mut critic.head];
        for block in blocks {
            for i in 0..block(&mut graded).value.len() {
                let shifted = |by: f64| {
                    let mut critic = critic.clone();
                    block(&mut critic).value[i] += by;
                    run(&mut critic)
                };
                close(loss, i, &shifted, block(&mut graded).first[i]);
            }
        }

        let batch = case.generator_batch(0);
        let run = |generator: &mut GeneratorNet<f64>| {
            general::generator_step(widths, &critic, generator, &batch, objective, &Keep, 1)
        };
        let mut graded = generator.clone();
        run(&mut graded);
        for i in 0..generator.weight.value.len() {
            let shifted = |by: f64| {
                let mut generator = generator.clone();
                generator.weight.value[i] += by;
                run(&mut generator)
            };
            close(loss, i, &shifted, graded.weight.first[i]);
        }
    }
}

/// A dead critic has zero gradient everywhere, and the square root must not turn that into NaN.
#[test]
fn a_critic_without_slope_is_no_trouble() {
    let case = Case::new(9, 4, 2, 3, Standardization::None, 5);
    let (mut critic, generator) = case.networks(ADAM);
    critic.head.value.fill(-1.0);
    critic.first.value.fill(0.0);
    let mut reference = critic.clone();
    let (batch, next) = (case.critic_batch(0), case.critic_batch(1).rows);
    let (objective, points) = (objective(Loss::WganGp), case.points());
    let mut engine = Structured::new(case.widths, case.batch, objective);
    let fast = engine.critic_step(&mut critic, &generator, &points, &batch, &next, &Keep, 0);
    let slow = general::critic_step(case.widths, &mut reference, &generator, &points, &batch, objective, &Keep, 1);
    assert!((fast.penalty - (1.0 - 1e-6_f64).powi(2)).abs() < 1e-12 && fast == slow, "{fast:?}, {slow:?}");
    same("first layer", &critic.first, &reference.first, 0.0);
}

#[test]
fn no_parameter_of_a_clipped_critic_leaves_the_bound() {
    let case = Case::new(TILE + 3, 6, 2, 3, Standardization::None, 6);
    let farthest = |bound: Option<f64>| {
        let (mut critic, generator) = case.networks(RMS_PROP);
        let rule = Clipped { rule: RMS_PROP, bound };
        let mut engine = Structured::new(case.widths, case.batch, objective(Loss::Wgan));
        let (batch, next) = (case.critic_batch(0), case.critic_batch(1).rows);
        engine.critic_step(&mut critic, &generator, &case.points(), &batch, &next, &rule, 0);
        critic.first.value.iter().chain(&critic.head.value).fold(0.0_f64, |max, x| max.max(x.abs()))
    };
    assert_eq!(farthest(Some(0.01)), 0.01);
    assert!(farthest(None) > 0.5);
}
