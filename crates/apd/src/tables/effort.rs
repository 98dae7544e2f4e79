use serde::{Deserialize, Serialize};

use crate::{Fit, FitSampler, LangevinConfig};

/// Most rows that every step goes over.
const FULL: usize = 10_000;
/// Fewest steps of a chain. Where no quarter of them is affordable with all rows, steps take minibatches.
const FEWEST: f64 = 800.0;
/// Rows of a minibatch: a tenth of them within these bounds.
const BATCH: [usize; 2] = [100, 1_000];
/// Times that training goes over all of them then, if that is not too often.
const TRAINING_PASSES: usize = 20;

/// How much work a fit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// Chains.
    pub fn chains(self) -> u32 {
        match self {
            Self::Quick => 6,
            Self::Default => 10,
            Self::Thorough => 20,
        }
    }

    /// How the posterior is sampled, of networks of so many [multiplications](apd_nn::Model::multiplications) given so many rows.
    ///
    /// Chains are as long as so many floating-point operations allow, at about 6·rows·multiplications for a gradient; a core makes some 2·10¹⁰ of them
    /// a second, and are no longer than `most` steps. Of more than 10 000 rows, or where fewer than 200 steps could go over all of them, a step takes a
    /// minibatch, and there are four times as many operations.
    pub fn fit(self, rows: usize, multiplications: usize, most: Option<u64>) -> Fit {
        let (operations, longest) = match self {
            Self::Quick => (5e11, 8_000.0),
            Self::Default => (6e12, 50_000.0),
            Self::Thorough => (4e13, 200_000.0),
        };
        let chains = self.chains();
        let gradient = |rows: usize| 6.0 * rows as f64 * multiplications as f64;
        let affordable = |step: f64| operations / (step * f64::from(chains));
        let full = affordable(2.0 * gradient(rows));
        let batch = (rows / 10).clamp(BATCH[0], BATCH[1]).min(rows);
        let is_large = rows > FULL || full < FEWEST / 4.0;
        let steps = if is_large { affordable(3.0 * gradient(batch) / 4.0) } else { full };
        let steps = steps.clamp(FEWEST, longest) as u64;
        let steps = most.map_or(steps, |most| steps.min(most));
        let draws = (steps / 2).clamp(4, 400);
        let (warmup, thinning) = (steps / 2, (steps / (2 * draws)).max(1));
        let (sampler, training_steps) = if is_large {
            let config = LangevinConfig { batch, warmup, draws, thinning };
            (FitSampler::Langevin(config), ((TRAINING_PASSES * rows / batch) as u64).clamp(500, 3_000))
        } else {
            (FitSampler::microcanonical(warmup, draws, thinning), (steps / 10).clamp(500, 3_000))
        };
        Fit { chains, training_steps, sampler, ..Fit::default() }
    }
}
