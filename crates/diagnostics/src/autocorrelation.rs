use crate::DiagnosticError;
use crate::chains::{Chains, mean};

/// Independent sums, so that the products below are added several at a time.
const LANES: usize = 8;

/// Autocorrelation of one chain at the lags 0, …, `max_lag`, or to the last lag there is.
///
/// ρ_t = Σ_i (x_i − x̄)(x_{i+t} − x̄) / Σ_i (x_i − x̄)²: the denominator is that of lag 0 at every lag, which shrinks the estimates of
/// long lags toward 0 and keeps the sequence positive definite. O(n·`max_lag`).
///
/// **Shapes**: min(`max_lag`, n − 1) + 1 values, the first one 1.
///
/// **Errors**: fewer than 4 draws, a draw that is not finite, all draws equal.
///
/// ```
/// let there_and_back = [1.0, -1.0, 1.0, -1.0];
/// assert_eq!(apd_diagnostics::autocorrelation(&there_and_back, 2)?, [1.0, -0.75, 0.5]);
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
pub fn autocorrelation(chain: &[f64], max_lag: usize) -> Result<Vec<f64>, DiagnosticError> {
    Chains::new(&[chain])?;
    if chain.iter().all(|&x| x == chain[0]) {
        return Err(DiagnosticError::Constant { value: chain[0] });
    }
    let centered = centered(chain);
    let square = lagged_product(&centered, 0);
    Ok((0..=max_lag.min(chain.len() - 1)).map(|lag| lagged_product(&centered, lag) / square).collect())
}

pub(crate) fn centered(values: &[f64]) -> Vec<f64> {
    let mean = mean(values);
    values.iter().map(|x| x - mean).collect()
}

/// Σ_i c_i·c_{i+lag}.
pub(crate) fn lagged_product(centered: &[f64], lag: usize) -> f64 {
    let (left, right) = (&centered[..centered.len() - lag], &centered[lag..]);
    let (left, right) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; LANES];
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests;
