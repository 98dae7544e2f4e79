//! Inverted dropout, addressed by row.

use apd_seed::Stream;
use apd_tensor::Scalar;

use crate::Mlp;

/// Masks of one pass over a network.
///
/// With H hidden units in all, word r·H + (units of the layers before) + j after the stream's position decides about unit j of row r:
/// so a row's masks do not depend on how the rows are blocked, nor on the order in which layers are visited.
pub(crate) struct Dropout<'a> {
    stream: &'a mut Stream,
    base: u64,
    /// Where each hidden layer begins within a row's H words; the last element is H.
    starts: Vec<u64>,
    p: f32,
    keep: f64,
}

impl<'a> Dropout<'a> {
    /// `None` when nothing is to be dropped: no stream, or p = 0.
    pub(crate) fn new(mlp: &Mlp, stream: Option<&'a mut Stream>) -> Option<Self> {
        let stream = stream.filter(|_| mlp.dropout > 0.0)?;
        let mut starts = vec![0];
        for &width in mlp.hidden() {
            starts.push(starts[starts.len() - 1] + width as u64);
        }
        let base = stream.position();
        Some(Self { stream, base, starts, p: mlp.dropout, keep: 1.0 / (1.0 - f64::from(mlp.dropout)) })
    }

    /// The masks of hidden layer `layer`, row by row: 0 or 1/(1 − p).
    pub(crate) fn fill<T: Scalar>(&mut self, layer: usize, mask: &mut [T]) {
        let (start, end) = (self.starts[layer], self.starts[layer + 1]);
        let hidden = self.starts[self.starts.len() - 1];
        let keep = T::from_f64(self.keep);
        for (row, mask) in mask.chunks_exact_mut((end - start) as usize).enumerate() {
            self.stream.seek(self.base.wrapping_add(row as u64 * hidden + start));
            for m in mask {
                *m = if self.stream.uniform_f32() < self.p { T::zero() } else { keep };
            }
        }
    }

    /// Leaves the stream behind the words of `rows` rows.
    pub(crate) fn finish(self, rows: usize) {
        self.stream.seek(self.base.wrapping_add(rows as u64 * self.starts[self.starts.len() - 1]));
    }
}
