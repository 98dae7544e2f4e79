//! Of many rows: some that stand for all, and how likely each was.

use ndarray::{ArrayView1, ArrayView2};

/// Probabilities below count as this, as in [`nll`](apd_uncertainty::nll).
const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// ln p of each row's class. **Shapes**: p is rows × classes.
pub(crate) fn ln_p_of_labels(p: ArrayView2<'_, f64>, labels: &[u32]) -> Vec<f64> {
    let of_row = |(p, &label): (ArrayView1<'_, f64>, &u32)| p[label as usize].max(LEAST).ln();
    p.outer_iter().zip(labels).map(of_row).collect()
}

/// At most `most` of `rows` rows, at equal distances.
pub(crate) fn evenly(rows: usize, most: usize) -> Vec<usize> {
    let count = rows.min(most);
    (0..count).map(|i| i * rows / count).collect()
}
