//! `+ − · /` of tensors and numbers, and unary minus; operands are taken by value or by reference.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Scalar, Tensor};

macro_rules! operator {
    ($trait:ident, $method:ident, |$x:ident, $number:ident| $by_number:expr, |$left:ident, $y:ident| $number_by:expr) => {
        operator!($trait, $method, &Tensor<T>, &Tensor<T>);
        operator!($trait, $method, &Tensor<T>, Tensor<T>);
        operator!($trait, $method, Tensor<T>, &Tensor<T>);
        operator!($trait, $method, Tensor<T>, Tensor<T>);

        impl<T: Scalar> $trait<T> for &Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, $number: T) -> Tensor<T> {
                let $x = self;
                $by_number
            }
        }

        impl<T: Scalar> $trait<T> for Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, number: T) -> Tensor<T> {
                $trait::$method(&self, number)
            }
        }

        // The compiler knows no number type of which all of these would be true, so that each has its own.
        operator!($trait, $method, f32, |$left, $y| $number_by);
        operator!($trait, $method, f64, |$left, $y| $number_by);
    };
    ($trait:ident, $method:ident, $left:ty, $right:ty) => {
        impl<T: Scalar> $trait<$right> for $left {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, other: $right) -> Tensor<T> {
                Tensor::$method(&self, &other)
            }
        }
    };
    ($trait:ident, $method:ident, $number:ty, |$left:ident, $y:ident| $number_by:expr) => {
        impl $trait<&Tensor<$number>> for $number {
            type Output = Tensor<$number>;

            #[track_caller]
            fn $method(self, $y: &Tensor<$number>) -> Tensor<$number> {
                let $left = self;
                $number_by
            }
        }

        impl $trait<Tensor<$number>> for $number {
            type Output = Tensor<$number>;

            #[track_caller]
            fn $method(self, other: Tensor<$number>) -> Tensor<$number> {
                $trait::$method(self, &other)
            }
        }
    };
}

operator!(Add, add, |x, number| x.add_scalar(number), |number, y| y.add_scalar(number));
operator!(Sub, sub, |x, number| x.add_scalar(-number), |number, y| y.neg().add_scalar(number));
operator!(Mul, mul, |x, number| x.scale(number), |number, y| y.scale(number));
operator!(Div, div, |x, number| x.div(&Tensor::scalar(number)), |number, y| Tensor::scalar(number).div(y));

impl<T: Scalar> Neg for &Tensor<T> {
    type Output = Tensor<T>;

    fn neg(self) -> Tensor<T> {
        Tensor::neg(self)
    }
}

impl<T: Scalar> Neg for Tensor<T> {
    type Output = Tensor<T>;

    fn neg(self) -> Tensor<T> {
        Tensor::neg(&self)
    }
}

#[cfg(test)]
mod tests;
