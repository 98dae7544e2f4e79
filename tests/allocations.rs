//! Once they are under way, the two long loops, sampling and distilling, allocate nothing.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_distill::{Config, Engine, Loss, Standardization, Trainer};
use apd_nn::{Activation, Mlp, Model as _, Network};
use apd_seed::Seed;
use apd_sgmcmc::{
    Baoab, Chain, ChainConfig, Gamma, Mclmc, Minibatch, Potential, PotentialError, Psgld, Sampler, Schedule, Sgd,
    Sghmc, Sgld, Sgnht,
};
use apd_watch::Watch;
use ndarray::Array2;
use rayon::ThreadPoolBuilder;

#[global_allocator]
static ALLOCATOR: Watch = Watch;

#[test]
fn an_allocation_is_counted() {
    let before = apd_watch::count();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(apd_watch::count() - before, 1);
}

/// U(θ) = Σₙ ½‖θ − xₙ‖² for 50 numbers xₙ, the same in all coordinates.
struct Mean;

/// Two whole blocks of noise and a part of one.
const DIM: usize = 2500;
const TERMS: usize = 50;

impl Potential for Mean {
    fn dim(&self) -> usize {
        DIM
    }

    fn num_data(&self) -> usize {
        TERMS
    }

    fn gradient(
        &mut self,
        theta: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let sum: f64 = minibatch.indices(TERMS).map(|n| n as f64 * 0.1).sum();
        let (count, scale) = (minibatch.len(TERMS) as f64, minibatch.scale(TERMS));
        for (g, &x) in gradient.iter_mut().zip(theta) {
            *g = (scale * (count * f64::from(x) - sum)) as f32;
        }
        Ok(gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>() / (2.0 * TERMS as f64))
    }

    fn curvature(&mut self, _: &[f32], _: Minibatch<'_>, diagonal: &mut [f32]) -> Result<(), PotentialError> {
        diagonal.fill(TERMS as f32);
        Ok(())
    }
}

/// Allocations in 40 steps, four epochs of the minibatches, after five steps to get going.
fn of_a_sampler<S: Sampler>(sampler: S) -> u64 {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 2, batch_size: 5 };
    let mut chain = Chain::new(0, Mean, sampler, config, Seed::root(1), vec![0.0; DIM]).unwrap();
    for _ in 0..5 {
        chain.step().unwrap();
    }
    let (before, mut kept) = (apd_watch::count(), 0);
    for _ in 0..40 {
        kept += u64::from(chain.step().unwrap().is_some());
    }
    let after = apd_watch::count();
    assert!(kept > 0 && chain.position().iter().all(|&x| x != 0.0), "{}: nothing happened", chain.summary().unwrap());
    after - before
}

#[test]
fn a_step_of_any_sampler_allocates_nothing() {
    let constant = Schedule::Constant(1e-3);
    // Exploring and sampling in the steps that are watched.
    let cyclical = Schedule::Cyclical { initial: 1e-3, length: 10, sampling: 0.5 };
    for schedule in [constant, cyclical] {
        assert_eq!(of_a_sampler(Sgld::new(schedule, 1.0)), 0, "SGLD");
        assert_eq!(of_a_sampler(Sgd::new(schedule, 0.9)), 0, "SGD");
        assert_eq!(of_a_sampler(Sghmc::new(schedule, 1.0, 0.1)), 0, "SGHMC");
        assert_eq!(of_a_sampler(Sgnht::new(schedule, 1.0, 0.1)), 0, "SGNHT");
        assert_eq!(of_a_sampler(Baoab::new(schedule, 1.0, 0.1)), 0, "BAOAB");
        assert_eq!(of_a_sampler(Mclmc::new(schedule, 1.0, 0.1)), 0, "MCLMC");
        for gamma in [Gamma::Omitted, Gamma::Included] {
            let sampler = Psgld::new(schedule, 1.0, TERMS).with_damping(0.1).with_gamma(gamma);
            assert_eq!(of_a_sampler(sampler), 0, "pSGLD, Γ {gamma:?}");
        }
    }
}

const IMAGES: usize = 60;

fn on_a_posterior(network: Network, dropout: bool) -> Chain<NetworkPotential, Sgld> {
    let seed = Seed::root(1);
    let mut inputs = Array2::zeros((IMAGES, network.inputs()));
    seed.normals().fill(0, 0, inputs.as_slice_mut().expect("a new array"));
    let labels: Vec<u32> = (0..IMAGES as u32).map(|i| i % network.outputs() as u32).collect();
    let data = Data::classes(inputs, labels);
    let mut potential =
        NetworkPotential::new(&network, data, Arc::new(Categorical), Arc::new(prior::Gaussian::isotropic(1.0)))
            .expect("it fits");
    if dropout {
        potential = potential.with_dropout(seed.child("dropout"));
    }
    let config = ChainConfig { steps: 1_000, burn_in: 0, thinning: 1_000, batch_size: 20 };
    let sampler = Sgld::new(Schedule::Constant(1e-5), 1.0);
    Chain::new(0, potential, sampler, config, seed, network.initialize(seed)).expect("valid settings")
}

#[test]
fn a_step_on_a_networks_posterior_allocates_nothing() {
    let dropped = Mlp { widths: vec![30, 40, 20, 5], activation: Activation::Relu, dropout: 0.5 };
    for (name, network, dropout) in [
        ("one layer", Network::mlp(&[30, 40, 5]), false),
        ("two layers, not a multiple of any vector", Network::mlp(&[31, 17, 23, 3]), false),
        ("dropout", Network::Mlp(dropped), true),
    ] {
        let mut chain = on_a_posterior(network, dropout);
        // Epochs of three minibatches; each begins with a new order.
        for _ in 0..7 {
            chain.step().expect("it does not diverge");
        }
        let before = apd_watch::count();
        for _ in 0..30 {
            chain.step().expect("it does not diverge");
        }
        assert_eq!(apd_watch::count() - before, 0, "allocations of 30 steps: {name}");
    }
}

/// Allocations in three iterations after two to get going, by the one thread of its own pool.
fn of_a_trainer(config: Config) -> u64 {
    // Several parts of several tiles, and products that are large enough to be shared out.
    let mut points = Array2::zeros((20, 64 * 192 + 500));
    Seed::root(1).normals().fill(0, 0, points.as_slice_mut().unwrap());
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let mut trainer = Trainer::new(&points, config, Seed::root(2)).unwrap();
        for _ in 0..2 {
            trainer.step().unwrap();
        }
        let before = apd_watch::count();
        for _ in 0..3 {
            let progress = trainer.step().unwrap();
            assert!(progress.critic_loss.is_finite());
        }
        apd_watch::count() - before
    })
}

#[test]
fn an_update_of_critic_and_generator_allocates_nothing() {
    for loss in Loss::ALL {
        let config = Config { latent: 8, hidden: 100, batch: 40, ..Config::gan1().with_loss(loss) };
        let standardization = Standardization::Standardize;
        assert_eq!(of_a_trainer(Config { standardization, ..config }), 0, "{loss}");
    }
    // The general engine's tape does.
    let small = Config { latent: 2, hidden: 2, batch: 2, critic_steps: 1, engine: Engine::General, ..Config::gan1() };
    assert!(of_a_trainer(small) > 100);
}
