//! From a potential to draws, in one expression.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apd_seed::{Normals, Seed};
use rayon::prelude::*;

use crate::check_gradient::check_direction;
use crate::{
    Chain, ChainConfig, ChainError, Draws, FullBatch, GradientError, HamiltonianChain, HamiltonianConfig, MarkovChain,
    MicrocanonicalChain, MicrocanonicalConfig, Outcome, Potential, Potential64, Progress, RunError, Sampler, Sink,
    Warning,
};

/// The time between two looks at whether to go on. The clock decides nothing else.
const LOOK: Duration = Duration::from_millis(50);

/// Settings from which a potential `P` gets a chain: those of any sampler.
///
/// [`HamiltonianConfig`] and [`MicrocanonicalConfig`] for a [`Potential64`], `(sampler, ChainConfig)` for a [`Potential`].
pub trait ChainSettings<P> {
    /// The chain.
    type Chain: MarkovChain<Scalar: Copy + Into<f64>>;

    /// The potential's dimension d.
    fn dim(potential: &P) -> usize;

    /// Compares the potential's gradient with its value at a start, along a random direction. The default does nothing.
    ///
    /// **Errors**: [`GradientError`] where they do not belong together.
    fn check_gradient(_potential: P, _initial: &[f64], _direction: Normals) -> Result<(), GradientError> {
        Ok(())
    }

    /// Chain number `chain` of `seed`, at `initial`.
    ///
    /// **Errors**: the chain's own.
    fn start(&self, chain: u32, potential: P, seed: Seed, initial: Vec<f64>) -> Result<Self::Chain, ChainError>;
}

impl<P: Potential64> ChainSettings<P> for HamiltonianConfig {
    type Chain = HamiltonianChain<P>;

    fn dim(potential: &P) -> usize {
        potential.dim()
    }

    fn check_gradient(mut potential: P, initial: &[f64], direction: Normals) -> Result<(), GradientError> {
        check_direction(&mut potential, initial, direction)
    }

    fn start(&self, chain: u32, potential: P, seed: Seed, initial: Vec<f64>) -> Result<Self::Chain, ChainError> {
        HamiltonianChain::new(chain, potential, *self, seed, initial)
    }
}

impl<P: Potential64> ChainSettings<P> for MicrocanonicalConfig {
    type Chain = MicrocanonicalChain<P>;

    fn dim(potential: &P) -> usize {
        potential.dim()
    }

    fn check_gradient(mut potential: P, initial: &[f64], direction: Normals) -> Result<(), GradientError> {
        check_direction(&mut potential, initial, direction)
    }

    fn start(&self, chain: u32, potential: P, seed: Seed, initial: Vec<f64>) -> Result<Self::Chain, ChainError> {
        MicrocanonicalChain::new(chain, potential, *self, seed, initial)
    }
}

impl<P: Potential, S: Sampler + Clone> ChainSettings<P> for (S, ChainConfig) {
    type Chain = Chain<P, S>;

    fn dim(potential: &P) -> usize {
        potential.dim()
    }

    /// Of all data.
    fn check_gradient(potential: P, initial: &[f64], direction: Normals) -> Result<(), GradientError> {
        check_direction(&mut FullBatch::new(potential), initial, direction)
    }

    fn start(&self, chain: u32, potential: P, seed: Seed, initial: Vec<f64>) -> Result<Self::Chain, ChainError> {
        let initial = initial.into_iter().map(|x| x as f32).collect();
        Chain::new(chain, potential, self.0.clone(), self.1, seed, initial)
    }
}

/// Chains of `potential`, `chains` of them: with NUTS, 1000 draws each after as many of a warm-up, unless told otherwise.
///
/// ```
/// use apd_sgmcmc::{FromFn64, sample};
///
/// // A location and the logarithm of a scale, from four measurements, under the priors N(0, 10²) and N(0, 1).
/// let data = [4.9, 5.3, 5.1, 4.6];
/// let potential = FromFn64::new(2, move |theta: &[f64], gradient: &mut [f64]| {
///     let (location, precision) = (theta[0], (-2.0 * theta[1]).exp());
///     let squares: f64 = data.iter().map(|x| (x - location).powi(2)).sum();
///     let sum: f64 = data.iter().map(|x| x - location).sum();
///     gradient[0] = location / 100.0 - precision * sum;
///     gradient[1] = theta[1] + 4.0 - precision * squares;
///     location * location / 200.0 + 0.5 * theta[1] * theta[1] + 4.0 * theta[1] + 0.5 * precision * squares
/// });
/// let draws = sample(4, potential).parameters([("location", vec![]), ("log scale", vec![])]).run()?;
/// println!("{}", draws.summary());
/// let location = draws.summary().rows[0].diagnosis.clone()?;
/// assert!((location.mean - 4.97).abs() < 0.1 && location.rhat < 1.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sample<'a, P>(chains: u32, potential: P) -> Sampling<'a, P> {
    let settings = HamiltonianConfig::nuts(1_000, 1_000);
    let (seed, parameters) = (Seed::root(0), Vec::new());
    let (init, progress, cancel) = (None, None, None);
    Sampling { chains, first: 0, potential, settings, seed, parameters, check: true, init, progress, cancel }
}

type Init<'a> = dyn Fn(u32) -> Vec<f64> + 'a;
type Report<'a> = dyn FnMut(&[Progress]) + 'a;

/// What [`sample`] is to do; [`run`](Self::run) does it.
pub struct Sampling<'a, P, S = HamiltonianConfig> {
    chains: u32,
    first: u32,
    potential: P,
    settings: S,
    seed: Seed,
    parameters: Vec<(String, Vec<usize>)>,
    check: bool,
    init: Option<Box<Init<'a>>>,
    progress: Option<Box<Report<'a>>>,
    cancel: Option<&'a AtomicBool>,
}

impl<'a, P, S> Sampling<'a, P, S> {
    /// Another sampler, or other settings of it.
    pub fn with<T: ChainSettings<P>>(self, settings: T) -> Sampling<'a, P, T> {
        let Self { chains, first, potential, seed, parameters, check, init, progress, cancel, .. } = self;
        Sampling { chains, first, potential, settings, seed, parameters, check, init, progress, cancel }
    }

    /// The seed of everything; 0 unless given.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The number of the first chain; 0 unless given. Chain k is the same in whichever run it is made: several runs may share the chains of one.
    pub fn first(mut self, number: u32) -> Self {
        self.first = number;
        self
    }

    /// Names and shapes of the parameters that θ consists of, in their order; otherwise θ is one vector of that name.
    pub fn parameters(mut self, parameters: impl IntoIterator<Item = (impl Into<String>, Vec<usize>)>) -> Self {
        self.parameters = parameters.into_iter().map(|(name, shape)| (name.into(), shape)).collect();
        self
    }

    /// The start of each chain, by its number; otherwise they start at draws from N(0, I).
    pub fn init(mut self, init: impl Fn(u32) -> Vec<f64> + 'a) -> Self {
        self.init = Some(Box::new(init));
        self
    }

    /// Does not compare the gradient with the potential where chains start, which costs three gradients each, of all data: for one
    /// that is meant to be another one's.
    pub fn without_gradient_check(mut self) -> Self {
        self.check = false;
        self
    }

    /// Whom to tell how far each chain is, some times a second.
    pub fn progress(mut self, progress: impl FnMut(&[Progress]) + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Stops soon after this is true, all chains after the same number of steps; the draws so far are returned.
    pub fn cancel(mut self, cancel: &'a AtomicBool) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Runs all chains in parallel, side by side. The draws do not depend on the number of threads.
    ///
    /// **Errors**: a chain's, of the first that failed; [`ChainError::Gradient`] where the gradient is not the potential's.
    /// **Panics** if a start, or the parameters, do not have the potential's dimension.
    #[track_caller]
    pub fn run(mut self) -> Result<Draws, ChainError>
    where
        P: Clone,
        S: ChainSettings<P>,
    {
        let dim = S::dim(&self.potential);
        if self.parameters.is_empty() {
            self.parameters.push(("theta".to_owned(), vec![dim]));
        }
        let mut draws = Draws::new(std::mem::take(&mut self.parameters), vec![Vec::new(); self.chains as usize]);
        assert_eq!(draws.dim(), dim, "coordinates of the parameters, and of the potential");
        let ended = self.run_into(draws.kept()).map_err(|error: RunError<Infallible>| match error {
            RunError::Chain(error) => error,
            RunError::Sink { cause, .. } => match cause {},
        })?;
        draws.outcome = ended.outcome;
        for (kept, warnings) in draws.kept().iter_mut().zip(ended.warnings) {
            kept.warnings = warnings;
            kept.warnings.extend(Warning::of_drift(&kept.potentials));
        }
        Ok(draws)
    }

    /// Runs as [`run`](Self::run) does, giving each draw to its chain's sink, for draws that are more than memory holds.
    ///
    /// A sink that [asks to stop](Sink::progress) stops all chains soon after.
    ///
    /// **Errors**: as [`run`](Self::run), and the first sink's.
    /// **Panics** unless there are as many sinks as chains; if a start does not have the potential's dimension.
    #[track_caller]
    pub fn run_into<K>(self, sinks: &mut [K]) -> Result<Streamed, RunError<K::Error>>
    where
        P: Clone,
        S: ChainSettings<P>,
        K: Sink<<S::Chain as MarkovChain>::Scalar>,
    {
        let Self { chains, first, potential, settings, seed, parameters: _, check, init, mut progress, cancel } = self;
        assert_eq!(sinks.len(), chains as usize, "sinks, and chains");
        let dim = S::dim(&potential);
        let start = |chain| {
            let initial = init.as_ref().map_or_else(|| standard(seed, chain, dim), |init| init(chain));
            // A start of another dimension is the chain's to refuse.
            if check && initial.len() == dim {
                let direction = seed.child("gradient check").index(u64::from(chain)).normals();
                S::check_gradient(potential.clone(), &initial, direction)
                    .map_err(|cause| ChainError::Gradient { chain, cause })?;
            }
            settings.start(chain, potential.clone(), seed, initial)
        };
        let mut chains: Vec<S::Chain> = (first..first + chains).map(start).collect::<Result<_, _>>()?;
        let steps = chains.iter().map(|chain| chain.progress().steps).max().unwrap_or(0);
        let (mut until, mut stride, mut outcome) = (0_u64, 1_u64, Outcome::Finished);
        while until < steps && outcome == Outcome::Finished {
            if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                outcome = Outcome::Stopped;
                break;
            }
            until = steps.min(until.saturating_add(stride));
            let begun = Instant::now();
            let run = |(chain, sink): (&mut S::Chain, &mut K)| chain.run_until(until, sink);
            let ended: Vec<_> = chains.par_iter_mut().zip(&mut *sinks).with_max_len(1).map(run).collect();
            for ended in ended {
                if ended? == Outcome::Stopped {
                    outcome = Outcome::Stopped;
                }
            }
            stride = if begun.elapsed() < LOOK { stride.saturating_mul(2) } else { 1.max(stride / 2) };
            if let Some(progress) = &mut progress {
                progress(&chains.iter().map(MarkovChain::progress).collect::<Vec<_>>());
            }
        }
        Ok(Streamed { outcome, warnings: chains.iter().map(MarkovChain::warnings).collect() })
    }
}

/// The end of [`Sampling::run_into`].
#[derive(Clone, PartialEq, Debug)]
pub struct Streamed {
    /// Whether the chains came to their end.
    pub outcome: Outcome,
    /// Of each chain, what its own statistics say against its draws.
    pub warnings: Vec<Vec<Warning>>,
}

impl<P: fmt::Debug, S: fmt::Debug> fmt::Debug for Sampling<'_, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chains, potential, settings, seed, parameters, .. } = self;
        write!(f, "Sampling({chains} chains of {potential:?} with {settings:?}, {seed:?}, {parameters:?})")
    }
}

/// z ~ N(0, I), the start of a chain that is given none.
fn standard(seed: Seed, chain: u32, dim: usize) -> Vec<f64> {
    let mut initial = vec![0.0; dim];
    seed.child("initial").normals().fill_f64(chain.into(), 0, &mut initial);
    initial
}

#[cfg(test)]
mod tests;
