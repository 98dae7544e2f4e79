//! Many networks and one input.

use pulp::{Arch, NullaryFnOnce};

use crate::{Mlp, Model as _};

/// Networks whose numbers lie side by side: whole vectors of every instruction set.
const LANES: usize = 32;

/// A number of each of a group's networks.
type Lanes = [f32; LANES];

/// Perceptrons of one kind, laid out for inputs that come one at a time.
///
/// A product with one row fills one lane of a vector, however the weights lie. Here the lanes are networks: of 32 at a time each parameter is one
/// row, and one after the other they are read once. The bits are those of [`Mlp::logits`](Mlp::logits).
///
/// **Memory**: four bytes for each parameter of each network, their number rounded up to a multiple of 32.
///
/// ```
/// use apd_nn::{Interleaved, Mlp, Activation};
///
/// let line = Mlp { widths: vec![1, 1], activation: Activation::Relu, dropout: 0.0 };
/// let networks = Interleaved::new(&line, &[[2.0, 1.0], [3.0, 0.0]]); // weight and bias
/// let mut outputs = [0.0; 2];
/// networks.outputs(&[10.0], &mut outputs);
/// assert_eq!(outputs, [21.0, 30.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Interleaved {
    mlp: Mlp,
    count: usize,
    /// Of each group of networks a row for each parameter.
    parameters: Vec<Lanes>,
}

impl Interleaved {
    /// These networks. **Panics** if one has another number of parameters than the perceptron.
    #[track_caller]
    pub fn new<N: AsRef<[f32]>>(mlp: &Mlp, networks: &[N]) -> Self {
        let dim = mlp.dim();
        let mut parameters = vec![[0.0; LANES]; networks.len().div_ceil(LANES) * dim];
        for (s, network) in networks.iter().enumerate() {
            let network = network.as_ref();
            assert_eq!(network.len(), dim, "parameters of a network");
            let group = &mut parameters[s / LANES * dim..][..dim];
            group.iter_mut().zip(network).for_each(|(lanes, &parameter)| lanes[s % LANES] = parameter);
        }
        Self { mlp: mlp.clone(), count: networks.len(), parameters }
    }

    /// Networks.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every network's outputs for one input, on the calling thread.
    ///
    /// **Shapes**: x: inputs, out: networks × outputs, row-major. **Panics** if one has another length.
    #[track_caller]
    pub fn outputs(&self, x: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.mlp.inputs(), self.mlp.outputs());
        assert_eq!(x.len(), inputs, "elements of the input");
        assert_eq!(out.len(), self.count * outputs, "outputs of all networks");
        let widest = self.mlp.widths.iter().copied().max().unwrap_or(0);
        let mut units = [vec![[0.0; LANES]; widest], vec![[0.0; LANES]; widest]];
        let groups = self.parameters.chunks_exact(self.mlp.dim()).zip(out.chunks_mut(LANES * outputs));
        for (parameters, out) in groups {
            // The last layer's outputs are then where the next layer's inputs would be.
            units[0].iter_mut().zip(x).for_each(|(lanes, &x)| *lanes = [x; LANES]);
            for (l, linear) in self.mlp.linears().into_iter().enumerate() {
                let [from, to] = &mut units;
                let to = &mut to[..linear.outputs];
                let (weight, bias) = (&parameters[linear.weight], &parameters[linear.bias]);
                Arch::new().dispatch(Layer { weight, bias, from: &from[..linear.inputs], to });
                if l + 2 < self.mlp.widths.len() {
                    self.mlp.activation.map(to.as_flattened_mut());
                }
                units.swap(0, 1);
            }
            for (lane, out) in out.chunks_exact_mut(outputs).enumerate() {
                out.iter_mut().zip(&units[0]).for_each(|(out, lanes)| *out = lanes[lane]);
            }
        }
    }
}

/// to ← W·from + b, lane by lane: the bias first, products in the order of the inputs.
struct Layer<'a> {
    weight: &'a [Lanes],
    bias: &'a [Lanes],
    from: &'a [Lanes],
    to: &'a mut [Lanes],
}

impl NullaryFnOnce for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.weight.chunks_exact(self.from.len());
        for ((to, bias), row) in self.to.iter_mut().zip(self.bias).zip(rows) {
            let mut sums = *bias;
            for (weight, from) in row.iter().zip(self.from) {
                for lane in 0..LANES {
                    sums[lane] = weight[lane].mul_add(from[lane], sums[lane]);
                }
            }
            *to = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use apd_seed::Seed;
    use ndarray::Array2;

    use super::*;
    use crate::{Activation, Threads};

    #[test]
    fn outputs_are_those_of_one_network_after_the_other_to_the_bit() {
        for (widths, activation) in [
            (vec![3, 4, 5, 2], Activation::Tanh),
            (vec![61, 16, 10], Activation::LeakyRelu(0.1)),
            (vec![2, 1], Activation::Relu),
        ] {
            let mlp = Mlp { widths, activation, dropout: 0.0 };
            let seed = Seed::root(1);
            let networks: Vec<Vec<f32>> = (0..70).map(|s| mlp.initialize(seed.index(s))).collect();
            let mut x = Array2::zeros((1, mlp.inputs()));
            seed.normals().fill(0, 0, x.as_slice_mut().unwrap());
            let together = Interleaved::new(&mlp, &networks);
            let mut outputs = vec![f32::NAN; 70 * mlp.outputs()];
            together.outputs(x.as_slice().unwrap(), &mut outputs);
            for (network, outputs) in networks.iter().zip(outputs.chunks(mlp.outputs())) {
                let expected = mlp.evaluate(network, x.view(), Threads::Serial);
                assert_eq!(expected.as_slice().unwrap(), outputs, "{mlp:?}");
            }
        }
    }

    #[test]
    fn no_networks_have_no_outputs() {
        let mlp = Mlp { widths: vec![2, 2], activation: Activation::Relu, dropout: 0.0 };
        let none = Interleaved::new::<&[f32]>(&mlp, &[]);
        none.outputs(&[1.0, 2.0], &mut []);
        assert!(none.is_empty());
    }
}
