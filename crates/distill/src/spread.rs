//! Numbers that fill [0, 1) evenly, as draws of rows or of times take them.

use apd_seed::Seed;

/// Where the draws of a seed begin, in [0, 1).
pub(crate) fn start(seed: Seed) -> f64 {
    seed.child("centres").stream().uniform()
}

/// The place of a draw among `count`, and how far into it: the fraction {start + number·(√5 − 1)/2} of them.
pub(crate) fn place(start: f64, number: u64, count: usize) -> (usize, f64) {
    // In wrapping fixed point: exact for any number.
    let golden = 0x9E37_79B9_7F4A_7C15_u64;
    let fraction = ((start * 2f64.powi(53)) as u64) << 11;
    let at = u128::from(fraction.wrapping_add(number.wrapping_mul(golden))) * count as u128;
    ((at >> 64) as usize, (at as u64) as f64 / 2f64.powi(64))
}

/// Which of `count` a draw takes.
pub(crate) fn pick(start: f64, number: u64, count: usize) -> usize {
    place(start, number, count).0
}
