//! After the first steps, no sampler's chain allocates anything.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use apd_seed::Seed;
use apd_sgmcmc::{
    Baoab, Chain, ChainConfig, Gamma, Minibatch, Momentum, Potential, Psgld, Sampler, Schedule, Sghmc, Sgld, Sgnht,
};

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

/// U(θ) = Σₙ ½‖θ − xₙ‖² for 50 numbers xₙ, the same in all coordinates.
struct Mean;

/// Two whole blocks of noise and a part of one.
const DIM: usize = 2500;
const TERMS: usize = 50;

impl Potential for Mean {
    fn dim(&self) -> usize {
        DIM
    }

    fn terms(&self) -> usize {
        TERMS
    }

    fn gradient(&mut self, theta: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]) -> f64 {
        let sum: f64 = minibatch.indices(TERMS).map(|n| n as f64 * 0.1).sum();
        let (count, scale) = (minibatch.len(TERMS) as f64, minibatch.scale(TERMS));
        for (g, &x) in gradient.iter_mut().zip(theta) {
            *g = (scale * (count * f64::from(x) - sum)) as f32;
        }
        gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>() / (2.0 * TERMS as f64)
    }

    fn curvature(&mut self, _: &[f32], _: Minibatch<'_>, diagonal: &mut [f32]) {
        diagonal.fill(TERMS as f32);
    }
}

/// Allocations in 40 steps, four epochs of the minibatches, after five steps to get going.
fn allocations<S: Sampler>(sampler: S) -> u64 {
    let config = ChainConfig { steps: 100, burn_in: 0, thinning: 2, batch_size: 5 };
    let mut chain = Chain::new(0, Mean, sampler, config, Seed::root(1), vec![0.0; DIM]).unwrap();
    for _ in 0..5 {
        chain.step().unwrap();
    }
    let (before, mut kept) = (COUNT.get(), 0);
    for _ in 0..40 {
        kept += u64::from(chain.step().unwrap().is_some());
    }
    let after = COUNT.get();
    assert!(kept > 0 && chain.position().iter().all(|&x| x != 0.0), "{}: nothing happened", chain.summary());
    after - before
}

#[test]
fn a_step_allocates_nothing() {
    let constant = Schedule::Constant(1e-3);
    // Exploring and sampling in the steps that are watched.
    let cyclical = Schedule::Cyclical { initial: 1e-3, length: 10, sampling: 0.5 };
    for schedule in [constant, cyclical] {
        assert_eq!(allocations(Sgld::new(schedule, 1.0)), 0, "SGLD");
        assert_eq!(allocations(Momentum::new(schedule, 0.9)), 0, "SGD");
        assert_eq!(allocations(Sghmc::new(schedule, 1.0, 0.1)), 0, "SGHMC");
        assert_eq!(allocations(Sgnht::new(schedule, 1.0, 0.1)), 0, "SGNHT");
        assert_eq!(allocations(Baoab::new(schedule, 1.0, 0.1)), 0, "BAOAB");
        for gamma in [Gamma::Omitted, Gamma::Included] {
            let sampler = Psgld::new(schedule, 1.0, TERMS).with_damping(0.1).with_gamma(gamma);
            assert_eq!(allocations(sampler), 0, "pSGLD, Γ {gamma:?}");
        }
    }
    // The watch does watch.
    let before = COUNT.get();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(COUNT.get() - before, 1);
}
