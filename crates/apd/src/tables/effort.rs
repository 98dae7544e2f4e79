use serde::{Deserialize, Serialize};

use crate::Fit;

/// How much work a fit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// A first look.
    Quick,
    /// What is reported.
    #[default]
    Default,
    /// More chains, and longer ones: where verdicts are not met, or time does not matter.
    Thorough,
}

impl Effort {
    /// How the posterior is sampled.
    pub fn fit(self) -> Fit {
        let default = Fit::default();
        match self {
            Self::Quick => Fit { training_steps: 500, warmup: 100, draws: 100, max_depth: 5, ..default },
            Self::Default => Fit { training_steps: 1_000, warmup: 200, draws: 250, max_depth: 6, ..default },
            Self::Thorough => {
                Fit { chains: 8, training_steps: 2_000, warmup: 500, draws: 500, max_depth: 8, ..default }
            }
        }
    }

    /// Rows that are fitted to at most: chains go over all of them at every step.
    pub fn rows(self) -> usize {
        match self {
            Self::Quick => 2_000,
            Self::Default => 10_000,
            Self::Thorough => 100_000,
        }
    }
}
