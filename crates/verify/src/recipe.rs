//! Samplers as the suite sees them: built for any step size and temperature.

use apd_sgmcmc::{Sampler, Schedule, Sgld};

/// A way to make a sampler for given step sizes and temperature.
#[derive(Clone, Copy)]
pub struct Recipe {
    /// The sampler's name in the table.
    pub name: &'static str,
    /// Makes one.
    pub build: fn(Schedule, f64) -> Box<dyn Sampler>,
}

impl Recipe {
    /// Stochastic gradient Langevin dynamics.
    pub const SGLD: Self = Self { name: "SGLD", build: |schedule, t| Box::new(Sgld::new(schedule, t)) };
}
