//! Batch normalization, folded into the weights and biases before it.

use super::plan::Norm;
use super::{Cnn, CnnLayer};
use crate::batch_norm::EPSILON;
use crate::{Model as _, Network};

/// What a batch normalization of given buffers does to each channel: z ↦ gain·(z − mean) + shift.
pub(super) struct Affine<'a> {
    /// weight/√(variance + ε).
    pub(super) gain: Vec<f32>,
    mean: &'a [f32],
    shift: &'a [f32],
}

impl<'a> Affine<'a> {
    /// A variance below 0, as a model of rows may draw it, counts as 0.
    pub(super) fn new(norm: &Norm, theta: &'a [f32], buffers: &'a [f32]) -> Self {
        let (mean, variance) = buffers[norm.buffers.clone()].split_at(norm.bias.len());
        let positive = |v: f32| if v < 0.0 { 0.0 } else { v }; // what is not a number stays so
        let gain = theta[norm.weight.clone()].iter().zip(variance);
        let gain = gain.map(|(&w, &v)| w / (positive(v) + EPSILON as f32).sqrt()).collect();
        Self { gain, mean, shift: &theta[norm.bias.clone()] }
    }

    /// The bias of the convolution and the normalization together: gain·(bias − mean) + shift.
    pub(super) fn fold_bias(&self, bias: &mut [f32]) {
        for (o, bias) in bias.iter_mut().enumerate() {
            *bias = self.gain[o] * (*bias - self.mean[o]) + self.shift[o];
        }
    }
}

impl Network {
    /// The same architecture without batch normalization: that of the rows that [`fold`](Self::fold) makes.
    pub fn folded(&self) -> Self {
        let Self::Cnn(cnn) = self else { return self.clone() };
        let mut layers = cnn.layers.clone();
        for layer in &mut layers {
            if let CnnLayer::Conv { batch_norm, .. } = layer {
                *batch_norm = false;
            }
        }
        Self::Cnn(Cnn { layers, ..cnn.clone() })
    }

    /// The weights with which the [`folded`](Self::folded) network computes what [`evaluate`](crate::Model::evaluate) does with this row:
    ///
    /// gain·(W·x + b − mean) + shift = (gain·W)·x + (gain·(b − mean) + shift), with gain = weight/√(variance + ε).
    ///
    /// Such a network needs no buffers and treats each input by itself, so that it can be differentiated with respect to one.
    ///
    /// **Shapes**: row: [`row_len`](crate::Model::row_len) ↦ the folded network's [`dim`](crate::Model::dim).
    ///
    /// **Panics** if the length does not fit.
    #[track_caller]
    pub fn fold(&self, row: &[f32]) -> Vec<f32> {
        assert_eq!(row.len(), self.row_len(), "elements of θ and its buffers");
        let Self::Cnn(cnn) = self else { return row.to_vec() };
        let plan = cnn.plan();
        let (theta, buffers) = row.split_at(plan.dim);
        let mut folded = Vec::with_capacity(plan.dim);
        for conv in plan.convs() {
            let start = folded.len();
            folded.extend_from_slice(&theta[conv.weight.start..conv.bias.end]);
            let Some(norm) = &conv.norm else { continue };
            let affine = Affine::new(norm, theta, buffers);
            let (weight, bias) = folded[start..].split_at_mut(conv.weight.len());
            let each = weight.len() / bias.len();
            for (weight, &gain) in weight.chunks_exact_mut(each).zip(&affine.gain) {
                weight.iter_mut().for_each(|w| *w *= gain);
            }
            affine.fold_bias(bias);
        }
        folded
    }
}

#[cfg(test)]
mod tests;
