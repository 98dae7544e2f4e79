//! eˣ over a slice of f32, vectorized.

use pulp::Arch;

/// x ← eˣ. Relative error below 2⁻²², 0 where eˣ is subnormal (x < −87.34), ∞ above 88.73; NaN stays NaN.
///
/// The same bits on every machine: only additions and multiplications in a fixed order.
///
/// Reference: Cephes `expf` (Moshier), its reduction and minimax polynomial.
pub(super) fn exp_f32(x: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x = exp(*x)),
    );
}

#[inline(always)]
#[allow(clippy::excessive_precision)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to an integer, held in the low bits
    let shifted = x.clamp(-90.0, 90.0) * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of which has few enough bits that n · 0.693359375 is exact.
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_15e-4;
    p = p * r + 1.398_199_95e-3;
    p = p * r + 8.333_451_9e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_55e-1;
    p = p * r + 5.000_000_1e-1;
    let power = p * r * r + r + 1.0;
    // n, which ROUND left in the low bits; 2ⁿ as a product of two, since n = 128 alone is beyond the exponent's range.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let y = power * power_of_two(half) * power_of_two(n.wrapping_sub(half));
    let y = if x < -87.336_54 { 0.0 } else { y };
    if x > 88.722_84 { f32::INFINITY } else { y }
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests;
