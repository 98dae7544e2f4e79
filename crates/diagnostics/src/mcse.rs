use crate::DiagnosticError;
use crate::chains::{Chains, mean, variance};
use crate::ess::{ess_mean, ess_of, ess_quantile};
use crate::special::beta_quantile;

/// P(Z ≤ −1) and P(Z ≤ 1) of a standard normal: an interval of one standard error either way.
const ONE_DEVIATION: [f64; 2] = [0.1586553, 0.8413447];

/// Monte Carlo standard error of the mean of all draws: sd/√[`ess_mean`].
///
/// It says how far the average would move if the chains were run again with other random numbers: which digits of a predictive
/// probability, say, are worth printing.
///
/// **Units**: those of the draws.
///
/// **Errors**: no chains, fewer than 4 draws in a chain, unequal lengths, a draw that is not finite, all draws equal.
///
/// **Where it fails**: laws without a variance have no such error; use [`mcse_quantile`].
///
/// Reference: Vehtari et al. 2021, §3.2.
pub fn mcse_mean<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    let ess = ess_mean(chains)?;
    Ok((variance(&Chains::new(chains)?.pooled()) / ess).sqrt())
}

/// Monte Carlo standard error of the standard deviation of all draws.
///
/// c = (x − x̄)² has an effective size S_c of its own, Var(c̄) = (E c² − (E c)²)/S_c, and by the delta method the error of √c̄ is
/// √(Var(c̄)/(4·E c)). No law is assumed, but four finite moments are.
///
/// **Units**: those of the draws.
///
/// **Errors**: as [`mcse_mean`].
///
/// Reference: the definition of `mcse_sd` in the R package *posterior* and in ArviZ.
pub fn mcse_sd<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    let chains = Chains::new(chains)?;
    chains.halves()?;
    let draws = chains.pooled();
    let center = mean(&draws);
    let square = |x: f64| (x - center).powi(2);
    let second = mean(&draws.iter().map(|&x| square(x)).collect::<Vec<_>>());
    let fourth = mean(&draws.iter().map(|&x| square(x).powi(2)).collect::<Vec<_>>());
    // Not negative, but for rounding where all draws are as far from their mean.
    let excess = fourth - second.powi(2);
    let variance = if excess < 0.0 { 0.0 } else { excess } / ess_of(&chains.halves_of(square));
    Ok((variance / second / 4.0).sqrt())
}

/// Monte Carlo standard error of the `q` quantile of all draws, by order statistics.
///
/// The probability below the estimated quantile is Beta(S_q·q + 1, S_q·(1 − q) + 1), with S_q the effective size of the
/// indicators 1(x ≤ quantile); half the distance of the draws at its 15.87 % and 84.13 % points is the error. No density is estimated,
/// and no moments are needed.
///
/// **Units**: those of the draws.
///
/// **Errors**: as [`mcse_mean`]. **Panics** if `q` is not strictly between 0 and 1.
///
/// Reference: Vehtari et al. 2021, §4.4.
#[track_caller]
pub fn mcse_quantile<C: AsRef<[f64]>>(chains: &[C], q: f64) -> Result<f64, DiagnosticError> {
    assert!(q > 0.0 && q < 1.0, "a quantile's probability is between 0 and 1, not {q}");
    let chains = Chains::new(chains)?;
    chains.halves()?;
    let mut sorted = chains.pooled();
    sorted.sort_unstable_by(f64::total_cmp);
    let (ess, size) = (ess_quantile(&chains, &sorted, q), sorted.len() as f64);
    let position = |p| beta_quantile(p, ess * q + 1.0, ess * (1.0 - q) + 1.0) * size - 1.0;
    let low = sorted[position(ONE_DEVIATION[0]).max(0.0).floor() as usize];
    let high = sorted[position(ONE_DEVIATION[1]).min(size - 1.0).ceil() as usize];
    Ok((high - low) / 2.0)
}

#[cfg(test)]
mod tests;
