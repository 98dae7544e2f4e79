use super::*;

/// Independent points of N(mean, sd²·I).
fn cloud(n: usize, d: usize, mean: f32, sd: f32, seed: u64) -> Array2<f32> {
    let mut points = Array2::zeros((n, d));
    Seed::root(seed).normals().fill(0, 0, points.as_slice_mut().unwrap());
    points * sd + mean
}

#[test]
fn equal_laws_have_equal_moments_and_others_do_not() {
    let reference = cloud(400, 3000, 5.0, 0.1, 1);
    let same = moments(cloud(400, 3000, 5.0, 0.1, 2).view(), reference.view());
    // √(1/400 + 1/400); a variance of 400 has a relative deviation of √(2/399), a ratio of two √2 times that: 0.1.
    assert!((same.mean_error - 0.0707).abs() < 0.005, "{same:?}");
    assert!((same.variance_ratio - 1.0).abs() < 0.01, "{same:?}");
    let [low, middle, high] = same.variance_ratios;
    assert!((0.82..0.88).contains(&low) && (middle - 1.0).abs() < 0.02 && (1.14..1.21).contains(&high), "{same:?}");
    let other = moments(cloud(400, 3000, 5.05, 0.2, 2).view(), reference.view());
    assert!((other.mean_error - 0.5).abs() < 0.05 && (other.variance_ratio - 4.0).abs() < 0.1, "{other:?}");
}

#[test]
fn the_wasserstein_distance_is_that_of_quantiles() {
    assert_eq!(wasserstein(&[0.0, 1.0], &[0.0, 1.0]), 0.0);
    assert_eq!(wasserstein(&[0.0, 1.0], &[2.0, 3.0]), 2.0);
    // Half of the mass goes from 0 to 1, and half stays.
    assert!((wasserstein(&[0.0], &[0.0, 1.0]) - 0.5).abs() < 1e-12);
    let (a, b) = ([0.0, 1.0, 5.0], [0.5, 4.0]);
    // Thirds 0, 1, 5 against halves 0.5, 4.
    let expected = (0.5 + 0.5 / 2.0 + 3.0 / 2.0 + 1.0) / 3.0;
    assert!((wasserstein(&a, &b) - expected).abs() < 1e-12, "{}", wasserstein(&a, &b));
}

#[test]
fn slices_tell_a_shift_in_units_of_the_deviation() {
    let reference = cloud(500, 400, 0.0, 0.1, 1);
    let same = sliced_wasserstein(cloud(500, 400, 0.0, 0.1, 2).view(), reference.view(), Seed::root(9));
    let narrow = sliced_wasserstein(cloud(500, 400, 0.0, 0.05, 2).view(), reference.view(), Seed::root(9));
    // Of N(0, σ²) and N(0, σ²/4): E|σZ/2| = 0.399 σ.
    assert!(same < 0.1 && (narrow - 0.399).abs() < 0.05, "{same} {narrow}");
}

#[test]
fn distances_are_those_of_the_definition() {
    let (points, bank) = (cloud(7, TILE + 300, 3.0, 0.1, 1), cloud(150, TILE + 300, 3.0, 0.1, 2));
    let found = nearest(points.view(), &bank);
    for (point, &distance) in points.outer_iter().zip(&found) {
        let to = |row: ndarray::ArrayView1<'_, f32>| {
            point.iter().zip(&row).map(|(&x, &y)| f64::from(x - y).powi(2)).sum::<f64>().sqrt()
        };
        let expected = bank.outer_iter().map(to).fold(f64::INFINITY, f64::min);
        assert!((distance - expected).abs() < 1e-4 * expected, "{distance} {expected}");
    }
    let copies = bank.slice(s![..3, ..]);
    assert!(nearest(copies, &bank).iter().all(|&distance| distance < 1e-2), "{:?}", nearest(copies, &bank));
}

#[test]
fn the_test_tells_apart_what_differs_and_notices_copies() {
    let reference = cloud(200, 50, 0.0, 1.0, 1);
    let of = |generated: Array2<f32>| {
        let found = nearest_neighbor_test(generated.view(), reference.view());
        (found.generated, found.reference)
    };
    let same = of(cloud(200, 50, 0.0, 1.0, 2));
    // Two samples of 200: five standard errors of a share, were its points independent, are 0.18.
    assert!((same.0 - 0.5).abs() < 0.18 && (same.1 - 0.5).abs() < 0.18, "{same:?}");
    let apart = of(cloud(200, 50, 3.0, 1.0, 2));
    assert!(apart.0 > 0.95 && apart.1 > 0.95, "{apart:?}");
    let copies = of(&reference + &cloud(200, 50, 0.0, 0.01, 3));
    assert!(copies.0 < 0.05 && copies.1 < 0.05, "{copies:?}");
    // Half of the reference's deviation: right about one, wrong about the other, and ½ on average.
    let narrow = of(cloud(200, 50, 0.0, 0.5, 2));
    assert!(narrow.0 > 0.95 && narrow.1 < 0.05, "{narrow:?}");
}
