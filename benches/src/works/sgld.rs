//! Steps of chains: gather, forward, backward, prior, noise, update. Batch 100 of 50 000, lr .05, weight decay .001.

use std::sync::Arc;
use std::time::{Duration, Instant};

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_nn::{Network, Threads};
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Potential, Sampler, Schedule, Sgd, Sgld, from_mean_loss};
use ndarray::Array2;
use rayon::prelude::*;

use super::predict::{FC1, FC2, weights};
use crate::work::{Chains, Runner, Work};

pub(super) const EXAMPLES: usize = 50_000;
pub(super) const BATCH: usize = 100;
const LEARNING_RATE: f64 = 0.05;
const WEIGHT_DECAY: f64 = 0.001;

/// Forward and the weights' gradient cost 2·B per weight each; so does the inputs' gradient, except below the first layer.
pub(super) fn flop(widths: &[usize]) -> f64 {
    (2 * BATCH * (3 * weights(widths) - widths[0] * widths[1])) as f64
}

pub(super) fn works() -> Vec<Work> {
    let row = |name: &str, unit, widths, make: fn() -> Box<dyn Runner>| Work {
        name: name.into(),
        unit,
        flop: flop(widths),
        make: Box::new(make),
        ..Work::default()
    };
    let machine = "chain-step of the whole machine";
    vec![
        row("sgld-fc1", machine, FC1, || Box::new(chains(FC1, EXAMPLES, rayon::current_num_threads()))),
        row("sgld-fc2", machine, FC2, || Box::new(chains(FC2, EXAMPLES, rayon::current_num_threads()))),
        row("sgld-fc1-one-chain", "step of one chain, all threads", FC1, || {
            Box::new(network_steps(alone(&Network::mlp(FC1)), sgld(EXAMPLES), 0))
        }),
        row("sgd-fc1", "step of one chain, all threads", FC1, || {
            Box::new(network_steps(alone(&Network::mlp(FC1)), sgd(), 0))
        }),
        row("mc-dropout-fc1", "step of one chain, all threads", FC1, || {
            Box::new(network_steps(thinned(alone), sgd(), 0))
        }),
        Work {
            flop: 3.0 * flop(FC1),
            ..row("training-fc1", "a step each of SGD, SGD with dropout and SGLD", FC1, || {
                // As `reproduce` has them: side by side, a thread for each, the longest first.
                let network = Network::mlp(FC1);
                let one = |network: &Network| potential(network, data(FC1, EXAMPLES));
                Box::new(SideBySide(vec![
                    Box::new(network_steps(thinned(one), sgd(), 0)),
                    Box::new(network_steps(one(&network), sgld(EXAMPLES), 0)),
                    Box::new(network_steps(one(&network), sgd(), 0)),
                ]))
            })
        },
    ]
}

/// Runs of the same length, each a piece of work for one thread.
struct SideBySide(Vec<Box<dyn FnMut() + Send>>);

impl Runner for SideBySide {
    /// `units` calls of each.
    fn run(&mut self, units: u64) -> Duration {
        let start = Instant::now();
        self.0.par_iter_mut().with_max_len(1).for_each(|call| (0..units).for_each(|_| call()));
        start.elapsed()
    }
}

/// A potential with dropout.
fn thinned(make: impl FnOnce(&Network) -> NetworkPotential) -> NetworkPotential {
    let mut network = Network::mlp(FC1);
    if let Network::Mlp(mlp) = &mut network {
        mlp.dropout = 0.5;
    }
    make(&network).with_dropout(Seed::root(1).child("dropout"))
}

/// So many SGLD chains, each on its thread.
pub(super) fn chains(widths: &[usize], examples: usize, count: usize) -> Chains<impl FnMut() + Send + use<>> {
    let (network, data) = (Network::mlp(widths), data(widths, examples));
    let chain = |number| network_steps(potential(&network, data.clone()), sgld(examples), number);
    Chains((0..count as u64).map(chain).collect())
}

fn network_steps(potential: NetworkPotential, sampler: impl Sampler, number: u64) -> impl FnMut() + Send {
    let initial = potential.model().initialize(Seed::root(1).child("initial").index(number));
    steps(potential, sampler, initial, number)
}

/// A call is a step.
pub(super) fn steps(
    potential: impl Potential,
    sampler: impl Sampler,
    initial: Vec<f32>,
    number: u64,
) -> impl FnMut() + Send {
    let config = ChainConfig { steps: u64::MAX, burn_in: 0, thinning: u64::MAX, batch_size: BATCH };
    let seed = Seed::root(1);
    let mut chain = Chain::new(number as u32, potential, sampler, config, seed, initial).expect("valid settings");
    move || {
        chain.step().expect("the step size is small enough");
    }
}

pub(super) fn sgld(examples: usize) -> Sgld {
    Sgld::new(Schedule::Constant(from_mean_loss(LEARNING_RATE, WEIGHT_DECAY, examples).0), 1.0)
}

fn sgd() -> Sgd {
    Sgd::from_mean_loss(LEARNING_RATE, 0.0, EXAMPLES)
}

/// The gradient of the only chain.
fn alone(network: &Network) -> NetworkPotential {
    potential(network, data(FC1, EXAMPLES)).with_threads(Threads::Rayon)
}

fn potential(network: &Network, data: Data) -> NetworkPotential {
    let (_, prior_precision) = from_mean_loss(LEARNING_RATE, WEIGHT_DECAY, data.len());
    NetworkPotential::new(network, data, Arc::new(Categorical), Arc::new(prior::Gaussian::isotropic(prior_precision)))
        .expect("the network fits its data")
}

/// Inputs uniform in [−1, 1] with random labels: the time does not depend on what is learned.
pub(super) fn data(widths: &[usize], examples: usize) -> Data {
    let mut stream = Seed::root(1).child("data").stream();
    let classes = widths[widths.len() - 1] as u32;
    let inputs = Array2::from_shape_simple_fn((examples, widths[0]), || stream.uniform_f32() * 2.0 - 1.0);
    let labels: Vec<u32> = (0..examples).map(|_| stream.below(classes)).collect();
    Data::classes(inputs, labels)
}
