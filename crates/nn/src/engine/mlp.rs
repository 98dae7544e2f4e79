//! Perceptrons, unit by unit: the numbers of one unit over the minibatch lie side by side.
//!
//! Every product then has one factor with contiguous rows, and the other is a weight matrix, or its transpose, that is read number by
//! number, and nothing is packed ([`gemm::unpacked`](apd_tensor::kernel::gemm::unpacked)). The N rows of a minibatch are padded to P:
//!
//! Zᵀ = W·Xᵀ (outputs × P), ∂W = Δᵀ·X (outputs × inputs), Δᵀ of the layer below = Wᵀ·Δᵀ (inputs × P).
//!
//! Where hidden layers are whole vectors wide and the minibatch has more rows than they have inputs, it lies row by row down to the last of them:
//! then nothing is padded, and transposed is, in place of what every layer makes, the smaller weight matrix.
//!
//! Z = X·Wᵀ (N × outputs), ∂W = Δᵀ·X (outputs × inputs), Δ of the layer below = Δ·W (N × inputs).
//!
//! Every element is the same chain of operations both ways, so that the bits are the same.

use std::ops::Range;

use apd_points::Layout;
use apd_seed::Stream;
use apd_tensor::Tensor;
use apd_tensor::kernel::gemm::unpacked::{self, Left, Start};
use apd_tensor::kernel::{Aligned, lanes, sum, sum_columns, transpose};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder};
use rayon::prelude::*;

use super::inputs::InputPass;
use super::{Batch, Engine, GradientTarget, Shape, Threads};
use crate::dropout::Dropout;
use crate::evaluate::{matrix, matrix_mut};
use crate::feature_major::{FeatureMajor, affine, padded};
use crate::{Linear, Mlp, Model, NetworkError};

/// Rows of a product that are made at a time: their part of the gradient is written, added to and then left, while it is in cache.
const ROWS: usize = 96;
/// Floating-point operations below which one thread does it all: what it does in 0.2 ms gains nothing, because the other threads have gone to
/// sleep since the product before. (With half as many, fc1's products are shared, and `sgld-fc1-one-chain` of the benchmarks is slower.)
const PARALLEL: usize = 32_000_000;

impl Model for Mlp {
    fn layout(&self) -> Layout {
        Layout::new(self.linears().into_iter().enumerate().flat_map(|(l, linear)| {
            [
                (format!("layers.{l}.weight"), vec![linear.outputs, linear.inputs]),
                (format!("layers.{l}.bias"), vec![linear.outputs]),
            ]
        }))
    }

    fn inputs(&self) -> usize {
        self.widths[0]
    }

    fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    #[track_caller]
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.forward(params, x, dropout)
    }

    #[track_caller]
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.forward(params, x, dropout)
    }

    fn check(&self) -> Result<(), NetworkError> {
        Mlp::check(self)
    }

    fn dim(&self) -> usize {
        self.widths.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum()
    }

    fn buffers(&self) -> usize {
        0
    }

    fn dropout(&self) -> f32 {
        self.dropout
    }

    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        Box::new(MlpEngine::new(self, threads))
    }

    fn as_mlp(&self) -> Option<Mlp> {
        Some(self.clone())
    }
}

/// The fused engine of a perceptron.
#[derive(Clone, Debug)]
pub(crate) struct MlpEngine {
    mlp: Mlp,
    threads: Threads,
    shape: Shape,
    pass: Pass,
    inputs: InputPass,
}

impl MlpEngine {
    /// The buffers are made by the first pass; nothing is allocated once the largest batch has been seen (but for what the matrix
    /// product itself may need).
    pub(crate) fn new(mlp: &Mlp, threads: Threads) -> Self {
        let dim = mlp.dim();
        let shape = Shape { dim, row_len: dim, inputs: mlp.inputs(), outputs: mlp.outputs() };
        Self { mlp: mlp.clone(), threads, shape, pass: Pass::new(mlp, threads), inputs: InputPass::new(mlp) }
    }
}

impl Engine for MlpEngine {
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
        let x = batch.x.as_standard_layout();
        let x = x.as_slice().expect("in standard layout");
        self.pass.forward(theta, x, rows, batch.dropout);
        let loss = loss(self.pass.logits(rows));
        self.pass.reverse(theta, x, rows, target, gradient);
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
        self.inputs.forward(row, x);
        loss(matrix_mut(self.inputs.logits(), x.nrows(), self.shape.outputs), gradient.view_mut());
        self.inputs.reverse(row, gradient);
    }

    #[track_caller]
    fn evaluate(&mut self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32> {
        self.shape.check_row(row, &x);
        self.mlp.evaluate(row, x, self.threads)
    }
}

/// Forward and reverse pass of a perceptron.
#[derive(Clone, Debug)]
struct Pass {
    mlp: Mlp,
    threads: Threads,
    layers: Vec<Layer>,
    /// The minibatch, unless that lies row by row.
    inputs: FeatureMajor,
    /// A weight matrix, transposed.
    weight: Aligned<f32>,
    /// ∂loss/∂ of the current layer's output, and of its input: units × P, or N × units.
    delta: Aligned<f32>,
    delta_input: Aligned<f32>,
    mask: Vec<f32>,
}

/// What the reverse pass needs of one layer.
#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Where weight and bias begin in θ.
    offset: usize,
    /// outputs × P, after activation and dropout; of the last layer, the logits. What is made row by row does not have it, unless the logits
    /// are made of it.
    output: Aligned<f32>,
    /// The same row by row, N × outputs: what the next layer's ∂W is made of.
    rows: Aligned<f32>,
    /// mask ∘ activation′ where there is dropout, by which the reverse pass multiplies: as the layer lies.
    slope: Vec<f32>,
}

impl Pass {
    fn new(mlp: &Mlp, threads: Threads) -> Self {
        let layer = |linear: Linear| Layer {
            inputs: linear.inputs,
            outputs: linear.outputs,
            offset: linear.weight.start,
            output: Aligned::new(),
            rows: Aligned::new(),
            slope: Vec::new(),
        };
        let layers = mlp.linears().into_iter().map(layer).collect();
        Self {
            mlp: mlp.clone(),
            threads,
            layers,
            inputs: FeatureMajor::default(),
            weight: Aligned::new(),
            delta: Aligned::new(),
            delta_input: Aligned::new(),
            mask: Vec::new(),
        }
    }

    /// The logits of the `rows` rows that [`forward`](Self::forward) has seen.
    fn logits(&mut self, rows: usize) -> ArrayViewMut2<'_, f32> {
        let Layer { outputs, output, .. } = self.layers.last_mut().expect("a network has a layer");
        let shape = (rows, *outputs).strides((1, padded(rows)));
        ArrayViewMut2::from_shape(shape, output).expect("the forward pass has made them")
    }

    /// `x` is row-major.
    fn forward(&mut self, theta: &[f32], x: &[f32], rows: usize, dropout: Option<&mut Stream>) {
        let (stride, by_row) = (padded(rows), by_row(&self.mlp, rows));
        if !by_row {
            self.inputs.fill(matrix(x, rows, self.mlp.widths[0]));
        }
        let mut dropout = Dropout::new(self.mlp.dropout, self.mlp.hidden(), dropout);
        let last = self.layers.len() - 1;
        for l in 0..=last {
            let (before, rest) = self.layers.split_at_mut(l);
            let Layer { inputs, outputs, offset, output, rows: output_rows, slope } = &mut rest[0];
            let (inputs, outputs) = (*inputs, *outputs);
            let (weight, bias) = theta[*offset..][..outputs * (inputs + 1)].split_at(outputs * inputs);
            let work = 2 * outputs * inputs * stride;
            let made = if by_row && l < last {
                let input = before.last().map_or(x, |layer| &layer.rows);
                self.weight.resize(weight.len(), 0.0);
                transpose([outputs, inputs], weight, inputs, &mut self.weight, outputs);
                let weight = &self.weight;
                output_rows.resize(rows * outputs, 0.0);
                in_blocks(self.threads, work, output_rows, outputs, |rows, block| {
                    let (shape, left) = ([rows.len(), outputs, inputs], Left::rows(input, inputs).from(rows.start, 0));
                    unpacked::product(shape, left, weight, outputs, Start::Columns(bias), block, outputs);
                });
                &mut *output_rows
            } else {
                let units: &[f32] = before.last().map_or(&self.inputs.units, |layer| &layer.output);
                output.resize(outputs * stride, 0.0);
                in_blocks(self.threads, work, output, stride, |units_of, block| {
                    affine(&weight[units_of.start * inputs..], &bias[units_of], units, stride, block);
                });
                &mut *output
            };
            if l == last {
                break;
            }
            self.mlp.activation.map(made);
            slope.clear();
            if let Some(dropout) = &mut dropout {
                self.mask.resize(rows * outputs, 0.0);
                dropout.fill(l, &mut self.mask);
                slope.resize(made.len(), 0.0);
                if by_row {
                    slope.copy_from_slice(&self.mask);
                } else {
                    transpose([rows, outputs], &self.mask, outputs, slope, stride);
                }
                self.delta.resize(slope.len(), 0.0);
                self.delta.copy_from_slice(slope);
                self.mlp.activation.backward(made, slope);
                made.iter_mut().zip(&*self.delta).for_each(|(a, &m)| *a *= m);
            }
            if !by_row {
                output_rows.resize(rows * outputs, 0.0);
                transpose([outputs, rows], output, stride, output_rows, outputs);
            } else if l + 1 == last {
                // Behind the rows is what was there before; it is multiplied and not used.
                output.resize(outputs * stride, 0.0);
                transpose([rows, outputs], output_rows, outputs, output, stride);
            }
        }
        if let Some(dropout) = dropout {
            dropout.finish(rows);
        }
    }

    /// The reverse pass from ∂loss/∂logits, which the last layer's output holds, and from the same `x`.
    fn reverse(
        &mut self,
        theta: &[f32],
        x: &[f32],
        rows: usize,
        target: &mut dyn GradientTarget,
        gradient: &mut [f32],
    ) {
        let (scale, stride, last) = (target.scale() as f32, padded(rows), self.layers.len() - 1);
        let hidden_by_row = by_row(&self.mlp, rows);
        let logits = &self.layers[last].output;
        self.delta.resize(logits.len(), 0.0);
        // Scaled once here, where there is least of it: everything further down is linear in it.
        self.delta.iter_mut().zip(&**logits).for_each(|(scaled, &d)| *scaled = scale * d);
        for l in (0..=last).rev() {
            let Layer { inputs, outputs, offset, .. } = self.layers[l];
            let (d_weight, d_bias) = gradient[offset..][..outputs * (inputs + 1)].split_at_mut(outputs * inputs);
            let input = if l == 0 { x } else { &*self.layers[l - 1].rows };
            let by_row = hidden_by_row && l < last;
            // Δᵀ, whichever way it lies.
            let delta = if by_row { Left::transposed(&self.delta, outputs) } else { Left::rows(&self.delta, stride) };
            let accumulate = |units: Range<usize>, block: &mut [f32]| {
                let left = delta.from(units.start, 0);
                unpacked::accumulate([units.len(), inputs, rows], left, input, inputs, block, inputs);
            };
            let mut start = |units: Range<usize>, block: &mut [f32]| {
                target.initialize(offset + units.start * inputs..offset + units.end * inputs, block);
            };
            if self.threads.alone(2 * outputs * inputs * rows) {
                for (units, block) in blocks(d_weight, inputs) {
                    start(units.clone(), block);
                    if rows > 0 {
                        accumulate(units, block);
                    }
                }
            } else {
                blocks(d_weight, inputs).for_each(|(units, block)| start(units, block));
                in_blocks(self.threads, usize::MAX, d_weight, inputs, accumulate);
            }
            let bias = offset + outputs * inputs;
            target.initialize(bias..bias + outputs, d_bias);
            if by_row {
                sum_columns(&self.delta, d_bias);
            } else {
                for (d, unit) in d_bias.iter_mut().zip(self.delta.chunks_exact(stride)) {
                    *d += sum(&unit[..rows]);
                }
            }
            if l == 0 {
                break;
            }
            let weight = &theta[offset..][..outputs * inputs];
            let work = 2 * outputs * inputs * stride;
            let below = &self.layers[l - 1];
            let output = if hidden_by_row {
                self.delta_input.resize(rows * inputs, 0.0);
                in_blocks(self.threads, work, &mut self.delta_input, inputs, |rows, block| {
                    let (shape, left) = ([rows.len(), inputs, outputs], delta.t().from(rows.start, 0));
                    unpacked::product(shape, left, weight, inputs, Start::Zero, block, inputs);
                });
                &below.rows
            } else {
                self.delta_input.resize(inputs * stride, 0.0);
                in_blocks(self.threads, work, &mut self.delta_input, stride, |units, block| {
                    let (shape, left) = ([units.len(), stride, outputs], Left::transposed(weight, inputs));
                    let left = left.from(units.start, 0);
                    unpacked::product(shape, left, &self.delta, stride, Start::Zero, block, stride);
                });
                &below.output
            };
            if below.slope.is_empty() {
                self.mlp.activation.backward(output, &mut self.delta_input);
            } else {
                self.delta_input.iter_mut().zip(&below.slope).for_each(|(d, &s)| *d *= s);
            }
            std::mem::swap(&mut self.delta, &mut self.delta_input);
        }
    }
}

/// Whether hidden layers of so many rows lie row by row: whole vectors, and no weight matrix that is transposed is larger than its layer.
fn by_row(mlp: &Mlp, rows: usize) -> bool {
    let (hidden, inputs) = (mlp.hidden(), &mlp.widths[..mlp.hidden().len()]);
    let whole = hidden.iter().all(|width| width.is_multiple_of(lanes::<f32>()));
    !hidden.is_empty() && whole && inputs.iter().all(|&inputs| inputs <= rows)
}

/// Blocks of [`ROWS`] rows of a matrix, and which rows they are.
fn blocks(matrix: &mut [f32], width: usize) -> impl Iterator<Item = (Range<usize>, &mut [f32])> {
    matrix.chunks_mut(ROWS * width).enumerate().map(move |(i, block)| (i * ROWS..i * ROWS + block.len() / width, block))
}

/// `task(rows, block)` for all rows of a matrix: at once, or in blocks of at most [`ROWS`] on several threads. Elements must not depend on
/// their block.
fn in_blocks(
    threads: Threads,
    work: usize,
    matrix: &mut [f32],
    width: usize,
    task: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    let rows = matrix.len() / width;
    if threads.alone(work) {
        return task(0..rows, matrix);
    }
    // Alike, and a multiple of what machines have: not a hundred rows for one thread and four for the next.
    let blocks = rows.div_ceil(ROWS).next_multiple_of(4);
    let most = rows.div_ceil(blocks);
    matrix.par_chunks_mut(most * width).enumerate().for_each(|(i, block)| {
        task(i * most..i * most + block.len() / width, block);
    });
}

impl Threads {
    /// Whether so many floating-point operations are done on the calling thread.
    fn alone(self, work: usize) -> bool {
        self == Self::Serial || work < PARALLEL
    }
}

#[cfg(test)]
mod tests;
