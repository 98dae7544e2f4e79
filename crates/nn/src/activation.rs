//! Hidden activations.

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
    pub(crate) fn apply<T: Scalar>(self, rows: &mut [T], stride: usize, bias: &[T]) {
        assert!(bias.len() <= stride, "rows of {} cannot begin {stride} apart", bias.len());
        match self {
            Self::Relu => dispatch(BiasMap { rows, stride, bias, map: relu }),
            Self::LeakyRelu(slope) => {
                let slope = T::from_f64(f64::from(slope));
                dispatch(BiasMap { rows, stride, bias, map: |z| leaky_relu(slope, z) });
            }
            Self::Tanh => dispatch(BiasMap { rows, stride, bias, map: T::fast_tanh }),
        }
    }

    /// values ← activation(values).
    pub(crate) fn map<T: Scalar>(self, values: &mut [T]) {
        match self {
            Self::Relu => dispatch(Map { values, map: relu }),
            Self::LeakyRelu(slope) => {
                let slope = T::from_f64(f64::from(slope));
                dispatch(Map { values, map: |z| leaky_relu(slope, z) });
            }
            Self::Tanh => dispatch(Map { values, map: T::fast_tanh }),
        }
    }

    /// delta ← delta ∘ activation′, from the activation's output (all three derivatives are functions of it).
    pub(crate) fn backward<T: Scalar>(self, output: &[T], delta: &mut [T]) {
        match self {
            Self::Relu => {
                dispatch(Zip { output, delta, map: |a: T, d: T| if a > T::zero() { d } else { T::zero() } });
            }
            Self::LeakyRelu(slope) => {
                let slope = T::from_f64(f64::from(slope));
                dispatch(Zip { output, delta, map: |a: T, d: T| if a > T::zero() { d } else { slope * d } });
            }
            Self::Tanh => dispatch(Zip { output, delta, map: |a: T, d: T| d * (T::one() - a * a) }),
        }
    }
}

/// rows ← rows + bias, through the activation if there is one.
#[track_caller]
pub(crate) fn finish<T: Scalar>(activation: Option<Activation>, rows: &mut [T], stride: usize, bias: &[T]) {
    match activation {
        Some(activation) => activation.apply(rows, stride, bias),
        None => add_bias(rows, stride, bias),
    }
}

/// rows ← rows + bias: the last layer.
pub(crate) fn add_bias<T: Scalar>(rows: &mut [T], stride: usize, bias: &[T]) {
    assert!(bias.len() <= stride, "rows of {} cannot begin {stride} apart", bias.len());
    dispatch(BiasMap { rows, stride, bias, map: |z: T| z });
}

fn dispatch(kernel: impl NullaryFnOnce<Output = ()>) {
    Arch::new().dispatch(kernel);
}

/// This way round NaN stays NaN, so that a diverged network shows.
#[inline(always)]
fn relu<T: Scalar>(z: T) -> T {
    if z <= T::zero() { T::zero() } else { z }
}

#[inline(always)]
fn leaky_relu<T: Scalar>(slope: T, z: T) -> T {
    if z > T::zero() { z } else { slope * z }
}

struct Map<'a, T, F> {
    values: &'a mut [T],
    map: F,
}

impl<T: Scalar, F: Fn(T) -> T> NullaryFnOnce for Map<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|z| *z = (self.map)(*z));
    }
}

struct BiasMap<'a, T, F> {
    rows: &'a mut [T],
    stride: usize,
    bias: &'a [T],
    map: F,
}

impl<T: Scalar, F: Fn(T) -> T> NullaryFnOnce for BiasMap<'_, T, F> {
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

struct Zip<'a, T, F> {
    output: &'a [T],
    delta: &'a mut [T],
    map: F,
}

impl<T: Scalar, F: Fn(T, T) -> T> NullaryFnOnce for Zip<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (d, &a) in self.delta.iter_mut().zip(self.output) {
            *d = (self.map)(a, *d);
        }
    }
}
