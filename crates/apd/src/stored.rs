//! What a file keeps of a bank's samples.

use apd_bnn::{Likelihood, predict};
use apd_distill::{Distilled, Format, Subsample, Subspace, SubspaceConfig};
use apd_nn::Model;
use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, Axis};

use crate::Error;
use crate::rows::evenly;

/// Networks that are kept at least: with fewer, their average is too rough.
const FEWEST: usize = 32;
/// Training rows on which predictions are compared.
const COMPARED: usize = 200;
/// Most directions of a subspace, and the samples whose coefficients are kept.
const RANK: usize = 64;
const COMPONENTS: usize = 200;

/// Of samples kept in 8 bits, fewer in 16 bits, and a subspace of as many bytes, the one whose predictions are nearest to those of all samples.
///
/// Nearness is the divergence KL(all ‖ kept) of the predictions of some training rows: of the classes, or of normals with the same means and
/// deviations. No noise is added to what is kept: networks of some hundred parameters spread by more than their posterior with it.
///
/// **Shapes**: `bank` is samples × parameters. Of its bytes, `share` are kept.
pub(crate) fn nearest(
    bank: &Array2<f32>,
    share: f64,
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    inputs: ArrayView2<'_, f32>,
    seed: Seed,
) -> Result<Distilled, Error> {
    let (samples, dim) = bank.dim();
    let bytes = (share * (4 * samples * dim) as f64).max((FEWEST.min(samples) * 2 * dim) as f64);
    let in_16_bits = Subsample::evenly(bank.view(), (bytes / (2 * dim) as f64) as usize, Format::F16);
    let in_8_bits = Subsample::within(bank.view(), bytes as usize);
    let mut candidates = vec![Distilled::Subsample(in_8_bits), Distilled::Subsample(in_16_bits)];
    let components = COMPONENTS.min(samples);
    let rank = ((bytes - (2 * dim) as f64) / (2 * (dim + components + 2)) as f64) as usize;
    if rank > 0 && samples > 2 {
        let config = SubspaceConfig {
            rank: rank.min(RANK).min(samples - 1),
            components,
            noise: 0.0,
            residual: 0.0,
            format: Format::F16,
            ..SubspaceConfig::default()
        };
        candidates.push(Distilled::Subspace(Subspace::fit(bank, &config, seed.child("distill"))?));
    }
    let inputs = inputs.select(Axis(0), &evenly(inputs.nrows(), COMPARED));
    let predictive = |posterior: &dyn Posterior, count: usize| {
        predict(posterior, model, likelihood, inputs.view(), count, seed.child("predict"))
    };
    let all = predictive(&Subsample::new(bank.view(), None, Format::F32), samples)?;
    let distance =
        |candidate: Distilled| Ok((all.divergence(&predictive(&candidate, networks(&candidate))?), candidate));
    let distances = candidates.into_iter().map(distance).collect::<Result<Vec<_>, Error>>()?;
    Ok(distances.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("at least the first").1)
}

/// Networks that a prediction averages unless it is told otherwise: all that are kept, or so many that one more changes nothing.
pub(crate) fn networks(posterior: &Distilled) -> usize {
    match posterior {
        Distilled::Subsample(subsample) => subsample.count(),
        Distilled::Subspace(_) | Distilled::Gan(_) | Distilled::Conditional(_) => 200,
    }
}
