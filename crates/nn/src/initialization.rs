//! Starting points.

use apd_points::Layout;
use apd_seed::Stream;
use serde::{Deserialize, Serialize};

/// How the weights and biases of a linear layer with `fan_in` inputs are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Initialization {
    /// Weights and biases uniform on ±1/√fan_in: the default of PyTorch's `nn.Linear`.
    #[default]
    Torch,
    /// Weights uniform on ±√(6/fan_in), biases 0.
    ///
    /// Reference: He, Zhang, Ren & Sun, *Delving deep into rectifiers*, ICCV 2015, equation (10) as a uniform of that variance.
    HeUniform,
}

impl Initialization {
    /// Parameters of this layout, drawn in its order.
    ///
    /// An entry with two axes or more is a weight, whose `fan_in` is the product of all axes but the first; the `….bias` of such a `….weight` is
    /// drawn by the same. The `….weight` of a normalization starts as 1, everything else as 0.
    pub fn draw(self, layout: &Layout, stream: &mut Stream) -> Vec<f32> {
        let mut theta = vec![0.0; layout.len()];
        for entry in &layout.entries {
            let part = &mut theta[entry.range()];
            let (weight, is_bias) = match entry.name.strip_suffix("bias") {
                Some(stem) => (layout.get(&format!("{stem}weight")), true),
                None => (Some(entry), false),
            };
            match weight.filter(|weight| weight.shape.len() > 1) {
                Some(weight) => self.fill(weight.shape[1..].iter().product(), is_bias, part, stream),
                None if entry.name.ends_with("weight") => part.fill(1.0),
                None => {}
            }
        }
        theta
    }

    fn fill(self, fan_in: usize, is_bias: bool, part: &mut [f32], stream: &mut Stream) {
        // A layer without inputs has no weights; its biases start at 0.
        let inverse = if fan_in == 0 { 0.0 } else { 1.0 / fan_in as f64 };
        match self {
            Self::Torch => fill_uniform(inverse.sqrt(), part, stream),
            Self::HeUniform if is_bias => part.fill(0.0),
            Self::HeUniform => fill_uniform((6.0 * inverse).sqrt(), part, stream),
        }
    }
}

fn fill_uniform(bound: f64, out: &mut [f32], stream: &mut Stream) {
    for x in out {
        *x = (bound * (2.0 * stream.uniform() - 1.0)) as f32;
    }
}

#[cfg(test)]
mod tests;
