//! A chain of Hamiltonian trajectories.

use apd_seed::{Normals, Seed};
use serde::{Deserialize, Serialize};

use super::adaptation::{Windows, reasonable_step};
use super::dynamics::Dynamics;
use super::metric::Preconditioner;
use super::nuts::Nuts;
use super::window::Window;
use super::{HamiltonianConfig, HamiltonianStatistics, Metric, Trajectory, Transition, metropolis};
use crate::adaptation::DualAveraging;
use crate::phase_space::Point;
use crate::sampler::within;
use crate::{
    ChainError, Change, Divergence, MarkovChain, Outcome, Potential64, Progress, RunError, Sample, Sink, Warning,
};

/// Most doublings in the first window, whose scales are little more than guessed.
const FIRST_DOUBLINGS: u32 = 3;

/// All that a [`HamiltonianChain`] needs to go on, besides its potential and settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HamiltonianState {
    /// The chain.
    pub chain: u32,
    /// The seed of its momenta and choices.
    pub seed: Seed,
    /// The settings that it was made with.
    pub config: HamiltonianConfig,
    /// Draws made, those of the warm-up included.
    pub step: u64,
    /// θ.
    pub position: Vec<f64>,
    /// U(θ), by which another potential is known.
    pub potential: f64,
    /// ε.
    pub step_size: f64,
    /// L, M⁻¹ = L·Lᵀ.
    pub preconditioner: Preconditioner,
    /// Gradients computed.
    pub gradients: u64,
    /// Sums over the draws after the warm-up.
    pub statistics: HamiltonianStatistics,
    averaging: DualAveraging,
    window: Window,
}

/// One Markov chain with the law exp(−U/T) on the full data: Hamiltonian Monte Carlo, or NUTS.
///
/// The warm-up learns the step size (dual averaging) and the [`Metric`] (from draws and gradients, over growing windows). Chain c takes
/// the momenta of draw t from row t of `seed/chain[c]/momentum`, its choices from the stream `seed/chain[c]/choices[t]`: chains of one
/// seed are independent of each other, and nothing depends on threads or interruptions.
///
/// Positions are in double precision throughout. A potential on `f32` vectors is taken in by [`FullBatch`](crate::FullBatch).
///
/// **Units**: U in nats, full-data scale; L in θ, so that ε is a pure number: in standard deviations once the mass is learned.
///
/// **Cost**: one gradient of all N terms per leapfrog step, and 10 to 1000 steps per draw; some 500 bytes per coordinate.
///
/// **Where it fails**: modes apart by more than a few nats are not crossed (start several chains, compare them); in funnels no
/// step size fits everywhere, which shows as divergences and a low [`e_bfmi`](HamiltonianStatistics::e_bfmi); strong correlations
/// are not removed by a diagonal mass, and make trajectories long: those are for [`Metric::LowRank`]; U must be smooth, and in a
/// potential that sums in `f32` |U| must stay below some 10⁶ nats, or its rounding is a visible part of ΔH.
///
/// ```
/// use apd_seed::Seed;
/// use apd_sgmcmc::{FromFn64, HamiltonianChain, HamiltonianConfig, Sample};
///
/// // Independent normals with standard deviations 1 and 0.01.
/// let target = FromFn64::new(2, |x: &[f64], gradient: &mut [f64]| {
///     gradient.copy_from_slice(&[x[0], 1e4 * x[1]]);
///     0.5 * (x[0] * x[0] + 1e4 * x[1] * x[1])
/// });
/// let mut chain = HamiltonianChain::new(0, target, HamiltonianConfig::nuts(300, 1_000), Seed::root(1), [1.0, 1.0])?;
/// let mut squares = [0.0; 2];
/// chain.run(&mut |sample: Sample<'_, f64>| {
///     squares = [0, 1].map(|i| squares[i] + sample.position[i].powi(2));
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// assert!((squares[0] / 1e3 - 1.0).abs() < 0.3 && (squares[1] / 1e3 * 1e4 - 1.0).abs() < 0.3);
/// assert_eq!(chain.statistics().divergences(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// References: Neal, *MCMC using Hamiltonian dynamics*, in: Handbook of Markov Chain Monte Carlo, 2011; Hoffman & Gelman, *The
/// No-U-Turn sampler*, JMLR 15, 2014; Betancourt, *A conceptual introduction to Hamiltonian Monte Carlo*, arXiv 1701.02434, 2017.
#[derive(Debug)]
pub struct HamiltonianChain<P> {
    chain: u32,
    seed: Seed,
    config: HamiltonianConfig,
    momenta: Normals,
    searches: Normals,
    choices: Seed,
    dynamics: Dynamics<P>,
    step: u64,
    current: Point,
    /// Working space.
    spare: [Point; 2],
    nuts: Nuts,
    windows: Windows,
    averaging: DualAveraging,
    window: Window,
    step_size: f64,
    statistics: HamiltonianStatistics,
    last_transition: Option<Transition>,
}

impl<P: Potential64> HamiltonianChain<P> {
    /// Chain number `chain` of `seed`, at `initial`; searches a first step size, at the cost of some ten gradients.
    ///
    /// **Errors**: [`ChainError::Setting`] for settings out of range, [`ChainError::Start`] if U or its gradient is not finite at
    /// `initial`, [`ChainError::Diverged`] if U is flat, [`ChainError::Potential`].
    /// **Panics** if `initial` does not have the potential's dimension.
    #[track_caller]
    pub fn new(
        chain: u32,
        potential: P,
        config: HamiltonianConfig,
        seed: Seed,
        initial: impl IntoIterator<Item = impl Into<f64>>,
    ) -> Result<Self, ChainError> {
        let position: Vec<f64> = initial.into_iter().map(Into::into).collect();
        assert_eq!(position.len(), potential.dim(), "coordinates of the initial position, and of the potential");
        let mut chain = Self::at(chain, potential, config, seed, 0, position, 1.0)?;
        if chain.windows.exist() {
            chain.dynamics.preconditioner = Preconditioner::of_gradient(&chain.current.gradient, config.temperature);
        }
        chain.search_step_size()?;
        Ok(chain)
    }

    /// The chain that [`state`](Self::state) was taken from: from here on equal to the bit, given equal arguments.
    ///
    /// `config.draws` may be larger than before, to extend a finished chain.
    ///
    /// **Errors**: [`ChainError::Origin`] for another seed, another potential or other settings, [`ChainError::Dimension`] and
    /// [`ChainError::Buffer`] for a state that does not fit, [`ChainError::Setting`] for settings or saved values out of range, [`ChainError::Start`] if U or its
    /// gradient is not finite at the saved position, [`ChainError::Potential`].
    pub fn resume(
        potential: P,
        config: HamiltonianConfig,
        seed: Seed,
        state: HamiltonianState,
    ) -> Result<Self, ChainError> {
        Self::resume_with(potential, config, seed, state, &[])
    }

    /// As [`resume`](Self::resume), where what `may_change` names may be other than it was: nothing changes without a word.
    ///
    /// **Errors**: as [`resume`](Self::resume), for everything else.
    pub fn resume_with(
        potential: P,
        config: HamiltonianConfig,
        seed: Seed,
        state: HamiltonianState,
        may_change: &[Change],
    ) -> Result<Self, ChainError> {
        let dim = potential.dim();
        if state.position.len() != dim {
            return Err(ChainError::Dimension { expected: dim, found: state.position.len() });
        }
        state.preconditioner.validate(dim)?;
        state.window.validate(dim)?;
        let positive = (f64::MIN_POSITIVE, f64::MAX);
        within("the saved step size", state.step_size, positive, "a finite number above 0")?;
        within("the saved average step size", state.averaging.average(), positive, "a finite number above 0")?;
        state.statistics.validate()?;
        let mut chain = Self::at(state.chain, potential, config, seed, state.step, state.position, state.step_size)?;
        Change::compare(state.config.facts(), config.facts(), may_change)?;
        let [saved, given] = [state.seed, chain.seed].map(|seed| [(Change::Seed, format!("{seed:?}"))]);
        Change::compare(saved, given, may_change)?;
        Change::compare_potential(state.potential, chain.current.potential, may_change)?;
        chain.dynamics.preconditioner = state.preconditioner;
        chain.dynamics.evaluator.gradients = state.gradients;
        chain.statistics = state.statistics;
        chain.averaging = state.averaging;
        chain.window = state.window;
        Ok(chain)
    }

    fn at(
        chain: u32,
        potential: P,
        config: HamiltonianConfig,
        seed: Seed,
        step: u64,
        position: Vec<f64>,
        step_size: f64,
    ) -> Result<Self, ChainError> {
        config.validate()?;
        let (dim, seed) = (position.len(), seed.child("chain").index(u64::from(chain)));
        let mut dynamics = Dynamics::new(potential, config.temperature);
        let mut current = Point::new(position);
        dynamics.evaluator.start(&mut current, chain, step)?;
        Ok(Self {
            chain,
            seed,
            config,
            momenta: seed.child("momentum").normals(),
            searches: seed.child("search").normals(),
            choices: seed.child("choices"),
            dynamics,
            step,
            spare: [current.clone(), current.clone()],
            current,
            nuts: Nuts::new(dim),
            windows: Windows::new(if config.metric == Metric::Identity { 0 } else { config.warmup }),
            averaging: DualAveraging::new(step_size),
            window: Window::new(dim),
            step_size,
            statistics: HamiltonianStatistics::default(),
            last_transition: None,
        })
    }

    /// A copy of all that changes, for [`resume`](Self::resume).
    pub fn state(&self) -> HamiltonianState {
        HamiltonianState {
            chain: self.chain,
            seed: self.seed,
            config: self.config,
            step: self.step,
            position: self.current.position.clone(),
            potential: self.current.potential,
            step_size: self.step_size,
            preconditioner: self.dynamics.preconditioner.clone(),
            gradients: self.dynamics.evaluator.gradients,
            statistics: self.statistics.clone(),
            averaging: self.averaging.clone(),
            window: self.window.clone(),
        }
    }

    /// Makes one draw, and returns it if the warm-up is over. The caller counts the draws.
    ///
    /// A trajectory that diverges or comes to a wall is no error: it ends there, and is counted.
    ///
    /// **Errors**: [`ChainError::Potential`]; in the warm-up [`ChainError::Diverged`] where U is flat.
    pub fn step(&mut self) -> Result<Option<Sample<'_, f64>>, ChainError> {
        self.momenta.fill_f64(self.step, 0, &mut self.current.momentum);
        let (dynamics, step_size) = (&mut self.dynamics, self.step_size);
        let mut choices = self.choices.index(self.step).stream();
        let first = self.windows.in_first(self.step + 1);
        let transition = match self.config.trajectory {
            Trajectory::Hmc { length, jitter, max_steps } => {
                let max_steps = if first { max_steps.min((1 << FIRST_DOUBLINGS) - 1) } else { max_steps };
                let leapfrogs = metropolis::leapfrogs(length, jitter, max_steps, step_size, &mut choices);
                let (current, spare) = (&mut self.current, &mut self.spare);
                metropolis::transition(dynamics, current, spare, step_size, leapfrogs, &mut choices)
            }
            Trajectory::Nuts { max_depth } => {
                let max_depth = if first { max_depth.min(FIRST_DOUBLINGS) } else { max_depth };
                self.nuts.transition(dynamics, &mut self.current, step_size, max_depth, &mut choices)
            }
        };
        self.dynamics.evaluator.check()?;
        self.step += 1;
        self.last_transition = Some(transition);
        if self.step <= self.config.warmup {
            self.adapt(transition.acceptance)?;
            return Ok(None);
        }
        self.statistics.record(&transition);
        let (chain, step, position) = (self.chain, self.step, &self.current.position[..]);
        let potential = self.current.potential;
        Ok(Some(Sample { chain, step, position, potential, weight: 1.0, transition: Some(transition) }))
    }

    fn adapt(&mut self, acceptance: f64) -> Result<(), ChainError> {
        self.step_size = self.averaging.update(acceptance, self.config.target_acceptance);
        let rank = self.config.metric.rank(self.current.position.len());
        if self.windows.contain(self.step) {
            self.window.add(&self.current, rank);
        }
        if self.windows.end_with(self.step) {
            self.dynamics.preconditioner.learn(&self.window, rank, self.config.temperature);
            self.window.clear();
            if self.windows.in_first(self.step) || self.windows.contain(self.step + 1) {
                self.search_step_size()?;
            } else {
                // The last mass is nearly the one before, and iterates that began anew would still swing when the warm-up ends: the
                // acceptance is a concave function of the step, and at their average above what it was adapted to.
                self.averaging.restart_average();
            }
        }
        if self.step == self.config.warmup {
            self.step_size = self.averaging.average();
        }
        Ok(())
    }

    /// Starts the adaptation of the step size, under the present mass.
    fn search_step_size(&mut self) -> Result<(), ChainError> {
        self.searches.fill_f64(self.step, 0, &mut self.current.momentum);
        let found = reasonable_step(&mut self.dynamics, &self.current, &mut self.spare[0], self.step_size);
        self.dynamics.evaluator.check()?;
        self.step_size = match found {
            Some(step_size) => step_size,
            // Of nothing, nothing is too large a step.
            None if self.current.position.is_empty() => self.step_size,
            None => {
                let (chain, step, step_size) = (self.chain, self.step, self.step_size);
                let what = Divergence::Flat;
                return Err(ChainError::Diverged { chain, step, what, last_good_sample: None, step_size });
            }
        };
        self.averaging = DualAveraging::new(self.step_size);
        Ok(())
    }

    /// Runs to the end, giving each draw after the warm-up to `sink`.
    ///
    /// **Errors**: [`RunError::Chain`] as [`step`](Self::step), [`RunError::Sink`] with the sink's own error.
    pub fn run<K: Sink<f64>>(&mut self, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        self.run_until(u64::MAX, sink)
    }

    /// Runs as [`run`](Self::run) does, up to step `until` or the end, whichever comes first.
    pub fn run_until<K: Sink<f64>>(&mut self, until: u64, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        MarkovChain::run_until(self, until, sink)
    }

    fn steps(&self) -> u64 {
        self.config.warmup.saturating_add(self.config.draws)
    }

    /// The chain's number.
    pub fn chain(&self) -> u32 {
        self.chain
    }

    /// θ.
    pub fn position(&self) -> &[f64] {
        &self.current.position
    }

    /// The settings.
    pub fn config(&self) -> &HamiltonianConfig {
        &self.config
    }

    /// The chain's progress; warm-up draws are steps too.
    pub fn progress(&self) -> Progress {
        Progress { chain: self.chain, step: self.step, steps: self.steps(), potential: self.current.potential }
    }

    /// ε: that of the next draw, and final once the warm-up is over.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// L, M⁻¹ = L·Lᵀ: that of the next draw, and final once the warm-up is over.
    pub fn preconditioner(&self) -> &Preconditioner {
        &self.dynamics.preconditioner
    }

    /// Gradients computed, in the warm-up too.
    pub fn gradients(&self) -> u64 {
        self.dynamics.evaluator.gradients
    }

    /// Sums over the draws after the warm-up.
    pub fn statistics(&self) -> &HamiltonianStatistics {
        &self.statistics
    }

    /// What is to be said against the draws so far; nothing, if all is well.
    pub fn warnings(&self) -> Vec<Warning> {
        self.statistics.warnings(&self.config)
    }

    /// The statistics of the last draw, if one was made since the chain was built or resumed.
    pub fn last_transition(&self) -> Option<&Transition> {
        self.last_transition.as_ref()
    }

    /// The potential, for instance to reuse it.
    pub fn into_potential(self) -> P {
        self.dynamics.evaluator.potential
    }
}

impl<P: Potential64> MarkovChain for HamiltonianChain<P> {
    type Scalar = f64;

    fn step(&mut self) -> Result<Option<Sample<'_, f64>>, ChainError> {
        Self::step(self)
    }

    fn progress(&self) -> Progress {
        Self::progress(self)
    }

    fn warnings(&self) -> Vec<Warning> {
        Self::warnings(self)
    }
}

#[cfg(test)]
mod tests;
