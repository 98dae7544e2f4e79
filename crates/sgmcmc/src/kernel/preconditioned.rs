//! Langevin with a step size per coordinate: the update of preconditioned SGLD.

use apd_seed::Normals;
use pulp::{Arch, NullaryFnOnce};

use super::{BLOCK, INFINITE, Noise, magnitude};

/// How the mean square v of a coordinate is updated, and G made of it: v ← `keep`·v + `fresh`·(`mean`·g)²,
/// G = 1/(`damping` + √v).
#[derive(Clone, Copy)]
pub(crate) struct Preconditioner {
    pub(crate) keep: f32,
    pub(crate) fresh: f32,
    /// 1/N.
    pub(crate) mean: f32,
    pub(crate) damping: f32,
}

impl Preconditioner {
    /// G with the new v.
    #[inline(always)]
    fn update(self, v: &mut f32, g: f32) -> f32 {
        let mean = self.mean * g;
        *v = self.keep * *v + self.fresh * (mean * mean);
        // An infinite square would stop the coordinate for good (G = 0), and silently.
        *v = v.min(f32::MAX);
        1.0 / (self.damping + v.sqrt())
    }

    /// −∂G/∂θ with the new v and the diagonal curvature h: fresh·(mean·g/√v)·(mean·h)·G².
    #[inline(always)]
    fn slope(self, v: f32, g: f32, h: f32, metric: f32) -> f32 {
        // |mean·g|/√v is at most 1/√fresh; it is 0 where both are, the mean of its limits from either side.
        let direction = self.mean * g / v.max(f32::MIN_POSITIVE).sqrt();
        self.fresh * direction * (self.mean * h) * (metric * metric)
    }
}

/// The diagonal curvature h, and the factor `drift`·T of −∂G/∂θ.
#[derive(Clone, Copy)]
pub(crate) struct Correction<'a> {
    pub(crate) factor: f32,
    pub(crate) curvature: &'a [f32],
}

/// v and G as in [`Preconditioner`], θ ← θ + `noise`·√G·z − `drift`·G·g + factor·∂G/∂θ with z from row `step`; whether all of θ is
/// finite.
pub(crate) fn preconditioned(
    preconditioner: Preconditioner,
    drift: f32,
    noise: f32,
    correction: Option<Correction<'_>>,
    normals: &Normals,
    step: u64,
    mean_square: &mut [f32],
    position: &mut [f32],
    gradient: &[f32],
) -> bool {
    let arch = Arch::new();
    let mut normals = Noise::new(noise, normals, step);
    let mut finite = true;
    let blocks = position.chunks_mut(BLOCK).zip(mean_square.chunks_mut(BLOCK)).zip(gradient.chunks(BLOCK));
    for (b, ((position, mean_square), gradient)) in blocks.enumerate() {
        let z = normals.block(b, position.len());
        let block = b * BLOCK..b * BLOCK + position.len();
        let correction =
            correction.map(|correction| Correction { curvature: &correction.curvature[block], ..correction });
        let update = Preconditioned { preconditioner, drift, noise, correction, position, mean_square, gradient, z };
        finite &= arch.dispatch(update);
    }
    finite
}

struct Preconditioned<'a> {
    preconditioner: Preconditioner,
    drift: f32,
    noise: f32,
    correction: Option<Correction<'a>>,
    position: &'a mut [f32],
    mean_square: &'a mut [f32],
    gradient: &'a [f32],
    z: &'a [f32],
}

impl NullaryFnOnce for Preconditioned<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { preconditioner, drift, noise, correction, position, mean_square, gradient, z } = self;
        let mut worst = 0;
        let coordinates = position.iter_mut().zip(mean_square).zip(gradient).zip(z);
        // Two loops rather than a choice for each coordinate.
        match correction {
            None => {
                for (((theta, v), &g), &z) in coordinates {
                    let metric = preconditioner.update(v, g);
                    *theta += noise * metric.sqrt() * z - drift * metric * g;
                    worst = worst.max(magnitude(*theta));
                }
            }
            Some(Correction { factor, curvature }) => {
                for ((((theta, v), &g), &z), &h) in coordinates.zip(curvature) {
                    let metric = preconditioner.update(v, g);
                    let slope = preconditioner.slope(*v, g, h, metric);
                    *theta += noise * metric.sqrt() * z - drift * metric * g - factor * slope;
                    worst = worst.max(magnitude(*theta));
                }
            }
        }
        worst < INFINITE
    }
}
