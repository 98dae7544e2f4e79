//! Baselines of distillation that keep points.

use apd_seed::Seed;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::Format;
use crate::quantized::Matrix;
use apd_points::Posterior;

/// Some points as they are, or with noise: a subsample of a bank, the members of an ensemble.
///
/// The first draws are the points themselves in a random order, each once; then that order begins anew. A draw with noise is a point
/// plus a Gaussian of the given standard deviation on each coordinate, independently.
///
/// **Where it fails**: as a posterior, beyond as many draws as there are points, unless the noise is the right one.
#[derive(Clone, Debug, PartialEq)]
pub struct Subsample {
    pub(crate) points: Matrix,
    pub(crate) sd: Option<Matrix>,
}

impl Subsample {
    /// The rows of `points`, kept in `format`; `sd` is the noise's.
    ///
    /// **Shapes**: points is m × d, sd d numbers. **Panics** if there are no points, or `sd` has another length.
    #[track_caller]
    pub fn new(points: ArrayView2<'_, f32>, sd: Option<&[f32]>, format: Format) -> Self {
        assert!(points.nrows() > 0, "no points to keep");
        let sd = sd.map(|sd| {
            assert_eq!(sd.len(), points.ncols(), "coordinates of the noise, and of the points");
            let sd = ArrayView2::from_shape((1, sd.len()), sd).expect("one row");
            Matrix::new(format.of_vectors(), sd)
        });
        Self { points: Matrix::new(format, points), sd }
    }

    /// `count` of the points, at equal distances through them: one at least, all at most.
    ///
    /// **Shapes**: points is m × d. **Panics** if there are no points.
    #[track_caller]
    pub fn evenly(points: ArrayView2<'_, f32>, count: usize, format: Format) -> Self {
        let m = points.nrows();
        let count = count.clamp(1, m);
        let rows: Vec<usize> = (0..count).map(|i| (2 * i + 1) * m / (2 * count)).collect();
        Self::new(points.select(Axis(0), &rows).view(), None, format)
    }

    /// Points that are kept.
    pub fn count(&self) -> usize {
        self.points.rows()
    }
}

impl Posterior for Subsample {
    fn dim(&self) -> usize {
        self.points.columns()
    }

    fn bytes(&self) -> usize {
        self.points.bytes() + self.sd.as_ref().map_or(0, Matrix::bytes)
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let dim = self.dim();
        assert!(out.ncols() == dim, "draw_into: points have {dim} coordinates, not {}", out.ncols());
        let order = seed.child("order").stream().permutation(self.count());
        let (normals, sd) = (seed.child("noise").normals(), self.sd.as_ref().map(|sd| sd.row(0)));
        let rows: Vec<_> = out.axis_iter_mut(Axis(0)).enumerate().collect();
        let scratch = || (vec![0.0; dim], vec![0.0; dim]);
        rows.into_par_iter().for_each_init(scratch, |(point, noise), (i, mut out)| {
            let number = first + i as u64;
            self.points.read(order[(number % order.len() as u64) as usize] as usize, 0..dim, point);
            if let Some(sd) = &sd {
                normals.fill(number, 0, noise);
                point.iter_mut().zip(noise.iter().zip(sd)).for_each(|(x, (&noise, &sd))| *x += sd * noise);
            }
            out.iter_mut().zip(&*point).for_each(|(out, &x)| *out = x);
        });
    }
}

#[cfg(test)]
mod tests;
