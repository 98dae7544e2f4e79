use super::*;

/// ∫ of the density up to y by the trapezoidal rule, which is exact to rounding for smooth functions that vanish at both ends.
fn by_quadrature(family: &dyn Family, location: f64, scale: f64, y: f64) -> f64 {
    let (low, steps) = (location - 60.0 * scale, 400_000);
    let step = (y - low) / f64::from(steps);
    let density = |i: u32| family.ln_density(location, scale, low + step * f64::from(i)).exp();
    step * ((1..steps).map(density).sum::<f64>() + 0.5 * (density(0) + density(steps)))
}

#[test]
fn distribution_functions_are_the_integrals_of_densities() {
    let contaminated = ContaminatedNormal { share: 0.1, width: 4.0 };
    let families: [&dyn Family; 3] = [&Normal, &StudentT { dof: 12.0 }, &contaminated];
    for family in families {
        for y in [-2.0, 0.4, 1.0, 3.7] {
            let (found, expected) = (family.cdf(1.0, 0.6, y), by_quadrature(family, 1.0, 0.6, y));
            assert!((found - expected).abs() < 1e-8, "{family:?} at {y}: {found}, {expected}");
        }
    }
    let sum: f64 = (0..=4).map(|k| Poisson.ln_density(3.2, 0.0, f64::from(k)).exp()).sum();
    assert!((Poisson.cdf(3.2, 0.0, 4.7) - sum).abs() < 1e-13);
}

#[test]
fn merged_laws_have_the_mean_and_the_variance_of_two() {
    for family in [&Normal as &dyn Family, &StudentT { dof: 5.0 }, &ContaminatedNormal { share: 0.1, width: 4.0 }] {
        let two = [(1.0, 0.5), (1.6, 0.9)];
        let (location, scale) = family.merge(two);
        let within = two.iter().map(|&(location, scale)| family.variance(location, scale)).sum::<f64>() / 2.0;
        assert_eq!(location, 1.3);
        assert!((family.variance(location, scale) - (within + 0.09)).abs() < 1e-12);
    }
    assert_eq!(Poisson.merge([(2.0, 0.0), (3.0, 0.0)]).0, 2.5);
}

#[test]
fn edges() {
    assert_eq!(Normal.cdf(2.0, 0.0, 2.0), 0.5);
    assert_eq!((Normal.cdf(2.0, 0.0, 1.9), Normal.cdf(2.0, 0.0, 2.1)), (0.0, 1.0));
    assert_eq!((Poisson.cdf(0.0, 0.0, -0.5), Poisson.cdf(0.0, 0.0, 0.0)), (0.0, 1.0));
    assert_eq!(Poisson.ln_density(0.0, 0.0, 0.0), 0.0);
    assert_eq!(Poisson.ln_density(4.0, 0.0, 0.5), f64::NEG_INFINITY);
    assert!(StudentT { dof: 3.0 }.cdf(f64::NAN, 1.0, 0.0).is_nan());
    assert_eq!(StudentT { dof: 2.0 }.variance(0.0, 1.0), f64::INFINITY);
    let none = ContaminatedNormal { share: 0.0, width: 4.0 };
    assert_eq!(none.ln_density(1.0, 2.0, 5.0), Normal.ln_density(1.0, 2.0, 5.0));
    assert_eq!(none.ln_density(0.0, 1.0, f64::INFINITY), f64::NEG_INFINITY);
    assert!(none.ln_density(0.0, 1.0, f64::NAN).is_nan());
}
