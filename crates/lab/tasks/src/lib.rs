//! The experiments of adversarial posterior distillation, as resumable stages.
//!
//! ```no_run
//! use apd_data::Dataset;
//! use apd_tasks::{Config, Context, Laboratory, NetName, Profile, RunOptions, reproduce};
//!
//! let config = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick);
//! let outcome = reproduce(Context::default(), config, &Laboratory::default(), "target/apd/example".as_ref(), RunOptions::default())?;
//! let accuracy = outcome.results.select().task("classify").method("apd").metric("accuracy").value();
//! println!("networks drawn from the generator are right on {accuracy:?} of the test images");
//! # Ok::<(), apd_tasks::Error>(())
//! ```
//!
//! [`reproduce`] is the main job: a point estimate by SGD, a posterior bank by SGLD, a generator by WGAN-GP, then the
//! tasks that compare the three, and a report. Each stage is also a function of its own. Nothing here prints or reads
//! arguments: a [`Context`] is told how it goes and may ask to stop.
//!
//! A stage's state is what its checkpoint holds, and every random number has an address, so an interrupted run resumes
//! to the same bits.

mod clock;
mod config;
mod configure;
mod context;
mod diagnose;
mod distill;
mod distiller;
mod error;
mod estimate;
mod experiment;
mod first_look;
mod folder;
mod function_space;
mod holdout;
mod method;
mod methods;
mod metrics;
mod models;
mod named_posterior;
mod noise;
mod pictures;
mod plan;
mod reproduce;
mod resources;
mod rows;
mod sample;
mod sections;
mod settings;
mod shared_progress;
mod sizes;
mod smallest;
mod stacked;
mod stage;
mod supervised_chain;
mod task;
mod tasks;
#[cfg(test)]
mod testing;

pub use apd_report as report;
pub use config::{
    BaselinesConfig, Config, EvaluationConfig, NetName, OnDivergence, OnlineConfig, Profile, SamplerKind,
    SamplerSettings, SgdConfig, SgldConfig, UserOod,
};
pub use configure::{check, complete, configure};
pub use context::{CHECKPOINT_EVERY, Context, Control, Progress};
pub use diagnose::{Diagnosed, Draws, Group, diagnose};
pub use distill::{History, Point, distill, generator_file};
pub use distiller::{Distiller, ROWS, Verdict};
pub use error::{Error, Result};
pub use estimate::ResourceEstimate;
pub use experiment::{Experiment, RunOptions};
pub use folder::Folder;
pub use function_space::{FunctionSpace, Loss};
pub use method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
pub use methods::METHODS;
pub use named_posterior::{NamedPosterior, Role};
pub use plan::PlannedStage;
pub use reproduce::{Laboratory, Outcome, estimate, reproduce};
pub use resources::{Bytes, Cost, Part};
pub use settings::{Sections, Settings};
pub use sizes::Sizes;
pub use smallest::{Search, Tried, smallest};
pub use task::{Findings, Needs, Prepared, Task};
pub use tasks::TASKS;
pub use tasks::active::settings::{AccuracyOn, Acquisition, ActiveConfig, ActiveSgld, Start};
pub use tasks::adversarial::settings::AdversarialConfig;
pub use tasks::curves::settings::CurvesConfig;
pub use tasks::fidelity::settings::FidelityConfig;
pub use tasks::gan_losses::settings::GanLossesConfig;
pub use tasks::samplers::settings::SamplersConfig;
pub use tasks::toy2d::settings::Toy2dConfig;

pub use sample::{Sampled, merge_banks, sample, sample_posterior};
pub use stage::{Stage, drive};
pub use tasks::active::compute::{Active, Curve, Plan, active};
pub use tasks::adversarial::compute::{Adversarial, AttackedScores, Kind, adversarial};
pub use tasks::classify::compute::{Classification, ECE_BINS, classify};
pub use tasks::curves::compute::curves;
pub use tasks::fidelity::compute::{Fidelity, fidelity};
pub use tasks::gan_losses::compute::{Evaluation, Run, Stability, gan_losses};
pub use tasks::ood::compute::{MethodScores, OutOfDistribution, ood};
pub use tasks::samplers::compute::{Compared, Comparison, compare_samplers};
pub use tasks::toy2d::compute::{Map, Reference, Toy2d, toy2d};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
