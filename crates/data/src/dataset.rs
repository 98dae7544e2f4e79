//! The in-distribution datasets by name, each with its out-of-distribution sets.

use crate::{Error, Images, Split};
use crate::{cifar10, digits, fashion_mnist, generate, mnist, notmnist, omniglot, ood};
use apd_seed::Seed;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A dataset that a classifier can be trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// The embedded 8×8 digits, [`digits()`]; reads no file.
    Digits,
    /// MNIST, [`mnist()`].
    Mnist,
    /// Fashion-MNIST, [`fashion_mnist()`].
    FashionMnist,
}

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Digits, Self::Mnist, Self::FashionMnist];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
        }
    }

    /// Reads the dataset and divides it by `seed`; `dir` is the data folder, unused by the embedded digits.
    ///
    /// **Errors**: those of [`mnist()`].
    pub fn load(self, dir: impl AsRef<Path>, seed: Seed) -> Result<Split, Error> {
        match self {
            Self::Digits => Ok(digits(seed)),
            Self::Mnist => mnist(dir, seed),
            Self::FashionMnist => fashion_mnist(dir, seed),
        }
    }

    /// The out-of-distribution sets of this dataset, `count` images each, in a fixed order.
    ///
    /// Digits: `inverted`, `shuffled`, `rotated`, `mosaic` made from `test`, then `gaussian`, `uniform`; as many as `test` has where
    /// `count` is more. The others: `notmnist`, `omniglot`, `cifar10` read from `dir`, then `gaussian`, `uniform`; a file with fewer
    /// images gives them all.
    ///
    /// **Errors**: a missing or malformed file of the three that are read. **Panics** if the digits of `test` are not square.
    pub fn ood_sets(
        self,
        dir: impl AsRef<Path>,
        test: &Images,
        seed: Seed,
        count: usize,
    ) -> Result<Vec<Images>, Error> {
        let dir = dir.as_ref();
        let (mut sets, count) = match self {
            Self::Digits => {
                let base = test.sample(seed.child("ood"), count);
                let sets = vec![
                    ood::inverted(&base),
                    ood::shuffled(&base, seed),
                    ood::rotated(&base),
                    ood::mosaic(&base, seed),
                ];
                (sets, base.len())
            }
            Self::Mnist | Self::FashionMnist => {
                let sets = vec![notmnist(dir)?, omniglot(dir)?, cifar10(dir)?];
                let draw = |images: Images| images.sample(seed.child("ood").child(&images.name), count);
                (sets.into_iter().map(draw).collect(), count)
            }
        };
        sets.push(generate::gaussian(seed, count, test.height, test.width));
        sets.push(generate::uniform(seed, count, test.height, test.width));
        Ok(sets)
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown dataset `{name}`, expected one of {expected}")]
pub struct UnknownDataset {
    /// What was asked for.
    pub name: String,
    /// The names there are.
    pub expected: String,
}

impl FromStr for Dataset {
    type Err = UnknownDataset;

    fn from_str(name: &str) -> Result<Self, UnknownDataset> {
        Self::ALL
            .into_iter()
            .find(|dataset| dataset.name() == name)
            .ok_or_else(|| UnknownDataset { name: name.to_owned(), expected: Self::ALL.map(Self::name).join(", ") })
    }
}

#[cfg(test)]
mod tests;
