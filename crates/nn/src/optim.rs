//! Optimizers as elementwise passes over slices.
//!
//! One step reads the gradient once and updates parameters and moments in the same pass, in SIMD registers chosen at run time.
//! Element i depends on element i alone, so a pass may be applied to any tile of θ — while its gradient is still in cache —
//! and gives the same bits as one over all of θ.

mod adam;
mod rmsprop;

pub use adam::{Adam, AdamState};
pub use rmsprop::{RmsProp, RmsPropState};

#[cfg(test)]
mod tests;
