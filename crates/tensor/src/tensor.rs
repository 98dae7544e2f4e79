//! A value, and the record of how it came about.

use std::fmt;
use std::mem;
use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use crate::Scalar;

/// An n-dimensional array that remembers how it was computed, if it depends on a variable.
///
/// Cloning shares the value and its history. Values are immutable, in row-major order, and `Send + Sync`.
#[derive(Clone)]
pub struct Tensor<T: Scalar = f32> {
    value: Arc<ArrayD<T>>,
    pub(crate) record: Option<Arc<Record<T>>>,
}

/// Gradient rule of one input: (inputs, output, gradient at the output) ↦ gradient at that input, which has that input's shape.
///
/// It sees the operation's tensors only through its arguments, so that the backward pass decides whether the gradient is recorded
/// (it hands over the tensors themselves) or plain (it hands over detached ones).
pub type Rule<T> = Box<dyn Fn(&[Tensor<T>], &Tensor<T>, &Tensor<T>) -> Tensor<T> + Send + Sync>;

/// How a value was computed: one rule per input. A variable has neither.
pub(crate) struct Record<T: Scalar> {
    pub(crate) inputs: Vec<Tensor<T>>,
    pub(crate) rules: Vec<Rule<T>>,
}

impl<T: Scalar> Tensor<T> {
    /// A value that gradients do not flow to.
    pub fn constant(value: ArrayD<T>) -> Self {
        Tensor { value: Arc::new(row_major(value)), record: None }
    }

    /// A value that [`grad`](crate::grad) can be taken with respect to.
    pub fn variable(value: ArrayD<T>) -> Self {
        Self::constant(value).into_variable()
    }

    /// A constant of this shape from its elements in row-major order.
    ///
    /// **Panics** when `data.len()` is not the product of `shape`.
    #[track_caller]
    pub fn from_vec(shape: &[usize], data: Vec<T>) -> Self {
        let len = data.len();
        match ArrayD::from_shape_vec(IxDyn(shape), data) {
            Ok(value) => Self::constant(value),
            Err(_) => panic!("from_vec: {len} elements do not fill shape {shape:?}"),
        }
    }

    /// A constant of shape `[]`.
    pub fn scalar(value: T) -> Self {
        Self::constant(ArrayD::from_elem(IxDyn(&[]), value))
    }

    /// A constant filled with 0.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::constant(ArrayD::zeros(IxDyn(shape)))
    }

    /// A constant filled with 1.
    pub fn ones(shape: &[usize]) -> Self {
        Self::constant(ArrayD::ones(IxDyn(shape)))
    }

    /// The value, always in standard (row-major) layout.
    pub fn value(&self) -> &ArrayD<T> {
        &self.value
    }

    /// The value by itself; copied only when it is shared.
    pub fn into_value(self) -> ArrayD<T> {
        let Self { value, record } = self;
        drop(record); // its inputs may share the value
        Arc::unwrap_or_clone(value)
    }

    /// The elements in row-major order.
    pub fn as_slice(&self) -> &[T] {
        self.value.as_slice().expect("values are kept in row-major order")
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.value.ndim()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The only element.
    ///
    /// **Panics** when there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> T {
        assert!(self.len() == 1, "item: shape {:?} does not have exactly one element", self.shape());
        self.as_slice()[0]
    }

    /// Whether the value depends on a variable (or is one).
    pub fn is_recorded(&self) -> bool {
        self.record.is_some()
    }

    /// The same value as a constant; the elements are shared, not copied.
    pub fn detach(&self) -> Self {
        Tensor { value: Arc::clone(&self.value), record: None }
    }

    /// The same value as a fresh variable, cut off from its history; the elements are shared, not copied.
    pub fn into_variable(self) -> Self {
        Tensor { value: self.value, record: Some(Arc::new(Record { inputs: Vec::new(), rules: Vec::new() })) }
    }

    /// The result of an operation; recorded only if one of the inputs is.
    pub(crate) fn from_op<const N: usize>(
        inputs: [&Self; N],
        value: ArrayD<T>,
        rules: impl FnOnce() -> [Rule<T>; N],
    ) -> Self {
        let record = inputs
            .iter()
            .any(|input| input.is_recorded())
            .then(|| Arc::new(Record { inputs: inputs.into_iter().cloned().collect(), rules: rules().into() }));
        Tensor { value: Arc::new(row_major(value)), record }
    }

    /// The result of an operation whose number of inputs is known only at run time.
    pub(crate) fn from_list(inputs: &[&Self], value: ArrayD<T>, rule: impl Fn(usize) -> Rule<T>) -> Self {
        let record = inputs.iter().any(|input| input.is_recorded()).then(|| {
            Arc::new(Record {
                inputs: inputs.iter().copied().cloned().collect(),
                rules: (0..inputs.len()).map(rule).collect(),
            })
        });
        Tensor { value: Arc::new(row_major(value)), record }
    }
}

fn row_major<T: Scalar>(value: ArrayD<T>) -> ArrayD<T> {
    if value.is_standard_layout() { value } else { value.as_standard_layout().into_owned() }
}

impl<T: Scalar> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.record {
            None => "constant",
            Some(record) if record.inputs.is_empty() => "variable",
            Some(_) => "recorded",
        };
        write!(f, "Tensor({kind}, {:?})", self.value())
    }
}

/// Drops a history without recursion: inputs that nobody else holds give up theirs before they drop, so that a chain of a million
/// operations needs no more stack than one.
impl<T: Scalar> Drop for Record<T> {
    fn drop(&mut self) {
        let mut inputs = mem::take(&mut self.inputs);
        while let Some(input) = inputs.pop() {
            if let Some(mut record) = input.record.and_then(Arc::into_inner) {
                inputs.append(&mut record.inputs);
            }
        }
    }
}

#[cfg(test)]
mod tests;
