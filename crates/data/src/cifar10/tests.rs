use super::*;
use crate::testing::{damaged, on_disk};
use proptest::prelude::*;

fn record(label: u8, [red, green, blue]: [u8; 3]) -> Vec<u8> {
    [&[label][..], &[red; PLANE], &[green; PLANE], &[blue; PLANE]].concat()
}

fn parsed(bytes: &[u8]) -> Result<Images, Error> {
    parse(Path::new("batch"), bytes)
}

#[test]
fn luma_weights_the_planes_as_bt_601() {
    let colors = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]];
    let file: Vec<u8> = colors.iter().flat_map(|&color| record(9, color)).collect();
    let images = parsed(&file).unwrap();
    assert_eq!((images.pixels.dim(), images.height, images.width), ((5, 784), 28, 28));
    for (row, luma) in images.pixels.rows().into_iter().zip([0.299f32, 0.587, 0.114, 1.0, 0.0]) {
        assert!(row.iter().all(|pixel| (pixel - (2.0 * luma - 1.0)).abs() < 1e-5), "{luma}: {row}");
    }
}

#[test]
fn rows_stay_rows() {
    let mut file = record(0, [0; 3]);
    // The upper half white in all three planes.
    (0..3).for_each(|plane| file[1 + plane * PLANE..][..PLANE / 2].fill(255));
    let images = parsed(&file).unwrap();
    assert!((images.pixels[[0, 27]] - 1.0).abs() < 1e-5 && (images.pixels[[0, 27 * 28]] + 1.0).abs() < 1e-5);
}

#[test]
fn is_found_in_every_layout() {
    for folder in ["cifar10/cifar-10-batches-bin/", "cifar-10-batches-bin/", "cifar10/", ""] {
        let (dir, _) = on_disk(&format!("{folder}test_batch.bin"), &record(1, [5; 3]));
        assert_eq!(cifar10(dir.path()).unwrap().len(), 1);
    }
    let empty = tempfile::tempdir().unwrap();
    let message = cifar10(empty.path()).unwrap_err().to_string();
    assert!(message.contains("cargo xtask fetch-data cifar10"), "{message}");
}

#[test]
fn lengths_and_labels_are_checked() {
    assert!(matches!(parsed(&[]), Err(Error::Truncated { expected: 3073, found: 0, .. })));
    let two = [record(1, [0; 3]), record(10, [0; 3])].concat();
    assert!(matches!(parsed(&two), Err(Error::Label { offset: 3073, label: 10, classes: 10, .. })));
    assert!(matches!(parsed(&two[..4000]), Err(Error::Truncated { expected: 6146, found: 4000, .. })));
    let (_dir, path) = on_disk("huge.bin", b"");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
    assert!(matches!(read_cifar10(path), Err(Error::TooLarge { .. })));
}

#[test]
fn no_damage_panics() {
    let file = record(3, [1, 2, 3]);
    let refused = damaged(&file).filter(|file| parsed(file).is_err()).count();
    assert_eq!(refused, file.len() + 2); // every truncation, and two of the three flips of the label
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..7000)) {
        let _ = parsed(&bytes);
    }

    #[test]
    fn every_pixel_is_in_range(bytes in prop::collection::vec(any::<u8>(), 3 * PLANE)) {
        let images = parsed(&[&[0], &bytes[..]].concat()).unwrap();
        prop_assert!(images.pixels.iter().all(|pixel| pixel.abs() <= 1.0));
    }
}
