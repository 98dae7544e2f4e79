//! The sequential stream.

use std::fmt;

use pulp::{Arch, NullaryFnOnce};
use rand_core::RngCore;

use crate::philox::{self, LANES};

const BUFFER: usize = 4 * LANES;

/// A sequential Philox4x32-10 generator: `rand_core` 0.9 [`RngCore`], cloneable, serialisable, seekable.
///
/// Word `p` of the stream is a pure function of (seed, `p`). Period 2⁶⁴ words of 32 bits (then it starts again).
///
/// ```
/// use apd_seed::Seed;
/// let mut dice = Seed::root(1).child("dice").stream();
/// assert!((0..100).all(|_| dice.below(6) < 6));
/// ```
#[derive(Clone)]
pub struct Stream {
    key: u64,
    /// Words drawn so far.
    position: u64,
    /// The group of blocks that `buffer` holds, if any.
    group: Option<u64>,
    buffer: [u32; BUFFER],
}

impl Stream {
    pub(crate) fn new(key: u64) -> Self {
        Self { key, position: 0, group: None, buffer: [0; BUFFER] }
    }

    /// Words (32 bits each) drawn since the beginning.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves to word `position` in O(1).
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// A uniform number in [0, 1), a multiple of 2⁻⁵³; takes two words.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A uniform number in [0, 1), a multiple of 2⁻²⁴; takes one word.
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1_u32 << 24) as f32)
    }

    /// A uniform integer in [0, `n`), without bias; takes one word, rarely more.
    ///
    /// Reference: Lemire, *Fast random integer generation in an interval*, TOMACS 2019, algorithm 5.
    ///
    /// **Panics** if `n` is 0.
    #[track_caller]
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "there is no integer below 0 to draw");
        let mut product = u64::from(self.next_u32()) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// Puts `items` in a uniformly random order (Fisher–Yates).
    ///
    /// **Panics** if there are more than 2³² − 1 items.
    #[track_caller]
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        assert!(u32::try_from(items.len()).is_ok(), "{} items are too many to shuffle by 32-bit numbers", items.len());
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }

    /// A uniformly random order of 0, 1, …, n − 1.
    ///
    /// **Panics** if `n` exceeds 2³² − 1.
    #[track_caller]
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let n = u32::try_from(n).expect("a permutation is of at most 2³² − 1 items");
        let mut order: Vec<u32> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    #[cold]
    fn refill(&mut self, group: u64) {
        let words = Arch::new().dispatch(Group { group, key: self.key });
        // A group is four rows of lanes; the stream runs block by block, as the generator is defined.
        for (j, block) in self.buffer.chunks_exact_mut(4).enumerate() {
            for w in 0..4 {
                block[w] = words[w][j];
            }
        }
        self.group = Some(group);
    }
}

struct Group {
    group: u64,
    key: u64,
}

impl NullaryFnOnce for Group {
    type Output = [[u32; LANES]; 4];

    #[inline(always)]
    fn call(self) -> Self::Output {
        philox::group(self.group, 0, self.key)
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        let group = self.position / BUFFER as u64;
        if self.group != Some(group) {
            self.refill(group);
        }
        let word = self.buffer[(self.position % BUFFER as u64) as usize];
        self.position = self.position.wrapping_add(1);
        word
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_u32(self)
    }

    fn fill_bytes(&mut self, dst: &mut [u8]) {
        rand_core::impls::fill_bytes_via_next(self, dst);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("key", &self.key).field("position", &self.position).finish_non_exhaustive()
    }
}

impl PartialEq for Stream {
    /// Equal streams yield equal numbers from here on.
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.position) == (other.key, other.position)
    }
}

impl Eq for Stream {}

#[cfg(feature = "serde")]
mod saved;
#[cfg(test)]
mod tests;
