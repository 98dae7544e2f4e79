use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian, LearnedGaussian, Likelihood, Poisson, StudentT,
};

/// The likelihoods of this crate as data, for settings and files: `kind = "student-t"`, `dof = 4`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LikelihoodConfig {
    /// [`Categorical`].
    Categorical,
    /// [`Bernoulli`].
    Bernoulli,
    /// [`Gaussian`].
    Gaussian(Gaussian),
    /// [`LearnedGaussian`].
    LearnedGaussian(LearnedGaussian),
    /// [`HeteroscedasticGaussian`].
    HeteroscedasticGaussian(HeteroscedasticGaussian),
    /// [`StudentT`].
    StudentT(StudentT),
    /// [`Poisson`].
    Poisson,
}

impl LikelihoodConfig {
    /// The likelihood itself.
    pub fn build(self) -> Arc<dyn Likelihood> {
        match self {
            Self::Categorical => Arc::new(Categorical),
            Self::Bernoulli => Arc::new(Bernoulli),
            Self::Gaussian(gaussian) => Arc::new(gaussian),
            Self::LearnedGaussian(gaussian) => Arc::new(gaussian),
            Self::HeteroscedasticGaussian(gaussian) => Arc::new(gaussian),
            Self::StudentT(student_t) => Arc::new(student_t),
            Self::Poisson => Arc::new(Poisson),
        }
    }
}
