//! Quality against the number of networks.

pub(crate) mod compute;
pub(crate) mod section;
