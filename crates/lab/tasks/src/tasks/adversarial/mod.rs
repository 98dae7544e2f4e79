//! Adversarial examples.

mod attack_target;
pub(crate) mod compute;
pub(crate) mod section;
