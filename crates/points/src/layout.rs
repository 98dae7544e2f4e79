//! Which part of θ is which parameter.

use ndarray::{ArrayViewD, IxDyn};
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where it begins in θ.
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
    pub fn range(&self) -> std::ops::Range<usize> {
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
