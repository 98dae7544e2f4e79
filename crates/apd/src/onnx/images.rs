//! Convolutional networks: one network whose channels are those of all of them.

use apd_nn::{Cnn, CnnLayer, Model, Padding};

use super::graph::{Graph, Value, int, ints};
use super::{activated, refused};
use crate::Error;

/// The outputs of every network of `points` (S × d): S × N × outputs.
pub(super) fn outputs(
    graph: &mut Graph,
    cnn: &Cnn,
    points: &Value,
    networks: usize,
    inputs: &Value,
) -> Result<Value, Error> {
    let mut parameters = cnn.layout().entries.into_iter();
    let is_weighted = |layer: &CnnLayer| matches!(layer, CnnLayer::Conv { .. } | CnnLayer::Linear { .. });
    let last = cnn.layers.iter().rposition(is_weighted);
    let [mut height, mut width, mut channels] = [cnn.height, cnn.width, cnn.channels].map(|length| length as i64);
    // The rows may be none: 0 copies their number.
    let mut images = graph.reshape(inputs, &[0, channels, height, width]);
    // The networks look at the same images first, and then each at its own.
    let mut groups = 1;
    for (place, layer) in cnn.layers.iter().enumerate() {
        let (outputs, kernel, padding) = match *layer {
            CnnLayer::Conv { batch_norm: true, .. } => {
                return Err(refused("its network has batch normalization".to_owned()));
            }
            CnnLayer::Conv { outputs, kernel, padding, .. } => {
                let padding = if padding == Padding::Same { kernel / 2 } else { 0 };
                (outputs, [kernel as i64; 2], padding as i64)
            }
            CnnLayer::Linear { outputs } => (outputs, [height, width], 0),
            CnnLayer::MaxPool { size } => {
                let size = size as i64;
                let windows = ["kernel_shape", "strides"].map(|name| ints(name, &[size; 2])).to_vec();
                images = graph.op_with("MaxPool", &[&images], windows);
                (height, width) = (height / size, width / size);
                continue;
            }
            CnnLayer::GlobalAveragePool => {
                images = graph.op("GlobalAveragePool", &[&images]);
                (height, width) = (1, 1);
                continue;
            }
        };
        let mut next = |shape: &[i64]| {
            let range = parameters.next().expect("weights and biases have their places").range();
            let part = graph.columns(points, range.start, range.end);
            graph.reshape(&part, shape)
        };
        let (weight, bias) = (next(&[-1, channels, kernel[0], kernel[1]]), next(&[-1]));
        let attributes = vec![int("group", groups), ints("pads", &[padding; 4])];
        images = graph.op_with("Conv", &[&images, &weight, &bias], attributes);
        if Some(place) != last {
            images = activated(graph, cnn.activation, &images);
        }
        (height, width) = (height + 2 * padding + 1 - kernel[0], width + 2 * padding + 1 - kernel[1]);
        (channels, groups) = (outputs as i64, networks as i64);
    }
    let outputs = graph.reshape(&images, &[0, networks as i64, channels]);
    Ok(graph.transpose(&outputs, &[1, 0, 2]))
}
