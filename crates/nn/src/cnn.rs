//! Convolutional networks.

mod evaluate;
mod fold;
mod forward;
mod plan;

use serde::{Deserialize, Serialize};

pub(crate) use plan::{Conv, Plan, Step, Work};

use crate::Activation;

/// A convolutional network: a chain of layers on images, the last of which leaves one pixel with a logit per class.
///
/// An input row is an image with its channels one after the other (channel, row, column), as in PyTorch. The activation
/// follows every convolution and every linear layer but the last of them all; where there is batch normalization, it lies between.
///
/// θ has PyTorch's order: layer by layer, weight (out × in × rows × columns, or out × in) then bias, then weight and bias of the
/// batch normalization. Entries are named as in the state of the `torch.nn.Sequential` of the same modules (with activations,
/// `AdaptiveAvgPool2d(1)` and `Flatten` counted): `layers.0.weight`, ….
///
/// A [row](crate::Model#rows-θ-and-buffers)'s buffers are, for each batch normalization in order, a mean and a (biased) variance
/// per channel.
///
/// ```
/// use apd_nn::{Activation, Cnn, CnnLayer, Model, Network, Padding};
/// let layers = vec![
///     CnnLayer::Conv { outputs: 4, kernel: 3, padding: Padding::Same, batch_norm: false },
///     CnnLayer::MaxPool { size: 2 },
///     CnnLayer::Linear { outputs: 10 },
/// ];
/// let network = Network::Cnn(Cnn { height: 8, width: 8, channels: 1, layers, activation: Activation::Relu });
/// network.check()?;
/// let names: Vec<_> = network.layout().entries.into_iter().map(|entry| (entry.name, entry.shape)).collect();
/// assert_eq!(names[0], ("layers.0.weight".into(), vec![4, 1, 3, 3]));
/// assert_eq!(names[2], ("layers.4.weight".into(), vec![10, 4 * 4 * 4]));
/// # Ok::<(), apd_nn::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cnn {
    /// Rows of an input image.
    pub height: usize,
    /// Pixels of an input row.
    pub width: usize,
    /// Channels of an input image.
    pub channels: usize,
    /// The layers in order.
    pub layers: Vec<CnnLayer>,
    /// After each layer with weights but the last.
    pub activation: Activation,
}

/// One layer of a [`Cnn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CnnLayer {
    /// A convolution of stride 1.
    Conv {
        /// Channels of its output.
        outputs: usize,
        /// Rows and columns of its kernel.
        kernel: usize,
        /// What lies outside the image.
        padding: Padding,
        /// Whether its output is normalized over the batch: (z − mean)/√(variance + 10⁻⁵), times a weight, plus a bias.
        #[serde(default)]
        batch_norm: bool,
    },
    /// The largest of each channel in windows that touch but do not overlap.
    MaxPool {
        /// Rows and columns of a window.
        size: usize,
    },
    /// The mean of each channel over the image.
    GlobalAveragePool,
    /// A linear map of the image's elements, taken in the order of an input row.
    Linear {
        /// Its outputs.
        outputs: usize,
    },
}

/// The padding of a convolution: what it reads outside the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Padding {
    /// Zeros, so many that the image keeps its size; the kernel is odd.
    Same,
    /// No padding: the image shrinks by the kernel less one.
    Valid,
}

impl Cnn {
    /// Three times (3×3 convolution, ReLU, 2×2 max-pool), then a linear layer. Images of at least 8×8 pixels.
    pub fn small(height: usize, width: usize, channels: usize, hidden: [usize; 3], classes: usize) -> Self {
        let block = |outputs| [conv(outputs, 3, Padding::Same, false), CnnLayer::MaxPool { size: 2 }];
        let layers = hidden.into_iter().flat_map(block).chain([CnnLayer::Linear { outputs: classes }]).collect();
        Self { height, width, channels, layers, activation: Activation::Relu }
    }

    /// Nine convolutions after the ladder network's: 48, 48, 48, 2×2 max-pool, 96, 96, 96, 2×2 max-pool, 96 without padding, and 1×1
    /// 96 and `classes`, averaged over the image; leaky ReLU 0.2. Batch normalization follows all but the last if `batch_norm`.
    /// Images have at least 12×12 pixels.
    ///
    /// Reference: Rasmus, Valpola, Honkala, Berglund & Raiko, *Semi-Supervised Learning with Ladder Networks*, NeurIPS 2015, section
    /// 4.2.
    pub fn large(height: usize, width: usize, channels: usize, classes: usize, batch_norm: bool) -> Self {
        let same = |outputs| conv(outputs, 3, Padding::Same, batch_norm);
        let pool = CnnLayer::MaxPool { size: 2 };
        let layers = [
            &[same(48); 3][..],
            &[pool],
            &[same(96); 3],
            &[pool],
            &[conv(96, 3, Padding::Valid, batch_norm), conv(96, 1, Padding::Valid, batch_norm)],
            &[conv(classes, 1, Padding::Valid, false), CnnLayer::GlobalAveragePool],
        ]
        .concat();
        Self { height, width, channels, layers, activation: Activation::LeakyRelu(0.2) }
    }

    /// **Panics** if this is not a network.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        Plan::new(self).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn conv(outputs: usize, kernel: usize, padding: Padding, batch_norm: bool) -> CnnLayer {
    CnnLayer::Conv { outputs, kernel, padding, batch_norm }
}

#[cfg(test)]
pub(crate) mod tests;
