//! SGLD steps: gather, forward, backward, prior, noise, update. Batch 100 of 50 000, lr .05, weight decay .001.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use apd_bnn::{Data, Likelihood, NetworkPotential, Targets};
use apd_nn::{Network, Threads};
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Schedule, Sgld, from_mean_loss};
use ndarray::Array2;

use super::predict::{FC1, FC2, weights};
use super::{PLAIN, Runner, Work};

const EXAMPLES: usize = 50_000;
const BATCH: usize = 100;

/// Forward and the weights' gradient cost 2·B per weight each; so does the inputs' gradient, except below the first layer.
fn flop(widths: &[usize]) -> f64 {
    (2 * BATCH * (3 * weights(widths) - widths[0] * widths[1])) as f64
}

pub(super) fn works() -> Vec<Work> {
    let row =
        |name, widths, make| Work { name, unit: "chain-step of the whole machine", flop: flop(widths), make, ..PLAIN };
    vec![row("sgld-fc1", FC1, || chains(FC1)), row("sgld-fc2", FC2, || chains(FC2))]
}

/// One chain per thread; they share the data and nothing else.
struct Chains(Vec<Chain<NetworkPotential, Sgld>>);

impl Runner for Chains {
    /// `units` steps in all, evenly; the slowest chain decides.
    fn run(&mut self, units: u64) -> Duration {
        let each = units.div_ceil(self.0.len() as u64);
        let start = Instant::now();
        thread::scope(|scope| {
            for chain in &mut self.0 {
                scope.spawn(move || {
                    for _ in 0..each {
                        chain.step().expect("the step size is small enough");
                    }
                });
            }
        });
        start.elapsed().mul_f64(units as f64 / (each * self.0.len() as u64) as f64)
    }
}

fn chains(widths: &[usize]) -> Box<dyn Runner> {
    let root = Seed::root(1);
    let network = Network::mlp(widths);
    let data = data(root, widths);
    let (step_size, prior_precision) = from_mean_loss(0.05, 0.001, EXAMPLES);
    let config = ChainConfig { steps: u64::MAX, burn_in: 0, thinning: u64::MAX, batch_size: BATCH };
    let chain = |number: u64| {
        let potential = NetworkPotential::new(&network, data.clone(), Likelihood::Categorical, prior_precision)
            .expect("the network fits its data")
            .with_threads(Threads::Serial);
        let sampler = Sgld::new(Schedule::Constant(step_size), 1.0);
        let initial = network.initialize(root.child("initial").index(number));
        Chain::new(number as u32, potential, sampler, config, root, initial).expect("valid settings")
    };
    Box::new(Chains((0..rayon::current_num_threads() as u64).map(chain).collect()))
}

/// Inputs uniform in [−1, 1] with random labels: the time does not depend on what is learnt.
fn data(root: Seed, widths: &[usize]) -> Data {
    let mut stream = root.child("data").stream();
    let classes = widths[widths.len() - 1] as u32;
    let inputs = Array2::from_shape_simple_fn((EXAMPLES, widths[0]), || stream.uniform_f32() * 2.0 - 1.0);
    let labels: Vec<u32> = (0..EXAMPLES).map(|_| stream.below(classes)).collect();
    Data { inputs: Arc::new(inputs), targets: Targets::Classes(labels.into()) }
}
