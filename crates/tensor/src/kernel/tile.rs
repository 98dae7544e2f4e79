//! The innermost product of one tile.

/// Element types with a kernel; it seals [`Scalar`](crate::Scalar).
pub trait Tile: Sized {}
impl Tile for f32 {}
impl Tile for f64 {}
