//! Adversarial examples.

pub(crate) mod compute;
pub(crate) mod section;
mod victim;
