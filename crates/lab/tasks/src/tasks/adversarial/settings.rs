//! Settings of attacks on the inputs.

use apd_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Profile};
use crate::error::Result;
use crate::settings::positive;

/// FGSM and PGD within an L∞ ball, on one network and on the averaged prediction of each method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdversarialConfig {
    /// Test images that are attacked; all of them where there are no more.
    pub images: usize,
    /// Networks of one averaged prediction: those that are attacked are those that are asked.
    pub networks: usize,
    /// Independent draws of that many networks, each attacked anew.
    pub draws: usize,
    /// Radius ε of the ball for the tables, in units of the inputs, which lie in [−1, 1].
    pub epsilon: f64,
    /// Steps of PGD.
    pub steps: usize,
    /// Length of a step of PGD at `epsilon`; at other radii it is in proportion to them.
    pub step: f64,
    /// Whether PGD starts at a random point of the ball, rather than at the image itself.
    pub random_start: bool,
    /// Further radii, for the curves.
    pub epsilons: Vec<f64>,
    /// Whether the shortest step that misleads is looked for too, image by image, up to `epsilon`.
    pub minimal: bool,
}

impl AdversarialConfig {
    pub(crate) fn new(config: &Config) -> Self {
        // A step on the average costs as many passes as there are networks, and there are `steps` of them per image.
        let (images, networks, draws, epsilons) = match (config.dataset, config.profile) {
            (_, Profile::Quick) if config.net.is_convolutional() => (100, 5, 1, vec![0.1]),
            (Dataset::Digits, Profile::Quick) => (300, 20, 3, vec![0.1, 0.2, 0.4]),
            (Dataset::Digits, Profile::Full | Profile::Paper) => (500, 50, 10, vec![0.05, 0.1, 0.15, 0.2, 0.4, 0.5]),
            (_, Profile::Quick) => (500, 20, 2, vec![0.05, 0.1, 0.2]),
            (_, Profile::Full | Profile::Paper) => (6_000, 50, 3, vec![0.02, 0.05, 0.1, 0.15, 0.2, 0.4]),
        };
        let (epsilon, steps, step) = (0.3, 40, 0.02);
        let minimal = config.profile != Profile::Quick;
        Self { images, networks, draws, epsilon, steps, step, random_start: false, epsilons, minimal }
    }

    pub(crate) fn check(&self) -> Result<()> {
        positive("adversarial.images", self.images as f64)?;
        positive("adversarial.networks", self.networks as f64)?;
        positive("adversarial.draws", self.draws as f64)?;
        positive("adversarial.steps", self.steps as f64)?;
        positive("adversarial.step", self.step)?;
        positive("adversarial.epsilon", self.epsilon)?;
        self.epsilons.iter().try_for_each(|&epsilon| positive("adversarial.epsilons", epsilon))
    }
}
