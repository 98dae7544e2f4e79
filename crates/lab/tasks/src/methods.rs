//! How each method comes by its networks: a file each, whatever the task and the data.

use crate::method::Method;

mod apd;
pub(crate) mod descent;
mod distilled;
mod ensemble;
pub(crate) mod gan;
pub(crate) mod langevin;
pub(crate) mod mc_dropout;
mod online;
pub(crate) mod sgd;
mod sgld;
mod swag;

#[cfg(test)]
mod tests;

pub(crate) use distilled::{DISTILLED, SHARE, nearest};

/// Every method that comes with this crate, in the order of the tables.
pub const METHODS: &[&dyn Method] = &[
    &sgd::SgdPoint,
    &mc_dropout::McDropout,
    &ensemble::DeepEnsemble,
    &swag::SwagGaussian,
    &sgld::PosteriorBank,
    &distilled::Nearest,
    &apd::GanOfBank,
    &online::OnlineGan { restarts: false },
    &online::OnlineGan { restarts: true },
];

/// The method of [`METHODS`] that has this name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.name() == name)
}

/// Those that learn from few labels.
pub(crate) fn learners() -> impl Iterator<Item = &'static dyn Method> {
    METHODS.iter().copied().filter(|method| method.few_labels().is_some())
}
