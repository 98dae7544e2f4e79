//! The table: which files a dataset has, where they are, and what their bytes are.

use super::FetchError;
use std::fmt;
use std::str::FromStr;

/// A dataset that can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// MNIST, four IDX files.
    Mnist,
    /// Fashion-MNIST, four IDX files.
    FashionMnist,
    /// The notMNIST test images and labels, two IDX files.
    NotMnist,
    /// Omniglot's “background small 1”, one zip.
    Omniglot,
    /// CIFAR-10 in its binary layout; only the test batch is unpacked.
    Cifar10,
}

/// A SHA-256, in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    /// Of the file as it is stored.
    Stored(&'static str),
    /// Of its content after gunzip, where mirrors may have compressed the same content differently.
    Decompressed(&'static str),
    /// No digest from a trustworthy source is known: the file is checked by its parser only, and its SHA-256 is reported.
    Unknown,
}

/// What a file holds, and so how it is checked and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Images,
    Labels,
    Omniglot,
    /// A tar.gz of which one member, a CIFAR-10 batch, is unpacked.
    CifarArchive,
}

/// One file of a dataset.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RemoteFile {
    /// Its name at the end of every mirror's address.
    pub name: &'static str,
    /// Where it lies in the data folder after fetching.
    pub path: &'static str,
    /// What its bytes are.
    pub digest: Digest,
    /// A download longer than this is broken off.
    pub max_bytes: u64,
    pub(super) content: Content,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 5] = [Self::Mnist, Self::FashionMnist, Self::NotMnist, Self::Omniglot, Self::Cifar10];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::NotMnist => "notmnist",
            Self::Omniglot => "omniglot",
            Self::Cifar10 => "cifar10",
        }
    }

    /// One source by its name, or all by `all`.
    ///
    /// **Errors**: [`FetchError::UnknownSource`].
    pub fn parse_many(name: &str) -> Result<Vec<Self>, FetchError> {
        if name == "all" { Ok(Self::ALL.to_vec()) } else { name.parse().map(|source| vec![source]) }
    }

    /// The addresses, each ending in `/`, to which a file's name is appended; tried in order.
    pub const fn mirrors(self) -> &'static [&'static str] {
        match self {
            Self::Mnist => &[
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://raw.githubusercontent.com/fgnt/mnist/master/",
            ],
            Self::FashionMnist => &[
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ],
            Self::NotMnist => &[
                "https://raw.githubusercontent.com/davidflanagan/notMNIST-to-MNIST/master/",
                "https://github.com/davidflanagan/notMNIST-to-MNIST/raw/master/",
            ],
            Self::Omniglot => &[
                "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
                "https://github.com/brendenlake/omniglot/raw/master/python/",
            ],
            Self::Cifar10 => &[
                "https://www.cs.toronto.edu/~kriz/",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            ],
        }
    }

    /// The files.
    ///
    /// Digests of MNIST: the canonical decompressed content. Of Fashion-MNIST, Omniglot and CIFAR-10: the files as their authors publish
    /// them, as recorded in TensorFlow Datasets' checksums. notMNIST in IDX form has no published digest.
    pub const fn files(self) -> &'static [RemoteFile] {
        match self {
            Self::Mnist => MNIST,
            Self::FashionMnist => FASHION_MNIST,
            Self::NotMnist => NOTMNIST,
            Self::Omniglot => OMNIGLOT,
            Self::Cifar10 => CIFAR10,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Source {
    type Err = FetchError;

    fn from_str(name: &str) -> Result<Self, FetchError> {
        Self::ALL.into_iter().find(|source| source.name() == name).ok_or_else(|| FetchError::UnknownSource {
            name: name.to_owned(),
            expected: format!("{}, all", Self::ALL.map(Self::name).join(", ")),
        })
    }
}

const fn idx(name: &'static str, path: &'static str, content: Content, digest: Digest) -> RemoteFile {
    RemoteFile { name, path, digest, max_bytes: 64 << 20, content }
}

const MNIST: &[RemoteFile] = &[
    idx(
        "train-images-idx3-ubyte.gz",
        "mnist/train-images-idx3-ubyte.gz",
        Content::Images,
        Digest::Decompressed("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ),
    idx(
        "train-labels-idx1-ubyte.gz",
        "mnist/train-labels-idx1-ubyte.gz",
        Content::Labels,
        Digest::Decompressed("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ),
    idx(
        "t10k-images-idx3-ubyte.gz",
        "mnist/t10k-images-idx3-ubyte.gz",
        Content::Images,
        Digest::Decompressed("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ),
    idx(
        "t10k-labels-idx1-ubyte.gz",
        "mnist/t10k-labels-idx1-ubyte.gz",
        Content::Labels,
        Digest::Decompressed("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
];

const FASHION_MNIST: &[RemoteFile] = &[
    idx(
        "train-images-idx3-ubyte.gz",
        "fashion-mnist/train-images-idx3-ubyte.gz",
        Content::Images,
        Digest::Stored("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ),
    idx(
        "train-labels-idx1-ubyte.gz",
        "fashion-mnist/train-labels-idx1-ubyte.gz",
        Content::Labels,
        Digest::Stored("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ),
    idx(
        "t10k-images-idx3-ubyte.gz",
        "fashion-mnist/t10k-images-idx3-ubyte.gz",
        Content::Images,
        Digest::Stored("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ),
    idx(
        "t10k-labels-idx1-ubyte.gz",
        "fashion-mnist/t10k-labels-idx1-ubyte.gz",
        Content::Labels,
        Digest::Stored("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
];

const NOTMNIST: &[RemoteFile] = &[
    idx("t10k-images-idx3-ubyte.gz", "notmnist/t10k-images-idx3-ubyte.gz", Content::Images, Digest::Unknown),
    idx("t10k-labels-idx1-ubyte.gz", "notmnist/t10k-labels-idx1-ubyte.gz", Content::Labels, Digest::Unknown),
];

const OMNIGLOT: &[RemoteFile] = &[RemoteFile {
    name: "images_background_small1.zip",
    path: "omniglot/images_background_small1.zip",
    digest: Digest::Stored("f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"),
    max_bytes: 16 << 20,
    content: Content::Omniglot,
}];

const CIFAR10: &[RemoteFile] = &[RemoteFile {
    name: "cifar-10-binary.tar.gz",
    path: "cifar10/cifar-10-batches-bin/test_batch.bin",
    digest: Digest::Stored("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
    max_bytes: 256 << 20,
    content: Content::CifarArchive,
}];
