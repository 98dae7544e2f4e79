//! The tasks, a folder each.

pub(crate) mod active;
pub(crate) mod adversarial;
pub(crate) mod classify;
pub(crate) mod curves;
pub(crate) mod fidelity;
pub(crate) mod gan_losses;
pub(crate) mod ood;
pub(crate) mod samplers;
pub(crate) mod toy2d;
