use super::*;

#[test]
fn one_line_says_it_all() {
    let diagnosis =
        Diagnosis { mean: 0.51239, sd: 0.25, rhat: 1.00449, ess_bulk: 812.4, ess_tail: 640.0, mcse_mean: 0.00877 };
    assert_eq!(diagnosis.to_string(), "mean 0.5124 ± 8.77e-3, sd 0.2500, R-hat 1.004, ESS 812 (bulk), 640 (tail)");
}

#[test]
fn moments_are_those_of_all_draws() {
    // Of an odd number, the middle draw counts here, although it is in no half.
    let diagnosis = diagnose(&[[0.0, 1.0, 10.0, 1.0, 0.0], [2.0, 1.0, 1.0, 2.0, 2.0]]).unwrap();
    assert_eq!(diagnosis.mean, 2.0);
    assert!((diagnosis.sd - (76.0_f64 / 9.0).sqrt()).abs() < 1e-15);
}

#[test]
fn it_fails_as_its_parts_do() {
    assert_eq!(diagnose(&[[1.0; 9]]), Err(DiagnosticError::Constant { value: 1.0 }));
    assert_eq!(diagnose::<Vec<f64>>(&[]), Err(DiagnosticError::Empty { what: "chains" }));
}

/// As many draws of each chain count as the shortest has.
#[test]
fn lengths_may_differ() {
    let [a, b] = [[3.0, 1.0, 4.0, 1.0, 5.0, 9.0], [2.0, 7.0, 1.0, 8.0, 2.0, 8.0]];
    assert_eq!(diagnose(&[&a[..], &b[..5]]), diagnose(&[&a[..5], &b[..5]]));
    let few = DiagnosticError::TooFew { what: "draws per chain", found: 3, needed: 4 };
    assert_eq!(diagnose(&[&a[..], &b[..3]]), Err(few));
}
