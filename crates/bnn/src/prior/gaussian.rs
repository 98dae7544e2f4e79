use std::ops::Range;

use apd_points::{Entry, Layout};
use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

use super::{Prior, Scaling, parts};
use crate::error::ModelError;

/// Normal weights, w ~ N(0, 1/τ): −ln p = (τ/2)·w² + const.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gaussian {
    /// Precision τ; 0 is a flat prior.
    pub precision: f64,
    /// Whether all weights have it, or τ·fan-in.
    #[serde(default)]
    pub scaling: Scaling,
}

impl Gaussian {
    /// N(0, I/τ).
    pub fn isotropic(precision: f64) -> Self {
        Self { precision, scaling: Scaling::Same }
    }

    /// τ of this parameter's weights.
    fn precision_of(&self, parameter: &Entry) -> f64 {
        self.precision * self.scaling.divisor(parameter)
    }
}

impl Prior for Gaussian {
    fn check(&self) -> Result<(), ModelError> {
        let (name, value) = ("the precision of the prior", self.precision);
        let sound = value.is_finite() && value >= 0.0;
        if sound { Ok(()) } else { Err(ModelError::Setting { name, value, expected: "a finite number, at least 0" }) }
    }

    fn nlp(&self, parameter: &Entry, weight: f64) -> (f64, f64) {
        let tau = self.precision_of(parameter);
        (0.5 * tau * weight * weight, tau * weight)
    }

    fn write_gradient(&self, layout: &Layout, range: Range<usize>, theta: &[f32], gradient: &mut [f32]) -> f64 {
        let write = |tau: f64, theta: &[f32], gradient: &mut [f32]| {
            0.5 * tau * Arch::new().dispatch(Scaled { tau: tau as f32, theta, gradient })
        };
        match self.scaling {
            Scaling::Same => write(self.precision, theta, gradient),
            Scaling::FanIn => parts(layout, range)
                .map(|(entry, part)| write(self.precision_of(entry), &theta[part.clone()], &mut gradient[part]))
                .sum(),
        }
    }

    fn precision(&self) -> Option<f64> {
        (self.scaling == Scaling::Same).then_some(self.precision)
    }
}

/// gradient ← τ·θ; returns ‖θ‖².
struct Scaled<'a> {
    tau: f32,
    theta: &'a [f32],
    gradient: &'a mut [f32],
}

impl NullaryFnOnce for Scaled<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Lanes of their own, so that the order of additions, and with it the bits, is the same on every CPU.
        const LANES: usize = 64;
        let Self { tau, theta, gradient } = self;
        let mut squares = 0.0;
        // Sums of 64 squares in single precision lose nothing that matters; their sums are kept in double.
        for (theta, gradient) in theta.chunks(64 * LANES).zip(gradient.chunks_mut(64 * LANES)) {
            let mut lanes = [0.0_f32; LANES];
            let (theta, theta_rest) = theta.as_chunks::<LANES>();
            let (gradient, gradient_rest) = gradient.as_chunks_mut::<LANES>();
            for (theta, gradient) in theta.iter().zip(gradient) {
                for lane in 0..LANES {
                    lanes[lane] += theta[lane] * theta[lane];
                    gradient[lane] = tau * theta[lane];
                }
            }
            for (gradient, &theta) in gradient_rest.iter_mut().zip(theta_rest) {
                *gradient = tau * theta;
                squares += f64::from(theta) * f64::from(theta);
            }
            squares += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
        squares
    }
}
