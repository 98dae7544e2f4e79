//! The quick half of the suite: every sampler passes, every negative control is rejected.

use apd_verify::{CHECKS, Expect, Half, run, suite};

#[test]
fn quick_half() {
    let outcomes = run(&suite(Half::Quick), |_| {});
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // The level of one check is ALPHA over the number of checks that correct samplers must pass.
    let checks: usize = outcomes.iter().filter(|o| o.expect == Expect::Accept).map(|o| o.trial.checks).sum();
    assert!((1..=CHECKS).contains(&checks), "{checks} checks; the level is for at most {CHECKS}");
}
