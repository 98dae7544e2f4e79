//! Ways to distill a bank that belongs to no experiment, and what each loses.

use std::path::Path;

use apd_bnn::Predictive;
use apd_distill::{Conditional, ConditionalConfig, Distilled, Format, Subsample, Subspace, SubspaceConfig};
use apd_points::{Points as _, Posterior as _};
use apd_seed::Seed;
use apd_store::Bank;

use crate::context::Context;
use crate::distill::gan_of_rows;
use crate::error::{Error, Result};
use crate::function_space::{Evaluator, FunctionSpace, Loss};
use crate::holdout::BankSubset;
use crate::noise::with_nearest_noise;

/// Rows that stand for a bank unless it is said how many: as many as a prediction averages.
pub const ROWS: usize = 200;

/// Bytes that are few in themselves.
const SMALL: usize = 1 << 20;
/// The share of the variance below which directions are a worse choice than rows.
const EXPLAINED: f64 = 0.8;

/// A way to distill a bank, with its settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Distiller {
    /// A [`Subspace`](Self::Subspace) with its default settings, or [`Rows`](Self::Rows) in 8 bits.
    ///
    /// Two hundred rows where these take at most a megabyte, or no more than the subspace; as many as take its bytes where it leaves out more
    /// than a fifth of the variance.
    ///
    /// The coefficients are most of a small network's subspace, and its directions leave out much of what matters: a test shows networks of a few
    /// hundred weights that disagree too much by it, and as their bank does by rows. Of chains that mix, as those of the digits by default, 60
    /// directions hold a third of the variance.
    #[default]
    Default,
    /// A mean, directions of all rows, and coefficients.
    Subspace(SubspaceConfig),
    /// Directions of each chain, and coefficients that follow its time.
    Conditional(ConditionalConfig),
    /// Rows of the bank, at equal distances.
    Rows {
        /// So many of them; those of 8 bits are some fewer where coordinates are worth a scale of their own, and all of 32 where 8 would lose some.
        count: usize,
        /// How they are kept.
        format: Format,
    },
    /// A GAN of all weights.
    Gan(apd_distill::Config),
}

/// How far a distiller's predictions are from those of rows that it has not learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// Of what the distiller makes of four rows in five.
    pub distilled: Loss,
    /// Of 200 of these rows, drawn anew: what a distiller that loses nothing has.
    pub redraw: Loss,
    /// The rows, each fifth, that say what is right.
    pub held_out: usize,
}

impl Verdict {
    /// Of what was tried elsewhere.
    pub fn new(distilled: Loss, redraw: Loss, held_out: usize) -> Self {
        Self { distilled, redraw, held_out }
    }
}

impl Distiller {
    /// Distills a bank; `space`, where it is known, says how much noise a conditional distiller takes.
    ///
    /// A GAN leaves its state in `checkpoint` every so often, and goes on from it.
    ///
    /// **Errors**: what a distiller fails with; [`Error::Stopped`].
    pub fn fit(
        &self,
        context: Context<'_>,
        bank: &Bank,
        space: Option<&FunctionSpace>,
        seed: Seed,
        checkpoint: &Path,
    ) -> Result<Distilled> {
        self.fit_to(context, &BankSubset::all(bank), space, seed, checkpoint)
    }

    /// Fits the same distiller to four rows of the bank in five, and holds it against the fifth.
    ///
    /// **Errors**: as [`fit`](Self::fit); a bank of fewer than ten rows.
    pub fn judge(
        &self,
        context: Context<'_>,
        bank: &Bank,
        space: &FunctionSpace,
        seed: Seed,
        checkpoint: &Path,
    ) -> Result<Verdict> {
        let [training, held_out] = folds(bank)?;
        let distilled = self.fit_to(context, &training, Some(space), seed, checkpoint)?;
        let evaluator = Evaluator::new(space, &held_out, seed.child("judge"))?;
        let (distilled, redraw) = (evaluator.loss(&distilled)?, evaluator.of_rows(&training)?);
        Ok(Verdict { distilled, redraw, held_out: held_out.len() })
    }

    fn fit_to(
        &self,
        context: Context<'_>,
        rows: &BankSubset<'_>,
        space: Option<&FunctionSpace>,
        seed: Seed,
        checkpoint: &Path,
    ) -> Result<Distilled> {
        let begin = |stage| context.progress.begin(stage, 1, 0);
        let end = |found| {
            context.progress.advance(1, Some(found));
            context.progress.end();
        };
        match self {
            Self::Default if rows_are_as_small(rows) => {
                Self::Rows { count: ROWS, format: Format::Int8 }.fit_to(context, rows, space, seed, checkpoint)
            }
            Self::Default => {
                let config = SubspaceConfig::default();
                let subspace = Self::Subspace(config).fit_to(context, rows, space, seed, checkpoint)?;
                match subspace.subspace().is_some_and(|it| it.explained() >= EXPLAINED) {
                    true => Ok(subspace),
                    false => {
                        let count = subspace.bytes() / Format::Int8.row_bytes(rows.dim());
                        context.progress.note("rows in as many bytes lose less than directions that hold so little");
                        Self::Rows { count, format: Format::Int8 }.fit_to(context, rows, space, seed, checkpoint)
                    }
                }
            }
            Self::Subspace(config) => {
                begin("subspace");
                let subspace = Subspace::fit(rows, config, seed)?;
                subspace.notes(config, rows.len()).iter().for_each(|note| context.progress.warn(note));
                let (rank, explained) = (subspace.rank(), 100.0 * subspace.explained());
                end(format!("{rank} directions, {explained:.1} % of the variance"));
                Ok(Distilled::Subspace(subspace))
            }
            Self::Conditional(config) => {
                begin("conditional");
                let (conditional, noise) = match space {
                    None => (Conditional::fit(rows, config, seed)?, config.noise),
                    Some(space) => {
                        let all = Conditional::fit(rows, &ConditionalConfig { noise: 1.0, ..config.clone() }, seed)?;
                        told_by_predictions(&all, &space.predict_rows(rows)?.0, space, seed)?
                    }
                };
                if conditional.format() != config.format {
                    let (wanted, kept) = (config.format, conditional.format());
                    context.progress.warn(&format!("{wanted} would lose some coordinates: kept in {kept}"));
                }
                let (chains, rank, explained) =
                    (conditional.chains(), conditional.rank(), 100.0 * conditional.explained());
                end(format!(
                    "{rank} directions of each of {chains} chains, {explained:.1} % of the variance, noise of {noise} of the rest"
                ));
                Ok(Distilled::Conditional(conditional))
            }
            Self::Rows { count, format } => {
                begin("rows");
                let kept = rows_of(rows, *count, *format)?;
                if kept.format() != *format {
                    context.progress.warn(&format!("{format} would lose some coordinates: kept in {}", kept.format()));
                }
                end(format!("{} of {} rows in {}", kept.count(), rows.len(), kept.format()));
                Ok(Distilled::Subsample(kept))
            }
            Self::Gan(_) if (1..rows.len()).all(|i| rows.row(i) == rows.row(0)) => {
                let (rows, dim, reason) = (rows.len(), rows.dim(), "they do not vary: keep one of them".to_owned());
                Err(apd_distill::Error::Points { rows, dim, reason }.into())
            }
            Self::Gan(config) => Ok(Distilled::Gan(gan_of_rows(context, rows, config, seed, checkpoint)?)),
        }
    }
}

/// Four rows of a bank in five, and the fifth.
pub(crate) fn folds(bank: &Bank) -> Result<[BankSubset<'_>; 2]> {
    let folds = BankSubset::folds(bank, 0..bank.len());
    match folds[1].len() {
        0 | 1 => Err(Error::Config(format!(
            "a bank of {} rows has too few to hold out (one in five, two at least)",
            bank.len()
        ))),
        _ => Ok(folds),
    }
}

/// A conditional distiller with the noise at which predictions are nearest to those `predicted` by the rows, and its share.
pub(crate) fn told_by_predictions(
    all: &Conditional,
    predicted: &Predictive,
    space: &FunctionSpace,
    seed: Seed,
) -> Result<(Conditional, f64)> {
    let (share, told) = with_nearest_noise(all, predicted, |drawn| space.predict(drawn, ROWS, seed.child("noise")))?;
    Ok((told, share))
}

/// So many rows, at equal distances, or all; of a bank that is larger than memory no more is read than is kept.
///
/// **Errors**: a number that is not finite; rows that do not vary, but for one alone.
pub(crate) fn rows_of(rows: &BankSubset<'_>, wanted: usize, format: Format) -> Result<Subsample> {
    let (all, dim) = (rows.len(), rows.dim());
    let count = wanted.clamp(1, all.max(1));
    let places: Vec<usize> = (0..count).map(|i| rows.places[(2 * i + 1) * all / (2 * count)]).collect();
    let kept = rows.bank.gather(&places);
    let problem = |reason| Err(apd_distill::Error::Points { rows: all, dim, reason }.into());
    if let Some((i, j)) = kept.indexed_iter().find(|(_, x)| !x.is_finite()).map(|(place, _)| place) {
        return problem(format!("coordinate {j} of row {} is {}", places[i], kept[[i, j]]));
    }
    if wanted > 1 && kept.outer_iter().all(|row| row == kept.outer_iter().next().unwrap_or(row)) {
        return problem("they do not vary: keep one of them".to_owned());
    }
    let fewer_bits = match format {
        Format::Int8 => Subsample::within(kept.view(), count * format.row_bytes(dim)),
        other => Subsample::new(kept.view(), None, other),
    };
    let held = Subsample::evenly_chosen(kept.view(), fewer_bits.count());
    Ok(if fewer_bits.holds(held.view()) { fewer_bits } else { Subsample::new(kept.view(), None, Format::F32) })
}

/// Whether rows are as small as the default subspace, or small in themselves.
fn rows_are_as_small(rows: &BankSubset<'_>) -> bool {
    let (points, dim) = (rows.len(), rows.dim());
    let default = SubspaceConfig::default();
    let rank = default.rank.min(points.saturating_sub(1)).min(dim);
    let subspace = SubspaceConfig { rank, ..default }.bytes(dim, points);
    ROWS.min(points) * Format::Int8.row_bytes(dim) <= subspace.max(SMALL)
}

#[cfg(test)]
mod tests;
