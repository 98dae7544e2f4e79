//! Arguments of `apd distill`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Task;

#[derive(Args)]
pub(crate) struct Distill {
    /// A bank's folder, or an n×d float32 array (.npy, .safetensors) sampled elsewhere
    #[arg(long, value_name = "BANK|ROWS.npy")]
    pub(crate) bank: PathBuf,
    /// The generator's file
    #[arg(long, value_name = "GEN.safetensors")]
    pub(crate) out: PathBuf,
    /// Into a few directions, as rows, or by a GAN: the paper's settings for a kind of network (by WGAN-GP), or a loss with its own (in the
    /// sizes of gan1) [default: subspace, or rows: 200 where these take at most a megabyte, as many as the subspace's bytes where it leaves
    /// out more than a fifth of the variance; apd where --iterations or --standardization is given, which only a GAN has]
    #[arg(long, value_enum)]
    pub(crate) distiller: Option<Distiller>,
    /// Directions: of a subspace [default: 60], or of each chain [default: 7]
    #[arg(long)]
    pub(crate) rank: Option<usize>,
    /// Rows that are kept, of --distiller rows [default: 200, as many as a prediction averages]
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<NonZeroUsize>,
    /// How directions or rows are kept [default: int8]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Bits>,
    /// Inputs on which to say how far the predictions of what is distilled are from those of rows that it has not learned from: each fifth
    /// of the bank, which a second distillation, of the others, is held against. n×d (.npy), or images (.idx, .idx.gz) brought to [−1, 1]
    #[arg(long, value_name = "X.npy|IMAGES.idx.gz")]
    pub(crate) inputs: Option<PathBuf>,
    /// The network whose weights the rows are: fc1, fc2, cnn, cnn-large, or the description of one [default: what a bank of
    /// `sample-posterior` says]
    #[arg(long, value_name = "NAME|FILE.toml", requires = "inputs")]
    pub(crate) net: Option<String>,
    /// Classes of a network that has a name
    #[arg(long, default_value = "10")]
    pub(crate) classes: NonZeroUsize,
    /// What its outputs are: logits of classes, or numbers [default: classification]
    #[arg(long, value_enum, requires = "inputs")]
    pub(crate) task: Option<Task>,
    /// Other inputs, which its uncertainty should tell from these (repeatable)
    #[arg(long, value_name = "X.npy|IMAGES.idx.gz", requires = "inputs")]
    pub(crate) ood: Vec<PathBuf>,
    /// What --distiller auto may lose: total variation of its predictions from those of held-out rows, above that of 200 other rows
    /// [default: 0.005]
    #[arg(long, value_name = "TV", allow_negative_numbers = true)]
    pub(crate) max_loss: Option<f64>,
    /// What is done to the rows before a GAN learns from them [default: as in `reproduce`]
    #[arg(long, value_enum)]
    pub(crate) standardization: Option<Preparation>,
    /// Generator iterations of a GAN [default: the preset's]
    #[arg(long)]
    pub(crate) iterations: Option<u64>,
    /// Root of every random stream
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// The distillers, and the presets of the GAN.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Distiller {
    /// The smallest file that loses at most --max-loss, of subspaces, paths and rows in 8 or 6 bits; it takes --inputs
    Auto,
    /// Rows of the bank, at equal distances
    Rows,
    /// A mean, a few directions in which the rows vary most, and a density of coefficients: seconds, and a few networks' bytes
    Subspace,
    /// Directions for each chain, and a GAN that is told chain and time: seconds, and about as many bytes
    Adversarial,
    /// The same without the GAN: a regression on the time, and what it leaves as a Gaussian
    Path,
    /// The paper's GAN: the same as gan1
    Apd,
    /// Fully connected networks: z 32, h 100, batch 100
    Gan1,
    /// The same with z 100 and batch 32
    MnistBs32,
    /// Networks of a few hundred parameters: z 100, h 50
    Toy2d,
    /// Convolutional networks: z 100, h 20, batch 32
    Cnn,
    /// Wasserstein distance with a gradient penalty: the same as gan1
    WganGp,
    /// Wasserstein distance, the critic's parameters clipped
    Wgan,
    /// The original game, in its non-saturating form
    Dcgan,
    /// Least squares
    Lsgan,
}

/// How numbers are kept.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Bits {
    /// 32 bits each
    F32,
    /// 16 bits each
    F16,
    /// 8 bits each, with a scale per direction
    Int8,
    /// 6 bits each, with a scale for every 64
    Int6,
}

/// What is done to the rows of a bank before they are distilled.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Preparation {
    /// Nothing
    None,
    /// Subtract each weight's mean
    Center,
    /// Also divide by each weight's standard deviation
    Standardize,
}
