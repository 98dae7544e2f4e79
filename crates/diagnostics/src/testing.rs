//! Chains whose autocorrelation is known.

use apd_seed::Seed;

/// n draws of x ← ρ·x + √(1 − ρ²)·z, stationary from the first: mean 0, variance 1, correlation ρᵗ at lag t.
pub(crate) fn ar1(seed: Seed, rho: f64, n: usize) -> Vec<f64> {
    let mut x = vec![0.0; n];
    seed.normals().fill_f64(0, 0, &mut x);
    for t in 1..n {
        x[t] = rho * x[t - 1] + (1.0 - rho * rho).sqrt() * x[t];
    }
    x
}

/// Independent chains of `seed`.
pub(crate) fn ar1_chains(seed: Seed, rho: f64, chains: u64, n: usize) -> Vec<Vec<f64>> {
    (0..chains).map(|chain| ar1(seed.index(chain), rho, n)).collect()
}
