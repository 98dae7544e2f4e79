//! WGAN-GP updates with the settings `gan1`: z 32, h 100, batch 100.

use apd_distill::{Config, Trainer};
use apd_seed::Seed;
use ndarray::Array2;

use crate::work::{Role, Runner, Work};

pub(super) const HIDDEN: usize = 100;

/// One product of a hidden-sized matrix with a matrix that is d long: 2·h·h·d, and B is h here.
const fn products(count: usize, dim: usize) -> f64 {
    (count * 2 * HIDDEN * HIDDEN * dim) as f64
}

/// The structured critic step makes six such products (A, G, K, and three for the gradient) and reads and writes its weights
/// and both Adam moments once, and reads the batch and W_g.
pub(super) fn critic(dim: usize, rows: usize) -> Work {
    Work {
        name: format!("wgan-critic-{dim}"),
        unit: "critic update",
        flop: products(6, dim),
        bytes: (8 * HIDDEN * dim * 4) as f64,
        make: Box::new(move || critic_updates(dim, rows)),
        ..Work::default()
    }
}

/// The generator's makes two.
fn generator(dim: usize, rows: usize) -> Work {
    Work {
        name: format!("wgan-generator-{dim}"),
        unit: "generator update",
        flop: products(2, dim),
        bytes: (7 * HIDDEN * dim * 4) as f64,
        make: Box::new(move || generator_updates(dim, rows)),
        ..Work::default()
    }
}

/// Both networks' long layers, each with two Adam moments, and the bank.
pub(super) fn held(dim: usize, rows: usize) -> f64 {
    (4 * dim * (3 * HIDDEN + 3 * (HIDDEN + 1) + rows)) as f64
}

pub(super) fn works() -> Vec<Work> {
    vec![
        critic(79_510, 400),
        generator(79_510, 400),
        critic(478_410, 200),
        generator(478_410, 200),
        iteration(79_510, 400),
        iteration(478_410, 200),
    ]
}

/// For its memory: everything that training touches is touched.
fn iteration(dim: usize, rows: usize) -> Work {
    Work {
        name: format!("wgan-iteration-{dim}"),
        unit: "5 critic updates, 1 generator update",
        held: held(dim, rows),
        role: Role::Memory,
        make: Box::new(move || {
            let mut trainer = trainer(dim, rows);
            Box::new(move || {
                trainer.step().expect("finite");
            })
        }),
        ..Work::default()
    }
}

/// A trainer on a bank of random rows: the time does not depend on what is learned.
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
