//! What a saved chain was made with, and what may be otherwise when it goes on.

use crate::ChainError;

/// Something that a chain may go on with although it was made with another: see [`HamiltonianChain::resume_with`].
///
/// What comes after is then no continuation to the bit, and only where the [`Potential`](Self::Potential) and the
/// [`Temperature`](Self::Temperature) are the same are the draws before and after of one law.
///
/// [`HamiltonianChain::resume_with`]: crate::HamiltonianChain::resume_with
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Change {
    /// The seed of what comes.
    Seed,
    /// Draws of the warm-up; one that is over is not gone back to unless it is longer now.
    Warmup,
    /// HMC or NUTS, and how long the trajectories are.
    Trajectory,
    /// What the step size is adapted to; whether microcanonical steps are tested stays as it was.
    Target,
    /// Steps from one draw to the next.
    Thinning,
    /// T.
    Temperature,
    /// What the warm-up learns of the mass.
    Metric,
    /// U: other data, or another prior.
    Potential,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Warmup => "warm-up",
            Self::Trajectory => "trajectory",
            Self::Target => "target",
            Self::Thinning => "thinning",
            Self::Temperature => "temperature",
            Self::Metric => "metric",
            Self::Potential => "potential at its position",
        }
    }

    /// **Errors**: [`ChainError::Origin`] for the first fact that is not the same in both, unless it may change.
    pub(crate) fn compare<const N: usize>(
        saved: [(Self, String); N],
        given: [(Self, String); N],
        may_change: &[Self],
    ) -> Result<(), ChainError> {
        for ((what, saved), (_, given)) in saved.into_iter().zip(given) {
            if saved != given && !may_change.contains(&what) {
                return Err(ChainError::Origin { what: what.name(), saved, given });
            }
        }
        Ok(())
    }

    /// **Errors**: [`ChainError::Origin`] if U at the saved position is another by more than another machine's rounding, unless it may be.
    pub(crate) fn compare_potential(saved: f64, given: f64, may_change: &[Self]) -> Result<(), ChainError> {
        const ROUNDING: f64 = 1e-5;
        let is_same = (saved - given).abs() <= ROUNDING * saved.abs().max(1.0);
        if !is_same && !may_change.contains(&Self::Potential) {
            let what = Self::Potential.name();
            return Err(ChainError::Origin { what, saved: format!("{saved:?}"), given: format!("{given:?}") });
        }
        Ok(())
    }
}
