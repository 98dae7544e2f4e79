//! The noise of a distiller that goes chain by chain, chosen where it matters: in what networks predict.

use apd_bnn::Predictive;
use apd_distill::Conditional;

use crate::error::Result;

/// The shares of the variance left out that are tried.
const SHARES: [f64; 12] = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0];

/// The noise with which predictions are nearest to those of the rows, in KL(rows ‖ drawn): its share of the variance that directions leave out,
/// and `all`, which has noise of all of it, with that share.
///
/// `predict` should take the same draws each time, but for their noise.
pub(crate) fn with_nearest_noise(
    all: &Conditional,
    rows: &Predictive,
    predict: impl Fn(&Conditional) -> Result<Predictive>,
) -> Result<(f64, Conditional)> {
    let mut nearest: Option<(f64, f64, Conditional)> = None;
    for share in SHARES {
        let drawn = all.clone().with_noise(share);
        let far = rows.divergence(&predict(&drawn)?);
        if nearest.as_ref().is_none_or(|(least, ..)| far < *least) {
            nearest = Some((far, share, drawn));
        }
    }
    let (_, share, drawn) = nearest.expect("some share was tried");
    Ok((share, drawn))
}

#[cfg(test)]
mod tests;
