//! The embedded digits.

use crate::{Images, Labelled, Split, idx};
use apd_seed::Seed;
use std::path::Path;

const IMAGES: &[u8] = include_bytes!("../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../data/digits-labels-idx1-ubyte.gz");

const VALIDATION: usize = 200;
const TEST: usize = 500;

/// All 1 797 embedded handwritten digits of 8×8 pixels, in the order of the source.
///
/// The pixels count inked dots in 4×4 blocks, 0 to 16, here mapped linearly to [−1, 1].
///
/// Reference: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998,
/// doi:10.24432/C50P49, CC BY 4.0; the test part, as distributed with scikit-learn.
pub fn all_digits() -> Labelled {
    let embedded = Path::new("embedded digits");
    let parse = |bytes: &'static [u8], rank| {
        idx::parse(embedded, bytes, bytes.len() as u64, rank).expect("the embedded digits are well-formed")
    };
    let (dims, pixels) = parse(IMAGES, 3);
    let labels = parse(LABELS, 1).1.into_iter().map(u32::from).collect();
    Labelled::new(Images::from_bytes("digits", &pixels, 16, dims[1], dims[2]), labels, 10)
}

/// The embedded digits, divided at random: 1 097 for training, 200 for validation, 500 for the test.
///
/// The same 13 writers are in all three parts, so the test accuracy is higher than for writers never seen.
pub fn digits(seed: Seed) -> Split {
    let all = all_digits();
    let order = seed.child("split").stream().permutation(all.len());
    let (test, rest) = order.split_at(TEST);
    let (validation, train) = all.split_at(rest, VALIDATION);
    Split { train, validation, test: all.select(test) }
}

#[cfg(test)]
mod tests;
