//! After the first updates, critic and generator updates allocate nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use apd_distill::{Config, Engine, Loss, Standardization, Trainer};
use apd_seed::Seed;
use ndarray::Array2;
use rayon::ThreadPoolBuilder;

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

/// Allocations in three iterations after two to get going, by the one thread of its own pool.
fn allocations(config: Config) -> u64 {
    // Several parts of several tiles, and products that are large enough to be shared out.
    let mut points = Array2::zeros((20, 64 * 192 + 500));
    Seed::root(1).normals().fill(0, 0, points.as_slice_mut().unwrap());
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let mut trainer = Trainer::new(&points, config, Seed::root(2)).unwrap();
        for _ in 0..2 {
            trainer.step().unwrap();
        }
        let before = COUNT.get();
        for _ in 0..3 {
            let progress = trainer.step().unwrap();
            assert!(progress.critic_loss.is_finite());
        }
        COUNT.get() - before
    })
}

#[test]
fn an_update_allocates_nothing() {
    for loss in Loss::ALL {
        let config = Config { latent: 8, hidden: 100, batch: 40, ..Config::gan1().with_loss(loss) };
        let standardization = Standardization::Standardize;
        assert_eq!(allocations(Config { standardization, ..config }), 0, "{loss}");
    }
    // The watch does watch: the general engine's tape allocates.
    let small = Config { latent: 2, hidden: 2, batch: 2, critic_steps: 1, engine: Engine::General, ..Config::gan1() };
    assert!(allocations(small) > 100);
}
