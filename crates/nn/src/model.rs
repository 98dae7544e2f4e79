//! Networks as functions: the trait that any network implements.

mod autodiff;

use std::fmt;

use apd_points::Layout;
use apd_seed::{Seed, Stream};
use apd_tensor::Tensor;
use ndarray::{Array2, ArrayView2};

pub use autodiff::Autodiff;

use crate::{Engine, Initialization, Mlp, NetworkError, Threads};

/// A network as a pure function f(θ, x) of one flat parameter vector θ ∈ R^d and of inputs x. It owns no weights.
///
/// Whatever implements it can be sampled, predicted with, attacked, distilled and saved. Five methods say what the function is; all others
/// have defaults, of which [`engine`](Self::engine) is the one to override for speed. The two forward passes are one generic function:
///
/// ```
/// use apd_nn::{Model, conformance};
/// use apd_points::Layout;
/// use apd_seed::{Seed, Stream};
/// use apd_tensor::{Scalar, Tensor};
///
/// /// x + tanh(W·x + b), of two numbers.
/// #[derive(Clone, Debug)]
/// struct Residual;
///
/// impl Residual {
///     fn forward<T: Scalar>(&self, params: &[Tensor<T>], x: &Tensor<T>) -> Tensor<T> {
///         x.add(&x.matmul_nt(&params[0]).add(&params[1]).tanh())
///     }
/// }
///
/// impl Model for Residual {
///     fn layout(&self) -> Layout {
///         Layout::new([("weight".to_owned(), vec![2, 2]), ("bias".to_owned(), vec![2])])
///     }
///     fn inputs(&self) -> usize {
///         2
///     }
///     fn outputs(&self) -> usize {
///         2
///     }
///     fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, _: Option<&mut Stream>) -> Tensor<f32> {
///         self.forward(params, x)
///     }
///     fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, _: Option<&mut Stream>) -> Tensor<f64> {
///         self.forward(params, x)
///     }
/// }
///
/// assert_eq!(Residual.initialize(Seed::root(1)).len(), 6);
/// conformance::check(&Residual).unwrap();
/// ```
///
/// # Rows: θ and buffers
///
/// Networks with batch normalization need, beside θ, the means and variances that their layers divide by when they are
/// evaluated. These *buffers* are no parameters: a sampler does not move them. They are a function of θ and of a fixed set of inputs,
/// [`calibrate`](Self::calibrate). A *row* is θ followed by its buffers ([`row_len`](Self::row_len) numbers): what a bank
/// stores and [`evaluate`](Self::evaluate) reads. All other networks have no buffers, and a row is θ.
///
/// Such a network divides by the statistics of the minibatch in training. Its loss on a batch is then **not a sum over
/// examples**: an average over minibatches is not the loss on all data, and its gradient is an estimate with a bias.
pub trait Model: CloneModel + fmt::Debug + Send + Sync {
    /// Where each parameter lies in θ, in the order of PyTorch's `parameters()`.
    fn layout(&self) -> Layout;

    /// Elements of one input row.
    fn inputs(&self) -> usize;

    /// Logits (or regression outputs) of one input row.
    fn outputs(&self) -> usize;

    /// f(θ, x) in differentiable operations of single precision.
    ///
    /// `dropout`: `None` leaves it out; a stream draws the masks. Masks of a row should depend on its number alone (see
    /// [`Mlp`]), and nothing may be drawn where the network has no dropout.
    ///
    /// **Shapes**: x: N × inputs ↦ N × outputs. `params`: the entries of [`layout`](Self::layout), for training; or those of
    /// [`row_layout`](Self::row_layout), for evaluation, where normalization reads its buffers.
    ///
    /// **Panics** if the shapes do not fit.
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32>;

    /// f(θ, x) in double precision: the reference that engines are held to.
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64>;

    /// Whether this describes a network at all; everything else presumes that it does. For descriptions read from outside.
    ///
    /// **Errors**: what is wrong with the description.
    fn check(&self) -> Result<(), NetworkError> {
        Ok(())
    }

    /// d, the length of θ.
    fn dim(&self) -> usize {
        self.layout().len()
    }

    /// Names and shapes of the [buffers](Self#rows-θ-and-buffers).
    fn buffer_layout(&self) -> Layout {
        Layout::new([])
    }

    /// Where each number lies in a [row](Self#rows-θ-and-buffers): the parameters of [`layout`](Self::layout), then the buffers.
    fn row_layout(&self) -> Layout {
        let entries = self.layout().entries.into_iter().chain(self.buffer_layout().entries);
        Layout::new(entries.map(|entry| (entry.name, entry.shape)))
    }

    /// How many buffers follow θ in a [row](Self#rows-θ-and-buffers); 0 without batch normalization.
    fn buffers(&self) -> usize {
        self.buffer_layout().len()
    }

    /// Length of a [row](Self#rows-θ-and-buffers): [`dim`](Self::dim) + [`buffers`](Self::buffers).
    fn row_len(&self) -> usize {
        self.dim() + self.buffers()
    }

    /// Probability of dropout, where it is asked for; 0 without.
    fn dropout(&self) -> f32 {
        0.0
    }

    /// A starting point as PyTorch would draw it (by law, not by value): [`Initialization::Torch`], in layout order from `seed`'s stream.
    fn initialize(&self, seed: Seed) -> Vec<f32> {
        Initialization::Torch.draw(&self.layout(), &mut seed.stream())
    }

    /// The [buffers](Self#rows-θ-and-buffers) of θ: the statistics by which training on all these inputs at once would divide.
    ///
    /// **Shapes**: θ: d, x: N × inputs ↦ [`buffers`](Self::buffers).
    ///
    /// **Panics** if the shapes do not fit, or there are buffers but no inputs.
    fn calibrate(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        assert_eq!(theta.len(), self.dim(), "elements of θ");
        assert_eq!(x.ncols(), self.inputs(), "elements of an input row");
        assert_eq!(self.buffers(), 0, "a model with buffers has a `calibrate` of its own");
        Vec::new()
    }

    /// The outputs of x without dropout; blocks of rows run in parallel, and the result does not depend on the number of threads.
    ///
    /// **Shapes**: row: θ and its [buffers](Self#rows-θ-and-buffers), x: N × inputs ↦ N × outputs.
    ///
    /// **Panics** if the shapes do not fit.
    fn evaluate(&self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32> {
        self.engine(Threads::Rayon).evaluate(row, x)
    }

    /// What runs this network: by default [`Autodiff`]. An engine of your own has to pass [`conformance::check`](crate::conformance::check).
    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        Box::new(Autodiff::new(self.clone_model(), threads))
    }

    /// How often f of one input row uses a parameter, about its multiplications: what passes take grows with it. By default d, as of networks
    /// that use each parameter once.
    fn multiplications(&self) -> usize {
        self.dim()
    }

    /// Most rows of one pass over a large data set: what is kept for the reverse pass of so many should fit into memory.
    fn rows_per_pass(&self) -> usize {
        512
    }

    /// This function as a perceptron with the same θ, if it is one: then many networks can be evaluated chunk by chunk, and networks of an affine
    /// subspace can share their first layer's products.
    fn as_mlp(&self) -> Option<Mlp> {
        None
    }
}

/// A copy behind a pointer; every [`Model`] that is `Clone` has it.
pub trait CloneModel {
    /// The same model.
    fn clone_model(&self) -> Box<dyn Model>;
}

impl<M: Model + Clone + 'static> CloneModel for M {
    fn clone_model(&self) -> Box<dyn Model> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Model> {
    fn clone(&self) -> Self {
        self.as_ref().clone_model()
    }
}
