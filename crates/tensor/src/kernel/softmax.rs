//! Row-wise softmax, its logarithm, and cross-entropy.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Scalar;

/// Replaces each row x by exp x_k / Σ_j exp x_j, without overflow. Rows of length 0 stay as they are.
pub fn softmax_rows<T: Scalar>(mut x: ArrayViewMut2<'_, T>) {
    for mut row in x.rows_mut() {
        let max = row.fold(T::neg_infinity(), |max, &x| max.max(x));
        let mut sum = T::zero();
        for x in &mut row {
            *x = (*x - max).exp();
            sum += *x;
        }
        row.mapv_inplace(|x| x / sum);
    }
}

/// Replaces each row x by x_k − ln Σ_j exp x_j, without overflow. Rows of length 0 stay as they are.
pub fn log_softmax_rows<T: Scalar>(mut x: ArrayViewMut2<'_, T>) {
    for mut row in x.rows_mut() {
        let max = row.fold(T::neg_infinity(), |max, &x| max.max(x));
        let log_sum = row.fold(T::zero(), |sum, &x| sum + (x - max).exp()).ln() + max;
        row.mapv_inplace(|x| x - log_sum);
    }
}

/// −Σ_n log softmax(x_n)[label_n]; the labels are valid.
pub(crate) fn cross_entropy<T: Scalar>(x: ArrayView2<'_, T>, labels: &[u32]) -> T {
    let mut total = T::zero();
    for (row, &label) in x.rows().into_iter().zip(labels) {
        let max = row.fold(T::neg_infinity(), |max, &x| max.max(x));
        let log_sum = row.fold(T::zero(), |sum, &x| sum + (x - max).exp()).ln();
        total += log_sum + (max - row[label as usize]);
    }
    total
}
