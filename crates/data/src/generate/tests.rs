use super::*;

/// Mean and mean square of the pixels.
fn moments(images: &Images) -> (f64, f64) {
    let count = images.pixels.len() as f64;
    let sum = |f: fn(f64) -> f64| images.pixels.iter().map(|&pixel| f(f64::from(pixel))).sum::<f64>() / count;
    (sum(|x| x), sum(|x| x * x))
}

// 784 000 pixels, fixed seeds: the bounds are five standard errors.
#[test]
fn gaussian_pixels_are_standard_normal() {
    let (mean, square) = moments(&gaussian(Seed::root(1), 1000, 28, 28));
    assert!(mean.abs() < 5.0 / 784e3f64.sqrt() && (square - 1.0).abs() < 5.0 * (2.0 / 784e3f64).sqrt());
}

#[test]
fn uniform_pixels_fill_the_range() {
    let images = uniform(Seed::root(1), 1000, 28, 28);
    let (mean, square) = moments(&images);
    assert!(mean.abs() < 5.0 * (1.0 / 3.0 / 784e3f64).sqrt());
    assert!((square - 1.0 / 3.0).abs() < 5.0 * (4.0 / 45.0 / 784e3f64).sqrt());
    let (low, high) = images.pixels.iter().fold((1.0f32, -1.0f32), |(l, h), &x| (l.min(x), h.max(x)));
    assert!((-1.0..-0.9999).contains(&low) && (0.9999..=1.0).contains(&high), "{low} {high}");
}

#[test]
fn the_first_images_do_not_depend_on_the_count() {
    for generate in [gaussian, uniform] {
        let many = generate(Seed::root(2), 9, 8, 8);
        assert_eq!(many.take(4), generate(Seed::root(2), 4, 8, 8));
        assert_ne!(many, generate(Seed::root(3), 9, 8, 8));
        assert_ne!(many.pixels.row(0), many.pixels.row(1));
        assert_eq!(generate(Seed::root(2), 0, 8, 8).pixels.dim(), (0, 64));
    }
}
