//! Settings of a distillation.

use apd_nn::optim::{Adam, RmsProp};
use serde::{Deserialize, Serialize};

use crate::gan::loss::Objective;
use crate::gan::optimizer::Clipped;
use crate::{Error, Loss, Optimizer, Standardization};

/// The way an update is computed; both compute the same numbers, up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Products of h × h and B × h matrices, with d tiled: fast, and without any B × d array.
    #[default]
    Structured,
    /// Double backward through the whole of both networks: the reference. It needs several B × d arrays.
    General,
}

/// The last layers before training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InitialOutput {
    /// Weights He-uniform and biases 0, as those of the hidden layers.
    ///
    /// Points are then about N(0, 2) in every (standardized) coordinate, whatever the bank's scale; with Adam at 10⁻⁴ a
    /// bank of standard deviation 0.1 takes thousands of iterations to shrink to.
    #[default]
    HeUniform,
    /// Glorot-uniform, the critic's last layer too, and biases 0: as the paper's authors start theirs. Weights are smaller than He's by
    /// √(h/(h + d)), so that points start near 0 where d is large.
    ///
    /// Reference: Glorot & Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010, eq. 16.
    Glorot,
    /// He-uniform, then each coordinate's weights scaled and its bias set such that the mean is the bank's and the standard
    /// deviation [`Config::initial_spread`] times the bank's (exactly so on 1 024 latent vectors). Costs one pass over the
    /// bank.
    Moments,
}

/// Settings of a distillation.
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
    /// The loss that the networks play for. [`with_loss`](Self::with_loss) sets what was published with one too.
    pub loss: Loss,
    /// Critic updates per generator update.
    pub critic_steps: usize,
    /// Weight λ of the gradient penalty; only for [`Loss::WganGp`].
    pub penalty: f64,
    /// Bound c on the critic's parameters; only for [`Loss::Wgan`].
    pub clip: f64,
    /// Update rule of both networks.
    pub optimizer: Optimizer,
    /// The standardization of the points before training.
    pub standardization: Standardization,
    /// The last layers before training.
    pub initial_output: InitialOutput,
    /// Standard deviation of each coordinate before training, in that of the bank; only for [`InitialOutput::Moments`].
    ///
    /// The directions are random before training, so that a spread of 1 is noise in a hundred directions that the posterior
    /// does not have, and has to be unlearned; a small spread starts at the bank's mean and learns the directions.
    pub initial_spread: f64,
    /// The way updates are computed.
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
            loss: Loss::WganGp,
            critic_steps: 5,
            penalty: 10.0,
            clip: 0.01,
            optimizer: Optimizer::Adam(Adam { lr: 1e-4, beta1: 0.5, beta2: 0.9, ..Adam::default() }),
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

    /// The same with another loss and what was published with it: λ 10, clipping at 0.01, and
    ///
    /// | loss | optimizer | critic updates |
    /// |---|---|---|
    /// | WGAN-GP | Adam 10⁻⁴, β 0.5 and 0.9 | 5 |
    /// | WGAN | RMSProp 5·10⁻⁵ | 5 |
    /// | DCGAN, LSGAN | Adam 2·10⁻⁴, β 0.5 and 0.999 | 1 |
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Self {
        let Self { critic_steps, penalty, clip, optimizer, .. } = Self::gan1();
        let (critic_steps, optimizer) = match loss {
            Loss::WganGp => (critic_steps, optimizer),
            Loss::Wgan => (5, Optimizer::RmsProp(RmsProp { lr: 5e-5, ..RmsProp::default() })),
            Loss::Dcgan | Loss::Lsgan => {
                (1, Optimizer::Adam(Adam { lr: 2e-4, beta1: 0.5, beta2: 0.999, ..Adam::default() }))
            }
        };
        Self { loss, critic_steps, penalty, clip, optimizer, ..self }
    }

    /// The same with our choice of what the presets leave open: rows are standardized, and the generator starts at the bank's mean with a
    /// tenth of its spread.
    #[must_use]
    pub fn with_moments(self) -> Self {
        Self {
            standardization: Standardization::Standardize,
            initial_output: InitialOutput::Moments,
            initial_spread: 0.1,
            ..self
        }
    }

    pub(crate) fn objective(&self) -> Objective {
        Objective { loss: self.loss, penalty: (self.loss == Loss::WganGp).then_some(self.penalty) }
    }

    /// The critic's update rule.
    pub(crate) fn critic_rule(&self) -> Clipped<Optimizer> {
        Clipped { rule: self.optimizer, bound: (self.loss == Loss::Wgan).then_some(self.clip) }
    }

    /// **Errors**: names the first setting outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        // Products of two widths stay far below what an index holds.
        const WIDEST: usize = 1 << 16;
        let width = "from 1 to 65536";
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
            ("clip", self.clip.to_string(), self.clip > 0.0 && self.clip.is_finite(), "finite, above 0"),
            (
                "initial_spread",
                self.initial_spread.to_string(),
                self.initial_spread > 0.0 && self.initial_spread.is_finite(),
                "finite, above 0",
            ),
        ];
        match checks.into_iter().find(|check| !check.2) {
            Some((name, value, _, expected)) => Err(Error::Config { name, value, expected }),
            None => self.optimizer.validate(),
        }
    }
}

#[cfg(test)]
mod tests;
