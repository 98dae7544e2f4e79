//! A posterior that can be looked at.

pub(crate) mod compute;
pub(crate) mod section;
pub(crate) mod settings;
