use apd_seed::Seed;

use super::*;

/// The variance of a window of n steps about its own mean, for the discretized process itself, by summing its n² covariances.
fn by_summation(temperature: f64, step_size: f64, n: usize, tau: f64) -> f64 {
    let rho = 1.0 - 0.5 * step_size * tau;
    let stationary = temperature * step_size / (1.0 - rho * rho);
    let pairs: f64 = (1..n).map(|lag| 2.0 * (n - lag) as f64 * rho.powi(lag as i32)).sum();
    stationary * (1.0 - (n as f64 + pairs) / (n as f64 * n as f64))
}

#[test]
fn the_prediction_is_the_sum_over_all_pairs_of_steps() {
    // From a hundredth of a relaxation time to a hundred of them; ε·τ/4 and 1/n are the discretization, 5·10⁻³ at most.
    let n = 20_000;
    for times in [0.01, 0.1, 0.9, 1.1, 10.0, 100.0] {
        let (temperature, tau) = (0.7, 3.0);
        let step_size = 2.0 * times / (tau * n as f64);
        let ours = predicted_spread(temperature, step_size, n as u64, tau).powi(2);
        let exact = by_summation(temperature, step_size, n, tau);
        assert!((ours / exact - 1.0).abs() < 5e-3, "{times} relaxation times: {ours} and {exact}");
    }
}

/// 4000 walks of 400 steps. A window's variance has 0.894 of its mean as deviation, so that their average is known to 1.4 %; the limit
/// is 4 of these (α = 6·10⁻⁵). The median's is 2 % or so; it is 0.713 of the mean (0.1189 and 1/6: the limit law of Cramér and von Mises).
#[test]
fn free_walks_spread_as_predicted() {
    let (steps, step_size, temperature) = (400, 1e-3_f64, 2.0_f64);
    let mut noise = vec![0.0; steps];
    let mut variances: Vec<f64> = (0..4000)
        .map(|coordinate| {
            Seed::root(1).child("walk").index(coordinate).normals().fill_f64(0, 0, &mut noise);
            let mut x = 0.0;
            let path: Vec<f64> = noise
                .iter()
                .map(|z| {
                    x += (temperature * step_size).sqrt() * z;
                    x
                })
                .collect();
            crate::chains::variance(&path)
        })
        .collect();
    let predicted = predicted_spread(temperature, step_size, steps as u64, 0.0).powi(2);
    let average = variances.iter().sum::<f64>() / 4000.0;
    assert!((average / predicted - 1.0).abs() < 0.056, "{average} and {predicted}");
    variances.sort_unstable_by(f64::total_cmp);
    assert!((variances[2000] / predicted - 0.713).abs() < 0.07, "{}", variances[2000] / predicted);
    // Control: the variance about the *start*, T·ε·steps/2, would be distinguished.
    assert!((average / (3.0 * predicted) - 1.0).abs() > 0.056);
}

#[test]
fn series_and_closed_form_meet() {
    let (below, above) = (share_of_walk(1.0 - 1e-15), share_of_walk(1.0));
    assert!((below / above - 1.0).abs() < 1e-14);
    assert_eq!(share_of_walk(0.0), 1.0 / 3.0);
    // (1 − 2(3 + e⁻⁴)/16)/4, by hand.
    assert!((share_of_walk(4.0) - (1.0 - (3.0 + (-4_f64).exp()) / 8.0) / 4.0).abs() < 1e-16);
}

#[test]
fn no_time_and_no_temperature_is_no_spread() {
    assert_eq!(predicted_spread(1.0, 1e-3, 0, 1.0), 0.0);
    assert_eq!(predicted_spread(0.0, 1e-3, 1000, 1.0), 0.0);
}

#[test]
#[should_panic(expected = "the temperature is a finite number")]
fn a_negative_temperature_is_a_mistake() {
    predicted_spread(-1.0, 1e-3, 1000, 1.0);
}

#[test]
fn facts_are_medians_and_shares() {
    let spread = Spread::of(&[0.5, 0.001, 0.25, 0.02], 0.5, Some(0.3)).unwrap();
    assert_eq!((spread.coordinates, spread.median, spread.small_share), (4, 0.135, 0.5)); // 0.001 and 0.02 are under 0.03
    assert_eq!(spread.median_to_prior(), 0.27);
    assert!((spread.median_to_predicted().unwrap() - 0.45).abs() < 1e-15);
    let spread = Spread::of(&[0.5, 0.001, 0.25], 0.5, None).unwrap();
    assert_eq!((spread.median, spread.small_share), (0.25, 1.0 / 3.0)); // 0.001 is under 0.005
}

#[test]
fn half_of_the_coordinates_decide() {
    let verdict = |deviations: &[f64], predicted| Spread::of(deviations, 1.0, predicted).unwrap().verdict();
    // Data-determined directions, even half of them, are no collapse.
    assert_eq!(verdict(&[1e-6, 1e-6, 0.8, 0.9], Some(0.9)), Verdict::Plausible);
    assert_eq!(verdict(&[1e-6, 1e-6, 1e-6, 0.9], Some(0.9)), Verdict::Collapsed);
    assert_eq!(verdict(&[0.0; 3], Some(0.9)), Verdict::Collapsed);
    // A chain that spreads as far as it could, which is not far.
    assert_eq!(verdict(&[0.02, 0.03, 0.04], Some(0.03)), Verdict::ShortChain);
    assert_eq!(verdict(&[2e-3, 2e-3, 4e-3], Some(0.03)), Verdict::Collapsed);
    // Without a prediction that cannot be told from a collapse, unless it is far beyond.
    assert_eq!(verdict(&[0.02, 0.03, 0.04], None), Verdict::Plausible);
    assert_eq!(verdict(&[2e-3, 2e-3, 4e-3], None), Verdict::Collapsed);
}

#[test]
fn the_sentence_is_for_people() {
    let say = |deviations: &[f64], predicted| Spread::of(deviations, 1.0, predicted).unwrap().to_string();
    assert_eq!(
        say(&[0.003, 0.003, 0.5], None),
        "the draws spread 0.3 % of the prior's deviation in the median (67 % of the coordinates under a hundredth of it): the noise \
         term may be missing, the temperature too low or the chain too short"
    );
    assert_eq!(
        say(&[0.003], Some(0.9)),
        "the draws spread 0.3 % of the prior's deviation in the median and 0.33 % of what a free coordinate would in this window (100 % \
         of the coordinates under a tenth of that): the noise term may be missing, the temperature lower than stated, or the data may \
         determine most coordinates"
    );
    assert_eq!(
        say(&[0.03], Some(0.04)),
        "the draws spread 3 % of the prior's deviation in the median and 75 % of what a free coordinate would in this window, which \
         itself is 4 % of the prior's: the chain is too short to leave its start"
    );
    assert_eq!(
        say(&[0.82], None),
        "the draws spread 82 % of the prior's deviation in the median: no sign of a collapse"
    );
}

#[test]
fn percentages_have_two_digits() {
    let shown = [0.0, 1.234e-7, 0.00303, 0.0456, 0.999, 12.34].map(|share| Percent(share).to_string());
    assert_eq!(shown, ["0 %", "0.000012 %", "0.3 %", "4.6 %", "100 %", "1234 %"]);
}

#[test]
fn deviations_that_are_none_are_refused() {
    let error = |deviations: &[f64], prior, predicted| Spread::of(deviations, prior, predicted).unwrap_err();
    assert_eq!(error(&[], 1.0, None), DiagnosticError::Empty { what: "coordinates" });
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            error(&[0.1, bad], 1.0, None),
            DiagnosticError::OutOfRange { what: "a coordinate's deviation", .. }
        ));
        assert!(matches!(error(&[0.1], bad, None), DiagnosticError::OutOfRange { what: "the prior's deviation", .. }));
        assert!(matches!(
            error(&[0.1], 1.0, Some(bad)),
            DiagnosticError::OutOfRange { what: "the predicted deviation", .. }
        ));
    }
    assert!(Spread::of(&[0.1], 1.0, Some(0.0)).is_err());
}
