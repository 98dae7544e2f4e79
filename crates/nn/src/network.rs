//! What function of (θ, x) is meant.

use std::fmt;

use apd_seed::{Seed, Stream};
use apd_tensor::{Scalar, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Activation, Cnn, Initialization, Mlp};
use apd_points::Layout;

/// A network architecture: a function of a flat θ and of inputs x, without weights of its own.
///
/// # Rows: θ and buffers
///
/// Networks with batch normalisation need, beside θ, the means and variances that their layers divide by when they are
/// evaluated. These *buffers* are no parameters: a sampler does not move them. They are a function of θ and of a fixed set of inputs,
/// [`calibrate`](Self::calibrate). A *row* is θ followed by its buffers ([`row_len`](Self::row_len) numbers): what a bank
/// stores and [`evaluate`](Self::evaluate) reads. All other networks have no buffers, and a row is θ.
///
/// In training ([`forward`](Self::forward), [`Backprop`](crate::Backprop)) such a network divides by the statistics of the rows at hand.
/// Its loss on a batch is then **not a sum over examples**: an average over minibatches is not the loss on all data, and
/// its gradient is an estimate with a bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
    /// A convolutional network.
    Cnn(Cnn),
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
    /// Images without pixels or channels.
    EmptyImage,
    /// A convolutional network without a convolution or a linear layer.
    NoWeights,
    /// A layer of a convolutional network that cannot be.
    Layer {
        /// Its position among the layers.
        index: usize,
        /// What is wrong with it.
        fault: LayerFault,
    },
    /// The last layer leaves more than one pixel: it should be linear, or an average over the image.
    Pixels {
        /// Rows that are left.
        height: usize,
        /// Pixels of a row that are left.
        width: usize,
    },
}

/// What is wrong with a layer of a convolutional network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerFault {
    /// No outputs, or a window without pixels.
    Empty,
    /// An even kernel cannot keep the size of the image.
    EvenKernel(usize),
    /// A window that has no place on what the layers before leave.
    Window {
        /// Rows and columns of the window.
        window: usize,
        /// Rows that are left.
        height: usize,
        /// Pixels of a row that are left.
        width: usize,
    },
    /// A pooling window larger than [`MaxPool::LARGEST`](apd_tensor::kernel::pool::MaxPool::LARGEST).
    LargePool(usize),
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
            Self::EmptyImage => write!(f, "images need a height, a width and channels"),
            Self::NoWeights => write!(f, "a convolutional network needs a convolution or a linear layer"),
            Self::Layer { index, fault } => write!(f, "layer number {index} of the network {fault}"),
            Self::Pixels { height, width } => {
                write!(f, "the network ends with {height}×{width} pixels: end it with a linear layer or an average")
            }
        }
    }
}

impl std::error::Error for NetworkError {}

impl fmt::Display for LayerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "has no outputs, or a window without pixels"),
            Self::EvenKernel(kernel) => write!(f, "cannot keep the image's size with an even kernel of {kernel}"),
            Self::Window { window, height, width } => {
                write!(f, "has a window of {window} where {height}×{width} pixels are left")
            }
            Self::LargePool(size) => write!(f, "pools windows of {size}, which is more than can be indexed"),
        }
    }
}

impl Network {
    /// A ReLU perceptron of these widths (inputs, hidden…, outputs) without dropout.
    ///
    /// **Panics** if there are fewer than two widths, or one is 0.
    #[track_caller]
    pub fn mlp(widths: &[usize]) -> Self {
        Self::Mlp(Mlp { widths: widths.to_vec(), activation: Activation::Relu, dropout: 0.0 }).checked()
    }

    /// The small convolutional network, [`Cnn::small`]. **Panics** if the images have no pixels, or fewer than 8×8.
    #[track_caller]
    pub fn cnn_small(height: usize, width: usize, channels: usize, classes: usize) -> Self {
        Self::Cnn(Cnn::small(height, width, channels, [16, 32, 32], classes)).checked()
    }

    /// The large convolutional network, [`Cnn::large`]. **Panics** if the images have no pixels, or fewer than 12×12.
    #[track_caller]
    pub fn cnn_large(height: usize, width: usize, channels: usize, classes: usize, batch_norm: bool) -> Self {
        Self::Cnn(Cnn::large(height, width, channels, classes, batch_norm)).checked()
    }

    #[track_caller]
    fn checked(self) -> Self {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        self
    }

    /// Whether this describes a network at all; everything else here presumes that it does. For descriptions read from outside.
    ///
    /// **Errors**: no layer, an empty layer, too many parameters, a probability or slope out of range, a window larger than
    /// the image that is left.
    pub fn check(&self) -> Result<(), NetworkError> {
        match self {
            Self::Mlp(mlp) => mlp.check(),
            Self::Cnn(cnn) => cnn.check(),
        }
    }

    /// Where each parameter lies in θ.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Mlp(mlp) => mlp.layout(),
            Self::Cnn(cnn) => cnn.layout(),
        }
    }

    /// Where each number lies in a [row](Self#rows-θ-and-buffers): the parameters of [`layout`](Self::layout), then the buffers.
    pub fn row_layout(&self) -> Layout {
        let buffers = match self {
            Self::Mlp(_) => Vec::new(),
            Self::Cnn(cnn) => cnn.buffer_layout().entries,
        };
        Layout::new(self.layout().entries.into_iter().chain(buffers).map(|entry| (entry.name, entry.shape)))
    }

    /// d, the length of θ.
    pub fn dim(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.dim(),
            Self::Cnn(cnn) => cnn.plan().dim,
        }
    }

    /// How many buffers follow θ in a [row](Self#rows-θ-and-buffers); 0 without batch normalisation.
    pub fn buffers(&self) -> usize {
        match self {
            Self::Mlp(_) => 0,
            Self::Cnn(cnn) => cnn.plan().buffers,
        }
    }

    /// Length of a [row](Self#rows-θ-and-buffers): [`dim`](Self::dim) + [`buffers`](Self::buffers).
    pub fn row_len(&self) -> usize {
        self.dim() + self.buffers()
    }

    /// Elements of one input row.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths[0],
            Self::Cnn(cnn) => cnn.height * cnn.width * cnn.channels,
        }
    }

    /// Logits (or regression outputs) per input row.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths[mlp.widths.len() - 1],
            Self::Cnn(cnn) => cnn.plan().outputs(),
        }
    }

    /// Probability of dropout, where it is asked for; convolutional networks have none.
    pub fn dropout(&self) -> f32 {
        match self {
            Self::Mlp(mlp) => mlp.dropout,
            Self::Cnn(_) => 0.0,
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
            Self::Mlp(mlp) => mlp.initialize(initialization, &mut theta, &mut stream),
            Self::Cnn(cnn) => cnn.initialize(initialization, &mut theta, &mut stream),
        }
        theta
    }

    /// The network in tensor operations, to be differentiated as often as needed.
    ///
    /// Batch normalisation divides by the statistics of x.
    ///
    /// `dropout`: `None` leaves it out; a stream applies the network's, taking one word per row and hidden unit, row by row
    /// (none, if the network has no dropout).
    ///
    /// **Shapes**: `params` as the layout's entries, x: N × inputs ↦ N × outputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn forward<T: Scalar>(&self, params: &[Tensor<T>], x: &Tensor<T>, dropout: Option<&mut Stream>) -> Tensor<T> {
        match self {
            Self::Mlp(mlp) => mlp.forward(params, x, dropout),
            Self::Cnn(cnn) => cnn.forward(params, x),
        }
    }
}

#[cfg(test)]
mod tests;
