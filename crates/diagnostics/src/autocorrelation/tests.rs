use apd_seed::Seed;

use super::*;
use crate::testing::ar1;

#[test]
fn lanes_add_up_to_the_definition() {
    for n in [4, 7, 8, 9, 16, 37] {
        let x = ar1(Seed::root(1).child("autocorrelation"), 0.5, n);
        let mean = x.iter().sum::<f64>() / n as f64;
        let product = |lag: usize| (lag..n).map(|t| (x[t] - mean) * (x[t - lag] - mean)).sum::<f64>();
        let ours = autocorrelation(&x, usize::MAX).unwrap();
        assert_eq!(ours.len(), n);
        for (lag, rho) in ours.into_iter().enumerate() {
            assert!((rho - product(lag) / product(0)).abs() < 1e-14, "{n} draws, lag {lag}");
        }
    }
}

#[test]
fn a_known_process_has_its_correlation() {
    // Bartlett: the variance of ρ̂_t is at most (1 + ρ²)/(1 − ρ²)/n, here 2.1·10⁻⁵: 4 deviations are 0.019, α = 6·10⁻⁵ per lag.
    let rho = autocorrelation(&ar1(Seed::root(2).child("autocorrelation"), 0.6, 100_000), 20).unwrap();
    assert_eq!(rho[0], 1.0);
    for lag in 1..=20 {
        assert!((rho[lag] - 0.6_f64.powi(lag as i32)).abs() < 0.019, "lag {lag}: {}", rho[lag]);
    }
    // Control: the neighbor 0.65 would be distinguished.
    assert!((rho[1] - 0.65).abs() > 0.019);
}

#[test]
fn constant_and_short_chains_have_none() {
    assert_eq!(autocorrelation(&[2.0; 5], 1), Err(DiagnosticError::Constant { value: 2.0 }));
    assert!(matches!(autocorrelation(&[1.0, 2.0], 1), Err(DiagnosticError::TooFew { found: 2, .. })));
}
