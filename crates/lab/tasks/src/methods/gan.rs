//! What the GAN fits to a few samples, in one go.

use apd_distill::{Config, State, Trainer};
use apd_points::Points;
use apd_seed::Seed;

use crate::context::Context;
use crate::error::Result;

/// A GAN that has learned from the samples for `config.iterations`, anew or from where earlier samples, as many, have left it; `advance` is told
/// of each iteration.
///
/// Anew unless there is a reason: one that went on from an earlier round's, with that one's scales of the weights, lost ten to twenty points of
/// accuracy on the digits until it had caught up.
pub(crate) fn distill_samples<R: Points>(
    context: Context<'_>,
    samples: R,
    config: &Config,
    seed: Seed,
    from: Option<&State<'static>>,
    advance: impl Fn(u64),
) -> Result<Trainer<R>> {
    let mut trainer = match from {
        Some(state) => Trainer::resume(samples, state.clone())?,
        None => Trainer::new(samples, config.clone(), seed)?,
    };
    let end = trainer.iteration() + config.iterations;
    while trainer.iteration() < end {
        trainer.step()?;
        advance(trainer.iteration());
        context.stop_if_asked()?;
    }
    Ok(trainer)
}
