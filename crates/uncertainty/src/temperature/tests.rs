use ndarray::array;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::*;
use crate::nll;

/// N×K logits, and labels that are drawn from their softmax at temperature t.
fn drawn(n: usize, k: usize, t: f64, seed: u8) -> (Array2<f64>, Vec<u32>) {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let logits = Array2::from_shape_simple_fn((n, k), || 8.0 * rng.random::<f64>());
    let draw = |p: ndarray::ArrayView1<'_, f64>| {
        let u: f64 = rng.random();
        let mut sum = 0.0;
        let passed = p.iter().take_while(|&&p| {
            sum += p;
            sum < u
        });
        passed.count().min(k - 1) as u32
    };
    let labels = Temperature(t).softmax(logits.view()).outer_iter().map(draw).collect();
    (logits, labels)
}

fn loss(logits: &Array2<f64>, labels: &[u32], t: f64) -> f64 {
    nll(Temperature(t).softmax(logits.view()).view(), labels).unwrap()
}

/// With logits a and 0 of which the first is right with share r, σ(a/T) = r.
#[test]
fn two_classes_have_a_closed_form() {
    for (a, right, n) in [(4.0, 3, 4), (1.0, 9, 10), (1e-30, 2, 3), (1e30, 999, 1000)] {
        let logits = Array2::from_shape_fn((n, 2), |(_, c)| if c == 0 { a } else { 0.0 });
        let labels: Vec<u32> = (0..n).map(|i| u32::from(i >= right)).collect();
        let expected = a / (right as f64 / (n - right) as f64).ln();
        let found = Temperature::fit(logits.view(), &labels).unwrap().0;
        assert!((found / expected - 1.0).abs() < 1e-12, "{a}: {found} {expected}");
    }
}

/// A search that knows nothing of derivatives: golden sections of ln T.
#[test]
fn no_other_temperature_is_better() {
    for (t, seed) in [(0.3, 1), (1.0, 2), (2.5, 3)] {
        let (logits, labels) = drawn(300, 5, t, seed);
        let (mut low, mut high) = (-4.0, 4.0);
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        while high - low > 1e-6 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if loss(&logits, &labels, a.exp()) < loss(&logits, &labels, b.exp()) { high = b } else { low = a }
        }
        let found = Temperature::fit(logits.view(), &labels).unwrap().0;
        // The loss is flat to 10⁻¹⁶ within about 10⁻⁸ of its minimum, where the search loses its way.
        assert!((found.ln() - low).abs() < 1e-5, "{} {low}", found.ln());
    }
}

/// (1/T̂ − 1/T)·√I is standard normal, I being the information about 1/T. α = 10⁻⁴: |z| ≤ 3.89, for each of two. The negative control is
/// the softmax as it was, T = 1.
#[test]
fn the_temperature_of_drawn_labels_is_found() {
    for (t, seed) in [(2.5, 4), (0.4, 5)] {
        let (logits, labels) = drawn(4000, 4, t, seed);
        let found = Temperature::fit(logits.view(), &labels).unwrap().0;
        let variance = |(p, z): (ndarray::ArrayView1<'_, f64>, ndarray::ArrayView1<'_, f64>)| {
            p.dot(&(&z * &z)) - p.dot(&z).powi(2)
        };
        let p = Temperature(t).softmax(logits.view());
        let information: f64 = p.outer_iter().zip(logits.outer_iter()).map(variance).sum();
        let z = |of: f64| (found.recip() - of.recip()) * information.sqrt();
        assert!(z(t).abs() <= 3.89, "{found}: z = {}", z(t));
        assert!(z(1.0).abs() > 3.89, "{found}: z = {}", z(1.0));
    }
}

#[test]
fn log_probabilities_are_logits() {
    let (logits, labels) = drawn(200, 3, 2.0, 6);
    let of_logits = Temperature::fit(logits.view(), &labels).unwrap().0;
    let p = softmax(logits.view());
    let of_p = Temperature::fit(p.mapv(f64::ln).view(), &labels).unwrap();
    assert!((of_p.0 / of_logits - 1.0).abs() < 1e-9);
    let mut expected = p.mapv(|p| p.powf(1.0 / of_p.0));
    expected.outer_iter_mut().for_each(|mut row| row /= row.sum());
    let found = of_p.softmax(p.mapv(f64::ln).view());
    assert!((found - expected).iter().all(|x| x.abs() < 1e-12));
    // In other units, and in f32.
    let scaled = Temperature::fit(logits.mapv(|z| 3.0 * z + 7.0).view(), &labels).unwrap().0;
    assert!((scaled / (3.0 * of_logits) - 1.0).abs() < 1e-9);
    let single = logits.mapv(|z| z as f32);
    assert_eq!(Temperature::fit(single.view(), &labels), Temperature::fit(single.mapv(f64::from).view(), &labels));
}

/// A class of probability 0 is as none.
#[test]
fn a_logit_of_minus_infinity_changes_nothing() {
    let (logits, labels) = drawn(100, 3, 2.0, 7);
    let masked = Array2::from_shape_fn((100, 4), |(i, c)| if c < 3 { logits[[i, c]] } else { f64::NEG_INFINITY });
    assert_eq!(Temperature::fit(masked.view(), &labels), Temperature::fit(logits.view(), &labels));
}

#[test]
fn degenerate_rows_are_errors() {
    let none = |limit| Err(MetricError::NoTemperature { limit });
    let fit = |logits: Array2<f64>, labels: &[u32]| Temperature::fit(logits.view(), labels);
    // All right; all wrong; as often as by chance; nothing said.
    assert_eq!(fit(array![[2.0, 0.0], [0.0, 1.0]], &[0, 1]), none(0.0));
    assert_eq!(fit(array![[2.0, 0.0], [0.0, 1.0]], &[1, 0]), none(f64::INFINITY));
    assert_eq!(fit(array![[2.0, 0.0], [2.0, 0.0]], &[0, 1]), none(f64::INFINITY));
    assert_eq!(fit(array![[1.0, 1.0]], &[0]), none(f64::INFINITY));
    assert_eq!(fit(array![[3.0], [1.0]], &[0, 0]), none(f64::INFINITY));
    // The best would be 10⁻²⁰ of the range of the logits.
    assert_eq!(fit(array![[0.0, -1e-20], [0.0, -1e-21], [0.0, -1.0]], &[0, 1, 0]), none(0.0));
    let infinite = Err(MetricError::Infinite { what: "logits", index: 1 });
    assert_eq!(fit(array![[0.0, 1.0], [0.0, f64::NEG_INFINITY]], &[0, 1]), infinite);
    assert_eq!(fit(array![[0.0, 1.0], [0.0, f64::INFINITY]], &[0, 1]), infinite);
    assert_eq!(fit(array![[f64::NAN, 1.0]], &[0]), Err(MetricError::Nan { what: "logits", index: 0 }));
    assert_eq!(fit(array![[1.0, 1.0]], &[2]), Err(MetricError::Label { index: 0, label: 2, classes: 2 }));
    assert_eq!(fit(Array2::zeros((0, 2)), &[]), Err(MetricError::Empty { what: "logits" }));
}

#[test]
#[should_panic(expected = "a temperature is positive")]
fn a_temperature_of_zero_panics() {
    Temperature(0.0).softmax(array![[0.0]].view());
}
