//! What function of (θ, x) is meant.

use std::fmt;
use std::ops::Range;

use apd_seed::{Seed, Stream};
use apd_tensor::{Scalar, Tensor};
use serde::{Deserialize, Serialize};

use crate::dropout::Dropout;
use crate::{Activation, Initialization, Layout};

/// A network architecture: a function of a flat θ and of inputs x, without weights of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
}

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

/// Why an architecture is not one.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkError {
    /// Fewer than two widths: there is no layer.
    NoLayer {
        /// How many widths there are.
        widths: usize,
    },
    /// A width of 0.
    EmptyLayer {
        /// Its position among the widths.
        index: usize,
    },
    /// More parameters than can be addressed.
    TooLarge,
    /// A dropout probability outside [0, 1).
    Dropout(f32),
    /// A leaky ReLU's slope outside [0, 1].
    Slope(f32),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer { widths } => {
                write!(f, "a network needs at least 2 widths (inputs and outputs), found {widths}")
            }
            Self::EmptyLayer { index } => write!(f, "width number {index} of the network is 0"),
            Self::TooLarge => write!(f, "the network has more parameters than memory can address"),
            Self::Dropout(p) => write!(f, "dropout probability {p} is not in [0, 1)"),
            Self::Slope(slope) => write!(f, "leaky ReLU slope {slope} is not in [0, 1]"),
        }
    }
}

impl std::error::Error for NetworkError {}

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

    fn check(&self) -> Result<(), NetworkError> {
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
        match self.activation {
            Activation::LeakyRelu(slope) if !(0.0..=1.0).contains(&slope) => Err(NetworkError::Slope(slope)),
            _ => Ok(()),
        }
    }
}

impl Network {
    /// A ReLU perceptron of these widths (inputs, hidden…, outputs) without dropout.
    ///
    /// **Panics** if there are fewer than two widths, or one is 0.
    #[track_caller]
    pub fn mlp(widths: &[usize]) -> Self {
        let network = Self::Mlp(Mlp { widths: widths.to_vec(), activation: Activation::Relu, dropout: 0.0 });
        if let Err(error) = network.check() {
            panic!("{error}");
        }
        network
    }

    /// Whether this describes a network at all; everything else here presumes that it does. For descriptions read from outside.
    ///
    /// **Errors**: no layer, an empty layer, too many parameters, a probability or slope out of range.
    pub fn check(&self) -> Result<(), NetworkError> {
        match self {
            Self::Mlp(mlp) => mlp.check(),
        }
    }

    /// Where each parameter lies in θ.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Mlp(mlp) => Layout::new(mlp.linears().into_iter().enumerate().flat_map(|(l, linear)| {
                [
                    (format!("layers.{l}.weight"), vec![linear.outputs, linear.inputs]),
                    (format!("layers.{l}.bias"), vec![linear.outputs]),
                ]
            })),
        }
    }

    /// d, the length of θ.
    pub fn dim(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.linears().last().map_or(0, |linear| linear.bias.end),
        }
    }

    /// Elements of one input row.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths[0],
        }
    }

    /// Logits (or regression outputs) per input row.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths[mlp.widths.len() - 1],
        }
    }

    /// Probability of dropout, where it is asked for.
    pub fn dropout(&self) -> f32 {
        match self {
            Self::Mlp(mlp) => mlp.dropout,
        }
    }

    /// A starting point as PyTorch would draw it: [`Initialization::Torch`] (by law, not by value).
    pub fn initialize(&self, seed: Seed) -> Vec<f32> {
        self.initialize_with(Initialization::Torch, seed)
    }

    /// A starting point; parameters are drawn in layout order from `seed`'s stream.
    pub fn initialize_with(&self, initialization: Initialization, seed: Seed) -> Vec<f32> {
        let mut theta = vec![0.0; self.dim()];
        let mut stream = seed.stream();
        match self {
            Self::Mlp(mlp) => {
                for linear in mlp.linears() {
                    let (weight, bias) = theta[linear.weight.start..linear.bias.end].split_at_mut(linear.weight.len());
                    initialization.fill(linear.inputs, weight, bias, &mut stream);
                }
            }
        }
        theta
    }

    /// The network in tensor operations, to be differentiated as often as needed.
    ///
    /// `dropout`: `None` leaves it out; a stream applies the network's, taking one word per row and hidden unit, row by row.
    ///
    /// **Shapes**: `params` as the layout's entries, x: N × inputs ↦ N × outputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn forward<T: Scalar>(&self, params: &[Tensor<T>], x: &Tensor<T>, dropout: Option<&mut Stream>) -> Tensor<T> {
        match self {
            Self::Mlp(mlp) => {
                let layers = mlp.widths.len() - 1;
                assert_eq!(params.len(), 2 * layers, "number of parameters");
                let rows = x.shape()[0];
                let mut dropout = Dropout::new(mlp, dropout);
                let mut a = x.clone();
                for l in 0..layers {
                    a = a.matmul_nt(&params[2 * l]).add(&params[2 * l + 1]);
                    if l + 1 < layers {
                        a = mlp.activation.forward(&a);
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
    }
}

#[cfg(test)]
mod tests;
