//! The layers in tensor operations.

use apd_seed::Stream;
use apd_tensor::{Scalar, Tensor};
use ndarray::ArrayView2;

use super::{Layer, Sequential};
use crate::batch_norm::{EPSILON, batch_norm, deviation};
use crate::dropout::mask;
use crate::{Model as _, TensorLayout as _};

/// Added to the mean squares of filter response normalization: the paper's.
const RESPONSE_EPSILON: f64 = 1e-6;

/// What the layers of one pass take, one after the other.
struct Pass<'a, T: Scalar> {
    params: std::slice::Iter<'a, Tensor<T>>,
    /// A mean and a variance for each batch normalization; none in training.
    buffers: std::slice::ChunksExact<'a, Tensor<T>>,
    /// Where batch normalization leaves the statistics that it divides by.
    statistics: Option<&'a mut Vec<Tensor<T>>>,
    dropout: Option<Masks<'a>>,
}

/// Word r·`words` + `taken` + j after `base` decides about element j of row r.
struct Masks<'a> {
    stream: &'a mut Stream,
    base: u64,
    words: u64,
    taken: u64,
}

impl Sequential {
    #[track_caller]
    pub(super) fn forward<T: Scalar>(
        &self,
        params: &[Tensor<T>],
        x: &Tensor<T>,
        dropout: Option<&mut Stream>,
        statistics: Option<&mut Vec<Tensor<T>>>,
    ) -> Tensor<T> {
        let plan = self.plan();
        let (entries, buffers, rows) = (plan.parameters.len(), plan.buffers.len(), x.shape()[0]);
        assert!(
            [entries, entries + buffers].contains(&params.len()),
            "{} parameters, not {entries} (with buffers, {})",
            params.len(),
            entries + buffers
        );
        let (params, buffers) = params.split_at(entries);
        let words = plan.words as u64;
        let dropout = dropout.filter(|_| words > 0);
        let dropout = dropout.map(|stream| Masks { base: stream.position(), stream, words, taken: 0 });
        let mut pass = Pass { params: params.iter(), buffers: buffers.chunks_exact(2), statistics, dropout };
        let x = match self.input[..] {
            // Pixel by pixel, as the tensor engine's images are.
            [channels, height, width] => x.reshape(&[rows, channels, height, width]).permute(&[0, 2, 3, 1]),
            _ => x.clone(),
        };
        let outputs = pass.chain(&self.layers, x);
        if let Some(Masks { stream, base, words, .. }) = pass.dropout {
            stream.seek(base.wrapping_add(rows as u64 * words));
        }
        outputs.reshape(&[rows, plan.output.len()])
    }

    /// Mean and variance of each batch normalization over these inputs.
    #[track_caller]
    pub(super) fn statistics(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        assert_eq!(theta.len(), self.dim(), "elements of θ");
        assert_eq!(x.ncols(), self.inputs(), "elements of an input row");
        let buffers = self.buffers();
        if buffers == 0 {
            return Vec::new();
        }
        assert!(x.nrows() > 0, "statistics of no inputs");
        let mut statistics = Vec::new();
        let x = Tensor::constant(x.to_owned().into_dyn());
        self.forward(&self.layout().tensors(theta), &x, None, Some(&mut statistics));
        statistics.iter().flat_map(Tensor::as_slice).copied().collect()
    }
}

impl<'a, T: Scalar> Pass<'a, T> {
    fn chain(&mut self, layers: &[Layer], x: Tensor<T>) -> Tensor<T> {
        layers.iter().fold(x, |x, layer| self.layer(layer, &x))
    }

    fn param(&mut self) -> &'a Tensor<T> {
        self.params.next().expect("counted before")
    }

    fn layer(&mut self, layer: &Layer, x: &Tensor<T>) -> Tensor<T> {
        match layer {
            Layer::Linear { .. } => x.matmul_nt(self.param()).add(self.param()),
            Layer::Conv { stride, padding, .. } => x.conv2d(self.param(), *stride, [*padding; 2]).add(self.param()),
            Layer::MaxPool { size } => x.max_pool(*size),
            Layer::AveragePool { size } => x.average_pool(*size),
            Layer::GlobalAveragePool => {
                let [rows, pixels, channels] = pixels(x);
                x.reshape(&[rows, pixels, channels]).mean_axis(1).reshape(&[rows, 1, 1, channels])
            }
            Layer::BatchNorm => {
                batch_norm(x, self.buffers.next(), self.statistics.as_deref_mut()).mul(self.param()).add(self.param())
            }
            Layer::LayerNorm => {
                let centered = x.sub(&x.mean_axis(1));
                let variance = centered.square().mean_axis(1);
                centered.div(&deviation(&variance, EPSILON)).mul(self.param()).add(self.param())
            }
            Layer::FilterResponseNorm => {
                let flat = x.reshape(&pixels(x));
                let normalized = flat.div(&deviation(&flat.square().mean_axis(1), RESPONSE_EPSILON)).reshape(x.shape());
                let y = normalized.mul(self.param()).add(self.param());
                let tau = self.param();
                y.sub(tau).relu().add(tau)
            }
            Layer::Relu => x.relu(),
            Layer::LeakyRelu { slope } => x.leaky_relu(T::from_f64(f64::from(*slope))),
            Layer::Tanh => x.tanh(),
            Layer::Sigmoid => x.sigmoid(),
            Layer::Silu => x.silu(),
            Layer::Gelu => x.gelu(),
            Layer::Softplus => x.softplus(),
            Layer::Dropout { p } => self.drop_out(x, *p),
            Layer::Flatten => {
                let rows = x.shape()[0];
                let x = if x.ndim() == 4 { x.permute(&[0, 3, 1, 2]) } else { x.clone() };
                x.reshape(&[rows, x.shape()[1..].iter().product()])
            }
            Layer::Residual { layers, shortcut } => {
                let residual = self.chain(layers, x.clone());
                residual.add(&self.chain(shortcut, x.clone()))
            }
        }
    }

    fn drop_out(&mut self, x: &Tensor<T>, p: f32) -> Tensor<T> {
        let Some(Masks { stream, base, words, taken }) = self.dropout.as_mut().filter(|_| p > 0.0) else {
            return x.clone();
        };
        let each = x.shape()[1..].iter().product::<usize>();
        let mut kept = vec![T::zero(); x.len()];
        for (row, kept) in kept.chunks_exact_mut(each).enumerate() {
            stream.seek(base.wrapping_add(row as u64 * *words + *taken));
            mask(stream, p, kept);
        }
        *taken += each as u64;
        x.mul(&Tensor::from_vec(x.shape(), kept))
    }
}

/// Images, pixels of each, and channels.
fn pixels<T: Scalar>(x: &Tensor<T>) -> [usize; 3] {
    let shape = x.shape();
    [shape[0], shape[1] * shape[2], shape[3]]
}
