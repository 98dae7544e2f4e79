//! Active learning.

pub(crate) mod compute;
mod model;
mod pool;
pub(crate) mod section;
pub(crate) mod settings;
