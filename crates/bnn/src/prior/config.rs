use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Gaussian, Laplace, LearnedGaussian, Prior, StudentT};

/// The priors of this crate as data, for settings and files: `kind = "laplace"`, `scale = 0.1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PriorConfig {
    /// [`Gaussian`].
    Gaussian(Gaussian),
    /// [`LearnedGaussian`].
    LearnedGaussian(LearnedGaussian),
    /// [`Laplace`].
    Laplace(Laplace),
    /// [`StudentT`].
    StudentT(StudentT),
}

impl PriorConfig {
    /// The prior itself.
    pub fn build(self) -> Arc<dyn Prior> {
        match self {
            Self::Gaussian(gaussian) => Arc::new(gaussian),
            Self::LearnedGaussian(gaussian) => Arc::new(gaussian),
            Self::Laplace(laplace) => Arc::new(laplace),
            Self::StudentT(student_t) => Arc::new(student_t),
        }
    }
}
