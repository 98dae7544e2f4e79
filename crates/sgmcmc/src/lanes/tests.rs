use apd_seed::Seed;

use super::{are_finite, dot};

/// Every length up to three blocks: the sum by definition, of numbers whose sums are exact.
#[test]
fn sums_are_the_definition() {
    let mut z = [0.0; 2 * 25];
    Seed::root(3).normals().fill_f64(0, 0, &mut z);
    z.iter_mut().for_each(|z| *z = (*z * 64.0).round());
    let (a, b) = z.split_at(25);
    for length in 0..=25 {
        let expected: f64 = (0..length).map(|i| a[i] * b[i]).sum();
        assert_eq!(dot(&a[..length], &b[..length]), expected, "{length}");
    }
}

/// One number that is not finite is seen wherever it is, beside numbers of any size.
#[test]
fn every_place_is_looked_at() {
    for length in 0..=25 {
        let values = vec![f64::MAX; length];
        assert!(are_finite(&values), "{length}");
        for place in 0..length {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut values = values.clone();
                values[place] = bad;
                assert!(!are_finite(&values), "{bad} at {place} of {length}");
            }
        }
    }
}
