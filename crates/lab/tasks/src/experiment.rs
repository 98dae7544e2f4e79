//! What every stage of a run shares: the settings, the network, the data, the folder and the root of the streams.

use std::path::Path;
use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_data::{Images, Split, user_images};
use apd_nn::{Model as _, Network, Threads};
use apd_seed::Seed;
use ndarray::Axis;

use crate::config::{Config, SgdConfig};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::methods::descent::Descent;

/// Training images whose statistics are the buffers of a network with batch normalization. They cost a pass at each kept sample.
const CALIBRATION: usize = 256;

/// How a run starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Goes on with what an interrupted run of the same settings has left; else that is cleared.
    pub resume: bool,
    /// Starts even where the [`ResourceEstimate`](crate::ResourceEstimate) says that disk or memory do not suffice.
    pub force: bool,
}

/// What every stage of a run shares.
pub struct Experiment {
    /// The settings.
    pub config: Config,
    /// The classifier.
    pub network: Network,
    /// Training, validation and test images.
    pub split: Split,
    /// Where everything is kept.
    pub folder: Folder,
    /// The root of every random stream.
    pub seed: Seed,
    /// The training images again, as potentials share them.
    training: Data,
}

impl Experiment {
    /// Reads the data and opens the folder.
    ///
    /// **Errors.** Missing or damaged data; with `resume`, a folder of other settings.
    pub fn new(config: Config, out: &Path, resume: bool) -> Result<Self> {
        Experiment::in_memory(config)?.in_folder(out, resume)
    }

    /// Opens the folder.
    pub(crate) fn in_folder(self, out: &Path, resume: bool) -> Result<Self> {
        Ok(Experiment { folder: Folder::open(out, &self.config, resume)?, ..self })
    }

    /// Reads the data and leaves the disk alone.
    pub(crate) fn in_memory(config: Config) -> Result<Self> {
        let seed = Seed::root(config.seed);
        let split = config.dataset.load(data_dir(&config), seed.child("split"))?;
        config.net.takes(split.train.images.dim())?;
        let network = config.net.network(split.train.images.dim(), split.train.classes);
        let training = Data::classes(split.train.images.pixels.clone(), split.train.labels.as_slice());
        Ok(Experiment { config, network, split, folder: Folder::default(), seed, training })
    }

    /// The posterior of the network's weights under the training images and the prior N(0, 1/`prior_precision`), for one
    /// of `chains` that run at once: with a core for each, a chain keeps to its own.
    pub fn potential(&self, prior_precision: f64, chains: usize) -> Result<NetworkPotential> {
        let prior = Arc::new(prior::Gaussian::isotropic(prior_precision));
        let potential = NetworkPotential::new(&self.network, self.training.clone(), Arc::new(Categorical), prior)?;
        Ok(potential.with_threads(threads(chains)))
    }

    /// SGD as the settings have it, for one of so many networks that are trained at once.
    pub(crate) fn descent(&self, concurrent: usize) -> Descent<'_> {
        let SgdConfig { lr, momentum, weight_decay, batch, steps, .. } = self.config.sgd;
        let threads = threads(concurrent);
        Descent { network: &self.network, data: &self.training, threads, lr, momentum, weight_decay, batch, steps }
    }

    /// θ as banks keep it and predictions read it: with the buffers of batch normalization behind it, where the network has any. They
    /// are those of the first training images.
    pub fn row(&self, theta: &[f32]) -> Vec<f32> {
        let first =
            self.split.train.images.pixels.slice_axis(Axis(0), (0..CALIBRATION.min(self.split.train.len())).into());
        [theta, &self.network.calibrate(theta, first)].concat()
    }

    /// The test images of the detection task, and the sets they are distinguished from: the dataset's own, then the user's.
    pub fn ood_images(&self) -> Result<(Images, Vec<Images>)> {
        let (test, count) = (&self.split.test.images, self.config.evaluation.ood_count);
        let seed = self.seed.child("ood-images");
        let mut sets = self.config.dataset.ood_sets(data_dir(&self.config), test, seed, count)?;
        for user in &self.config.user_ood {
            if sets.iter().any(|set| set.name == user.name) {
                return Err(Error::Config(format!("--ood {}: the name of a set that is there already", user.name)));
            }
            let images = user_images(&user.path, test.height, test.width)?.named(&user.name);
            sets.push(images.sample(seed.child("user").child(&user.name), count));
        }
        Ok((test.sample(seed.child("inside"), count), sets))
    }
}

/// What the gradients of one of so many networks are computed on.
fn threads(concurrent: usize) -> Threads {
    if concurrent < rayon::current_num_threads() { Threads::Rayon } else { Threads::Serial }
}

fn data_dir(config: &Config) -> &Path {
    config.data_dir.as_deref().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
