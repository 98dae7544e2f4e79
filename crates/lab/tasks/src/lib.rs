//! The experiments of adversarial posterior distillation, as resumable stages.
//!
//! [`reproduce`] is the main job: a point estimate by SGD, a posterior bank by SGLD, a generator by WGAN-GP, then the
//! tasks that compare the three, and a report. Each stage is also a function of its own. Nothing here prints or reads
//! arguments: an [`Observer`] is told how it goes and may ask to stop.
//!
//! ```no_run
//! use apd_data::Dataset;
//! use apd_tasks::{Config, Launch, NetName, Profile, Silent, reproduce};
//!
//! let config = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick);
//! let outcome = reproduce(config, "target/apd/example".as_ref(), Launch::default(), &Silent)?;
//! let accuracy = outcome.results.select().task("classify").method("apd").metric("accuracy").value();
//! println!("networks drawn from the generator are right on {accuracy:?} of the test images");
//! # Ok::<(), apd_tasks::Error>(())
//! ```
//!
//! A stage's state is what its checkpoint holds, and every random number has an address, so an interrupted run resumes
//! to the same bits.

mod active;
mod adversarial;
mod baselines;
mod budget;
mod classify;
mod config;
mod curves;
mod diagnose;
mod distill;
mod error;
mod experiment;
mod fidelity;
mod folder;
mod gan_losses;
mod learnt;
mod method;
mod observer;
mod online;
mod ood;
mod reproduce;
mod rows;
mod sample;
mod samplers;
mod sgd;
mod stacked;
#[cfg(test)]
mod testing;
mod toy2d;
mod walk;
mod write_up;

pub use active::{Active, Curve, Plan, active};
pub use adversarial::{Adversarial, AttackedScores, Kind, adversarial};
pub use baselines::Baselines;
pub use budget::{Budget, Bytes, Part};
pub use classify::{Classification, ECE_BINS, classify};
pub use config::{
    Acquisition, ActiveConfig, ActiveMethod, ActiveSgld, AdversarialConfig, BaselinesConfig, Config, CurvesConfig,
    EvaluationConfig, FidelityConfig, GanLossesConfig, NetName, OnDivergence, OnlineConfig, Profile, SamplersConfig,
    SgdConfig, SgldConfig, Start, TaskName, Toy2dConfig, UserOod,
};
pub use curves::curves;
pub use diagnose::{Diagnosed, Draws, Group, diagnose};
pub use distill::{
    Distillation, History, Point, distill, distill_bank, distill_subspace, generator_file, subspace_of_bank,
};
pub use error::{Error, Result};
pub use experiment::{Experiment, Launch};
pub use fidelity::{Fidelity, fidelity};
pub use folder::Folder;
pub use gan_losses::{Look, Run, Stability, gan_losses};
pub use method::Method;
pub use observer::{CHECKPOINT_EVERY, Observer, Silent};
pub use online::{Chains, Online, distill_online};
pub use ood::{MethodScores, OutOfDistribution, ood};
pub use reproduce::{Outcome, reproduce};
pub use sample::{Sampled, sample, sample_posterior};
pub use samplers::{Compared, Comparison, compare_samplers};
pub use toy2d::{Map, Reference, Toy2d, toy2d};
