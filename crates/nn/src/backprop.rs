//! Value and gradient of a loss in one hand-fused pass.

mod cnn;
mod mlp;

use std::ops::Range;

use apd_seed::Stream;
use apd_tensor::{Scalar, kernel};
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Network;
use crate::evaluate::matrix_mut;

/// Where the work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// On the calling thread: for chains that have a thread each.
    #[default]
    Serial,
    /// On rayon's threads too.
    Rayon,
}

impl Threads {
    /// Fewest pieces that rayon may give to one thread: all of them, if it is to stay on the calling one.
    fn min_len(self) -> usize {
        match self {
            Self::Serial => usize::MAX,
            Self::Rayon => 1,
        }
    }
}

/// What to do with the gradient: gradient ← beta·gradient + scale·∂loss/∂θ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accumulate {
    /// Factor of the new gradient: N/B turns a minibatch's sum into the full data's scale.
    pub scale: f64,
    /// Factor of what the buffer holds: 0 ignores it, 1 adds to it (a prior's gradient, the blocks before).
    pub beta: f64,
}

impl Accumulate {
    /// gradient ← scale·∂loss/∂θ.
    pub const fn overwrite(scale: f64) -> Self {
        Self { scale, beta: 0.0 }
    }

    /// gradient ← gradient + scale·∂loss/∂θ.
    pub const fn add(scale: f64) -> Self {
        Self { scale, beta: 1.0 }
    }
}

/// What a new gradient is added to, and how much of it.
///
/// [`Accumulate`] does for what the buffer holds already. A prior's gradient, which is a function of θ, is better written when it is
/// needed: part by part, so that what is added next finds it in the cache.
pub trait Onto<T> {
    /// Factor of the new gradient.
    fn scale(&self) -> f64;

    /// Writes to `gradient`, elements `range` of the whole, what the new one is to be added to.
    ///
    /// Called once for each part, on the calling thread, in an order that depends on the network alone.
    fn start(&mut self, range: Range<usize>, gradient: &mut [T]);
}

impl<T: Scalar> Onto<T> for Accumulate {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn start(&mut self, _range: Range<usize>, gradient: &mut [T]) {
        let beta = T::from_f64(self.beta);
        if self.beta == 0.0 {
            gradient.fill(beta);
        } else if self.beta != 1.0 {
            gradient.iter_mut().for_each(|g| *g *= beta);
        }
    }
}

/// Forward and reverse pass of a network over reused buffers; nothing is allocated once the largest batch has been seen
/// (but for what the matrix product itself may need).
///
/// The gradient is that of [`Network::forward`], to rounding. Its bits do not depend on the number of threads.
#[derive(Clone, Debug)]
pub struct Backprop<T: Scalar = f32> {
    dim: usize,
    inputs: usize,
    outputs: usize,
    pass: Pass<T>,
}

#[derive(Clone, Debug)]
enum Pass<T: Scalar> {
    Mlp(mlp::Pass<T>),
    Cnn(cnn::Pass<T>),
}

impl<T: Scalar> Backprop<T> {
    /// For this network; the buffers are made by the first pass.
    pub fn new(network: &Network, threads: Threads) -> Self {
        let pass = match network {
            Network::Mlp(mlp) => Pass::Mlp(mlp::Pass::new(mlp, threads)),
            Network::Cnn(cnn) => Pass::Cnn(cnn::Pass::new(cnn, threads)),
        };
        Self { dim: network.dim(), inputs: network.inputs(), outputs: network.outputs(), pass }
    }

    /// The gradient of any loss of the logits; returns what `loss` returns.
    ///
    /// `loss` is handed the logits (N × outputs, in any order in memory) and replaces them by ∂loss/∂logits. `dropout` as in [`Network::forward`]:
    /// from the same stream the same masks.
    ///
    /// **Shapes**: θ and gradient: d, x: N × inputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn run(
        &mut self,
        theta: &[T],
        x: ArrayView2<'_, T>,
        dropout: Option<&mut Stream>,
        loss: impl FnOnce(ArrayViewMut2<'_, T>) -> f64,
        mut onto: impl Onto<T>,
        gradient: &mut [T],
    ) -> f64 {
        let dim = self.dim;
        assert!(
            theta.len() == dim && gradient.len() == dim,
            "θ has {}, its gradient {} of {dim} elements",
            theta.len(),
            gradient.len()
        );
        assert_eq!(x.ncols(), self.inputs, "elements of an input row");
        let rows = x.nrows();
        match &mut self.pass {
            Pass::Mlp(pass) => {
                let x = x.as_standard_layout();
                let x = x.as_slice().expect("in standard layout");
                pass.forward(theta, x, rows, dropout);
                let loss = loss(pass.logits(rows));
                pass.reverse(theta, x, rows, onto, gradient);
                loss
            }
            Pass::Cnn(pass) => {
                pass.forward(theta, x);
                let loss = loss(matrix_mut(pass.logits(), rows, self.outputs));
                onto.start(0..dim, gradient);
                pass.reverse(theta, rows, T::from_f64(onto.scale()), gradient);
                loss
            }
        }
    }

    /// The gradient of the softmax cross-entropy −Σₙ ln softmax(zₙ)\[labelₙ\]; returns it (unscaled).
    ///
    /// **Units**: nats, **summed** over the rows.
    ///
    /// **Panics** as [`run`](Self::run), or if the labels are not one for each row and below the number of outputs.
    #[track_caller]
    pub fn cross_entropy(
        &mut self,
        theta: &[T],
        x: ArrayView2<'_, T>,
        labels: &[u32],
        dropout: Option<&mut Stream>,
        onto: impl Onto<T>,
        gradient: &mut [T],
    ) -> f64 {
        assert_eq!(labels.len(), x.nrows(), "labels, one for each row");
        let loss = |mut logits: ArrayViewMut2<'_, T>| kernel::softmax_cross_entropy(&mut logits, labels);
        self.run(theta, x, dropout, loss, onto, gradient)
    }
}

impl Network {
    /// The buffers of θ: what batch normalisation divides by when the network is evaluated.
    ///
    /// Mean and biased variance of each normalised channel over these inputs, layer by layer, each layer's input being normalised
    /// by those before: the statistics of [`forward`](Network::forward) on all of them at once. So they are a function of
    /// θ and the inputs, and nothing that training would have to remember. A few hundred inputs will do; every one
    /// takes the memory of the two largest images inside the network.
    ///
    /// **Shapes**: θ: d, x: N × inputs ↦ [`buffers`](Network::buffers).
    ///
    /// **Panics** if the shapes do not fit, or there are buffers but no inputs.
    #[track_caller]
    pub fn calibrate<T: Scalar>(&self, theta: &[T], x: ArrayView2<'_, T>) -> Vec<T> {
        assert_eq!(theta.len(), self.dim(), "elements of θ");
        assert_eq!(x.ncols(), self.inputs(), "elements of an input row");
        match self {
            Self::Mlp(_) => Vec::new(),
            Self::Cnn(cnn) => {
                assert!(self.buffers() == 0 || x.nrows() > 0, "statistics of no inputs");
                cnn::Pass::new(cnn, Threads::Rayon).statistics(theta, x)
            }
        }
    }
}

#[cfg(test)]
mod tests;
