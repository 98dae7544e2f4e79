//! Gaussians, many independent replicates at a time.

use apd_sgmcmc::{Minibatch, Potential, PotentialError};
use ndarray::{Array1, Array2, array};

/// U(x) = Σ over blocks of ½(x − c)ᵀΛ(x − c): independent replicates of one Gaussian in one position.
#[derive(Clone, Debug)]
pub(crate) struct Gaussian {
    /// Λ.
    pub(crate) precision: Array2<f64>,
    /// c.
    pub(crate) center: Array1<f64>,
    pub(crate) blocks: usize,
}

impl Gaussian {
    /// One replicate; c is away from 0, where chains start.
    pub(crate) fn new(precision: Array2<f64>) -> Self {
        let center = Array1::from_shape_fn(precision.nrows(), |i| 0.5 + 0.3 * i as f64);
        Self { precision, center, blocks: 1 }
    }

    /// Independent coordinates with the given curvatures.
    pub(crate) fn diagonal(curvatures: &[f64]) -> Self {
        Self::new(Array2::from_diag(&Array1::from(curvatures.to_vec())))
    }

    /// Two correlated coordinates with the curvatures 1 and 4.
    pub(crate) fn plane() -> Self {
        let axes = rotation(2, 0, 1, 0.6);
        Self::new(axes.dot(&Array2::from_diag(&array![1.0, 4.0])).dot(&axes.t()))
    }

    /// Three correlated coordinates with the curvatures 0.5, 2 and 6.
    pub(crate) fn space() -> Self {
        let axes = rotation(3, 0, 1, 0.4).dot(&rotation(3, 1, 2, 1.1)).dot(&rotation(3, 0, 2, -0.7));
        Self::new(axes.dot(&Array2::from_diag(&array![0.5, 2.0, 6.0])).dot(&axes.t()))
    }

    /// `blocks` replicates of it.
    pub(crate) fn replicated(self, blocks: usize) -> Self {
        Self { blocks, ..self }
    }

    /// Coordinates of one replicate.
    pub(crate) fn block(&self) -> usize {
        self.center.len()
    }

    /// b of ∇U(x) = Λx − b.
    pub(crate) fn shift(&self) -> Array1<f64> {
        self.precision.dot(&self.center)
    }
}

impl Potential for Gaussian {
    fn dim(&self) -> usize {
        self.block() * self.blocks
    }

    fn num_data(&self) -> usize {
        1
    }

    fn gradient(&mut self, position: &[f32], _: Minibatch<'_>, gradient: &mut [f32]) -> Result<f64, PotentialError> {
        let p = self.block();
        let (precision, center) = (self.precision.as_slice(), self.center.as_slice());
        let (precision, center) = (precision.expect("a matrix in one piece"), center.expect("a vector in one piece"));
        let mut value = 0.0;
        for (x, g) in position.chunks_exact(p).zip(gradient.chunks_exact_mut(p)) {
            for i in 0..p {
                let row = &precision[i * p..(i + 1) * p];
                let slope: f64 = (0..p).map(|j| row[j] * (f64::from(x[j]) - center[j])).sum();
                g[i] = slope as f32;
                value += 0.5 * (f64::from(x[i]) - center[i]) * slope;
            }
        }
        Ok(value)
    }
}

/// A rotation of the plane (i, j) of `n` dimensions by `angle`.
fn rotation(n: usize, i: usize, j: usize, angle: f64) -> Array2<f64> {
    let mut q = Array2::eye(n);
    (q[[i, i]], q[[i, j]], q[[j, i]], q[[j, j]]) = (angle.cos(), -angle.sin(), angle.sin(), angle.cos());
    q
}

#[cfg(test)]
mod tests;
