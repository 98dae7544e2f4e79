use super::{HamiltonianStatistics, Transition};

fn transition(energy: f64, depth: Option<u32>, divergent: bool) -> Transition {
    Transition { acceptance: 0.25 * energy, energy, leapfrogs: 3, depth, divergent }
}

#[test]
fn sums_are_those_of_the_draws() {
    let mut statistics = HamiltonianStatistics::default();
    assert_eq!((statistics.mean_acceptance(), statistics.e_bfmi()), (None, None));
    for (energy, depth, divergent) in [(1.0, 2, false), (4.0, 0, true), (2.0, 2, false), (1.0, 1, false)] {
        statistics.record(&transition(energy, Some(depth), divergent));
    }
    assert_eq!((statistics.draws(), statistics.divergences(), statistics.leapfrogs()), (4, 1, 12));
    assert_eq!(statistics.mean_acceptance(), Some(0.5));
    assert_eq!(statistics.depths(), [1, 1, 2]);
    // Changes 3, −2, −1: 14. Deviations from 2: 1 + 4 + 0 + 1.
    assert!((statistics.e_bfmi().unwrap() - 14.0 / 6.0).abs() < 1e-15);
    statistics.validate().unwrap();
}

#[test]
fn one_energy_says_nothing() {
    let mut statistics = HamiltonianStatistics::default();
    for _ in 0..3 {
        statistics.record(&transition(5.0, None, false));
        assert_eq!(statistics.e_bfmi(), None);
    }
    assert!(statistics.depths().is_empty());
}

/// Far from zero the running sums keep their digits.
#[test]
fn a_large_offset_does_not_matter() {
    let fraction = |offset: f64| {
        let mut statistics = HamiltonianStatistics::default();
        for i in 0..100 {
            statistics.record(&transition(offset + f64::from(i * i % 17), None, false));
        }
        statistics.e_bfmi().unwrap()
    };
    // At 10⁹ numbers are 1.2·10⁻⁷ apart, and the spread is about 5.
    assert!((fraction(1e9) / fraction(0.0) - 1.0).abs() < 1e-6);
}
