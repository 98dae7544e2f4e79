//! Posterior distillation: from thousands of points in R^d, each as long as a neural network, to something small that draws more.
//!
//! ```
//! use apd_distill::{Subspace, SubspaceConfig};
//! use apd_points::Posterior;
//! use apd_seed::Seed;
//! use ndarray::Array2;
//!
//! // A bank: 500 points of R³⁰⁰.
//! let mut bank = Array2::<f32>::zeros((500, 300));
//! Seed::root(1).normals().fill(0, 0, bank.as_slice_mut().unwrap());
//!
//! let config = SubspaceConfig { rank: 8, components: 100, ..SubspaceConfig::default() };
//! let subspace = Subspace::fit(&bank, &config, Seed::root(2))?;
//! assert!(subspace.bytes() < 16 * 4 * 300);
//! assert_eq!(subspace.draw(Seed::root(3), 10).dim(), (10, 300));
//! # Ok::<(), apd_distill::Error>(())
//! ```
//!
//! A sampler leaves a bank of points θ ∈ R^d (the networks of a Bayesian posterior, say). Nothing here knows what a point means:
//! [`Points`](apd_points::Points) are points, however they are stored, and a [`Posterior`](apd_points::Posterior) is whatever draws new ones without the bank.
//!
//! # Which one?
//!
//! | | what it keeps | bytes, in points | time |
//! |---|---|---|---|
//! | [`Subspace`], the default | a mean, the directions in which the points vary most in 8 bits each, coefficients | about 16 | five passes over the points |
//! | [`Generator`], of the paper's GAN | the weights of four layers | about 100 | thousands of iterations |
//! | [`Conditional`], told chain and time | a mean and directions of each chain, its curve in them; a GAN or a Gaussian around it | 16 to 24 | seconds; with the GAN tens of seconds |
//! | [`Swag`] | mean, variances and the last K deviations of an optimizer's path | 4 + K | a pass over the path |
//! | [`Subsample`] | some of the points, in 8 to 32 bits, with noise or without | as many as are kept, or a quarter | none |
//!
//! [`fidelity`] compares clouds of points; on SGLD's banks the subspace came nearest to rows that it had not seen
//! (`docs/fidelity.md` in the repository). Keep points, not a model of them, where as many are affordable as are effective samples.
//!
//! # By a GAN
//!
//! A [`Trainer`] learns to generate points like those of a bank by WGAN-GP (or another [`Loss`]); the [`Generator`] then draws new ones.
//!
//! ```
//! use apd_distill::{Config, Trainer};
//! use apd_points::Posterior;
//! use apd_seed::Seed;
//! use ndarray::Array2;
//!
//! // A bank: 500 points in R³ around (1, 1, 1).
//! let mut bank = Array2::<f32>::zeros((500, 3));
//! Seed::root(1).normals().fill(0, 0, bank.as_slice_mut().unwrap());
//! bank.mapv_inplace(|x| 1.0 + 0.1 * x);
//!
//! let config = Config { latent: 4, hidden: 16, batch: 32, iterations: 20, ..Config::gan1() };
//! let mut trainer = Trainer::new(&bank, config, Seed::root(2))?;
//! for _ in 0..trainer.config().iterations {
//!     let progress = trainer.step()?;
//!     assert!(progress.wasserstein.is_finite());
//! }
//!
//! let generator = trainer.generator();
//! let points = generator.draw(Seed::root(3), 10);
//! assert_eq!(points.dim(), (10, 3));
//! assert_eq!(generator.draw(Seed::root(3), 4), points.slice(ndarray::s![..4, ..]));
//! # Ok::<(), apd_distill::Error>(())
//! ```
//!
//! # Two engines
//!
//! [`Engine::General`] writes the loss down as it is defined and differentiates it twice. [`Engine::Structured`] uses that both
//! networks meet R^d in one linear layer: whatever depends on d is a sum over tiles of coordinates of small matrix products, so a
//! step makes one pass over the parameters, with the optimizer inside, and no B × d array exists. A test holds both equal in f64 to
//! 10⁻¹⁰, losses and trajectories.
//!
//! Memory of the structured engine: three times all parameters (values and Adam's moments; twice with RMSProp), that is 24·d·h bytes, and a few
//! megabytes. Points are read where they lie, a memory map included.
//!
//! # Scale
//!
//! Weights of a posterior have standard deviations around 0.1, but a He-initialized generator starts at 1.4, and Adam at 10⁻⁴ needs
//! thousands of iterations to shrink it. [`Config::standardization`] and [`Config::initial_output`] are two remedies; the defaults
//! are the paper's.
//!
//! **Deliberately without**: files of points and progress bars (the caller's), networks and predictions.
//! A generator of width h has the size of about h points: distil only what is worth more than keeping h rows of the bank.

mod conditional;
mod error;
pub mod fidelity;
mod file;
mod gan;
mod kernel;
mod pca;
mod quantized;
mod spread;
mod standardize;
mod subsample;
mod subspace;
mod swag;

pub use conditional::{ChainBases, Conditional, ConditionalConfig, ResidualModel};
pub use error::{Error, FileError};
pub use file::{AtLeast, Distilled, GeneratorFile};
pub use gan::{
    AdversaryConfig, Buffer, Config, CriticLoss, Engine, Generator, InitialOutput, Loss, Optimizer, Progress, State,
    Trainer,
};
pub use pca::Pca;
pub use quantized::Format;
pub use standardize::Standardization;
pub use subsample::Subsample;
pub use subspace::{CoefficientModel, Subspace, SubspaceConfig};
pub use swag::{Swag, SwagError};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
