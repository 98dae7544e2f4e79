use serde::{Deserialize, Serialize};

use super::{Architecture, Effort};
use crate::PriorConfig;

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A class.
    Classification,
    /// A number.
    Regression,
}

/// How a model of a table is fitted: defaults that need no tuning.
///
/// Some rows are held out; a few networks are trained on the others and sampled from there, with noise that depends on the row where
/// the target is a number; what is kept is as small as a fiftieth of the samples; the held-out rows correct the intervals, say what is strange, and
/// whether the model can be believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFit {
    /// Classes or numbers; by the target's values, if nothing is said.
    pub task: Option<Task>,
    /// Columns that are not looked at.
    pub drop: Vec<String>,
    /// The network.
    pub architecture: Architecture,
    /// The prior of the weights, if not that of [`Fit`](crate::Fit).
    pub prior: Option<PriorConfig>,
    /// How much work.
    pub effort: Effort,
    /// Chains, if not as many as the effort has.
    pub chains: Option<u32>,
    /// Most steps of each chain, its warm-up included; as many as the effort affords, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Positions of each chain that are kept, at the distance that the effort has; as many as the effort has, if nothing is said. A fit whose
    /// checkpoints are there goes on with its chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<u64>,
    /// The goal: so many effective samples of predictions at which chains end before they have all of their draws, if one is set
    /// ([`Fit::until_ess`](crate::Fit::until_ess)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ess: Option<f64>,
    /// Root of every random stream.
    pub seed: u64,
}
