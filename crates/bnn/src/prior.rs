//! p(θ): what the weights are before any data.

mod config;
mod gaussian;
mod laplace;
mod learned;
mod scales;
mod student_t;

use std::fmt::Debug;
use std::ops::Range;

use apd_points::{Entry, Layout};
use serde::{Deserialize, Serialize};

pub use config::PriorConfig;
pub use gaussian::Gaussian;
pub use laplace::Laplace;
pub use learned::LearnedGaussian;
pub(crate) use scales::Scales;
pub use student_t::StudentT;

use crate::error::ModelError;
use crate::likelihood::LogScalePrior;

#[cfg(test)]
mod tests;

/// p(θ), a law of independent weights.
///
/// ```
/// use apd_bnn::{ModelError, Prior};
/// use apd_points::Entry;
///
/// /// A logistic law of scale 1 for every weight.
/// #[derive(Debug)]
/// struct Logistic;
///
/// impl Prior for Logistic {
///     fn check(&self) -> Result<(), ModelError> {
///         Ok(())
///     }
///     fn nlp(&self, _: &Entry, weight: f64) -> (f64, f64) {
///         (2.0 * (0.5 * weight).cosh().ln(), (0.5 * weight).tanh())
///     }
/// }
/// ```
pub trait Prior: Debug + Send + Sync {
    /// Whether its settings make sense.
    ///
    /// **Errors**: the setting that does not.
    fn check(&self) -> Result<(), ModelError>;

    /// The prior of ln σ, where the weights of each layer have a scale σ that is not known: they are then σ times those that
    /// [`nlp`](Self::nlp) describes, and every layer's ln σ is sampled with them. By default there is none.
    fn log_scale(&self) -> Option<LogScalePrior> {
        None
    }

    /// −ln p of one weight of this parameter, in nats up to a constant, and its derivative.
    fn nlp(&self, parameter: &Entry, weight: f64) -> (f64, f64);

    /// Writes ∂(−ln p)/∂θ of elements `range` of θ to `gradient`, and returns their −ln p.
    ///
    /// **Shapes**: `theta` and `gradient` are those elements.
    fn write_gradient(&self, layout: &Layout, range: Range<usize>, theta: &[f32], gradient: &mut [f32]) -> f64 {
        let mut nlp = 0.0;
        for (parameter, part) in parts(layout, range) {
            for (weight, gradient) in theta[part.clone()].iter().zip(&mut gradient[part]) {
                let (value, slope) = self.nlp(parameter, f64::from(*weight));
                nlp += value;
                *gradient = slope as f32;
            }
        }
        nlp
    }

    /// The precision τ, if the prior is N(0, I/τ).
    fn precision(&self) -> Option<f64> {
        None
    }
}

/// How a prior's scale depends on the parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scaling {
    /// One scale for all weights.
    #[default]
    Same,
    /// The scale over √(fan-in), layer by layer: a layer's outputs then have the same spread however wide it is. Biases have the
    /// scale itself.
    ///
    /// Reference: Neal, *Bayesian Learning for Neural Networks*, 1996, section 2.1.
    FanIn,
}

impl Scaling {
    /// The inputs that one output of this parameter adds up, or 1: what squared scales are divided by.
    fn divisor(self, parameter: &Entry) -> f64 {
        match self {
            Self::Same => 1.0,
            Self::FanIn => parameter.shape.iter().skip(1).product::<usize>() as f64,
        }
    }
}

/// The parameters that share elements with `range`, and which ones, counted from its start.
fn parts(layout: &Layout, range: Range<usize>) -> impl Iterator<Item = (&Entry, Range<usize>)> {
    let first = layout.entries.partition_point(|entry| entry.range().end <= range.start);
    layout.entries[first..]
        .iter()
        .take_while({
            let end = range.end;
            move |entry| entry.offset < end
        })
        .map(move |entry| {
            let (start, end) = (entry.offset.max(range.start), entry.range().end.min(range.end));
            (entry, start - range.start..end - range.start)
        })
}
