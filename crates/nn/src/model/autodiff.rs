//! Any network, in tensor operations.

use apd_points::Layout;
use apd_tensor::{Tensor, grad};
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::Model;
use crate::TensorLayout as _;
use crate::engine::{Batch, Engine, GradientTarget, Shape, Threads};
use crate::evaluate::{matrix, matrix_mut};

/// The engine of every [`Model`] that brings none: [`forward32`](Model::forward32), recorded and differentiated by the tensor engine.
///
/// The memory of parameters and inputs is used again by the next pass, that of the values between them is the allocator's: on fc1 with 100 rows a
/// step takes 1.3 times as long as the fused engine's (`gradient-fc1-autodiff` of the benchmarks).
#[derive(Clone, Debug)]
pub struct Autodiff {
    model: Box<dyn Model>,
    threads: Threads,
    layout: Layout,
    row_layout: Layout,
    shape: Shape,
    /// The outputs, which the loss replaces.
    outputs: Vec<f32>,
    /// Memory of parameters and inputs, which tensors have during a pass.
    memory: Vec<ArrayD<f32>>,
}

impl Autodiff {
    /// The engine of this model.
    pub fn new(model: Box<dyn Model>, threads: Threads) -> Self {
        let (layout, row_layout) = (model.layout(), model.row_layout());
        let (dim, row_len) = (layout.len(), row_layout.len());
        let shape = Shape { dim, row_len, inputs: model.inputs(), outputs: model.outputs() };
        Self { model, threads, layout, row_layout, shape, outputs: Vec::new(), memory: Vec::new() }
    }

    /// A copy of the outputs as a matrix, for the loss to write to.
    fn outputs(&mut self, found: &Tensor<f32>, rows: usize) -> ArrayViewMut2<'_, f32> {
        assert_eq!(found.shape(), [rows, self.shape.outputs], "shape of the model's outputs");
        self.outputs.clear();
        self.outputs.extend_from_slice(found.as_slice());
        matrix_mut(&mut self.outputs, rows, self.shape.outputs)
    }

    /// ∂loss/∂xs, where the outputs have been replaced by ∂loss/∂outputs.
    fn pull_back(&self, outputs: &Tensor<f32>, xs: &[&Tensor<f32>]) -> Vec<Tensor<f32>> {
        let delta = Tensor::from_vec(outputs.shape(), self.outputs.clone());
        grad(&outputs.mul(&delta).sum(), xs)
    }
}

/// Parameters and inputs as tensors, in the memory of those before.
fn load<'a>(
    memory: &mut Vec<ArrayD<f32>>,
    mut values: Vec<ArrayViewD<'a, f32>>,
    x: ArrayView2<'a, f32>,
) -> (Vec<Tensor<f32>>, Tensor<f32>) {
    values.push(x.into_dyn());
    memory.resize_with(values.len(), Default::default);
    let copies = memory.drain(..).zip(values).map(|(mut copy, value)| {
        if copy.shape() == value.shape() {
            copy.assign(&value);
        } else {
            copy = value.to_owned();
        }
        Tensor::constant(copy)
    });
    let mut tensors: Vec<_> = copies.collect();
    let x = tensors.pop().expect("the inputs");
    (tensors, x)
}

impl Engine for Autodiff {
    #[track_caller]
    fn gradient(
        &mut self,
        theta: &[f32],
        batch: Batch<'_>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>) -> f64,
        target: &mut dyn GradientTarget,
        gradient: &mut [f32],
    ) -> f64 {
        self.shape.check_gradient(theta, &batch.x, gradient);
        let rows = batch.x.nrows();
        let (params, x) = load(&mut self.memory, self.layout.views(theta), batch.x);
        let params: Vec<_> = params.into_iter().map(Tensor::into_variable).collect();
        let outputs = self.model.forward32(&params, &x, batch.dropout);
        let loss = loss(self.outputs(&outputs, rows));
        let found = self.pull_back(&outputs, &params.iter().collect::<Vec<_>>());
        let scale = target.scale() as f32;
        for (entry, found) in self.layout.entries.iter().zip(&found) {
            let part = &mut gradient[entry.range()];
            target.initialize(entry.range(), part);
            part.iter_mut().zip(found.as_slice()).for_each(|(g, &new)| *g += scale * new);
        }
        drop(outputs);
        self.memory.extend(params.into_iter().chain([x]).map(Tensor::into_value));
        loss
    }

    #[track_caller]
    fn input_gradient(
        &mut self,
        row: &[f32],
        x: ArrayView2<'_, f32>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>, ArrayViewMut2<'_, f32>),
        mut gradient: ArrayViewMut2<'_, f32>,
    ) {
        self.shape.check_input_gradient(row, &x, &gradient);
        let (params, x) = load(&mut self.memory, self.row_layout.views(row), x);
        let x = x.into_variable();
        let outputs = self.model.forward32(&params, &x, None);
        loss(self.outputs(&outputs, gradient.nrows()), gradient.view_mut());
        let found = &self.pull_back(&outputs, &[&x])[0];
        gradient += &matrix(found.as_slice(), gradient.nrows(), gradient.ncols());
        drop(outputs);
        self.memory.extend(params.into_iter().chain([x]).map(Tensor::into_value));
    }

    #[track_caller]
    fn evaluate(&mut self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32> {
        self.shape.check_row(row, &x);
        let Shape { outputs, .. } = self.shape;
        let (params, block) = (self.row_layout.tensors(row), self.model.rows_per_pass());
        let mut out = Array2::zeros((x.nrows(), outputs));
        let rows = out.as_slice_mut().expect("a new array is in row-major order");
        rows.par_chunks_mut((block * outputs).max(1)).enumerate().with_min_len(self.threads.min_len()).for_each(
            |(i, out)| {
                let start = i * block;
                let x = x.slice_axis(Axis(0), (start..start + out.len() / outputs).into());
                let found = self.model.forward32(&params, &Tensor::constant(x.to_owned().into_dyn()), None);
                out.copy_from_slice(found.as_slice());
            },
        );
        out
    }
}
