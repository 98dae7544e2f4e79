use super::{Variances, learn_scales};

fn variances(rows: &[[f64; 4]]) -> Variances {
    let mut variances = Variances::new(4);
    rows.iter().for_each(|row| variances.add(row));
    variances
}

/// Two positions of a Gaussian say all: scales that are standard deviations to rounding, whatever they are; what has not moved, and
/// where the force has not changed, nothing is learned.
#[test]
fn scales_are_those_of_forces() {
    let deviations = [1e-6, 1.0, 1e5];
    for temperature in [1.0, 0.3] {
        let position = |z: [f64; 3]| [z[0] * 1e-6, 7.0 + z[1], z[2] * 1e5, 3.0];
        let gradient = |z: [f64; 3]| [z[0] / 1e-6, z[1], 5.0, 9.0];
        let z = [[0.3, -1.2, 0.5], [-2.0, 0.1, 0.6]];
        let mut scales = [2.0; 4];
        learn_scales(&variances(&z.map(position)), &variances(&z.map(gradient)), temperature, &mut scales);
        for i in 0..2 {
            let expected = deviations[i] * temperature.sqrt();
            assert!((scales[i] / expected - 1.0).abs() < 1e-14, "{scales:?}");
        }
        assert_eq!(scales[2..], [2.0, 2.0]);
    }
}

/// sᵢ⁴ = Var θᵢ/Var ∂ᵢU by hand, where they are not those of one Gaussian.
#[test]
fn scales_are_the_equation() {
    let positions = variances(&[[1.0, 0.0, 0.0, 0.0], [3.0, 4.0, 2.0, 1.0]]);
    let gradients = variances(&[[0.0, 0.0, 5.0, 8.0], [1.0, 2.0, 6.0, 0.0]]);
    let mut scales = [1.0; 4];
    learn_scales(&positions, &gradients, 1.0, &mut scales);
    for (scale, fourth) in scales.iter().zip([4.0, 4.0, 4.0, 1.0 / 64.0]) {
        assert!((scale.powi(4) - fourth).abs() < 1e-14, "{scales:?}");
    }
}

/// Stan's weight of five draws at 10⁻³, by hand.
#[test]
fn the_trace_is_shrunken() {
    let mut variances = variances(&[[1.0, 0.0, 0.0, 0.0], [3.0, 4.0, 2.0, 1.0]]);
    let expected = 2.0 / 7.0 * (2.0 + 8.0 + 2.0 + 0.5) + 4.0 * 5.0 / 7.0 * 1e-3;
    assert!((variances.shrunken_trace() - expected).abs() < 1e-14);
    variances.clear();
    assert_eq!(variances, Variances::new(4));
}
