//! What a sampler knows of a posterior.

/// The data terms that one gradient estimate uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Minibatch<'a> {
    /// All N terms.
    Full,
    /// These terms, each index below N, none twice.
    Indices(&'a [u32]),
}

impl<'a> Minibatch<'a> {
    /// Number of terms B, out of `terms` = N.
    pub fn len(&self, terms: usize) -> usize {
        match self {
            Self::Full => terms,
            Self::Indices(indices) => indices.len(),
        }
    }

    /// N/B, the factor that makes a sum over the minibatch an unbiased estimate of the sum over all; 1 if there are no terms.
    pub fn scale(&self, terms: usize) -> f64 {
        match self {
            Self::Indices(indices) if !indices.is_empty() => terms as f64 / indices.len() as f64,
            _ => 1.0,
        }
    }

    /// The terms' indices.
    pub fn indices(&self, terms: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (all, some): (_, &'a [u32]) = match *self {
            Self::Full => (0..terms, &[]),
            Self::Indices(indices) => (0..0, indices),
        };
        all.chain(some.iter().map(|&n| n as usize))
    }
}

/// A posterior as the samplers see it: U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ) on R^d.
///
/// **Units**: nats, full-data scale: the sum over all N terms plus the prior's term *once*. An estimate from a minibatch of B
/// multiplies the data's part, and only it, by N/B.
pub trait Potential: Send {
    /// Dimension d of θ.
    fn dim(&self) -> usize;

    /// Number N of data terms.
    fn terms(&self) -> usize;

    /// Writes an unbiased estimate of ∇U(`position`) to `gradient`, and returns that of U(`position`).
    ///
    /// Additive constants of U may be left out. The result must be a pure function of `position` and `minibatch`: a chain may ask
    /// for the same gradient again when it is resumed. Non-finite results are allowed; the chain reports them as a divergence.
    ///
    /// **Shapes**: `position` and `gradient` have length d.
    fn gradient(&mut self, position: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]) -> f64;

    /// Precision τ of a prior N(0, I/τ), if the prior is one; only for the [`Summary`](crate::Summary).
    fn prior_precision(&self) -> Option<f64> {
        None
    }
}

impl<P: Potential + ?Sized> Potential for Box<P> {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn terms(&self) -> usize {
        (**self).terms()
    }

    fn gradient(&mut self, position: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]) -> f64 {
        (**self).gradient(position, minibatch, gradient)
    }

    fn prior_precision(&self) -> Option<f64> {
        (**self).prior_precision()
    }
}

#[cfg(test)]
mod tests;
