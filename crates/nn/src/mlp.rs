//! Multilayer perceptrons.

use std::ops::Range;

use apd_seed::Stream;
use apd_tensor::{Scalar, Tensor};
use serde::{Deserialize, Serialize};

use crate::dropout::Dropout;
use crate::{Activation, NetworkError};

/// A multilayer perceptron: z_l = a_{l−1}·W_lᵀ + b_l, a_l = dropout(activation(z_l)), and plain logits z_L at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Inputs, hidden widths, outputs: `[784, 100, 10]`.
    pub widths: Vec<usize>,
    /// After each hidden layer.
    pub activation: Activation,
    /// Probability with which a hidden activation is set to 0 when dropout is asked for; the others are divided by
    /// 1 − p (inverted dropout), so that nothing is scaled without it. In [0, 1).
    pub dropout: f32,
}

/// One linear layer's place in θ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Columns of the weight.
    pub inputs: usize,
    /// Rows of the weight, and length of the bias.
    pub outputs: usize,
    /// The weight, outputs × inputs in row-major order.
    pub weight: Range<usize>,
    /// The bias.
    pub bias: Range<usize>,
}

impl Mlp {
    /// The linear layers in order.
    pub fn linears(&self) -> Vec<Linear> {
        let mut offset = 0;
        let layer = |pair: &[usize]| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let weight = offset..offset + outputs * inputs;
            let bias = weight.end..weight.end + outputs;
            offset = bias.end;
            Linear { inputs, outputs, weight, bias }
        };
        self.widths.windows(2).map(layer).collect()
    }

    /// Widths of the hidden layers.
    pub fn hidden(&self) -> &[usize] {
        &self.widths[1..self.widths.len() - 1]
    }

    pub(crate) fn check(&self) -> Result<(), NetworkError> {
        if self.widths.len() < 2 {
            return Err(NetworkError::NoLayer { widths: self.widths.len() });
        }
        if let Some(index) = self.widths.iter().position(|&width| width == 0) {
            return Err(NetworkError::EmptyLayer { index });
        }
        let dim = self
            .widths
            .windows(2)
            .try_fold(0_usize, |sum, pair| sum.checked_add(pair[0].checked_mul(pair[1])?)?.checked_add(pair[1]));
        // As many f32 must also fit into one allocation.
        if dim.is_none_or(|dim| dim > isize::MAX as usize / 8) {
            return Err(NetworkError::TooLarge);
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(NetworkError::Dropout(self.dropout));
        }
        self.activation.check()
    }

    /// The network in tensor operations.
    #[track_caller]
    pub(crate) fn forward<T: Scalar>(
        &self,
        params: &[Tensor<T>],
        x: &Tensor<T>,
        dropout: Option<&mut Stream>,
    ) -> Tensor<T> {
        let layers = self.widths.len() - 1;
        assert_eq!(params.len(), 2 * layers, "number of parameters");
        let rows = x.shape()[0];
        let mut dropout = Dropout::new(self.dropout, self.hidden(), dropout);
        let mut a = x.clone();
        for l in 0..layers {
            a = a.matmul_nt(&params[2 * l]).add(&params[2 * l + 1]);
            if l + 1 < layers {
                a = self.activation.forward(&a);
                if let Some(dropout) = &mut dropout {
                    let mut mask = vec![T::zero(); a.len()];
                    dropout.fill(l, &mut mask);
                    a = a.mul(&Tensor::from_vec(a.shape(), mask));
                }
            }
        }
        if let Some(dropout) = dropout {
            dropout.finish(rows);
        }
        a
    }
}
