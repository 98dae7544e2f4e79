//! Classification: is the averaged prediction right, and does it know how sure to be?

pub(crate) mod compute;
pub(crate) mod section;
