use std::f64::consts::{LN_2, PI};

use super::polygamma;

const EULER: f64 = 0.577_215_664_901_532_9;
/// ζ(3).
const APERY: f64 = 1.202_056_903_159_594_3;

#[test]
fn values_in_closed_form() {
    let cases = [
        (0, 1.0, -EULER),
        (0, 0.5, -EULER - 2.0 * LN_2),
        (0, 0.25, -EULER - PI / 2.0 - 3.0 * LN_2),
        (1, 1.0, PI.powi(2) / 6.0),
        (1, 0.5, PI.powi(2) / 2.0),
        (2, 1.0, -2.0 * APERY),
        (2, 0.5, -14.0 * APERY),
        (3, 1.0, PI.powi(4) / 15.0),
        (3, 0.5, PI.powi(4)),
        (5, 1.0, 8.0 * PI.powi(6) / 63.0),
    ];
    for (n, x, expected) in cases {
        let found = polygamma(n, x);
        assert!((found / expected - 1.0).abs() < 1e-14, "ψ⁽{n}⁾({x}) = {expected}, not {found}");
    }
}

/// ψ⁽ⁿ⁾(x) − ψ⁽ⁿ⁾(x + 1) = −(−1)ⁿ n! / xⁿ⁺¹, across the place where the series takes over.
#[test]
fn recurrence() {
    for n in 0..6_u32 {
        let factorial: f64 = (1..=n).map(f64::from).product();
        for x in (1..300).map(|i| 0.1 * f64::from(i)) {
            let (here, next) = (polygamma(n, x), polygamma(n, x + 1.0));
            let step = -(-1.0_f64).powi(n as i32) * factorial / x.powi(n as i32 + 1);
            assert!((here - next - step).abs() < 1e-14 * (1.0 + here.abs()), "n = {n}, x = {x}");
        }
    }
}

#[test]
fn edges() {
    assert_eq!((polygamma(0, 0.0), polygamma(1, 0.0)), (f64::NEG_INFINITY, f64::INFINITY));
    assert_eq!((polygamma(0, f64::INFINITY), polygamma(1, f64::INFINITY)), (f64::INFINITY, 0.0));
    assert!(polygamma(0, -0.5).is_nan() && polygamma(1, f64::NAN).is_nan());
    assert!((polygamma(0, 1e300) / 1e300_f64.ln() - 1.0).abs() < 1e-14);
}
