//! Data for models: tables of numbers and categories, and image datasets with labels and out-of-distribution sets.
//!
//! # Tables
//!
//! ```
//! use apd_data::TableSchema;
//!
//! let penguins = apd_data::penguins(); // or `read_csv("penguins.csv")?`
//! let schema = TableSchema::infer(&penguins, "species", &[], None)?;
//! let examples = schema.examples(&penguins)?;
//! // Three islands and two sexes, each with a place for the unseen, and five numbers, four of which are missing here and there.
//! assert_eq!((examples.len(), examples.inputs.ncols()), (344, 4 + 3 + 5 + 4));
//! # Ok::<(), apd_data::Error>(())
//! ```
//!
//! # Images
//!
//! For experiments on classifiers that should know what they do not know: a dataset divided by a seed, and beside it images that belong
//! to none of its classes, everything in the same units (gray, in [−1, 1], one image per row of a matrix).
//!
//! ```
//! use apd_data::{Dataset, digits};
//! use apd_seed::Seed;
//!
//! let seed = Seed::root(1);
//! let split = digits(seed); // 1 797 handwritten digits of 8×8 pixels, compiled in
//! assert_eq!(split.train.images.pixels.dim(), (1097, 64));
//! assert_eq!((split.validation.len(), split.test.len()), (200, 500));
//!
//! let ood = Dataset::Digits.ood_sets("", &split.test.images, seed, 300)?;
//! let names: Vec<&str> = ood.iter().map(|images| images.name.as_str()).collect();
//! assert_eq!(names, ["inverted", "shuffled", "rotated", "mosaic", "gaussian", "uniform"]);
//! let extreme = ood[4].scaled(20.0);
//! assert_eq!(extreme.pixels.dim(), (300, 64));
//! # Ok::<(), apd_data::Error>(())
//! ```
//!
//! Files of other people are read with care: every length is checked before memory is allocated for it, compressed content is bounded, and
//! an [`Error`] names the file, the place, what was expected and what was found. The feature `fetch` has a
//! module that gets the public datasets and checks their digests; the feature `parquet` reads tables from Parquet files.
//!
//! Deliberately without: color, augmentation, batching (see `apd_seed::Minibatches`), and any global cache: a function that reads files is told where they are.
//! (Only downloads look at the environment, for the usual proxy variables.) Every random choice comes from the [`Seed`](apd_seed::Seed) given.
//!
//! The embedded digits are from E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
//! 1998, doi:10.24432/C50P49, licensed CC BY 4.0; `NOTICE.md` credits the embedded tables too.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod cifar10;
mod dataset;
mod digest;
mod digits;
mod error;
mod examples;
#[cfg(feature = "fetch")]
pub mod fetch;
mod generate;
pub mod idx;
mod images;
mod locate;
mod mnist;
mod omniglot;
pub mod ood;
mod resize;
mod table;
#[cfg(test)]
mod testing;
mod user;

pub use cifar10::{cifar10, read_cifar10};
pub use dataset::{Dataset, UnknownDataset};
pub use digits::{all_digits, digits};
pub use error::{Error, Place};
pub use examples::{Examples, Targets};
pub use generate::{gaussian, uniform};
pub use images::{Images, Labelled, Split};
pub use mnist::{fashion_mnist, mnist, notmnist};
pub use omniglot::{omniglot, read_omniglot};
pub use table::{
    Column, ColumnSchema, CsvWriter, Dialect, Encoding, Feature, ImageShape, MISSING, Role, Surprise, Table,
    TableBlocks, TableSchema, TableSource, Values, Wanted, add_surprises, penguins, read_csv, yacht,
};
pub use user::{user_images, user_inputs};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
