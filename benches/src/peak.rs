//! What this machine can do at most, measured: the denominator of every fraction in the table.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};

use crate::work::{Runner, Work};

/// Independent sums: a fused multiply-add takes four cycles (five on some) and two start in each, so from ten on the units
/// are never idle, with AVX-512 as with AVX2, whose sixteen registers hold these and the two operands.
const SUMS: usize = 12;
const ROUNDS: u64 = 100_000;
/// Far above any last-level cache's share of a thread.
const FROM_MEMORY: usize = 256 << 20;

/// The caches' rates are those of reading what fits well into the second level's share of a thread, and of what is four times
/// that level, so that nothing of it is left there when it is read again, and the third level still holds it.
pub(crate) fn works() -> Vec<Work> {
    let flop = lanes() as f64 * (2 * SUMS as u64 * ROUNDS) as f64;
    let level2 = level2();
    vec![
        Work {
            name: "peak-fma-1-thread".into(),
            unit: "100 000 rounds",
            flop,
            make: Box::new(|| Box::new(multiply_add)),
            ..Work::default()
        },
        Work {
            name: "peak-fma".into(),
            unit: "100 000 rounds on each thread",
            flop: flop * threads() as f64,
            make: Box::new(|| Box::new(OnEachThread(|_| multiply_add()))),
            ..Work::default()
        },
        read("peak-l2-read", "read by each thread, a quarter of the second-level cache", level2 / 4, 1024),
        read("peak-l3-read", "read by each thread, four times the second-level cache", 4 * level2, 64),
        read("peak-memory-read", "256 MiB read by each thread", FROM_MEMORY, 1),
    ]
}

/// Every thread reads its own `size` bytes again and again.
fn read(name: &str, unit: &'static str, size: usize, times: usize) -> Work {
    Work {
        name: name.into(),
        unit,
        bytes: (size * times * threads()) as f64,
        make: Box::new(move || {
            let data: Vec<Vec<f32>> = (0..threads()).map(|_| vec![1.0; size / 4]).collect();
            Box::new(OnEachThread(move |thread: usize| {
                for _ in 0..times {
                    black_box(Arch::new().dispatch(Sum(black_box(&data[thread]))));
                }
            }))
        }),
        ..Work::default()
    }
}

/// Bytes of one core's second-level cache, as the system says, or a small one's.
fn level2() -> usize {
    let said = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size");
    let kib = said.ok().and_then(|text| text.trim().strip_suffix('K')?.parse::<usize>().ok());
    kib.unwrap_or(512) << 10
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

/// Numbers of single precision in the vectors that this build takes here.
pub(crate) fn lanes() -> usize {
    Arch::new().dispatch(Lanes)
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
