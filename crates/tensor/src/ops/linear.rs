//! Matrix products in all transpose forms.

use ndarray::{Array2, ArrayView2, Ix2};

use crate::kernel::gemm;
use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// A·B. **Shapes**: (m, k) · (k, n) → (m, n); anything else panics.
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        let value = product("matmul", self.matrix("matmul"), other.matrix("matmul"));
        Self::from_op([self, other], value.into_dyn(), || {
            [Box::new(|x, _, g| g.matmul_nt(&x[1])), Box::new(|x, _, g| x[0].matmul_tn(g))]
        })
    }

    /// Aᵀ·B without forming Aᵀ. **Shapes**: (k, m) · (k, n) → (m, n); anything else panics.
    #[track_caller]
    pub fn matmul_tn(&self, other: &Self) -> Self {
        let value = product("matmul_tn", self.matrix("matmul_tn").reversed_axes(), other.matrix("matmul_tn"));
        Self::from_op([self, other], value.into_dyn(), || {
            [Box::new(|x, _, g| x[1].matmul_nt(g)), Box::new(|x, _, g| x[0].matmul(g))]
        })
    }

    /// A·Bᵀ without forming Bᵀ. **Shapes**: (m, k) · (n, k) → (m, n); anything else panics.
    #[track_caller]
    pub fn matmul_nt(&self, other: &Self) -> Self {
        let value = product("matmul_nt", self.matrix("matmul_nt"), other.matrix("matmul_nt").reversed_axes());
        Self::from_op([self, other], value.into_dyn(), || {
            [Box::new(|x, _, g| g.matmul(&x[1])), Box::new(|x, _, g| g.matmul_tn(&x[0]))]
        })
    }

    /// Aᵀ·Bᵀ without forming either. **Shapes**: (k, m) · (n, k) → (m, n); anything else panics.
    #[track_caller]
    pub fn matmul_tt(&self, other: &Self) -> Self {
        let (a, b) = (self.matrix("matmul_tt").reversed_axes(), other.matrix("matmul_tt").reversed_axes());
        Self::from_op([self, other], product("matmul_tt", a, b).into_dyn(), || {
            [Box::new(|x, _, g| x[1].matmul_tt(g)), Box::new(|x, _, g| g.matmul_tt(&x[0]))]
        })
    }

    /// Aᵀ. **Shapes**: (m, n) → (n, m); anything but two axes panics.
    #[track_caller]
    pub fn t(&self) -> Self {
        let value = self.matrix("t").reversed_axes().to_owned().into_dyn();
        Self::from_op([self], value, || [Box::new(|_, _, g| g.t())])
    }

    #[track_caller]
    fn matrix(&self, op: &str) -> ArrayView2<'_, T> {
        match self.value().view().into_dimensionality::<Ix2>() {
            Ok(matrix) => matrix,
            Err(_) => panic!("{op}: shape {:?} is not a matrix", self.shape()),
        }
    }
}

#[track_caller]
fn product<T: Scalar>(op: &str, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Array2<T> {
    assert!(
        a.ncols() == b.nrows(),
        "{op}: inner lengths differ, {:?} · {:?} (after transposing)",
        a.shape(),
        b.shape()
    );
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    gemm(T::one(), a, b, T::zero(), c.view_mut());
    c
}

#[cfg(test)]
mod tests;
