//! A dataset: waves, sin(3x) with a few gross errors.

use apd::data::Targets;
use apd::{Examples, Seed};
use ndarray::Array2;

/// `n` of them; every tenth is off by 3.
pub(crate) fn waves(n: usize, seed: Seed) -> Examples {
    let mut stream = seed.child("waves").stream();
    let inputs = Array2::from_shape_simple_fn((n, 1), || 4.0 * stream.uniform_f32() - 2.0);
    let noise = |row: usize| if row % 10 == 9 { 3.0 } else { 0.0 };
    let values = Array2::from_shape_fn((n, 1), |(row, _)| (3.0 * f64::from(inputs[[row, 0]])).sin() + noise(row));
    Examples::new(inputs, Targets::Numbers { values, names: vec!["wave".to_owned()] })
}
