//! Resizing by area averaging.

use ndarray::Array2;

/// Which source cells lie under one target cell, and how much of it each covers.
struct Overlap {
    first: usize,
    weights: Vec<f64>,
}

/// Overlaps of `to` equal cells with `from` equal cells of the same interval.
///
/// In units of 1/(from·to) all edges are integers, so that the weights of a target cell sum to one exactly before rounding, and in f64
/// closely enough that a mean never leaves the range of its pixels after rounding to f32.
fn overlaps(from: usize, to: usize) -> Vec<Overlap> {
    let cell = |target: usize| {
        let (low, high) = (target * from, (target + 1) * from);
        let (first, last) = (low / to, high.div_ceil(to));
        let weight = |source: usize| (high.min((source + 1) * to) - low.max(source * to)) as f64 / from as f64;
        Overlap { first, weights: (first..last).map(weight).collect() }
    };
    (0..to).map(cell).collect()
}

/// Each new pixel is the mean of the old ones under it, weighted by overlap: y_ij = Σ_kl a_ik·b_jl·x_kl.
///
/// **Shapes**: n × (h·w) to n × (H·W).
///
/// Thin lines become paler when an image shrinks, as they do on paper; enlarging repeats pixels and blends at their edges.
pub(crate) fn area_average(images: &Array2<f32>, from: (usize, usize), to: (usize, usize)) -> Array2<f32> {
    let (rows, columns) = (overlaps(from.0, to.0), overlaps(from.1, to.1));
    let mut narrow = vec![0.0f64; from.0 * to.1];
    let mut resized = Array2::zeros((images.nrows(), to.0 * to.1));
    for (image, mut target) in images.rows().into_iter().zip(resized.rows_mut()) {
        for i in 0..from.0 {
            for (j, column) in columns.iter().enumerate() {
                let start = i * from.1 + column.first;
                narrow[i * to.1 + j] =
                    column.weights.iter().enumerate().map(|(k, w)| w * f64::from(image[start + k])).sum();
            }
        }
        for (i, row) in rows.iter().enumerate() {
            for j in 0..to.1 {
                let pixel = |(k, w): (usize, &f64)| w * narrow[(row.first + k) * to.1 + j];
                target[i * to.1 + j] = row.weights.iter().enumerate().map(pixel).sum::<f64>() as f32;
            }
        }
    }
    resized
}

#[cfg(test)]
mod tests;
