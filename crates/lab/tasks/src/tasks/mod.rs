//! The tasks, a folder each: what it computes, its settings, its section of the report.

use crate::task::Task;

pub(crate) mod active;
pub(crate) mod adversarial;
pub(crate) mod classify;
pub(crate) mod curves;
pub(crate) mod fidelity;
pub(crate) mod gan_losses;
pub(crate) mod ood;
pub(crate) mod samplers;
pub(crate) mod toy2d;

/// Every task that comes with this crate, in the order in which a run does them.
pub const TASKS: &[&dyn Task] = &[
    &classify::Classify,
    &ood::Ood,
    &fidelity::Fidelity,
    &curves::Curves,
    &gan_losses::GanLosses,
    &samplers::Samplers,
    &adversarial::Adversarial,
    &toy2d::Toy2d,
    &active::Active,
];
