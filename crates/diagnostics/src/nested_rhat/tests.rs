use apd_seed::Seed;

use super::*;
use crate::testing::ar1_chains;

/// By hand: superchains {1, 3 | 2, 6} and {5, 5 | 7, 11} have the chain means 2, 4 and 5, 9.
#[test]
fn it_is_what_the_definition_says() {
    let chains = [[1.0, 3.0], [2.0, 6.0], [5.0, 5.0], [7.0, 11.0]];
    // Superchain means 3 and 7: B = 8. Within: Var(2, 4) + (2 + 8)/2 = 7 and Var(5, 9) + (0 + 8)/2 = 12: W = 9.5.
    let expected = (1.0_f64 + 8.0 / 9.5).sqrt();
    assert!((nested_rhat(&chains, 2).unwrap() - expected).abs() < 1e-15);
    // One chain each: B of 2, 4, 5, 9 is 26/3, W the mean of 2, 8, 0, 8.
    let expected = (1.0_f64 + 26.0 / 3.0 / 4.5).sqrt();
    assert!((nested_rhat(&chains, 1).unwrap() - expected).abs() < 1e-15);
}

/// Of independent draws B is σ²/(M·N) in the mean, with a relative deviation of √(2/(K − 1)) = 0.25 for 33 superchains: nR̂² − 1 is within
/// four of them.
#[test]
fn independent_draws_give_what_they_should_and_a_start_that_is_remembered_does_not() {
    for (each, draws) in [(8_usize, 1_usize), (4, 4), (1, 16)] {
        let mut chains = ar1_chains(Seed::root(4).child("nested"), 0.0, 33 * each as u64, draws);
        // W is σ² of the draws and, where there are several chains, σ²/N of their means; of single draws σ² of the means alone.
        let within = f64::from(u8::from(draws > 1)) + if each > 1 { 1.0 / draws as f64 } else { 0.0 };
        let expected = 1.0 / (within * (each * draws) as f64);
        let excess = nested_rhat(&chains, each).unwrap().powi(2) - 1.0;
        assert!((excess / expected - 1.0).abs() < 1.0, "{each} chains of {draws}: {excess} beside {expected}");
        for (i, chain) in chains.iter_mut().enumerate() {
            chain.iter_mut().for_each(|x| *x += (i / each % 2) as f64);
        }
        assert!(nested_rhat(&chains, each).unwrap() > 1.05, "{each} chains of {draws}");
    }
}

#[test]
fn chains_that_say_nothing_are_refused_and_those_that_stay_are_far_apart() {
    let one = [[1.0, 2.0]; 3];
    for each in [0, 2, 3] {
        assert!(matches!(nested_rhat(&one, each), Err(DiagnosticError::TooFew { .. })), "{each}");
    }
    assert!(matches!(nested_rhat(&[vec![1.0], vec![]], 1), Err(DiagnosticError::UnequalLengths { chain: 1, .. })));
    assert!(matches!(nested_rhat(&[[]; 2], 1), Err(DiagnosticError::TooFew { .. })));
    assert!(matches!(nested_rhat(&[[1.0], [f64::NAN]], 1), Err(DiagnosticError::NotFinite { row: 1, .. })));
    assert_eq!(nested_rhat(&[[0.1; 3]; 4], 2), Err(DiagnosticError::Constant { value: 0.1 }));
    assert_eq!(nested_rhat(&[[0.1; 3], [0.1; 3], [0.3; 3], [0.3; 3]], 2), Ok(f64::INFINITY));
}
