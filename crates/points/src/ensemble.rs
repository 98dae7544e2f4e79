//! A few points, stored as they are.

use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use crate::{Points, Posterior};

/// Points stored as they are, each as likely as any other: a deep ensemble's networks, or one point alone.
///
/// **Units**: n·d·4 bytes.
///
/// ```
/// use apd_points::{Ensemble, Posterior};
/// use apd_seed::Seed;
///
/// let members = Ensemble::new(ndarray::array![[1.0, 0.0], [0.0, 1.0]]);
/// assert_eq!(members.available(), Some(2));
/// assert_eq!(members.stored(Seed::root(1), 5).unwrap(), [[1.0, 0.0], [0.0, 1.0]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// A row each.
    members: Array2<f32>,
}

impl Ensemble {
    /// An ensemble of a row for each point.
    pub fn new(members: Array2<f32>) -> Self {
        Self { members: members.as_standard_layout().into_owned() }
    }

    /// An ensemble of points of equal length.
    ///
    /// **Panics** if their lengths differ.
    #[track_caller]
    pub fn of(members: impl IntoIterator<Item: AsRef<[f32]>>) -> Self {
        let (mut values, mut lengths) = (Vec::new(), Vec::new());
        for member in members {
            values.extend_from_slice(member.as_ref());
            lengths.push(member.as_ref().len());
        }
        let dim = lengths.first().copied().unwrap_or(0);
        assert!(lengths.iter().all(|&len| len == dim), "points of one ensemble have different lengths: {lengths:?}");
        Self { members: Array2::from_shape_vec((lengths.len(), dim), values).expect("as many as were counted") }
    }

    /// All of them, a row each.
    pub fn members(&self) -> ArrayView2<'_, f32> {
        self.members.view()
    }
}

impl Points for Ensemble {
    fn len(&self) -> usize {
        self.members.nrows()
    }

    fn dim(&self) -> usize {
        self.members.ncols()
    }

    #[track_caller]
    fn row(&self, i: usize) -> &[f32] {
        self.members.index_axis(Axis(0), i).to_slice().expect("rows are contiguous")
    }
}

/// Members without replacement: those of a random permutation, again from its start once all have been drawn. **Panics** when there are
/// none to draw.
impl Posterior for Ensemble {
    fn dim(&self) -> usize {
        self.members.ncols()
    }

    fn bytes(&self) -> usize {
        4 * self.members.len()
    }

    fn available(&self) -> Option<usize> {
        Some(self.members.nrows())
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let order = seed.stream().permutation(self.members.nrows());
        for (i, mut point) in (first..).zip(out.outer_iter_mut()) {
            let member = order[(i % order.len() as u64) as usize] as usize;
            point.assign(&self.members.index_axis(Axis(0), member));
        }
    }

    fn stored(&self, seed: Seed, count: usize) -> Option<Vec<&[f32]>> {
        let mut rows = seed.stream().permutation(self.members.nrows());
        rows.truncate(count);
        rows.sort_unstable();
        Some(rows.into_iter().map(|row| self.row(row as usize)).collect())
    }
}

#[cfg(test)]
mod tests;
