//! The distilled posterior and its rivals beside held-out rows of the bank.

pub(crate) mod compute;
pub(crate) mod section;
pub(crate) mod settings;
