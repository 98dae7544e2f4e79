//! ln Γ and its derivatives.

use crate::kernel::polygamma::polygamma;
use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// ln Γ(x), Γ(x) = ∫₀^∞ tˣ⁻¹ e⁻ᵗ dt; NaN below 0, ∞ at 0.
    pub fn lgamma(&self) -> Self {
        let value = |x: f64| if x < 0.0 { f64::NAN } else { libm::lgamma(x) };
        self.unary(move |x| T::from_f64(value(x.as_f64())), |x, _, g| g.mul(&x[0].digamma()))
    }

    /// ψ(x) = d/dx ln Γ(x); NaN below 0, −∞ at 0.
    pub fn digamma(&self) -> Self {
        self.polygamma(0)
    }

    /// ψ⁽ⁿ⁾(x) = dⁿ⁺¹/dxⁿ⁺¹ ln Γ(x); NaN below 0, ±∞ at 0.
    pub fn polygamma(&self, n: u32) -> Self {
        self.unary(move |x| T::from_f64(polygamma(n, x.as_f64())), move |x, _, g| g.mul(&x[0].polygamma(n + 1)))
    }
}

#[cfg(test)]
mod tests;
