//! The normal distribution function Φ, and x·Φ(x), of an f32, such that loops over slices vectorize.

use super::exp::exp_between;

/// Φ(x). Error below 0.61 ulp, however small the tail, that of subnormal values included; NaN stays NaN.
#[inline(always)]
pub(crate) fn normal_cdf_f32(x: f32) -> f32 {
    normal_cdf(f64::from(x.clamp(-15.0, 15.0))) as f32
}

/// x·Φ(x). Error below 0.61 ulp, that of subnormal values included; −0 far below 0, NaN stays NaN.
#[inline(always)]
pub(crate) fn gelu_f32(x: f32) -> f32 {
    let inside = f64::from(x.clamp(-15.0, 15.0));
    // ∞·1, and not −∞·0, which is NaN.
    let x = if x > 15.0 { f64::from(x) } else { inside };
    (x * normal_cdf(inside)) as f32
}

/// Φ(x) for |x| ≤ 15 to 9 digits, those of the tail: with t = |x|, Φ(−t) = e^(−t²/2)·P(w)/(t + c) with w = (t − c)/(t + c).
#[inline(always)]
fn normal_cdf(x: f64) -> f64 {
    const C: f64 = 3.75;
    /// Φ(−t)·e^(t²/2)·(t + c) interpolated in w at Chebyshev's points.
    const P: [f64; 11] = [
        -5.796_528_794_4e-5,
        -9.577_898_837_3e-5,
        4.656_484_555_98e-4,
        5.991_200_846_38e-4,
        -4.162_170_207_78e-3,
        1.170_869_091_53e-3,
        3.748_923_120_83e-2,
        -1.515_171_149_84e-1,
        3.529_398_671_25e-1,
        -5.881_884_107_96e-1,
        7.502_940_720_85e-1,
    ];
    let t = x.abs();
    let scale = 1.0 / (t + C);
    let w = (t - C) * scale;
    let mut p = P[0];
    for i in 1..P.len() {
        p = p * w + P[i];
    }
    let tail = exp_between(-0.5 * t * t) * (p * scale);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests;
