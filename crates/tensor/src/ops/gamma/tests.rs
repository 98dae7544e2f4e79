use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config, shapes};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lgamma(shape in shapes(), salt in 0u64..1000) {
        check(&[array(&shape, salt, 0.8, 12.0)], |x| x[0].lgamma());
    }

    #[test]
    fn polygamma(shape in shapes(), n in 0u32..4, salt in 0u64..1000) {
        check(&[array(&shape, salt, 1.5, 12.0)], |x| x[0].polygamma(n));
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[4], vec![0.5_f64, 1.0, 5.0, -0.5]);
    let y = x.lgamma();
    let expected = [0.5 * std::f64::consts::PI.ln(), 0.0, 24.0_f64.ln()];
    assert!(y.as_slice().iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-15));
    assert!(y.as_slice()[3].is_nan() && x.digamma().as_slice()[3].is_nan());
    // ψ(5) = 1 + 1/2 + 1/3 + 1/4 − γ.
    assert!((x.digamma().as_slice()[2] - (25.0 / 12.0 - 0.577_215_664_901_532_9)).abs() < 1e-14);
}
