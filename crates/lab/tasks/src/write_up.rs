//! The report's sections, a file each: what was run, what was expected, what came out.

mod active;
mod adversarial;
mod change;
mod classification;
mod curves;
mod detection;
mod distillation;
mod fidelity;
mod gan_losses;
mod mixing;
mod online;
mod samplers;
mod sampling;
mod toy2d;

pub(crate) use active::active;
pub(crate) use adversarial::adversarial;
pub(crate) use classification::classification;
pub(crate) use curves::curves;
pub(crate) use detection::detection_section;
pub(crate) use distillation::distillation;
pub(crate) use fidelity::fidelity;
pub(crate) use gan_losses::gan_losses;
pub(crate) use mixing::mixing;
pub(crate) use online::online;
pub(crate) use samplers::samplers;
pub(crate) use sampling::sampling;
pub(crate) use toy2d::toy2d;
