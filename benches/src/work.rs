//! What a measured thing is.

use std::thread;
use std::time::{Duration, Instant};

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

/// One unit is one call, and each of these runs in a thread of its own: they share the machine and nothing else.
pub(crate) struct Chains<F>(pub(crate) Vec<F>);

impl<F: FnMut() + Send> Runner for Chains<F> {
    /// `units` calls in all, evenly; the slowest thread decides.
    fn run(&mut self, units: u64) -> Duration {
        let each = units.div_ceil(self.0.len() as u64);
        let start = Instant::now();
        thread::scope(|scope| {
            for call in &mut self.0 {
                scope.spawn(move || (0..each).for_each(|_| call()));
            }
        });
        start.elapsed().mul_f64(units as f64 / (each * self.0.len() as u64) as f64)
    }
}

/// What a work is measured for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Role {
    /// A row of the table, which peers may have too.
    Row,
    /// Part of the work whose name precedes the last `/` of this one's: where the time of that one goes.
    Part,
    /// What it holds in memory.
    Memory,
    /// One point of a curve: what it costs at one value of what it is drawn against.
    Point {
        /// The curve's name, `cost of this against that`.
        curve: &'static str,
        /// The value.
        at: f64,
    },
}

/// One thing that is measured.
pub struct Work {
    /// Under which peers have the same work.
    pub name: String,
    /// What one unit is.
    pub unit: &'static str,
    /// Floating-point operations that one unit needs by our algorithm, or 0 where they are not what limits it.
    pub flop: f64,
    /// Bytes that one unit moves at least, or 0 where they are not what limits it.
    pub bytes: f64,
    /// Numbers that one unit makes, or 0 where that is not the point.
    pub items: f64,
    /// Bytes that must be in memory at once, by arithmetic, or 0 where nobody asks.
    pub held: f64,
    /// What for.
    pub role: Role,
    /// Prepares it.
    pub make: Box<dyn Fn() -> Box<dyn Runner>>,
}

/// A row whose rate nobody asks for; a base for the others.
impl Default for Work {
    fn default() -> Self {
        Self {
            name: String::new(),
            unit: "",
            flop: 0.0,
            bytes: 0.0,
            items: 0.0,
            held: 0.0,
            role: Role::Row,
            make: Box::new(|| Box::new(|| ())),
        }
    }
}

#[cfg(test)]
mod tests;
