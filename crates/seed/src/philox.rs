//! Philox4x32-10, one block and a group of blocks at a time.
//!
//! Reference: Salmon, Moraes, Dror & Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011, §3.2.

const M0: u64 = 0xd251_1f53;
const M1: u64 = 0xcd9e_8d57;
const W0: u32 = 0x9e37_79b9;
const W1: u32 = 0xbb67_ae85;
const ROUNDS: usize = 10;

/// Blocks computed together: the lanes of the vectorised path.
pub(crate) const LANES: usize = 16;

/// The four output words of one counter.
#[cfg(test)]
pub(crate) fn block(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let (p0, p1) = (M0 * u64::from(x0), M1 * u64::from(x2));
        (x0, x1, x2, x3) = ((p1 >> 32) as u32 ^ x1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ x3 ^ k1, p0 as u32);
        (k0, k1) = (k0.wrapping_add(W0), k1.wrapping_add(W1));
    }
    [x0, x1, x2, x3]
}

/// The words of counter (`index`, `row`), in 64-bit lanes of which only the low half means anything.
///
/// 32×32→64 multiplication then is one vector instruction that ignores the high half, and a round costs six instructions
/// without a shuffle.
#[inline(always)]
pub(crate) fn wide_block(index: u64, row: u64, key: u64) -> [u32; 4] {
    const LOW: u64 = 0xffff_ffff;
    let (mut x0, mut x1, mut x2, mut x3) = (index & LOW, index >> 32, row & LOW, row >> 32);
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    for _ in 0..ROUNDS {
        let (p0, p1) = (M0 * (x0 & LOW), M1 * (x2 & LOW));
        (x0, x1, x2, x3) = ((p1 >> 32) ^ x1 ^ u64::from(k0), p1, (p0 >> 32) ^ x3 ^ u64::from(k1), p0);
        (k0, k1) = (k0.wrapping_add(W0), k1.wrapping_add(W1));
    }
    [x0 as u32, x1 as u32, x2 as u32, x3 as u32]
}

/// The words of the counters (`group`·16 + j, `row`), j = 0…15, as four rows of sixteen lanes.
#[inline(always)]
pub(crate) fn group(group: u64, row: u64, key: u64) -> [[u32; LANES]; 4] {
    let first = group.wrapping_mul(LANES as u64);
    let mut words = [[0_u32; LANES]; 4];
    for j in 0..LANES {
        let block = wide_block(first | j as u64, row, key);
        for w in 0..4 {
            words[w][j] = block[w];
        }
    }
    words
}

#[cfg(test)]
mod tests;
