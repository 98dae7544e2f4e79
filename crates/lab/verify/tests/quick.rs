//! The quick half of the suite: every sampler passes, every negative control is rejected.
//!
//! `APD_VERIFY_ONLY` has texts, separated by commas: only families and samplers whose names contain one of them are asked then.

use apd_verify::{CHECKS, Expect, Half, Outcome, run, suite};

#[test]
fn quick_half() {
    let mut tests = suite(Half::Quick);
    if let Ok(only) = std::env::var("APD_VERIFY_ONLY") {
        let wanted = |name: &str| only.split(',').any(|text| name.to_lowercase().contains(&text.to_lowercase()));
        tests.retain(|test| wanted(test.family) || wanted(&test.sampler));
        assert!(!tests.is_empty(), "no family and no sampler is called {only}");
    }
    let outcomes = run(&tests, |_| {});
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
    for Outcome { family, sampler, case, trial, .. } in failed.iter().copied() {
        println!("failed: {family} · {sampler} · {case}: {:?}", trial.worst);
    }
    assert!(failed.is_empty(), "{} of {} tests did not come to what they must", failed.len(), outcomes.len());
    // The level of one check is ALPHA over the number of checks that correct samplers must pass.
    let checks: usize = outcomes.iter().filter(|o| o.expect == Expect::Accept).map(|o| o.trial.checks).sum();
    assert!((1..=CHECKS).contains(&checks), "{checks} checks; the level is for at most {CHECKS}");
}
