//! Statistics for tests: each returns a number of standard errors, or a tail probability, to compare with a stated level.

/// Standard normal distribution function: Taylor series in the middle, continued fraction (Lentz) in the tails.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() < 4.0 {
        let (mut term, mut sum, mut k) = (x, x, 1.0);
        while term.abs() > 1e-17 * sum.abs() {
            k += 2.0;
            term *= x * x / k;
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let a = x.abs();
    let tail = density / (1..60).rev().fold(a, |c, k| a + f64::from(k) / c);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// P(|Z| > x).
pub(crate) fn two_sided_tail(x: f64) -> f64 {
    2.0 * normal_cdf(-x)
}

/// Kolmogorov–Smirnov: the (asymptotic) probability of a distance as large as that of `sample` from `cdf`.
pub(crate) fn kolmogorov_smirnov(sample: &[f32], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |d, (i, &x)| {
        let f = cdf(f64::from(x));
        d.max(f - i as f64 / n).max((i + 1) as f64 / n - f)
    });
    let t = distance * n.sqrt();
    (1..100).map(|k| 2.0 * (-1.0_f64).powi(k - 1) * (-2.0 * f64::from(k * k) * t * t).exp()).sum()
}

/// χ² of equally likely cells, as the z-score of Wilson & Hilferty's cube-root transform (accurate in the far tail too).
pub(crate) fn chi_square_z(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    assert!(expected >= 20.0, "χ² needs fuller cells");
    let statistic: f64 = counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum();
    let k = (counts.len() - 1) as f64;
    let spread = 2.0 / (9.0 * k);
    ((statistic / k).cbrt() - (1.0 - spread)) / spread.sqrt()
}

#[test]
fn the_distribution_function_is_the_normal_one() {
    // Values from the tables of Abramowitz & Stegun, 26.1 and 26.2.
    for (x, p) in
        [(0.0, 0.5), (1.0, 0.841_344_746_068_543), (2.0, 0.977_249_868_051_821), (-3.0, 0.001_349_898_031_630_095)]
    {
        assert!((normal_cdf(x) - p).abs() < 1e-14, "{x}");
    }
    assert!((normal_cdf(-5.0) / 2.866_515_718_791_939e-7 - 1.0).abs() < 1e-12);
    assert!((normal_cdf(-4.0 + 1e-12) / normal_cdf(-4.0) - 1.0).abs() < 1e-9, "the two branches meet");
}

#[test]
fn a_loaded_die_fails_chi_square() {
    assert!(chi_square_z(&[1000, 1010, 990, 1000, 1005, 995]) < 0.0);
    assert!(chi_square_z(&[1200, 1000, 1000, 1000, 1000, 1000]) > 4.0);
}
