//! The parameters of both networks.

use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::{ArrayD, IxDyn};

use crate::Optimizer;
use crate::kernel::Element;

/// Parameters with their optimizer's moments, all flat and of one length; an optimizer without first moments has none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block<T> {
    pub(crate) value: Vec<T>,
    pub(crate) first: Vec<T>,
    pub(crate) second: Vec<T>,
}

impl<T: Element> Block<T> {
    pub(crate) fn new(value: Vec<T>, optimizer: Optimizer) -> Self {
        let first = if optimizer.has_first_moments() { value.len() } else { 0 };
        Self { first: vec![T::zero(); first], second: vec![T::zero(); value.len()], value }
    }
}

/// Lengths that both networks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widths {
    pub(crate) dim: usize,
    pub(crate) latent: usize,
    pub(crate) hidden: usize,
}

impl Widths {
    /// Shapes in [`Critic::head`]: b₁, W₂, b₂, W₃, b₃, w₄, b₄ (weights out × in).
    pub(crate) fn head(self) -> Vec<Vec<usize>> {
        let h = self.hidden;
        vec![vec![h], vec![h, h], vec![h], vec![h, h], vec![h], vec![1, h], vec![1]]
    }

    /// Lengths of the parts of [`Critic::head`].
    pub(crate) fn head_lengths(self) -> [usize; 7] {
        let h = self.hidden;
        [h, h * h, h, h * h, h, h, 1]
    }

    /// Lengths of the parts of [`GeneratorNet::trunk`].
    pub(crate) fn trunk_lengths(self) -> [usize; 6] {
        let (z, h) = (self.latent, self.hidden);
        [h * z, h, h * h, h, h * h, h]
    }

    /// Shapes in [`GeneratorNet::trunk`]: weight (out × in) and bias of three layers.
    pub(crate) fn trunk(self) -> Vec<Vec<usize>> {
        let (z, h) = (self.latent, self.hidden);
        vec![vec![h, z], vec![h], vec![h, h], vec![h], vec![h, h], vec![h]]
    }
}

/// Number of elements in parameters of these shapes.
pub(crate) fn total(shapes: &[Vec<usize>]) -> usize {
    shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
}

/// D: d → h → h → h → 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Critic<T> {
    /// W₁ᵀ, d × h: so stored, the columns of W₁ that belong to a tile of coordinates are one contiguous block.
    pub(crate) first: Block<T>,
    /// All other parameters, see [`Widths::head`].
    pub(crate) head: Block<T>,
}

/// z → h → h → h → d.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GeneratorNet<T> {
    /// All but the last layer, see [`Widths::trunk`].
    pub(crate) trunk: Block<T>,
    /// W_g, d × h.
    pub(crate) weight: Block<T>,
    /// b_g, d.
    pub(crate) bias: Block<T>,
}

impl<T: Element> Critic<T> {
    pub(crate) fn new(widths: Widths, optimizer: Optimizer, seed: Seed) -> Self {
        let block = |shapes: &[Vec<usize>], seed| Block::new(he_uniform(shapes, seed), optimizer);
        Self {
            first: block(&[vec![widths.hidden, widths.dim]], seed.child("first")),
            head: block(&widths.head(), seed.child("head")),
        }
    }
}

impl<T: Element> GeneratorNet<T> {
    pub(crate) fn new(widths: Widths, optimizer: Optimizer, seed: Seed) -> Self {
        let block = |shapes: &[Vec<usize>], seed| Block::new(he_uniform(shapes, seed), optimizer);
        Self {
            trunk: block(&widths.trunk(), seed.child("trunk")),
            weight: block(&[vec![widths.dim, widths.hidden]], seed.child("output")),
            bias: Block::new(vec![T::zero(); widths.dim], optimizer),
        }
    }
}

/// Brings the last layers from He's scale to Glorot's: U(−√(6/(in + out)), √(6/(in + out))).
pub(crate) fn glorot_outputs(critic: &mut Critic<f32>, generator: &mut GeneratorNet<f32>, widths: Widths) {
    let h = widths.hidden;
    let head = &mut critic.head.value;
    let bias = head.len() - 1;
    let scale = |weights: &mut [f32], outputs: usize| {
        let factor = (h as f32 / (h + outputs) as f32).sqrt();
        weights.iter_mut().for_each(|w| *w *= factor);
    };
    scale(&mut head[bias - h..bias], 1);
    scale(&mut generator.weight.value, widths.dim);
}

/// Weights from U(−√(6/in), √(6/in)), biases (shapes of one axis) 0.
///
/// Reference: He, Zhang, Ren & Sun, *Delving deep into rectifiers*, ICCV 2015, eq. 10, as a uniform distribution.
fn he_uniform<T: Element>(shapes: &[Vec<usize>], seed: Seed) -> Vec<T> {
    let mut stream = seed.stream();
    let mut values = Vec::with_capacity(total(shapes));
    for shape in shapes {
        let len: usize = shape.iter().product();
        match shape[..] {
            [_, inputs] => {
                let bound = (6.0 / inputs as f32).sqrt();
                values.extend((0..len).map(|_| T::from_f32(bound * (2.0 * stream.uniform_f32() - 1.0))));
            }
            _ => values.extend(std::iter::repeat_n(T::zero(), len)),
        }
    }
    values
}

/// Consecutive parts of a flat block as variables.
pub(crate) fn variables<T: Element>(flat: &[T], shapes: &[Vec<usize>]) -> Vec<Tensor<T>> {
    constants(flat, shapes).into_iter().map(Tensor::into_variable).collect()
}

/// Consecutive parts of a flat block as constants.
pub(crate) fn constants<T: Element>(flat: &[T], shapes: &[Vec<usize>]) -> Vec<Tensor<T>> {
    let mut rest = flat;
    let part = |shape: &Vec<usize>| {
        let (part, after) = rest.split_at(shape.iter().product());
        rest = after;
        matrix(part, shape)
    };
    shapes.iter().map(part).collect()
}

/// A slice as a constant.
pub(crate) fn matrix<T: Element>(values: &[T], shape: &[usize]) -> Tensor<T> {
    Tensor::constant(ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).expect("as many numbers as the shape says"))
}

/// The gradients' elements one after the other: the inverse of [`variables`].
pub(crate) fn flatten<T: Element>(gradients: &[Tensor<T>]) -> Vec<T> {
    gradients.iter().flat_map(|gradient| gradient.as_slice()).copied().collect()
}
