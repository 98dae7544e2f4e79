//! What is to be said against a chain that has come to its end.

use apd_diagnostics::rhat;
use thiserror::Error;

/// A reason not to believe a chain, or not all of it: no error, since its draws are there, but no silence either.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum Warning {
    /// No draw is at another place than the one before.
    #[error("the chain is stuck: its {draws} draws are all at one place")]
    Stuck {
        /// Draws after the warm-up.
        draws: u64,
    },
    /// Trajectories lost the energy, or met a number that is none: the chain does not enter some region, and is biased.
    #[error(
        "{count} of {draws} draws diverged: some region is left out; try a higher target acceptance, or other parameters"
    )]
    Divergences {
        /// Draws that diverged.
        count: u64,
        /// Draws after the warm-up.
        draws: u64,
    },
    /// The energy's Bayesian fraction of missing information is below 0.3: heavy tails, or a funnel.
    #[error("E-BFMI is {e_bfmi:.2}, below 0.3: momenta change the energy too slowly for the posterior's tails")]
    Energy {
        /// [`e_bfmi`](crate::HamiltonianStatistics::e_bfmi).
        e_bfmi: f64,
    },
    /// The acceptance is more than 0.2 from what the step size was adapted to: the warm-up was too short, or elsewhere.
    #[error(
        "the mean acceptance is {mean:.2}, not {target:.2}: the warm-up did not fit the step size to where the draws are"
    )]
    Acceptance {
        /// The mean acceptance.
        mean: f64,
        /// What it was adapted to.
        target: f64,
    },
    /// The variance of the energy's errors is more than ten times that which the step size was adapted to.
    #[error(
        "the energy's variance is {found:.1e} per dimension, not {wanted:.1e}: the warm-up was too short, or did not see where the draws are"
    )]
    EnergyVariance {
        /// Mean square of the errors per dimension, in nats².
        found: f64,
        /// What it was adapted to.
        wanted: f64,
    },
    /// R̂ of the two halves of the draws' potentials is above 1.2.
    #[error(
        "the potential drifts: R-hat of the draws' two halves is {rhat:.2}; a longer warm-up, or a start nearer to the bulk"
    )]
    Drift {
        /// [`rhat`](apd_diagnostics::rhat) of U as one chain.
        rhat: f64,
    },
    /// Trajectories were cut off before they turned: the draws are right, but farther apart in number than they need be.
    #[error("{count} of {draws} draws reached the maximal depth {depth}: their trajectories were cut off")]
    Depth {
        /// Draws at the maximal depth.
        count: u64,
        /// Draws after the warm-up.
        draws: u64,
        /// The maximal depth.
        depth: u32,
    },
}

impl Warning {
    pub(crate) fn of_moves(moves: u64, draws: u64) -> Option<Self> {
        (draws > 1 && moves == 0).then_some(Self::Stuck { draws })
    }

    pub(crate) fn of_divergences(count: u64, draws: u64) -> Option<Self> {
        (count > 0).then_some(Self::Divergences { count, draws })
    }

    pub(crate) fn of_acceptance(mean: Option<f64>, target: f64) -> Option<Self> {
        mean.filter(|mean| (mean - target).abs() > 0.2).map(|mean| Self::Acceptance { mean, target })
    }

    pub(crate) fn of_energy_variance(found: Option<f64>, wanted: f64) -> Option<Self> {
        found.filter(|&found| found > 10.0 * wanted).map(|found| Self::EnergyVariance { found, wanted })
    }

    /// Of the potentials of a chain's draws; nothing where there are too few of them to say.
    pub(crate) fn of_drift(potentials: &[f64]) -> Option<Self> {
        const FEWEST: usize = 20;
        let rhat = (potentials.len() >= FEWEST).then(|| rhat(&[potentials]).ok()).flatten();
        rhat.filter(|&rhat| rhat > 1.2).map(|rhat| Self::Drift { rhat })
    }
}
