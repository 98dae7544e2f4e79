use super::*;
use crate::testing::{gzip, idx_file};
use std::fs;
use tempfile::TempDir;

/// Images whose first pixel is their number and whose label is the number modulo ten.
fn pair(count: u32) -> (Vec<u8>, Vec<u8>) {
    let mut pixels = vec![0u8; count as usize * 784];
    pixels.chunks_exact_mut(784).enumerate().for_each(|(i, image)| image[0] = i as u8);
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    (idx_file(&[count, 28, 28], &pixels), idx_file(&[count], &labels))
}

fn write(dir: &TempDir, folder: &str, compress: bool) {
    let folder = dir.path().join(folder);
    fs::create_dir_all(&folder).unwrap();
    for (part, count) in [("train", 60), ("t10k", 12)] {
        let (images, labels) = pair(count);
        for (name, content) in [("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)] {
            let (name, content) = if compress {
                (format!("{part}-{name}.gz"), gzip(&content))
            } else {
                (format!("{part}-{name}"), content)
            };
            fs::write(folder.join(name), content).unwrap();
        }
    }
}

#[test]
fn both_layouts_give_a_split_of_five_to_one() {
    for (folder, compress) in [("mnist", true), ("", false), ("MNIST/raw", true)] {
        let dir = tempfile::tempdir().unwrap();
        write(&dir, folder, compress);
        let split = mnist(dir.path(), Seed::root(1)).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (50, 10, 12));
        let mut seen: Vec<u32> = Vec::new();
        for part in [&split.train, &split.validation] {
            for (row, &label) in part.images.pixels.rows().into_iter().zip(&part.labels) {
                let number = ((row[0] + 1.0) * 127.5).round() as u32;
                assert_eq!(number % 10, label);
                seen.push(number);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..60).collect::<Vec<_>>());
        assert_eq!(split.test.labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]); // the test file keeps its order
        assert_ne!(split.train, mnist(dir.path(), Seed::root(2)).unwrap().train);
    }
}

#[test]
fn siblings_are_never_read_from_mnists_place() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "", true);
    assert!(matches!(fashion_mnist(dir.path(), Seed::root(1)), Err(Error::Missing { dataset: "fashion-mnist", .. })));
    assert!(matches!(notmnist(dir.path()), Err(Error::Missing { dataset: "notmnist", .. })));
    write(&dir, "fashion-mnist", true);
    write(&dir, "notmnist", false);
    assert_eq!(fashion_mnist(dir.path(), Seed::root(1)).unwrap().train.images.name, "fashion-mnist");
    assert_eq!(notmnist(dir.path()).unwrap().named("n").len(), 12);
}

#[test]
fn a_missing_label_file_is_reported_with_the_command() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "mnist", true);
    fs::remove_file(dir.path().join("mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
    let message = mnist(dir.path(), Seed::root(1)).unwrap_err().to_string();
    assert!(message.starts_with("mnist: t10k-labels-idx1-ubyte.gz is missing"), "{message}");
    assert!(message.contains("cargo xtask fetch-data mnist --data-dir"), "{message}");
    assert_eq!(message.matches("t10k-labels-idx1-ubyte").count(), 7, "{message}");
}

#[test]
fn counts_and_sizes_must_agree() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "mnist", false);
    let labels = dir.path().join("mnist/train-labels-idx1-ubyte");
    fs::write(&labels, pair(59).1).unwrap();
    let error = mnist(dir.path(), Seed::root(1)).unwrap_err();
    assert!(matches!(error, Error::Mismatch { what: "number of labels", .. }), "{error}");

    let mut bad = pair(60).1;
    bad[8 + 7] = 10;
    fs::write(&labels, bad).unwrap();
    let error = mnist(dir.path(), Seed::root(1)).unwrap_err();
    assert!(matches!(error, Error::Label { offset: 15, label: 10, classes: 10, .. }), "{error}");

    fs::write(&labels, pair(60).1).unwrap();
    fs::write(dir.path().join("mnist/train-images-idx3-ubyte"), idx_file(&[60, 8, 8], &[0; 60 * 64])).unwrap();
    let error = mnist(dir.path(), Seed::root(1)).unwrap_err();
    assert!(error.to_string().ends_with("size of the images: expected 28×28, found 8×8"), "{error}");
}
