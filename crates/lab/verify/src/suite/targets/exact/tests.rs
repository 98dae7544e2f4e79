use super::*;

fn law(update: Update, epsilon: f64, spacing: f64) -> Vec<f64> {
    let grid = Grid { least: -8.0 - 0.5 * spacing, most: 8.0 + 0.5 * spacing, spacing };
    Case { density: QUARTIC, schedule: Schedule::Constant(epsilon), update, grid, ..CONSTANT }.law()
}

/// SGLD's bias is of first order, and its remainder in the limit from three step sizes, those of [`limits`](super::super::limits),
/// is below the Monte Carlo errors there: 3·10⁻³ of a deviation, in the full half.
#[test]
fn sgld_tends_to_the_density() {
    for (density, epsilon, grid) in [
        (QUARTIC, 0.15, Grid { spacing: 0.05, ..NARROW }),
        (LOG_EXPONENTIAL, 0.2, Grid { least: -40.0, most: 6.0, spacing: 0.1 }),
    ] {
        let laws = [1.0, 0.5, 0.25]
            .map(|part| Case { density, schedule: Schedule::Constant(part * epsilon), grid, ..CONSTANT }.law());
        for (f, statistic) in density.statistics.iter().enumerate().filter(|(_, s)| s.expectation != 0.0) {
            let [a, b, c] = [0, 1, 2].map(|level| (laws[level][f] - statistic.expectation) / statistic.deviation);
            // 2, and what second order adds.
            assert!((b / c - 2.0).abs() < 0.2, "{}, {}: {a} {b} {c}", density.name, statistic.name);
            let limit = a / 3.0 - 2.0 * b + 8.0 / 3.0 * c;
            assert!(limit.abs() < 1e-3, "{}, {}: {limit}", density.name, statistic.name);
            // The bound on the bias that the samplers are held to.
            assert!(c.abs() < 0.25 * epsilon, "{}, {}: {c}", density.name, statistic.name);
        }
    }
}

/// Preconditioned SGLD tends to the density with Γ, and to exp(−U)/G without.
#[test]
fn gamma_makes_up_for_the_metric() {
    let mut g = [0.0];
    let points = || (-8000..8000).map(|i| (f64::from(i) + 0.5) * 1e-3);
    let mut wide = |f: &dyn Fn(f64) -> f64| {
        let weight = |x: f64, g: &mut [f64]| {
            let u = (QUARTIC.gradient)(&[x], g);
            (-u).exp() * (1.0 + g[0].abs())
        };
        let (sum, norm) = points().fold((0.0, 0.0), |(sum, norm), x| {
            let w = weight(x, &mut g);
            (sum + w * f(x), norm + w)
        });
        sum / norm
    };
    for (f, statistic) in QUARTIC.statistics.iter().enumerate().skip(1) {
        let tends_to = |update: Update| 2.0 * law(update, 0.02, 0.03)[f] - law(update, 0.04, 0.03)[f];
        let corrected = tends_to(|d, e, x| psgld(d, e, x, true));
        assert!((corrected / statistic.expectation - 1.0).abs() < 0.02, "{}: {corrected}", statistic.name);
        let uncorrected = tends_to(|d, e, x| psgld(d, e, x, false));
        let expected = wide(&|x| (statistic.of)(&[x]));
        assert!((uncorrected / expected - 1.0).abs() < 0.02, "{}: {uncorrected} {expected}", statistic.name);
        assert!((expected / statistic.expectation - 1.0).abs() > 0.1);
    }
}
