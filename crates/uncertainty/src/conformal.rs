//! Conformal prediction: intervals of numbers and sets of classes that hold a wanted share of new rows, whatever the model.
//!
//! Each type learns one threshold from held-out rows that the model has not seen (`fit`), and applies it to new ones. If held-out and new rows are
//! exchangeable — drawn alike, in no order that matters — a new row is covered with probability at least `coverage`, and at most 1/(n + 1)
//! above where scores are not tied. That is on average over held-out and new rows: no promise for one kind of row, nor after a shift of the data.
//!
//! | type | of | score of a held-out row |
//! |---|---|---|
//! | [`Split`] | numbers | \|y − ŷ\| |
//! | [`Normalized`] | numbers with a deviation | \|y − ŷ\|/σ |
//! | [`Cqr`] | intervals, such as those between two quantiles | max(l − y, y − u) |
//! | [`Lac`] | classes | 1 − p_y |
//! | [`Aps`] | classes | the probability of classes before y, from the largest, and a share of p_y |
//!
//! ```
//! use apd_uncertainty::conformal::Split;
//! use ndarray::{Array2, array};
//!
//! let predicted = Array2::<f64>::zeros((9, 1));
//! let y = array![[0.5], [-0.1], [0.2], [-0.9], [0.3], [0.6], [-0.4], [0.7], [-0.8]];
//! let split = Split::fit(predicted.view(), y.view(), 0.8)?; // the ⌈10·.8⌉ = 8th of nine residuals
//! let (lower, upper) = split.interval(array![[2.0]].view())?;
//! assert_eq!((lower[[0, 0]], upper[[0, 0]]), (1.2, 2.8));
//! # Ok::<(), apd_uncertainty::MetricError>(())
//! ```
//!
//! References: Vovk, Gammerman & Shafer, *Algorithmic learning in a random world*, 2005; Lei, G'Sell, Rinaldo, Tibshirani & Wasserman,
//! *Distribution-free predictive inference for regression*, JASA 113 (2018).

mod classes;
mod numbers;
mod quantile;
#[cfg(test)]
mod tests;

pub use classes::{Aps, Lac, coverage, size};
pub use numbers::{Cqr, Normalized, Split};
pub use quantile::quantile;
