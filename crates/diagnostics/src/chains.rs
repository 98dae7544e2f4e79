//! What every diagnostic of scalar draws begins with: the checks, and each chain split in two.

use crate::DiagnosticError;

/// A half of a chain needs two draws to have a variance.
const FEWEST: usize = 4;

/// Chains of one length, at least [`FEWEST`], all finite.
pub(crate) struct Chains<'a>(Vec<&'a [f64]>);

impl<'a> Chains<'a> {
    pub(crate) fn new<C: AsRef<[f64]>>(chains: &'a [C]) -> Result<Self, DiagnosticError> {
        let chains: Vec<&[f64]> = chains.iter().map(AsRef::as_ref).collect();
        let expected = chains.first().ok_or(DiagnosticError::Empty { what: "chains" })?.len();
        for (chain, draws) in chains.iter().enumerate() {
            if draws.len() != expected {
                return Err(DiagnosticError::UnequalLengths { chain, expected, found: draws.len() });
            }
            if let Some(index) = draws.iter().position(|x| !x.is_finite()) {
                return Err(DiagnosticError::NotFinite { what: "chain", row: chain, index, value: draws[index] });
            }
        }
        if expected < FEWEST {
            return Err(DiagnosticError::TooFew { what: "draws per chain", found: expected, needed: FEWEST });
        }
        Ok(Self(chains))
    }

    /// Draws per chain.
    pub(crate) fn length(&self) -> usize {
        self.0[0].len()
    }

    /// All draws, chain by chain.
    pub(crate) fn pooled(&self) -> Vec<f64> {
        self.0.concat()
    }

    /// The first and the last half of every chain; of an odd number of draws the middle one is left out.
    ///
    /// **Errors**: [`DiagnosticError::Constant`].
    pub(crate) fn halves(&self) -> Result<Split, DiagnosticError> {
        let halves = self.halves_of(|x| x);
        let value = halves.values[0];
        if halves.is_constant() { Err(DiagnosticError::Constant { value }) } else { Ok(halves) }
    }

    /// The halves of a function of the draws, which may well be constant.
    pub(crate) fn halves_of(&self, f: impl Fn(f64) -> f64) -> Split {
        let (n, length) = (self.length() / 2, self.length());
        let halves = self.0.iter().flat_map(|draws| [&draws[..n], &draws[length - n..]]);
        Split { values: halves.flatten().map(|&x| f(x)).collect(), n }
    }
}

/// Sequences of `n` values each, one after the other: two for every chain.
pub(crate) struct Split {
    /// All values.
    pub(crate) values: Vec<f64>,
    /// Values per sequence.
    pub(crate) n: usize,
}

impl Split {
    pub(crate) fn sequences(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.n)
    }

    /// The values times a power of two that makes the largest of the order of 1: no square overflows or vanishes, and no bit changes.
    pub(crate) fn rescaled(&self) -> Split {
        let largest = self.values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let exponent = libm::ilogb(largest);
        // Twice, as 2^1074 is no number.
        let rescale = |&x| libm::scalbn(libm::scalbn(x, -exponent / 2), -exponent + exponent / 2);
        Split { values: self.values.iter().map(rescale).collect(), n: self.n }
    }

    /// Exactly: the mean of equal numbers may be off by a rounding error, and a ratio of such errors is no diagnostic.
    pub(crate) fn is_constant(&self) -> bool {
        self.values.iter().all(|&x| x == self.values[0])
    }
}

/// Σx/n.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let rough = values.iter().sum::<f64>() / n;
    // Draws far from 0 that vary little: what the first sum rounded off is small, and found by the second.
    rough + values.iter().map(|x| x - rough).sum::<f64>() / n
}

/// Σ(x − x̄)²/(n − 1).
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests;
