//! Networks as data.

use apd_points::Layout;
use apd_seed::Stream;
use apd_tensor::Tensor;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::{Activation, Cnn, Engine, Mlp, Model, NetworkError, Sequential, Threads};

/// A network as data: an architecture that can be written down and read again, without weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
    /// A convolutional network.
    Cnn(Cnn),
    /// Any chain of layers.
    Sequential(Sequential),
}

impl Network {
    /// A ReLU perceptron of these widths (inputs, hidden…, outputs) without dropout.
    ///
    /// **Panics** if there are fewer than two widths, or one is 0.
    #[track_caller]
    pub fn mlp(widths: &[usize]) -> Self {
        Self::Mlp(Mlp { widths: widths.to_vec(), activation: Activation::Relu, dropout: 0.0 }).checked()
    }

    /// The small convolutional network, [`Cnn::small`]. **Panics** if the images have no pixels, or fewer than 8×8.
    #[track_caller]
    pub fn cnn_small(height: usize, width: usize, channels: usize, classes: usize) -> Self {
        Self::Cnn(Cnn::small(height, width, channels, [16, 32, 32], classes)).checked()
    }

    /// The large convolutional network, [`Cnn::large`]. **Panics** if the images have no pixels, or fewer than 12×12.
    #[track_caller]
    pub fn cnn_large(height: usize, width: usize, channels: usize, classes: usize, batch_norm: bool) -> Self {
        Self::Cnn(Cnn::large(height, width, channels, classes, batch_norm)).checked()
    }

    #[track_caller]
    fn checked(self) -> Self {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        self
    }

    fn model(&self) -> &dyn Model {
        match self {
            Self::Mlp(mlp) => mlp,
            Self::Cnn(cnn) => cnn,
            Self::Sequential(sequential) => sequential,
        }
    }
}

impl Model for Network {
    fn layout(&self) -> Layout {
        self.model().layout()
    }

    fn inputs(&self) -> usize {
        self.model().inputs()
    }

    fn outputs(&self) -> usize {
        self.model().outputs()
    }

    #[track_caller]
    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.model().forward32(params, x, dropout)
    }

    #[track_caller]
    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.model().forward64(params, x, dropout)
    }

    fn check(&self) -> Result<(), NetworkError> {
        self.model().check()
    }

    fn dim(&self) -> usize {
        self.model().dim()
    }

    fn buffer_layout(&self) -> Layout {
        self.model().buffer_layout()
    }

    fn buffers(&self) -> usize {
        self.model().buffers()
    }

    fn dropout(&self) -> f32 {
        self.model().dropout()
    }

    #[track_caller]
    fn calibrate(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        self.model().calibrate(theta, x)
    }

    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        self.model().engine(threads)
    }

    fn multiplications(&self) -> usize {
        self.model().multiplications()
    }

    fn rows_per_pass(&self) -> usize {
        self.model().rows_per_pass()
    }

    fn as_mlp(&self) -> Option<Mlp> {
        self.model().as_mlp()
    }
}

#[cfg(test)]
mod tests;
