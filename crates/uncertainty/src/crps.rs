//! The continuous ranked probability score of a mixture.

use crate::mixture::Mixture;

/// Error of the quadrature relative to the width of the law.
const TOLERANCE: f64 = 1e-10;
/// Halvings of an interval: what is narrower than a millionth of the law is a step, whose place is known well enough.
const DEPTH: u32 = 30;
/// The probability that is left out of a discrete law on either side.
const TAIL: f64 = 1e-11;

/// ∫ (F(z) − 1\[y ≤ z\])² dz.
pub(crate) fn crps(mixture: &Mixture<'_>, y: f64) -> f64 {
    if y.is_infinite() {
        return f64::INFINITY;
    }
    if mixture.family.is_discrete() {
        return over_integers(mixture, y);
    }
    let center = mixture.quantile(0.5);
    let scale = mixture.width() + (y - center).abs();
    if scale == 0.0 {
        return 0.0;
    }
    // Each side of y on u in [0, 1), z = y ± scale·u/(1 − u).
    let side = |sign: f64| {
        let integrand = |u: f64| {
            let f = mixture.cdf(y + sign * scale * u / (1.0 - u));
            let missing = if sign > 0.0 { 1.0 - f } else { f };
            (missing / (1.0 - u)).powi(2)
        };
        (0..8)
            .map(|i| integrate(&integrand, i as f64 / 8.0, (i + 1) as f64 / 8.0, TOLERANCE / 16.0, DEPTH))
            .sum::<f64>()
    };
    scale * (side(-1.0) + side(1.0))
}

/// Σ_{k < y} F(k)² + Σ_{k ≥ y} (1 − F(k))² for an integer y, and what lies between y and the integers beside it else.
fn over_integers(mixture: &Mixture<'_>, y: f64) -> f64 {
    let (first, last) = (mixture.quantile(TAIL), mixture.quantile(1.0 - TAIL));
    let (mut sum, mut k) = (0.0, first);
    // Outside, the function is 0 or 1.
    sum += (first - y).max(0.0) + (y - last).max(0.0);
    while k < last {
        let f = mixture.cdf(k);
        let below = (y - k).clamp(0.0, 1.0);
        sum += below * f * f + (1.0 - below) * (1.0 - f).powi(2);
        k += 1.0;
    }
    sum
}

/// Nodes and weights of Gauss (7 points) and Kronrod (15), from the center out. Reference: QUADPACK's `qk15`.
const NODES: [f64; 8] = [
    0.0,
    0.207_784_955_007_898_47,
    0.405_845_151_377_397_2,
    0.586_087_235_467_691_1,
    0.741_531_185_599_394_4,
    0.864_864_423_359_769_1,
    0.949_107_912_342_758_5,
    0.991_455_371_120_812_6,
];
const KRONROD: [f64; 8] = [
    0.209_482_141_084_727_83,
    0.204_432_940_075_298_9,
    0.190_350_578_064_785_4,
    0.169_004_726_639_267_9,
    0.140_653_259_715_525_92,
    0.104_790_010_322_250_18,
    0.063_092_092_629_978_55,
    0.022_935_322_010_529_224,
];
const GAUSS: [f64; 4] =
    [0.417_959_183_673_469_4, 0.381_830_050_505_118_9, 0.279_705_391_489_276_7, 0.129_484_966_168_869_7];

/// ∫ f by halving what the two rules disagree about.
fn integrate(f: &dyn Fn(f64) -> f64, low: f64, high: f64, tolerance: f64, depth: u32) -> f64 {
    let (center, half) = (0.5 * (low + high), 0.5 * (high - low));
    let middle = f(center);
    let (mut kronrod, mut gauss) = (KRONROD[0] * middle, GAUSS[0] * middle);
    for i in 1..NODES.len() {
        let pair = f(center - half * NODES[i]) + f(center + half * NODES[i]);
        kronrod += KRONROD[i] * pair;
        if i % 2 == 0 {
            gauss += GAUSS[i / 2] * pair;
        }
    }
    if half * (kronrod - gauss).abs() <= tolerance || depth == 0 {
        return half * kronrod;
    }
    [(low, center), (center, high)].map(|(low, high)| integrate(f, low, high, 0.5 * tolerance, depth - 1)).iter().sum()
}
