//! Sixteen xoshiro128++ generators side by side, seeded from a counter: cheap words for one block of a row.
//!
//! Reference: Blackman & Vigna, *Scrambled linear pseudorandom number generators*, ACM Transactions on Mathematical Software 47(4),
//! 2021, figure 4 with constants a = 9, b = 11 and the ++ scrambler with c = 7.

use crate::philox::{self, LANES};

/// The state of sixteen generators, word by word.
#[derive(Clone)]
pub(crate) struct Lanes([[u32; LANES]; 4]);

impl Lanes {
    /// The generators of block `block` of row `row`: each state is one output of Philox4x32-10, so that generators anywhere start at
    /// independent points of a cycle of 2¹²⁸ − 1. (The one state that it must not have, all zeros, comes up with probability 2⁻¹²⁸.)
    #[inline(always)]
    pub(crate) fn new(block: u64, row: u64, key: u64) -> Self {
        Self(philox::group(block, row, key))
    }

    /// The next word of each.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> [u32; LANES] {
        let [s0, s1, s2, s3] = &mut self.0;
        let mut words = [0; LANES];
        for j in 0..LANES {
            words[j] = s0[j].wrapping_add(s3[j]).rotate_left(7).wrapping_add(s0[j]);
            let t = s1[j] << 9;
            s2[j] ^= s0[j];
            s3[j] ^= s1[j];
            s1[j] ^= s2[j];
            s0[j] ^= s3[j];
            s2[j] ^= t;
            s3[j] = s3[j].rotate_left(11);
        }
        words
    }
}

#[cfg(test)]
mod tests;
