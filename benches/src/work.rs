//! The list of works.

mod cnn;
mod kernels;
mod predict;
mod sgld;
mod wgan;

use std::time::{Duration, Instant};

use crate::peak;

/// Something prepared that can be repeated.
pub trait Runner {
    /// Does `units` units of work; the time they took.
    fn run(&mut self, units: u64) -> Duration;
}

/// One unit is one call, in this thread.
impl<F: FnMut()> Runner for F {
    fn run(&mut self, units: u64) -> Duration {
        let start = Instant::now();
        (0..units).for_each(|_| self());
        start.elapsed()
    }
}

/// One row of the table.
pub struct Work {
    /// Under which peers have the same work.
    pub name: &'static str,
    /// What one unit is.
    pub unit: &'static str,
    /// Floating-point operations that one unit needs by our algorithm, or 0 where they are not what limits it.
    pub flop: f64,
    /// Bytes that one unit moves at least, or 0 where they are not what limits it.
    pub bytes: f64,
    /// Numbers that one unit makes, or 0 where that is not the point.
    pub items: f64,
    /// Prepares it.
    pub make: fn() -> Box<dyn Runner>,
}

/// A work whose rate nobody asks for; a base for the others.
pub(crate) const PLAIN: Work = Work { name: "", unit: "", flop: 0.0, bytes: 0.0, items: 0.0, make: || Box::new(|| ()) };

/// Every work, the machine's own peaks first.
pub fn works() -> Vec<Work> {
    let mut all = peak::works();
    all.extend(sgld::works());
    all.extend(wgan::works());
    all.extend(predict::works());
    all.extend(cnn::works());
    all.extend(kernels::works());
    all
}
