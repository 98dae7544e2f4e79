//! Inverted dropout, addressed by row.

use apd_seed::Stream;
use apd_tensor::Scalar;

/// Masks of one pass over a network.
///
/// Word r·H + (units of the layers before) + j after the stream's position decides about unit j of row r, where H is the number of hidden units:
/// a row's masks do not depend on how the rows are blocked, nor on the order in which layers are visited.
pub(crate) struct Dropout<'a> {
    stream: &'a mut Stream,
    base: u64,
    hidden: &'a [usize],
    p: f32,
}

impl<'a> Dropout<'a> {
    /// `None` when nothing is to be dropped: no stream, or p = 0.
    pub(crate) fn new(p: f32, hidden: &'a [usize], stream: Option<&'a mut Stream>) -> Option<Self> {
        let stream = stream.filter(|_| p > 0.0)?;
        let base = stream.position();
        Some(Self { stream, base, hidden, p })
    }

    /// The masks of hidden layer `layer`, row by row: 0 or 1/(1 − p).
    pub(crate) fn fill<T: Scalar>(&mut self, layer: usize, mask: &mut [T]) {
        let (start, words) = (self.words(layer), self.words(self.hidden.len()));
        for (row, mask) in mask.chunks_exact_mut(self.hidden[layer]).enumerate() {
            self.stream.seek(self.base.wrapping_add(row as u64 * words + start));
            self::mask(self.stream, self.p, mask);
        }
    }

    /// Leaves the stream behind the words of `rows` rows.
    pub(crate) fn finish(self, rows: usize) {
        self.stream.seek(self.base.wrapping_add(rows as u64 * self.words(self.hidden.len())));
    }

    /// Words of a row before hidden layer `layer`.
    fn words(&self, layer: usize) -> u64 {
        self.hidden[..layer].iter().map(|&width| width as u64).sum()
    }
}

/// 0 with probability p, else 1/(1 − p); a word each.
pub(crate) fn mask<T: Scalar>(stream: &mut Stream, p: f32, mask: &mut [T]) {
    let keep = T::from_f64(1.0 / (1.0 - f64::from(p)));
    mask.iter_mut().for_each(|m| *m = if stream.uniform_f32() < p { T::zero() } else { keep });
}
