use super::{HamiltonianConfig, HamiltonianStatistics, Trajectory, Transition};
use crate::Warning;

fn transition(energy: f64, depth: Option<u32>, divergent: bool) -> Transition {
    Transition { acceptance: 0.25 * energy, energy, leapfrogs: 3, depth, moved: true, divergent, wall: false }
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

/// One fault at a time in a hundred draws that are otherwise well; walls are none.
#[test]
fn warnings_state_the_facts() {
    let trajectory = Trajectory::Nuts { max_depth: 3 };
    let config = HamiltonianConfig { trajectory, ..HamiltonianConfig::nuts(0, 100) };
    let warnings = |spoil: fn(u64, &mut Transition)| {
        let mut statistics = HamiltonianStatistics::default();
        for i in 0..100 {
            let energy = (i % 2) as f64;
            let (leapfrogs, depth, wall) = (3, Some(2), i % 9 == 0);
            let mut draw =
                Transition { acceptance: 0.8, energy, leapfrogs, depth, moved: true, divergent: false, wall };
            spoil(i, &mut draw);
            statistics.record(&draw);
        }
        assert_eq!(statistics.walls(), 12);
        statistics.warnings(&config)
    };
    assert_eq!(warnings(|_, _| ()), []);
    assert_eq!(warnings(|_, draw| draw.moved = false), [Warning::Stuck { draws: 100 }]);
    assert_eq!(warnings(|i, draw| draw.moved = i == 7), []);
    assert_eq!(warnings(|i, draw| draw.divergent = i < 3), [Warning::Divergences { count: 3, draws: 100 }]);
    assert_eq!(warnings(|_, draw| draw.acceptance = 0.5), [Warning::Acceptance { mean: 0.5, target: 0.8 }]);
    assert_eq!(warnings(|_, draw| draw.acceptance = 0.625), []);
    let at_most = Warning::Depth { count: 1, draws: 100, depth: 3 };
    assert_eq!(warnings(|i, draw| draw.depth = Some(if i == 5 { 3 } else { 2 })), [at_most]);
    // Changes of 1 against deviations of up to 50: 99/(100³/12).
    let slow = warnings(|i, draw| draw.energy = i as f64);
    assert!(matches!(slow[..], [Warning::Energy { e_bfmi }] if (e_bfmi / 1.188e-3 - 1.0).abs() < 1e-3), "{slow:?}");
    assert_eq!(slow[0].to_string().find("E-BFMI is 0.00, below 0.3"), Some(0));
    let (hmc, none) = (Trajectory::Hmc { length: 1.0, jitter: 0.1, max_steps: 9 }, HamiltonianStatistics::default());
    assert_eq!(none.warnings(&HamiltonianConfig { trajectory: hmc, ..config }), []);
}
