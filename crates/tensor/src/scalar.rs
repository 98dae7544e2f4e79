//! The two element types.

use ndarray::NdFloat;

use crate::kernel::tile::Tile;
use crate::kernel::{exp, normal, tanh};

/// Element of a [`Tensor`](crate::Tensor): `f32` for work, `f64` for checks of gradients.
///
/// What is called fast is in single precision within 2 ulp over the whole range, the same bits on every machine, and vectorizes in loops over
/// slices; in double precision it is the standard library's.
///
/// Sealed: kernels exist for these two types only.
pub trait Scalar: NdFloat + Tile {
    /// The nearest value to `x` in this type.
    fn from_f64(x: f64) -> Self;

    /// This value as `f64`, exactly.
    fn as_f64(self) -> f64;

    /// eˣ.
    fn fast_exp(self) -> Self;

    /// tanh x.
    fn fast_tanh(self) -> Self;

    /// 1/(1 + e⁻ˣ).
    fn fast_sigmoid(self) -> Self;

    /// Φ(x), the standard normal distribution function.
    fn fast_normal_cdf(self) -> Self;

    /// x·Φ(x).
    fn fast_gelu(self) -> Self;
}

impl Scalar for f32 {
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn as_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn fast_exp(self) -> Self {
        exp::exp_f32(self)
    }

    #[inline(always)]
    fn fast_tanh(self) -> Self {
        tanh::tanh_f32(self)
    }

    #[inline(always)]
    fn fast_sigmoid(self) -> Self {
        exp::sigmoid_f32(self)
    }

    #[inline(always)]
    fn fast_normal_cdf(self) -> Self {
        normal::normal_cdf_f32(self)
    }

    #[inline(always)]
    fn fast_gelu(self) -> Self {
        normal::gelu_f32(self)
    }
}

impl Scalar for f64 {
    fn from_f64(x: f64) -> Self {
        x
    }

    fn as_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn fast_exp(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn fast_tanh(self) -> Self {
        self.tanh()
    }

    #[inline(always)]
    fn fast_sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        (if self >= 0.0 { 1.0 } else { e }) / (1.0 + e)
    }

    #[inline(always)]
    fn fast_normal_cdf(self) -> Self {
        0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }

    #[inline(always)]
    fn fast_gelu(self) -> Self {
        // −∞·0 would be NaN.
        if self < -40.0 { -0.0 } else { self * self.fast_normal_cdf() }
    }
}
