//! Ranks: what R-hat and the effective sample size see instead of the draws, so that heavy tails do no harm.

use crate::DiagnosticError;
use crate::chains::{Chains, Split};
use crate::special::normal_quantile;

/// Ranks 1, …, n from small to large; equal values share the average of their ranks.
pub(crate) fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // By `==`, not by the total order: −0 and +0 are one value, and neighbors.
    for ties in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (ties.len() + 1) as f64 / 2.0;
        for &i in ties {
            ranks[i] = rank;
        }
        first += ties.len();
    }
    ranks
}

/// z = Φ⁻¹((r − 3/8)/(S + 1/4)) of the ranks r among all S values.
///
/// Reference: Vehtari et al. 2021, §4.1; the constants are those of Blom, *Statistical Estimates and Transformed Beta-Variables*, 1958.
pub(crate) fn rank_normalize(split: &Split) -> Split {
    let size = split.values.len() as f64;
    let z = |rank: f64| normal_quantile((rank - 0.375) / (size + 0.25));
    Split { values: average_ranks(&split.values).into_iter().map(z).collect(), n: split.n }
}

/// Counts of each chain's ranks among all draws, in `bins` equal bins: what a rank plot draws.
///
/// If all chains sample one law, every row is uniform up to noise: about n/`bins` in each bin. A chain that sits too high leans to
/// the right; one that is too narrow makes a hill, too wide a bowl; one that is stuck, a spike.
///
/// **Shapes**: one row of `bins` counts per chain, each summing to the chain's n draws. Equal draws share one rank, and one bin.
///
/// **Errors**: chains without draws, of unequal or too small length, or with a draw that is not finite.
/// **Panics** if `bins` is 0.
///
/// ```
/// let up = [0.1, 0.2, 0.3, 0.4];
/// let down = [-0.1, -0.2, -0.3, -0.4];
/// assert_eq!(apd_diagnostics::rank_histogram(&[up, down], 2)?, [[0, 4], [4, 0]]);
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
///
/// Reference: Vehtari et al. 2021, who recommend it in place of trace plots.
#[track_caller]
pub fn rank_histogram<C: AsRef<[f64]>>(chains: &[C], bins: usize) -> Result<Vec<Vec<u64>>, DiagnosticError> {
    assert!(bins > 0, "a histogram needs at least one bin");
    let chains = Chains::new(chains)?;
    let ranks = average_ranks(&chains.pooled());
    let size = ranks.len() as f64;
    let histogram = |ranks: &[f64]| {
        let mut counts = vec![0; bins];
        for rank in ranks {
            // The middle of the rank's own 1/S: the bins are filled evenly wherever `bins` divides S.
            counts[((rank - 0.5) / size * bins as f64) as usize] += 1;
        }
        counts
    };
    Ok(ranks.chunks_exact(chains.length()).map(histogram).collect())
}

#[cfg(test)]
mod tests;
