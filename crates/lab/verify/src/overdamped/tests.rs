use super::*;

fn moment(law: &[(f64, f64)], power: i32) -> f64 {
    law.iter().map(|(x, mass)| mass * x.powi(power)).sum()
}

/// On a quadratic potential θ is N(0, 1/λ) without any bias.
#[test]
fn quadratic_has_no_bias() {
    for (lambda, epsilon) in [(3.0, 0.3), (4.0, 0.5), (6.0, 0.1)] {
        let law = law(|x| lambda * x, epsilon);
        assert!(moment(&law, 1).abs() < 1e-9);
        assert!((moment(&law, 2) - 1.0 / lambda).abs() < 1e-9, "{}", moment(&law, 2));
        assert!((moment(&law, 4) - 3.0 / (lambda * lambda)).abs() < 1e-9);
    }
}

/// The points are close enough: twice as many would change nothing, as the bias of order ε² shows down to 10⁻⁵.
#[test]
fn quartic_has_a_bias_of_second_order() {
    let bias = |epsilon| moment(&law(|x| x + x * x * x, epsilon), 2) - 0.467_919_916_973_663_9;
    let (a, b, c) = (bias(0.05), bias(0.1), bias(0.2));
    // With b = c₂ε² + c₃ε³ + … the combination without c₂ falls by 8.
    let ratio = (c - 4.0 * b) / (b - 4.0 * a);
    assert!((ratio / 8.0 - 1.0).abs() < 0.3, "{a} {b} {c}: {ratio}");
}
