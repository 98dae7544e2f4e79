//! Samplers as the suite sees them: built for any step size and temperature.

use apd_sgmcmc::{Baoab, ChainError, Mclmc, Psgld, PsgldState, Sampler, Schedule, Sghmc, Sgld, Sgnht, Update};

use crate::affine::{self, Affine, Setting};
use crate::any::{AnySampler, settings_of};

/// Makes a sampler for these step sizes and this temperature.
pub type Build = dyn Fn(Schedule, f64) -> AnySampler + Send + Sync;

/// A way to make a sampler for given step sizes and temperature, and what is known of it.
#[derive(Clone, Copy)]
pub struct Recipe {
    /// The sampler's name in the table.
    pub name: &'static str,
    /// Makes one.
    pub build: &'static Build,
    /// The law of one update where the gradient is affine in the position, if it has one; chains start at 0 without momentum.
    pub affine: Option<fn(Setting<'_>) -> Affine>,
    /// What the sampler remembers besides the position, and what that does to a test.
    pub memory: Memory,
}

/// What a sampler remembers from one update to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// Nothing.
    None,
    /// A momentum.
    Momentum,
    /// A momentum, and a thermostat that all coordinates share: they are not independent replicates of each other.
    Thermostat,
    /// A direction, which all coordinates turn together, and which takes two of them.
    Direction,
    /// A metric, set by the first gradient: with minibatches each chain has its own.
    Metric,
}

impl Memory {
    /// Whether all coordinates share it, so that they are not independent replicates of each other.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Thermostat | Self::Direction)
    }

    /// Whether an update moves θ farther than SGLD's with the same step does.
    pub(crate) fn has_momentum(self) -> bool {
        matches!(self, Self::Momentum | Self::Thermostat | Self::Direction)
    }
}

/// The friction α of the samplers with momentum, unless their name says another.
const FRICTION: f64 = 0.3;
/// The little friction, with which the momentum lasts for twenty updates.
const LITTLE: f64 = 0.05;

impl Recipe {
    /// A sampler of which nothing is known: `build` may be a closure, which holds the settings that the suite does not know of.
    ///
    /// One that remembers something, or whose update is affine, should say so: `Recipe { affine: Some(law), ..Recipe::new(…) }`.
    ///
    /// `build` is kept until the program ends, so that recipes can be copied as numbers are.
    ///
    /// ```
    /// use apd_sgmcmc::Sghmc;
    /// use apd_verify::{AnySampler, Memory, Recipe};
    ///
    /// for friction in [0.1, 0.5] {
    ///     let recipe = Recipe::new("mine", move |schedule, t| AnySampler::new(Sghmc::new(schedule, t, friction)));
    ///     let recipe = Recipe { memory: Memory::Momentum, ..recipe };
    ///     assert!(!apd_verify::tests_for(recipe).is_empty());
    /// }
    /// ```
    pub fn new(name: &'static str, build: impl Fn(Schedule, f64) -> AnySampler + Send + Sync + 'static) -> Self {
        Self { name, build: Box::leak(Box::new(build)), affine: None, memory: Memory::None }
    }

    /// Stochastic gradient Langevin dynamics.
    pub const SGLD: Self = Self {
        name: "SGLD",
        build: &|schedule, t| AnySampler::new(Sgld::new(schedule, t)),
        affine: Some(affine::sgld),
        memory: Memory::None,
    };

    /// Stochastic gradient Hamiltonian Monte Carlo, α = 0.3.
    pub const SGHMC: Self = Self {
        name: "SGHMC",
        build: &|schedule, t| AnySampler::new(Sghmc::new(schedule, t, FRICTION)),
        affine: Some(|setting| {
            affine::underdamped(setting, FRICTION, setting.temperature * setting.epsilon * FRICTION)
        }),
        memory: Memory::Momentum,
    };

    /// SGHMC with little friction, α = 0.05.
    pub const SGHMC_LITTLE_FRICTION: Self = Self {
        name: "SGHMC, α = 0.05",
        build: &|schedule, t| AnySampler::new(Sghmc::new(schedule, t, LITTLE)),
        affine: Some(|setting| affine::underdamped(setting, LITTLE, setting.temperature * setting.epsilon * LITTLE)),
        memory: Memory::Momentum,
    };

    /// The stochastic gradient Nosé–Hoover thermostat, a = 0.3.
    ///
    /// Its law is that of a thermostat which stands still, that is of many coordinates.
    pub const SGNHT: Self = Self {
        name: "SGNHT",
        build: &|schedule, t| AnySampler::new(Sgnht::new(schedule, t, FRICTION)),
        affine: Some(|setting| affine::thermostatted(setting, FRICTION)),
        memory: Memory::Thermostat,
    };

    /// Underdamped Langevin dynamics by the BAOAB splitting, α = 0.3.
    pub const BAOAB: Self = Self {
        name: "BAOAB",
        build: &|schedule, t| AnySampler::new(Baoab::new(schedule, t, FRICTION)),
        affine: Some(|setting| affine::baoab(setting, FRICTION)),
        memory: Memory::Momentum,
    };

    /// The overdamped limit of BAOAB, α = 1.
    pub const BAOAB_OVERDAMPED: Self = Self {
        name: "BAOAB, α = 1",
        build: &|schedule, t| AnySampler::new(Baoab::new(schedule, t, 1.0)),
        affine: Some(|setting| affine::baoab(setting, 1.0)),
        memory: Memory::Momentum,
    };

    /// Microcanonical Langevin dynamics on minibatches, α = 0.3.
    ///
    /// Its law is that of many coordinates.
    pub const MCLMC: Self = Self {
        name: "MCLMC",
        build: &|schedule, t| AnySampler::new(Mclmc::new(schedule, t, FRICTION)),
        affine: Some(|setting| affine::isokinetic(setting, FRICTION)),
        memory: Memory::Direction,
    };

    /// Preconditioned SGLD whose mean square stays at its first value, with G = 1/(1 + |∇Û₀|).
    ///
    /// While the mean square moves there is no exact law.
    pub const PSGLD_FROZEN: Self = Self {
        name: "pSGLD, frozen",
        build: &|schedule, t| AnySampler::new(Frozen(frozen(schedule, t))),
        affine: Some(|setting| affine::preconditioned(setting, &setting.b.mapv(|b| 1.0 / (1.0 + b.abs())))),
        memory: Memory::Metric,
    };

    /// The samplers with an exact law on quadratic potentials.
    pub const EXACT: [Self; 8] = [
        Self::SGLD,
        Self::SGHMC,
        Self::SGHMC_LITTLE_FRICTION,
        Self::SGNHT,
        Self::BAOAB,
        Self::BAOAB_OVERDAMPED,
        Self::MCLMC,
        Self::PSGLD_FROZEN,
    ];
}

fn frozen(schedule: Schedule, temperature: f64) -> Psgld {
    Psgld::new(schedule, temperature, 1).with_damping(1.0).with_decay(1.0_f64.next_down())
}

/// pSGLD with a decay of 1, which its settings do not allow, but its state does: all of the past has been seen.
struct Frozen(Psgld);

impl Sampler for Frozen {
    type State = PsgldState;

    settings_of!(self, self.0);

    fn init(&self, dim: usize) -> PsgldState {
        self.0.init(dim)
    }

    fn check(&self, state: &PsgldState, dim: usize) -> Result<(), ChainError> {
        self.0.check(state, dim)
    }

    fn step(&self, state: &mut PsgldState, position: &mut [f32], update: Update<'_>) -> bool {
        let finite = self.0.step(state, position, update);
        state.seen = 1.0;
        finite
    }
}
