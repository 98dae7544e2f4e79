use ndarray::{Array2, ArrayView1, ArrayView2};

use super::quantile::quantile;
use crate::{MetricError, Real, checks};

/// The least ambiguous sets: all classes with 1 − p_c ≤ q, with q the [`quantile`] of 1 − p_y over held-out rows.
///
/// These are the smallest on average where probabilities are right. Rows on which the model is unsure may get no class at all.
///
/// Reference: Sadinle, Lei & Wasserman, *Least ambiguous set-valued classifiers with bounded error levels*, JASA 114 (2019).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lac {
    /// q; +∞ where held-out rows are too few, and then sets hold all classes.
    pub threshold: f64,
}

impl Lac {
    /// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ or
    /// `coverage` is not strictly between 0 and 1.
    #[track_caller]
    pub fn fit(p: ArrayView2<'_, impl Real>, labels: &[u32], coverage: f64) -> Result<Self, MetricError> {
        checks::predictions(&p, labels)?;
        let scores: Vec<f64> =
            labels.iter().zip(p.outer_iter()).map(|(&y, row)| 1.0 - row[y as usize].into()).collect();
        Ok(Self { threshold: quantile(&scores, coverage)? })
    }

    /// Whether each class is in the set of its row.
    ///
    /// **Shapes** N×K, and so is the result. **Errors** on a row that is no distribution.
    pub fn sets(&self, p: ArrayView2<'_, impl Real>) -> Result<Array2<bool>, MetricError> {
        checks::probabilities("predictions", &p)?;
        Ok(p.mapv(|p| 1.0 - p.into() <= self.threshold))
    }
}

/// Adaptive prediction sets: all classes of score ≤ q, with q the [`quantile`] of labels' scores over held-out rows.
///
/// From the most probable class to the least (the first of equals first), the score of a class is the sum of the probabilities before it, and u
/// times its own. With a u of each row that is uniform on [0, 1], sets are as large as they have to be, and where probabilities are right each row
/// is covered as often as wanted; without, u is 1. Sets are larger than those of [`Lac`], and larger where the model is unsure.
///
/// Reference: Romano, Sesia & Candès, *Classification with valid and adaptive coverage*, NeurIPS 2020, §2, whose u is 1 − u here.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Aps {
    /// q; +∞ where held-out rows are too few, and then sets hold all classes.
    pub threshold: f64,
    /// Whether q was learned with a u of each row.
    pub randomized: bool,
}

impl Aps {
    /// **Shapes** `p`: N×K, `labels`: N, `u`: N or none. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the
    /// lengths differ, a u is outside [0, 1], or `coverage` is not strictly between 0 and 1.
    #[track_caller]
    pub fn fit(
        p: ArrayView2<'_, impl Real>,
        labels: &[u32],
        coverage: f64,
        u: Option<&[f64]>,
    ) -> Result<Self, MetricError> {
        checks::predictions(&p, labels)?;
        check_u(u, labels.len());
        let score = |(n, row)| scores(row, u.map_or(1.0, |u| u[n]))[labels[n] as usize];
        let scores: Vec<f64> = p.outer_iter().enumerate().map(score).collect();
        Ok(Self { threshold: quantile(&scores, coverage)?, randomized: u.is_some() })
    }

    /// Whether each class is in the set of its row.
    ///
    /// **Shapes** `p`: N×K, and so is the result; `u`: N or none. **Errors** on a row that is no distribution. **Panics** if there is not one u in
    /// [0, 1] for each row, or one where none was learned with, or none where they were.
    #[track_caller]
    pub fn sets(&self, p: ArrayView2<'_, impl Real>, u: Option<&[f64]>) -> Result<Array2<bool>, MetricError> {
        assert_eq!(u.is_some(), self.randomized, "sets are randomized as the threshold was");
        checks::probabilities("predictions", &p)?;
        check_u(u, p.nrows());
        let mut sets = Array2::from_elem(p.raw_dim(), false);
        for (n, (mut set, row)) in sets.outer_iter_mut().zip(p.outer_iter()).enumerate() {
            let scores = scores(row, u.map_or(1.0, |u| u[n]));
            set.iter_mut().zip(scores).for_each(|(held, score)| *held = score <= self.threshold);
        }
        Ok(sets)
    }
}

/// Share of the rows whose set holds the label, to be compared with the coverage that was wanted.
///
/// **Shapes** `sets`: N×K, `labels`: N. **Errors** on no rows or a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub fn coverage(sets: ArrayView2<'_, bool>, labels: &[u32]) -> Result<f64, MetricError> {
    checks::labels_of("sets", &sets, labels)?;
    let held = labels.iter().zip(sets.outer_iter()).filter(|(y, set)| set[**y as usize]).count();
    Ok(held as f64 / labels.len() as f64)
}

/// Mean number of classes in a set: of two with the right coverage the smaller is the better.
///
/// **Shapes** `sets`: N×K. **Errors** on no rows.
pub fn size(sets: ArrayView2<'_, bool>) -> Result<f64, MetricError> {
    match sets.nrows() {
        0 => Err(MetricError::Empty { what: "sets" }),
        n => Ok(sets.iter().filter(|held| **held).count() as f64 / n as f64),
    }
}

/// The score of each class.
fn scores(row: ArrayView1<'_, impl Real>, u: f64) -> Vec<f64> {
    let p: Vec<f64> = row.iter().map(|&p| p.into()).collect();
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let (mut scores, mut before) = (vec![0.0; p.len()], 0.0);
    for class in order {
        scores[class] = before + u * p[class];
        before += p[class];
    }
    scores
}

#[track_caller]
fn check_u(u: Option<&[f64]>, rows: usize) {
    if let Some(u) = u {
        assert_eq!(u.len(), rows, "one u for each row");
        assert!(u.iter().all(|u| (0.0..=1.0).contains(u)), "each u is in [0, 1]");
    }
}
