//! Any network, in tensor operations.

use apd_points::Layout;
use apd_tensor::{Tensor, grad};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::Model;
use crate::TensorLayout as _;
use crate::engine::{Batch, Engine, GradientTarget, Shape, Threads};
use crate::evaluate::{matrix, matrix_mut};

/// The engine of every [`Model`] that brings none: [`forward32`](Model::forward32), recorded and differentiated by the tensor engine.
#[derive(Clone, Debug)]
pub struct Autodiff {
    model: Box<dyn Model>,
    threads: Threads,
    layout: Layout,
    row_layout: Layout,
    shape: Shape,
    /// The outputs, which the loss replaces.
    outputs: Vec<f32>,
}

impl Autodiff {
    /// For this model.
    pub fn new(model: Box<dyn Model>, threads: Threads) -> Self {
        let (layout, row_layout) = (model.layout(), model.row_layout());
        let (dim, row_len) = (layout.len(), row_layout.len());
        let shape = Shape { dim, row_len, inputs: model.inputs(), outputs: model.outputs() };
        Self { model, threads, layout, row_layout, shape, outputs: Vec::new() }
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
        let params: Vec<_> = self.layout.tensors(theta).into_iter().map(Tensor::into_variable).collect();
        let x = Tensor::constant(batch.x.to_owned().into_dyn());
        let outputs = self.model.forward32(&params, &x, batch.dropout);
        let loss = loss(self.outputs(&outputs, batch.x.nrows()));
        let found = self.pull_back(&outputs, &params.iter().collect::<Vec<_>>());
        let scale = target.scale() as f32;
        for (entry, found) in self.layout.entries.iter().zip(&found) {
            let part = &mut gradient[entry.range()];
            target.initialize(entry.range(), part);
            part.iter_mut().zip(found.as_slice()).for_each(|(g, &new)| *g += scale * new);
        }
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
        self.shape.check_row(row, &x);
        assert_eq!(gradient.dim(), x.dim(), "shape of the gradient");
        let params = self.row_layout.tensors(row);
        let x = Tensor::variable(x.to_owned().into_dyn());
        let outputs = self.model.forward32(&params, &x, None);
        loss(self.outputs(&outputs, gradient.nrows()), gradient.view_mut());
        let found = &self.pull_back(&outputs, &[&x])[0];
        gradient += &matrix(found.as_slice(), gradient.nrows(), gradient.ncols());
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
