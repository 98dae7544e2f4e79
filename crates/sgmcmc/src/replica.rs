//! Replica exchange: chains of one posterior at several temperatures, which trade places.

use std::convert::Infallible;

use apd_seed::{Minibatches, Seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::minibatch;
use crate::{
    Chain, ChainConfig, ChainError, ChainState, Outcome, Potential, PotentialError, RunError, Sample, Sampler, Sink,
};

/// The times at which replicas trade places, and the price of knowing whether they should.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Updates between sweeps; a sweep proposes swaps to replicas (0, 1), (2, 3), …, the next one to (1, 2), (3, 4), ….
    pub every: u64,
    /// Independent minibatches n ≥ 2 from which a pair's energies are estimated, 8 if in doubt (full batches are exact: one).
    pub energy_batches: u32,
}

impl Exchange {
    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    pub fn validate(&self) -> Result<(), ChainError> {
        if self.every == 0 {
            let (value, expected) = ("0".to_owned(), "at least 1");
            return Err(ChainError::Setting { field: "updates between exchanges", value, expected });
        }
        if self.energy_batches < 2 {
            let (value, expected) = (self.energy_batches.to_string(), "at least 2");
            return Err(ChainError::Setting { field: "minibatches per exchange", value, expected });
        }
        Ok(())
    }
}

/// Replica-exchange stochastic gradient Langevin dynamics (parallel tempering): hot chains cross the barriers, the coldest samples.
///
/// Replica i runs at temperature T_i, T₀ < T₁ < …, all with the same step sizes; only the coldest one's samples are kept. Every
/// [`every`](Exchange::every) updates neighbors i, j = i + 1 trade positions with probability
///
/// min(1, exp(δ·D̄ − u)), δ = 1/T_i − 1/T_j, D̄ = (1/n)·Σₖ [Û_k(θ_i) − Û_k(θ_j)].
///
/// Minibatch k is the same for both, so that what the positions have in common cancels. E exp(δ·D̄) is not exp(δ·D), and an uncorrected
/// rule accepts too much; for normal noise of known variance χ² = δ²·Var D̄ the penalty u = χ²/2 makes E exp(δ·D̄ − u) = exp(δ·D) and
/// restores detailed balance exactly. (Two energies of independent noise σ² each have χ² = 2δ²σ²: Deng et al.'s correction δ²σ².)
/// The variance is estimated here, from the same n differences at the very same positions, and the estimate's own error is paid for:
///
/// u = χ²/2 + χ⁴/(4(n + 1)) + χ⁶/(3(n + 1)(n + 3)).
///
/// Energies are never used for a second decision: a position that was accepted for its noise would be favored again. Hence the
/// alternating pairs, each with minibatches of its own. The exchange has no memory, so that the state is that of the chains.
///
/// The replicas run in parallel; nothing depends on the number of threads. Replica 0 is chain c of `seed`, to the bit as long as no
/// swap is accepted; replica i > 0 is chain c of `seed/chain[c]/replica[i]`, and the choices of pair i come from
/// `seed/chain[c]/exchange[i]`, addressed by the sweep.
///
/// Positions are traded, not what the samplers remember: momenta are independent of the position at stationarity, and those of a chain fit
/// its temperature.
///
/// **Where it fails**: a sweep accepts next to nothing where the energies of neighbors do not overlap (for d coordinates the ratio
/// of temperatures should be about 1 + √(2/d)), or where χ² ≫ 1, which is usual for small minibatches of much data: take larger ones,
/// more of them, or a [`ControlVariate`](crate::ControlVariate). The penalty assumes normal noise; for n = 8 the rates' ratio is
/// exact to 0.3 % up to χ² = 1 and 3 % too small at χ² = 2 (measured). The laws that trade have each chain's own error of order ε.
///
/// Reference: Deng, Feng, Gao, Liang & Lin, *Non-convex learning via replica exchange stochastic gradient MCMC*, ICML 2020; the penalty:
/// Ceperley & Dewing, *The penalty method for random walks with uncertain energies*, J. Chem. Phys. 110, 1999; alternating pairs:
/// Okabe, Kawata, Okamoto & Mikami, Chem. Phys. Lett. 335, 2001.
///
/// ```
/// use apd_seed::Seed;
/// use apd_sgmcmc::{ChainConfig, Exchange, FromFn, ReplicaExchange, Sample, Schedule, Sgld};
///
/// // Two wells at ±1, as deep as 8 nats.
/// let wells = || FromFn::new(1, 1, |x: &[f32], _, gradient: &mut [f32]| {
///     let w = x[0] * x[0] - 1.0;
///     gradient[0] = 32.0 * w * x[0];
///     f64::from(8.0 * w * w)
/// });
/// let replica = |temperature| (wells(), Sgld::new(Schedule::Constant(0.01), temperature));
/// let config = ChainConfig { steps: 20_000, burn_in: 1_000, thinning: 10, batch_size: 1 };
/// let (exchange, ladder) = (Exchange { every: 10, energy_batches: 2 }, vec![replica(1.0), replica(3.0), replica(9.0)]);
/// let mut chains = ReplicaExchange::new(0, ladder, exchange, config, Seed::root(1), vec![1.0])?;
///
/// let mut left = 0;
/// chains.run(&mut |sample: Sample<'_>| {
///     left += u32::from(sample.position[0] < 0.0);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// assert!((500..1400).contains(&left)); // of 1900; alone, the cold chain stays in its well
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReplicaExchange<P, S: Sampler> {
    /// Coldest first.
    chains: Vec<Chain<P, S>>,
    /// Replicas i and i + 1.
    pairs: Vec<Pair>,
    exchange: Exchange,
    sweeps: u64,
}

/// The estimator of whether two neighbors trade places.
#[derive(Debug)]
struct Pair {
    /// δ.
    delta: f64,
    /// `seed/chain[c]/exchange[i]`.
    seed: Seed,
    minibatches: Minibatches,
    /// δ·[Û_k(θ_i) − Û_k(θ_j)].
    differences: Vec<f64>,
    /// Computed along with the energies, and of no use.
    gradient: Vec<f32>,
    accepted: u64,
}

/// All that replicas need to go on, besides their potentials and settings; `T` is a sampler's own state, `()` for SGLD.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaState<T = ()> {
    /// Coldest first.
    pub chains: Vec<ChainState<T>>,
    /// Sweeps made.
    pub sweeps: u64,
    /// Swaps of replicas i and i + 1.
    pub accepted: Vec<u64>,
}

/// Which replica ended a run early, and why.
#[derive(Clone, PartialEq, Debug, Error)]
#[error("replica {replica}, at temperature {temperature}: {cause}")]
pub struct ReplicaError<E> {
    /// The coldest that failed.
    pub replica: usize,
    /// Its temperature.
    pub temperature: f64,
    /// What happened.
    pub cause: RunError<E>,
}

impl<P: Potential, S: Sampler> ReplicaExchange<P, S> {
    /// Chain number `chain` of `seed` and its hotter replicas, all at `initial`; `replicas` are in the order of their temperatures.
    ///
    /// The potentials are the same U, one per replica so that they can be evaluated in parallel.
    ///
    /// **Errors**: [`ChainError::Setting`] for settings out of range, temperatures that do not increase, or unequal step sizes.
    /// **Panics** if `initial` does not have the potentials' dimension, or they differ in their numbers of data terms.
    #[track_caller]
    pub fn new(
        chain: u32,
        replicas: Vec<(P, S)>,
        exchange: Exchange,
        config: ChainConfig,
        seed: Seed,
        initial: Vec<f32>,
    ) -> Result<Self, ChainError> {
        let chains = replicas
            .into_iter()
            .enumerate()
            .map(|(i, (potential, sampler))| {
                Chain::new(chain, potential, sampler, config, seed_of(seed, chain, i), initial.clone())
            })
            .collect::<Result<_, _>>()?;
        Self::of(chains, exchange, own(seed, chain).child("exchange"))
    }

    /// The replicas that [`state`](Self::state) was taken from: from here on equal to the bit, given equal arguments.
    ///
    /// **Errors**: as [`new`](Self::new) and [`Chain::resume`], and [`ChainError::Setting`] for another number of replicas.
    /// **Panics** if the potentials differ in their numbers of data terms.
    #[track_caller]
    pub fn resume(
        replicas: Vec<(P, S)>,
        exchange: Exchange,
        config: ChainConfig,
        seed: Seed,
        state: ReplicaState<S::State>,
    ) -> Result<Self, ChainError> {
        let ReplicaState { chains: states, sweeps, accepted } = state;
        if states.len() != replicas.len() || accepted.len() + 1 != states.len() {
            let (value, expected) = (states.len().to_string(), "as many as are resumed");
            return Err(ChainError::Setting { field: "number of saved replicas", value, expected });
        }
        let chain = states[0].chain;
        let chains = replicas
            .into_iter()
            .zip(states)
            .enumerate()
            .map(|(i, ((potential, sampler), state))| {
                Chain::resume(potential, sampler, config, seed_of(seed, chain, i), state)
            })
            .collect::<Result<_, _>>()?;
        let mut replicas = Self::of(chains, exchange, own(seed, chain).child("exchange"))?;
        replicas.sweeps = sweeps;
        for (pair, accepted) in replicas.pairs.iter_mut().zip(accepted) {
            pair.accepted = accepted;
        }
        Ok(replicas)
    }

    #[track_caller]
    fn of(chains: Vec<Chain<P, S>>, exchange: Exchange, seed: Seed) -> Result<Self, ChainError> {
        exchange.validate()?;
        let temperatures: Vec<f64> = chains.iter().map(|chain| chain.sampler.temperature()).collect();
        let increasing = temperatures.first().is_some_and(|&t| t > 0.0) && temperatures.is_sorted_by(|a, b| a < b);
        if !increasing || temperatures.len() < 2 {
            let (value, expected) = (format!("{temperatures:?}"), "at least two, increasing, all above 0");
            return Err(ChainError::Setting { field: "temperatures of the replicas", value, expected });
        }
        let schedule = *chains[0].sampler.schedule();
        if let Some(other) = chains.iter().map(|chain| chain.sampler.schedule()).find(|&other| *other != schedule) {
            let (value, expected) = (format!("{schedule:?} and {other:?}"), "the same for all");
            return Err(ChainError::Setting { field: "step sizes of the replicas", value, expected });
        }
        let num_data = chains[0].potential.num_data();
        let equal = chains.iter().all(|chain| chain.potential.num_data() == num_data);
        assert!(equal, "data terms of the replicas' potentials differ");
        let pair = |(i, temperatures): (u64, &[f64])| {
            let seed = seed.index(i);
            let minibatches = Minibatches::new(seed.child("minibatch"), num_data, chains[0].config.batch_size);
            let count = if minibatches.batch() == num_data { 1 } else { exchange.energy_batches as usize };
            Pair {
                delta: 1.0 / temperatures[0] - 1.0 / temperatures[1],
                seed,
                minibatches,
                differences: vec![0.0; count],
                gradient: vec![0.0; chains[0].position.len()],
                accepted: 0,
            }
        };
        let pairs = (0..).zip(temperatures.windows(2)).map(pair).collect();
        Ok(Self { chains, pairs, exchange, sweeps: 0 })
    }

    /// A copy of all that changes, for [`resume`](Self::resume).
    pub fn state(&self) -> ReplicaState<S::State> {
        let accepted = self.pairs.iter().map(|pair| pair.accepted).collect();
        ReplicaState { chains: self.chains.iter().map(Chain::state).collect(), sweeps: self.sweeps, accepted }
    }

    /// Runs to the end, giving each position that the coldest replica keeps to `sink`.
    ///
    /// **Errors**: [`ReplicaError`] with the coldest replica's divergence, or the sink's own error.
    pub fn run<K: Sink>(&mut self, sink: &mut K) -> Result<Outcome, ReplicaError<K::Error>> {
        self.run_until(u64::MAX, sink)
    }

    /// Runs as [`run`](Self::run) does, up to step `until` or the end, whichever comes first; a sweep that is due there is made.
    pub fn run_until<K: Sink>(&mut self, until: u64, sink: &mut K) -> Result<Outcome, ReplicaError<K::Error>> {
        let until = until.min(self.chains[0].config.steps);
        loop {
            // A stopped cold chain may be behind the others: they meet again at the sweep.
            let sweep = (self.sweeps.saturating_add(1)).saturating_mul(self.exchange.every);
            if self.advance(until.min(sweep), sink)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
            if sweep > until {
                return Ok(Outcome::Finished);
            }
            self.sweep()?;
        }
    }

    /// Runs all replicas to step `until`, in parallel.
    fn advance<K: Sink>(&mut self, until: u64, sink: &mut K) -> Result<Outcome, ReplicaError<K::Error>> {
        let [cold, hot @ ..] = &mut self.chains[..] else { unreachable!("there are at least two replicas") };
        let (cold, hot) = rayon::join(
            || cold.run_until(until, sink),
            || {
                let run = |chain: &mut Chain<P, S>| chain.run_until(until, &mut discard);
                hot.par_iter_mut().with_max_len(1).map(run).collect::<Vec<_>>()
            },
        );
        let outcome = cold.map_err(|source| self.error(0, source))?;
        for (i, result) in hot.into_iter().enumerate() {
            if let Err(RunError::Chain(failure)) = result {
                return Err(self.error(i + 1, RunError::Chain(failure)));
            }
        }
        Ok(outcome)
    }

    fn error<E>(&self, replica: usize, cause: RunError<E>) -> ReplicaError<E> {
        ReplicaError { replica, temperature: self.chains[replica].sampler.temperature(), cause }
    }

    /// Proposes a swap to every other pair of neighbors.
    fn sweep<E>(&mut self) -> Result<(), ReplicaError<E>> {
        let (sweep, first) = (self.sweeps, self.first(self.sweeps));
        let pairs = self.pairs[first..].par_iter_mut().step_by(2).with_max_len(1);
        let propose = |(pair, chains): (&mut Pair, &mut [Chain<P, S>])| {
            let [cold, hot] = chains else { unreachable!("two are two") };
            pair.propose(sweep, cold, hot)
        };
        let proposed: Vec<_> = pairs.zip(self.chains[first..].par_chunks_exact_mut(2)).map(propose).collect();
        self.sweeps += 1;
        for (i, result) in proposed.into_iter().enumerate() {
            result.map_err(|error| self.error(first + 2 * i, RunError::Chain(error.into())))?;
        }
        Ok(())
    }

    /// The first pair of a sweep: the even ones and the odd ones take turns, if there are odd ones.
    fn first(&self, sweep: u64) -> usize {
        if self.pairs.len() == 1 { 0 } else { (sweep % 2) as usize }
    }

    /// The replicas' chains, the coldest first.
    pub fn chains(&self) -> &[Chain<P, S>] {
        &self.chains
    }

    /// Sweeps made.
    pub fn sweeps(&self) -> u64 {
        self.sweeps
    }

    /// Accepted of the swaps proposed to replicas i and i + 1; NaN before the first proposal.
    pub fn acceptance(&self) -> Vec<f64> {
        let proposals = |i: usize| match (self.pairs.len(), i % 2) {
            (1, _) => self.sweeps,
            (_, 0) => self.sweeps.div_ceil(2),
            _ => self.sweeps / 2,
        };
        self.pairs.iter().enumerate().map(|(i, pair)| pair.accepted as f64 / proposals(i) as f64).collect()
    }
}

impl Pair {
    /// **Errors**: [`PotentialError::Fatal`] of either potential; where one is not defined, nothing is traded.
    fn propose<P: Potential, S: Sampler>(
        &mut self,
        sweep: u64,
        cold: &mut Chain<P, S>,
        hot: &mut Chain<P, S>,
    ) -> Result<(), PotentialError> {
        let Self { delta, seed, minibatches, differences, gradient, accepted } = self;
        let (num_data, count) = (cold.potential.num_data(), differences.len() as u64);
        for (i, difference) in (0..).zip(&mut *differences) {
            // The first minibatch of each epoch: unlike neighbors in one epoch, these are independent.
            let step = (sweep * count + i) * minibatches.per_epoch();
            let minibatch = minibatch(minibatches, step, num_data);
            let mut energy =
                |chain: &mut Chain<P, S>| match chain.potential.gradient(&chain.position, minibatch, gradient) {
                    Err(PotentialError::Recoverable(_)) => Ok(f64::NAN),
                    other => other,
                };
            *difference = *delta * (energy(cold)? - energy(hot)?);
        }
        // Written so that a NaN is rejected.
        if seed.index(sweep).stream().uniform().ln() < log_acceptance(differences) {
            cold.trade_places(hot);
            *accepted += 1;
        }
        Ok(())
    }
}

/// The seed of all that belongs to chain number `chain`.
fn own(seed: Seed, chain: u32) -> Seed {
    seed.child("chain").index(u64::from(chain))
}

/// The seed whose chain number `chain` replica i is.
fn seed_of(seed: Seed, chain: u32, i: usize) -> Seed {
    if i == 0 { seed } else { own(seed, chain).child("replica").index(i as u64) }
}

/// ln of the acceptance rate (up to its bound 1) from estimates of δ·(U_i − U_j); see [`ReplicaExchange`].
fn log_acceptance(estimates: &[f64]) -> f64 {
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    if estimates.len() == 1 {
        return mean;
    }
    let chi2 = estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n * (n - 1.0));
    let penalty = 0.5 * chi2 + chi2.powi(2) / (4.0 * (n + 1.0)) + chi2.powi(3) / (3.0 * (n + 1.0) * (n + 3.0));
    mean - penalty
}

fn discard(_: Sample<'_>) -> Result<(), Infallible> {
    Ok(())
}

#[cfg(test)]
mod tests;
