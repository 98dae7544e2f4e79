use crate::DiagnosticError;
use crate::chains::{mean, variance};

/// Nested R̂: whether many short chains have forgotten where they started; 1 is what one wants.
///
/// The chains come in superchains, `each` of them from one start, one superchain after the other. With the N draws of chain m of superchain k,
///
/// nR̂ = √(1 + B/W), B = Var_k(θ̄ₖ), W = mean_k(Var_m(θ̄ₘₖ) + mean_m(Var_n(θₙₘₖ))),
///
/// where a variance over a single chain, or a single draw, is 0. Chains of which each has a few draws will do, as R̂ does not: it asks each chain to
/// have seen everything, nR̂ asks all chains of a start together. Stationary and independent draws give about √(1 + 1/(N·each)), which is
/// what a limit has to be beside.
///
/// +∞ if no superchain varies and they differ: chains that have not moved.
///
/// **Units**: none. Invariant under x ↦ a + b·x.
///
/// **Errors**: fewer than two superchains; chains that are no whole number of superchains; no draws, unequal lengths, a draw that is not finite,
/// all draws equal.
///
/// **Where it fails**: chains of one start have to be independent given it. With one chain each and one draw there is nothing to compare with.
///
/// ```
/// use apd_seed::Seed;
/// // 64 chains of a single draw, 16 from each of four starts.
/// let mut draws = [0.0; 64];
/// Seed::root(1).normals().fill_f64(0, 0, &mut draws);
/// let chains = draws.map(|x| [x]);
/// assert!(apd_diagnostics::nested_rhat(&chains, 16)? < 1.1);
/// let start = |i: usize| (i / 16) as f64;
/// let held: Vec<[f64; 1]> = (0..64).map(|i| [draws[i] + start(i)]).collect();
/// assert!(apd_diagnostics::nested_rhat(&held, 16)? > 1.3);
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
///
/// Reference: Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari & Gelman, *Nested R̂: assessing the convergence of Markov chain Monte
/// Carlo when running many short chains*, Bayesian Analysis, 2024, definition 1.
pub fn nested_rhat<C: AsRef<[f64]>>(chains: &[C], each: usize) -> Result<f64, DiagnosticError> {
    let chains: Vec<&[f64]> = chains.iter().map(AsRef::as_ref).collect();
    let superchains = chains.len() / each.max(1);
    if each == 0 || !chains.len().is_multiple_of(each) || superchains < 2 {
        return Err(DiagnosticError::TooFew { what: "whole superchains", found: superchains, needed: 2 });
    }
    let expected = chains[0].len();
    for (chain, draws) in chains.iter().enumerate() {
        if draws.len() != expected {
            return Err(DiagnosticError::UnequalLengths { chain, expected, found: draws.len() });
        }
        if let Some(index) = draws.iter().position(|x| !x.is_finite()) {
            return Err(DiagnosticError::NotFinite { what: "chain", row: chain, index, value: draws[index] });
        }
    }
    let Some(&value) = chains[0].first() else {
        return Err(DiagnosticError::TooFew { what: "draws per chain", found: 0, needed: 1 });
    };
    // Exactly: the mean of equal numbers may be off by a rounding error, and a ratio of such errors is no diagnostic.
    if chains.iter().all(|draws| draws.iter().all(|&x| x == value)) {
        return Err(DiagnosticError::Constant { value });
    }
    let (mut means, mut within) = (Vec::new(), Vec::new());
    for superchain in chains.chunks_exact(each) {
        let of_chains: Vec<f64> = superchain.iter().map(|draws| mean(draws)).collect();
        let of_draws: Vec<f64> = superchain.iter().map(|draws| spread(draws)).collect();
        within.push(spread(&of_chains) + mean(&of_draws));
        means.push(mean(&of_chains));
    }
    Ok((1.0 + variance(&means) / mean(&within)).sqrt())
}

/// The variance, 0 of one value and of equal ones.
fn spread(values: &[f64]) -> f64 {
    if values.iter().all(|&x| x == values[0]) { 0.0 } else { variance(values) }
}

#[cfg(test)]
mod tests;
