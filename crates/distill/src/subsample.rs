//! Baselines of distillation that keep points.

use apd_seed::Seed;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::Format;
use crate::quantized::Matrix;
use crate::standardize::{Affine, Moments};
use apd_points::Posterior;

/// How many times more rounding adds to the coordinates' variances, where units of their own would be worth their bytes.
const WORTH: f64 = 2.0;

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
    /// What the points were divided and shifted by; nothing, if they are kept as they were.
    pub(crate) units: Affine<'static>,
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
        Self { points: Matrix::new(format, points), sd, units: Affine::default() }
    }

    /// `count` of the points, at equal distances through them: one at least, all at most.
    ///
    /// **Shapes**: points is m × d. **Panics** if there are no points.
    #[track_caller]
    pub fn evenly(points: ArrayView2<'_, f32>, count: usize, format: Format) -> Self {
        Self::new(evenly(points, count).view(), None, format)
    }

    /// As many of the points as `bytes` hold in 8 bits, at equal distances through them: one at least, all at most.
    ///
    /// The coordinates of a point share a scale. Where its rounding costs them more than it has to (biases beside variances, layers of unlike
    /// weights, narrow coordinates far from 0), each is kept as its distance from its mean in units of its deviation, for eight bytes a coordinate.
    ///
    /// **Shapes**: points is m × d. **Panics** if there are no points, or one is not finite.
    #[track_caller]
    pub fn within(points: ArrayView2<'_, f32>, bytes: usize) -> Self {
        let dim = points.ncols();
        let row = Format::Int8.row_bytes(dim);
        let plain = evenly(points, bytes / row);
        let Moments { mean, raw_sd, .. } = Moments::of(&plain).expect("finite points");
        let scale = raw_sd.iter().map(|&sd| if sd > 0.0 { sd as f32 } else { 1.0 }).collect();
        let units = Affine { mean: mean.iter().map(|&mean| mean as f32).collect(), scale };
        let mut kept = evenly(points, bytes.saturating_sub(8 * dim) / row);
        for mut point in kept.outer_iter_mut() {
            let from = point.to_vec();
            units.forward(0..dim, &from, point.as_slice_mut().expect("a row of a fresh array"));
        }
        let (lost, lost_in_units) = (rounding(plain.view(), &raw_sd), rounding(kept.view(), &vec![1.0; dim]));
        // Units take the bytes of eight points. Where those are most of what there is room for, fewer points cost the average more than units save.
        let fits = bytes >= 8 * dim + row;
        let missing = |points: &Array2<f32>| 1.0 / points.nrows() as f64;
        let few = 2 * kept.nrows() < plain.nrows() && missing(&plain) + lost <= missing(&kept) + lost_in_units;
        if lost <= WORTH * lost_in_units || few || !fits {
            return Self::new(plain.view(), None, Format::Int8);
        }
        Self { units, ..Self::new(kept.view(), None, Format::Int8) }
    }

    /// `count` of the points as they are, those that [`evenly`](Self::evenly) and [`within`](Self::within) keep.
    ///
    /// **Shapes**: points is m × d. **Panics** if there are no points.
    #[track_caller]
    pub fn evenly_chosen(points: ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
        evenly(points, count)
    }

    /// Whether the points are kept as `points` are: rounding, and clipping of numbers beyond 16 bits, come to at most half of each coordinate's
    /// variance, or to a thousandth of its mean where that is more.
    ///
    /// **Shapes**: points is m × d. **Panics** if they are not as many as are kept.
    #[track_caller]
    pub fn holds(&self, points: ArrayView2<'_, f32>) -> bool {
        assert_eq!(points.dim(), (self.count(), self.dim()), "the points, and those that are kept");
        let mut kept = Array2::zeros(points.raw_dim());
        for (i, mut row) in kept.outer_iter_mut().enumerate() {
            let row = row.as_slice_mut().expect("a row of a fresh array");
            self.points.read(i, 0..self.dim(), row);
            self.units.backward(0..self.dim(), row);
        }
        points.columns().into_iter().zip(kept.columns()).all(|(points, kept)| {
            let n = points.len() as f64;
            let mean = points.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let square = |x: f64| x * x;
            let variance = points.iter().map(|&x| square(f64::from(x) - mean)).sum::<f64>() / n;
            let error = points.iter().zip(kept).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum::<f64>() / n;
            error <= f64::max(0.5 * variance, square(1e-3 * mean))
        })
    }

    /// The format of the points.
    pub fn format(&self) -> Format {
        self.points.format()
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
        let Affine { mean, scale } = &self.units;
        self.points.bytes()
            + self.sd.as_ref().map_or(0, Matrix::bytes)
            + size_of_val(&mean[..])
            + size_of_val(&scale[..])
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
            self.units.backward(0..dim, point);
            if let Some(sd) = &sd {
                normals.fill(number, 0, noise);
                point.iter_mut().zip(noise.iter().zip(sd)).for_each(|(x, (&noise, &sd))| *x += sd * noise);
            }
            out.iter_mut().zip(&*point).for_each(|(out, &x)| *out = x);
        });
    }
}

/// `count` of the points, at equal distances through them: one at least, all at most.
fn evenly(points: ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
    let m = points.nrows();
    let count = count.clamp(1, m);
    let rows: Vec<usize> = (0..count).map(|i| (2 * i + 1) * m / (2 * count)).collect();
    points.select(Axis(0), &rows)
}

/// What 8 bits and a scale for each point add to a coordinate's variance, as a share of it (all of it at most), on average.
fn rounding(points: ArrayView2<'_, f32>, sd: &[f64]) -> f64 {
    let step =
        |point: ArrayView1<'_, f32>| point.iter().fold(0.0, |most, &x| f64::max(most, f64::from(x.abs()))) / 127.0;
    let added = points.outer_iter().map(|point| step(point).powi(2) / 12.0).sum::<f64>() / points.nrows() as f64;
    // Where nothing varies nothing may be added.
    sd.iter().map(|sd| if added > 0.0 { (added / (sd * sd)).min(1.0) } else { 0.0 }).sum::<f64>() / sd.len() as f64
}

#[cfg(test)]
mod tests;
