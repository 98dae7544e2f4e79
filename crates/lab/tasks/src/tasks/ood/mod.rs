//! Out-of-distribution detection.

pub(crate) mod compute;
pub(crate) mod section;
