//! `+ − · /` and unary minus on references.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Scalar, Tensor};

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Scalar> $trait for &Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                Tensor::$method(self, other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<T: Scalar> Neg for &Tensor<T> {
    type Output = Tensor<T>;

    fn neg(self) -> Tensor<T> {
        Tensor::neg(self)
    }
}
