//! Potentials whose laws are known, and a sink that remembers.

use std::convert::Infallible;

use crate::{Minibatch, Potential, Potential64, PotentialError, Sample};

pub(crate) type Vector<const P: usize> = [f64; P];
pub(crate) type Matrix<const P: usize> = [[f64; P]; P];

/// U(x) = Σ over blocks of ½(x − c)ᵀΛ(x − c): independent replicates of one P-dimensional Gaussian in one position.
#[derive(Clone, Debug)]
pub(crate) struct Quadratic<const P: usize> {
    pub(crate) precision: Matrix<P>,
    pub(crate) center: Vector<P>,
    pub(crate) blocks: usize,
}

impl<const P: usize> Potential for Quadratic<P> {
    fn dim(&self) -> usize {
        P * self.blocks
    }

    fn num_data(&self) -> usize {
        1
    }

    fn gradient(&mut self, position: &[f32], _: Minibatch<'_>, gradient: &mut [f32]) -> Result<f64, PotentialError> {
        let mut value = 0.0;
        for (x, g) in position.as_chunks::<P>().0.iter().zip(gradient.as_chunks_mut::<P>().0) {
            let y: Vector<P> = std::array::from_fn(|i| f64::from(x[i]) - self.center[i]);
            for i in 0..P {
                let slope: f64 = (0..P).map(|j| self.precision[i][j] * y[j]).sum();
                g[i] = slope as f32;
                value += 0.5 * y[i] * slope;
            }
        }
        Ok(value)
    }
}

impl<const P: usize> Potential64 for Quadratic<P> {
    fn dim(&self) -> usize {
        P * self.blocks
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        let mut value = 0.0;
        for (x, g) in position.as_chunks::<P>().0.iter().zip(gradient.as_chunks_mut::<P>().0) {
            let y: Vector<P> = std::array::from_fn(|i| x[i] - self.center[i]);
            for i in 0..P {
                g[i] = (0..P).map(|j| self.precision[i][j] * y[j]).sum();
                value += 0.5 * y[i] * g[i];
            }
        }
        Ok(value)
    }
}

/// U(θ) = Σₙ (½θᵀAₙθ − bₙᵀθ) + ½τ‖θ‖²: the conjugate Gaussian mean (A = 1, b = x), and Bayesian linear regression
/// (A = βxxᵀ, b = βxy).
#[derive(Clone, Debug)]
pub(crate) struct Terms<const P: usize> {
    pub(crate) terms: Vec<(Matrix<P>, Vector<P>)>,
    pub(crate) tau: f64,
}

impl Terms<1> {
    /// The mean of `data` with variance 1.
    pub(crate) fn mean(data: &[f64], tau: f64) -> Self {
        Self { terms: data.iter().map(|&x| ([[1.0]], [x])).collect(), tau }
    }
}

impl Terms<2> {
    /// Intercept and slope, with noise of precision `beta`.
    pub(crate) fn line(points: &[(f64, f64)], beta: f64, tau: f64) -> Self {
        let term = |&(x, y): &(f64, f64)| ([[beta, beta * x], [beta * x, beta * x * x]], [beta * y, beta * x * y]);
        Self { terms: points.iter().map(term).collect(), tau }
    }
}

impl<const P: usize> Terms<P> {
    /// (H, b) of the estimate ∇Û(θ) = Hθ − b from the given terms.
    pub(crate) fn estimate(&self, scale: f64, terms: impl Iterator<Item = usize>) -> (Matrix<P>, Vector<P>) {
        let (mut h, mut b) = ([[0.0; P]; P], [0.0; P]);
        for n in terms {
            let (a_n, b_n) = &self.terms[n];
            for i in 0..P {
                b[i] += scale * b_n[i];
                for j in 0..P {
                    h[i][j] += scale * a_n[i][j];
                }
            }
        }
        for i in 0..P {
            h[i][i] += self.tau;
        }
        (h, b)
    }
}

impl<const P: usize> Potential for Terms<P> {
    fn dim(&self) -> usize {
        P
    }

    fn num_data(&self) -> usize {
        self.terms.len()
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let n = self.terms.len();
        let (h, b) = self.estimate(minibatch.scale(n), minibatch.indices(n));
        let mut value = 0.0;
        for i in 0..P {
            let x = f64::from(position[i]);
            let hx: f64 = (0..P).map(|j| h[i][j] * f64::from(position[j])).sum();
            gradient[i] = (hx - b[i]) as f32;
            value += x * (0.5 * hx - b[i]);
        }
        Ok(value)
    }

    fn prior_precision(&self) -> Option<f64> {
        Some(self.tau)
    }
}

/// Remembers the minibatches it is asked for, and may go wrong from some call on.
#[derive(Default)]
pub(crate) struct Spy {
    pub(crate) asked: Vec<Option<Vec<u32>>>,
    /// The call (from 0) from which on it returns this value …
    pub(crate) value: Option<(usize, f64)>,
    /// … or this gradient …
    pub(crate) gradient: Option<(usize, f32)>,
    /// … or this error.
    pub(crate) error: Option<(usize, PotentialError)>,
}

impl Potential for Spy {
    fn dim(&self) -> usize {
        3
    }

    fn num_data(&self) -> usize {
        10
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let call = self.asked.len();
        self.asked.push(match minibatch {
            Minibatch::Full => None,
            Minibatch::Indices(indices) => Some(indices.to_vec()),
        });
        gradient.copy_from_slice(position);
        if let Some((_, bad)) = self.gradient.filter(|&(from, _)| call >= from) {
            gradient[1] = bad;
        }
        match &self.error {
            Some((from, error)) if call >= *from => return Err(error.clone()),
            _ => (),
        }
        Ok(self.value.filter(|&(from, _)| call >= from).map_or(1.0, |(_, bad)| bad))
    }
}

/// A sample with its numbers as bits, so that equality is equality to the bit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub(crate) chain: u32,
    pub(crate) step: u64,
    pub(crate) position: Vec<u64>,
    pub(crate) potential: u64,
    pub(crate) weight: u64,
}

impl<T: Copy + Into<f64>> From<Sample<'_, T>> for Kept {
    fn from(sample: Sample<'_, T>) -> Self {
        Self {
            chain: sample.chain,
            step: sample.step,
            position: bits(sample.position),
            potential: sample.potential.to_bits(),
            weight: sample.weight.to_bits(),
        }
    }
}

/// A sink that appends to `kept`.
pub(crate) fn keep<T: Copy + Into<f64>>(
    kept: &mut Vec<Kept>,
) -> impl FnMut(Sample<'_, T>) -> Result<(), Infallible> + Send {
    |sample| {
        kept.push(sample.into());
        Ok(())
    }
}

/// Bits of the numbers in double precision, which holds single precision exactly.
pub(crate) fn bits<T: Copy + Into<f64>>(values: &[T]) -> Vec<u64> {
    values.iter().map(|&x| x.into().to_bits()).collect()
}
