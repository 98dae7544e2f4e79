//! The layers with all their sizes: where each one reads and writes, and where its parameters lie.

use std::ops::Range;

use apd_tensor::kernel::pool::MaxPool;
use apd_tensor::kernel::{Convolution, PaddedImage};

use super::{Cnn, CnnLayer, Padding};
use crate::{LayerFault, NetworkError};

/// Largest length of anything that is counted along one axis.
const SIDE: usize = 1 << 20;
/// Most elements of one thing in memory: several of them must fit into one allocation.
const ELEMENTS: usize = isize::MAX as usize / 64;
/// A first convolution whose window's rows are shorter than this reads its windows from a copy. The products would otherwise be too short
/// for the matrix kernel: with one channel and a 3×3 kernel three of them of inner length 3, instead of one of length 9.
const SHORT: usize = 32;

/// A convolutional network with all its sizes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Length of θ.
    pub(crate) dim: usize,
    /// Number of buffers.
    pub(crate) buffers: usize,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    /// How the images that it reads lie in memory.
    pub(crate) input: PaddedImage,
    /// How those that it writes do: with the padding that the next layer needs.
    pub(crate) output: PaddedImage,
}

#[derive(Clone, Debug)]
pub(crate) enum Work {
    Conv(Conv),
    MaxPool(MaxPool),
    Average,
}

/// A convolution, or a linear layer: a convolution whose kernel is as large as the image.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    /// The convolution as described.
    pub(crate) described: Convolution,
    /// The convolution as computed: perhaps, in the first layer, one with a 1×1 kernel, on images whose pixels are windows.
    pub(crate) computed: Convolution,
    /// Its place in θ.
    pub(crate) weight: Range<usize>,
    /// Its place in θ.
    pub(crate) bias: Range<usize>,
    pub(crate) norm: Option<Norm>,
    /// Whether the activation follows.
    pub(crate) activate: bool,
    linear: bool,
    /// Its number among PyTorch's modules.
    module: usize,
}

/// A batch normalization.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    /// Its place in θ.
    pub(crate) weight: Range<usize>,
    /// Its place in θ.
    pub(crate) bias: Range<usize>,
    /// Where its mean and its variance lie among the buffers, one after the other.
    pub(crate) buffers: Range<usize>,
}

impl Plan {
    pub(crate) fn new(cnn: &Cnn) -> Result<Self, NetworkError> {
        let mut image = [cnn.height, cnn.width, cnn.channels];
        if image.contains(&0) {
            return Err(NetworkError::EmptyImage);
        }
        small(&image)?;
        let weighted = |layer: &CnnLayer| matches!(layer, CnnLayer::Conv { .. } | CnnLayer::Linear { .. });
        let last = cnn.layers.iter().rposition(weighted).ok_or(NetworkError::NoWeights)?;
        let mut plan = Self { steps: Vec::new(), dim: 0, buffers: 0 };
        // PyTorch's modules so far, and whether its tensors have lost their pixels.
        let (mut module, mut flat) = (0, false);
        for (index, &layer) in cnn.layers.iter().enumerate() {
            check(layer, image).map_err(|fault| NetworkError::Layer { index, fault })?;
            let linear = matches!(layer, CnnLayer::Linear { .. });
            module += usize::from(linear != flat);
            flat = linear;
            let [height, width, channels] = image;
            let work = match layer {
                CnnLayer::Conv { outputs, kernel, padding, batch_norm } => {
                    let padding = if padding == Padding::Same { kernel / 2 } else { 0 };
                    let (kernel, padding) = ([kernel; 2], [padding; 2]);
                    let described = Convolution { height, width, inputs: channels, outputs, kernel, padding };
                    Work::Conv(plan.conv(described, batch_norm, index != last, false, module)?)
                }
                CnnLayer::Linear { outputs } => {
                    let (kernel, padding) = ([height, width], [0; 2]);
                    let described = Convolution { height, width, inputs: channels, outputs, kernel, padding };
                    Work::Conv(plan.conv(described, false, index != last, true, module)?)
                }
                CnnLayer::MaxPool { size } => Work::MaxPool(MaxPool {
                    input: PaddedImage::dense(height, width, channels),
                    output: PaddedImage::dense(height / size, width / size, channels),
                    size,
                }),
                CnnLayer::GlobalAveragePool => Work::Average,
            };
            let (input, output) = match &work {
                Work::Conv(conv) => {
                    let [rows, columns] = conv.computed.output_size();
                    module += usize::from(conv.norm.is_some()) + usize::from(conv.activate);
                    (conv.computed.input(), PaddedImage::dense(rows, columns, conv.computed.outputs))
                }
                Work::MaxPool(pool) => (pool.input, pool.output),
                Work::Average => (PaddedImage::dense(height, width, channels), PaddedImage::dense(1, 1, channels)),
            };
            module += 1;
            image = [output.height, output.width, output.channels];
            small(&image)?;
            plan.steps.push(Step { work, input, output });
        }
        if image[..2] != [1, 1] {
            return Err(NetworkError::Pixels { height: image[0], width: image[1] });
        }
        plan.lay_padding()?;
        Ok(plan)
    }

    fn conv(
        &mut self,
        described: Convolution,
        batch_norm: bool,
        activate: bool,
        linear: bool,
        module: usize,
    ) -> Result<Conv, NetworkError> {
        let Convolution { inputs, outputs, kernel, .. } = described;
        elements(&[outputs, inputs, kernel[0], kernel[1]])?;
        let [height, width] = described.output_size();
        let computed = if self.steps.is_empty() && kernel != [1, 1] && inputs * kernel[1] < SHORT {
            let inputs = elements(&[inputs, kernel[0], kernel[1]])?;
            Convolution { height, width, inputs, outputs, kernel: [1, 1], padding: [0, 0] }
        } else {
            described
        };
        let mut take = |len| {
            let start = self.dim;
            self.dim += len;
            start..self.dim
        };
        let (weight, bias) = (take(described.weights()), take(outputs));
        let norm = batch_norm.then(|| {
            let buffers = self.buffers..self.buffers + 2 * outputs;
            self.buffers = buffers.end;
            Norm { weight: take(outputs), bias: take(outputs), buffers }
        });
        // Each part is below the bound, so that the sum has not wrapped around before it is seen to exceed it.
        elements(&[self.dim])?;
        Ok(Conv { described, computed, weight, bias, norm, activate, linear, module })
    }

    /// Gives each layer's output the padding that the next one's input needs.
    fn lay_padding(&mut self) -> Result<(), NetworkError> {
        for i in 0..self.steps.len() {
            let next = self.steps.get(i + 1).map(|next| next.input);
            let step = &mut self.steps[i];
            step.output = next.unwrap_or(step.output);
            if let Work::MaxPool(pool) = &mut step.work {
                pool.output = step.output;
            }
            for padded in [step.input, step.output] {
                elements(&[
                    padded.height + 2 * padded.padding[0] + 1,
                    padded.width + padded.padding[1],
                    padded.channels,
                ])?;
            }
        }
        Ok(())
    }

    /// Layers with weights.
    pub(crate) fn convs(&self) -> impl Iterator<Item = &Conv> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Conv(conv) => Some(conv),
            Work::MaxPool(_) | Work::Average => None,
        })
    }

    pub(crate) fn outputs(&self) -> usize {
        self.steps.last().map_or(0, |step| step.output.channels)
    }

    /// Elements of the largest image that a step writes.
    pub(crate) fn largest_image(&self) -> usize {
        self.steps.iter().map(|step| step.input.len().max(step.output.len())).max().unwrap_or(0)
    }

    /// An input row (channel, row, column) as the first layer reads it.
    pub(crate) fn load(&self, row: &[f32], image: &mut [f32]) {
        let Step { work, input, .. } = &self.steps[0];
        let conv = match work {
            Work::Conv(conv) if conv.described != conv.computed => conv,
            _ => {
                input.clear_padding(image);
                let pixels = input.height * input.width;
                for y in 0..input.height {
                    for (x, pixel) in image[input.row(y)].chunks_exact_mut(input.channels).enumerate() {
                        pixel.iter_mut().enumerate().for_each(|(c, to)| *to = row[c * pixels + y * input.width + x]);
                    }
                }
                return;
            }
        };
        // Its windows, in the order of the weight: channel, row, column.
        let Convolution { height, width, inputs, kernel: [ku, kv], padding: [p, q], .. } = conv.described;
        for (window, to) in image.chunks_exact_mut(input.channels).enumerate() {
            let (i, j) = (window / input.width, window % input.width);
            for (at, to) in to.chunks_exact_mut(kv).enumerate() {
                let (c, y) = (at / ku, (i + at % ku).wrapping_sub(p));
                for (v, to) in to.iter_mut().enumerate() {
                    let x = (j + v).wrapping_sub(q);
                    *to = if y < height && x < width { row[(c * height + y) * width + x] } else { 0.0 };
                }
            }
        }
        debug_assert_eq!(input.channels, inputs * ku * kv);
    }
}

impl Conv {
    /// Names and shapes of its parameters.
    pub(crate) fn entries(&self) -> Vec<(String, Vec<usize>)> {
        let Convolution { inputs, outputs, kernel, .. } = self.described;
        let shape = if self.linear {
            vec![outputs, self.weight.len() / outputs]
        } else {
            vec![outputs, inputs, kernel[0], kernel[1]]
        };
        let name = |module: usize, of: &str| format!("layers.{module}.{of}");
        let mut entries = vec![(name(self.module, "weight"), shape), (name(self.module, "bias"), vec![outputs])];
        if self.norm.is_some() {
            entries.push((name(self.module + 1, "weight"), vec![outputs]));
            entries.push((name(self.module + 1, "bias"), vec![outputs]));
        }
        entries
    }

    /// Names and shapes of its normalization's buffers.
    pub(crate) fn buffer_entries(&self) -> Vec<(String, Vec<usize>)> {
        let shape = || vec![self.described.outputs];
        let name = |of: &str| format!("layers.{}.{of}", self.module + 1);
        match self.norm {
            Some(_) => vec![(name("running_mean"), shape()), (name("running_var"), shape())],
            None => Vec::new(),
        }
    }
}

/// Whether this layer has a place on this image.
fn check(layer: CnnLayer, [height, width, _]: [usize; 3]) -> Result<(), LayerFault> {
    let window = |window: usize| {
        if window <= height.min(width) { Ok(()) } else { Err(LayerFault::Window { window, height, width }) }
    };
    match layer {
        CnnLayer::Conv { outputs: 0, .. } | CnnLayer::Conv { kernel: 0, .. } => Err(LayerFault::Empty),
        CnnLayer::Linear { outputs: 0 } | CnnLayer::MaxPool { size: 0 } => Err(LayerFault::Empty),
        CnnLayer::Conv { kernel, padding: Padding::Same, .. } if kernel.is_multiple_of(2) => {
            Err(LayerFault::EvenKernel(kernel))
        }
        // Half of the kernel may hang over the edge, but a kernel of twice the image would see nothing but zeros there.
        CnnLayer::Conv { kernel, padding: Padding::Same, .. } => window(kernel / 2),
        CnnLayer::Conv { kernel, padding: Padding::Valid, .. } => window(kernel),
        CnnLayer::MaxPool { size } if size > MaxPool::LARGEST => Err(LayerFault::LargePool(size)),
        CnnLayer::MaxPool { size } => window(size),
        CnnLayer::GlobalAveragePool | CnnLayer::Linear { .. } => Ok(()),
    }
}

/// Whether sums of a few of these do not overflow.
fn small(lengths: &[usize]) -> Result<(), NetworkError> {
    if lengths.iter().all(|&length| length <= SIDE) { Ok(()) } else { Err(NetworkError::TooLarge) }
}

/// A product that still fits into memory.
fn elements(lengths: &[usize]) -> Result<usize, NetworkError> {
    let product = lengths.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    product.filter(|&product| product <= ELEMENTS).ok_or(NetworkError::TooLarge)
}
