use apd_seed::Seed;
use ndarray::{Array1, array};

use super::*;
use crate::testing::ar1;

fn normals(seed: Seed, n: usize, d: usize) -> Array2<f64> {
    let mut x = Array2::zeros((n, d));
    seed.normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
    x
}

/// Of a density that is not Gaussian: p ∝ exp(−Σ x⁴/4 + x₀·x₁).
fn quartic_scores(x: &Array2<f64>) -> Array2<f64> {
    let mut scores = x.mapv(|x| -x.powi(3));
    for (mut score, x) in scores.rows_mut().into_iter().zip(x.rows()) {
        score[0] += x[1];
        score[1] += x[0];
    }
    scores
}

/// u(x, y) by central differences of k alone: no derivative of the kernel is written down.
fn differences(x: &Array1<f64>, y: &Array1<f64>, a: &Array1<f64>, b: &Array1<f64>, scale: f64) -> f64 {
    let k = |x: &Array1<f64>, y: &Array1<f64>| (scale * scale + (x - y).mapv(|r| r * r).sum()).powf(-0.5);
    let h = 1e-4;
    let moved = |x: &Array1<f64>, i: usize, by: f64| {
        let mut x = x.clone();
        x[i] += by;
        x
    };
    let mut u = a.dot(b) * k(x, y);
    for i in 0..x.len() {
        let (right, left) = (moved(x, i, h), moved(x, i, -h));
        let (up, down) = (moved(y, i, h), moved(y, i, -h));
        u += a[i] * (k(x, &up) - k(x, &down)) / (2.0 * h);
        u += b[i] * (k(&right, y) - k(&left, y)) / (2.0 * h);
        u += (k(&right, &up) - k(&right, &down) - k(&left, &up) + k(&left, &down)) / (4.0 * h * h);
    }
    u
}

#[test]
fn both_statistics_are_the_definition_by_numerical_differentiation() {
    for (d, scale) in [(2, 1.0), (3, 0.7), (6, 2.5)] {
        let x = normals(Seed::root(1).child("ksd").index(d), 5, d as usize);
        let scores = quartic_scores(&x);
        let rows = |array: &Array2<f64>, i: usize| array.row(i).to_owned();
        let u =
            |i: usize, j: usize| differences(&rows(&x, i), &rows(&x, j), &rows(&scores, i), &rows(&scores, j), scale);
        let all: f64 = (0..5).flat_map(|i| (0..5).map(move |j| (i, j))).map(|(i, j)| u(i, j)).sum();
        let diagonal: f64 = (0..5).map(|i| u(i, i)).sum();

        // The second difference has an error of h² and of 10⁻¹⁶/h²: both 10⁻⁸, in 25 terms.
        let v = ksd(x.view(), scores.view(), scale).unwrap();
        assert!((v * v - all / 25.0).abs() < 1e-6, "{d}: {} and {}", v * v, all / 25.0);
        let test = ksd_test(x.view(), scores.view(), scale, 1, &mut || true).unwrap();
        assert!((test.statistic - (all - diagonal) / 20.0).abs() < 1e-6);
        // All signs equal: the bootstrap value is the statistic, which counts as at least as large.
        assert_eq!(test.p_value, 1.0);
    }
}

#[test]
fn one_sample_is_its_own_kernel() {
    // u(x, x) = ‖s‖²/c + d/c³.
    let value = ksd(array![[1.0, 2.0]].view(), array![[3.0, -4.0]].view(), 2.0).unwrap();
    assert!((value - (25.0_f64 / 2.0 + 2.0 / 8.0).sqrt()).abs() < 1e-14);
}

#[test]
fn the_discrepancy_falls_for_the_right_density_only() {
    let x = normals(Seed::root(2).child("ksd"), 1600, 3);
    let few = x.slice(s![..100, ..]);
    let right = |x: ArrayView2<'_, f64>| ksd(x, (-&x).view(), 1.0).unwrap();
    let shifted = |x: ArrayView2<'_, f64>| ksd(x, (-&x + 0.5).view(), 1.0).unwrap();
    let too_wide = |x: ArrayView2<'_, f64>| ksd(x, (&x * -4.0).view(), 1.0).unwrap();
    // Sixteen times the draws: a quarter, as n^(−1/2).
    let ratio = right(x.view()) / right(few);
    assert!((0.15..0.4).contains(&ratio), "{ratio}");
    for wrong in [shifted(x.view()) / shifted(few), too_wide(x.view()) / too_wide(few)] {
        assert!(wrong > 0.75, "{wrong}");
    }
    assert!(shifted(x.view()) > 5.0 * right(x.view()) && too_wide(x.view()) > 5.0 * right(x.view()));
}

/// Level and power at 5 % with fixed seeds, 200 repetitions of 80 samples of N(0, I) in two dimensions.
///
/// Under the null the number of rejections is Binomial(200, 0.05), were the bootstrap exact; it is over 23 or under 2 with
/// probability 5·10⁻⁴. A shift of 0.4 deviations in each coordinate (p's mean, by the score) must be seen nearly always.
#[test]
fn the_test_keeps_its_level_and_has_power() {
    let seed = Seed::root(3).child("ksd");
    let mut signs = seed.child("signs").stream();
    let (mut level, mut power, mut sum, mut squares) = (0, 0, 0.0, 0.0);
    for k in 0..200 {
        let x = normals(seed.index(k), 80, 2);
        let mut test =
            |scores: Array2<f64>| ksd_test(x.view(), scores.view(), 1.0, 199, &mut || signs.below(2) == 1).unwrap();
        let null = test(-&x);
        sum += null.statistic;
        squares += null.statistic * null.statistic;
        level += u32::from(null.p_value <= 0.05);
        power += u32::from(test(-&x + 0.4).p_value <= 0.05);
    }
    assert!((2..=23).contains(&level), "{level} rejections of 200");
    assert!(power >= 190, "{power} rejections of 200");
    // Unbiased: the mean over repetitions is 0 within 4 of its deviations (α = 6·10⁻⁵).
    assert!(sum.abs() < 4.0 * squares.sqrt(), "{sum}, {}", squares.sqrt());
}

/// With 400 other seeds, 63 % of these correct samples are rejected by fair signs and 6.5 % by persistent ones. Of 60, 20 or fewer
/// and 12 or more happen with probability 3·10⁻⁶ and 4·10⁻⁴.
#[test]
fn correlated_draws_need_persistent_signs() {
    let seed = Seed::root(4).child("ksd");
    let (mut fair, mut persistent) = (0, 0);
    for k in 0..60 {
        // Autocorrelation time (1 + ρ)/(1 − ρ) = 9.
        let x = Array2::from_shape_vec((300, 1), ar1(seed.index(k), 0.8, 300)).unwrap();
        let scores = -&x;
        let mut stream = seed.child("signs").index(k).stream();
        fair += u32::from(
            ksd_test(x.view(), scores.view(), 1.0, 199, &mut || stream.below(2) == 1).unwrap().p_value <= 0.05,
        );
        let mut sign = true;
        let mut sticky = || {
            sign ^= stream.below(20) == 0;
            sign
        };
        persistent += u32::from(ksd_test(x.view(), scores.view(), 1.0, 199, &mut sticky).unwrap().p_value <= 0.05);
    }
    assert!(fair > 20 && persistent < 12, "{fair} and {persistent} of 60 correct samples rejected");
}

#[test]
fn signs_are_asked_for_in_the_order_of_the_rows() {
    // Two bootstrap values of three rows, of which the second flips row 1 alone.
    let x = array![[0.0], [1.0], [3.0]];
    let answers = [true, true, true, true, false, true];
    let mut asked = 0;
    let mut sign = || {
        asked += 1;
        answers[asked - 1]
    };
    let test = ksd_test(x.view(), (-&x).view(), 1.0, 2, &mut sign).unwrap();
    let stein = Stein::new(x.view(), (-&x).view(), 1.0).unwrap();
    let u = |i, j| stein.kernel(i, j);
    let flipped = -u(0, 1) + u(0, 2) - u(1, 2);
    let expected = if flipped >= u(0, 1) + u(0, 2) + u(1, 2) { 3 } else { 2 };
    assert_eq!((asked, test.p_value), (6, f64::from(expected) / 3.0));
}

#[test]
#[cfg(feature = "rayon")]
fn the_number_of_threads_does_not_matter() {
    let x = normals(Seed::root(5).child("ksd"), 333, 5);
    let scores = quartic_scores(&x);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut signs = Seed::root(6).stream();
        pool.install(|| {
            let test = ksd_test(x.view(), scores.view(), 1.0, 9, &mut || signs.below(2) == 1).unwrap();
            (ksd(x.view(), scores.view(), 1.0).unwrap().to_bits(), test.statistic.to_bits(), test.p_value)
        })
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}

#[test]
fn the_layout_of_the_arrays_does_not_matter() {
    let x = normals(Seed::root(7).child("ksd"), 70, 3);
    let columns = x.t().as_standard_layout().into_owned();
    let scores = -&x;
    assert_eq!(ksd(columns.t(), scores.view(), 1.0), ksd(x.view(), scores.view(), 1.0));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let (x, nan) = (array![[1.0, 2.0], [3.0, 4.0]], array![[1.0, 2.0], [3.0, f64::NAN]]);
    let error = |x: &Array2<f64>, scores: &Array2<f64>, scale: f64| ksd(x.view(), scores.view(), scale).unwrap_err();
    assert!(matches!(error(&nan, &x, 1.0), DiagnosticError::NotFinite { what: "sample", row: 1, index: 1, .. }));
    assert!(matches!(error(&x, &nan, 1.0), DiagnosticError::NotFinite { what: "score", row: 1, index: 1, .. }));
    assert!(matches!(error(&x, &x, 0.0), DiagnosticError::OutOfRange { value: 0.0, .. }));
    let none = Array2::zeros((0, 2));
    assert_eq!(error(&none, &none, 1.0), DiagnosticError::Empty { what: "samples" });
    let one = x.slice(s![..1, ..]);
    let test = ksd_test(one, one, 1.0, 9, &mut || true);
    assert_eq!(test, Err(DiagnosticError::TooFew { what: "samples", found: 1, needed: 2 }));
}

#[test]
fn an_overflow_is_no_perfect_sample() {
    let x = array![[1e200], [-1e200], [2e200]];
    let found = ksd(x.view(), (-&x).view(), 1.0).unwrap();
    assert!(!found.is_finite(), "{found}");
}

#[test]
#[should_panic(expected = "same shape")]
fn shapes_that_differ_are_a_mistake() {
    let _ = ksd(Array2::zeros((2, 2)).view(), Array2::zeros((2, 3)).view(), 1.0);
}
