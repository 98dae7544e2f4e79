//! What this machine can do at most, measured: the denominator of every fraction in the table.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};

use crate::work::{PLAIN, Runner, Work};

/// Enough independent sums to hide the latency of a fused multiply-add, and few enough for AVX2's sixteen registers.
const SUMS: usize = 12;
const ROUNDS: u64 = 100_000;
/// Twice this is far above any last-level cache share.
const READ: usize = 256 << 20;

pub(crate) fn works() -> Vec<Work> {
    let flop = Arch::new().dispatch(Lanes) as f64 * (2 * SUMS as u64 * ROUNDS) as f64;
    vec![
        Work { name: "peak-fma-1-thread", unit: "100 000 rounds", flop, make: || Box::new(multiply_add), ..PLAIN },
        Work {
            name: "peak-fma",
            unit: "100 000 rounds on each thread",
            flop: flop * threads() as f64,
            make: || Box::new(OnEachThread(|_| multiply_add())),
            ..PLAIN
        },
        Work {
            name: "peak-memory-read",
            unit: "256 MiB read by each thread",
            bytes: (READ * threads()) as f64,
            make: || {
                let data: Vec<Vec<f32>> = (0..threads()).map(|_| vec![1.0; READ / 4]).collect();
                Box::new(OnEachThread(move |thread: usize| {
                    black_box(Arch::new().dispatch(Sum(&data[thread])));
                }))
            },
            ..PLAIN
        },
    ]
}

fn threads() -> usize {
    rayon::current_num_threads()
}

/// The same on every thread of the pool at once; the slowest decides.
struct OnEachThread<F>(F);

impl<F: Fn(usize) + Sync> Runner for OnEachThread<F> {
    fn run(&mut self, units: u64) -> Duration {
        let start = Instant::now();
        rayon::broadcast(|context| (0..units).for_each(|_| (self.0)(context.index())));
        start.elapsed()
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        S::F32_LANES
    }
}

fn multiply_add() {
    black_box(Arch::new().dispatch(MultiplyAdd));
}

struct MultiplyAdd;

impl WithSimd for MultiplyAdd {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        // Not constants, or the whole loop could be folded.
        let factor = simd.splat_f32s(black_box(0.999_999));
        let term = simd.splat_f32s(black_box(1e-6));
        let mut sums = [simd.splat_f32s(1.0); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, term);
            }
        }
        sums.iter().fold(0.0, |total, sum| total + simd.reduce_sum_f32s(*sum))
    }
}

struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, _) = S::as_simd_f32s(self.0);
        let mut sums = [simd.splat_f32s(0.0); 8];
        for chunk in vectors.chunks_exact(8) {
            for (sum, vector) in sums.iter_mut().zip(chunk) {
                *sum = simd.add_f32s(*sum, *vector);
            }
        }
        sums.iter().fold(0.0, |total, sum| total + simd.reduce_sum_f32s(*sum))
    }
}
