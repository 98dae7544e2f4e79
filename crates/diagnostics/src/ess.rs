use crate::DiagnosticError;
use crate::autocorrelation::{centered, lagged_product};
use crate::chains::{Chains, Split, mean, variance};
use crate::rank::rank_normalize;

/// Effective sample size of the bulk: how many independent draws would place the middle of the law as well as these do.
///
/// S/τ̂ of the rank-normalized halves of the chains, S draws in all, where τ̂ = 1 + 2·Σ_t ρ̂_t is the autocorrelation time; see
/// [`ess_mean`] for ρ̂. It exists for heavy tails too, where a mean does not. Antithetic chains have more than S; the ratio is capped at
/// log₁₀ S. Vehtari et al. ask for at least 100 per chain before R̂ and itself are to be relied upon.
///
/// **Units**: draws.
///
/// **Errors**: no chains, fewer than 4 draws in a chain, unequal lengths, a draw that is not finite, all draws equal.
///
/// **Where it fails**: a chain that has not found another mode has a fine effective size. Under about ten draws per chain there are
/// too few lags, and the cap is returned.
///
/// O(S·τ̂) after sorting: lags are summed until they are noise.
///
/// Reference: Vehtari et al. 2021, §4.1.
pub fn ess_bulk<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    Ok(ess_of(&rank_normalize(&Chains::new(chains)?.halves()?)))
}

/// Effective sample size of the tails: the smaller one of those of the 5 % and the 95 % quantile.
///
/// The size of a quantile q is that of the indicators 1(x ≤ q). If the quantile is an atom at the upper end, so that all
/// indicators are 1, nothing is uncertain about it, and its size counts as S.
///
/// **Units**: draws.
///
/// **Errors**: as [`ess_bulk`].
///
/// Reference: Vehtari et al. 2021, §4.3.
pub fn ess_tail<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    let chains = Chains::new(chains)?;
    chains.halves()?;
    Ok(ess_tail_of(&chains))
}

pub(crate) fn ess_tail_of(chains: &Chains<'_>) -> f64 {
    let mut sorted = chains.pooled();
    sorted.sort_unstable_by(f64::total_cmp);
    ess_quantile(chains, &sorted, 0.05).min(ess_quantile(chains, &sorted, 0.95))
}

/// Effective sample size of the mean: as [`ess_bulk`] without ranks, so the draws need a finite variance.
///
/// W is the mean of the M split chains' variances and B/n the variance of their means:
///
/// ρ̂_t = 1 − (W − mean of their autocovariances at lag t)/v̂, v̂ = W·(n − 1)/n + B/n,
///
/// summed in pairs ρ̂_{2k} + ρ̂_{2k+1} as long as these are positive, each no larger than the one before (Geyer's initial monotone
/// sequence). Chains that disagree have large v̂ and with it large ρ̂: the size is small although each chain alone looks well mixed.
///
/// **Units**: draws.
///
/// **Errors**: as [`ess_bulk`].
///
/// Reference: Vehtari et al. 2021, §3.2; Geyer, *Practical Markov chain Monte Carlo*, Statistical Science 7(4), 1992, §3.3.
pub fn ess_mean<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    Ok(ess_of(&Chains::new(chains)?.halves()?))
}

/// Effective size of the `q` quantile's estimate, that of the indicators of what is not above it; `sorted` are all draws.
pub(crate) fn ess_quantile(chains: &Chains<'_>, sorted: &[f64], q: f64) -> f64 {
    let quantile = quantile(sorted, q);
    ess_of(&chains.halves_of(|x| if x <= quantile { 1.0 } else { 0.0 }))
}

/// The `q` quantile of sorted values, interpolated between the two nearest (type 7 of Hyndman & Fan).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let n = sorted.len();
    let position = n as f64 * q + (1.0 - q);
    let below = (position.floor() as usize).clamp(1, n - 1);
    let share = (position - below as f64).clamp(0.0, 1.0);
    // In this form equal neighbors give exactly their value, which `x <= quantile` relies upon.
    sorted[below - 1] + share * (sorted[below] - sorted[below - 1])
}

/// S/τ̂ of the sequences as they are.
pub(crate) fn ess_of(split: &Split) -> f64 {
    let size = split.values.len() as f64;
    if split.is_constant() {
        return size;
    }
    let n = split.n as f64;
    let split = &split.rescaled();
    let centered: Vec<Vec<f64>> = split.sequences().map(centered).collect();
    let autocovariance = |lag: usize| {
        let sum: f64 = centered.iter().map(|c| lagged_product(c, lag)).sum();
        sum / (n * centered.len() as f64)
    };
    let within = autocovariance(0) * n / (n - 1.0);
    let means: Vec<f64> = split.sequences().map(mean).collect();
    let total = autocovariance(0) + variance(&means);
    let correlation = |lag: usize| 1.0 - (within - autocovariance(lag)) / total;

    // Geyer: pairs of neighboring lags, while their sum is positive, and never larger than a pair before.
    let (mut sum, mut lowest) = (0.0, f64::INFINITY);
    let mut even = 1.0;
    let mut pair = even + correlation(1);
    let mut lag = 2;
    while pair > 0.0 && lag + 2 < split.n {
        lowest = pair.min(lowest);
        sum += lowest;
        even = correlation(lag);
        pair = even + correlation(lag + 1);
        lag += 2;
    }
    // The first lag of the pair that ended the sum still belongs to it, once; it matters for antithetic chains.
    let last = if pair < 0.0 { even.max(0.0) } else { even };
    let (time, shortest) = (-1.0 + 2.0 * sum + last, 1.0 / size.log10());
    size / if time < shortest { shortest } else { time }
}

#[cfg(test)]
mod tests;
