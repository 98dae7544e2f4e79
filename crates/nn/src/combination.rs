//! Networks that are affine combinations of a few fixed ones.

use std::iter;

use apd_tensor::kernel::Aligned;
use apd_tensor::kernel::gemm::unpacked::{Left, accumulate};
use ndarray::ArrayView2;

use crate::feature_major::{FeatureMajor, padded};
use crate::{Mlp, Model as _, Scratch};

/// Networks whose first layers are combined at once: with a hundred units and 96 rows they stay in a second-level cache of a MiB. (From
/// 8 to 32 the time is the same.)
const GROUP: usize = 16;

/// First layers before their activation, of a mean and of r directions, for the rows of one [`FeatureMajor`]: P₀ = W̄·x + b̄ and P_k = W_k·x + b_k.
///
/// Networks θ̄ + Σ_k c_k·v_k have P₀ + Σ_k c_k·P_k there, at r multiplications for each number in place of as many as there are inputs.
#[derive(Clone, Debug, Default)]
pub struct Products {
    /// units × (1 + r) × stride, units `unit` apart: a combination reads them from one end to the other.
    parts: Aligned<f32>,
    unit: usize,
    directions: usize,
    rows: usize,
    stride: usize,
    /// Networks × units × stride.
    combined: Aligned<f32>,
}

impl Mlp {
    /// Parameters of the first layer, the first ones of θ.
    pub fn first_dim(&self) -> usize {
        self.widths[1] * (self.widths[0] + 1)
    }

    /// The first layers of a mean and of some directions, on the calling thread; see [`Products`].
    ///
    /// **Shapes**: mean: d, directions: r × d (of both, the first [`first_dim`](Self::first_dim) columns matter), x: inputs.
    ///
    /// **Panics** if the shapes do not fit, or a row of `directions` is not contiguous.
    #[track_caller]
    pub fn products(&self, mean: &[f32], directions: ArrayView2<'_, f32>, x: &FeatureMajor, out: &mut Products) {
        let (inputs, units, stride) = (self.widths[0], self.widths[1], x.stride);
        assert_eq!(x.units.len(), inputs * stride, "elements of the inputs");
        (out.directions, out.rows, out.stride) = (directions.nrows(), x.rows, stride);
        out.unit = padded((1 + out.directions) * stride);
        out.parts.resize(units * out.unit, 0.0);
        if stride == 0 {
            return;
        }
        let directions =
            directions.rows().into_iter().map(|row| row.to_slice().expect("a row of directions is contiguous"));
        for (k, theta) in iter::once(mean).chain(directions).enumerate() {
            let (weight, bias) = theta[..self.first_dim()].split_at(units * inputs);
            let part = &mut out.parts[k * stride..];
            part.chunks_mut(out.unit).zip(bias).for_each(|(part, &bias)| part[..stride].fill(bias));
            accumulate([units, stride, inputs], Left::rows(weight, inputs), &x.units, stride, part, out.unit);
        }
    }

    /// The logits of combinations of [`products`](Self::products), one network after the other, on the calling thread.
    ///
    /// **Shapes**: for each of S networks, coefficients: r, later: the parameters behind the first layer, logits: rows × outputs; all
    /// row-major.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn finish_combinations(
        &self,
        coefficients: &[f32],
        later: &[f32],
        products: &mut Products,
        logits: &mut [&mut [f32]],
        scratch: &mut Scratch,
    ) {
        let Products { parts, unit, directions, rows, stride, combined } = products;
        let (unit, r, rows, stride) = (*unit, *directions, *rows, *stride);
        let (units, dim) = (self.widths[1], self.dim() - self.first_dim());
        assert_eq!(parts.len(), units * unit, "elements of the products");
        assert_eq!(coefficients.len(), logits.len() * r, "coefficients of all networks");
        assert_eq!(later.len(), logits.len() * dim, "later parameters of all networks");
        if rows == 0 {
            return;
        }
        let network = padded(units * stride);
        for (group, logits) in logits.chunks_mut(GROUP).enumerate() {
            let (start, count) = (group * GROUP, logits.len());
            combined.resize(count * network, 0.0);
            let left = Left::rows(&coefficients[start * r..][..count * r], r);
            for (j, part) in parts.chunks_exact(unit).enumerate() {
                let (mean, directions) = part.split_at(stride);
                let out = &mut combined[j * stride..];
                out.chunks_mut(network).for_each(|out| out[..stride].copy_from_slice(mean));
                accumulate([count, stride, r], left, directions, stride, out, network);
            }
            for (s, (first, logits)) in combined.chunks_exact_mut(network).zip(logits).enumerate() {
                let later = &later[(start + s) * dim..][..dim];
                self.layers(later, [rows, stride], &mut first[..units * stride], logits, &mut scratch.later);
            }
        }
    }
}

#[cfg(test)]
mod tests;
