//! Means and standard deviations of the points, and the affine map made from them.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::kernel::Element;
use apd_points::Points;

/// A map of the points before they are distilled, undone when points are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Standardization {
    /// The identity: x.
    #[default]
    None,
    /// x − mean, coordinate by coordinate.
    Center,
    /// (x − mean) / sd, coordinate by coordinate. A coordinate that varies less than a thousandth of the others (in root
    /// mean square) is divided by that thousandth instead.
    Standardize,
}

impl std::fmt::Display for Standardization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Center => "center",
            Self::Standardize => "standardize",
        })
    }
}

/// Smallest standard deviation that counts, in units of the root mean square one.
const FLOOR: f64 = 1e-3;

/// Mean and standard deviation of every coordinate.
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    /// The deviation with the floor applied: positive.
    pub(crate) sd: Vec<f64>,
    /// The deviation as it is.
    pub(crate) raw_sd: Vec<f64>,
}

impl Moments {
    /// The moments by one pass over the points, in f64, in parallel over coordinates.
    pub(crate) fn of(rows: &impl Points) -> Result<Self, Error> {
        const COLUMNS: usize = 8192;
        let (n, d) = (rows.len(), rows.dim());
        let parts: Vec<(Vec<f64>, Vec<f64>)> = (0..d.div_ceil(COLUMNS))
            .into_par_iter()
            .map(|part| moments(rows, part * COLUMNS..((part + 1) * COLUMNS).min(d)))
            .collect();
        let mean: Vec<f64> = parts.iter().flat_map(|part| &part.0).copied().collect();
        let raw_sd: Vec<f64> = parts.iter().flat_map(|part| &part.1).copied().collect();
        let mut sd = raw_sd.clone();
        if let Some(j) = (0..d).find(|&j| !(mean[j].is_finite() && sd[j].is_finite())) {
            let reason = format!("coordinate {j} of some point is not finite");
            return Err(Error::Points { rows: n, dim: d, reason });
        }
        let rms = (sd.iter().map(|sd| sd * sd).sum::<f64>() / d as f64).sqrt();
        // Points that are all equal: any positive scale serves.
        let floor = if rms > 0.0 { FLOOR * rms } else { 1.0 };
        sd.iter_mut().for_each(|sd| *sd = sd.max(floor));
        Ok(Self { mean, sd, raw_sd })
    }
}

/// Means and standard deviations of some coordinates.
fn moments(rows: &impl Points, columns: Range<usize>) -> (Vec<f64>, Vec<f64>) {
    // Relative to the first point: sums of squares of large, nearly constant coordinates would cancel.
    let origin = &rows.row(0)[columns.clone()];
    let (mut sum, mut squares) = (vec![0.0; columns.len()], vec![0.0; columns.len()]);
    for i in 1..rows.len() {
        let row = &rows.row(i)[columns.clone()];
        for ((sum, squares), (&x, &x0)) in sum.iter_mut().zip(&mut squares).zip(row.iter().zip(origin)) {
            let shifted = f64::from(x) - f64::from(x0);
            *sum += shifted;
            *squares += shifted * shifted;
        }
    }
    let n = rows.len() as f64;
    // `max` drops a NaN, but then the mean is one.
    let sd = sum.iter().zip(&squares).map(|(sum, squares)| ((squares - sum * sum / n) / n).max(0.0).sqrt());
    let mean = sum.iter().zip(origin).map(|(sum, &x0)| f64::from(x0) + sum / n);
    (mean.collect(), sd.collect())
}

/// x ↦ (x − mean) / scale and back; an empty part does nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Affine<'a> {
    pub(crate) mean: Cow<'a, [f32]>,
    pub(crate) scale: Cow<'a, [f32]>,
}

impl Affine<'static> {
    pub(crate) fn new(kind: Standardization, moments: Option<&Moments>) -> Self {
        let part = |wanted: bool, part: fn(&Moments) -> &Vec<f64>| match moments {
            Some(moments) if wanted => part(moments).iter().map(|&x| x as f32).collect(),
            _ => Vec::new(),
        };
        Self {
            mean: part(kind != Standardization::None, |moments| &moments.mean).into(),
            scale: part(kind == Standardization::Standardize, |moments| &moments.sd).into(),
        }
    }
}

impl Affine<'_> {
    /// `to[i]` ← standardized `from[i]`, coordinates `columns`.
    pub(crate) fn forward<T: Element>(&self, columns: Range<usize>, from: &[f32], to: &mut [T]) {
        match (self.mean.is_empty(), self.scale.is_empty()) {
            (true, _) => to.iter_mut().zip(from).for_each(|(to, &x)| *to = T::from_f32(x)),
            (false, true) => {
                let mean = &self.mean[columns];
                to.iter_mut().zip(from.iter().zip(mean)).for_each(|(to, (&x, &mean))| *to = T::from_f32(x - mean));
            }
            (false, false) => {
                let (mean, scale) = (&self.mean[columns.clone()], &self.scale[columns]);
                for ((to, &x), (&mean, &scale)) in to.iter_mut().zip(from).zip(mean.iter().zip(scale)) {
                    *to = T::from_f32((x - mean) / scale);
                }
            }
        }
    }

    /// Standardized coordinates `columns` of a point ← the point's.
    pub(crate) fn backward(&self, columns: Range<usize>, x: &mut [f32]) {
        if !self.scale.is_empty() {
            x.iter_mut().zip(&self.scale[columns.clone()]).for_each(|(x, &scale)| *x *= scale);
        }
        if !self.mean.is_empty() {
            x.iter_mut().zip(&self.mean[columns]).for_each(|(x, &mean)| *x += mean);
        }
    }

    /// The same map, borrowed.
    pub(crate) fn borrowed(&self) -> Affine<'_> {
        Affine { mean: Cow::Borrowed(&self.mean), scale: Cow::Borrowed(&self.scale) }
    }

    /// Whether its parts are those of `kind` in dimension `dim`.
    pub(crate) fn fits(&self, kind: Standardization, dim: usize) -> bool {
        let len = |wanted: bool| if wanted { dim } else { 0 };
        self.mean.len() == len(kind != Standardization::None)
            && self.scale.len() == len(kind == Standardization::Standardize)
    }
}

#[cfg(test)]
mod tests;
