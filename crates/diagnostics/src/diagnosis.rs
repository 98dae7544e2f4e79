use std::fmt;

use crate::DiagnosticError;
use crate::chains::{Chains, mean, variance};
use crate::ess::{ess_of, ess_tail_of};
use crate::rank::rank_normalize;
use crate::rhat::rhat_of;

/// One scalar's draws in one line; `Display` prints it.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// Mean of all draws.
    pub mean: f64,
    /// Standard deviation of all draws.
    pub sd: f64,
    /// See [`rhat`](crate::rhat).
    pub rhat: f64,
    /// See [`ess_bulk`](crate::ess_bulk).
    pub ess_bulk: f64,
    /// See [`ess_tail`](crate::ess_tail).
    pub ess_tail: f64,
    /// See [`mcse_mean`](crate::mcse_mean).
    pub mcse_mean: f64,
}

/// Mean, deviation, R̂, effective sample sizes and the mean's error of one scalar, each computed as by the function of its name.
///
/// Chains are compared draw by draw: of those that have more draws than the shortest, as where a run was interrupted, the last are left out.
///
/// **Units**: `mean`, `sd` and `mcse_mean` those of the draws, effective sizes in draws.
///
/// **Errors**: no chains, fewer than 4 draws in a chain, a draw that is not finite, all draws equal.
pub fn diagnose<C: AsRef<[f64]>>(chains: &[C]) -> Result<Diagnosis, DiagnosticError> {
    let shortest = chains.iter().map(|chain| chain.as_ref().len()).min().unwrap_or(0);
    let chains: Vec<&[f64]> = chains.iter().map(|chain| &chain.as_ref()[..shortest]).collect();
    let chains = Chains::new(&chains)?;
    let (halves, draws) = (chains.halves()?, chains.pooled());
    let scores = rank_normalize(&halves);
    let sd = variance(&draws).sqrt();
    Ok(Diagnosis {
        mean: mean(&draws),
        sd,
        rhat: rhat_of(&halves, &scores),
        ess_bulk: ess_of(&scores),
        ess_tail: ess_tail_of(&chains),
        mcse_mean: sd / ess_of(&halves).sqrt(),
    })
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, sd, rhat, ess_bulk, ess_tail, mcse_mean } = self;
        write!(
            f,
            "mean {mean:.4} ± {mcse_mean:.2e}, sd {sd:.4}, R-hat {rhat:.3}, ESS {ess_bulk:.0} (bulk), {ess_tail:.0} (tail)"
        )
    }
}

#[cfg(test)]
mod tests;
