//! Values and gradients over reused buffers.

mod cnn;
mod inputs;
mod mlp;

use std::fmt;
use std::ops::Range;

use apd_seed::Stream;
use apd_tensor::kernel;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

/// Runs a [`Model`](crate::Model) over buffers that the next call uses again.
///
/// The results are those of [`forward64`](crate::Model::forward64), to rounding, and their bits depend neither on the calls before nor on the
/// number of threads: [`conformance::check`](crate::conformance::check) holds every engine to that.
///
/// ```
/// use apd_nn::{Accumulate, Batch, Model, Network, Threads, cross_entropy};
/// use ndarray::array;
///
/// let network = Network::mlp(&[1, 2]);
/// let mut engine = network.engine(Threads::Serial);
/// let (theta, x, mut gradient) = ([0.0; 4], array![[1.0]], [f32::NAN; 4]);
/// // The softmax of two equal logits, and label 0: ½ − 1 and ½.
/// let loss = engine.gradient(
///     &theta, Batch::new(x.view()), &mut cross_entropy(&[0]), &mut Accumulate::overwrite(1.0), &mut gradient,
/// );
/// assert!((loss - 2_f64.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [-0.5, 0.5, -0.5, 0.5]);
/// ```
pub trait Engine: CloneEngine + fmt::Debug + Send {
    /// The gradient of any loss of the outputs with respect to θ, added to what `target` begins with; returns what `loss` returns.
    ///
    /// `loss` is handed the outputs (N × outputs, in any order in memory) and replaces them by ∂loss/∂outputs.
    ///
    /// **Shapes**: θ and gradient: d, x: N × inputs.
    ///
    /// **Panics** if the shapes do not fit.
    fn gradient(
        &mut self,
        theta: &[f32],
        batch: Batch<'_>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>) -> f64,
        target: &mut dyn GradientTarget,
        gradient: &mut [f32],
    ) -> f64;

    /// gradient ← gradient + ∂loss/∂x, without dropout.
    ///
    /// `loss` is handed the outputs, which it replaces by ∂loss/∂outputs, and what the gradient holds so far, which it may rescale.
    ///
    /// **Shapes**: row: θ and its [buffers](crate::Model#rows-θ-and-buffers), x and gradient: N × inputs.
    ///
    /// **Panics** if the shapes do not fit.
    fn input_gradient(
        &mut self,
        row: &[f32],
        x: ArrayView2<'_, f32>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>, ArrayViewMut2<'_, f32>),
        gradient: ArrayViewMut2<'_, f32>,
    );

    /// The outputs of x, without dropout; a row's do not depend on the rows beside it, to rounding.
    ///
    /// **Shapes**: row: θ and its [buffers](crate::Model#rows-θ-and-buffers), x: N × inputs ↦ N × outputs.
    ///
    /// **Panics** if the shapes do not fit.
    fn evaluate(&mut self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32>;
}

/// A copy behind a pointer; every [`Engine`] that is `Clone` has it.
pub trait CloneEngine {
    /// An engine of the same model.
    fn clone_engine(&self) -> Box<dyn Engine>;
}

impl<E: Engine + Clone + 'static> CloneEngine for E {
    fn clone_engine(&self) -> Box<dyn Engine> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Engine> {
    fn clone(&self) -> Self {
        self.as_ref().clone_engine()
    }
}

/// What a network is shown in training.
#[derive(Debug)]
pub struct Batch<'a> {
    /// N × inputs.
    pub x: ArrayView2<'a, f32>,
    /// The stream that dropout takes its masks from, the same as [`forward32`](crate::Model::forward32) would; `None` leaves it out.
    pub dropout: Option<&'a mut Stream>,
}

impl<'a> Batch<'a> {
    /// A batch without dropout.
    pub fn new(x: ArrayView2<'a, f32>) -> Self {
        Self { x, dropout: None }
    }
}

/// The threads that do the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread alone: for chains that have a thread each.
    #[default]
    Serial,
    /// Rayon's threads.
    Rayon,
}

impl Threads {
    /// Fewest pieces that rayon may give to one thread: all of them, if it is to stay on the calling one.
    pub(crate) fn min_len(self) -> usize {
        match self {
            Self::Serial => usize::MAX,
            Self::Rayon => 1,
        }
    }
}

/// What a new gradient is added to, and how much of it.
///
/// [`Accumulate`] does for what the buffer holds already. A prior's gradient, which is a function of θ, is better written when it is
/// needed: part by part, so that what is added next finds it in the cache.
pub trait GradientTarget {
    /// Factor of the new gradient.
    fn scale(&self) -> f64;

    /// Writes to `gradient`, elements `range` of the whole, what the new one is to be added to.
    ///
    /// Called once for each part, on the calling thread, in an order that depends on the network alone.
    fn initialize(&mut self, range: Range<usize>, gradient: &mut [f32]);
}

/// gradient ← beta·gradient + scale·∂loss/∂θ.
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

impl GradientTarget for Accumulate {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn initialize(&mut self, _range: Range<usize>, gradient: &mut [f32]) {
        if self.beta == 0.0 {
            gradient.fill(0.0);
        } else if self.beta != 1.0 {
            let beta = self.beta as f32;
            gradient.iter_mut().for_each(|g| *g *= beta);
        }
    }
}

/// The softmax cross-entropy −Σₙ ln softmax(zₙ)\[labelₙ\] of logits zₙ as a loss for [`Engine::gradient`].
///
/// **Units**: nats, **summed** over the rows.
///
/// **Panics** when it is called, if the labels are not one for each row and below the number of outputs.
pub fn cross_entropy(labels: &[u32]) -> impl FnMut(ArrayViewMut2<'_, f32>) -> f64 {
    move |mut logits| {
        assert_eq!(labels.len(), logits.nrows(), "labels, one for each row");
        kernel::softmax_cross_entropy(&mut logits, labels)
    }
}

/// Lengths that every call is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) dim: usize,
    pub(crate) row_len: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl Shape {
    #[track_caller]
    pub(crate) fn check_gradient(self, theta: &[f32], x: &ArrayView2<'_, f32>, gradient: &[f32]) {
        let (dim, found) = (self.dim, gradient.len());
        assert!(theta.len() == dim && found == dim, "θ has {}, its gradient {found} of {dim} elements", theta.len());
        assert_eq!(x.ncols(), self.inputs, "elements of an input row");
    }

    #[track_caller]
    pub(crate) fn check_row(self, row: &[f32], x: &ArrayView2<'_, f32>) {
        assert_eq!(row.len(), self.row_len, "elements of θ and its buffers");
        assert_eq!(x.ncols(), self.inputs, "elements of an input row");
    }

    #[track_caller]
    pub(crate) fn check_input_gradient(self, row: &[f32], x: &ArrayView2<'_, f32>, gradient: &ArrayViewMut2<'_, f32>) {
        self.check_row(row, x);
        assert_eq!(gradient.dim(), x.dim(), "shape of the gradient");
    }
}

#[cfg(test)]
mod tests;
