//! A sampler that is chosen at run time.

use serde::{Deserialize, Serialize};

use crate::{Baoab, ChainError, Mclmc, Psgld, Sampler, Schedule, Sgd, Sghmc, Sgld, Sgnht, Update};

/// Everything that is a line for each kind of sampler.
macro_rules! kinds {
    ($($kind:ident: $what:literal),* $(,)?) => {
        /// Any sampler of this crate, as settings name it: its `kind`, and the fields of the sampler of that kind.
        ///
        /// ```
        /// use apd_sgmcmc::{SamplerConfig, Schedule, Sghmc};
        ///
        /// let text = r#"{"kind": "sghmc", "step_size": {"constant": 0.001}, "temperature": 1.0, "friction": 0.1}"#;
        /// let sampler: SamplerConfig = serde_json::from_str(text)?;
        /// assert_eq!(sampler, Sghmc::new(Schedule::Constant(0.001), 1.0, 0.1).into());
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        pub enum SamplerConfig {
            $(#[doc = $what] $kind($kind),)*
        }

        /// The state of a [`SamplerConfig`]: that of the sampler of its kind.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum SamplerState {
            $(#[doc = concat!("Of [`", stringify!($kind), "`].")] $kind(<$kind as Sampler>::State),)*
        }

        $(impl From<$kind> for SamplerConfig {
            fn from(sampler: $kind) -> Self {
                Self::$kind(sampler)
            }
        })*

        impl Sampler for SamplerConfig {
            type State = SamplerState;

            fn name(&self) -> &'static str {
                match self { $(Self::$kind(sampler) => sampler.name(),)* }
            }

            fn schedule(&self) -> &Schedule {
                match self { $(Self::$kind(sampler) => sampler.schedule(),)* }
            }

            fn temperature(&self) -> f64 {
                match self { $(Self::$kind(sampler) => sampler.temperature(),)* }
            }

            fn validate(&self) -> Result<(), ChainError> {
                match self { $(Self::$kind(sampler) => sampler.validate(),)* }
            }

            fn init(&self, dim: usize) -> SamplerState {
                match self { $(Self::$kind(sampler) => SamplerState::$kind(sampler.init(dim)),)* }
            }

            /// **Errors**: [`ChainError::Origin`] for the state of another kind, too.
            fn check(&self, state: &SamplerState, dim: usize) -> Result<(), ChainError> {
                match (self, state) {
                    $((Self::$kind(sampler), SamplerState::$kind(state)) => sampler.check(state, dim),)*
                    _ => Err(ChainError::Origin {
                        what: "sampler",
                        saved: format!("another than {}", self.name()),
                        given: self.name().to_owned(),
                    }),
                }
            }

            /// **Panics** if the state is that of another kind.
            #[track_caller]
            fn step(&self, state: &mut SamplerState, position: &mut [f32], update: Update<'_>) -> bool {
                match (self, state) {
                    $((Self::$kind(sampler), SamplerState::$kind(state)) => sampler.step(state, position, update),)*
                    _ => panic!("the state is not one of {}", self.name()),
                }
            }

            fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
                match self { $(Self::$kind(sampler) => sampler.noise_temperature(step_size, variance),)* }
            }

            fn wants_curvature(&self) -> bool {
                match self { $(Self::$kind(sampler) => sampler.wants_curvature(),)* }
            }
        }
    };
}

kinds! {
    Sgld: "Stochastic gradient Langevin dynamics.",
    Psgld: "The same with a step size per coordinate.",
    Sghmc: "Stochastic gradient Hamiltonian Monte Carlo.",
    Sgnht: "The stochastic gradient Nosé–Hoover thermostat.",
    Baoab: "Underdamped Langevin dynamics by the BAOAB splitting.",
    Mclmc: "Microcanonical Langevin dynamics: the same with a momentum of constant length.",
    Sgd: "Gradient descent with momentum: their limit without noise.",
}

#[cfg(test)]
mod tests;
