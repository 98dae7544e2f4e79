use super::*;
use crate::testing::{idx_file, png_file, zip_file};
use std::fs;

#[test]
fn names_are_those_of_the_command_line_and_of_serde() {
    for dataset in Dataset::ALL {
        assert_eq!(dataset.to_string().parse(), Ok(dataset));
        assert_eq!(serde_json::to_string(&dataset).unwrap(), format!("\"{dataset}\""));
    }
    let error = "emnist".parse::<Dataset>().unwrap_err();
    assert_eq!(error.to_string(), "unknown dataset `emnist`, expected one of digits, mnist, fashion-mnist");
}

#[test]
fn sets_for_digits_are_of_equal_size_and_depend_on_the_seed_alone() {
    let split = Dataset::Digits.load("absent", Seed::root(1)).unwrap();
    let sets = |seed, count| Dataset::Digits.ood_sets("absent", &split.test.images, Seed::root(seed), count).unwrap();
    let names: Vec<String> = sets(1, 10).into_iter().map(|images| images.name).collect();
    assert_eq!(names, ["inverted", "shuffled", "rotated", "mosaic", "gaussian", "uniform"]);
    assert!(sets(1, 120).iter().all(|images| images.pixels.dim() == (120, 64)));
    assert!(sets(1, 2000).iter().all(|images| images.len() == split.test.len()));
    assert_eq!(sets(7, 50), sets(7, 50));
    assert!(sets(7, 50).iter().zip(sets(8, 50)).all(|(a, b)| a.pixels != b.pixels));
}

#[test]
fn sets_for_mnist_come_from_files_and_generators() {
    let dir = tempfile::tempdir().unwrap();
    let test = Images::new("mnist", ndarray::Array2::zeros((3, 784)), 28, 28);
    let sets = || Dataset::Mnist.ood_sets(dir.path(), &test, Seed::root(1), 5);
    assert!(matches!(sets(), Err(Error::Missing { dataset: "notmnist", .. })));
    fs::create_dir(dir.path().join("notmnist")).unwrap();
    let letters = idx_file(&[9, 28, 28], &[7; 9 * 784]);
    fs::write(dir.path().join("notmnist/t10k-images-idx3-ubyte"), letters).unwrap();
    assert!(matches!(sets(), Err(Error::Missing { dataset: "omniglot", .. })));
    let drawing = png_file(105, 105, png::ColorType::Grayscale, png::BitDepth::Eight, &[0; 105 * 105]);
    let names: Vec<String> = (0..6).map(|i| format!("{i}.png")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), &drawing[..])).collect();
    fs::write(dir.path().join("images_background_small1.zip"), zip_file(&entries)).unwrap();
    assert!(matches!(sets(), Err(Error::Missing { dataset: "cifar10", .. })));
    fs::write(dir.path().join("test_batch.bin"), vec![3; 4 * 3073]).unwrap();
    let sizes: Vec<(String, usize)> =
        sets().unwrap().into_iter().map(|images| (images.name.clone(), images.len())).collect();
    let expected = [("notmnist", 5), ("omniglot", 5), ("cifar10", 4), ("gaussian", 5), ("uniform", 5)];
    assert_eq!(sizes, expected.map(|(name, len)| (name.to_owned(), len)));
}
