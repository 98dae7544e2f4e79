//! Hidden activations.

use apd_tensor::kernel::rough_tanh_f32;
use apd_tensor::{Scalar, Tensor};
use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

use crate::NetworkError;

/// The function after each hidden layer, elementwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(0, z); its derivative at 0 is taken as 0.
    Relu,
    /// z for z > 0, slope·z otherwise; slope in [0, 1], its derivative at 0 is taken as the slope.
    LeakyRelu(f32),
    /// tanh z.
    Tanh,
}

impl Activation {
    /// Whether the slope, if there is one, is a slope.
    pub(crate) fn check(self) -> Result<(), NetworkError> {
        match self {
            Self::LeakyRelu(slope) if !(0.0..=1.0).contains(&slope) => Err(NetworkError::Slope(slope)),
            _ => Ok(()),
        }
    }

    /// The differentiable form.
    pub fn forward<T: Scalar>(self, z: &Tensor<T>) -> Tensor<T> {
        match self {
            Self::Relu => z.relu(),
            Self::LeakyRelu(slope) => z.leaky_relu(T::from_f64(f64::from(slope))),
            Self::Tanh => z.tanh(),
        }
    }

    /// rows ← activation(rows + bias), where each row has the length of `bias` and begins `stride` after the one before.
    ///
    /// **Panics** if `bias` is longer than `stride`.
    #[track_caller]
    pub(crate) fn apply(self, rows: &mut [f32], stride: usize, bias: &[f32]) {
        assert!(bias.len() <= stride, "rows of {} cannot begin {stride} apart", bias.len());
        match self {
            Self::Relu => dispatch(BiasMap { rows, stride, bias, map: relu }),
            Self::LeakyRelu(slope) => dispatch(BiasMap { rows, stride, bias, map: move |z| leaky_relu(slope, z) }),
            Self::Tanh => dispatch(BiasMap { rows, stride, bias, map: rough_tanh_f32 }),
        }
    }

    /// values ← activation(values).
    pub(crate) fn map(self, values: &mut [f32]) {
        match self {
            Self::Relu => dispatch(Map { values, map: relu }),
            Self::LeakyRelu(slope) => dispatch(Map { values, map: move |z| leaky_relu(slope, z) }),
            Self::Tanh => dispatch(Map { values, map: rough_tanh_f32 }),
        }
    }

    /// delta ← delta ∘ activation′, from the activation's output (all three derivatives are functions of it).
    pub(crate) fn backward(self, output: &[f32], delta: &mut [f32]) {
        match self {
            Self::Relu => dispatch(Zip { output, delta, map: |a: f32, d: f32| d * if a > 0.0 { 1.0 } else { 0.0 } }),
            Self::LeakyRelu(slope) => {
                dispatch(Zip { output, delta, map: move |a: f32, d: f32| d * if a > 0.0 { 1.0 } else { slope } });
            }
            Self::Tanh => dispatch(Zip { output, delta, map: |a: f32, d: f32| d * (1.0 - a * a) }),
        }
    }
}

/// rows ← rows + bias, through the activation if there is one.
#[track_caller]
pub(crate) fn finish(activation: Option<Activation>, rows: &mut [f32], stride: usize, bias: &[f32]) {
    match activation {
        Some(activation) => activation.apply(rows, stride, bias),
        None => add_bias(rows, stride, bias),
    }
}

/// rows ← rows + bias: the last layer.
pub(crate) fn add_bias(rows: &mut [f32], stride: usize, bias: &[f32]) {
    assert!(bias.len() <= stride, "rows of {} cannot begin {stride} apart", bias.len());
    dispatch(BiasMap { rows, stride, bias, map: |z: f32| z });
}

fn dispatch(kernel: impl NullaryFnOnce<Output = ()>) {
    Arch::new().dispatch(kernel);
}

// None of these leaves an element as it is on a condition: for that, where it is written to the place it came from, the compiler takes masked stores,
// which cost AMD's processors without AVX-512 more than a product's row.

/// max(0, z), without rounding; NaN stays NaN, so that a diverged network shows.
#[inline(always)]
fn relu(z: f32) -> f32 {
    0.5 * (z + z.abs())
}

#[inline(always)]
fn leaky_relu(slope: f32, z: f32) -> f32 {
    z * if z > 0.0 { 1.0 } else { slope }
}

// `map` here and below owns what it uses: a loop that loads a slope through a reference, for some elements only, does not vectorize.

struct Map<'a, F> {
    values: &'a mut [f32],
    map: F,
}

impl<F: Fn(f32) -> f32> NullaryFnOnce for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|z| *z = (self.map)(*z));
    }
}

struct BiasMap<'a, F> {
    rows: &'a mut [f32],
    stride: usize,
    bias: &'a [f32],
    map: F,
}

impl<F: Fn(f32) -> f32> NullaryFnOnce for BiasMap<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rows, stride, bias, map } = self;
        if bias.is_empty() {
            return;
        }
        for row in rows.chunks_mut(stride) {
            // The last row may lack the padding up to the stride.
            for (z, &b) in row[..bias.len()].iter_mut().zip(bias) {
                *z = map(*z + b);
            }
        }
    }
}

struct Zip<'a, F> {
    output: &'a [f32],
    delta: &'a mut [f32],
    map: F,
}

impl<F: Fn(f32, f32) -> f32> NullaryFnOnce for Zip<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (d, &a) in self.delta.iter_mut().zip(self.output) {
            *d = (self.map)(a, *d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectifiers_are_exact_and_show_what_is_not_a_number() {
        let values = [-3.0, -f32::MIN_POSITIVE, -1e-42, -0.0, 0.0, 1e-42, 0.1, 3.0, 1e38];
        for z in values {
            let [mut relu, mut leaky] = [[z], [z]];
            Activation::Relu.map(&mut relu);
            Activation::LeakyRelu(0.2).map(&mut leaky);
            assert_eq!((relu, leaky), ([if z > 0.0 { z } else { 0.0 }], [if z > 0.0 { z } else { 0.2 * z }]));
            let [mut relu, mut leaky] = [[z], [z]];
            Activation::Relu.backward(&[-1.0], &mut relu);
            Activation::LeakyRelu(0.2).backward(&[0.0], &mut leaky);
            assert_eq!((relu, leaky), ([0.0], [0.2 * z]));
        }
        for activation in [Activation::Relu, Activation::LeakyRelu(0.0)] {
            let mut z = [f32::NAN];
            activation.map(&mut z);
            assert!(z[0].is_nan());
        }
    }
}
