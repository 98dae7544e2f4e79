//! Sections of the report on what all tasks share, a file each: what was run, what was expected, what came out.

pub(crate) mod answers;
pub(crate) mod change;
pub(crate) mod distillation;
pub(crate) mod learning;
pub(crate) mod mixing;
pub(crate) mod online;
pub(crate) mod sampling;
