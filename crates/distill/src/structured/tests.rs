//! Both engines compute the same numbers.

use std::iter::zip;

use apd_nn::optim::Adam;
use apd_seed::Seed;
use ndarray::Array2;
use proptest::prelude::*;

use super::{PARTS, Structured, TILE};
use crate::batch::{Batch, Points};
use crate::model::{Block, Critic, GeneratorNet, Rule, Widths};
use crate::standardize::{Affine, Moments};
use crate::{Standardization, general};

const PENALTY: f64 = 10.0;
const POINTS: u32 = 7;

/// Leaves the parameters and puts the gradient where Adam has its first moments.
struct Keep;

impl Rule<f64> for Keep {
    fn apply(&self, _: u64, _: &mut [f64], gradient: &[f64], first: &mut [f64], _: &mut [f64]) {
        first.copy_from_slice(gradient);
    }
}

/// A large ε: where a gradient is 0 but for rounding, Adam would blow the rounding up to a whole step.
const ADAM: Adam = Adam { lr: 1e-2, beta1: 0.5, beta2: 0.9, eps: 1e-3 };

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
    fn networks(&self) -> (Critic<f64>, GeneratorNet<f64>) {
        let mut critic = Critic::new(self.widths, self.seed.child("critic"));
        let mut generator = GeneratorNet::new(self.widths, self.seed.child("generator"));
        let mut stream = self.seed.child("perturb").stream();
        for block in [&mut critic.head, &mut generator.trunk, &mut generator.bias] {
            block.value.iter_mut().for_each(|x| *x += 0.4 * stream.uniform() - 0.2);
        }
        (critic, generator)
    }

    fn points(&self) -> Points<'_, Array2<f32>> {
        Points { rows: &self.rows, affine: &self.affine }
    }

    fn critic_batch(&self, number: u64) -> Batch {
        Batch::critic(self.seed, number, POINTS, self.batch, self.widths.latent)
    }

    /// Iterations of two critic updates and one generator update by both engines; compares losses and parameters after each.
    fn compare(&self, iterations: u64, rule: &impl Rule<f64>, tolerance: f64) {
        let Self { widths, .. } = *self;
        let (mut critic, mut generator) = self.networks();
        let (mut general_critic, mut general_generator) = (critic.clone(), generator.clone());
        let mut engine = Structured::new(widths, self.batch);
        for i in 0..iterations {
            for number in [2 * i, 2 * i + 1] {
                let (batch, next) = (self.critic_batch(number), self.critic_batch(number + 1).rows);
                let fast =
                    engine.critic_step(&mut critic, &generator, &self.points(), &batch, &next, PENALTY, rule, number);
                let slow = general::critic_step(
                    widths,
                    &mut general_critic,
                    &general_generator,
                    &self.points(),
                    &batch,
                    PENALTY,
                    rule,
                    number + 1,
                );
                for (fast, slow) in
                    [(fast.loss, slow.loss), (fast.wasserstein, slow.wasserstein), (fast.penalty, slow.penalty)]
                {
                    assert!((fast - slow).abs() <= tolerance * (1.0 + slow.abs()), "critic loss {fast}, not {slow}");
                }
                same("critic's first layer", &critic.first, &general_critic.first, tolerance);
                same("critic's head", &critic.head, &general_critic.head, tolerance);
            }
            let batch = Batch::generator(self.seed, i, self.batch, widths.latent);
            let next = 2 * i + 2;
            let next = (next, &self.critic_batch(next).rows[..]);
            let fast = engine.generator_step(&critic, &mut generator, &self.points(), &batch, next, rule, i);
            let slow = general::generator_step(widths, &general_critic, &mut general_generator, &batch, rule, i + 1);
            assert!((fast - slow).abs() <= tolerance * (1.0 + slow.abs()), "generator loss {fast}, not {slow}");
            same("generator's trunk", &generator.trunk, &general_generator.trunk, tolerance);
            same("generator's weight", &generator.weight, &general_generator.weight, tolerance);
            same("generator's bias", &generator.bias, &general_generator.bias, tolerance);
        }
    }
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
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn gradients_are_equal(
        dim in prop_oneof![1..6_usize, TILE - 2..TILE + 3, 2 * TILE..2 * TILE + 50],
        hidden in 1..18_usize, latent in 1..6_usize, batch in 1..9_usize, kind in standardization(), seed: u64,
    ) {
        Case::new(dim, hidden, latent, batch, kind, seed).compare(1, &Keep, 1e-10);
    }

    #[test]
    fn trajectories_are_equal(
        dim in 1..2 * TILE, hidden in 1..12_usize, latent in 1..4_usize, batch in 1..6_usize, kind in standardization(),
        seed: u64,
    ) {
        Case::new(dim, hidden, latent, batch, kind, seed).compare(4, &ADAM, 1e-10);
    }
}

#[test]
fn several_tiles_per_part_are_equal_too() {
    let dim = PARTS * TILE + TILE + 5;
    Case::new(dim, 5, 3, 4, Standardization::Standardize, 1).compare(2, &Keep, 1e-10);
    Case::new(dim, 5, 3, 4, Standardization::None, 2).compare(3, &ADAM, 1e-10);
}

#[test]
fn a_different_gradient_is_noticed() {
    let case = Case::new(5, 4, 2, 3, Standardization::None, 3);
    let (critic, _) = case.networks();
    let mut other = critic.clone();
    other.first.value[7] += 1e-8;
    assert!(std::panic::catch_unwind(|| same("first layer", &critic.first, &other.first, 1e-10)).is_err());
}

/// The general engine is the reference, so its gradient is held against finite differences of its own loss once.
#[test]
fn the_reference_agrees_with_finite_differences() {
    let case = Case::new(6, 5, 3, 4, Standardization::Center, 4);
    let (critic, mut generator) = case.networks();
    let batch = case.critic_batch(0);
    let loss = |critic: &Critic<f64>| {
        let mut critic = critic.clone();
        general::critic_step(case.widths, &mut critic, &generator, &case.points(), &batch, PENALTY, &Keep, 1).loss
    };
    let mut graded = critic.clone();
    general::critic_step(case.widths, &mut graded, &generator, &case.points(), &batch, PENALTY, &Keep, 1);
    let step = 1e-6;
    type Part = fn(&mut Critic<f64>) -> &mut Block<f64>;
    let blocks: [Part; 2] = [|critic| &mut critic.first, |critic| &mut critic.head];
    for block in blocks {
        for i in 0..block(&mut graded).value.len() {
            let shifted = |by: f64| {
                let mut critic = critic.clone();
                block(&mut critic).value[i] += by;
                loss(&critic)
            };
            let (expected, got) = ((shifted(step) - shifted(-step)) / (2.0 * step), block(&mut graded).first[i]);
            assert!((expected - got).abs() < 1e-6 * (1.0 + expected.abs()), "{i}: {got}, not {expected}");
        }
    }

    let batch = Batch::generator(case.seed, 0, case.batch, case.widths.latent);
    let before = generator.clone();
    general::generator_step(case.widths, &critic, &mut generator, &batch, &Keep, 1);
    let graded = generator;
    for i in 0..before.weight.value.len() {
        let shifted = |by: f64| {
            let mut generator = before.clone();
            generator.weight.value[i] += by;
            general::generator_step(case.widths, &critic, &mut generator, &batch, &Keep, 1)
        };
        let (expected, got) = ((shifted(step) - shifted(-step)) / (2.0 * step), graded.weight.first[i]);
        assert!((expected - got).abs() < 1e-6 * (1.0 + expected.abs()), "{i}: {got}, not {expected}");
    }
}

/// A dead critic has zero gradient everywhere, and the square root must not turn that into NaN.
#[test]
fn a_critic_without_slope_is_no_trouble() {
    let case = Case::new(9, 4, 2, 3, Standardization::None, 5);
    let (mut critic, generator) = case.networks();
    critic.head.value.fill(-1.0);
    critic.first.value.fill(0.0);
    let mut reference = critic.clone();
    let (batch, next) = (case.critic_batch(0), case.critic_batch(1).rows);
    let mut engine = Structured::new(case.widths, case.batch);
    let fast = engine.critic_step(&mut critic, &generator, &case.points(), &batch, &next, PENALTY, &Keep, 0);
    let slow = general::critic_step(case.widths, &mut reference, &generator, &case.points(), &batch, PENALTY, &Keep, 1);
    assert!((fast.penalty - (1.0 - 1e-6_f64).powi(2)).abs() < 1e-12 && fast == slow, "{fast:?}, {slow:?}");
    same("first layer", &critic.first, &reference.first, 0.0);
}
