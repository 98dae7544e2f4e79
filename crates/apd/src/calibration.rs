//! What held-out rows correct: how wide laws and intervals of numbers have to be, how sure of a class to be, and below which probability a class is
//! not to be taken for the answer.

use apd_uncertainty::{ClassPredictive, ContaminatedNormal, NumberPredictive};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::rows::ln_p_of_labels;

#[cfg(test)]
mod tests;

/// Masses at which intervals are corrected; in between the factor is interpolated.
const MASSES: [f64; 12] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];
/// With fewer held-out rows nothing is corrected.
const FEWEST: usize = 10;
/// The deviation of ln β and ln s before any row is seen, and how many twentieths from 0 they are looked for.
const LOG_DEVIATION: f64 = 0.5;
const LOG_STEPS: i32 = 30;
/// The shares of outliers that are tried.
const OUTLIERS: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 0.1];
/// The share of rows whose class is to be among those that are not ruled out.
const CLASS_COVERAGE: f64 = 0.9;

/// Split-conformal corrections, learned from rows that no network has seen.
///
/// Of numbers: predictions are s times as wide about their mean, and a share ε of observations is four times further off. ln s and ε, one of 0 to .1,
/// minimize −Σ ln p of held-out rows + ½·(ln s/½)². Of what comes out of that, the central interval of mass m goes from med − c·(med − l) to
/// med + c·(u − med), where c is the m-quantile over held-out rows of how many times wider the interval had to be in order to hold what was
/// measured. It covers m of new rows on average if they are like
/// the held-out ones, whatever the model; it is as wide in proportion as the model has it.
///
/// Of classes: probabilities are ∝ p̄^β, where ln β minimizes −Σ ln p of held-out rows' classes + ½·(ln β/½)², a prior by which few rows change little
/// (temperature scaling: an average over networks that disagree is often less sure than it is right). And those of probability ≥ t are not
/// ruled out, where t is such that nine in ten held-out rows' classes are among them.
///
/// References: Vovk, Gammerman & Shafer, *Algorithmic learning in a random world*, 2005; Romano, Patterson & Candès, *Conformalized quantile
/// regression*, NeurIPS 2019; Sadinle, Lei & Wasserman, *Least ambiguous set-valued classifiers*, JASA 114, 2019; Guo, Pleiss, Sun &
/// Weinberger, *On calibration of modern neural networks*, ICML 2017, eq. 9; Tukey, *A survey of sampling from contaminated distributions*, 1960.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Calibration {
    /// A factor c for each of the masses, which rise; s and ε.
    Numbers {
        masses: Vec<f64>,
        factors: Vec<f64>,
        #[serde(default = "unchanged")]
        spread: f64,
        #[serde(default)]
        outliers: f64,
    },
    /// t, and β.
    Classes {
        threshold: f64,
        #[serde(default = "unchanged")]
        power: f64,
    },
}

/// An interval for each row: the lower and the upper ends.
pub(crate) type Interval = (Vec<f64>, Vec<f64>);

impl Calibration {
    /// The coverage of the intervals that every program shows, whatever others are asked for.
    pub(crate) const COVERAGE: f64 = 0.9;
    /// How many times further off outliers are.
    pub(crate) const OUTLIER_WIDTH: f64 = 4.0;

    /// Of predictions of numbers and what was measured; and of these rows the share that lies in its 90 % interval before the correction, and
    /// after one that is learned from the other half of them.
    pub(crate) fn of_numbers(predictive: &NumberPredictive, y: ArrayView2<'_, f64>) -> (Self, (f64, f64)) {
        let mut factors = vec![1.0; MASSES.len()];
        let (lower, upper) = predictive.interval(Self::COVERAGE);
        let held = (0..y.nrows()).filter(|&i| (lower[[i, 0]]..=upper[[i, 0]]).contains(&y[[i, 0]])).count();
        let before = held as f64 / y.nrows().max(1) as f64;
        if y.nrows() < FEWEST {
            let unchanged = Self::Numbers { masses: MASSES.to_vec(), factors, spread: unchanged(), outliers: 0.0 };
            return (unchanged, (before, before));
        }
        let (spread, outliers) = widened(predictive, y);
        let predictive = &widen(predictive.clone(), None, spread, outliers);
        let mut after = f64::NAN;
        let median = predictive.quantile(0.5);
        for (factor, &mass) in factors.iter_mut().zip(&MASSES) {
            let (lower, upper) = predictive.interval(mass);
            let needed = |i: usize| {
                let (y, median) = (y[[i, 0]], median[[i, 0]]);
                let end = if y >= median { upper[[i, 0]] } else { lower[[i, 0]] };
                if y == median { 0.0 } else { ((y - median) / (end - median)).abs() }
            };
            let mut needed: Vec<f64> = (0..y.nrows()).map(needed).collect();
            let share = |held: &[f64], factor: f64| held.iter().filter(|&&c| c <= factor).count();
            let half = |first: usize| needed.iter().skip(first).step_by(2).copied().collect::<Vec<f64>>();
            let (mut even, mut odd) = (half(0), half(1));
            if mass == Self::COVERAGE {
                let crossed =
                    share(&even, conformal_quantile(&mut odd, mass)) + share(&odd, conformal_quantile(&mut even, mass));
                after = crossed as f64 / y.nrows() as f64;
            }
            *factor = conformal_quantile(&mut needed, mass);
        }
        (Self::Numbers { masses: MASSES.to_vec(), factors, spread, outliers }, (before, after))
    }

    /// Of predictions of classes and what they were.
    pub(crate) fn of_classes(predictive: &ClassPredictive, labels: &[u32]) -> Self {
        if labels.len() < FEWEST {
            return Self::Classes { threshold: 0.5, power: unchanged() };
        }
        let mean = predictive.mean();
        let power = power(&mean, labels);
        let p = raised(mean, power);
        let mut doubts: Vec<f64> =
            labels.iter().zip(p.outer_iter()).map(|(&label, p)| 1.0 - p[label as usize]).collect();
        let threshold = 1.0 - conformal_quantile(&mut doubts, CLASS_COVERAGE);
        Self::Classes { threshold: threshold.clamp(0.0, 1.0), power }
    }

    /// The calibrated probabilities of classes.
    ///
    /// **Panics** where numbers are predicted.
    pub(crate) fn probabilities(&self, predictive: &ClassPredictive) -> Array2<f64> {
        let Self::Classes { power, .. } = self else { panic!("probabilities are those of classes") };
        raised(predictive.mean(), *power)
    }

    /// The calibrated laws of numbers; `mean` is theirs, if it is not the predictions' own.
    ///
    /// **Panics** where classes are predicted.
    pub(crate) fn numbers(&self, predictive: NumberPredictive, mean: Option<ArrayView2<'_, f64>>) -> NumberPredictive {
        let Self::Numbers { spread, outliers, .. } = self else { panic!("laws are those of numbers") };
        widen(predictive, mean, *spread, *outliers)
    }

    /// Whether what a file says can be used: for classes or numbers, with a finite factor for each mass.
    pub(crate) fn is_valid(&self, classes: bool) -> bool {
        match self {
            Self::Numbers { masses, factors, spread, outliers } => {
                let rising = masses.windows(2).all(|pair| pair[0] < pair[1]);
                let within = masses.iter().all(|&mass| mass > 0.0 && mass < 1.0);
                !classes
                    && masses.len() == factors.len()
                    && !masses.is_empty()
                    && rising
                    && within
                    && factors.iter().all(|&c| c.is_finite() && c >= 0.0)
                    && *spread > 0.0
                    && spread.is_finite()
                    && (0.0..1.0).contains(outliers)
            }
            Self::Classes { threshold, power } => {
                classes && (0.0..=1.0).contains(threshold) && *power > 0.0 && power.is_finite()
            }
        }
    }

    /// The corrected intervals of the first output of calibrated laws, one for each mass; a larger mass never has a smaller interval.
    ///
    /// **Panics** where classes are predicted.
    pub(crate) fn intervals(&self, predictive: &NumberPredictive, masses: &[f64]) -> Vec<Interval> {
        if masses.is_empty() {
            return Vec::new();
        }
        let median = predictive.quantile(0.5);
        let mut order: Vec<usize> = (0..masses.len()).collect();
        order.sort_by(|&a, &b| masses[a].total_cmp(&masses[b]));
        let mut intervals = vec![(Vec::new(), Vec::new()); masses.len()];
        let mut inner: Option<usize> = None;
        for place in order {
            let factor = self.factor(masses[place]);
            let (lower, upper) = predictive.interval(masses[place]);
            let stretch = |end: &f64, median: &f64| median + factor * (end - median);
            let mut lower: Vec<f64> = lower.iter().zip(&median).map(|(end, median)| stretch(end, median)).collect();
            let mut upper: Vec<f64> = upper.iter().zip(&median).map(|(end, median)| stretch(end, median)).collect();
            if let Some(inner) = inner {
                let (inner_lower, inner_upper): &Interval = &intervals[inner];
                lower.iter_mut().zip(inner_lower).for_each(|(end, &inner)| *end = end.min(inner));
                upper.iter_mut().zip(inner_upper).for_each(|(end, &inner)| *end = end.max(inner));
            }
            intervals[place] = (lower, upper);
            inner = Some(place);
        }
        intervals
    }

    /// How many times as wide the interval of this mass is as the laws have it.
    ///
    /// **Panics** where classes are predicted.
    pub(crate) fn factor(&self, mass: f64) -> f64 {
        let Self::Numbers { masses, factors, .. } = self else { panic!("intervals are those of numbers") };
        interpolate(masses, factors, mass)
    }

    /// Whether other classes than the first, or none, are left where those below the threshold are ruled out.
    ///
    /// **Panics** where numbers are predicted.
    pub(crate) fn is_ambiguous<'a>(&self, p: impl IntoIterator<Item = &'a f64>) -> bool {
        let Self::Classes { threshold, .. } = self else { panic!("ambiguity is that of classes") };
        p.into_iter().filter(|p| *p >= threshold).count() != 1
    }
}

/// β of probabilities that stay as they are.
fn unchanged() -> f64 {
    1.0
}

/// ∝ p^β, row by row.
fn raised(mut p: Array2<f64>, power: f64) -> Array2<f64> {
    if power != unchanged() {
        for mut row in p.rows_mut() {
            row.mapv_inplace(|p| p.powf(power));
            let sum = row.sum();
            row /= sum;
        }
    }
    p
}

/// The β that held-out classes make most probable.
fn power(mean: &Array2<f64>, labels: &[u32]) -> f64 {
    likeliest(|power| -ln_p_of_labels(raised(mean.clone(), power).view(), labels).iter().sum::<f64>()).1
}

/// The s and ε that held-out numbers make most probable.
fn widened(predictive: &NumberPredictive, y: ArrayView2<'_, f64>) -> (f64, f64) {
    let of_share = |outliers: f64| {
        let loss = |spread| -widen(predictive.clone(), None, spread, outliers).ln_density(y).sum();
        let (loss, spread) = likeliest(loss);
        (loss, (spread, outliers))
    };
    let losses = OUTLIERS.map(of_share).into_iter();
    losses.min_by(|a, b| a.0.total_cmp(&b.0)).map_or((unchanged(), 0.0), |(_, found)| found)
}

/// Laws that are wider about a mean, their own unless another is given, and have outliers.
fn widen(
    predictive: NumberPredictive,
    mean: Option<ArrayView2<'_, f64>>,
    spread: f64,
    outliers: f64,
) -> NumberPredictive {
    let stretched = match (spread == unchanged(), mean) {
        (true, _) => predictive,
        (false, Some(mean)) => predictive.stretch(mean, spread),
        (false, None) => {
            let own = predictive.mean();
            predictive.stretch(own.view(), spread)
        }
    };
    match outliers > 0.0 {
        true => stretched.with_family(ContaminatedNormal { share: outliers, width: Calibration::OUTLIER_WIDTH }),
        false => stretched,
    }
}

/// The least of loss(x) + ½·(ln x/½)², and the x that has it, by a search over ln x in steps of a twentieth.
fn likeliest(loss: impl Fn(f64) -> f64) -> (f64, f64) {
    let penalized = |step: i32| {
        let log = f64::from(step) / 20.0;
        (0.5 * (log / LOG_DEVIATION).powi(2) + loss(log.exp()), log.exp())
    };
    let losses = (-LOG_STEPS..=LOG_STEPS).map(penalized);
    losses.min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are steps")
}

/// The value below which a new one lies with probability `mass`: the order statistic (n + 1)·mass, interpolated, or the largest.
fn conformal_quantile(values: &mut [f64], mass: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = ((values.len() + 1) as f64 * mass - 1.0).clamp(0.0, (values.len() - 1) as f64);
    let (below, part) = (place as usize, place.fract());
    let above = (below + 1).min(values.len() - 1);
    // A distance without end is no factor: as wide as numbers allow.
    (values[below] + part * (values[above] - values[below])).clamp(0.0, 1e9)
}

/// Piecewise linear, and constant beyond the ends.
fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let above = x.partition_point(|&x| x < at);
    if above == 0 {
        return y[0];
    }
    if above == x.len() {
        return y[x.len() - 1];
    }
    let part = (at - x[above - 1]) / (x[above] - x[above - 1]);
    y[above - 1] + part * (y[above] - y[above - 1])
}
