//! The list of works.

mod cnn;
mod engines;
mod kernels;
mod mlp;
mod parts;
mod points;
mod predict;
mod sgld;
mod tensors;
mod wgan;

use crate::peak;
use crate::work::Work;

/// Every work, the machine's own peaks first.
pub fn works() -> Vec<Work> {
    let mut all = peak::works();
    all.extend(sgld::works());
    all.extend(wgan::works());
    all.extend(predict::works());
    all.extend(mlp::works());
    all.extend(cnn::works());
    all.extend(engines::works());
    all.extend(kernels::works());
    all.extend(tensors::works());
    all.extend(parts::works());
    all.extend(points::works());
    all
}

#[cfg(test)]
mod tests;
