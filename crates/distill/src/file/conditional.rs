//! A conditional distiller's part of a file.

use serde::{Deserialize, Serialize};

use super::read::{Tensors, check_widths, read_gan};
use super::{GanDescription, Part, Source, gan_parts, matrix_parts, problem};
use crate::conditional::Path;
use crate::gan::Widths;
use crate::gan::conditional::Residuals;
use crate::{Conditional, FileError, Format, Standardization};
use apd_points::Posterior;

/// The lengths of a stored conditional distiller.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionalDescription {
    pub(super) dim: usize,
    /// Points of each chain.
    lengths: Vec<usize>,
    rank: usize,
    frequencies: usize,
    format: Format,
    means: Format,
    explained: f64,
    /// Width of the adversarial generator, if there is one.
    adversary: Option<usize>,
}

pub(super) fn describe(conditional: &Conditional) -> ConditionalDescription {
    ConditionalDescription {
        dim: conditional.dim(),
        lengths: conditional.path.lengths.clone(),
        rank: conditional.rank(),
        frequencies: conditional.path.frequencies(),
        format: conditional.directions.format(),
        means: conditional.means.format(),
        explained: conditional.explained,
        adversary: conditional.adversary.as_ref().map(|generator| generator.widths.hidden),
    }
}

pub(super) fn parts(conditional: &Conditional) -> Vec<(String, Part<'_>)> {
    let (chains, rank, dim) = (conditional.chains(), conditional.rank(), conditional.dim());
    let path = &conditional.path;
    let mut parts = matrix_parts("means", &conditional.means, vec![chains, dim]);
    parts.extend(matrix_parts("directions", &conditional.directions, vec![chains * rank, dim]));
    for (name, rows, numbers) in [("curves", path.frequencies(), &path.curves), ("factors", rank, &path.factors)] {
        parts.push((name.to_owned(), Part { shape: vec![chains, rows, rank], source: Source::F32(numbers) }));
    }
    parts.push(("noise".to_owned(), Part { shape: vec![chains], source: Source::F32(&path.noise) }));
    parts.extend(conditional.adversary.iter().flat_map(|generator| gan_parts(generator, "adversary.")));
    parts
}

pub(super) fn read(file: &mut Tensors<'_>, description: ConditionalDescription) -> Result<Conditional, FileError> {
    let ConditionalDescription { dim, lengths, rank, frequencies, format, means, explained, adversary } = description;
    let chains = lengths.len();
    let all = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    let (Some(directions), Some(_)) = (chains.checked_mul(rank), all) else {
        return Err(problem(format!("has {rank} directions of each of {chains} chains, of {lengths:?} points")));
    };
    if dim == 0 || directions == 0 || lengths.contains(&0) || !explained.is_finite() {
        let what = format!("has {directions} directions of dimension {dim} that explain {explained}");
        return Err(problem(format!("{what}, and chains of {lengths:?} points")));
    }
    let means = file.matrix("means", means, Some(chains), dim)?;
    let directions = file.matrix("directions", format, Some(directions), dim)?;
    let curves = file.f32("curves", &[chains, frequencies, rank])?;
    let factors = file.f32("factors", &[chains, rank, rank])?;
    let noise = file.f32("noise", &[chains])?;
    // From here on all lengths are those of tensors that are there.
    let adversary = match adversary {
        None => None,
        Some(hidden) => {
            let Widths { dim, latent, hidden } = Residuals::widths(rank, chains + frequencies, hidden);
            let description = GanDescription { dim, latent, hidden, standardization: Standardization::None };
            check_widths(&description)?;
            Some(read_gan(file, description, "adversary.")?)
        }
    };
    let path = Path { lengths, curves, factors, noise, rank };
    Ok(Conditional { means, directions, path, adversary, explained })
}
