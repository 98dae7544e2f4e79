use super::*;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::Read;

#[test]
fn the_embedded_bytes_are_those_of_the_script() {
    let digest = |compressed| {
        let mut content = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut content).unwrap();
        Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(digest(IMAGES), "359cd13f0f514122884198b78a131df597421cbf5e93a76678fa96fc548f0d96");
    assert_eq!(digest(LABELS), "ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad");
}

#[test]
fn pixels_are_in_range_and_the_first_image_is_the_known_zero() {
    let all = all_digits();
    assert_eq!(all.images.pixels.dim(), (1797, 64));
    let (low, high) = all.images.pixels.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    assert_eq!((low, high), (-1.0, 1.0));
    // load_digits().data[0][:8] is 0 0 5 13 9 1 0 0, and its label 0.
    let row: Vec<f32> = all.images.pixels.row(0).iter().take(8).map(|x| (x + 1.0) * 8.0).collect();
    assert_eq!((row, all.labels[0]), (vec![0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0], 0));
    let counts = (0..10).map(|class| all.labels.iter().filter(|&&label| label == class).count()).collect::<Vec<_>>();
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]); // as published by UCI
}

#[test]
fn the_split_is_a_partition_that_depends_on_the_seed() {
    let split = digits(Seed::root(3));
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (1097, 200, 500));
    let row = |row: ndarray::ArrayView1<'_, f32>| row.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    let parts = [&split.train, &split.validation, &split.test];
    let rows: HashSet<_> = parts.iter().flat_map(|part| part.images.pixels.rows()).map(row).collect();
    let distinct: HashSet<_> = all_digits().images.pixels.rows().into_iter().map(row).collect();
    assert_eq!(rows, distinct);
    assert_eq!(split, digits(Seed::root(3)));
    assert_ne!(split.test.labels, digits(Seed::root(4)).test.labels);
}
