use ndarray::array;

use super::*;

#[test]
fn the_first_of_the_most_probable_classes_is_seen() {
    assert_eq!(classes(&array![[0.2, 0.4, 0.4], [0.5, 0.5, 0.0], [f64::NAN, 0.1, 0.2]]), [1, 0, 0]);
    assert_eq!([label(7, 7), label(7, 1)], ["7", "7 → 1"]);
}

#[test]
fn a_row_shows_so_many_images_and_no_more() {
    let images = Images::new("x", Array2::zeros((12, 4)), 2, 2);
    let row = row("title", &images.pixels, Vec::new());
    assert_eq!((row.images.len(), row.images[0].len()), (SHOWN, 4));
}
