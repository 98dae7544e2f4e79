//! Bayesian neural networks from end to end: fit, predict, save, load.
//!
//! ```
//! use apd::{Answers, Effort, Seed, TableFit, data};
//!
//! let (train, new) = data::penguins().split(0.8, Seed::root(1)); // or data::read_csv("penguins.csv")?
//! let fit = TableFit { effort: Effort::Quick, chains: Some(2), steps: Some(500), ..TableFit::default() };
//! let model = fit.run(&train, "species")?;
//! model.verdicts().iter().for_each(|verdict| println!("{verdict}")); // is it to be believed?
//! # let path = std::env::temp_dir().join("apd-front.safetensors");
//! model.save(&path)?; // everything that predictions need; `TableModel::load` reads it
//!
//! let Answers::Classes { names, p, abstain, .. } = model.predict(&new, &[], None)?.answers else { unreachable!() };
//! for (p, abstain) in p.rows().into_iter().zip(abstain) {
//!     println!("{names:?}: {p:.2}{}", if abstain { ", better not" } else { "" });
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`TableFit`] makes a [`TableModel`] of a table of mixed columns, which reads further rows by itself, answers in the target's own units or class
//! names, with intervals that held-out rows have corrected, and says whether it is to be believed.
//!
//! # A network of your own
//!
//! [`Fit::run`] trains a few networks, samples the posterior from there, says whether the chains agree, and distills them; what it gives,
//! a [`Fitted`], predicts, and is one small file. Networks ([`Model`]), likelihoods ([`Likelihood`]) and priors ([`Prior`]) of your own take the
//! same way through [`Fit::run_with`].
//!
//! ```
//! use apd::{Fit, FitSampler, LikelihoodConfig, Network, Prediction, Seed, data};
//! use apd::data::TableSchema;
//!
//! let (train, test) = data::penguins().split(0.8, Seed::root(1));
//! let schema = TableSchema::infer(&train, "species", &[], None)?;
//! let (train, test) = (schema.examples(&train)?, schema.examples(&test)?);
//!
//! let fit = Fit { chains: 2, sampler: FitSampler::microcanonical(500, 50, 10), ..Fit::default() };
//! let network = Network::mlp(&[schema.inputs(), 8, 3]);
//! let fitted = fit.run(&network, LikelihoodConfig::Categorical, &train, Seed::root(2))?;
//! let Prediction::Classes(species) = fitted.predict(test.inputs.view(), 50)? else { unreachable!() };
//! let right = apd::uncertainty::accuracy(species.mean().view(), test.targets.labels())?;
//! assert!(right > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The crates, as modules
//!
//! | | |
//! |---|---|
//! | [`data`] | tables with a schema, image datasets |
//! | [`nn`], [`tensor`] | networks as functions of a flat vector; automatic differentiation |
//! | [`bnn`], [`sgmcmc`] | likelihoods, priors, the potential, predictions, attacks; samplers |
//! | [`diagnostics`], [`uncertainty`] | have the chains mixed? scores and metrics of predictions |
//! | [`points`], [`store`], [`distill`] | posteriors; banks of samples on disk; what they are distilled into |
//! | [`seed`] | random streams with addresses |
//!
//! Features: `parquet`, on unless told otherwise, reads tables from Parquet files; `fetch` has `data::fetch`, downloads over TLS.
//!
//! **Deliberately without**: printing, arguments, the laboratory in which distillers are compared (`apd-tasks`).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod calibration;
mod context;
mod error;
mod file;
mod fingerprint;
mod fit;
mod fitted;
mod onnx;
mod reference;
mod rows;
mod sampling;
mod scaling;
mod stored;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use apd_bnn::{Likelihood, LikelihoodConfig, Prior, PriorConfig};
pub use apd_data::Examples;
pub use apd_nn::{Model, Network};
pub use apd_points::Posterior;
pub use apd_seed::Seed;
pub use apd_uncertainty::{ClassPredictive, NumberPredictive};
pub use context::{Context, Progress, Stage, Steps};
pub use error::Error;
pub use file::{load, load_with};
pub use fit::Fit;
pub use fitted::{Fitted, Mixing, Prediction};
pub use sampling::{FitSampler, LangevinConfig};
pub use scaling::Scaling;
pub use tables::{
    Answers, Architecture, ClassMetrics, Concern, DistillationLoss, Effort, Evaluation, HeldOut, Metrics,
    NumberMetrics, Outcomes, Predictions, Provenance, TableFit, TableModel, Task, UnknownArchitecture, Verdict,
};

pub use {
    apd_bnn as bnn, apd_data as data, apd_diagnostics as diagnostics, apd_distill as distill, apd_nn as nn,
    apd_points as points, apd_seed as seed, apd_sgmcmc as sgmcmc, apd_store as store, apd_tensor as tensor,
    apd_uncertainty as uncertainty,
};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The repository's front page.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
