//! eˣ of an f32 and the logistic function, such that loops over slices vectorize.

/// eˣ. Error below an ulp, that of subnormal values included; 0 below −103.98, ∞ above 88.72, NaN stays NaN.
///
/// The same bits on every machine: only additions and multiplications in a fixed order.
///
/// Reference: Cephes `expf` (Moshier), its reduction and minimax polynomial.
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to an integer, held in the low bits
    let x = x.clamp(-104.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
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
    // n, which ROUND left in the low bits; 2ⁿ as a product of two, since n = 128 or −150 alone is beyond the exponent's range.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    power * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// 1/(1 + e⁻ˣ). Error below 0.6 ulp, that of subnormal values included; NaN stays NaN.
#[inline(always)]
pub(crate) fn sigmoid_f32(x: f32) -> f32 {
    (1.0 / (1.0 + exp_between(f64::from(-x.clamp(-104.0, 104.0))))) as f32
}

/// eˣ for |x| < 700 to 8 digits: what single precision is made of without a rounding on the way. NaN stays NaN.
#[inline(always)]
pub(super) fn exp_between(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let r = x - (shifted - ROUND) * std::f64::consts::LN_2;
    let mut p = 1.0 / 5040.0;
    for divisor in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        p = p * r + 1.0 / divisor;
    }
    // The low bits that ROUND left are added to the exponent.
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

#[cfg(test)]
mod tests;
