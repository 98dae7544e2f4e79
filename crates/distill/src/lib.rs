//! Adversarial posterior distillation: a GAN over points in R^d with a structured WGAN-GP step.
mod batch;
mod config;
mod error;
mod file;
mod general;
mod generator;
mod initial;
mod kernel;
mod loss;
mod model;
mod rows;
mod standardize;
mod structured;
mod trainer;

pub use config::{Config, Engine, InitialOutput};
pub use error::{Error, FileError};
pub use file::GeneratorFile;
pub use generator::Generator;
pub use loss::CriticLoss;
pub use rows::Rows;
pub use standardize::Standardization;
pub use trainer::{Progress, State, Trainer};
