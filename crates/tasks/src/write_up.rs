//! The report's sections, a file each: what was run, what was expected, what came out.

mod classification;
mod curves;
mod detection;
mod distillation;
mod mixing;
mod samplers;
mod sampling;

pub(crate) use classification::classification;
pub(crate) use curves::curves;
pub(crate) use detection::detection_section;
pub(crate) use distillation::distillation;
pub(crate) use mixing::mixing;
pub(crate) use samplers::samplers;
pub(crate) use sampling::sampling;
