//! The shapes between the layers, and the parameters that follow from them.

use apd_tensor::kernel::pool::MaxPool;

use super::{Layer, Sequential};
use crate::{LayerFault, NetworkError};

/// Largest length of anything that is counted along one axis.
const SIDE: usize = 1 << 20;
/// Most elements of one thing in memory: several of them must fit into one allocation.
const ELEMENTS: usize = isize::MAX as usize / 64;

/// What lies between two layers, for one input row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Vector(usize),
    /// Channels, height and width.
    Image([usize; 3]),
}

impl Shape {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Vector(len) => len,
            Self::Image(sides) => sides.iter().product(),
        }
    }

    fn image(self) -> Result<[usize; 3], Fault> {
        match self {
            Self::Image(sides) => Ok(sides),
            Self::Vector(_) => Err(LayerFault::NeedsImage.into()),
        }
    }

    fn vector(self) -> Result<usize, Fault> {
        match self {
            Self::Vector(len) => Ok(len),
            Self::Image(_) => Err(LayerFault::NeedsVector.into()),
        }
    }

    /// What a normalization has a mean of.
    fn channels(self) -> usize {
        match self {
            Self::Vector(len) => len,
            Self::Image([channels, ..]) => channels,
        }
    }
}

type Named = (String, Vec<usize>);

/// A chain of layers with all its sizes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) parameters: Vec<Named>,
    pub(super) buffers: Vec<Named>,
    pub(super) output: Shape,
    /// Largest probability of dropout.
    pub(super) dropout: f32,
    /// Words that dropout takes for each row.
    pub(super) words: usize,
    /// How often parameters are used for each row: those that images share, once for each pixel.
    pub(super) multiplications: usize,
}

/// What is wrong, apart from where.
enum Fault {
    Layer(LayerFault),
    Network(NetworkError),
}

impl From<LayerFault> for Fault {
    fn from(fault: LayerFault) -> Self {
        Self::Layer(fault)
    }
}

impl From<NetworkError> for Fault {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

impl Plan {
    pub(super) fn new(network: &Sequential) -> Result<Self, NetworkError> {
        let input = match network.input[..] {
            _ if network.input.contains(&0) => return Err(NetworkError::EmptyImage),
            [len] => Shape::Vector(len),
            [channels, height, width] => Shape::Image([channels, height, width]),
            _ => return Err(NetworkError::Input { axes: network.input.len() }),
        };
        check_size(&network.input)?;
        let (parameters, buffers) = (Vec::new(), Vec::new());
        let mut plan = Self { parameters, buffers, output: input, dropout: 0.0, words: 0, multiplications: 0 };
        for (index, layer) in network.layers.iter().enumerate() {
            plan.output = plan.layer(layer, plan.output, &format!("layers.{index}")).map_err(|fault| match fault {
                Fault::Layer(fault) => NetworkError::Layer { index, fault },
                Fault::Network(error) => error,
            })?;
        }
        if plan.parameters.is_empty() {
            return Err(NetworkError::NoWeights);
        }
        // Each is below the bound, so that the sum does not wrap around before it exceeds it.
        let mut all = plan.parameters.iter().chain(&plan.buffers).map(|(_, shape)| shape.iter().product::<usize>());
        let total = all.try_fold(0_usize, |sum, len| sum.checked_add(len));
        if total.is_none_or(|total| total > ELEMENTS) {
            return Err(NetworkError::TooLarge);
        }
        match plan.output {
            Shape::Image([_, height, width]) if [height, width] != [1, 1] => {
                Err(NetworkError::Pixels { height, width })
            }
            _ => Ok(plan),
        }
    }

    fn layer(&mut self, layer: &Layer, input: Shape, name: &str) -> Result<Shape, Fault> {
        let before = self.parameters.len();
        let mut parameter = |of: &str, shape: &[usize]| -> Result<(), Fault> {
            check_size(shape)?;
            self.parameters.push((format!("{name}.{of}"), shape.to_vec()));
            Ok(())
        };
        let output = match *layer {
            Layer::Linear { outputs: 0 } | Layer::Conv { outputs: 0, .. } | Layer::Conv { kernel: 0, .. } => {
                return Err(LayerFault::Empty.into());
            }
            Layer::Conv { stride: 0, .. } | Layer::MaxPool { size: 0 } | Layer::AveragePool { size: 0 } => {
                return Err(LayerFault::Empty.into());
            }
            Layer::Linear { outputs } => {
                parameter("weight", &[outputs, input.vector()?])?;
                parameter("bias", &[outputs])?;
                Shape::Vector(outputs)
            }
            Layer::Conv { outputs, kernel, stride, padding } => {
                let [channels, height, width] = input.image()?;
                check_size(&[kernel.saturating_add(1)])?;
                check_size(&[padding])?;
                // Every window has to see a pixel.
                let [tall, wide] = [height, width].map(|side| side + 2 * padding);
                if padding >= kernel || kernel > tall.min(wide) {
                    return Err(LayerFault::Window { window: kernel, height, width }.into());
                }
                parameter("weight", &[outputs, channels, kernel, kernel])?;
                parameter("bias", &[outputs])?;
                Shape::Image([outputs, (tall - kernel) / stride + 1, (wide - kernel) / stride + 1])
            }
            Layer::MaxPool { size } if size > MaxPool::LARGEST => return Err(LayerFault::LargePool(size).into()),
            Layer::MaxPool { size } | Layer::AveragePool { size } => {
                let [channels, height, width] = input.image()?;
                if size > height.min(width) {
                    return Err(LayerFault::Window { window: size, height, width }.into());
                }
                Shape::Image([channels, height / size, width / size])
            }
            Layer::GlobalAveragePool => Shape::Image([input.image()?[0], 1, 1]),
            Layer::BatchNorm => {
                parameter("weight", &[input.channels()])?;
                parameter("bias", &[input.channels()])?;
                for of in ["running_mean", "running_var"] {
                    self.buffers.push((format!("{name}.{of}"), vec![input.channels()]));
                }
                input
            }
            Layer::LayerNorm => {
                parameter("weight", &[input.vector()?])?;
                parameter("bias", &[input.vector()?])?;
                input
            }
            Layer::FilterResponseNorm => {
                let [channels, ..] = input.image()?;
                for of in ["weight", "bias", "tau"] {
                    parameter(of, &[channels])?;
                }
                input
            }
            Layer::LeakyRelu { slope } if !(0.0..=1.0).contains(&slope) => {
                return Err(NetworkError::Slope(slope).into());
            }
            Layer::Relu | Layer::LeakyRelu { .. } | Layer::Tanh | Layer::Sigmoid => input,
            Layer::Silu | Layer::Gelu | Layer::Softplus => input,
            Layer::Dropout { p } if !(0.0..1.0).contains(&p) => return Err(NetworkError::Dropout(p).into()),
            Layer::Dropout { p } => {
                self.dropout = self.dropout.max(p);
                if p > 0.0 {
                    self.words = self.words.checked_add(input.len()).ok_or(NetworkError::TooLarge)?;
                }
                input
            }
            Layer::Flatten => Shape::Vector(input.len()),
            Layer::Residual { ref layers, ref shortcut } => {
                let mut branch = |layers: &[Layer], of: &str| {
                    layers.iter().enumerate().try_fold(input, |shape, (index, layer)| {
                        self.layer(layer, shape, &format!("{name}.{of}.{index}"))
                    })
                };
                let [residual, shortcut] = [branch(layers, "layers")?, branch(shortcut, "shortcut")?];
                if residual != shortcut {
                    return Err(LayerFault::Branches.into());
                }
                residual
            }
        };
        let pixels = match output {
            Shape::Vector(len) => check_size(&[len]).map(|()| 1)?,
            Shape::Image(sides) => check_size(&sides).map(|()| sides[1] * sides[2])?,
        };
        // The layers of a residual have counted their own.
        if !matches!(layer, Layer::Residual { .. }) {
            let own: usize = self.parameters[before..].iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
            self.multiplications = self.multiplications.saturating_add(own.saturating_mul(pixels));
        }
        Ok(output)
    }
}

/// Whether nothing of this shape is too large for memory.
fn check_size(shape: &[usize]) -> Result<(), NetworkError> {
    let len = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    if shape.iter().all(|&side| side <= SIDE) && len.is_some_and(|len| len <= ELEMENTS) {
        Ok(())
    } else {
        Err(NetworkError::TooLarge)
    }
}
