//! A chain of microcanonical steps.

use apd_seed::{Normals, Seed};
use serde::{Deserialize, Serialize};

use super::dynamics::{Dynamics, draw_direction};
use super::warmup::{Phases, StepSize, Warmup};
use super::{Correction, MicrocanonicalConfig, MicrocanonicalStatistics};
use crate::adaptation::learn_scales;
use crate::phase_space::Point;
use crate::sampler::{length, within};
use crate::{
    ChainError, Change, Divergence, MarkovChain, Outcome, Potential64, Progress, RunError, Sample, Sink, Warning,
};

/// Most steps of the integrator in one trajectory with a test.
const LONGEST: f64 = 1000.0;
/// Steps larger than this are those of a flat potential.
const LARGEST: f64 = 1e30;
/// L over the autocorrelation time of the positions, in units of length.
///
/// Reference: Robnik & Seljak, arXiv 2303.18221, 2023, §4.
const LENGTH: f64 = 0.4;

/// All that a [`MicrocanonicalChain`] needs to go on, besides its potential and settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrocanonicalState {
    /// The chain.
    pub chain: u32,
    /// Where its directions come from.
    pub seed: Seed,
    /// The settings that it was made with.
    pub config: MicrocanonicalConfig,
    /// Steps made, those of the warm-up included.
    pub step: u64,
    /// θ.
    pub position: Vec<f64>,
    /// U(θ), by which another potential is known.
    pub potential: f64,
    /// u.
    pub direction: Vec<f64>,
    /// ε.
    pub step_size: f64,
    /// L.
    pub length: f64,
    /// The diagonal of Σ^½.
    pub scales: Vec<f64>,
    /// Gradients computed.
    pub gradients: u64,
    /// Sums over the steps after the warm-up.
    pub statistics: MicrocanonicalStatistics,
    warmup: Warmup,
}

/// One chain of [microcanonical Langevin dynamics](Correction::None), or of [trajectories with a test](Correction::Metropolis), on the
/// full data.
///
/// The warm-up learns a step size ε, the coordinates' variances and, without a test, the length L over which directions are forgotten:
/// 0.4 times the distance in which positions are. Chain c takes the directions of step t from row t of `seed/chain[c]/direction`, its
/// choices from the stream `seed/chain[c]/choices[t]`: nothing depends on threads or interruptions.
///
/// **Units**: U in nats, full-data scale. ε and L are lengths in θ over its scales: a posterior of d dimensions has the radius √d there.
///
/// **Cost**: two gradients of all N terms per step of the integrator; some 100 bytes per coordinate.
///
/// **Where it fails**: without a test the law is biased at any ε, by more where U is rough; [`energy_variance`] says how rough, and a
/// run with a smaller one how much. Modes apart are not crossed; d must be at least 2, and the dynamics is for large d: in few
/// dimensions a chain without a test mixes by its noise alone.
///
/// ```
/// use apd_seed::Seed;
/// use apd_sgmcmc::{FromFn64, MicrocanonicalChain, MicrocanonicalConfig, Sample};
///
/// // Fifty normals, half of them with standard deviation 0.01.
/// let target = FromFn64::new(50, |x: &[f64], gradient: &mut [f64]| {
///     let precision = |i| if i < 25 { 1.0 } else { 1e4 };
///     gradient.iter_mut().enumerate().for_each(|(i, g)| *g = precision(i) * x[i]);
///     0.5 * x.iter().zip(gradient).map(|(x, g)| x * *g).sum::<f64>()
/// });
/// let config = MicrocanonicalConfig::langevin(2_000, 2_000, 2);
/// let mut chain = MicrocanonicalChain::new(0, target, config, Seed::root(1), vec![0.1; 50])?;
/// let mut squares = [0.0; 2];
/// chain.run(&mut |sample: Sample<'_, f64>| {
///     let square = |part: &[f64]| part.iter().map(|x| x * x).sum::<f64>() / (25.0 * 2_000.0);
///     squares = [squares[0] + square(&sample.position[..25]), squares[1] + square(&sample.position[25..])];
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// assert!((squares[0] - 1.0).abs() < 0.1 && (squares[1] * 1e4 - 1.0).abs() < 0.1, "{squares:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`energy_variance`]: MicrocanonicalStatistics::energy_variance
#[derive(Debug)]
pub struct MicrocanonicalChain<P> {
    chain: u32,
    seed: Seed,
    config: MicrocanonicalConfig,
    phases: Phases,
    directions: Normals,
    choices: Seed,
    dynamics: Dynamics<P>,
    step: u64,
    current: Point,
    /// Working space.
    moving: Point,
    warmup: Warmup,
    step_size: f64,
    length: f64,
    statistics: MicrocanonicalStatistics,
}

impl<P: Potential64> MicrocanonicalChain<P> {
    /// Chain number `chain` of `seed`, at `initial`; searches a first step size, at the cost of some ten gradients.
    ///
    /// **Errors**: [`ChainError::Setting`] for settings out of range or fewer than two coordinates, [`ChainError::Start`] if U or its
    /// gradient is not finite at `initial`, [`ChainError::Diverged`] if U is flat, [`ChainError::Potential`].
    /// **Panics** if `initial` does not have the potential's dimension.
    #[track_caller]
    pub fn new(
        chain: u32,
        potential: P,
        config: MicrocanonicalConfig,
        seed: Seed,
        initial: impl IntoIterator<Item = impl Into<f64>>,
    ) -> Result<Self, ChainError> {
        let position: Vec<f64> = initial.into_iter().map(Into::into).collect();
        assert_eq!(position.len(), potential.dim(), "coordinates of the initial position, and of the potential");
        let radius = (position.len() as f64).sqrt();
        let mut chain = Self::at(chain, potential, config, seed, 0, position, radius)?;
        draw_direction(&mut chain.current, &chain.seed.child("first").normals(), 0);
        chain.length = radius;
        chain.search_step_size(radius)?;
        Ok(chain)
    }

    /// The chain that [`state`](Self::state) was taken from: from here on equal to the bit, given equal arguments.
    ///
    /// `config.draws` may be larger than before, to extend a finished chain.
    ///
    /// **Errors**: [`ChainError::Origin`] for another seed, another potential or other settings, [`ChainError::Dimension`] and
    /// [`ChainError::Buffer`] for a state that does not fit, [`ChainError::Setting`] for settings or saved values out of range,
    /// [`ChainError::Start`] if U or its gradient is not finite at the saved position, [`ChainError::Potential`].
    pub fn resume(
        potential: P,
        config: MicrocanonicalConfig,
        seed: Seed,
        state: MicrocanonicalState,
    ) -> Result<Self, ChainError> {
        Self::resume_with(potential, config, seed, state, &[])
    }

    /// As [`resume`](Self::resume), where what `may_change` names may be other than it was: nothing changes without a word.
    ///
    /// **Errors**: as [`resume`](Self::resume), for everything else, and whether steps are tested.
    pub fn resume_with(
        potential: P,
        config: MicrocanonicalConfig,
        seed: Seed,
        state: MicrocanonicalState,
        may_change: &[Change],
    ) -> Result<Self, ChainError> {
        let dim = potential.dim();
        if state.position.len() != dim {
            return Err(ChainError::Dimension { expected: dim, found: state.position.len() });
        }
        length("direction", &state.direction, dim)?;
        length("scales", &state.scales, dim)?;
        state.warmup.validate(dim)?;
        let positive = (f64::MIN_POSITIVE, f64::MAX);
        within("the saved step size", state.step_size, positive, "a finite number above 0")?;
        within("the saved length", state.length, positive, "a finite number above 0")?;
        for &scale in &state.scales {
            within("a saved scale", scale, positive, "a finite number above 0")?;
        }
        for &coordinate in &state.direction {
            within("a saved direction", coordinate, (-1.001, 1.001), "between -1 and 1")?;
        }
        let mut chain = Self::at(state.chain, potential, config, seed, state.step, state.position, state.step_size)?;
        Change::compare(state.config.facts(), config.facts(), may_change)?;
        let [saved, given] = [state.seed, chain.seed].map(|seed| [(Change::Seed, format!("{seed:?}"))]);
        Change::compare(saved, given, may_change)?;
        Change::compare_potential(state.potential, chain.current.potential, may_change)?;
        let adapted = |step_size: &StepSize| std::mem::discriminant(step_size);
        ChainError::unless_equal("correction", adapted(&state.warmup.step_size), adapted(&chain.warmup.step_size))?;
        chain.current.momentum = state.direction;
        chain.dynamics.scales = state.scales;
        chain.dynamics.evaluator.gradients = state.gradients;
        chain.length = state.length;
        chain.statistics = state.statistics;
        chain.warmup = state.warmup;
        Ok(chain)
    }

    fn at(
        chain: u32,
        potential: P,
        config: MicrocanonicalConfig,
        seed: Seed,
        step: u64,
        position: Vec<f64>,
        step_size: f64,
    ) -> Result<Self, ChainError> {
        config.validate()?;
        let (dim, seed) = (position.len(), seed.child("chain").index(u64::from(chain)));
        within("the number of coordinates", dim as f64, (2.0, f64::MAX), "at least 2")?;
        let mut dynamics = Dynamics::new(potential, config.temperature);
        let mut current = Point::new(position);
        dynamics.evaluator.start(&mut current, chain, step)?;
        Ok(Self {
            chain,
            seed,
            config,
            phases: Phases::new(config.warmup),
            directions: seed.child("direction").normals(),
            choices: seed.child("choices"),
            dynamics,
            step,
            moving: current.clone(),
            current,
            warmup: Warmup::new(dim, config.correction, step_size),
            step_size,
            length: 1.0,
            statistics: MicrocanonicalStatistics::default(),
        })
    }

    /// A copy of all that changes, for [`resume`](Self::resume).
    pub fn state(&self) -> MicrocanonicalState {
        MicrocanonicalState {
            chain: self.chain,
            seed: self.seed,
            config: self.config,
            step: self.step,
            position: self.current.position.clone(),
            potential: self.current.potential,
            direction: self.current.momentum.clone(),
            step_size: self.step_size,
            length: self.length,
            scales: self.dynamics.scales.clone(),
            gradients: self.dynamics.evaluator.gradients,
            statistics: self.statistics,
            warmup: self.warmup.clone(),
        }
    }

    /// Makes one step, and returns where it leads if that position is kept. The caller counts the steps.
    ///
    /// A step to where U has no finite value is no error: it is not taken, and is counted.
    ///
    /// **Errors**: [`ChainError::Potential`]; in the warm-up [`ChainError::Diverged`] where U is flat.
    pub fn step(&mut self) -> Result<Option<Sample<'_, f64>>, ChainError> {
        let (error, moved) = match self.config.correction {
            Correction::None { .. } => self.langevin(),
            Correction::Metropolis { .. } => self.trajectory(),
        };
        self.dynamics.evaluator.check()?;
        self.step += 1;
        if self.step <= self.config.warmup {
            self.adapt(error)?;
            return Ok(None);
        }
        self.statistics.record(error, moved, self.moving.potential == f64::INFINITY);
        if !(self.step - self.config.warmup).is_multiple_of(self.config.thinning) {
            return Ok(None);
        }
        let (chain, step, position) = (self.chain, self.step, &self.current.position[..]);
        let potential = self.current.potential;
        Ok(Some(Sample { chain, step, position, potential, weight: 1.0, transition: None }))
    }

    /// A step of the integrator, and a partly new direction. Where U has no finite value the chain turns to a wholly new direction.
    fn langevin(&mut self) -> (f64, bool) {
        let Self { dynamics, current, moving, directions, step, step_size, length, .. } = self;
        moving.copy_from(current);
        let error = dynamics.integrate(moving, *step_size);
        if error.is_finite() {
            std::mem::swap(current, moving);
            dynamics.refresh_direction(current, *step_size, *length, directions, *step);
        } else {
            draw_direction(current, directions, *step);
        }
        (error, error.is_finite())
    }

    /// A trajectory from a new direction, taken with probability min(1, exp(−ΔE)): its length is uniform within a half of L.
    ///
    /// The test is by all of its energy error: U/T that it gains, and K, which is minus the logarithm of the volume that it loses.
    fn trajectory(&mut self) -> (f64, bool) {
        let Self { dynamics, current, moving, directions, step, step_size, length, .. } = self;
        let mut choices = self.choices.index(*step).stream();
        draw_direction(current, directions, *step);
        moving.copy_from(current);
        let steps = (*length * (0.5 + choices.uniform()) / *step_size).round().clamp(1.0, LONGEST) as u32;
        let mut error = 0.0;
        for _ in 0..steps {
            error += dynamics.integrate(moving, *step_size);
            if !error.is_finite() {
                break;
            }
        }
        let accepted = choices.uniform() < (-error).exp();
        if accepted {
            std::mem::swap(current, moving);
        }
        (error, accepted)
    }

    fn adapt(&mut self, error: f64) -> Result<(), ChainError> {
        let dim = self.current.position.len();
        match (&mut self.warmup.step_size, self.config.correction) {
            (StepSize::Energy(energy), Correction::None { energy_variance }) => {
                self.step_size = energy.update(error, dim, energy_variance);
            }
            (StepSize::Acceptance(averaging), Correction::Metropolis { target_acceptance }) => {
                let acceptance = if error.is_nan() { 0.0 } else { (-error).exp().min(1.0) };
                self.step_size = averaging.update(acceptance, target_acceptance);
            }
            _ => unreachable!("a chain's adaptation is that of its correction"),
        }
        if self.phases.learns_scales(self.step) {
            self.warmup.positions.add(&self.current.position);
            self.warmup.gradients.add(&self.current.gradient);
        }
        if self.phases.sets_scales(self.step) {
            self.set_scales()?;
        }
        let time = self.warmup.learn_length(self.phases, self.step, &self.current.position);
        if self.step == self.config.warmup {
            self.step_size = self.warmup.step_size.current();
            if let (Some(time), Correction::None { .. }) = (time, self.config.correction) {
                self.length = LENGTH * self.step_size * time;
            }
        }
        Ok(())
    }

    /// Takes over what was learned of the coordinates: as scales, in which the radius is √d, or else their variances as the radius.
    fn set_scales(&mut self) -> Result<(), ChainError> {
        let Warmup { positions, gradients, .. } = &mut self.warmup;
        let radius = if self.config.precondition {
            learn_scales(positions, gradients, self.config.temperature, &mut self.dynamics.scales);
            (self.dynamics.scales.len() as f64).sqrt()
        } else {
            positions.shrunken_trace().sqrt()
        };
        positions.clear();
        gradients.clear();
        self.length = match self.config.correction {
            Correction::None { .. } => radius,
            Correction::Metropolis { .. } => std::f64::consts::FRAC_PI_2 * radius,
        };
        if self.config.precondition { self.search_step_size(radius) } else { Ok(()) }
    }

    /// Starts the adaptation of the step size at half of the first of `largest`, `largest`/2, … whose energy error is near to what is wanted.
    fn search_step_size(&mut self, largest: f64) -> Result<(), ChainError> {
        let tolerance = match self.config.correction {
            Correction::None { energy_variance } => (energy_variance * self.current.position.len() as f64).sqrt(),
            Correction::Metropolis { .. } => std::f64::consts::LN_2,
        };
        self.step_size = largest;
        let mut error = f64::INFINITY;
        for _ in 0..100 {
            self.step_size *= 0.5;
            error = self.probe(self.step_size)?;
            if error.abs() <= tolerance {
                break;
            }
        }
        // Where no force is felt, a wall may be met farther on; a potential without any is no posterior.
        let mut reach = self.step_size;
        while error == 0.0 {
            reach *= 2.0;
            if reach > LARGEST {
                let (chain, step, step_size) = (self.chain, self.step, self.step_size);
                let what = Divergence::Flat;
                return Err(ChainError::Diverged { chain, step, what, last_good_sample: None, step_size });
            }
            error = self.probe(reach)?;
        }
        self.warmup.step_size = StepSize::new(self.config.correction, self.step_size);
        Ok(())
    }

    /// The energy error of a step from here, which is not taken.
    fn probe(&mut self, step_size: f64) -> Result<f64, ChainError> {
        self.moving.copy_from(&self.current);
        let error = self.dynamics.integrate(&mut self.moving, step_size);
        self.dynamics.evaluator.check()?;
        Ok(error)
    }

    /// Runs to the end, giving each kept position to `sink`.
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
        self.config.warmup.saturating_add(self.config.draws.saturating_mul(self.config.thinning))
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
    pub fn config(&self) -> &MicrocanonicalConfig {
        &self.config
    }

    /// Where the chain is; warm-up steps are steps too.
    pub fn progress(&self) -> Progress {
        Progress { chain: self.chain, step: self.step, steps: self.steps(), potential: self.current.potential }
    }

    /// ε: that of the next step, and final once the warm-up is over.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// L: directions are forgotten as e^(−t/L), or trajectories have this mean length; final once the warm-up is over.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// The diagonal of Σ^½: once it is learned, about the standard deviations of exp(−U/T).
    pub fn scales(&self) -> &[f64] {
        &self.dynamics.scales
    }

    /// Gradients computed, in the warm-up too.
    pub fn gradients(&self) -> u64 {
        self.dynamics.evaluator.gradients
    }

    /// Sums over the steps after the warm-up.
    pub fn statistics(&self) -> &MicrocanonicalStatistics {
        &self.statistics
    }

    /// What is to be said against the steps so far; nothing, if all is well.
    pub fn warnings(&self) -> Vec<Warning> {
        self.statistics.warnings(&self.config, self.current.position.len())
    }

    /// The potential, for instance to reuse it.
    pub fn into_potential(self) -> P {
        self.dynamics.evaluator.potential
    }
}

impl<P: Potential64> MarkovChain for MicrocanonicalChain<P> {
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
