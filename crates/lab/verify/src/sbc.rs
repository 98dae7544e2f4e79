//! Simulation-based calibration of any sampler, of any model that can be simulated.

use std::fmt::Display;

use apd_seed::{Seed, Stream};
use rayon::prelude::*;

use crate::Trial;

/// Most cells that ranks are counted in.
const CELLS: usize = 20;

/// Are these the posterior's draws? θ* is drawn by `prior`, data given θ* by `simulate`, and θ₁ … θ_L given the data by `sample`: if all three
/// are right, θ* looks like one more draw, and the rank of each of its coordinates among the L is uniform on 0 … L.
///
/// Nothing is known or assumed of the posterior, of how it is sampled, or of the three functions, but that they are of one model. An
/// error of `sample` rejects it.
///
/// **Power** at the [`LEVEL`](crate::LEVEL) of one check: n simulations find a posterior deviation that is too large, or too small, by a
/// part δ where n ≥ 60/δ², whatever the model: 1000 find 25 %, 70 000 find 3 %.
///
/// **Where it fails**: ranks are uniform only if the L draws are independent of each other given the data: take every k-th of a chain's, k
/// such that their effective size is about L. A sampler that forgets the data and draws from the prior has uniform ranks in each
/// coordinate; [`quantity`](Sbc::quantity) is against that.
///
/// ```
/// use apd_seed::Seed;
/// use apd_sgmcmc::{ChainError, FromFn64, HamiltonianConfig, sample};
/// use apd_verify::sbc;
///
/// // θ ~ N(0, 1) and y ~ N(θ, 1): U = θ²/2 + (y − θ)²/2.
/// let normal = |seed: Seed| {
///     let mut z = [0.0];
///     seed.normals().fill_f64(0, 0, &mut z);
///     z[0]
/// };
/// let calibration = |counted: f64| {
///     sbc(
///         |seed| vec![normal(seed)],
///         |theta: &[f64], seed| theta[0] + normal(seed),
///         move |&y: &f64, seed| {
///             let potential = FromFn64::new(1, move |theta: &[f64], gradient: &mut [f64]| {
///                 gradient[0] = theta[0] + counted * (theta[0] - y);
///                 0.5 * theta[0].powi(2) + counted * 0.5 * (theta[0] - y).powi(2)
///             });
///             let draws = sample(1, potential).with(HamiltonianConfig::nuts(100, 190)).seed(seed).run()?;
///             Ok::<_, ChainError>(draws.positions(0).step_by(10).map(<[f64]>::to_vec).collect())
///         },
///     )
///     .quantity("log likelihood", |theta, y| -0.5 * (theta[0] - y).powi(2))
///     .run(Seed::root(1))
/// };
/// assert!(!calibration(1.0).rejected());
/// assert!(calibration(2.0).rejected(), "data that are counted twice");
/// ```
///
/// References: Talts, Betancourt, Simpson, Vehtari & Gelman, *Validating Bayesian inference algorithms with simulation-based
/// calibration*, arXiv 1804.06788, 2018, algorithm 1; Modrák et al., *Simulation-based calibration checking for Bayesian
/// computation: the choice of test quantities shapes sensitivity*, Bayesian Analysis 2023.
pub fn sbc<'a, D, E: Display>(
    prior: impl Fn(Seed) -> Vec<f64> + Sync + 'a,
    simulate: impl Fn(&[f64], Seed) -> D + Sync + 'a,
    sample: impl Fn(&D, Seed) -> Result<Vec<Vec<f64>>, E> + Sync + 'a,
) -> Sbc<'a, D> {
    let sample = move |data: &D, seed| sample(data, seed).map_err(|error| error.to_string());
    let (prior, simulate, sample) = (Box::new(prior), Box::new(simulate), Box::new(sample));
    Sbc { prior, simulate, sample, quantities: Vec::new(), simulations: 1_000 }
}

type Prior<'a> = dyn Fn(Seed) -> Vec<f64> + Sync + 'a;
type Simulate<'a, D> = dyn Fn(&[f64], Seed) -> D + Sync + 'a;
type Sample<'a, D> = dyn Fn(&D, Seed) -> Result<Vec<Vec<f64>>, String> + Sync + 'a;
type Quantity<'a, D> = dyn Fn(&[f64], &D) -> f64 + Sync + 'a;

/// What [`sbc`] is to do; [`run`](Self::run) does it.
pub struct Sbc<'a, D> {
    prior: Box<Prior<'a>>,
    simulate: Box<Simulate<'a, D>>,
    sample: Box<Sample<'a, D>>,
    quantities: Vec<(String, Box<Quantity<'a, D>>)>,
    simulations: u64,
}

impl<'a, D> Sbc<'a, D> {
    /// Another number of simulations than 1000.
    pub fn simulations(mut self, simulations: u64) -> Self {
        self.simulations = simulations;
        self
    }

    /// Ranks a function of θ and the data too, such as the log likelihood, by which a sampler that forgets the data is seen.
    pub fn quantity(mut self, name: impl Into<String>, of: impl Fn(&[f64], &D) -> f64 + Sync + 'a) -> Self {
        self.quantities.push((name.into(), Box::new(of)));
        self
    }

    /// Simulates, in parallel, and checks that all ranks are uniform. Nothing depends on the number of threads.
    ///
    /// **Panics** for fewer than ten simulations: they say nothing.
    #[track_caller]
    pub fn run(&self, seed: Seed) -> Trial {
        assert!(self.simulations >= 10, "{} simulations are too few", self.simulations);
        let mut trial = Trial::default();
        let cells = (0..self.simulations).into_par_iter().map(|i| self.simulate(seed.index(i)));
        match cells.collect::<Result<Vec<Vec<f64>>, String>>() {
            Ok(places) => {
                let cells = CELLS.min(self.simulations as usize / 5);
                for (quantity, name) in self.names(places[0].len()).iter().enumerate() {
                    let mut counts = vec![0; cells];
                    for place in &places {
                        counts[(place[quantity] * cells as f64) as usize] += 1;
                    }
                    trial.uniform(format!("rank of {name}"), &counts);
                }
            }
            Err(error) => trial.require(error, false),
        }
        trial
    }

    /// Where each quantity of one simulation's θ* is among those of the draws, uniform on [0, 1).
    fn simulate(&self, seed: Seed) -> Result<Vec<f64>, String> {
        let truth = (self.prior)(seed.child("prior"));
        let data = (self.simulate)(&truth, seed.child("data"));
        let draws = (self.sample)(&data, seed.child("sampler"))?;
        if let Some(draw) = draws.iter().find(|draw| draw.len() != truth.len()) {
            return Err(format!("a draw has {} coordinates, θ from the prior has {}", draw.len(), truth.len()));
        }
        let quantities = |theta: &[f64]| -> Vec<f64> {
            let more = self.quantities.iter().map(|(_, of)| of(theta, &data));
            theta.iter().copied().chain(more).collect()
        };
        let draws: Vec<Vec<f64>> = draws.iter().map(|draw| quantities(draw)).collect();
        let mut ties = seed.child("ties").stream();
        let place = |(i, truth): (usize, f64)| {
            let rank = rank(truth, draws.iter().map(|draw| draw[i]), &mut ties);
            // A random place within the rank, so that cells need not be whole ranks.
            (rank as f64 + ties.uniform()) / (draws.len() + 1) as f64
        };
        Ok(quantities(&truth).into_iter().enumerate().map(place).collect())
    }

    fn names(&self, quantities: usize) -> Vec<String> {
        let coordinates = (0..quantities - self.quantities.len()).map(|i| format!("θ{i}"));
        coordinates.chain(self.quantities.iter().map(|(name, _)| name.clone())).collect()
    }
}

/// The rank of θ*'s value among the draws'; equal ones are in random order: a chain may stand still.
pub(crate) fn rank(truth: f64, draws: impl Iterator<Item = f64> + Clone, ties: &mut Stream) -> usize {
    let below = draws.clone().filter(|&draw| draw < truth).count();
    let equal = draws.filter(|&draw| draw == truth).count();
    below + ties.below(equal as u32 + 1) as usize
}

#[cfg(test)]
mod tests;
