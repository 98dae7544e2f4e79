//! Networks as a list of layers.

mod forward;
mod fused;
mod plan;

use apd_points::Layout;
use apd_seed::Stream;
use apd_tensor::Tensor;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use self::plan::Plan;
use crate::engine::Threads;
use crate::{Autodiff, CloneModel as _, Engine, Mlp, Model, NetworkError};

/// A chain of layers, as `torch.nn.Sequential`, with residual blocks.
///
/// Entries of the layout are named as in the state of a module whose attribute `layers` is the `Sequential` of the same modules:
/// `layers.0.weight`, …; of a residual block `layers.2.layers.0.weight` and `layers.2.shortcut.0.weight`. Buffers are those of the batch normalizations,
/// `layers.1.running_mean` and `layers.1.running_var` (biased).
///
/// What a fused engine covers runs on it: linear layers with one activation and one probability of dropout ([`Mlp`]), and the convolutional
/// networks of [`Cnn`](crate::Cnn). Everything else runs on [`Autodiff`].
///
/// ```
/// use apd_nn::{Layer, Model, Sequential};
/// let network: Sequential = serde_json::from_str(r#"{
///     "input": [4],
///     "layers": [
///         { "linear": { "outputs": 16 } },
///         { "residual": { "layers": ["layer-norm", { "linear": { "outputs": 16 } }, "silu"] } },
///         { "linear": { "outputs": 3 } }
///     ]
/// }"#).unwrap();
/// network.check().unwrap();
/// assert_eq!(network.layout().entries[2].name, "layers.1.layers.0.weight");
/// assert_eq!(network.outputs(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequential {
    /// Shape of an input row: `[features]`, or `[channels, height, width]`, as in PyTorch.
    pub input: Vec<usize>,
    /// The layers in order; they leave a vector (or an image of one pixel).
    pub layers: Vec<Layer>,
}

/// One layer of a [`Sequential`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layer {
    /// W·x + b, of vectors.
    Linear {
        /// Its outputs.
        outputs: usize,
    },
    /// A convolution with zeros around the image, and a bias.
    Conv {
        /// Channels of its output.
        outputs: usize,
        /// Rows and columns of its kernel.
        kernel: usize,
        /// Rows, and columns, from one window to the next.
        #[serde(default = "one")]
        stride: usize,
        /// Rows and columns of zeros on each side.
        #[serde(default)]
        padding: usize,
    },
    /// The largest of each channel in windows that touch but do not overlap.
    MaxPool {
        /// Rows and columns of a window.
        size: usize,
    },
    /// The mean of each channel in windows that touch but do not overlap.
    AveragePool {
        /// Rows and columns of a window.
        size: usize,
    },
    /// The mean of each channel over the image.
    GlobalAveragePool,
    /// (x − mean)/√(variance + 10⁻⁵)·weight + bias of each feature, or channel, over the batch; in evaluation with the buffers.
    BatchNorm,
    /// (x − mean)/√(variance + 10⁻⁵)·weight + bias over the features of a vector.
    ///
    /// Reference: Ba, Kiros & Hinton, *Layer Normalization*, arXiv:1607.06450, equation (4).
    LayerNorm,
    /// y = x/√(mean of x² over the channel's pixels + 10⁻⁶)·weight + bias, and then max(y, tau): of images, each by itself.
    ///
    /// Reference: Singh & Krishnan, *Filter Response Normalization Layer*, CVPR 2020, equations (1) to (5).
    FilterResponseNorm,
    /// max(x, 0).
    Relu,
    /// x for x > 0, slope·x otherwise.
    LeakyRelu {
        /// A number in [0, 1].
        slope: f32,
    },
    /// tanh x.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// x/(1 + e⁻ˣ).
    Silu,
    /// x·Φ(x).
    Gelu,
    /// ln(1 + eˣ).
    Softplus,
    /// Sets elements to 0 when dropout is asked for, and divides the others by 1 − p; one word of the stream for each element of a row.
    Dropout {
        /// Probability p in [0, 1).
        p: f32,
    },
    /// An image as a vector: channel, row, column. Vectors stay as they are.
    Flatten,
    /// layers(x) + shortcut(x).
    ///
    /// Reference: He, Zhang, Ren & Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016, equations (1) and (2).
    Residual {
        /// The residual function.
        layers: Vec<Layer>,
        /// What it is added to; no layer at all is the identity.
        #[serde(default)]
        shortcut: Vec<Layer>,
    },
}

fn one() -> usize {
    1
}

impl Sequential {
    /// **Panics** if this is not a network.
    #[track_caller]
    fn plan(&self) -> Plan {
        Plan::new(self).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Model for Sequential {
    fn layout(&self) -> Layout {
        Layout::new(self.plan().parameters)
    }

    fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    fn outputs(&self) -> usize {
        self.plan().output.len()
    }

    #[track_caller]
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.forward(params, x, dropout, None)
    }

    #[track_caller]
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.forward(params, x, dropout, None)
    }

    fn check(&self) -> Result<(), NetworkError> {
        Plan::new(self).map(|_| ())
    }

    fn buffer_layout(&self) -> Layout {
        Layout::new(self.plan().buffers)
    }

    /// The largest probability of its layers.
    fn dropout(&self) -> f32 {
        self.plan().dropout
    }

    #[track_caller]
    fn calibrate(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        match self.fused() {
            Some(network) => network.calibrate(theta, x),
            None => self.statistics(theta, x),
        }
    }

    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        match self.fused() {
            Some(network) => network.engine(threads),
            None => Box::new(Autodiff::new(self.clone_model(), threads)),
        }
    }

    fn multiplications(&self) -> usize {
        self.plan().multiplications
    }

    /// Images take a thousand times the memory of their logits.
    fn rows_per_pass(&self) -> usize {
        if self.input.len() > 1 { 128 } else { 512 }
    }

    fn as_mlp(&self) -> Option<Mlp> {
        self.fused()?.as_mlp()
    }
}

#[cfg(test)]
mod tests;
