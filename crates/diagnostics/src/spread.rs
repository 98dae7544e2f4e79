//! Have the draws collapsed onto a point? A check of many coordinates at once, against the prior and against free diffusion.
//!
//! A sampler whose noise was forgotten is an optimizer: its "draws" are one network, printed many times, and every diagnostic of
//! single scalars may look fine on them. What gives it away is the spread. The data may legitimately pin any *one* direction far
//! below the prior's deviation, but in a model with many more coordinates than the data can determine, *most* coordinates move nearly
//! freely, and a free coordinate's spread can be computed: [`predicted_spread`].

use std::fmt;

use crate::DiagnosticError;
use crate::summary::median;

/// Deviations under a tenth of a prediction are small: a direction that narrow has a hundred times the curvature
/// that it could have and still be free.
const SMALL_TO_PREDICTION: f64 = 0.1;

/// Deviations under a hundredth of the prior's are small where there is no prediction: the chain may just be short.
const SMALL_TO_PRIOR: f64 = 0.01;

/// A chain whose free coordinates cannot show a tenth of the prior's deviation has not seen the posterior.
const SHORT: f64 = 0.1;

/// The verdict on the spread of the draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    /// At least half of the coordinates spread as they might.
    Plausible,
    /// They spread as they might, but over this window even a free coordinate spreads less than a tenth of the prior's deviation: the draws are
    /// from the neighborhood of where the chain was, not from the posterior.
    ShortChain,
    /// Most coordinates spread far less than they could.
    Collapsed,
}

/// The spread of the draws over all coordinates; `Display` says it in a sentence.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Spread {
    /// Coordinates looked at.
    pub coordinates: usize,
    /// Median over coordinates of their deviation.
    pub median: f64,
    /// Deviation of the prior.
    pub prior: f64,
    /// Deviation that a free coordinate would show, if it was given.
    pub predicted: Option<f64>,
    /// Share of coordinates that spread little: under a tenth of the prediction, or without one under a hundredth of the prior's.
    pub small_share: f64,
}

impl Spread {
    /// Compares the draws' deviation in each coordinate with the prior's and, if given, with that of a free coordinate.
    ///
    /// **Shapes**: one deviation per coordinate, over the draws of *one* chain: between chains, deviations are large however little
    /// each of them moves. **Units**: all three in those of the coordinate; the prior N(0, 1/τ) has deviation 1/√τ.
    ///
    /// **Errors**: no coordinates; a deviation that is negative or not finite; a prior or predicted deviation that is not positive
    /// and finite.
    ///
    /// **Where it fails**: where the data determine most coordinates (a linear model with more rows than columns), draws spread
    /// far less than free ones and are right. A drift that has not ended is spread, too.
    ///
    /// ```
    /// use apd_diagnostics::spread::{Spread, Verdict, predicted_spread};
    ///
    /// let (temperature, step_size, steps, tau) = (1.0, 1e-4, 100_000, 4.0_f64);
    /// let free = predicted_spread(temperature, step_size, steps, tau);
    ///
    /// // Deviations of four weights: one is pinned by the data, the rest is nearly free.
    /// let spread = Spread::of(&[0.01, 0.40, 0.45, 0.46], tau.sqrt().recip(), Some(free))?;
    /// assert_eq!(spread.verdict(), Verdict::Plausible);
    ///
    /// // The same chain without its noise.
    /// let spread = Spread::of(&[1e-4, 2e-4, 2e-4, 0.001], tau.sqrt().recip(), Some(free))?;
    /// assert_eq!(spread.verdict(), Verdict::Collapsed);
    /// # Ok::<(), apd_diagnostics::DiagnosticError>(())
    /// ```
    pub fn of(deviations: &[f64], prior: f64, predicted: Option<f64>) -> Result<Self, DiagnosticError> {
        let of_scale = [("the prior's deviation", Some(prior)), ("the predicted deviation", predicted)];
        for (what, value) in of_scale {
            if let Some(value) = value.filter(|&x| !(x > 0.0 && x.is_finite())) {
                return Err(DiagnosticError::OutOfRange { what, value, expected: "a finite number above 0" });
            }
        }
        let n = deviations.len();
        let median = median(deviations.iter().copied()).ok_or(DiagnosticError::Empty { what: "coordinates" })?;
        if let Some(&value) = deviations.iter().find(|&&x| !(x >= 0.0 && x.is_finite())) {
            let expected = "a finite number, at least 0";
            return Err(DiagnosticError::OutOfRange { what: "a coordinate's deviation", value, expected });
        }
        let limit = predicted.map_or(SMALL_TO_PRIOR * prior, |predicted| SMALL_TO_PREDICTION * predicted);
        let small_share = deviations.iter().filter(|&&x| x < limit).count() as f64 / n as f64;
        Ok(Self { coordinates: n, median, prior, predicted, small_share })
    }

    /// Median deviation relative to the prior's.
    pub fn median_to_prior(&self) -> f64 {
        self.median / self.prior
    }

    /// Median deviation relative to that of a free coordinate, if it was given.
    pub fn median_to_predicted(&self) -> Option<f64> {
        self.predicted.map(|predicted| self.median / predicted)
    }

    /// Whether that is suspicious.
    pub fn verdict(&self) -> Verdict {
        let reach = self.predicted.map_or(1.0, |predicted| predicted / self.prior);
        if self.small_share > 0.5 {
            Verdict::Collapsed
        } else if reach < SHORT {
            Verdict::ShortChain
        } else {
            Verdict::Plausible
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the draws spread {} of the prior's deviation in the median", Percent(self.median_to_prior()))?;
        let small = Percent(self.small_share);
        match (self.median_to_predicted(), self.predicted) {
            (Some(ratio), Some(predicted)) => {
                write!(f, " and {} of what a free coordinate would in this window", Percent(ratio))?;
                match self.verdict() {
                    Verdict::Plausible => write!(f, ": no sign of a collapse"),
                    Verdict::ShortChain => {
                        let reach = Percent(predicted / self.prior);
                        write!(f, ", which itself is {reach} of the prior's: the chain is too short to leave its start")
                    }
                    Verdict::Collapsed => write!(
                        f,
                        " ({small} of the coordinates under a tenth of that): the noise term may be missing, the temperature \
                         lower than stated, or the data may determine most coordinates"
                    ),
                }
            }
            _ if self.verdict() == Verdict::Collapsed => write!(
                f,
                " ({small} of the coordinates under a hundredth of it): the noise term may be missing, the temperature too low \
                 or the chain too short"
            ),
            _ => write!(f, ": no sign of a collapse"),
        }
    }
}

/// A share in per cent, with two digits that mean something.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.0;
        let digits = if percent > 0.0 { (1.0 - percent.log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
        // No zeros after the last digit that is none: 0.3 rather than 0.30.
        let text = format!("{percent:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        write!(f, "{text} %")
    }
}

/// Deviation that a coordinate shows within `steps` steps of Langevin dynamics if only the prior acts on it.
///
/// Such a coordinate is an Ornstein–Uhlenbeck process with rate τε/2 and variance T/τ. Within a window of x = τ·ε·steps/2 relaxation times
/// its variance about the window's own mean is, on average over stationary starts,
///
/// E s² = (T/τ)·(1 − 2(x − 1 + e^(−x))/x²),
///
/// the variance minus that of the mean. For a long window it is the prior's variance T/τ, for a short one that of a free walk,
/// T·ε·steps/6. The square root is returned. Single coordinates scatter around it: of a free walk, half show less than 0.84 of it.
///
/// **Units**: `step_size` ε in θ² per nat, with the update θ ← θ − (ε/2)·∇U + N(0, T·ε); `prior_precision` τ of the prior N(0, 1/τ), 0
/// for a flat one; `steps` from the first kept draw to the last, not the number of draws kept.
///
/// **Panics** if an argument is negative or not finite.
///
/// **Where it fails**: discretization widens the law by a factor 1/(1 − ετ/4) of the variance, and minibatch noise adds about ε·Var(∇Û)/4
/// to the temperature; neither is included. At T = 0 the prediction is 0, which [`Spread::of`] refuses: there is nothing to compare.
///
/// ```
/// use apd_diagnostics::spread::predicted_spread;
/// assert!((predicted_spread(1.0, 1e-6, 600, 0.0) - 0.01).abs() < 1e-15); // √(T·ε·steps/6)
/// assert!((predicted_spread(1.0, 1e-3, 100_000_000, 4.0) - 0.5).abs() < 1e-5); // 1/√τ
/// ```
#[track_caller]
pub fn predicted_spread(temperature: f64, step_size: f64, steps: u64, prior_precision: f64) -> f64 {
    for (what, value) in [("temperature", temperature), ("step size", step_size), ("prior precision", prior_precision)]
    {
        assert!(value >= 0.0 && value.is_finite(), "the {what} is a finite number, at least 0, not {value}");
    }
    let diffused = temperature * step_size * steps as f64;
    let x = 0.5 * prior_precision * step_size * steps as f64;
    (0.5 * diffused * share_of_walk(x)).sqrt()
}

/// (1 − 2(x − 1 + e^(−x))/x²)/x = 2·Σ_{k ≥ 3} (−x)^(k − 3)/k!, which is ⅓ at 0.
fn share_of_walk(x: f64) -> f64 {
    if x >= 1.0 {
        return (1.0 - 2.0 * (x + (-x).exp_m1()) / (x * x)) / x;
    }
    // The closed form loses all its digits near 0; for x < 1 these terms are exact to the last place.
    let (mut sum, mut term) = (0.0, 1.0 / 3.0);
    for k in 4..24 {
        sum += term;
        term *= -x / f64::from(k);
    }
    sum
}

#[cfg(test)]
mod tests;
