//! What held-out rows correct: how wide intervals have to be, how sure of a class to be, and below which probability a class is not to be taken for the answer.

use apd_uncertainty::{ClassPredictive, NumberPredictive};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::rows::ln_p_of_labels;

#[cfg(test)]
mod tests;

/// Masses at which intervals are corrected; in between the factor is interpolated.
const MASSES: [f64; 12] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];
/// With fewer held-out rows nothing is corrected.
const FEWEST: usize = 10;
/// The mass of the intervals that a model is judged by.
const INTERVAL: f64 = 0.9;
/// The deviation of ln β before any row is seen, and how many twentieths from 0 it is looked for.
const POWER_DEVIATION: f64 = 0.5;
const POWER_STEPS: i32 = 30;
/// The share of rows whose class is to be among those that are not ruled out.
const CLASS_COVERAGE: f64 = 0.9;

/// Split-conformal corrections, learned from rows that no network has seen.
///
/// Of numbers: the central interval of mass m goes from med − c·(med − l) to med + c·(u − med), where c is the m-quantile over held-out rows of
/// how many times wider the interval had to be in order to hold what was measured. It covers m of new rows on average if they are like
/// the held-out ones, whatever the model; it is as wide in proportion as the model has it.
///
/// Of classes: probabilities are ∝ p̄^β, where ln β minimizes −Σ ln p of held-out rows' classes + ½·(ln β/½)², a prior by which few rows change little
/// (temperature scaling: an average over networks that disagree is often less sure than it is right). And those of probability ≥ t are not
/// ruled out, where t is such that nine in ten held-out rows' classes are among them.
///
/// References: Vovk, Gammerman & Shafer, *Algorithmic learning in a random world*, 2005; Romano, Patterson & Candès, *Conformalized quantile
/// regression*, NeurIPS 2019; Sadinle, Lei & Wasserman, *Least ambiguous set-valued classifiers*, JASA 114, 2019; Guo, Pleiss, Sun &
/// Weinberger, *On calibration of modern neural networks*, ICML 2017, eq. 9.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Calibration {
    /// A factor c for each of the masses, which rise.
    Numbers { masses: Vec<f64>, factors: Vec<f64> },
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
    /// Of predictions of numbers and what was measured; and of these rows the share that lies in its 90 % interval before the correction, and
    /// after one that is learned from the other half of them.
    pub(crate) fn of_numbers(predictive: &NumberPredictive, y: ArrayView2<'_, f64>) -> (Self, (f64, f64)) {
        let (mut factors, mut coverage) = (vec![1.0; MASSES.len()], (f64::NAN, f64::NAN));
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
            if y.nrows() >= FEWEST {
                if mass == INTERVAL {
                    let crossed = share(&even, conformal_quantile(&mut odd, mass))
                        + share(&odd, conformal_quantile(&mut even, mass));
                    coverage = (share(&needed, 1.0) as f64 / y.nrows() as f64, crossed as f64 / y.nrows() as f64);
                }
                *factor = conformal_quantile(&mut needed, mass);
            } else if mass == INTERVAL {
                let share = share(&needed, 1.0) as f64 / y.nrows().max(1) as f64;
                coverage = (share, share);
            }
        }
        (Self::Numbers { masses: MASSES.to_vec(), factors }, coverage)
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

    /// Whether what a file says can be used: for classes or numbers, with a finite factor for each mass.
    pub(crate) fn is_valid(&self, classes: bool) -> bool {
        match self {
            Self::Numbers { masses, factors } => {
                let rising = masses.windows(2).all(|pair| pair[0] < pair[1]);
                let within = masses.iter().all(|&mass| mass > 0.0 && mass < 1.0);
                !classes
                    && masses.len() == factors.len()
                    && !masses.is_empty()
                    && rising
                    && within
                    && factors.iter().all(|&c| c.is_finite() && c >= 0.0)
            }
            Self::Classes { threshold, power } => {
                classes && (0.0..=1.0).contains(threshold) && *power > 0.0 && power.is_finite()
            }
        }
    }

    /// The corrected intervals of the first output, one for each mass; a larger mass never has a smaller interval.
    ///
    /// **Panics** where classes are predicted.
    pub(crate) fn intervals(&self, predictive: &NumberPredictive, masses: &[f64]) -> Vec<Interval> {
        let Self::Numbers { masses: known, factors } = self else { panic!("intervals are those of numbers") };
        let median = predictive.quantile(0.5);
        let mut order: Vec<usize> = (0..masses.len()).collect();
        order.sort_by(|&a, &b| masses[a].total_cmp(&masses[b]));
        let mut intervals = vec![(Vec::new(), Vec::new()); masses.len()];
        let mut inner: Option<usize> = None;
        for place in order {
            let factor = interpolate(known, factors, masses[place]);
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

/// The β that held-out classes make most probable, by a search over ln β in steps of a twentieth.
fn power(mean: &Array2<f64>, labels: &[u32]) -> f64 {
    let loss = |log: f64| {
        let p = raised(mean.clone(), log.exp());
        0.5 * (log / POWER_DEVIATION).powi(2) - ln_p_of_labels(p.view(), labels).iter().sum::<f64>()
    };
    let losses = (-POWER_STEPS..=POWER_STEPS).map(|step| f64::from(step) / 20.0).map(|log| (loss(log), log));
    losses.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(unchanged(), |(_, log)| log.exp())
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
