use super::*;
use crate::FromFn64;

fn potential(factor: f64) -> impl Potential64 {
    FromFn64::new(3, move |x: &[f64], gradient: &mut [f64]| {
        let value = x[0].exp() + 1e8 * x[1] * x[1] + (x[2] - 1e4).powi(2);
        gradient.copy_from_slice(&[x[0].exp(), factor * 2e8 * x[1], 2.0 * (x[2] - 1e4)]);
        value
    })
}

#[test]
fn right_gradients_pass_at_every_scale_and_in_single_precision() {
    for position in [[0.0, 0.0, 0.0], [-20.0, 3.0, 1e4 + 1.0], [5.0, -1e-4, 9_999.0]] {
        check_gradient(&mut potential(1.0), &position).unwrap();
    }
    let mut smooth = FromFn64::new(1, |x: &[f64], gradient: &mut [f64]| {
        gradient[0] = f64::from(x[0].sin() as f32);
        f64::from((1.0 - x[0].cos()) as f32)
    });
    check_gradient(&mut smooth, &[1.0]).unwrap();
}

#[test]
fn a_factor_a_sign_and_a_forgotten_term_are_found_and_named() {
    for factor in [1.01, -1.0, 0.0, f64::NAN] {
        let error = check_gradient(&mut potential(factor), &[0.0, 1.0, 0.0]).unwrap_err();
        assert!(matches!(error, GradientError::Differs { coordinate: 1, .. }), "{factor}: {error}");
    }
}

/// A wall is no fault, and hides none: where a step stays on this side of it, the slope is that.
#[test]
fn a_wall_beside_the_position_is_no_fault() {
    struct Half(f64);
    impl Potential64 for Half {
        fn dim(&self) -> usize {
            1
        }
        fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
            if x[0] <= 0.0 {
                return Err(PotentialError::recoverable("x must be positive"));
            }
            gradient[0] = self.0 * x[0];
            Ok(0.5 * x[0] * x[0])
        }
    }
    check_gradient(&mut Half(1.0), &[1e-9]).unwrap();
    check_gradient(&mut Half(1.0), &[0.005]).unwrap();
    check_gradient(&mut Half(2.0), &[0.005]).unwrap_err();
}
