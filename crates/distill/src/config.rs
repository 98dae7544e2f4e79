//! Settings of a distillation.

use apd_nn::optim::Adam;
use serde::{Deserialize, Serialize};

use crate::{Error, Standardization};

/// How an update is computed; both compute the same numbers, up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// On h × h and B × h matrices, with d tiled: fast, and without any B × d array.
    #[default]
    Structured,
    /// By double backward through the whole of both networks: the reference. Needs several B × d arrays.
    General,
}

/// What the generator's last layer is before training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialOutput {
    /// As the other layers: weights He-uniform, biases 0, as in the paper.
    ///
    /// Points are then about N(0, 2) in every (standardised) coordinate, whatever the bank's scale; with Adam at 10⁻⁴ a
    /// bank of standard deviation 0.1 takes thousands of iterations to shrink to.
    #[default]
    HeUniform,
    /// He-uniform, then each coordinate's weights scaled and its bias set such that the mean is the bank's and the standard
    /// deviation [`Config::initial_spread`] times the bank's (exactly so on 1 024 latent vectors). Costs one pass over the
    /// bank.
    Moments,
}

/// Settings of a distillation by WGAN-GP.
///
/// The generator is z → h → h → h → d, the critic d → h → h → h → 1, both with ReLU; see the presets for usual sizes. As data
/// it refuses unknown keys, and missing ones are those of [`gan1`](Self::gan1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Length z of the generator's input.
    pub latent: usize,
    /// Width h of all hidden layers.
    pub hidden: usize,
    /// Points per update, B.
    pub batch: usize,
    /// Generator updates in all. The trainer does not stop by itself: its caller counts.
    pub iterations: u64,
    /// Critic updates per generator update.
    pub critic_steps: usize,
    /// Weight λ of the gradient penalty.
    pub penalty: f64,
    /// Step size and decay rates for both networks.
    pub adam: Adam,
    /// What is done to the points first.
    pub standardization: Standardization,
    /// The generator's last layer before training.
    pub initial_output: InitialOutput,
    /// Standard deviation of each coordinate before training, in that of the bank; only for [`InitialOutput::Moments`].
    ///
    /// Before training the directions are random, so that a spread of 1 is noise in a hundred directions that the posterior
    /// does not have, and has to be unlearnt; a small spread starts at the bank's mean and learns the directions.
    pub initial_spread: f64,
    /// How updates are computed.
    pub engine: Engine,
}

impl Default for Config {
    fn default() -> Self {
        Self::gan1()
    }
}

impl Config {
    /// z 32, h 100, B 100: for fully connected networks.
    pub fn gan1() -> Self {
        Self {
            latent: 32,
            hidden: 100,
            batch: 100,
            iterations: 100_000,
            critic_steps: 5,
            penalty: 10.0,
            adam: Adam { lr: 1e-4, beta1: 0.5, beta2: 0.9, ..Adam::default() },
            standardization: Standardization::default(),
            initial_output: InitialOutput::default(),
            initial_spread: 1.0,
            engine: Engine::default(),
        }
    }

    /// z 100, h 100, B 32.
    pub fn mnist_bs32() -> Self {
        Self { latent: 100, batch: 32, ..Self::gan1() }
    }

    /// z 100, h 50, B 100, 20 000 iterations: for networks of a few hundred parameters.
    pub fn toy2d() -> Self {
        Self { latent: 100, hidden: 50, iterations: 20_000, ..Self::gan1() }
    }

    /// z 100, h 20, B 32: for convolutional networks.
    pub fn cnn() -> Self {
        Self { latent: 100, hidden: 20, batch: 32, ..Self::gan1() }
    }

    /// **Errors**: names the first setting outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        // Products of two widths stay far below what an index holds.
        const WIDEST: usize = 1 << 16;
        let width = "from 1 to 65536";
        let Adam { lr, beta1, beta2, eps } = self.adam;
        let checks = [
            ("latent", self.latent.to_string(), (1..=WIDEST).contains(&self.latent), width),
            ("hidden", self.hidden.to_string(), (1..=WIDEST).contains(&self.hidden), width),
            ("batch", self.batch.to_string(), (1..=WIDEST).contains(&self.batch), width),
            ("critic_steps", self.critic_steps.to_string(), self.critic_steps > 0, "at least 1"),
            (
                "penalty",
                self.penalty.to_string(),
                self.penalty >= 0.0 && self.penalty.is_finite(),
                "finite, at least 0",
            ),
            (
                "initial_spread",
                self.initial_spread.to_string(),
                self.initial_spread > 0.0 && self.initial_spread.is_finite(),
                "finite, above 0",
            ),
            ("adam.lr", lr.to_string(), lr > 0.0 && lr.is_finite(), "finite, above 0"),
            ("adam.beta1", beta1.to_string(), (0.0..1.0).contains(&beta1), "from 0 to below 1"),
            ("adam.beta2", beta2.to_string(), (0.0..1.0).contains(&beta2), "from 0 to below 1"),
            ("adam.eps", eps.to_string(), eps > 0.0 && eps.is_finite(), "finite, above 0"),
        ];
        match checks.into_iter().find(|check| !check.2) {
            Some((name, value, _, expected)) => Err(Error::Config { name, value, expected }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
