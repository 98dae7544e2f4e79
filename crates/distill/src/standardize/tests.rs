use ndarray::{Array2, array};

use super::{Affine, Moments, Standardization};
use crate::Error;

#[test]
fn moments_of_large_offsets_do_not_cancel() {
    let points = Array2::from_shape_fn((1000, 2), |(i, j)| {
        [4096.0, -8.0][j] + [0.5, 2.0][j] * if i % 2 == 0 { 1.0 } else { -1.0 }
    });
    let moments = Moments::of(&points).unwrap();
    assert_eq!(moments.mean, [4096.0, -8.0]);
    assert_eq!(moments.sd, [0.5, 2.0]);
}

#[test]
fn nearly_constant_coordinates_get_the_floor() {
    let moments = Moments::of(&array![[1.0_f32, 5.0], [3.0, 5.0]]).unwrap();
    assert_eq!(moments.sd, [1.0, 1e-3 * 0.5_f64.sqrt()]);
    assert_eq!(Moments::of(&array![[2.0_f32], [2.0]]).unwrap().sd, [1.0]);
}

#[test]
fn values_that_are_not_finite_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        for at in [0, 1] {
            let mut points = array![[1.0_f32, 2.0], [3.0, 4.0]];
            points[[at, 1]] = bad;
            assert!(
                matches!(Moments::of(&points), Err(Error::Points { reason, .. }) if reason.contains("coordinate 1"))
            );
        }
    }
}

#[test]
fn each_map_is_undone() {
    let points = array![[1.0_f32, 10.0, -3.0], [2.0, 30.0, -5.0]];
    let moments = Moments::of(&points).unwrap();
    let first = points.row(0).to_slice().unwrap().to_vec();
    for (kind, expected) in [
        (Standardization::None, [10.0, -3.0]),
        (Standardization::Center, [-10.0, 1.0]),
        (Standardization::Standardize, [-1.0, 1.0]),
    ] {
        let affine = Affine::new(kind, Some(&moments));
        assert!(affine.fits(kind, 3));
        let mut x = [0.0_f32; 2];
        affine.forward(1..3, &first[1..], &mut x);
        assert_eq!(x, expected, "{kind}");
        affine.backward(1..3, &mut x);
        assert_eq!(x, [10.0, -3.0], "{kind}");
    }
}
