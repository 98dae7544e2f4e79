//! The distiller's losses on the run's bank.

pub(crate) mod compute;
pub(crate) mod section;
