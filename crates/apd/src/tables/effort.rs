use serde::{Deserialize, Serialize};

use crate::{Fit, FitSampler};

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
    /// How the posterior is sampled, of networks of so many weights given so many rows.
    ///
    /// Chains are as long as so many floating-point operations allow, at about 6·rows·weights for a gradient; a core makes some 2·10¹⁰ of them
    /// a second, and are no longer than `most` steps.
    pub fn fit(self, rows: usize, weights: usize, most: Option<u64>) -> Fit {
        let (chains, operations, longest) = match self {
            Self::Quick => (6, 5e11, 8_000.0),
            Self::Default => (10, 6e12, 50_000.0),
            Self::Thorough => (20, 4e13, 200_000.0),
        };
        let gradient = 6.0 * (rows * weights) as f64;
        let steps = (operations / (2.0 * gradient * f64::from(chains))).clamp(800.0, longest) as u64;
        let steps = most.map_or(steps, |most| steps.min(most));
        let draws = (steps / 2).clamp(4, 400);
        let sampler = FitSampler::microcanonical(steps / 2, draws, (steps / (2 * draws)).max(1));
        Fit { chains, training_steps: (steps / 10).clamp(500, 3_000), sampler, ..Fit::default() }
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
