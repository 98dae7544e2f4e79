//! MNIST and the datasets that share its format: 28×28 gray images in IDX files, ten classes.

use crate::locate::locate;
use crate::{Error, Images, Labelled, Split, idx};
use apd_seed::Seed;
use std::path::Path;

const SIDE: usize = 28;
const CLASSES: usize = 10;

// notMNIST and Fashion-MNIST name their files as MNIST does, so only MNIST may lie flat in the data folder: anything else could
// silently read the wrong dataset.
const MNIST: &[&str] = &["mnist", "MNIST/raw", ""];
const FASHION_MNIST: &[&str] = &["fashion-mnist", "fashion", "FashionMNIST/raw"];
const NOTMNIST: &[&str] = &["notmnist", "notMNIST"];

/// MNIST: training file divided by `seed` into 50 000 for training and 10 000 for validation, and the 10 000 of the test file.
///
/// Looks for the four IDX files, gzip'd or plain, in `dir/mnist`, `dir/MNIST/raw` and `dir` itself.
///
/// **Errors**: a missing or malformed file, images that are not 28×28, as many labels as images.
///
/// Reference: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-based learning applied to document recognition*, Proc. IEEE 86, 1998.
pub fn mnist(dir: impl AsRef<Path>, seed: Seed) -> Result<Split, Error> {
    split(dir.as_ref(), "mnist", MNIST, seed)
}

/// Fashion-MNIST: ten kinds of clothing in MNIST's format, divided in the same way.
///
/// Looks in `dir/fashion-mnist`, `dir/fashion` and `dir/FashionMNIST/raw`.
///
/// **Errors**: as [`mnist`].
///
/// Reference: H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, arXiv:1708.07747, 2017.
pub fn fashion_mnist(dir: impl AsRef<Path>, seed: Seed) -> Result<Split, Error> {
    split(dir.as_ref(), "fashion-mnist", FASHION_MNIST, seed)
}

/// The notMNIST test images: glyphs of the letters A to J in many fonts, white on black at 28×28.
///
/// Looks for `t10k-images-idx3-ubyte(.gz)` in `dir/notmnist` and `dir/notMNIST`. Labels are neither needed nor read.
///
/// **Errors**: as [`mnist`].
///
/// Reference: Y. Bulatov, *notMNIST dataset*, 2011.
pub fn notmnist(dir: impl AsRef<Path>) -> Result<Images, Error> {
    let path = located(dir.as_ref(), "notmnist", NOTMNIST, "t10k-images-idx3-ubyte")?;
    images(&path, "notmnist")
}

fn split(dir: &Path, dataset: &'static str, folders: &[&str], seed: Seed) -> Result<Split, Error> {
    let part = |images, labels| -> Result<_, Error> {
        Ok((located(dir, dataset, folders, images)?, located(dir, dataset, folders, labels)?))
    };
    // All four files are found before the first is read: a missing one is reported at once.
    let train = part("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let test = part("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    let all = labelled(&train.0, &train.1, dataset)?;
    let order = seed.child("split").stream().permutation(all.len());
    let (validation, train) = all.split_at(&order, all.len() / 6);
    Ok(Split { train, validation, test: labelled(&test.0, &test.1, dataset)? })
}

fn located(dir: &Path, dataset: &'static str, folders: &[&str], name: &str) -> Result<std::path::PathBuf, Error> {
    locate(dir, dataset, folders, &[&format!("{name}.gz"), name])
}

fn labelled(images_path: &Path, labels_path: &Path, dataset: &str) -> Result<Labelled, Error> {
    let labels = idx::read_labels(labels_path, CLASSES)?;
    let images = images(images_path, dataset)?;
    if images.len() != labels.len() {
        let expected = format!("{}, as images in {}", images.len(), images_path.display());
        return Err(Error::mismatch(labels_path, "number of labels", expected, labels.len()));
    }
    Ok(Labelled::new(images, labels, CLASSES))
}

fn images(path: &Path, dataset: &str) -> Result<Images, Error> {
    let bytes = idx::read_images(path)?;
    let (_, height, width) = bytes.dim();
    if (height, width) != (SIDE, SIDE) {
        return Err(Error::mismatch(path, "size of the images", "28×28", format!("{height}×{width}")));
    }
    Ok(Images::from_bytes(dataset, bytes.as_slice().expect("standard layout"), u8::MAX, SIDE, SIDE))
}

#[cfg(test)]
mod tests;
