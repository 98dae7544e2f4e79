//! Chains of layers that a fused engine covers.

use std::iter::Peekable;
use std::slice::Iter;

use super::{Layer, Sequential};
use crate::{Activation, Cnn, CnnLayer, Mlp, Model, Padding};

impl Sequential {
    /// The same function of the same θ, buffers and masks, by a model with a fused engine.
    pub(super) fn fused(&self) -> Option<Box<dyn Model>> {
        match self.input[..] {
            [inputs] => self.as_perceptron(inputs).map(|mlp| Box::new(mlp) as Box<dyn Model>),
            [channels, height, width] => {
                self.as_cnn([channels, height, width]).map(|cnn| Box::new(cnn) as Box<dyn Model>)
            }
            _ => None,
        }
        .filter(|model| model.check().is_ok())
    }

    /// Linear, activation, perhaps dropout; …; linear.
    fn as_perceptron(&self, inputs: usize) -> Option<Mlp> {
        let (mut widths, mut activations, mut dropouts) = (vec![inputs], Vec::new(), Vec::new());
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            let Layer::Linear { outputs } = *layer else { return None };
            widths.push(outputs);
            if layers.peek().is_none() {
                break;
            }
            activations.push(activation(layers.next()?)?);
            dropouts.push(match layers.peek() {
                Some(&&Layer::Dropout { p }) => {
                    layers.next();
                    p
                }
                _ => 0.0,
            });
        }
        if widths.len() != activations.len() + 2 {
            return None; // It does not end with a linear layer.
        }
        Some(Mlp { widths, activation: only(&activations, Activation::Relu)?, dropout: only(&dropouts, 0.0)? })
    }

    fn as_cnn(&self, [channels, height, width]: [usize; 3]) -> Option<Cnn> {
        let (mut layers, mut activations) = (Vec::new(), Vec::new());
        let mut rest = self.layers.iter().peekable();
        let weighted = |layer: &Layer| matches!(layer, Layer::Linear { .. } | Layer::Conv { .. });
        while let Some(layer) = rest.next() {
            layers.push(match *layer {
                Layer::Linear { outputs } => CnnLayer::Linear { outputs },
                Layer::Conv { outputs, kernel, stride: 1, padding } => {
                    let padding = match padding {
                        0 => Padding::Valid,
                        _ if 2 * padding + 1 == kernel => Padding::Same,
                        _ => return None,
                    };
                    let batch_norm = rest.next_if(|layer| matches!(layer, Layer::BatchNorm)).is_some();
                    CnnLayer::Conv { outputs, kernel, padding, batch_norm }
                }
                Layer::MaxPool { size } => CnnLayer::MaxPool { size },
                Layer::GlobalAveragePool => CnnLayer::GlobalAveragePool,
                // A linear layer takes the elements in this order by itself.
                Layer::Flatten => continue,
                _ => return None,
            });
            if weighted(layer) && remaining(&rest).any(weighted) {
                activations.push(activation(rest.next()?)?);
            }
        }
        let activation = only(&activations, Activation::Relu)?;
        Some(Cnn { height, width, channels, layers, activation })
    }
}

fn remaining<'a>(layers: &Peekable<Iter<'a, Layer>>) -> impl Iterator<Item = &'a Layer> + use<'a> {
    layers.clone()
}

fn activation(layer: &Layer) -> Option<Activation> {
    match *layer {
        Layer::Relu => Some(Activation::Relu),
        Layer::LeakyRelu { slope } => Some(Activation::LeakyRelu(slope)),
        Layer::Tanh => Some(Activation::Tanh),
        _ => None,
    }
}

/// What all of them are, or this if there are none.
fn only<T: Copy + PartialEq>(all: &[T], otherwise: T) -> Option<T> {
    let first = all.first().copied().unwrap_or(otherwise);
    all.iter().all(|&one| one == first).then_some(first)
}
