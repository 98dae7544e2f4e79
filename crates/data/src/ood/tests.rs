use super::*;
use crate::all_digits;
use ndarray::{Array2, array};

fn digits() -> Images {
    all_digits().images.take(40)
}

#[test]
fn inverting_twice_is_nothing() {
    assert_eq!(inverted(&inverted(&digits())).pixels, digits().pixels);
    assert_eq!(inverted(&digits()).pixels[[0, 0]], 1.0);
}

#[test]
fn shuffling_keeps_each_images_pixels_but_not_their_places() {
    let (from, to) = (digits(), shuffled(&digits(), Seed::root(1)));
    for (a, b) in from.pixels.rows().into_iter().zip(to.pixels.rows()) {
        assert_ne!(a, b);
        let sorted = |row: ndarray::ArrayView1<'_, f32>| {
            let mut row = row.to_vec();
            row.sort_by(f32::total_cmp);
            row
        };
        assert_eq!(sorted(a), sorted(b));
    }
    // A permutation of its own for every image: equal images become different.
    let same = Images::new("same", Array2::from_shape_fn((2, 64), |(_, j)| j as f32), 8, 8);
    let same = shuffled(&same, Seed::root(1));
    assert_ne!(same.pixels.row(0), same.pixels.row(1));
}

#[test]
fn rotation_is_clockwise_and_of_order_four() {
    let image = Images::new("x", array![[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]], 3, 3);
    assert_eq!(rotated(&image).pixels, array![[7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]]);
    let digits = digits();
    let four = (0..4).fold(digits.clone(), |images, _| rotated(&images));
    assert_eq!(four.pixels, digits.pixels);
}

#[test]
#[should_panic(expected = "turning 2×3 images")]
fn only_squares_are_turned() {
    let _ = rotated(&Images::new("x", Array2::zeros((1, 6)), 2, 3));
}

#[test]
fn a_mosaic_has_its_quadrants_from_other_images_and_uses_each_once() {
    // Every pixel of image i is i.
    let numbered = Images::new("x", Array2::from_shape_fn((30, 64), |(i, _)| i as f32), 8, 8);
    let mosaics = mosaic(&numbered, Seed::root(1)).pixels;
    for corner in [0, 7, 56, 63] {
        let mut origins: Vec<u32> = mosaics.column(corner).iter().map(|&x| x as u32).collect();
        assert_ne!(origins, (0..30).collect::<Vec<_>>());
        origins.sort_unstable();
        assert_eq!(origins, (0..30).collect::<Vec<_>>());
    }
    for row in mosaics.rows() {
        assert!((0..64).all(|p| row[p] == row[[0, 7, 56, 63][2 * (p / 32) + p % 8 / 4]]));
    }
    assert_ne!(mosaics.column(0), mosaics.column(63));
}
