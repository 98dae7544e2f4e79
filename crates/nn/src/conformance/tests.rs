use std::ops::Range;

use apd_points::Layout;
use apd_seed::Stream;

use super::*;
use crate::engine::GradientTarget;
use crate::{Activation, Autodiff, Cnn, Mlp, Network};

/// A perceptron whose engine makes a mistake.
#[derive(Clone, Debug)]
struct Mistaken {
    mlp: Mlp,
    mistake: Mistake,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    Scale,
    Initialize,
    Dropout,
    Loss,
    SoFar,
    LastRow,
    Threads,
    HalfPrecision,
}

#[derive(Clone, Debug)]
struct MistakenEngine {
    engine: Box<dyn Engine>,
    threads: Threads,
    mistake: Mistake,
}

struct MistakenTarget<'a>(&'a mut dyn GradientTarget, Mistake);

impl GradientTarget for MistakenTarget<'_> {
    fn scale(&self) -> f64 {
        if self.1 == Mistake::Scale { 1.0 } else { self.0.scale() }
    }

    fn initialize(&mut self, range: Range<usize>, gradient: &mut [f32]) {
        if self.1 == Mistake::Initialize { gradient.fill(0.0) } else { self.0.initialize(range, gradient) }
    }
}

impl Engine for MistakenEngine {
    fn gradient(
        &mut self,
        theta: &[f32],
        Batch { x, dropout }: Batch<'_>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>) -> f64,
        target: &mut dyn GradientTarget,
        gradient: &mut [f32],
    ) -> f64 {
        let batch = Batch { x, dropout: dropout.filter(|_| self.mistake != Mistake::Dropout) };
        let loss = self.engine.gradient(theta, batch, loss, &mut MistakenTarget(target, self.mistake), gradient);
        if self.mistake == Mistake::Threads && self.threads == Threads::Rayon {
            gradient[0] = gradient[0].next_up();
        }
        if self.mistake == Mistake::Loss { loss / x.nrows() as f64 } else { loss }
    }

    fn input_gradient(
        &mut self,
        row: &[f32],
        x: ArrayView2<'_, f32>,
        loss: &mut dyn FnMut(ArrayViewMut2<'_, f32>, ArrayViewMut2<'_, f32>),
        mut gradient: ArrayViewMut2<'_, f32>,
    ) {
        if self.mistake == Mistake::SoFar {
            gradient.fill(0.0);
        }
        self.engine.input_gradient(row, x, loss, gradient);
    }

    fn evaluate(&mut self, row: &[f32], x: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut outputs = match self.mistake {
            // Eight bits of every parameter, as bfloat16 has.
            Mistake::HalfPrecision => {
                let row: Vec<f32> = row.iter().map(|w| f32::from_bits(w.to_bits() & 0xffff_0000)).collect();
                self.engine.evaluate(&row, x)
            }
            _ => self.engine.evaluate(row, x),
        };
        if self.mistake == Mistake::LastRow {
            outputs.row_mut(x.nrows() - 1).mapv_inplace(|z| 1.01 * z);
        }
        outputs
    }
}

impl Model for Mistaken {
    fn layout(&self) -> Layout {
        self.mlp.layout()
    }

    fn inputs(&self) -> usize {
        self.mlp.inputs()
    }

    fn outputs(&self) -> usize {
        self.mlp.outputs()
    }

    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.mlp.forward(params, x, dropout)
    }

    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.mlp.forward(params, x, dropout)
    }

    fn dropout(&self) -> f32 {
        self.mlp.dropout
    }

    fn engine(&self, threads: Threads) -> Box<dyn Engine> {
        Box::new(MistakenEngine { engine: self.mlp.engine(threads), threads, mistake: self.mistake })
    }
}

#[test]
fn every_mistake_is_found_and_named() {
    let mlp = Mlp { widths: vec![5, 8, 3], activation: Activation::Tanh, dropout: 0.4 };
    let found = |mistake| check(&Mistaken { mlp: mlp.clone(), mistake }).map_err(|found| found.result);
    assert_eq!(found(Mistake::None), Ok(()));
    for (mistake, result) in [
        (Mistake::Scale, "gradient, added to another"),
        (Mistake::Initialize, "gradient, added to another"),
        (Mistake::Dropout, "gradient"),
        (Mistake::Loss, "loss"),
        (Mistake::SoFar, "gradient with respect to inputs"),
        (Mistake::LastRow, "outputs"),
        (Mistake::Threads, "bits"),
        (Mistake::HalfPrecision, "outputs"),
    ] {
        assert_eq!(found(mistake), Err(result), "{mistake:?}");
    }
}

/// A network without an engine of its own.
#[derive(Clone, Debug)]
struct Plain(Network);

impl Model for Plain {
    fn layout(&self) -> Layout {
        self.0.layout()
    }

    fn inputs(&self) -> usize {
        self.0.inputs()
    }

    fn outputs(&self) -> usize {
        self.0.outputs()
    }

    fn forward32(&self, params: &[Tensor<f32>], x: &Tensor<f32>, dropout: Option<&mut Stream>) -> Tensor<f32> {
        self.0.forward32(params, x, dropout)
    }

    fn forward64(&self, params: &[Tensor<f64>], x: &Tensor<f64>, dropout: Option<&mut Stream>) -> Tensor<f64> {
        self.0.forward64(params, x, dropout)
    }

    fn dropout(&self) -> f32 {
        self.0.dropout()
    }

    fn buffer_layout(&self) -> Layout {
        self.0.buffer_layout()
    }

    fn calibrate(&self, theta: &[f32], x: ArrayView2<'_, f32>) -> Vec<f32> {
        self.0.calibrate(theta, x)
    }
}

#[test]
fn the_default_engine_conforms() {
    let mlp = Network::Mlp(Mlp { widths: vec![5, 8, 7, 3], activation: Activation::LeakyRelu(0.1), dropout: 0.3 });
    let small = Network::Cnn(Cnn::small(8, 8, 2, [3, 4, 5], 3));
    for network in [mlp, small, Network::cnn_large(12, 12, 1, 3, true)] {
        assert_eq!(check(&Plain(network)), Ok(()));
    }
    let engine: Box<dyn Engine> = Box::new(Autodiff::new(Box::new(Network::mlp(&[2, 2])), Threads::Serial));
    assert_eq!(engine.clone().evaluate(&[0.0; 6], Array2::zeros((0, 2)).view()).dim(), (0, 2));
}
