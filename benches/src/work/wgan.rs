//! WGAN-GP updates with the settings `gan1`: z 32, h 100, batch 100.

use apd_distill::{Config, Trainer};
use apd_seed::Seed;
use ndarray::Array2;

use super::{PLAIN, Runner, Work};

/// One product of a hidden-sized matrix with a matrix that is d long: 2·h·h·d, and B is h here.
const fn products(count: usize, dim: usize) -> f64 {
    (count * 2 * 100 * 100 * dim) as f64
}

/// The structured critic step makes six such products (A, G, K, and three for the gradient), the generator's two; each
/// reads and writes its weights and both Adam moments once, and the critic's reads the batch and W_g too.
pub(super) fn works() -> Vec<Work> {
    let critic = |dim| (products(6, dim), (8 * 100 * dim * 4) as f64);
    let generator = |dim| (products(2, dim), (7 * 100 * dim * 4) as f64);
    let row = |name, unit, (flop, bytes), make| Work { name, unit, flop, bytes, make, ..PLAIN };
    vec![
        row("wgan-critic-79510", "critic update", critic(79_510), || critic_updates(79_510, 400)),
        row("wgan-generator-79510", "generator update", generator(79_510), || generator_updates(79_510, 400)),
        row("wgan-critic-478410", "critic update", critic(478_410), || critic_updates(478_410, 200)),
        row("wgan-generator-478410", "generator update", generator(478_410), || generator_updates(478_410, 200)),
    ]
}

/// A trainer on a bank of random rows: the time does not depend on what is learnt.
pub(super) fn trainer(dim: usize, rows: usize) -> Trainer<Array2<f32>> {
    let mut bank = Array2::zeros((rows, dim));
    let all = bank.as_slice_mut().expect("standard layout");
    Seed::root(1).normals().fill(0, 0, all);
    all.iter_mut().for_each(|value| *value *= 0.05);
    Trainer::new(bank, Config::gan1(), Seed::root(2)).expect("a preset fits any bank")
}

fn critic_updates(dim: usize, rows: usize) -> Box<dyn Runner> {
    let mut trainer = trainer(dim, rows);
    Box::new(move || {
        trainer.critic_step().expect("finite");
    })
}

fn generator_updates(dim: usize, rows: usize) -> Box<dyn Runner> {
    let mut trainer = trainer(dim, rows);
    Box::new(move || {
        trainer.generator_step().expect("finite");
    })
}
