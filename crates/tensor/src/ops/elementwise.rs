//! Element by element, with broadcasting.

use ndarray::ArrayD;

use crate::kernel::map;
use crate::tensor::Rule;
use crate::{Scalar, Tensor};

/// Operations on two tensors broadcast as in NumPy: shapes are aligned at the last axis, and an axis of length 1 (or a
/// missing one) is repeated. They panic when the shapes do not fit.
impl<T: Scalar> Tensor<T> {
    /// x + y.
    #[track_caller]
    pub fn add(&self, other: &Self) -> Self {
        let value = map::binary("add", self.value(), other.value(), |a, b| a + b);
        Self::from_op([self, other], value, || {
            [Box::new(|x, _, g| g.sum_to(x[0].shape())), Box::new(|x, _, g| g.sum_to(x[1].shape()))]
        })
    }

    /// x − y.
    #[track_caller]
    pub fn sub(&self, other: &Self) -> Self {
        let value = map::binary("sub", self.value(), other.value(), |a, b| a - b);
        Self::from_op([self, other], value, || {
            [Box::new(|x, _, g| g.sum_to(x[0].shape())), Box::new(|x, _, g| g.sum_to(x[1].shape()).neg())]
        })
    }

    /// x · y.
    #[track_caller]
    pub fn mul(&self, other: &Self) -> Self {
        let value = map::binary("mul", self.value(), other.value(), |a, b| a * b);
        Self::from_op([self, other], value, || {
            [
                Box::new(|x, _, g| g.mul(&x[1]).sum_to(x[0].shape())),
                Box::new(|x, _, g| g.mul(&x[0]).sum_to(x[1].shape())),
            ]
        })
    }

    /// x / y.
    #[track_caller]
    pub fn div(&self, other: &Self) -> Self {
        let value = map::binary("div", self.value(), other.value(), |a, b| a / b);
        Self::from_op([self, other], value, || {
            [
                Box::new(|x, _, g| g.div(&x[1]).sum_to(x[0].shape())),
                Box::new(|x, y, g| g.mul(y).div(&x[1]).sum_to(x[1].shape()).neg()),
            ]
        })
    }

    /// −x.
    pub fn neg(&self) -> Self {
        self.unary(|a| -a, |_, _, g| g.neg())
    }

    /// factor · x.
    pub fn scale(&self, factor: T) -> Self {
        self.unary(move |a| a * factor, move |_, _, g| g.scale(factor))
    }

    /// x + term.
    pub fn add_scalar(&self, term: T) -> Self {
        self.unary(move |a| a + term, |_, _, g| g.clone())
    }

    /// max(x, 0); its derivative at 0 is 0.
    pub fn relu(&self) -> Self {
        self.gate(&self.detach(), T::zero())
    }

    /// x where x > 0, slope · x elsewhere; its derivative at 0 is `slope`.
    pub fn leaky_relu(&self, slope: T) -> Self {
        self.gate(&self.detach(), slope)
    }

    /// x, multiplied by `slope` where the constant `control` is ≤ 0: linear in x and its own adjoint.
    fn gate(&self, control: &Self, slope: T) -> Self {
        let value = if slope == T::zero() {
            // A selection, not a product: 0 · ∞ would be NaN.
            map::binary("relu", self.value(), control.value(), |a, c| if c <= T::zero() { T::zero() } else { a })
        } else {
            map::binary(
                "leaky_relu",
                self.value(),
                control.value(),
                move |a, c| {
                    if c <= T::zero() { a * slope } else { a }
                },
            )
        };
        Self::from_op([self, control], value, || {
            [Box::new(move |x, _, g| g.gate(&x[1], slope)), Box::new(|x, _, _| Self::zeros(x[1].shape()))]
        })
    }

    /// tanh x.
    pub fn tanh(&self) -> Self {
        self.unary(Scalar::fast_tanh, |_, y, g| g.sub(&g.mul(&y.square())))
    }

    /// 1 / (1 + e⁻ˣ).
    pub fn sigmoid(&self) -> Self {
        self.unary(Scalar::fast_sigmoid, |_, y, g| g.mul(&y.sub(&y.square())))
    }

    /// x / (1 + e⁻ˣ).
    ///
    /// Reference: Elfwing, Uchibe & Doya, *Sigmoid-Weighted Linear Units*, Neural Networks 107 (2018), equation (1).
    pub fn silu(&self) -> Self {
        self.mul(&self.sigmoid())
    }

    /// x·Φ(x) with the standard normal distribution function Φ, exactly (no approximation by tanh).
    ///
    /// Reference: Hendrycks & Gimpel, *Gaussian Error Linear Units*, arXiv:1606.08415, equation (1).
    pub fn gelu(&self) -> Self {
        self.unary(Scalar::fast_gelu, |x, _, g| g.mul(&x[0].normal_cdf().add(&x[0].mul(&x[0].normal_density()))))
    }

    /// Φ(x) = 1/√(2π) · ∫₋∞ˣ exp(−t²/2) dt, the standard normal distribution function, to full relative precision in the lower tail.
    pub fn normal_cdf(&self) -> Self {
        self.unary(Scalar::fast_normal_cdf, |x, _, g| g.mul(&x[0].normal_density()))
    }

    /// exp(−x²/2)/√(2π).
    fn normal_density(&self) -> Self {
        let half = T::from_f64(0.5);
        self.square().scale(-half).exp().scale(half.sqrt() * T::from_f64(0.5 * std::f64::consts::FRAC_2_SQRT_PI))
    }

    /// erf x = 2/√π · ∫₀ˣ exp(−t²) dt.
    pub fn erf(&self) -> Self {
        let slope = T::from_f64(std::f64::consts::FRAC_2_SQRT_PI);
        let rule = move |x: &[Self], _: &Self, g: &Self| g.mul(&x[0].square().neg().exp()).scale(slope);
        self.unary(|a| T::from_f64(libm::erf(a.as_f64())), rule)
    }

    /// ln(1 + eˣ), without overflow.
    pub fn softplus(&self) -> Self {
        self.unary(|a| a.max(T::zero()) + (-a.abs()).exp().ln_1p(), |x, _, g| g.mul(&x[0].sigmoid()))
    }

    /// eˣ.
    pub fn exp(&self) -> Self {
        self.unary(Scalar::fast_exp, |_, y, g| g.mul(y))
    }

    /// Natural logarithm; NaN below 0, −∞ at 0.
    pub fn ln(&self) -> Self {
        self.unary(|a| a.ln(), |x, _, g| g.div(&x[0]))
    }

    /// √x; NaN below 0. Its derivative at 0 is infinite: shift x by a small constant where 0 can occur.
    pub fn sqrt(&self) -> Self {
        self.unary(|a| a.sqrt(), |_, y, g| g.div(y).scale(T::from_f64(0.5)))
    }

    /// x².
    pub fn square(&self) -> Self {
        self.unary(|a| a * a, |x, _, g| g.mul(&x[0]).scale(T::from_f64(2.0)))
    }

    /// xᵖ with a constant exponent; NaN below 0 unless p is an integer.
    pub fn powf(&self, p: T) -> Self {
        let rule = move |x: &[Self], _: &Self, g: &Self| {
            // 0 and not 0 · x⁻¹, which is NaN at 0.
            if p == T::zero() { Self::zeros(x[0].shape()) } else { g.mul(&x[0].powf(p - T::one())).scale(p) }
        };
        self.unary(move |a| a.powf(p), rule)
    }

    /// xʸ with broadcasting; NaN for x < 0 unless y is an integer. At x = 0 the derivative in y is 0, and that in x is 0 if y is.
    #[track_caller]
    pub fn pow(&self, other: &Self) -> Self {
        let value = map::binary("pow", self.value(), other.value(), |a, b| a.powf(b));
        Self::from_op([self, other], value, || {
            [
                Box::new(|x, _, g| {
                    // 1 in place of 0 where 0 · 0⁻¹ would be NaN.
                    let spared = map::binary("pow", x[0].value(), x[1].value(), |a, b| a.abs() + b.abs());
                    let base = x[0].where_(&spared.mapv(|sum| sum != T::zero()), &Self::scalar(T::one()));
                    g.mul(&x[1]).mul(&base.pow(&x[1].add_scalar(-T::one()))).sum_to(x[0].shape())
                }),
                Box::new(|x, y, g| {
                    // ln 1 in place of ln 0, which times 0ʸ would be NaN.
                    let base = x[0].where_(&x[0].value().mapv(|a| a != T::zero()), &Self::scalar(T::one()));
                    g.mul(y).mul(&base.ln()).sum_to(x[1].shape())
                }),
            ]
        })
    }

    pub(super) fn unary(
        &self,
        f: impl Fn(T) -> T + Sync,
        rule: impl Fn(&[Self], &Self, &Self) -> Self + Send + Sync + 'static,
    ) -> Self {
        let value: ArrayD<T> = map::unary(self.value(), f);
        Self::from_op([self], value, || [Box::new(rule) as Rule<T>])
    }
}

#[cfg(test)]
mod tests;
