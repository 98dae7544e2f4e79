use super::*;

/// Values of SciPy 1.17.1: `scipy.special.ndtri`.
#[test]
fn normal_quantiles_are_those_of_scipy() {
    for (p, theirs) in [
        (1e-6, -4.753424308822899),
        (0.001, -3.090232306167813),
        (0.02, -2.053748910631823),
        (0.3, -0.5244005127080409),
        (0.7, 0.5244005127080407),
        (0.975, 1.959963984540054),
        (0.9999, 3.719016485455709),
    ] {
        let ours = normal_quantile(p);
        assert!((ours / theirs - 1.0).abs() < 1e-14, "{p}: {ours}, SciPy has {theirs}");
    }
    assert!(normal_quantile(0.5).abs() < 1e-16);
}

/// Values of SciPy 1.17.1: `scipy.stats.beta.ppf`.
#[test]
fn beta_quantiles_are_those_of_scipy() {
    for (p, a, b, theirs) in [
        (0.1586553, 51.0, 951.0, 0.043974380330828296),
        (0.8413447, 1.5, 1.5, 0.7842467074645535),
        (0.1586553, 50001.0, 50001.0, 0.4984188772821135),
        (0.8413447, 1001.0, 2.0, 0.9992931249604627),
        (0.05, 1.2, 30.7, 0.00301968722633348),
        (0.9, 2.0, 8.0, 0.3683623637899257),
    ] {
        let ours = beta_quantile(p, a, b);
        assert!((ours / theirs - 1.0).abs() < 1e-12, "{p}, {a}, {b}: {ours}, SciPy has {theirs}");
    }
}

#[test]
fn beta_with_a_second_parameter_of_one_is_a_power() {
    // I_x(a, 1) = xᵃ.
    for (p, a) in [(0.5_f64, 3.0), (0.01, 1.0), (0.99, 250.0)] {
        assert!((beta_quantile(p, a, 1.0) - p.powf(1.0 / a)).abs() < 1e-13, "{p}, {a}");
    }
}
