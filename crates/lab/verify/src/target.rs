//! Potentials with known laws.

pub(crate) mod conjugate;
pub(crate) mod density;
pub(crate) mod gaussian;
