//! After the first steps, a chain on a network's posterior allocates nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use apd_bnn::{Data, Likelihood, NetworkPotential, Targets};
use apd_nn::{Activation, Mlp, Network};
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Schedule, Sgld};
use ndarray::Array2;

thread_local! {
    /// Allocations of this thread: the test harness has its own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Watch;

// SAFETY: hands every call to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Not there any more while the thread ends; that is no step.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watch = Watch;

const IMAGES: usize = 60;

fn chain(network: Network, dropout: bool) -> Chain<NetworkPotential, Sgld> {
    let seed = Seed::root(1);
    let mut inputs = Array2::zeros((IMAGES, network.inputs()));
    seed.normals().fill(0, 0, inputs.as_slice_mut().expect("a new array"));
    let labels: Vec<u32> = (0..IMAGES as u32).map(|i| i % network.outputs() as u32).collect();
    let data = Data { inputs: Arc::new(inputs), targets: Targets::Classes(labels.into()) };
    let mut potential = NetworkPotential::new(&network, data, Likelihood::Categorical, 1.0).expect("it fits");
    if dropout {
        potential = potential.with_dropout(seed.child("dropout"));
    }
    let config = ChainConfig { steps: 1_000, burn_in: 0, thinning: 1_000, batch_size: 20 };
    let sampler = Sgld::new(Schedule::Constant(1e-5), 1.0);
    Chain::new(0, potential, sampler, config, seed, network.initialize(seed)).expect("valid settings")
}

#[test]
fn a_step_allocates_nothing_once_the_first_epoch_is_over() {
    let dropped = Mlp { widths: vec![30, 40, 20, 5], activation: Activation::Relu, dropout: 0.5 };
    for (name, network, dropout) in [
        ("one layer", Network::mlp(&[30, 40, 5]), false),
        ("two layers, not a multiple of any vector", Network::mlp(&[31, 17, 23, 3]), false),
        ("dropout", Network::Mlp(dropped), true),
    ] {
        let mut chain = chain(network, dropout);
        // Epochs of three minibatches; each begins with a new order.
        for _ in 0..7 {
            chain.step().expect("it does not diverge");
        }
        let before = COUNT.get();
        for _ in 0..30 {
            chain.step().expect("it does not diverge");
        }
        assert_eq!(COUNT.get() - before, 0, "allocations of 30 steps: {name}");
    }
}

#[test]
fn an_allocation_is_counted() {
    let before = COUNT.get();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(COUNT.get() - before, 1);
}
