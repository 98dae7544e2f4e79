//! What the updates need of an element type, and the product of a tile.

use apd_tensor::Scalar;

pub(crate) use apd_tensor::kernel::Aligned;
pub(crate) use apd_tensor::kernel::panel::{Left, accumulate};

/// Element types of the parameters.
pub(crate) trait Element: Scalar {
    /// `x` in this type.
    fn from_f32(x: f32) -> Self;
}

impl Element for f32 {
    fn from_f32(x: f32) -> Self {
        x
    }
}

impl Element for f64 {
    fn from_f32(x: f32) -> Self {
        Self::from(x)
    }
}
