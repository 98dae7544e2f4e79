//! Coordinates that have a least value, such as variances.

use std::collections::BTreeMap;
use std::ops::Range;

use apd_points::{Layout, LowRank, Posterior};
use apd_seed::Seed;
use ndarray::{ArrayViewMut2, s};

use super::GeneratorFile;
use crate::FileError;

/// The entry of a file's metadata that says which parameters have a least value: a JSON object of names and values.
const KEY: &str = "at-least";

/// The draws of a file's posterior, whose coordinates are at least what they may be.
///
/// A few directions, a Gaussian or rounding may put a draw of a running variance below 0, and a network that divides by its root predicts no
/// numbers. A draw below the least value that was distilled is set to it.
///
/// **Where it fails**: predictions of bounded draws share no work, as these lie in no affine subspace.
pub struct AtLeast<'a> {
    posterior: &'a dyn Posterior,
    bounds: Vec<(Range<usize>, f32)>,
}

impl<'a> AtLeast<'a> {
    /// The same posterior, with the least value that is drawn of each of some ranges of coordinates.
    pub fn new(posterior: &'a dyn Posterior, bounds: Vec<(Range<usize>, f32)>) -> Self {
        Self { posterior, bounds }
    }

    /// An entry for the metadata of a file: the parameters of these names have these least values; none where there are none.
    pub fn metadata(bounds: &BTreeMap<String, f32>) -> Option<(String, String)> {
        let json = serde_json::to_string(bounds).expect("names and numbers are JSON");
        (!bounds.is_empty()).then(|| (KEY.to_owned(), json))
    }
}

impl GeneratorFile {
    /// What networks are drawn from: the generator, within the bounds that the metadata name.
    ///
    /// **Errors**: bounds of parameters that the layout lacks, or that are no numbers.
    pub fn posterior(&self) -> Result<AtLeast<'_>, FileError> {
        let problem = |problem: String| FileError::Metadata { key: KEY, problem };
        let bounds: BTreeMap<String, f32> = match self.metadata.get(KEY) {
            None => BTreeMap::new(),
            Some(json) => serde_json::from_str(json).map_err(|e| problem(e.to_string()))?,
        };
        let bound = |(name, least): (String, f32)| match place(&self.layout, &name) {
            Some(place) if least.is_finite() => Ok((place, least)),
            Some(_) => Err(problem(format!("has {least} for `{name}`"))),
            None => Err(problem(format!("names `{name}`, which the layout lacks"))),
        };
        let bounds = bounds.into_iter().map(bound).collect::<Result<_, _>>()?;
        Ok(AtLeast::new(&self.generator, bounds))
    }
}

fn place(layout: &Layout, name: &str) -> Option<Range<usize>> {
    let entry = layout.entries.iter().find(|entry| entry.name == name)?;
    Some(entry.offset..entry.offset + entry.len())
}

impl Posterior for AtLeast<'_> {
    fn dim(&self) -> usize {
        self.posterior.dim()
    }

    fn bytes(&self) -> usize {
        self.posterior.bytes()
    }

    fn available(&self) -> Option<usize> {
        self.posterior.available()
    }

    fn stored(&self, seed: Seed, count: usize) -> Option<Vec<&[f32]>> {
        if self.bounds.is_empty() { self.posterior.stored(seed, count) } else { None }
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        self.posterior.draw_into(seed, first, out.view_mut());
        for (place, least) in &self.bounds {
            out.slice_mut(s![.., place.clone()]).mapv_inplace(|x| x.max(*least));
        }
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        if self.bounds.is_empty() { self.posterior.low_rank() } else { None }
    }
}

#[cfg(test)]
mod tests;
