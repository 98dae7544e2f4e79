use super::{Grid, Kernel};

/// SGLD on a quadratic: variance T/(λ(1 − ελ/4)), and after n updates (1 − a²ⁿ) of it, a = 1 − ελ/2.
#[test]
fn a_gaussian_has_the_law_in_closed_form() {
    let (epsilon, lambda, temperature) = (0.3, 1.7, 0.8);
    let a = 1.0 - 0.5 * epsilon * lambda;
    let variance = temperature / (lambda * (1.0 - 0.25 * epsilon * lambda));
    let grid = Grid { least: -8.0, most: 8.0, spacing: 0.1 };
    let kernel = Kernel::new(&grid, |x| (a * x, f64::sqrt(temperature * epsilon)));
    let mut law = grid.at(1.0);
    for n in 1..5 {
        law = kernel.after(&law);
        let mean = f64::powi(a, n);
        assert!((grid.expectation(&law, |x| x) - mean).abs() < 1e-10);
        let expected = variance * (1.0 - f64::powi(a, 2 * n)) + mean * mean;
        assert!((grid.expectation(&law, |x| x * x) - expected).abs() < 1e-10);
    }
    let law = kernel.stationary(law);
    assert!(grid.expectation(&law, |x| x).abs() < 1e-10);
    assert!((grid.expectation(&law, |x| x * x) - variance).abs() < 1e-10);
    assert!((grid.expectation(&law, |x| x.powi(4)) - 3.0 * variance * variance).abs() < 1e-9);
}

/// Noise that depends on the position: one update of a standard normal.
#[test]
fn noise_may_depend_on_the_position() {
    let after = |spacing| {
        let grid = Grid { least: -25.0, most: 25.0, spacing };
        let start = Kernel::new(&grid, |_| (0.0, 1.0)).after(&grid.at(0.0));
        let law = Kernel::new(&grid, |x| (x, (1.0 + 0.25 * x * x).sqrt())).after(&start);
        (grid, law)
    };
    let (grid, law) = after(0.05);
    // E y² = E x² + E(1 + x²/4), E y⁴ = E x⁴ + 6·E x²(1 + x²/4) + 3·E(1 + x²/4)².
    assert!((grid.expectation(&law, |y| y * y) - 2.25).abs() < 1e-7);
    let fourth = 3.0 + 6.0 * (1.0 + 0.75) + 3.0 * (1.0 + 0.5 + 3.0 / 16.0);
    assert!((grid.expectation(&law, |y| y.powi(4)) - fourth).abs() < 1e-4);
    let (finer, finer_law) = after(0.02);
    assert!((grid.expectation(&law, f64::cos) - finer.expectation(&finer_law, f64::cos)).abs() < 1e-9);
}
