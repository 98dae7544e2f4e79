//! The same function by other weights: the hidden units of a perceptron in another order.

use ndarray::{Array2, ArrayView2};
use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};

use crate::{Linear, Mlp};

#[cfg(test)]
mod tests;

/// Sweeps over the layers: each brings the networks nearer, so this ends by itself, usually after three.
const SWEEPS: usize = 20;
/// Similarities are compared as integers of so many bits.
const BITS: i32 = 40;

impl Mlp {
    /// The network of θ with its hidden units in the order that brings it near to `reference`: another point of R^d, the same function.
    ///
    /// argmin over permutations P₁, …, P_{L−1} of ‖P(θ) − reference‖², by coordinate descent: with the other layers' orders held, a
    /// layer's is a linear assignment problem, which is solved exactly. The result is the minimum for one hidden layer, and a local one for more.
    ///
    /// **Shapes** d and d; returns d. **Panics** if either is not a network of this architecture.
    ///
    /// **Where it fails**: symmetries other than the order of units (scales of ReLU units) are not used.
    ///
    /// Reference: Ainsworth, Hayase & Srinivasa, *Git Re-Basin: merging models modulo permutation symmetries*, ICLR 2023, algorithm 1.
    ///
    /// ```
    /// use apd_nn::{Activation, Mlp};
    ///
    /// let mlp = Mlp { widths: vec![1, 2, 1], activation: Activation::Relu, dropout: 0.0 };
    /// let reference = [1.0, -1.0, 0.5, 0.0, 2.0, 3.0, 0.1]; // weights 1 and −1, biases ½ and 0, weights 2 and 3, bias 0.1
    /// let swapped = [-1.0, 1.0, 0.0, 0.5, 3.0, 2.0, 0.1];
    /// assert_eq!(mlp.aligned(&swapped, &reference), reference);
    /// ```
    #[track_caller]
    pub fn aligned(&self, theta: &[f32], reference: &[f32]) -> Vec<f32> {
        let linears = self.linears();
        let dim = linears.last().map_or(0, |linear| linear.bias.end);
        assert!(theta.len() == dim && reference.len() == dim, "networks of {dim} parameters");
        let mut theta = theta.to_vec();
        for _ in 0..SWEEPS {
            let mut moved = false;
            for pair in linears.windows(2) {
                let order = assignment(&similarity(&pair[0], &pair[1], reference, &theta));
                if order.iter().enumerate().any(|(i, &unit)| i != unit) {
                    permute(&pair[0], &pair[1], &order, &mut theta);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        theta
    }
}

fn weight<'a>(linear: &Linear, theta: &'a [f32]) -> ArrayView2<'a, f32> {
    ArrayView2::from_shape((linear.outputs, linear.inputs), &theta[linear.weight.clone()]).expect("outputs × inputs")
}

/// ⟨unit i of the reference, unit j⟩ over all weights that begin or end there.
fn similarity(below: &Linear, above: &Linear, reference: &[f32], theta: &[f32]) -> Array2<f32> {
    let mut all = weight(below, reference).dot(&weight(below, theta).t());
    all += &weight(above, reference).t().dot(&weight(above, theta));
    let (biases, ours) = (&reference[below.bias.clone()], &theta[below.bias.clone()]);
    all.indexed_iter_mut().for_each(|((i, j), sum)| *sum += biases[i] * ours[j]);
    all
}

/// The unit that takes the place of each of the reference's: the largest sum of similarities.
fn assignment(similarity: &Array2<f32>) -> Vec<usize> {
    let largest = similarity.iter().fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
    let integer = |&x: &f32| (f64::from(x / largest) * 2f64.powi(BITS)) as i64;
    let (rows, columns) = similarity.dim();
    let weights = Matrix::from_vec(rows, columns, similarity.iter().map(integer).collect()).expect("rows × columns");
    kuhn_munkres(&weights).1
}

/// Puts unit `order[i]` at place i.
fn permute(below: &Linear, above: &Linear, order: &[usize], theta: &mut [f32]) {
    let old = theta.to_vec();
    let (bias, inputs, outputs) = (below.bias.start, below.inputs, above.inputs);
    for (i, &unit) in order.iter().enumerate() {
        let (to, from) = (below.weight.start + i * inputs, below.weight.start + unit * inputs);
        theta[to..to + inputs].copy_from_slice(&old[from..from + inputs]);
        theta[bias + i] = old[bias + unit];
        for row in above.weight.clone().step_by(outputs) {
            theta[row + i] = old[row + unit];
        }
    }
}
