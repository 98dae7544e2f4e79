//! The sizes that everything a run holds is a multiple of.

use apd_distill::Config as GanConfig;
use apd_nn::Model as _;

use crate::config::Config;
use crate::distill::{EVALUATION_NETWORKS, EVALUATION_ROWS};
use crate::experiment::Experiment;

/// Partial sums of a distiller's update, at most.
const PARTS: u64 = 64;

/// The sizes that everything is a multiple of, in bytes.
pub struct Sizes {
    /// Bytes of a network's row, buffers included.
    row: u64,
    /// Bytes of all images.
    data: u64,
    /// Threads, each of which may hold what a piece of work takes.
    threads: u64,
}

impl Sizes {
    pub(crate) fn of(experiment: &Experiment, ood_images: bool) -> Self {
        let Experiment { config, network, split, .. } = experiment;
        let pixels = split.train.images.dim() as u64;
        let images = |part: &apd_data::Labelled| part.len() as u64;
        // The training images twice: as they are read, and as potentials share them.
        let [train, validation, test] = [&split.train, &split.validation, &split.test].map(images);
        // The sets to be distinguished from the test images: seven of them, in as many intensities; stacked, and one read as a whole.
        let scales = 1 + config.evaluation.ood_scales.len() as u64;
        let sets = match ood_images {
            true => scales * (8 + config.user_ood.len() as u64) * config.evaluation.ood_count as u64 + 2 * test,
            false => 0,
        };
        Self {
            row: 4 * network.row_len() as u64,
            data: 4 * pixels * (2 * train + validation + test + sets),
            threads: rayon::current_num_threads() as u64,
        }
    }

    /// A network's row, buffers included.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// All images.
    pub(crate) fn data(&self) -> u64 {
        self.data
    }

    /// Threads, each of which may hold what a piece of work takes.
    pub fn threads(&self) -> u64 {
        self.threads
    }

    /// So many networks.
    pub fn networks(&self, count: usize) -> u64 {
        count as u64 * self.row
    }

    /// A GAN: for both networks a matrix of d × h and its two moments; a generator to evaluate, partial sums, and the networks it draws then.
    pub fn gan(&self, gan: &GanConfig) -> u64 {
        let (hidden, batch) = (gan.hidden as u64, gan.batch as u64);
        let sums = PARTS * (batch * hidden + 2 * hidden * hidden + hidden) * 4;
        self.saved_gan(gan) + self.generator(gan) + sums + self.networks(EVALUATION_NETWORKS + EVALUATION_ROWS)
    }

    /// A checkpoint of a GAN.
    pub fn saved_gan(&self, gan: &GanConfig) -> u64 {
        let (hidden, latent) = (gan.hidden as u64, gan.latent as u64);
        let small = 2 * (hidden * hidden + hidden * latent + 3 * hidden);
        3 * (self.row * (2 * hidden + 1) + 4 * small) + 4 * self.row
    }

    pub(crate) fn generator(&self, gan: &GanConfig) -> u64 {
        self.networks(gan.hidden + 1)
    }

    /// The directions, a mean and centers.
    pub(crate) fn subspace(&self, config: &Config) -> u64 {
        self.networks(config.subspace.rank + 2)
    }

    /// A randomized decomposition's four matrices, and what comes of it.
    pub(crate) fn directions(&self, rank: usize, rows: u64) -> u64 {
        let rank = rank as u64;
        (4 * (rank + 20 + rank / 2).min(rows) + rank + 4) * self.row
    }

    /// What finished stages leave in memory: points, ensemble, SWAG, generators.
    pub(crate) fn kept(&self, config: &Config) -> u64 {
        let baselines = &config.baselines;
        let points = 2 + baselines.ensemble + 2 * (2 + baselines.swag_rank);
        self.networks(points)
            + (1 + config.online.generators()) * self.generator(&config.distill)
            + self.subspace(config)
    }
}

/// Rows of the bank.
pub(crate) fn bank_rows(config: &Config) -> u64 {
    config.sgld.chains as u64 * config.sgld.samples_per_chain()
}
