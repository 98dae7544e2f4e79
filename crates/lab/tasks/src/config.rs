//! What a run is: every setting that decides its numbers, in one typed value.
//!
//! The raw form is a TOML table as a person writes it, laid over the defaults of a dataset, a network and a profile;
//! the typed form is [`Config`]. What belongs to one task is a section of that task's own. A finished run writes its `Config` beside its results, and that file reruns it.

use std::path::PathBuf;

use apd_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::settings::{self, Sections, Settings, not_negative, positive};

mod defaults;
mod sampler;
mod sgld;

pub(crate) use sampler::FRICTION;
pub use sampler::{SamplerKind, SamplerSettings};
pub use sgld::{OnDivergence, OnlineConfig, SgldConfig};

/// The section of a task that a settings file has before `evaluation`: a bank's identity is the text, so the order stays.
const BEFORE_EVALUATION: &str = "gan-losses";

/// Every setting that decides a run's numbers.
///
/// ```
/// use apd_data::Dataset;
/// use apd_tasks::{Config, NetName, Profile, TASKS, check, complete};
///
/// let defaults = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick);
/// let config = Config { seed: 7, tasks: vec!["classify".to_owned()], ..defaults };
/// check(&complete(config, TASKS)?, TASKS)?;
/// # Ok::<(), apd_tasks::Error>(())
/// ```
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
    /// The tasks to run, in this order; none: all that there are.
    pub tasks: Vec<String>,
    /// The point estimate (SGD with momentum), the baseline.
    pub sgd: SgdConfig,
    /// MC-dropout, deep ensemble and SWAG.
    pub baselines: BaselinesConfig,
    /// Which sampler the chains are of; left out of the text where it is SGLD.
    #[serde(default, skip_serializing_if = "SamplerSettings::is_default")]
    pub sampler: SamplerSettings,
    /// The chains, and how far SGLD moves in a step.
    pub sgld: SgldConfig,
    /// The distiller of the paper, a GAN on whole networks: method `apd`.
    pub distill: apd_distill::Config,
    /// The distiller into a few directions, one of those that method `distilled` chooses among, and the least bytes of any.
    pub subspace: apd_distill::SubspaceConfig,
    /// Distillation while sampling.
    pub online: OnlineConfig,
    /// How the posteriors are compared.
    pub evaluation: EvaluationConfig,
    /// Out-of-distribution images of the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_ood: Vec<UserOod>,
    /// A section for each task that has settings: see [`settings`](Self::settings).
    #[serde(skip)]
    pub sections: Sections,
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
    /// Nine convolutions after the ladder network's, with batch normalization: the paper's, hours on two cores. Images of 12×12 pixels or
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
    /// The paper's sampler too: SGLD on minibatches from random networks, with the authors' learning rate and weight decay.
    Paper,
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
names!(Profile: Quick = "quick", Full = "full", Paper = "paper");

impl NetName {
    /// The network for inputs of this length and this many classes. Convolutional networks take them for square gray images.
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

/// Out-of-distribution images of the user's own: `NAME=PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserOod {
    /// What the tables call it.
    pub name: String,
    /// An IDX (plain or gzip) or npy file.
    pub path: PathBuf,
}

impl SgdConfig {
    pub(crate) fn check(&self) -> Result<()> {
        positive("sgd.steps", self.steps as f64)?;
        positive("sgd.batch", self.batch as f64)?;
        positive("sgd.lr", self.lr)?;
        positive("sgd.validate-every", self.validate_every as f64)?;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::Config(format!("sgd.momentum = {}: must lie in [0, 1)", self.momentum)));
        }
        not_negative("sgd.weight-decay", self.weight_decay)
    }
}

impl BaselinesConfig {
    pub(crate) fn check(&self, net: NetName) -> Result<()> {
        let dropout = self.dropout;
        if !(0.0..1.0).contains(&dropout) {
            return Err(Error::Config(format!("baselines.dropout = {dropout}: must lie in [0, 1)")));
        }
        if net.is_convolutional() && dropout > 0.0 {
            return Err(Error::Config(format!(
                "baselines.dropout = {dropout}: net {net} has no dropout; 0 leaves MC-dropout out"
            )));
        }
        if self.swag_rank == 1 {
            return Err(Error::Config("baselines.swag-rank = 1: must be 0, or at least 2".into()));
        }
        Ok(())
    }
}

impl EvaluationConfig {
    pub(crate) fn check(&self) -> Result<()> {
        positive("evaluation.networks", self.networks as f64)?;
        positive("evaluation.draws", self.draws as f64)?;
        positive("evaluation.ood-count", self.ood_count as f64)?;
        self.ood_scales.iter().try_for_each(|&scale| positive("evaluation.ood-scales", f64::from(scale)))
    }
}

impl Config {
    /// Lays a table of settings, as a person wrote it, over the defaults that its `dataset`, `net` and `profile` choose. Sections of tasks
    /// are not in it.
    ///
    /// **Errors**: an unknown key, a value of another type.
    pub(crate) fn from_table(written: toml::Table) -> Result<Self> {
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
        let mut table = settings::table(&defaults);
        settings::overlay(&mut table, written);
        table.try_into().map_err(|e: toml::de::Error| Error::Config(e.to_string().trim_end().to_owned()))
    }

    /// The settings of a task.
    ///
    /// **Panics** where the configuration has no section of this type: [`complete`](crate::complete) adds those of its tasks.
    #[track_caller]
    pub fn settings<T: Settings>(&self) -> &T {
        self.sections.get().unwrap_or_else(|| panic!("no section is a {}", std::any::type_name::<T>()))
    }

    /// The same, to be changed.
    ///
    /// **Panics** as [`settings`](Self::settings) does.
    #[track_caller]
    pub fn settings_mut<T: Settings>(&mut self) -> &mut T {
        self.sections.get_mut().unwrap_or_else(|| panic!("no section is a {}", std::any::type_name::<T>()))
    }

    /// The file that reruns this run.
    pub fn to_toml(&self) -> String {
        let shared = toml::to_string_pretty(self).expect("a configuration is a table");
        let (before, evaluation) =
            shared.split_at(shared.find("[evaluation]").expect("a section of every configuration"));
        let mut text = before.to_owned();
        let mut add = |part: &str| {
            text.push_str(part);
            text.push('\n');
        };
        let first = |name: &str| name == BEFORE_EVALUATION;
        self.sections.iter().filter(|(name, _)| first(name)).for_each(|(name, section)| add(&section.to_toml(name)));
        add(evaluation);
        self.sections.iter().filter(|(name, _)| !first(name)).for_each(|(name, section)| add(&section.to_toml(name)));
        text.pop();
        text
    }

    /// All settings, as results have them.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).expect("a configuration is JSON");
        self.sections.iter().for_each(|(name, section)| json[name] = section.to_json());
        json
    }

    /// What decides whether two runs are the same: everything but where the data lie, and what becomes of a chain that diverges, for one
    /// decides on that when it has.
    pub fn identity(&self) -> String {
        let sgld = SgldConfig { on_divergence: OnDivergence::default(), ..self.sgld.clone() };
        Config { data_dir: None, sgld, ..self.clone() }.to_toml()
    }

    /// Refuses settings that no sampling could honor, each with its name, its value and what is allowed.
    pub fn check_sampling(&self) -> Result<()> {
        self.check_data()?;
        self.sampler.check(&self.sgld)?;
        self.sgld.check()
    }

    pub(crate) fn check_data(&self) -> Result<()> {
        if self.dataset != Dataset::Digits && self.data_dir.is_none() {
            return Err(Error::Config(format!(
                "dataset {} needs data-dir (--data-dir DIR); `cargo xtask fetch-data all --data-dir DIR` fills one",
                self.dataset
            )));
        }
        Ok(())
    }

    /// The same of what is trained, sampled and distilled to be compared.
    pub(crate) fn check_models(&self) -> Result<()> {
        self.check_sampling()?;
        self.sgd.check()?;
        self.baselines.check(self.net)?;
        self.online.check(&self.sgld)?;
        self.subspace.validate().map_err(|e| Error::Config(format!("subspace: {e}")))?;
        self.distill.validate().map_err(|e| Error::Config(format!("distill: {e}")))
    }

    /// The folder's name under `target/apd` when none is given.
    pub fn default_out(&self) -> PathBuf {
        PathBuf::from(format!("target/apd/{}-{}-{}", self.dataset, self.net, self.seed))
    }
}

#[cfg(test)]
mod tests;
