//! The two element types.

use ndarray::NdFloat;

use crate::kernel::tile::Tile;

/// Element of a [`Tensor`](crate::Tensor): `f32` for work, `f64` for checks of gradients.
///
/// Sealed: kernels exist for these two types only.
pub trait Scalar: NdFloat + Tile {
    /// The nearest value to `x` in this type.
    fn from_f64(x: f64) -> Self;

    /// This value as `f64`, exactly.
    fn as_f64(self) -> f64;

    /// tanh x, in single precision by [`tanh_f32`](crate::kernel::tanh_f32), which loops over slices vectorize.
    fn fast_tanh(self) -> Self;
}

impl Scalar for f32 {
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn as_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn fast_tanh(self) -> Self {
        crate::kernel::tanh_f32(self)
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
    fn fast_tanh(self) -> Self {
        self.tanh()
    }
}
