//! Every sampler beside long runs of NUTS.

pub(crate) mod compute;
pub(crate) mod section;
