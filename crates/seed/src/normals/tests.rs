use proptest::prelude::*;
use pulp::Arch;

use super::{Fill, box_muller_f32, box_muller_f64, ln_f32, ln_f64, sin_cos_f32, sin_cos_f64};
use crate::testing::{chi_square_z, kolmogorov_smirnov, normal_cdf, two_sided_tail};
use crate::{Normals, Seed};

fn normals(seed: u64) -> Normals {
    Seed::root(seed).child("noise").normals()
}

fn row(seed: u64, step: u64, n: usize) -> Vec<f32> {
    let mut row = vec![0.0; n];
    normals(seed).fill(step, 0, &mut row);
    row
}

#[test]
fn values_are_stable() {
    let (mut single, mut double) = ([0.0_f32; 4], [0.0_f64; 2]);
    normals(0).fill(1, 1_000_003, &mut single);
    normals(0).fill_f64(1, 1_000_003, &mut double);
    assert_eq!(single.map(f32::to_bits), GOLDEN);
    assert_eq!(double.map(f64::to_bits), GOLDEN_F64);
}

const GOLDEN: [u32; 4] = [1_053_788_358, 3_208_145_810, 3_215_283_150, 3_183_701_093];
const GOLDEN_F64: [u64; 2] = [13_828_311_771_421_137_253, 4_613_141_659_492_514_442];

proptest! {
    #[test]
    fn a_range_gets_the_values_of_the_whole(step: u64, offset in 0_usize..2500, len in 0_usize..2500) {
        let (mut whole, mut part) = (vec![0.0_f32; 5000], vec![0.0_f32; len]);
        normals(1).fill(step, 0, &mut whole);
        normals(1).fill(step, offset, &mut part);
        prop_assert_eq!(&part, &whole[offset..offset + len]);

        let (mut whole, mut part) = (vec![0.0_f64; 5000], vec![0.0_f64; len]);
        normals(1).fill_f64(step, 0, &mut whole);
        normals(1).fill_f64(step, offset, &mut part);
        prop_assert_eq!(&part, &whole[offset..offset + len]);
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits(key: u64, step: u64, offset in 0_usize..1 << 40) {
        let (mut best, mut plain) = ([0.0_f32; 200], [0.0_f32; 200]);
        let (mut best_f64, mut plain_f64) = ([0.0_f64; 100], [0.0_f64; 100]);
        Normals::new(key, key).fill(step, offset, &mut best);
        Normals::new(key, key).fill_f64(step, offset, &mut best_f64);
        #[allow(unused_mut)]
        let mut others = vec![Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        others.extend(pulp::x86::V3::try_new().map(Arch::V3));
        for other in others {
            other.dispatch(Fill { key, step, offset, out: &mut plain[..] });
            other.dispatch(Fill { key, step, offset, out: &mut plain_f64[..] });
            prop_assert_eq!(best.map(f32::to_bits), plain.map(f32::to_bits));
            prop_assert_eq!(best_f64.map(f64::to_bits), plain_f64.map(f64::to_bits));
        }
    }

    #[test]
    fn logarithms_are_right_to_an_ulp_or_two(word: u32, long: u64, shift in 0_u32..32) {
        // The shift brings small arguments, the tail of the normal, as often as large ones.
        let u = (word >> shift) as f32 * 2.0_f32.powi(-32) + 2.0_f32.powi(-33);
        let exact = f64::from(u).ln();
        prop_assert!((f64::from(ln_f32(u)) - exact).abs() <= 2e-7 * exact.abs().max(1e-30), "{u}");
        let u = ((long >> shift >> 11) as f64 + 0.5) * 2.0_f64.powi(-53);
        prop_assert!((ln_f64(u) - u.ln()).abs() <= 5e-16 * u.ln().abs(), "{u}");
    }

    #[test]
    fn angles_are_points_of_the_unit_circle(word: u32, long: u64) {
        let exact = f64::from((word & !3) as i32) * std::f64::consts::FRAC_PI_4 / 2.0_f64.powi(31);
        let (s, c) = sin_cos_f32(word);
        let (low, high) = if word & 1 == 0 { (s, c) } else { (c, s) };
        prop_assert!((f64::from(low) - exact.sin()).abs() < 2e-7);
        prop_assert!((f64::from(high).abs() - exact.cos()).abs() < 2e-7);
        prop_assert_eq!(high < 0.0, word & 2 != 0);

        let exact = ((long as i64) >> 11) as f64 * std::f64::consts::FRAC_PI_4 / 2.0_f64.powi(52);
        let (s, c) = sin_cos_f64(long);
        let (low, high) = if long & 1 == 0 { (s, c) } else { (c, s) };
        prop_assert!((low - exact.sin()).abs() < 3e-16);
        prop_assert!((high.abs() - exact.cos()).abs() < 3e-16);
        prop_assert_eq!(high < 0.0, long & 2 != 0);
    }
}

#[test]
fn the_extremes_are_finite_and_where_they_should_be() {
    let r = |(a, b): (f32, f32)| a.hypot(b);
    assert!((f64::from(r(box_muller_f32(0, 12_345))) - (64.0 * 2.0_f64.ln()).sqrt()).abs() < 1e-5);
    assert_eq!(r(box_muller_f32(1 << 31, 0)), 0.0);
    let r = |(a, b): (f64, f64)| a.hypot(b);
    assert!((r(box_muller_f64(0, 12_345)) - (108.0 * 2.0_f64.ln()).sqrt()).abs() < 1e-12);
    assert!(r(box_muller_f64(u64::MAX, 0)) < 2e-8);
}

/// Checks a large sample against N(0, 1); an error names the statistic that is off.
///
/// Level: four moments and six tails at five standard errors (two-sided 6·10⁻⁷ each), χ² at z = 5 (3·10⁻⁷), KS at 10⁻⁶:
/// family-wise α < 10⁻⁵.
fn standard_normal(sample: &[f32]) -> Result<(), String> {
    let n = sample.len() as f64;
    for (power, mean, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let moment = sample.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / n;
        let z = (moment - mean) / (variance / n).sqrt();
        if z.abs() > 5.0 {
            return Err(format!("moment {power} is {moment}: {z:.1} standard errors off"));
        }
    }
    let mut counts = vec![0_u64; 256];
    for &x in sample {
        counts[((normal_cdf(f64::from(x)) * 256.0) as usize).min(255)] += 1;
    }
    let z = chi_square_z(&counts);
    if z > 5.0 {
        return Err(format!("χ² over 256 cells: z = {z:.1}"));
    }
    for bound in [2.0, 2.5, 3.0, 3.5, 4.0, 4.5] {
        let expected = n * two_sided_tail(bound);
        let found = sample.iter().filter(|x| f64::from(x.abs()) > bound).count() as f64;
        // Poisson; a correction for the small counts of the far tail.
        let z = ((found - expected).abs() - 0.5) / expected.max(1.0).sqrt();
        if z > 5.0 {
            return Err(format!("|x| > {bound}: {found} times, expected {expected:.1}"));
        }
    }
    let p = kolmogorov_smirnov(sample, normal_cdf);
    if p < 1e-6 {
        return Err(format!("Kolmogorov–Smirnov: p = {p:.1e}"));
    }
    Ok(())
}

const N: usize = 1 << 20;

#[test]
fn rows_are_standard_normal() {
    for step in [0, 1, u64::MAX] {
        standard_normal(&row(2, step, N)).unwrap();
    }
    let mut double = vec![0.0; N];
    normals(2).fill_f64(0, 0, &mut double);
    standard_normal(&double.iter().map(|&x| x as f32).collect::<Vec<_>>()).unwrap();
}

#[test]
fn columns_are_standard_normal() {
    // The noise of one parameter over the steps of a chain.
    let mut column = vec![0.0; 1 << 17];
    for (step, z) in column.iter_mut().enumerate() {
        normals(3).fill(step as u64, 79_509, std::slice::from_mut(z));
    }
    standard_normal(&column).unwrap();
}

#[test]
fn what_is_not_normal_is_rejected() {
    let z = row(4, 0, N);
    let mut stream = Seed::root(4).stream();
    let controls: [(&str, Vec<f32>); 5] = [
        ("standard deviation 1.01", z.iter().map(|z| 1.01 * z).collect()),
        ("mean 0.01", z.iter().map(|z| z + 0.01).collect()),
        ("cut off at 4", z.iter().map(|z| z.clamp(-4.0, 4.0)).collect()),
        ("twelve uniforms", z.iter().map(|_| (0..12).map(|_| stream.uniform_f32()).sum::<f32>() - 6.0).collect()),
        (
            "one lane without negatives",
            z.iter().enumerate().map(|(i, &z)| if i % 64 == 17 { z.abs() } else { z }).collect(),
        ),
    ];
    for (name, sample) in controls {
        assert!(standard_normal(&sample).is_err(), "{name} passes for normal");
    }
}

#[test]
fn far_tails_have_their_mass() {
    // 1.3·10⁸ numbers: 77 expected beyond 5, half a one beyond 6.
    let (mut z, mut beyond, mut largest) = (vec![0.0_f32; 1 << 16], [0_u32; 3], 0.0_f32);
    let steps = 1 << 11;
    for step in 0..steps {
        normals(5).fill(step, 0, &mut z);
        for x in z.iter().map(|x| x.abs()).filter(|&x| x > 4.5) {
            largest = largest.max(x);
            for (count, bound) in beyond.iter_mut().zip([4.5, 5.0, 5.5]) {
                *count += u32::from(x > bound);
            }
        }
    }
    let n = (steps * (1 << 16)) as f64;
    for (count, bound) in beyond.into_iter().zip([4.5, 5.0, 5.5]) {
        let expected = n * two_sided_tail(bound);
        assert!((f64::from(count) - expected).abs() < 5.0 * expected.sqrt(), "beyond {bound}: {count}, not {expected}");
    }
    assert!((5.4..6.67).contains(&largest), "{largest}");
}

/// The correlation of two samples of zero mean and unit variance, in standard errors.
fn correlation_z(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len().min(b.len()) as f64;
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / n.sqrt()
}

/// (z² − 1)/√2: shows dependence of magnitudes, which uncorrelated pairs can hide.
fn magnitudes(z: &[f32]) -> Vec<f32> {
    z.iter().map(|z| (z * z - 1.0) * std::f32::consts::FRAC_1_SQRT_2).collect()
}

/// Largest correlation, plain or of magnitudes, between two samples.
fn dependence_z(a: &[f32], b: &[f32]) -> f64 {
    correlation_z(a, b).abs().max(correlation_z(&magnitudes(a), &magnitudes(b)).abs())
}

#[test]
fn nothing_is_correlated() {
    // 2·(130 + 5) correlations at five standard errors: α < 2·10⁻⁴ in all.
    let z = row(6, 0, N);
    for lag in (1..=128).chain([1024, 4096]) {
        assert!(dependence_z(&z[lag..], &z) < 5.0, "lag {lag}");
    }
    let root = Seed::root(6).child("noise");
    let mut other = vec![0.0; N];
    let mut check = |name: &str, normals: Normals, step: u64, offset: usize| {
        normals.fill(step, offset, &mut other);
        assert!(dependence_z(&other, &z) < 5.0, "{name}");
    };
    check("the next step", root.normals(), 1, 0);
    check("a far step", root.normals(), 1 << 32, 0);
    check("a far offset", root.normals(), 0, 1 << 34);
    check("another chain", root.index(1).normals(), 0, 0);
    check("another root", Seed::root(7).child("noise").normals(), 0, 0);
}

#[test]
fn correlations_are_found_where_they_are() {
    let (z, other) = (row(8, 0, N), row(8, 1, N));
    let mixed: Vec<f32> = z.iter().zip(&other).map(|(z, o)| 0.01 * z + o).collect();
    assert!(dependence_z(&mixed, &z) > 5.0, "correlation of 0.01");
    let flipped: Vec<f32> = z.iter().zip(&other).map(|(z, o)| z.abs().copysign(*o)).collect();
    assert!(correlation_z(&flipped, &z).abs() < 5.0 && dependence_z(&flipped, &z) > 5.0, "equal magnitudes");
    assert!(dependence_z(&z, &row(8, 0, N)) > 5.0, "a stream used twice");
}

#[test]
fn double_and_single_precision_are_independent() {
    let mut double = vec![0.0; N];
    normals(9).fill_f64(0, 0, &mut double);
    let double: Vec<f32> = double.into_iter().map(|x| x as f32).collect();
    assert!(dependence_z(&double, &row(9, 0, N)) < 5.0);
}
