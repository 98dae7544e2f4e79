//! Which part of θ is which parameter.

use std::ops::Range;

use ndarray::{ArrayViewD, IxDyn};
use serde::{Deserialize, Serialize};

use crate::FormatError;

/// Parameters as consecutive parts of one flat vector θ.
///
/// Layer by layer, weight (out × in, row-major) then bias: the order of PyTorch's `parameters()`, so that vectors made
/// elsewhere fit.
///
/// ```
/// use apd_points::Layout;
///
/// let parameters = [("layers.0.weight", vec![4, 3]), ("layers.0.bias", vec![4]), ("layers.1.weight", vec![2, 4])];
/// let layout = Layout::new(parameters.map(|(name, shape)| (name.to_owned(), shape)));
/// let theta: Vec<f32> = (0..layout.len()).map(|i| i as f32).collect();
/// let bias = layout.get("layers.0.bias").unwrap();
/// assert_eq!((bias.offset, bias.shape.as_slice()), (12, [4].as_slice()));
/// assert_eq!(layout.views(&theta)[2][[1, 0]], 20.0); // layers.1.weight
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The parameters in the order in which they lie in θ.
    pub entries: Vec<Entry>,
}

/// One parameter: the elements `offset..offset + len()` of θ, in row-major order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name: `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, …
    pub name: String,
    /// The index in θ at which it begins.
    pub offset: usize,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
}

impl Entry {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its place in θ.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len()
    }
}

impl Layout {
    /// Parameters of these names and shapes, one after the other from offset 0.
    pub fn new(parameters: impl IntoIterator<Item = (String, Vec<usize>)>) -> Self {
        let mut offset = 0;
        let entries = parameters
            .into_iter()
            .map(|(name, shape)| {
                let entry = Entry { name, offset, shape };
                offset += entry.len();
                entry
            })
            .collect();
        Self { entries }
    }

    /// A layout of names and shapes from outside.
    ///
    /// **Errors**: more numbers than memory could hold.
    pub fn checked(parameters: impl IntoIterator<Item = (String, Vec<usize>)>) -> Result<Self, FormatError> {
        let parameters: Vec<_> = parameters.into_iter().collect();
        let size = |shape: &[usize]| shape.iter().try_fold(1_usize, |size, axis| size.checked_mul(*axis));
        let total = parameters.iter().try_fold(0_usize, |sum, (_, shape)| sum.checked_add(size(shape)?));
        match total.filter(|total| *total <= isize::MAX as usize / 8) {
            Some(_) => Ok(Self::new(parameters)),
            None => Err(FormatError::new("a layout that memory can hold", "an overflow")),
        }
    }

    /// Names and shapes, from which [`new`](Self::new) makes the same layout.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.shape.as_slice()))
    }

    /// The places of the parameters of `wanted` in a θ of this layout, in the order in which `wanted` has them.
    ///
    /// Parameters are recognized by their names. If no name is known (other libraries use others), they are taken as they come, if
    /// their shapes are those of `wanted`.
    ///
    /// **Errors**: a parameter that only one of the two has, or of another shape.
    pub fn places_of(&self, wanted: &Self) -> Result<Vec<Range<usize>>, FormatError> {
        let told = |entry: Option<&Entry>| match entry {
            Some(entry) => format!("`{}` {:?}", entry.name, entry.shape),
            None => "none".to_owned(),
        };
        let by_name = wanted.entries.iter().any(|entry| self.get(&entry.name).is_some());
        let count = self.entries.len().max(wanted.entries.len());
        let place = |i: usize| {
            let want = wanted.entries.get(i);
            let have = match want {
                Some(want) if by_name => self.get(&want.name),
                // All that are wanted have been found: the next one is too much.
                None if by_name => self.entries.iter().find(|entry| wanted.get(&entry.name).is_none()),
                _ => self.entries.get(i),
            };
            match (want, have) {
                (Some(want), Some(have)) if want.shape == have.shape => Ok(have.range()),
                (want, have) => Err(FormatError::new(format!("parameter {}", told(want)), told(have))),
            }
        };
        (0..count).map(place).collect()
    }

    /// d, the length of θ.
    pub fn len(&self) -> usize {
        self.entries.iter().map(|entry| entry.range().end).max().unwrap_or(0)
    }

    /// Whether θ has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The parameters in order, as views into θ.
    ///
    /// **Panics** if `theta` does not have [`len`](Self::len) elements.
    #[track_caller]
    pub fn views<'a, T>(&self, theta: &'a [T]) -> Vec<ArrayViewD<'a, T>> {
        self.check(theta.len());
        self.entries
            .iter()
            .map(|entry| {
                ArrayViewD::from_shape(IxDyn(&entry.shape), &theta[entry.range()])
                    .expect("an entry's range has as many elements as its shape")
            })
            .collect()
    }

    #[track_caller]
    fn check(&self, len: usize) {
        assert!(len == self.len(), "θ has {len} elements where the layout has {}", self.len());
    }
}

#[cfg(test)]
mod tests;
