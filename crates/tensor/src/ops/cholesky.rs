//! The Cholesky factor, and systems with a triangular matrix.

use std::cmp::Ordering;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Ix2, s};

use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// The lower triangle L with L·Lᵀ = (A + Aᵀ) / 2; NaN where that is not positive definite.
    ///
    /// **Shapes**: (n, n) → (n, n); anything else panics.
    ///
    /// Reference: Murray, *Differentiation of the Cholesky decomposition*, arXiv:1602.07527, equation (10).
    #[track_caller]
    pub fn cholesky(&self) -> Self {
        let a = self.square_matrix("cholesky");
        let n = a.nrows();
        let mut l = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..=i {
                let known = l.slice(s![i, ..j]).dot(&l.slice(s![j, ..j]));
                let rest = T::from_f64(0.5) * (a[[i, j]] + a[[j, i]]) - known;
                l[[i, j]] = if j < i { rest / l[[j, j]] } else { rest.sqrt() };
            }
        }
        Self::from_op([self], l.into_dyn(), || {
            [Box::new(move |_, l, g| {
                let half = T::from_f64(0.5);
                // Φ: the lower triangle, with half of the diagonal.
                let phi = Array2::from_shape_fn((n, n), |(i, j)| match i.cmp(&j) {
                    Ordering::Less => T::zero(),
                    Ordering::Equal => half,
                    Ordering::Greater => T::one(),
                });
                let inner = l.matmul_tn(g).mul(&Self::constant(phi.into_dyn()));
                let outer = l.solve_lower_t(&l.solve_lower_t(&inner).t());
                outer.add(&outer.t()).scale(half)
            })]
        })
    }

    /// L⁻¹·B, where L is the lower triangle of this matrix; what lies above its diagonal is not read. A 0 on the diagonal gives ±∞ or NaN.
    ///
    /// **Shapes**: L (n, n), B (n, m) → (n, m); anything else panics.
    ///
    /// Adjoint of [`solve_lower_t`](Self::solve_lower_t).
    #[track_caller]
    pub fn solve_lower(&self, b: &Self) -> Self {
        let (l, mut y) = self.system("solve_lower", b);
        for i in 0..l.nrows() {
            eliminate(&mut y, i, 0..i, |j| l[[i, j]], l[[i, i]]);
        }
        Self::from_op([self, b], y.into_dyn(), || {
            [
                Box::new(|x, y, g| x[0].solve_lower_t(g).matmul_nt(y).tril().neg()),
                Box::new(|x, _, g| x[0].solve_lower_t(g)),
            ]
        })
    }

    /// L⁻ᵀ·B, where L is the lower triangle of this matrix; what lies above its diagonal is not read. A 0 on the diagonal gives ±∞ or NaN.
    ///
    /// **Shapes**: L (n, n), B (n, m) → (n, m); anything else panics.
    ///
    /// Adjoint of [`solve_lower`](Self::solve_lower).
    #[track_caller]
    pub fn solve_lower_t(&self, b: &Self) -> Self {
        let (l, mut y) = self.system("solve_lower_t", b);
        for i in (0..l.nrows()).rev() {
            eliminate(&mut y, i, i + 1..l.nrows(), |j| l[[j, i]], l[[i, i]]);
        }
        Self::from_op([self, b], y.into_dyn(), || {
            [
                Box::new(|x, y, g| y.matmul_nt(&x[0].solve_lower(g)).tril().neg()),
                Box::new(|x, _, g| x[0].solve_lower(g)),
            ]
        })
    }

    #[track_caller]
    fn square_matrix(&self, op: &str) -> ArrayView2<'_, T> {
        match self.value().view().into_dimensionality::<Ix2>() {
            Ok(matrix) if matrix.is_square() => matrix,
            _ => panic!("{op}: shape {:?} is not a square matrix", self.shape()),
        }
    }

    /// The triangle and a copy of the right-hand sides.
    #[track_caller]
    fn system(&self, op: &str, b: &Self) -> (ArrayView2<'_, T>, Array2<T>) {
        let l = self.square_matrix(op);
        match b.value().view().into_dimensionality::<Ix2>() {
            Ok(b) if b.nrows() == l.nrows() => (l, b.to_owned()),
            _ => panic!("{op}: shape {:?} does not have the rows of shape {:?}", b.shape(), self.shape()),
        }
    }
}

/// Row i of the solution: yᵢ ← (yᵢ − Σⱼ factor(j)·yⱼ) / pivot over the rows that are solved already.
fn eliminate<T: Scalar>(y: &mut Array2<T>, i: usize, solved: Range<usize>, factor: impl Fn(usize) -> T, pivot: T) {
    for j in solved {
        let (mut row, other) = y.multi_slice_mut((s![i, ..], s![j, ..]));
        row.scaled_add(-factor(j), &other);
    }
    y.row_mut(i).mapv_inplace(|y| y / pivot);
}

#[cfg(test)]
mod tests;
