//! Starting points.

use apd_seed::Stream;
use apd_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// How the weights and biases of a linear layer with `fan_in` inputs are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// Fills one layer.
    pub fn fill<T: Scalar>(self, fan_in: usize, weight: &mut [T], bias: &mut [T], stream: &mut Stream) {
        // A layer without inputs has no weights; its biases start at 0.
        let inverse = if fan_in == 0 { 0.0 } else { 1.0 / fan_in as f64 };
        match self {
            Self::Torch => {
                fill_uniform(inverse.sqrt(), weight, stream);
                fill_uniform(inverse.sqrt(), bias, stream);
            }
            Self::HeUniform => {
                fill_uniform((6.0 * inverse).sqrt(), weight, stream);
                bias.fill(T::zero());
            }
        }
    }
}

fn fill_uniform<T: Scalar>(bound: f64, out: &mut [T], stream: &mut Stream) {
    for x in out {
        *x = T::from_f64(bound * (2.0 * stream.uniform() - 1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use apd_seed::Seed;

    #[test]
    fn bounds_and_variance_are_those_of_the_uniform_named() {
        for (init, bound) in [(Initialization::Torch, 0.1), (Initialization::HeUniform, 0.06_f64.sqrt())] {
            let (mut weight, mut bias) = (vec![0.0_f64; 40_000], vec![1.0_f64; 400]);
            init.fill(100, &mut weight, &mut bias, &mut Seed::root(5).stream());
            assert!(weight.iter().all(|w| w.abs() <= bound));
            let variance = weight.iter().map(|w| w * w).sum::<f64>() / weight.len() as f64;
            // The sample variance of 40 000 uniforms has relative sd √(4/5/40 000) ≈ 0.0045: five of them.
            assert!((variance / (bound * bound / 3.0) - 1.0).abs() < 0.0225, "{init:?}: {variance}");
            match init {
                Initialization::Torch => assert!(bias.iter().all(|b| b.abs() <= bound) && bias[0] != bias[1]),
                Initialization::HeUniform => assert!(bias.iter().all(|&b| b == 0.0)),
            }
        }
    }

    #[test]
    fn a_network_depends_on_its_seed_and_scales_each_layer_by_its_own_fan_in() {
        let network = Network::mlp(&[100, 25, 4]);
        let theta = network.initialize(Seed::root(1));
        assert_eq!(theta, network.initialize(Seed::root(1)));
        assert_ne!(theta, network.initialize(Seed::root(2)));
        let largest = |part: &[f32]| part.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
        assert!((0.09..=0.1).contains(&largest(&theta[..2500])));
        assert!((0.18..=0.2).contains(&largest(&theta[2525..2625])));
    }
}
