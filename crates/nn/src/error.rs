//! Mistakes in the description of a network.

use std::fmt;

/// Why an architecture is not one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
    /// Images without pixels or channels, or vectors without elements.
    EmptyImage,
    /// Inputs that are neither vectors nor images.
    Input {
        /// Axes of an input row.
        axes: usize,
    },
    /// No layer with weights.
    NoWeights,
    /// A layer that cannot be (of a residual block, any in it).
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

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// It works on images, and what the layers before leave are none (or it lies behind a flattening).
    NeedsImage,
    /// It works on vectors, and what the layers before leave are images: flatten them first.
    NeedsVector,
    /// The two branches of a residual block have different shapes.
    Branches,
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
            Self::EmptyImage => write!(f, "inputs need a length, or a height, a width and channels"),
            Self::Input { axes } => {
                write!(f, "inputs have 1 axis (features) or 3 (channels, height, width), not {axes}")
            }
            Self::NoWeights => write!(f, "the network has no layer with weights"),
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
            Self::NeedsImage => write!(f, "works on images, which the layers before do not leave"),
            Self::NeedsVector => write!(f, "works on vectors, but the layers before leave images: flatten them first"),
            Self::Branches => write!(f, "adds two branches of different shapes"),
            Self::LargePool(size) => write!(f, "pools windows of {size}, which is more than can be indexed"),
        }
    }
}
