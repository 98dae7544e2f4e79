//! How each method comes by its networks: a file for each way of fitting, whatever the task and the data.

pub(crate) mod descent;
pub(crate) mod dropout;
pub(crate) mod gan;
pub(crate) mod langevin;
