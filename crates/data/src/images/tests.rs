use super::*;
use std::collections::HashSet;

fn numbered(count: usize) -> Labelled {
    let pixels = Array2::from_shape_fn((count, 6), |(i, j)| (10 * i + j) as f32);
    Labelled::new(Images::new("numbered", pixels, 2, 3), (0..count as u32).collect(), count)
}

#[test]
fn bytes_map_to_the_whole_range() {
    let images = Images::from_bytes("x", &[0, 255, 51, 204], 255, 1, 2);
    let expected = [-1.0, 1.0, -0.6, 0.6];
    assert!(images.pixels.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{images:?}");
    assert_eq!((images.len(), images.dim()), (2, 2));
}

#[test]
fn scaling_multiplies_and_keeps_the_rest() {
    let images = numbered(3).images;
    let scaled = images.scaled(20.0);
    assert_eq!(scaled.pixels[[2, 1]], 420.0);
    assert_eq!((scaled.name.as_str(), scaled.height, scaled.width), ("numbered", 2, 3));
}

#[test]
fn sampling_is_without_replacement_and_keeps_labels_with_images() {
    let all = numbered(50);
    let drawn = all.sample(Seed::root(1), 20);
    assert_eq!(drawn.labels.iter().collect::<HashSet<_>>().len(), 20);
    for (row, &label) in drawn.images.pixels.rows().into_iter().zip(&drawn.labels) {
        assert_eq!(row[0], 10.0 * label as f32);
    }
    assert_eq!(drawn.images, all.images.sample(Seed::root(1), 20));
    assert_ne!(drawn, all.sample(Seed::root(2), 20));
    assert_eq!(all.sample(Seed::root(1), 1000).len(), 50);
}

#[test]
fn taking_gives_the_first() {
    let all = numbered(5);
    assert_eq!(all.take(2).labels, [0, 1]);
    assert_eq!(all.images.take(2).pixels, all.take(2).images.pixels);
    assert_eq!(all.take(9), all);
    assert!(all.take(0).is_empty() && all.images.take(0).is_empty());
}

#[test]
#[should_panic(expected = "pixels have 6 columns, not 3·3")]
fn a_wrong_size_panics_with_the_numbers() {
    let _ = Images::new("x", Array2::zeros((1, 6)), 3, 3);
}

#[test]
#[should_panic(expected = "2 images and 1 labels")]
fn a_label_for_every_image() {
    let _ = Labelled::new(Images::new("x", Array2::zeros((2, 1)), 1, 1), vec![0], 1);
}
