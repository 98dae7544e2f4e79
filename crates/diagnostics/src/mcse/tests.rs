use apd_seed::Seed;

use super::*;
use crate::testing::ar1_chains;

/// The error is the deviation of the estimate over repetitions, by definition.
///
/// 400 repetitions of two chains of 500 draws with ρ = 0.7. Their deviation is itself known to 1/√800 = 3.5 %; the limit of 20 % is 4 of
/// these (α = 6·10⁻⁵ for each of the three) and 6 % for the bias of errors estimated from 176 effective draws.
#[test]
fn errors_are_the_deviation_of_repeated_estimates() {
    let repetitions: Vec<Vec<Vec<f64>>> =
        (0..400).map(|k| ar1_chains(Seed::root(1).child("mcse").index(k), 0.7, 2, 500)).collect();
    let upper_decile = |chains: &[Vec<f64>]| {
        let mut sorted = chains.concat();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[899]
    };
    type Estimate<'a> = &'a dyn Fn(&[Vec<f64>]) -> f64;
    let cases: [(&str, Estimate<'_>, Estimate<'_>); 3] = [
        ("mean", &|chains| mean(&chains.concat()), &|chains| mcse_mean(chains).unwrap()),
        ("sd", &|chains| variance(&chains.concat()).sqrt(), &|chains| mcse_sd(chains).unwrap()),
        ("quantile", &upper_decile, &|chains| mcse_quantile(chains, 0.9).unwrap()),
    ];
    for (what, estimate, error) in cases {
        let estimates: Vec<f64> = repetitions.iter().map(|chains| estimate(chains)).collect();
        let errors: Vec<f64> = repetitions.iter().map(|chains| error(chains)).collect();
        let ratio = mean(&errors) / variance(&estimates).sqrt();
        assert!((ratio - 1.0).abs() < 0.2, "{what}: the error is {ratio} of the deviation");
    }
    // Control: draws taken for independent.
    let naive = |chains: &Vec<Vec<f64>>| (variance(&chains.concat()) / 1000.0).sqrt();
    let estimates: Vec<f64> = repetitions.iter().map(|chains| mean(&chains.concat())).collect();
    let ratio = mean(&repetitions.iter().map(naive).collect::<Vec<_>>()) / variance(&estimates).sqrt();
    assert!((ratio - 1.0).abs() > 0.2, "{ratio}");
}

#[test]
fn errors_have_the_unit_of_the_draws() {
    let chains = ar1_chains(Seed::root(2).child("mcse"), 0.5, 2, 100);
    // A power of two, so that equality is exact; small, so that an absolute threshold anywhere would show.
    let unit = 2_f64.powi(-60);
    let tiny: Vec<Vec<f64>> = chains.iter().map(|chain| chain.iter().map(|x| x * unit).collect()).collect();
    assert_eq!(mcse_mean(&tiny).unwrap(), unit * mcse_mean(&chains).unwrap());
    assert_eq!(mcse_sd(&tiny).unwrap(), unit * mcse_sd(&chains).unwrap());
    assert_eq!(mcse_quantile(&tiny, 0.3).unwrap(), unit * mcse_quantile(&chains, 0.3).unwrap());
}

#[test]
fn a_coin_has_a_certain_deviation() {
    let coin = [1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0];
    assert_eq!(mcse_sd(&[coin]), Ok(0.0));
    assert!(mcse_mean(&[coin]).unwrap() > 0.0);
}

#[test]
fn extreme_quantiles_stay_among_the_draws() {
    let chains = ar1_chains(Seed::root(3).child("mcse"), 0.0, 1, 50);
    for q in [1e-9, 1.0 - 1e-9] {
        let error = mcse_quantile(&chains, q).unwrap();
        assert!(error.is_finite() && error >= 0.0);
    }
}

#[test]
#[should_panic(expected = "between 0 and 1")]
fn a_quantile_of_one_is_a_mistake() {
    let _ = mcse_quantile(&[[1.0, 2.0, 3.0, 4.0]], 1.0);
}

#[test]
fn an_overflow_is_no_certainty() {
    let chain = [1e200, -3e200, 2e200, 5e200, -1e200, 4e200, 0.0, 1e200];
    assert!(!mcse_sd(&[chain]).unwrap().is_finite());
}
