//! Matrix products in all transpose forms, of matrices and of batches of them.

use ndarray::{ArrayD, ArrayView2, ArrayViewMut2, Ix2, IxDyn};
use rayon::prelude::*;

use crate::kernel::gemm;
use crate::kernel::map::broadcast_shape;
use crate::{Scalar, Tensor};

/// The last two axes are those of a matrix. Axes before them count matrices and broadcast: (8, 1, m, k) · (4, k, n) → (8, 4, m, n).
/// Fewer than two axes, and shapes that do not fit, panic.
impl<T: Scalar> Tensor<T> {
    /// A·B. **Shapes**: (…, m, k) · (…, k, n) → (…, m, n).
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        if self.ndim() > 2 && other.ndim() == 2 {
            return self.by_rows(other.shape()[1], |rows| rows.matmul(other));
        }
        Self::from_op([self, other], product("matmul", [self, other], [false, false]), || {
            [
                Box::new(|x, _, g| g.matmul_nt(&x[1]).sum_to(x[0].shape())),
                Box::new(|x, _, g| x[0].matmul_tn(g).sum_to(x[1].shape())),
            ]
        })
    }

    /// Aᵀ·B without forming Aᵀ. **Shapes**: (…, k, m) · (…, k, n) → (…, m, n).
    #[track_caller]
    pub fn matmul_tn(&self, other: &Self) -> Self {
        Self::from_op([self, other], product("matmul_tn", [self, other], [true, false]), || {
            [
                Box::new(|x, _, g| x[1].matmul_nt(g).sum_to(x[0].shape())),
                Box::new(|x, _, g| x[0].matmul(g).sum_to(x[1].shape())),
            ]
        })
    }

    /// A·Bᵀ without forming Bᵀ. **Shapes**: (…, m, k) · (…, n, k) → (…, m, n).
    #[track_caller]
    pub fn matmul_nt(&self, other: &Self) -> Self {
        if self.ndim() > 2 && other.ndim() == 2 {
            return self.by_rows(other.shape()[0], |rows| rows.matmul_nt(other));
        }
        Self::from_op([self, other], product("matmul_nt", [self, other], [false, true]), || {
            [
                Box::new(|x, _, g| g.matmul(&x[1]).sum_to(x[0].shape())),
                Box::new(|x, _, g| g.matmul_tn(&x[0]).sum_to(x[1].shape())),
            ]
        })
    }

    /// Aᵀ·Bᵀ without forming either. **Shapes**: (…, k, m) · (…, n, k) → (…, m, n).
    #[track_caller]
    pub fn matmul_tt(&self, other: &Self) -> Self {
        Self::from_op([self, other], product("matmul_tt", [self, other], [true, true]), || {
            [
                Box::new(|x, _, g| x[1].matmul_tt(g).sum_to(x[0].shape())),
                Box::new(|x, _, g| g.matmul_tt(&x[0]).sum_to(x[1].shape())),
            ]
        })
    }

    /// Aᵀ. **Shapes**: (m, n) → (n, m); anything but two axes panics.
    #[track_caller]
    pub fn t(&self) -> Self {
        assert!(self.ndim() == 2, "t: shape {:?} is not a matrix", self.shape());
        let value = self.value().t().to_owned();
        Self::from_op([self], value, || [Box::new(|_, _, g| g.t())])
    }

    /// The product of a batch with one matrix as that of all its rows: one large product instead of many small ones.
    #[track_caller]
    fn by_rows(&self, columns: usize, product: impl Fn(&Self) -> Self) -> Self {
        let (lead, [k]) = self.shape().split_last_chunk().expect("more than two axes");
        let rows = product(&self.reshape(&[lead.iter().product(), *k]));
        rows.reshape(&[lead, &[columns]].concat())
    }
}

/// The products of all pairs of matrices, each of which is transposed or not.
#[track_caller]
fn product<T: Scalar>(op: &str, [a, b]: [&Tensor<T>; 2], transposed: [bool; 2]) -> ArrayD<T> {
    let [Some((lead_a, &dim_a)), Some((lead_b, &dim_b))] = [a, b].map(|x| x.shape().split_last_chunk::<2>()) else {
        panic!("{op}: shapes {:?} and {:?} are not both matrices", a.shape(), b.shape());
    };
    let ([m, k], [inner, n]) = (turned(dim_a, transposed[0]), turned(dim_b, transposed[1]));
    assert!(k == inner, "{op}: inner lengths differ, {:?} · {:?} (before transposing)", a.shape(), b.shape());
    let Some(lead) = broadcast_shape(lead_a, lead_b) else {
        panic!("{op}: the axes before the matrices do not broadcast, {:?} · {:?}", a.shape(), b.shape());
    };
    let mut value = ArrayD::zeros(IxDyn(&[&lead[..], &[m, n]].concat()));
    let one = |c: &mut [T], i: usize, j: usize| {
        let (a, b) = (matrix(a, i, dim_a, transposed[0]), matrix(b, j, dim_b, transposed[1]));
        gemm(T::one(), a, b, T::zero(), ArrayViewMut2::from_shape((m, n), c).expect("a matrix"));
    };
    let data = value.as_slice_mut().expect("just made");
    if lead.is_empty() {
        one(data, 0, 0);
    } else if !data.is_empty() {
        let (from_a, from_b) = (matrices(lead_a, &lead), matrices(lead_b, &lead));
        let pairs = from_a.iter().zip(&from_b);
        if 2 * data.len() * k < gemm::PARALLEL {
            data.chunks_exact_mut(m * n).zip(pairs).for_each(|(c, (&i, &j))| one(c, i, j));
        } else {
            // Which thread makes a product changes no bit of it.
            let pairs = from_a.par_iter().zip(&from_b);
            data.par_chunks_exact_mut(m * n).zip(pairs).for_each(|(c, (&i, &j))| one(c, i, j));
        }
    }
    value
}

fn turned([rows, columns]: [usize; 2], transposed: bool) -> [usize; 2] {
    if transposed { [columns, rows] } else { [rows, columns] }
}

/// One matrix of a batch.
fn matrix<T: Scalar>(x: &Tensor<T>, i: usize, [rows, columns]: [usize; 2], transposed: bool) -> ArrayView2<'_, T> {
    let matrix = match x.value().view().into_dimensionality::<Ix2>() {
        Ok(matrix) => matrix,
        Err(_) => ArrayView2::from_shape((rows, columns), &x.as_slice()[i * rows * columns..][..rows * columns])
            .expect("as many elements as places"),
    };
    if transposed { matrix.reversed_axes() } else { matrix }
}

/// Which of the matrices that `own` counts is taken, for each that `lead` counts.
fn matrices(own: &[usize], lead: &[usize]) -> Vec<usize> {
    let all = ArrayD::from_shape_vec(IxDyn(own), (0..own.iter().product()).collect()).expect("as many as places");
    all.broadcast(IxDyn(lead)).expect("broadcasts").iter().copied().collect()
}

#[cfg(test)]
mod tests;
