//! Points whose parameters lie in another order than a network has them.

use std::ops::Range;

use apd_seed::Seed;
use ndarray::{Array2, ArrayViewMut2};

use crate::{FormatError, Layout, Points, Posterior};

#[cfg(test)]
mod tests;

/// A posterior of one layout as one of another: the same points, their parameters in the other order.
pub struct Rearranged<'a> {
    posterior: &'a dyn Posterior,
    /// The source of each part of a point.
    places: Vec<Range<usize>>,
}

impl<'a> Rearranged<'a> {
    /// Points of `posterior`, whose layout is `found`, in the layout `wanted`; `None` where they have it already.
    ///
    /// **Errors**: as [`Layout::places_of`].
    pub fn new(posterior: &'a dyn Posterior, found: &Layout, wanted: &Layout) -> Result<Option<Self>, FormatError> {
        let places = found.places_of(wanted)?;
        let in_order = places.windows(2).all(|pair| pair[0].end == pair[1].start);
        Ok((!in_order).then_some(Self { posterior, places }))
    }
}

impl Posterior for Rearranged<'_> {
    fn dim(&self) -> usize {
        self.posterior.dim()
    }

    fn bytes(&self) -> usize {
        self.posterior.bytes()
    }

    fn available(&self) -> Option<usize> {
        self.posterior.available()
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let mut points = Array2::zeros(out.raw_dim());
        self.posterior.draw_into(seed, first, points.view_mut());
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let point = Points::row(&points, i);
            let parts = self.places.iter().flat_map(|place| &point[place.clone()]);
            row.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        }
    }
}
