//! What the GAN fits to a few samples, in one go.

use apd_distill::{Config, Generator, Trainer};
use apd_seed::Seed;
use ndarray::Array2;

use crate::context::Context;
use crate::error::Result;

/// A generator that has seen the samples, a row each; `advance` is told of each iteration.
///
/// It starts anew whatever was learned before: one that went on from an earlier round's, with that one's scales of the weights, lost ten to
/// twenty points of accuracy on the digits until it had caught up.
pub(crate) fn distill_samples(
    context: Context<'_>,
    samples: Array2<f32>,
    config: &Config,
    seed: Seed,
    advance: impl Fn(u64),
) -> Result<Generator> {
    let mut trainer = Trainer::new(samples, config.clone(), seed)?;
    while trainer.iteration() < config.iterations {
        trainer.step()?;
        advance(trainer.iteration());
        context.stop_if_asked()?;
    }
    Ok(trainer.into_generator())
}
