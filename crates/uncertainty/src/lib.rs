//! Predictive uncertainty of many networks, of classes and of numbers, and how well it detects what it should.
//!
//! ```
//! use apd_uncertainty::{ClassPredictive, Score, accuracy, detection};
//! use ndarray::array;
//!
//! let mut predictive = ClassPredictive::new(2, 2); // two inputs, two classes
//! predictive.add(array![[0.9_f32, 0.1], [1.0, 0.0]].view()); // softmax rows of the first network
//! predictive.add(array![[0.9_f32, 0.1], [0.0, 1.0]].view()); // the second one disagrees on the second input
//!
//! let bald = predictive.score(Score::Bald);
//! assert!(bald[0].abs() < 1e-12);
//! assert!((bald[1] - 2f64.ln()).abs() < 1e-12);
//! assert_eq!(accuracy(predictive.mean().view(), &[0, 0])?, 1.0);
//!
//! let d = detection(&[0.1, 0.2], &[0.2, 0.9])?; // negatives (in), positives (out)
//! assert_eq!(d.auroc, 0.875);
//! # Ok::<(), apd_uncertainty::MetricError>(())
//! ```
//!
//! Each of these is usable without the others:
//!
//! 1. [`ClassPredictive`] streams the softmax rows of S networks and keeps only sufficient statistics, so that every
//!    [`Score`] costs O(N·K) memory however many networks there are.
//! 2. [`NumberPredictive`] streams a law of each number, such as a mean and a deviation, and is their mixture in bounded memory:
//!    deviations by cause, quantiles, densities, CRPS.
//! 3. [`accuracy`], [`nll`], [`brier`], [`reliability`] and [`adaptive_reliability`] (with [`ece`]) and [`classwise_ece`] compare the averaged
//!    prediction with labels; the metrics of [`regression`] compare it with numbers.
//! 4. [`detection`] and [`roc_curve`] judge a score as a detector of out-of-distribution or adversarial inputs;
//!    [`aurc`] and [`augrc`] judge it by what is lost where only certain rows are answered; [`agreement`] and [`total_variation`] compare two
//!    predictive distributions.
//! 5. [`epig`] and [`batch_bald`] say which labels to ask for next, from the softmax rows of all networks at once.
//! 6. [`Temperature`] and the types of [`conformal`] learn from held-out rows how sure to be of new ones.
//!
//! Deliberately without: networks, data sets, files, threads and randomness. Everything is a function of arrays; what draws is given its
//! numbers.
//!
//! Conventions: `f32` and `f64` alike ([`Real`]), computed in `f64`; nats; **higher score = more uncertain**; NLL and Brier are means over inputs; the positive class of a
//! detector is the second argument (out of distribution).
//!

mod acquisition;
mod calibration;
mod checks;
mod class_predictive;
mod compare;
pub mod conformal;
mod crps;
mod detection;
mod error;
mod family;
mod histogram;
mod mixture;
mod number_predictive;
mod real;
pub mod regression;
mod risk_coverage;
mod temperature;

pub use acquisition::{batch_bald, epig};
pub use calibration::{
    ReliabilityBin, accuracy, adaptive_reliability, brier, classwise_ece, ece, mce, nll, reliability,
};
pub use class_predictive::{ClassPredictive, Score};
pub use compare::{agreement, total_variation};
pub use detection::{Detection, RocPoint, detection, drop_collinear, roc_curve};
pub use error::MetricError;
pub use family::{ContaminatedNormal, Family, Normal, Poisson, StudentT};
pub use histogram::{Histogram, histogram};
pub use number_predictive::NumberPredictive;
pub use real::Real;
pub use risk_coverage::{RiskPoint, augrc, aurc, risk_coverage};
pub use temperature::{Temperature, softmax};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

/// Index of the largest entry, the first of equals, as in NumPy; `None` when the row is empty or holds a NaN.
pub fn argmax<T: Copy + PartialOrd>(row: impl IntoIterator<Item = T>) -> Option<usize> {
    let mut best: Option<(usize, T)> = None;
    for (i, x) in row.into_iter().enumerate() {
        // Only a NaN is unequal to itself.
        x.partial_cmp(&x)?;
        if best.is_none_or(|(_, b)| x > b) {
            best = Some((i, x));
        }
    }
    best.map(|(i, _)| i)
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
