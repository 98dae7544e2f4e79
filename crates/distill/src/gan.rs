//! The paper's way: a GAN over whole points.
//!
//! [`Trainer`] is the entry point. A [`Config`] says which [`Loss`], [`Optimizer`] and engine; both engines (`general`, `structured`) update the
//! same networks (`model`), from minibatches (`batch`) of any [`Points`](apd_points::Points), a [`Buffer`] of the newest ones included; what
//! comes out is a [`Generator`].

mod batch;
mod buffer;
pub(crate) mod conditional;
mod config;
mod general;
pub(crate) mod generator;
mod initial;
mod loss;
mod model;
mod optimizer;
mod structured;
mod trainer;

pub use buffer::Buffer;
pub use conditional::AdversaryConfig;
pub use config::{Config, Engine, InitialOutput};
pub use generator::Generator;
pub use loss::{CriticLoss, Loss};
pub(crate) use model::Widths;
pub use optimizer::Optimizer;
pub use trainer::{Progress, State, Trainer};
