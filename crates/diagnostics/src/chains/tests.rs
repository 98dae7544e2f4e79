use super::*;

#[test]
fn the_middle_of_an_odd_number_of_draws_is_left_out() {
    let chains = [[0.0, 1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0]];
    let split = Chains::new(&chains).unwrap().halves().unwrap();
    let halves: Vec<&[f64]> = split.sequences().collect();
    assert_eq!(halves, [&[0.0, 1.0][..], &[3.0, 4.0], &[5.0, 6.0], &[8.0, 9.0]]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = |chains: &[Vec<f64>]| Chains::new(chains).err().unwrap();
    assert_eq!(error(&[]), DiagnosticError::Empty { what: "chains" });
    assert_eq!(error(&[vec![1.0, 2.0, 3.0]]), DiagnosticError::TooFew { what: "draws per chain", found: 3, needed: 4 });
    assert_eq!(
        error(&[vec![1.0, 2.0, 3.0, 4.0], vec![1.0; 5]]),
        DiagnosticError::UnequalLengths { chain: 1, expected: 4, found: 5 }
    );
    let infinite = error(&[vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 2.0, f64::INFINITY, 4.0]]);
    assert_eq!(infinite, DiagnosticError::NotFinite { what: "chain", row: 1, index: 2, value: f64::INFINITY });
    assert!(error(&[vec![1.0, f64::NAN, 3.0, 4.0]]).to_string().contains("chain 0, value 1, is NaN"));
}

#[test]
fn constant_draws_are_told_apart_from_constant_chains() {
    let constant = Chains::new(&[[0.1; 7], [0.1; 7]]).unwrap().halves().err();
    assert_eq!(constant, Some(DiagnosticError::Constant { value: 0.1 }));
    assert!(Chains::new(&[[0.1; 7], [0.2; 7]]).unwrap().halves().is_ok());
    // The only draw that differs is the one left out.
    assert!(Chains::new(&[[0.0, 0.0, 1.0, 0.0, 0.0]]).unwrap().halves().is_err());
}

#[test]
fn variance_divides_by_one_less() {
    assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
    assert_eq!(variance(&[1.0, 2.0, 6.0]), 7.0);
}
