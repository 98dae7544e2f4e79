use crate::DiagnosticError;
use crate::chains::{Chains, Split, mean, variance};
use crate::rank::rank_normalize;
use crate::summary::median;

/// Rank-normalized split-R̂: how much wider all chains together are than each half of one; 1 is what one wants.
///
/// Every chain is split in half, all draws are replaced by the normal scores of their ranks, and then
///
/// R̂ = √((B/W + n − 1)/n),
///
/// with n draws in a half, W the mean of the halves' variances and B = n times the variance of their means. The larger of two values is
/// returned: of the draws (*bulk*: do the chains agree on the location?) and of |draw − median| (*folded*: on the scale?). Values
/// over 1.01 are a reason not to use the draws. One chain will do: its two halves are compared.
///
/// +∞ if every half is constant and they differ: chains that have not moved.
///
/// **Units**: none. Invariant under x ↦ a + b·x; its bulk part under every monotone transformation, logarithms say.
///
/// **Errors**: no chains, fewer than 4 draws in a chain, unequal lengths, a draw that is not finite, all draws equal.
///
/// **Where it fails**: R̂ near 1 proves nothing about places that no chain has seen. For the weights of a neural network see
/// [the crate's page](crate#functions-not-weights).
///
/// ```
/// use apd_seed::Seed;
/// let mut chains = [[0.0; 500]; 4];
/// for (i, chain) in chains.iter_mut().enumerate() {
///     Seed::root(1).child("chain").index(i as u64).normals().fill_f64(0, 0, chain);
/// }
/// assert!(apd_diagnostics::rhat(&chains)? < 1.01);
/// chains[0].iter_mut().for_each(|x| *x += 1.0);
/// assert!(apd_diagnostics::rhat(&chains)? > 1.05);
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
///
/// Reference: Vehtari, Gelman, Simpson, Carpenter & Bürkner, *Rank-normalization, folding, and localization: an improved R̂ for
/// assessing convergence of MCMC*, Bayesian Analysis 16(2), 2021, eq. 1–4, §4.1 and §4.2.
pub fn rhat<C: AsRef<[f64]>>(chains: &[C]) -> Result<f64, DiagnosticError> {
    let halves = Chains::new(chains)?.halves()?;
    Ok(rhat_of(&halves, &rank_normalize(&halves)))
}

/// R̂ of the halves, of which `scores` are the normal scores.
pub(crate) fn rhat_of(halves: &Split, scores: &Split) -> f64 {
    let bulk = ratio(scores);
    let middle = median(halves.values.iter().copied()).expect("a half has two draws");
    let folded = Split { values: halves.values.iter().map(|x| (x - middle).abs()).collect(), n: halves.n };
    // Two values of equal weight: their distances from the median say nothing.
    if folded.is_constant() { bulk } else { bulk.max(ratio(&rank_normalize(&folded))) }
}

/// √((B/W + n − 1)/n).
fn ratio(split: &Split) -> f64 {
    let n = split.n as f64;
    let means: Vec<f64> = split.sequences().map(mean).collect();
    let within = mean(&split.sequences().map(variance).collect::<Vec<_>>());
    ((n * variance(&means) / within + n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests;
