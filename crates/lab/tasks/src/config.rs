//! What a run is: every setting that decides its numbers, in one typed value.
//!
//! The raw form is a TOML table as a person writes it, laid over the defaults of a dataset, a network and a profile;
//! the validated form is [`Config`]. A finished run writes its `Config` beside its results, and that file reruns it.

use std::path::PathBuf;

use apd_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::holdout::HOLDOUT_EVERY;

mod defaults;
mod sgld;

pub use crate::tasks::active::settings::{Acquisition, ActiveConfig, ActiveMethod, ActiveSgld, Start};
pub use crate::tasks::fidelity::settings::FidelityConfig;
pub use crate::tasks::toy2d::settings::Toy2dConfig;
pub use sgld::{OnDivergence, OnlineConfig, SgldConfig};

/// Every setting that decides a run's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The data the networks are trained on.
    pub dataset: Dataset,
    /// Where the datasets lie; not needed for the embedded digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// The classifier.
    pub net: NetName,
    /// How much work the defaults ask for.
    pub profile: Profile,
    /// The root of every random stream.
    pub seed: u64,
    /// The tasks to run, in this order.
    pub tasks: Vec<TaskName>,
    /// The point estimate (SGD with momentum), the baseline.
    pub sgd: SgdConfig,
    /// MC-dropout, deep ensemble and SWAG.
    pub baselines: BaselinesConfig,
    /// The sampler of the posterior.
    pub sgld: SgldConfig,
    /// The distiller of the paper, a GAN on whole networks: method `apd`.
    pub distill: apd_distill::Config,
    /// The distiller into a few directions: method `subspace`.
    pub subspace: apd_distill::SubspaceConfig,
    /// Distillation while sampling.
    pub online: OnlineConfig,
    /// The comparison of the distiller's losses.
    pub gan_losses: GanLossesConfig,
    /// How the posteriors are compared.
    pub evaluation: EvaluationConfig,
    /// The comparison with held-out rows and with rivals.
    pub fidelity: FidelityConfig,
    /// Quality against the number of networks.
    pub curves: CurvesConfig,
    /// The comparison of the samplers.
    pub samplers: SamplersConfig,
    /// Attacks on the inputs, and whether they are noticed.
    pub adversarial: AdversarialConfig,
    /// The posterior in the plane.
    pub toy2d: Toy2dConfig,
    /// Active learning.
    pub active: ActiveConfig,
    /// Out-of-distribution images of the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_ood: Vec<UserOod>,
}

/// A classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetName {
    /// inputs-100-classes.
    Fc1,
    /// inputs-400-400-classes.
    Fc2,
    /// Three 3×3 convolutions with max-pooling, then a linear layer: what two cores carry. Images of 8×8 pixels or more.
    Cnn,
    /// Nine convolutions after the ladder network's, with batch normalisation: the paper's, hours on two cores. Images of 12×12 pixels or
    /// more.
    CnnLarge,
}

/// How much work the defaults ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Minutes on two cores.
    Quick,
    /// The paper's scale.
    Full,
}

/// An experiment; each is a set of rows in the results and a section of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskName {
    /// Accuracy, NLL, ECE and Brier score on the test set.
    Classify,
    /// Out-of-distribution detection.
    Ood,
    /// The distilled posterior and its rivals beside held-out rows of the bank.
    Fidelity,
    /// Quality against the number of networks, and their cost.
    Curves,
    /// The distiller's losses on the run's bank.
    GanLosses,
    /// Every sampler beside long runs of NUTS, on a small network.
    Samplers,
    /// Inputs made to mislead, and whether the uncertainty tells.
    Adversarial,
    /// Two blobs in the plane: predictions as pictures.
    Toy2d,
    /// Labels acquired where the posterior is unsure.
    Active,
}

macro_rules! names {
    ($type:ident: $($variant:ident = $name:literal),+) => {
        impl $type {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// Its name on the command line, in file names and in results.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> std::result::Result<Self, String> {
                match text {
                    $($name => Ok($type::$variant),)+
                    _ => Err(format!("`{text}` is none of {}", [$($name),+].join(", "))),
                }
            }
        }
    };
}
names!(NetName: Fc1 = "fc1", Fc2 = "fc2", Cnn = "cnn", CnnLarge = "cnn-large");
names!(Profile: Quick = "quick", Full = "full");
names!(TaskName: Classify = "classify", Ood = "ood", Fidelity = "fidelity", Curves = "curves", GanLosses = "gan-losses", Samplers = "samplers",
    Adversarial = "adversarial", Toy2d = "toy2d", Active = "active");

impl TaskName {
    /// Whether it looks at out-of-distribution images.
    pub fn reads_ood_images(self) -> bool {
        matches!(self, TaskName::Ood | TaskName::Fidelity | TaskName::Curves)
    }

    /// Whether it needs the run's own point estimate, bank and generator.
    pub fn compares_posteriors(self) -> bool {
        match self {
            TaskName::Classify
            | TaskName::Ood
            | TaskName::Fidelity
            | TaskName::Curves
            | TaskName::GanLosses
            | TaskName::Adversarial => true,
            TaskName::Samplers | TaskName::Toy2d | TaskName::Active => false,
        }
    }
}

impl NetName {
    /// The network for inputs of this length and this many classes. Convolutional networks take them for square grey images.
    ///
    /// **Panics** where [`takes`](Self::takes) is an error.
    #[track_caller]
    pub fn network(self, inputs: usize, classes: usize) -> apd_nn::Network {
        let side = inputs.isqrt();
        match self {
            NetName::Fc1 => apd_nn::Network::mlp(&[inputs, 100, classes]),
            NetName::Fc2 => apd_nn::Network::mlp(&[inputs, 400, 400, classes]),
            NetName::Cnn => apd_nn::Network::cnn_small(side, side, 1, classes),
            NetName::CnnLarge => apd_nn::Network::cnn_large(side, side, 1, classes, true),
        }
    }

    /// Whether there is such a network for inputs of this length.
    ///
    /// **Errors**: for convolutional networks, inputs that are no square, or too small a one.
    pub fn takes(self, inputs: usize) -> Result<()> {
        let (side, least) = (inputs.isqrt(), self.smallest_side());
        match self.is_convolutional() && (side * side != inputs || side < least) {
            false => Ok(()),
            true => Err(Error::Config(format!(
                "net {self} needs square images of at least {least}×{least} pixels, and inputs have {inputs} elements{}",
                if side * side == inputs { format!(", {side}×{side}") } else { String::new() }
            ))),
        }
    }

    /// Whether it reads its inputs as images.
    pub fn is_convolutional(self) -> bool {
        matches!(self, NetName::Cnn | NetName::CnnLarge)
    }

    /// The smallest image that its poolings leave a pixel of.
    fn smallest_side(self) -> usize {
        match self {
            NetName::Fc1 | NetName::Fc2 => 1,
            NetName::Cnn => 8,
            NetName::CnnLarge => 12,
        }
    }
}

/// SGD with momentum on the mean loss: θ ← θ + v, v ← μv − lr·∇(mean NLL + (weight_decay/2)‖θ‖²).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SgdConfig {
    /// Steps to take.
    pub steps: u64,
    /// Examples in a minibatch.
    pub batch: usize,
    /// Learning rate on the mean loss.
    pub lr: f64,
    /// Weight decay on the mean loss.
    pub weight_decay: f64,
    /// Heavy-ball momentum μ.
    pub momentum: f64,
    /// Validation accuracy is taken every this many steps; the best point is kept.
    pub validate_every: u64,
}

/// What else people use for uncertainty; each is trained as the point estimate is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BaselinesConfig {
    /// MC-dropout's probability with which a hidden unit is left out; 0 for no MC-dropout.
    pub dropout: f32,
    /// Networks of the deep ensemble; 0 for none.
    pub ensemble: usize,
    /// Epochs after the point estimate, from each of which SWAG collects a position; below 2 for no SWAG.
    pub swag_epochs: u64,
    /// Deviations that SWAG's covariance keeps: 0, or at least 2.
    pub swag_rank: usize,
}

/// The comparison of the distiller's losses on the run's bank, each with its published optimiser and critic updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GanLossesConfig {
    /// Runs of each loss.
    pub seeds: usize,
    /// Generator iterations of each run.
    pub iterations: u64,
    /// Looks at the generator during a run.
    pub looks: u64,
    /// Width of the networks' hidden layers.
    pub hidden: usize,
    /// Points per update.
    pub batch: usize,
    /// Networks drawn for a look.
    pub networks: usize,
}

/// How the posteriors are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EvaluationConfig {
    /// Networks averaged in one prediction.
    pub networks: usize,
    /// Independent draws of that many networks; means and standard deviations are over these.
    pub draws: usize,
    /// Images of each out-of-distribution set, and of the test set they are told apart from.
    pub ood_count: usize,
    /// Factors on the intensity of the out-of-distribution images.
    pub ood_scales: Vec<f32>,
}

/// Quality against the number of networks that are averaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CurvesConfig {
    /// Numbers of networks, from few to many.
    pub networks: Vec<usize>,
    /// Independent draws of each.
    pub draws: usize,
}

/// The comparison of the samplers, on the embedded digits and a network of one hidden layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SamplersConfig {
    /// Training images N.
    pub images: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Precision τ of the prior N(0, 1/τ).
    pub prior_precision: f64,
    /// Examples in a minibatch.
    pub batch: usize,
    /// Chains of each sampler.
    pub chains: usize,
    /// Minibatch gradients of each chain, burn-in included.
    pub steps: u64,
    /// Of these, before the first sample.
    pub burn_in: u64,
    /// Of these, between two samples.
    pub thinning: u64,
    /// Step sizes ε at full-data scale, of SGLD; the others take the step that moves them as far.
    pub step_sizes: Vec<f64>,
    /// Draws of NUTS and HMC in which step size and mass are learned.
    pub reference_warmup: u64,
    /// Draws of NUTS and HMC after these.
    pub reference_draws: u64,
}

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
}

/// Out-of-distribution images of the user's own: `NAME=PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserOod {
    /// What the tables call it.
    pub name: String,
    /// An IDX (plain or gzip) or npy file.
    pub path: PathBuf,
}

impl Config {
    /// Lays a table of settings, as a person wrote it, over the defaults that its `dataset`, `net` and `profile` choose.
    ///
    /// **Errors.** Not TOML, an unknown key, a value of the wrong type, or one that [`Config::validate`] refuses.
    pub fn from_toml(text: &str) -> Result<Self> {
        let written: toml::Table =
            text.parse().map_err(|e: toml::de::Error| Error::Config(format!("not TOML: {e}")))?;
        fn chosen<T>(table: &toml::Table, key: &str, default: T) -> Result<T>
        where
            T: std::str::FromStr<Err: std::fmt::Display>,
        {
            match table.get(key) {
                None => Ok(default),
                Some(toml::Value::String(name)) => name.parse().map_err(|e| Error::Config(format!("{key}: {e}"))),
                Some(other) => Err(Error::Config(format!("{key}: expected a string, found {other}"))),
            }
        }
        let mut defaults = Config::new(
            chosen(&written, "dataset", Dataset::Digits)?,
            chosen(&written, "net", NetName::Fc1)?,
            chosen(&written, "profile", Profile::Quick)?,
        );
        // A loss comes with what was published with it.
        if let Some(toml::Value::Table(distill)) = written.get("distill")
            && let Some(loss) = distill.get("loss")
        {
            let loss = loss.clone().try_into().map_err(|e| Error::Config(format!("distill.loss: {e}")))?;
            defaults.distill = defaults.distill.with_loss(loss);
        }
        let mut table = toml::Table::try_from(&defaults).expect("a configuration is a table");
        overlay(&mut table, written);
        let config: Config = table.try_into().map_err(|e: toml::de::Error| Error::Config(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// The file that reruns this run.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration is a table")
    }

    /// What decides whether two runs are the same: everything but where the data lie, and what becomes of a chain that diverges, for one
    /// decides on that when it has.
    pub fn identity(&self) -> String {
        let sgld = SgldConfig { on_divergence: OnDivergence::default(), ..self.sgld.clone() };
        Config { data_dir: None, sgld, ..self.clone() }.to_toml()
    }

    /// Refuses settings that no run could honour, each with its name, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let positive = |name: &str, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(Error::Config(format!("{name} = {value}: must be positive and finite"))),
        };
        positive("sgd.steps", self.sgd.steps as f64)?;
        positive("sgd.batch", self.sgd.batch as f64)?;
        positive("sgd.lr", self.sgd.lr)?;
        positive("sgd.validate-every", self.sgd.validate_every as f64)?;
        positive("sgld.chains", self.sgld.chains as f64)?;
        positive("sgld.steps", self.sgld.steps as f64)?;
        positive("sgld.thinning", self.sgld.thinning as f64)?;
        positive("sgld.batch", self.sgld.batch as f64)?;
        positive("sgld.lr", self.sgld.lr)?;
        positive("sgld.weight-decay", self.sgld.weight_decay)?;
        positive("curves.draws", self.curves.draws as f64)?;
        for &networks in &self.curves.networks {
            positive("curves.networks", networks as f64)?;
        }
        if self.sgld.samples_per_chain() == 0 {
            return Err(Error::Config(format!(
                "sgld: {} steps with burn-in {} and thinning {} keep no sample",
                self.sgld.steps, self.sgld.burn_in, self.sgld.thinning
            )));
        }
        let online = &self.online;
        if online.rounds > 0 {
            positive("online.iterations", online.iterations as f64)?;
            let samples = self.sgld.samples_per_chain();
            if online.rounds > samples {
                return Err(Error::Config(format!("online.rounds = {}: a chain has {samples} samples", online.rounds)));
            }
            let staged = online.staged(&self.sgld);
            if online.buffer < staged {
                let buffer = online.buffer;
                return Err(Error::Config(format!("online.buffer = {buffer}: a round has {staged} samples")));
            }
        }
        positive("gan-losses.seeds", self.gan_losses.seeds as f64)?;
        positive("gan-losses.iterations", self.gan_losses.iterations as f64)?;
        positive("gan-losses.looks", self.gan_losses.looks as f64)?;
        positive("gan-losses.hidden", self.gan_losses.hidden as f64)?;
        positive("gan-losses.batch", self.gan_losses.batch as f64)?;
        positive("gan-losses.networks", self.gan_losses.networks as f64)?;
        let rows = self.sgld.chains as u64 * self.sgld.samples_per_chain();
        if self.tasks.contains(&TaskName::GanLosses) && rows < HOLDOUT_EVERY as u64 {
            return Err(Error::Config(format!(
                "gan-losses: a bank of {rows} rows has none to hold out (one in {HOLDOUT_EVERY})"
            )));
        }
        positive("samplers.images", self.samplers.images as f64)?;
        positive("samplers.hidden", self.samplers.hidden as f64)?;
        positive("samplers.prior-precision", self.samplers.prior_precision)?;
        positive("samplers.batch", self.samplers.batch as f64)?;
        positive("samplers.chains", self.samplers.chains as f64)?;
        positive("samplers.thinning", self.samplers.thinning as f64)?;
        positive("samplers.reference-draws", self.samplers.reference_draws as f64)?;
        for &step_size in &self.samplers.step_sizes {
            positive("samplers.step-sizes", step_size)?;
        }
        positive("adversarial.images", self.adversarial.images as f64)?;
        positive("adversarial.networks", self.adversarial.networks as f64)?;
        positive("adversarial.draws", self.adversarial.draws as f64)?;
        positive("adversarial.steps", self.adversarial.steps as f64)?;
        positive("adversarial.step", self.adversarial.step)?;
        positive("adversarial.epsilon", self.adversarial.epsilon)?;
        for &epsilon in &self.adversarial.epsilons {
            positive("adversarial.epsilons", epsilon)?;
        }
        positive("evaluation.networks", self.evaluation.networks as f64)?;
        positive("evaluation.draws", self.evaluation.draws as f64)?;
        positive("evaluation.ood-count", self.evaluation.ood_count as f64)?;
        for &scale in &self.evaluation.ood_scales {
            positive("evaluation.ood-scales", f64::from(scale))?;
        }
        if !(0.0..1.0).contains(&self.sgd.momentum) {
            return Err(Error::Config(format!("sgd.momentum = {}: must lie in [0, 1)", self.sgd.momentum)));
        }
        for (name, value) in [("sgd.weight-decay", self.sgd.weight_decay), ("sgld.temperature", self.sgld.temperature)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Config(format!("{name} = {value}: must be finite and not negative")));
            }
        }
        if !(0.0..1.0).contains(&self.baselines.dropout) {
            return Err(Error::Config(format!("baselines.dropout = {}: must lie in [0, 1)", self.baselines.dropout)));
        }
        if self.net.is_convolutional() && self.baselines.dropout > 0.0 {
            return Err(Error::Config(format!(
                "baselines.dropout = {}: net {} has no dropout; 0 leaves MC-dropout out",
                self.baselines.dropout, self.net
            )));
        }
        if self.baselines.swag_rank == 1 {
            return Err(Error::Config("baselines.swag-rank = 1: must be 0, or at least 2".into()));
        }
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name()).collect();
        let sets: Vec<&str> = self.user_ood.iter().map(|set| set.name.as_str()).collect();
        for (setting, names) in [("tasks", &names), ("user-ood", &sets)] {
            if let Some(twice) = names.iter().find(|name| names.iter().filter(|other| other == name).count() > 1) {
                return Err(Error::Config(format!("{setting}: `{twice}` is named twice")));
            }
        }
        if self.dataset != Dataset::Digits && self.data_dir.is_none() {
            return Err(Error::Config(format!(
                "dataset {} needs data-dir (--data-dir DIR); `cargo xtask fetch-data all --data-dir DIR` fills one",
                self.dataset
            )));
        }
        self.fidelity.validate()?;
        self.toy2d.validate()?;
        self.active.validate()?;
        self.subspace.validate().map_err(|e| Error::Config(format!("subspace: {e}")))?;
        self.distill.validate().map_err(|e| Error::Config(format!("distill: {e}")))
    }

    /// The folder's name under `target/apd` when none is given.
    pub fn default_out(&self) -> PathBuf {
        PathBuf::from(format!("target/apd/{}-{}-{}", self.dataset, self.net, self.seed))
    }
}

/// Lays `written` over `table`, table by table; whatever is not a table replaces what was there, and so does another optimiser.
fn overlay(table: &mut toml::Table, written: toml::Table) {
    for (key, value) in written {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value))
                if key != "optimizer" || inner.keys().eq(value.keys()) =>
            {
                overlay(inner, value);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
