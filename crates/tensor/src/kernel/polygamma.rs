//! The derivatives of ln Γ.

/// ψ⁽ⁿ⁾(x) = dⁿ⁺¹/dxⁿ⁺¹ ln Γ(x); NaN below 0, ±∞ at 0. Error below 10⁻¹⁴ of the value, or 10⁻¹⁴ near the zero of ψ⁽⁰⁾.
///
/// Here and not from a library, since those at hand end with ψ⁽⁰⁾: with all orders in one function, each is the next one's derivative.
///
/// Reference: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 6.4.6 (recurrence), 6.3.18 and 6.4.11 (asymptotic series).
pub(crate) fn polygamma(n: u32, x: f64) -> f64 {
    /// B₂, B₄, …
    const BERNOULLI: [f64; 8] =
        [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let order = f64::from(n);
    let factorial: f64 = (1..=n).map(f64::from).product();
    let power = |z: f64, exponent: u32| z.powi(exponent as i32);
    // (−1)ⁿ⁺¹ ψ⁽ⁿ⁾(x) = Σₖ n! / (x + k)ⁿ⁺¹: term by term as far as z, where the series is good to the last digit.
    let (mut sum, mut z) = (0.0, x);
    while z < 10.0 + 2.0 * order {
        sum += factorial / power(z, n + 1);
        z += 1.0;
    }
    sum += if n == 0 { -z.ln() } else { factorial / order / power(z, n) };
    sum += 0.5 * factorial / power(z, n + 1);
    let mut term = 0.5 * factorial * (order + 1.0) / power(z, n + 2);
    for (j, bernoulli) in (1u32..).zip(BERNOULLI) {
        sum += bernoulli * term;
        let j = 2.0 * f64::from(j);
        term *= (j + order) * (j + order + 1.0) / ((j + 1.0) * (j + 2.0)) / (z * z);
    }
    if n.is_multiple_of(2) { -sum } else { sum }
}

#[cfg(test)]
mod tests;
